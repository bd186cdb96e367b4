//! Processes on a plain machine: the sh wrapper of `domain::jobs::wrapper`, run through a `Host`.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use domain::jobs::ProcessSpec;
use domain::jobs::observation::{self, Process};
use domain::jobs::wrapper::{self, code};

use super::{Executor, Handle, Submitted};
use crate::hosts::{Exit, Host, HostError, Limits, write_file};

/// The executor of one node.
pub struct SshExecutor {
    host: Arc<dyn Host>,
}

impl SshExecutor {
    pub fn new(host: Arc<dyn Host>) -> Self {
        SshExecutor { host }
    }
}

/// The shell text is fed through stdin: a command line would be visible to everyone in `ps`, and is bounded in length.
async fn sh(
    host: &dyn Host,
    text: String,
    limits: Limits,
) -> Result<crate::hosts::Output, HostError> {
    host.run("sh -s", Bytes::from(text), limits).await
}

#[async_trait]
impl Executor for SshExecutor {
    async fn submit(&self, handle: &Handle, spec: &ProcessSpec) -> Result<Submitted, HostError> {
        let folder = handle.folder();
        for (name, content) in &spec.files {
            write_file(
                &*self.host,
                &format!("{folder}/{name}"),
                Bytes::from(content.clone()),
                0o600,
            )
            .await?;
        }
        let script = format!(
            "cd {} || exit 66\n{}",
            domain::shell::quote(&handle.work_folder),
            spec.script
        );
        write_file(
            &*self.host,
            // A late call of an older launch must not touch the script of a newer one.
            &format!("{folder}/run.{}.sh", handle.epoch),
            Bytes::from(script),
            0o700,
        )
        .await?;
        let described = serde_json::to_vec_pretty(handle).unwrap_or_default();
        write_file(
            &*self.host,
            &format!("{folder}/spec.json"),
            Bytes::from(described),
            0o600,
        )
        .await?;
        let started = sh(
            &*self.host,
            wrapper::start(&folder, handle.epoch, &handle.cookie()),
            Limits::default(),
        )
        .await?;
        match started.exit {
            Exit::Code(0) => Ok(Submitted::Started),
            Exit::Code(code::ALREADY | code::BUSY) => Ok(Submitted::Already),
            Exit::Code(code::LOWER_EPOCH) => Ok(Submitted::Fenced),
            Exit::Code(code::NO_ROOM) => Err(HostError::Broken(
                "the disk of the node has no room for the job's folder".to_owned(),
            )),
            ref other => Err(HostError::Broken(format!(
                "the launch ended with {other:?}: {}",
                started.complaint()
            ))),
        }
    }

    async fn poll(
        &self,
        handle: &Handle,
        closing_line: Option<&str>,
    ) -> Result<Process, HostError> {
        let text = wrapper::look(&handle.folder(), &handle.cookie(), closing_line);
        let output = sh(&*self.host, text, Limits::default()).await?;
        observation::parse(&output.text(), handle.epoch).map_err(HostError::Broken)
    }

    async fn reap(&self, handle: &Handle, grace_secs: u32) -> Result<u32, HostError> {
        let limits = Limits::of_secs(u64::from(grace_secs) + 30);
        let output = sh(
            &*self.host,
            wrapper::stop(&handle.folder(), &handle.cookie(), grace_secs),
            limits,
        )
        .await?;
        let text = output.text();
        let left = text
            .lines()
            .find_map(|line| line.strip_prefix("left "))
            .and_then(|count| count.trim().parse().ok());
        left.ok_or_else(|| {
            HostError::Broken(format!("the stop gave no answer: {}", output.complaint()))
        })
    }

    async fn gpu_memory_is_free(&self, gpus: &[u32]) -> Result<bool, HostError> {
        if gpus.is_empty() {
            return Ok(true);
        }
        let list = gpus
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(",");
        let command =
            format!("nvidia-smi -i {list} --query-compute-apps=pid --format=csv,noheader");
        let output = self
            .host
            .run(&command, Bytes::new(), Limits::default())
            .await?;
        // A node without nvidia-smi has no GPU memory to wait for.
        Ok(!output.is_success() || output.text().trim().is_empty())
    }
}
