//! Rows of accounts, sessions, keys, projects and memberships.

use domain::ids::{ApiKeyId, ProjectId, UserId};
use domain::language::Language;
use domain::people::{ApiKey, User};
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, failed, parsed};
use crate::error::Result;

fn language_word(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::Zh => "zh",
    }
}

fn user(row: &SqliteRow) -> Result<User> {
    Ok(User {
        id: parsed(row.get("id"))?,
        name: row.get("name"),
        language: if row.get::<String, _>("language") == "zh" {
            Language::Zh
        } else {
            Language::En
        },
        created_at: Timestamp(row.get("created_at")),
    })
}

impl Store {
    pub async fn has_users(&self) -> Result<bool> {
        let count: i64 = sqlx::query_scalar("select count(*) from users")
            .fetch_one(&self.reader)
            .await
            .map_err(failed("count the accounts"))?;
        Ok(count > 0)
    }

    /// Only the newest link is valid.
    pub async fn replace_setup_link(&self, token_hash: &str, now: Timestamp) -> Result<()> {
        let mut transaction = self.begin().await?;
        sqlx::query("delete from setup_links where used_at is null")
            .execute(&mut *transaction)
            .await
            .map_err(failed("end earlier setup links"))?;
        sqlx::query("insert into setup_links (token_hash, created_at) values ($1, $2)")
            .bind(token_hash)
            .bind(now.0)
            .execute(&mut *transaction)
            .await
            .map_err(failed("store the setup link"))?;
        transaction.commit().await.map_err(failed("commit"))
    }

