//! What clients hold after they have logged in with a key.

use domain::ids::{ApiKeyId, UserId};
use domain::time::Timestamp;
use sqlx::Row;

use super::super::{Store, failed, parsed};
use crate::error::Result;

/// Whose key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    pub user: UserId,
    pub key: ApiKeyId,
}

impl Store {
    /// Stores a client's session and forgets those that have run out.
    pub async fn insert_tracker_session(
        &self,
        token_hash: &str,
        key: &ApiKeyId,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<()> {
        sqlx::query("delete from tracker_sessions where expires_at < $1")
            .bind(now.0)
            .execute(&self.writer)
            .await
            .map_err(failed("forget old client sessions"))?;
        sqlx::query("insert into tracker_sessions (token_hash, key_id, created_at, expires_at) values ($1, $2, $3, $4)")
            .bind(token_hash)
            .bind(key.as_str())
            .bind(now.0)
            .bind(expires.0)
            .execute(&self.writer)
            .await
            .map_err(failed("store a client session"))?;
        Ok(())
    }

    /// Who holds a session that has not run out and whose key was not revoked.
    pub async fn holder_of_tracker_session(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<KeyHolder>> {
        let row = sqlx::query(
            "select api_keys.user_id, api_keys.id from tracker_sessions join api_keys on api_keys.id = tracker_sessions.key_id \
             where tracker_sessions.token_hash = $1 and tracker_sessions.expires_at > $2 and api_keys.revoked_at is null",
        )
        .bind(token_hash)
        .bind(now.0)
        .fetch_optional(&self.reader)
        .await
        .map_err(failed("look up a client session"))?;
        row.map(|row| {
            Ok(KeyHolder {
                user: parsed(row.get("user_id"))?,
                key: parsed(row.get("id"))?,
            })
        })
        .transpose()
    }
}
