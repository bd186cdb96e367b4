//! Accounts, sessions and API keys. Passwords are stored as argon2id, tokens and keys as SHA-256 of random text.

use argon2::Argon2;
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use domain::finding::Finding;
use domain::ids::{ApiKeyId, ProjectId, UserId};
use domain::language::{Language, Text};
use domain::people::{ApiKey, Project, Role, User};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::secrets::random;
use crate::{Actor, Backend, clock};

/// A session ends this long after log-in.
const SESSION_MILLIS: i64 = 30 * 24 * 3600 * 1000;
/// A session's `seen_at` is written at most this often, so that reading pages does not write rows.
const SEEN_MILLIS: i64 = 60 * 1000;
const PASSWORD_CHARS: usize = 10;
/// Letters and digits: the old SwanLab client insists on keys of 21 of them.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const KEY_CHARS: usize = 21;

/// The name of the project that the first admin finds.
const FIRST_PROJECT: &str = "default";

/// A new one-time link's token, while no account exists; None afterwards. Earlier links stop working.
pub async fn setup_link(backend: &Backend) -> Result<Option<String>> {
    if backend.store().has_users().await? {
        return Ok(None);
    }
    let token = random_text(32)?;
    backend
        .store()
        .replace_setup_link(&hash(&token), clock::now())
        .await?;
    Ok(Some(token))
}

/// Makes the first account and its project. The link works once.
///
/// Findings are on `name`, `password` and `token`.
pub async fn create_first_admin(
    backend: &Backend,
    token: &str,
    name: &str,
    password: &str,
) -> Result<UserId> {
    let name = name.trim();
    let mut findings = Vec::new();
    if name.is_empty() || name.chars().count() > 64 {
        findings.push(Finding::stops(
            "name",
            "Write a name of 1 to 64 characters.",
            "请输入 1 到 64 个字符的用户名。",
        ));
    }
    let found = password.chars().count();
    if found < PASSWORD_CHARS {
        findings.push(Finding::stops(
            "password",
            format!("The password has {found} characters; write at least {PASSWORD_CHARS}."),
            format!("密码只有 {found} 个字符，请至少输入 {PASSWORD_CHARS} 个。"),
        ));
    }
    if !findings.is_empty() {
        return Err(Error::Invalid(findings));
    }
    let user: UserId = clock::new_id();
    let project: ProjectId = clock::new_id();
    let password_hash = hash_password(password.to_owned()).await?;
    let made = backend
        .store()
        .insert_first_admin(
            &hash(token),
            &user,
            name,
            &password_hash,
            &project,
            FIRST_PROJECT,
            clock::now(),
        )
        .await?;
    if !made {
        return Err(Error::Invalid(vec![Finding::stops(
            "token",
            "This link was used, or a newer one was printed since. Take the newest from the console's output.",
            "该链接已被使用，或之后又生成了新的链接。请使用控制台输出中最新的链接。",
        )]));
    }
    tracing::info!(user.id = %user, "The first admin account was made");
    crate::nodes::adopt_rehearsal(backend, &user, &project).await?;

    Ok(user)
}

/// Checks the password and opens a session. The answer is the token for the cookie.
pub async fn log_in(
    backend: &Backend,
    name: &str,
    password: &str,
    user_agent: &str,
) -> Result<String> {
    backend
        .log_ins()
        .admit(name, clock::now())
        .map_err(|seconds| {
            Error::Conflict(Text::new(
                format!("Too many failed attempts. Try again in {seconds} s."),
                format!("失败次数过多，请在 {seconds} 秒后重试。"),
            ))
        })?;
    let known = backend.store().password_of(name.trim()).await?;
    // An unknown name costs as much time as a wrong password, so that names cannot be found out.
    let (user, stored) = match known {
        Some((user, stored)) => (Some(user), stored),
        None => (None, decoy().await?),
    };
    let fits = verify_password(password.to_owned(), stored).await?;
    let (Some(user), true) = (user, fits) else {
        backend.log_ins().failed(name, clock::now());
        return Err(Error::Denied);
    };
    backend.log_ins().succeeded(name);
    let token = random_text(43)?;
    let now = clock::now();
    let agent: String = user_agent.chars().take(200).collect();
    backend
        .store()
        .insert_session(
            &hash(&token),
            &user,
            &agent,
            now,
            now.plus_millis(SESSION_MILLIS),
        )
        .await?;
    Ok(token)
}

pub async fn log_out(backend: &Backend, token: &str) -> Result<()> {
    backend.store().delete_session(&hash(token)).await
}

/// Who a session cookie belongs to, while the session lasts. `chosen` names the project they want to work in.
pub async fn actor_of_session(
    backend: &Backend,
    token: &str,
    chosen: Option<&str>,
) -> Result<Option<(User, Actor)>> {
    let now = clock::now();
    let token_hash = hash(token);
    let Some((user, seen_at)) = backend.store().user_of_session(&token_hash, now).await? else {
        return Ok(None);
    };
    if now.millis_since(seen_at) > SEEN_MILLIS {
        backend.store().touch_session(&token_hash, now).await?;
    }
    as_actor(backend, user, chosen).await
}

/// Who an API key belongs to, unless it was revoked. `chosen` names the project they want to work in.
pub async fn actor_of_key(
    backend: &Backend,
    key: &str,
    chosen: Option<&str>,
) -> Result<Option<(User, Actor)>> {
    let now = clock::now();
    let Some((user, id, used_at)) = backend.store().user_of_key(&hash(key)).await? else {
        return Ok(None);
    };
    if used_at.is_none_or(|at| now.millis_since(at) > SEEN_MILLIS) {
        backend.store().touch_key(&id, now).await?;
    }
    as_actor(backend, user, chosen).await
}