    /// Uses the link and makes account, project and membership in one transaction. False: the link is not valid (any more).
    #[expect(
        clippy::too_many_arguments,
        reason = "one row each of four tables, written together"
    )]
    pub async fn insert_first_admin(
        &self,
        token_hash: &str,
        id: &UserId,
        name: &str,
        password_hash: &str,
        project: &ProjectId,
        project_name: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let used = sqlx::query(
            "update setup_links set used_at = $2 where token_hash = $1 and used_at is null and not exists (select 1 from users)",
        )
        .bind(token_hash)
        .bind(now.0)
        .execute(&mut *transaction)
        .await
        .map_err(failed("use the setup link"))?;
        if used.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("insert into users (id, name, password_hash, language, created_at) values ($1, $2, $3, 'en', $4)")
            .bind(id.as_str())
            .bind(name)
            .bind(password_hash)
            .bind(now.0)
            .execute(&mut *transaction)
            .await
            .map_err(failed("store the account"))?;
        sqlx::query(
            "insert into projects (id, name, created_by, created_at) values ($1, $2, $3, $4)",
        )
        .bind(project.as_str())
        .bind(project_name)
        .bind(id.as_str())
        .bind(now.0)
        .execute(&mut *transaction)
        .await
        .map_err(failed("store the project"))?;
        sqlx::query(
            "insert into project_members (project_id, user_id, role) values ($1, $2, 'admin')",
        )
        .bind(project.as_str())
        .bind(id.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(failed("store the membership"))?;
        transaction.commit().await.map_err(failed("commit"))?;
        Ok(true)
    }

    pub async fn password_of(&self, name: &str) -> Result<Option<(UserId, String)>> {
        let row = sqlx::query("select id, password_hash from users where name = $1")
            .bind(name)
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("look up an account"))?;
        row.map(|row| Ok((parsed(row.get("id"))?, row.get("password_hash"))))
            .transpose()
    }

    pub async fn insert_session(
        &self,
        token_hash: &str,
        user: &UserId,
        user_agent: &str,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<()> {
        sqlx::query(
            "insert into sessions (token_hash, user_id, user_agent, created_at, seen_at, expires_at) \
             values ($1, $2, $3, $4, $4, $5)",
        )
        .bind(token_hash)
        .bind(user.as_str())
        .bind(user_agent)
        .bind(now.0)
        .bind(expires.0)
        .execute(&self.writer)
        .await
        .map_err(failed("store a session"))?;
        Ok(())
    }

    pub async fn delete_session(&self, token_hash: &str) -> Result<()> {
        sqlx::query("delete from sessions where token_hash = $1")
            .bind(token_hash)
            .execute(&self.writer)
            .await
            .map_err(failed("end a session"))?;
        Ok(())
    }

    /// The account of a session that has not expired, and when the session was last seen.
    pub async fn user_of_session(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<(User, Timestamp)>> {
        let row = sqlx::query(
            "select users.id, users.name, users.language, users.created_at, sessions.seen_at \
             from sessions join users on users.id = sessions.user_id \
             where sessions.token_hash = $1 and sessions.expires_at > $2",
        )
        .bind(token_hash)
        .bind(now.0)
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("look up a session"))?;
        row.map(|row| Ok((user(&row)?, Timestamp(row.get("seen_at")))))
            .transpose()
    }

    pub async fn touch_session(&self, token_hash: &str, now: Timestamp) -> Result<()> {
        sqlx::query("update sessions set seen_at = $2 where token_hash = $1")
            .bind(token_hash)
            .bind(now.0)
            .execute(&self.writer)
            .await
            .map_err(failed("note a session"))?;
        Ok(())
    }

    pub async fn user_by_id(&self, id: &UserId) -> Result<Option<User>> {
        let row = sqlx::query("select id, name, language, created_at from users where id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("look up an account"))?;
        row.as_ref().map(user).transpose()
    }

    pub async fn insert_key(&self, key: &ApiKey, user: &UserId, key_hash: &str) -> Result<()> {
        sqlx::query("insert into api_keys (id, user_id, name, key_hash, created_at) values ($1, $2, $3, $4, $5)")
            .bind(key.id.as_str())
            .bind(user.as_str())
            .bind(&key.name)
            .bind(key_hash)
            .bind(key.created_at.0)
            .execute(&self.writer)
            .await
            .map_err(failed("store an API key"))?;
        Ok(())
    }

    pub async fn user_of_key(
        &self,
        key_hash: &str,
    ) -> Result<Option<(User, ApiKeyId, Option<Timestamp>)>> {
        let row = sqlx::query(
            "select users.id, users.name, users.language, users.created_at, api_keys.id as key_id, api_keys.last_used_at \
             from api_keys join users on users.id = api_keys.user_id \
             where api_keys.key_hash = $1 and api_keys.revoked_at is null",
        )
        .bind(key_hash)
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("look up an API key"))?;
        row.map(|row| {
            let used: Option<i64> = row.get("last_used_at");
            Ok((user(&row)?, parsed(row.get("key_id"))?, used.map(Timestamp)))
        })
        .transpose()
    }

    pub async fn touch_key(&self, id: &ApiKeyId, now: Timestamp) -> Result<()> {
        sqlx::query("update api_keys set last_used_at = $2 where id = $1")
            .bind(id.as_str())
            .bind(now.0)
            .execute(&self.writer)
            .await
            .map_err(failed("note an API key"))?;
        Ok(())
    }

    pub async fn keys_of(&self, user: &UserId) -> Result<Vec<ApiKey>> {
        let rows = sqlx::query(
            "select id, name, created_at, last_used_at from api_keys where user_id = $1 and revoked_at is null order by id",
        )
        .bind(user.as_str())
        .fetch_all(&self.reader)
        .await
        .map_err(failed("list the API keys"))?;
        rows.iter()
            .map(|row| {
                let used: Option<i64> = row.get("last_used_at");
                Ok(ApiKey {
                    id: parsed(row.get("id"))?,
                    name: row.get("name"),
                    created_at: Timestamp(row.get("created_at")),
                    last_used_at: used.map(Timestamp),
                })
            })
            .collect()
    }

    /// False: this person has no such key, or it was revoked already.
    pub async fn revoke_key(&self, user: &UserId, id: &ApiKeyId, now: Timestamp) -> Result<bool> {
        let done = sqlx::query("update api_keys set revoked_at = $3 where id = $1 and user_id = $2 and revoked_at is null")
            .bind(id.as_str())
            .bind(user.as_str())
            .bind(now.0)
            .execute(&self.writer)
            .await
            .map_err(failed("revoke an API key"))?;
        Ok(done.rows_affected() > 0)
    }

    pub async fn set_language(&self, user: &UserId, language: Language) -> Result<()> {
        sqlx::query("update users set language = $2 where id = $1")
            .bind(user.as_str())
            .bind(language_word(language))
            .execute(&self.writer)
            .await
            .map_err(failed("keep a language"))?;
        Ok(())
    }
}
