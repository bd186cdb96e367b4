//! A small client of `/console/v1` and `/v1`.

use std::time::Duration;

use anyhow::{Context, Result, bail};
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
    let findings: Vec<&str> = error["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|f| f["text"]["en"].as_str())
        .collect();
    let said = error["message"]["en"]
        .as_str()
        .or(error["message"].as_str())
        .map_or_else(|| value.to_string(), str::to_owned);
    bail!("{status}: {said} {}", findings.join(" "))
}