/// A person works in the project they chose (by id or name), else in the first they are a member of.
pub(crate) async fn as_actor(
    backend: &Backend,
    user: User,
    chosen: Option<&str>,
) -> Result<Option<(User, Actor)>> {
    let projects = backend.store().projects_of(&user.id).await?;
    let is_chosen = |project: &Project| {
        chosen.is_some_and(|name| project.id.as_str() == name || project.name == name)
    };
    let found = projects
        .iter()
        .find(|(project, _)| is_chosen(project))
        .or(projects.first());
    let Some((project, role)) = found else {
        return Ok(None);
    };
    let actor = Actor {
        user: user.id.clone(),
        project: project.id.clone(),
        role: *role,
    };
    Ok(Some((user, actor)))
}

/// The projects of the person who asks, with the name of each.
pub async fn projects(backend: &Backend, actor: &Actor) -> Result<Vec<Project>> {
    let all = backend.store().projects_of(&actor.user).await?;
    Ok(all.into_iter().map(|(project, _)| project).collect())
}

/// Makes an API key. Its text is in the answer and nowhere else.
pub async fn create_api_key(
    backend: &Backend,
    actor: &Actor,
    name: &str,
) -> Result<(ApiKey, String)> {
    actor.needs(Role::Member)?;
    let name = name.trim();
    if name.is_empty() {
        return Err(Error::Invalid(vec![Finding::stops(
            "name",
            "Write what the key is for.",
            "请填写该密钥的用途。",
        )]));
    }
    let text = random_text(KEY_CHARS)?;
    let key = ApiKey {
        id: clock::new_id(),
        name: name.to_owned(),
        created_at: clock::now(),
        last_used_at: None,
    };
    backend
        .store()
        .insert_key(&key, &actor.user, &hash(&text))
        .await?;
    Ok((key, text))
}

pub async fn list_api_keys(backend: &Backend, actor: &Actor) -> Result<Vec<ApiKey>> {
    backend.store().keys_of(&actor.user).await
}

pub async fn revoke_api_key(backend: &Backend, actor: &Actor, id: &ApiKeyId) -> Result<()> {
    if backend
        .store()
        .revoke_key(&actor.user, id, clock::now())
        .await?
    {
        Ok(())
    } else {
        Err(Error::NotFound("API key"))
    }
}

/// Keeps a person's language, so that it follows them to another browser.
pub async fn set_language(backend: &Backend, actor: &Actor, language: Language) -> Result<()> {
    backend.store().set_language(&actor.user, language).await
}

pub(crate) fn random_text(chars: usize) -> Result<String> {
    random_of(ALPHABET, chars)
}

/// Random letters of an alphabet of at most 256.
pub(crate) fn random_of(alphabet: &[u8], chars: usize) -> Result<String> {
    let mut text = String::with_capacity(chars);
    let mut bytes = [0_u8; 64];
    // What lies above a multiple of the alphabet's length would make some letters likelier than others.
    let fair = 256 / alphabet.len() * alphabet.len();
    while text.len() < chars {
        random(&mut bytes)?;
        let fair = bytes
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < fair);
        text.extend(
            fair.map(|byte| char::from(alphabet[byte % alphabet.len()]))
                .take(chars - text.len()),
        );
    }
    Ok(text)
}

/// Tokens and keys are long and random, so a plain hash is enough to make a stolen database useless.
pub(crate) fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

async fn hash_password(password: String) -> Result<String> {
    blocking(move || {
        Argon2::default()
            .hash_password(password.as_bytes(), &SaltString::generate(&mut OsRng))
            .map(|hash| hash.to_string())
            .map_err(|error| Error::internal("hash a password")(error.to_string()))
    })
    .await
}

async fn verify_password(password: String, stored: String) -> Result<bool> {
    blocking(move || {
        let parsed = PasswordHash::new(&stored)
            .map_err(|error| Error::internal("read a password hash")(error.to_string()))?;
        Ok(Argon2::default()
            .verify_password(password.as_bytes(), &parsed)
            .is_ok())
    })
    .await
}

async fn decoy() -> Result<String> {
    static DECOY: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    DECOY
        .get_or_try_init(|| hash_password("nobody has this password".to_owned()))
        .await
        .cloned()
}

/// argon2 takes tens of milliseconds of CPU: off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::internal("hash a password"))?
}

/// Slows guessing: after five failures for a name each further try waits, up to a minute. Kept in memory.
#[derive(Default)]
pub struct LogIns {
    failures: std::sync::Mutex<std::collections::HashMap<String, (u32, domain::time::Timestamp)>>,
}

impl LogIns {
    const FREE: u32 = 5;
    const WAIT_MILLIS: i64 = 60_000;

    /// Err holds the seconds to wait.
    fn admit(&self, name: &str, now: domain::time::Timestamp) -> Result<(), i64> {
        let failures = self
            .failures
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match failures.get(name) {
            Some((count, last)) if *count >= Self::FREE => {
                let left = Self::WAIT_MILLIS - now.millis_since(*last);
                if left > 0 {
                    Err(left / 1000 + 1)
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
    }

    fn failed(&self, name: &str, now: domain::time::Timestamp) {
        let mut failures = self
            .failures
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        failures.retain(|_, (_, last)| now.millis_since(*last) < Self::WAIT_MILLIS);
        let entry = failures.entry(name.to_owned()).or_insert((0, now));
        *entry = (entry.0 + 1, now);
    }

    fn succeeded(&self, name: &str) {
        self.failures
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .remove(name);
    }
}
