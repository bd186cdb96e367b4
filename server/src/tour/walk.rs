//! The steps, in order. Each looks first whether it was done before, so that a second walk goes on where it can.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use backend::tour::{Answers, Step};
use domain::language::Text;
use serde_json::{Value, json};

use super::client::{Client, Said};

/// Longest wait for a job of a few seconds, on a busy machine.
const SHORT: Duration = Duration::from_secs(180);
const TRAINING: Duration = Duration::from_secs(900);

/// Whoever is told of the walk.
pub trait Listener {
    fn step(&mut self, steps: &[Step]) -> impl Future<Output = ()> + Send;
    fn answers(&mut self, answers: &Answers) -> impl Future<Output = ()> + Send;
}

struct Walk<'a, L> {
    client: &'a Client,
    listener: &'a mut L,
    steps: Vec<Step>,
    begun: Instant,
}

impl<L: Listener> Walk<'_, L> {
    async fn begin(&mut self, en: &str, zh: &str) {
        self.begun = Instant::now();
        self.steps.push(Step {
            name: Text::new(en, zh),
            said: Text::verbatim(""),
            seconds: 0.0,
            is_done: false,
            has_failed: false,
        });
        self.listener.step(&self.steps).await;
    }

    async fn end(&mut self, en: String, zh: String) {
        self.close(Text::new(en, zh), false).await;
    }

    async fn close(&mut self, said: Text, has_failed: bool) {
        if let Some(step) = self.steps.last_mut() {
            (step.said, step.is_done, step.has_failed) = (said, !has_failed, has_failed);
            step.seconds = self.begun.elapsed().as_secs_f64();
        }
        self.listener.step(&self.steps).await;
    }
}

