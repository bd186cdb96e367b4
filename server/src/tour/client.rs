//! A small client of `/console/v1` and `/v1`.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use domain::language::Text;
use serde_json::{Value, json};

/// Speaks to one console with one key.
pub struct Client {
    base: String,
    key: String,
    http: reqwest::Client,
}

impl Client {
    pub fn new(base: String, key: String) -> Client {
        Client {
            base,
            key,
            http: reqwest::Client::new(),
        }
    }

    /// Where the console is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Opens the one-time link as "demo" with a password of its own, and makes a key. Answers the password too.
    pub async fn first_admin(setup: &str) -> Result<(Client, String)> {
        let (base, token) = setup
            .split_once("/setup?token=")
            .context("this is no setup link")?;
        let mut random = [0_u8; 12];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("{error}"))?;
        let password: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let form = [("token", token), ("name", "demo"), ("password", &password)];
        let body = form.map(|(key, value)| format!("{key}={value}")).join("&");
        let made = http
            .post(format!("{base}/session/setup"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await?;
        let cookies = made
            .headers()
            .get_all("set-cookie")
            .iter()
            .filter_map(|value| value.to_str().ok());
        let cookie: Vec<&str> = cookies
            .filter_map(|cookie| cookie.split(';').next())
            .collect();
        if cookie.is_empty() {
            bail!("the link was used before, or is another console's");
        }
        let answer = http
            .post(format!("{base}/console/v1/keys"))
            .header("cookie", cookie.join("; "))
            .json(&json!({"name": "make demo"}))
            .send()
            .await?;
        let made: Value = read(answer).await?;
        let key = made["secret"]
            .as_str()
            .context("no key came back")?
            .to_owned();
        Ok((
            Client {
                base: base.to_owned(),
                key,
                http: reqwest::Client::new(),
            },
            password,
        ))
    }

    pub async fn get(&self, path: &str) -> Result<Value> {
        read(
            self.http
                .get(self.address(path))
                .bearer_auth(&self.key)
                .send()
                .await?,
        )
        .await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        read(
            self.http
                .post(self.address(path))
                .bearer_auth(&self.key)
                .json(body)
                .send()
                .await?,
        )
        .await
    }

    fn address(&self, path: &str) -> String {
        if path.starts_with("/v1/") {
            format!("{}{path}", self.base)
        } else {
            format!("{}/console/v1{path}", self.base)
        }
    }

    /// Asks `path` again and again until `is_there` finds what it waits for. The console announces changes too; a script polls.
    pub async fn wait<T>(
        &self,
        path: &str,
        limit: Duration,
        mut is_there: impl FnMut(&Value) -> Result<Option<T>>,
    ) -> Result<T> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let value = self.get(path).await?;
            if let Some(found) = is_there(&value)? {
                return Ok(found);
            }
            if tokio::time::Instant::now() > deadline {
                bail!(
                    "{path} did not come to its end within {} s",
                    limit.as_secs()
                );
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

/// The JSON of an answer; a refusal becomes an error with its texts.
async fn read(answer: reqwest::Response) -> Result<Value> {
    let status = answer.status();
    let text = answer.text().await?;
    let value: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    if status.is_success() {
        return Ok(value);
    }
    let error = &value["error"];
    let found = error["findings"].as_array().into_iter().flatten();
    let texts = [&error["message"]]
        .into_iter()
        .chain(found.map(|finding| &finding["text"]));
    let in_language = |key: &str| {
        let all = texts
            .clone()
            .filter_map(|text| text[key].as_str().or(text.as_str()));
        all.collect::<Vec<_>>().join(" ")
    };
    let (en, zh) = (in_language("en"), in_language("zh"));
    if en.is_empty() {
        bail!("{status}: {value}");
    }
    Err(Said(Text::new(format!("{status}: {en}"), zh)).into())
}

/// A refusal or a failure that the console has worded in both languages.
#[derive(Debug)]
pub struct Said(pub Text);

impl Said {
    /// A text of the API, or what stands for it where there is none.
    pub fn of(text: &Value, en: &str, zh: &str) -> anyhow::Error {
        let text = serde_json::from_value(text.clone()).unwrap_or_else(|_| Text::new(en, zh));
        Said(text).into()
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Said {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_console_said_is_shown_in_the_language_of_who_looks() {
        let cause =
            json!({"en": "Rank 1 left with exit code 1.", "zh": "节点 1 的进程以退出码 1 结束。"});
        let error = Said::of(&cause, "the job failed", "任务失败").context("train");
        let said = error.downcast_ref::<Said>().expect("still there");
        assert_eq!(said.0.zh, "节点 1 的进程以退出码 1 结束。");
        let nothing = Said::of(&Value::Null, "the job failed", "任务失败");
        assert_eq!(nothing.to_string(), "the job failed");
    }
}