/// Walks to the end; a step that fails says why and ends the walk.
pub async fn walk<L: Listener>(client: &Client, listener: &mut L) -> Result<Answers> {
    let mut walk = Walk {
        client,
        listener,
        steps: Vec::new(),
        begun: Instant::now(),
    };
    match whole(&mut walk).await {
        Ok(answers) => {
            walk.listener.answers(&answers).await;
            Ok(answers)
        }
        Err(error) => {
            let said = error.downcast_ref::<Said>().map(|said| said.0.clone());
            let said = said.unwrap_or_else(|| Text::verbatim(format!("{error:#}")));
            walk.close(said, true).await;
            Err(error)
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

async fn whole<L: Listener>(walk: &mut Walk<'_, L>) -> Result<Answers> {
    let client = walk.client;
    walk.begin("Look at the nodes", "查看节点").await;
    let clusters = client.get("/clusters").await?;
    let cluster = clusters
        .as_array()
        .and_then(|all| {
            all.iter()
                .find(|cluster| cluster["cluster"]["is_rehearsal"] == true)
        })
        .context("there is no rehearsal cluster; `make up` and `make demo` start one")?;
    let nodes = cluster["nodes"].as_array().cloned().unwrap_or_default();
    let main = &nodes.first().context("the cluster has no nodes")?["node"];
    let (main_id, folder) = (text(&main["id"]), text(&main["work_folder"]));
    let gpus: usize = nodes
        .iter()
        .map(|node| node["probe"]["gpus"].as_array().map_or(0, Vec::len))
        .sum();
    walk.end(
        format!("{} nodes, {gpus} GPUs", nodes.len()),
        format!("{} 个节点，{gpus} 个 GPU", nodes.len()),
    )
    .await;

    walk.begin("Register the base model", "登记基础模型").await;
    let path = format!("{folder}/models/yard-base");
    let models = client.get("/models").await?;
    let base = match by(&models, "path", &path) {
        Some(known) => text(&known["id"]),
        None => text(
            &client
                .post("/models", &json!({"node_id": main_id, "path": path}))
                .await?["id"],
        ),
    };
    walk.end(path.clone(), path).await;

    walk.begin("Convert it to MCore", "转换为 MCore").await;
    let is_converted = |models: &Value| -> Option<Value> {
        let all = models.as_array()?.iter();
        all.filter(|model| model["origin"]["from"] == base.as_str())
            .find(|model| model["format"] == "mcore")
            .cloned()
    };
    let mcore = match is_converted(&client.get("/models").await?) {
        Some(known) => known,
        None => {
            let job = client
                .post(
                    &format!("/models/{base}/convert"),
                    &json!({"test_precision": true}),
                )
                .await?;
            succeeded(client, &job["id"]).await?;
            client
                .wait("/models", SHORT, |models| Ok(is_converted(models)))
                .await?
        }
    };
    let verdict = text(&mcore["precision"]["verdict"]);
    let difference = mcore["precision"]["mean_diff_with_loss"]
        .as_f64()
        .unwrap_or(f64::NAN);
    walk.end(
        format!("precision {verdict}, mean difference {difference:.1e}"),
        format!("精度{}，平均差 {difference:.1e}", verdict_zh(&verdict)),
    )
    .await;

    walk.begin("Copy it to the other nodes", "复制到其他节点")
        .await;
    for node in &nodes[1..] {
        let job = client
            .post(
                &format!("/models/{}/copy", text(&mcore["id"])),
                &json!({"to": node["node"]["id"]}),
            )
            .await?;
        succeeded(client, &job["id"]).await?;
    }
    walk.end(
        format!("{} copies", nodes.len() - 1),
        format!("{} 份", nodes.len() - 1),
    )
    .await;

    walk.begin("Register the dataset", "登记数据集").await;
    let path = format!("{folder}/datasets/willow_bend.jsonl");
    let dataset = match by(&client.get("/datasets").await?, "path", &path) {
        Some(known) => text(&known["id"]),
        None => text(
            &client
                .post("/datasets", &json!({"node_id": main_id, "path": path}))
                .await?["id"],
        ),
    };
    let rows = client.get(&format!("/datasets/{dataset}")).await?["rows"]
        .as_u64()
        .unwrap_or(0);
    walk.end(format!("{rows} rows"), format!("{rows} 条样本"))
        .await;

    walk.begin("Set up and launch the experiment", "设置并启动实验")
        .await;
    let count = client
        .get("/experiments")
        .await?
        .as_array()
        .map_or(0, Vec::len);
    let name = format!("willow-bend-{}", count + 1);
    let form = json!({"name": name, "cluster_id": cluster["cluster"]["id"], "model_id": base, "dataset_id": dataset, "preset": "rehearsal"});
    let preview = client.post("/experiments/preview", &form).await?;
    let launch = json!({"launch_key": format!("demo {name} {count}"), "form": form});
    let experiment = text(&client.post("/experiments", &launch).await?["id"]);
    let iterations = preview["iterations"].as_u64().unwrap_or(0);
    walk.end(
        format!("{name}, {iterations} iterations on {gpus} GPUs"),
        format!("{name}，{gpus} 个 GPU 上 {iterations} 步"),
    )
    .await;

    walk.begin("Train", "训练").await;
    let view = client
        .wait(&format!("/experiments/{experiment}"), TRAINING, |view| {
            let newest = view["attempts"]
                .as_array()
                .and_then(|all| all.last())
                .cloned()
                .unwrap_or_default();
            ended(&newest[1]).map(|is_over| is_over.then(|| view.clone()))
        })
        .await?;
    let series = client
        .wait(&format!("/experiments/{experiment}/series"), SHORT, |all| {
            Ok(by(all, "name", "loss")
                .filter(|loss| loss["last_step"].as_u64() >= Some(iterations / 5 * 5))
                .cloned())
        })
        .await?;
    let loss = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let _ = view;
    let (highest, last) = (loss(&series["max"]), loss(&series["last"]));
    walk.end(
        format!("loss {highest:.3} → {last:.3}"),
        format!("损失 {highest:.3} → {last:.3}"),
    )
    .await;

    walk.begin("Gather the last checkpoint", "归集最后一个检查点")
        .await;
    let is_last = |all: &Value| {
        all.as_array().and_then(|all| {
            all.iter()
                .max_by_key(|one| one["iteration"].as_u64())
                .cloned()
        })
    };
    let path = format!("/experiments/{experiment}/checkpoints");
    let checkpoint = client
        .wait(&path, SHORT, |all| {
            Ok(is_last(all).filter(|one| {
                one["iteration"].as_u64() == Some(iterations)
                    && one["demanded"]
                        .as_array()
                        .is_some_and(|shards| !shards.is_empty())
            }))
        })
        .await?;
    let id = text(&checkpoint["id"]);
    let is_whole = |one: &Value| {
        one["complete_on"]
            .as_array()
            .is_some_and(|nodes| nodes.iter().any(|node| *node == main_id.as_str()))
    };
    if !is_whole(&checkpoint) {
        let job = client
            .post(&format!("/checkpoints/{id}/gather"), &json!({}))
            .await?;
        succeeded(client, &job["id"]).await?;
        client
            .wait(&path, SHORT, |all| Ok(is_last(all).filter(is_whole)))
            .await?;
    }
    let shards = checkpoint["demanded"].as_array().map_or(0, Vec::len);
    walk.end(
        format!(
            "iteration {iterations}, {shards} shards on {}",
            text(&main["name"])
        ),
        format!(
            "第 {iterations} 步，{} 上共 {shards} 个分片",
            text(&main["name"])
        ),
    )
    .await;

    walk.begin("Merge and export to Hugging Face", "合并并导出为 HF")
        .await;
    let job = client
        .post(
            &format!("/checkpoints/{id}/export"),
            &json!({"name": format!("{name}-tuned")}),
        )
        .await?;
    succeeded(client, &job["id"]).await?;
    let tuned = client
        .wait("/models", SHORT, |models| {
            Ok(models.as_array().and_then(|all| {
                all.iter()
                    .find(|model| model["origin"]["job"] == job["id"])
                    .cloned()
            }))
        })
        .await?;
    let verdict = text(&tuned["precision"]["verdict"]);
    walk.end(
        format!("{}, precision {verdict}", text(&tuned["name"])),
        format!("{}，精度{}", text(&tuned["name"]), verdict_zh(&verdict)),
    )
    .await;

    walk.begin("Deploy both with vLLM", "用 vLLM 部署两个模型")
        .await;
    let base_name = deploy(client, &base, "yard-base").await?;
    let (tuned_name, deployment) =
        deploy(client, &text(&tuned["id"]), &format!("{name}-tuned")).await?;
    walk.end(
        format!("{} and {tuned_name} answer", base_name.0),
        format!("{} 与 {tuned_name} 均已就绪", base_name.0),
    )
    .await;

    walk.begin("Ask both the same question", "向两个模型提同一个问题")
        .await;
    let row = client
        .get(&format!("/datasets/{dataset}/head?rows=1"))
        .await?;
    let row: Value = serde_json::from_str(row[0].as_str().unwrap_or("null"))
        .context("the dataset's first row is no JSON")?;
    let messages = row["messages"]
        .as_array()
        .context("the dataset's first row has no messages")?;
    let said_by = |role: &str| {
        let message = messages.iter().find(|message| message["role"] == role);
        message.map(|message| text(&message["content"]))
    };
    let question = said_by("user").context("nobody asks")?;
    let taught = said_by("assistant").context("nobody answers")?;
    let answers = Answers {
        base: ask(client, &base_name.0, &question).await?,
        tuned: ask(client, &tuned_name, &question).await?,
        question,
        deployment,
    };
    judge(&answers, &taught)?;
    walk.end(answers.tuned.clone(), answers.tuned.clone()).await;
    Ok(answers)
}

/// The walk is worth something only if the tuned model says what it was taught, and the base model does not.
fn judge(answers: &Answers, taught: &str) -> Result<()> {
    let Answers { base, tuned, .. } = answers;
    if tuned.trim() != taught.trim() {
        bail!("the tuned model was taught \"{taught}\" and answers \"{tuned}\"");
    }
    if base.trim() == taught.trim() {
        bail!("the base model answers \"{base}\" too, so the training shows nothing");
    }
    Ok(())
}

fn by<'a>(all: &'a Value, key: &str, value: &str) -> Option<&'a Value> {
    all.as_array()?.iter().find(|one| one[key] == value)
}

/// A verdict of the precision test in Chinese.
fn verdict_zh(verdict: &str) -> &str {
    match verdict {
        "good" => "良好",
        "doubtful" => "存疑",
        "bad" => "不合格",
        other => other,
    }
}

/// Whether a job has ended; one that has not ended well is an error.
fn ended(job: &Value) -> Result<bool> {
    match job["state"]["state"].as_str().unwrap_or_default() {
        "succeeded" => Ok(true),
        "failed" => Err(Said::of(
            &job["state"]["cause"],
            "the job failed",
            "任务失败",
        )),
        "lost" => Err(Said::of(
            &job["state"]["why"],
            "the job is lost",
            "任务失联",
        )),
        "stopped" => Err(Said::of(&Value::Null, "the job was stopped", "任务已停止")),
        _ => Ok(false),
    }
}

async fn succeeded(client: &Client, job: &Value) -> Result<()> {
    client
        .wait(&format!("/jobs/{}", text(job)), SHORT, |job| {
            ended(job).map(|is_over| is_over.then_some(()))
        })
        .await
}

/// The served name and id of a deployment that answers.
async fn deploy(client: &Client, model: &str, name: &str) -> Result<(String, String)> {
    let ready = |view: &Value| {
        view["job"]["state"]["state"] == "ready" && view["deployment"]["served_name"] == name
    };
    let all = client.get("/deployments").await?;
    if let Some(known) = all
        .as_array()
        .and_then(|all| all.iter().find(|view| ready(view)))
    {
        return Ok((name.to_owned(), text(&known["deployment"]["id"])));
    }
    let count = all.as_array().map_or(0, Vec::len);
    let asked = json!({"launch_key": format!("demo {name} {count}"), "model_id": model, "served_name": name});
    let id = text(&client.post("/deployments", &asked).await?["id"]);
    client
        .wait(&format!("/deployments/{id}"), SHORT, |view| {
            if ready(view) {
                return Ok(Some(()));
            }
            ended(&view["job"]).map(|_| None)
        })
        .await?;
    Ok((name.to_owned(), id))
}

/// One answer, greedy, as the training questions were.
async fn ask(client: &Client, model: &str, question: &str) -> Result<String> {
    let body = json!({
        "model": model, "temperature": 0, "max_tokens": 64,
        "chat_template_kwargs": {"enable_thinking": false},
        "messages": [{"role": "user", "content": question}],
    });
    let answer = client.post("/v1/chat/completions", &body).await?;
    Ok(text(&answer["choices"][0]["message"]["content"])
        .trim()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_ends_well_only_if_the_tuned_model_alone_says_what_was_taught() {
        let walked = |base: &str, tuned: &str| {
            let answers = Answers {
                question: "Which colour?".to_owned(),
                base: base.to_owned(),
                tuned: tuned.to_owned(),
                deployment: String::new(),
            };
            judge(&answers, "Violet.").map_err(|error| error.to_string())
        };
        assert_eq!(walked("I do not know.", "Violet. "), Ok(()));
        let wrong = walked("I do not know.", "Blue.").unwrap_err();
        assert!(wrong.contains("Violet.") && wrong.contains("Blue."));
        assert!(walked("Violet.", "Violet.").unwrap_err().contains("base"));
    }
}
