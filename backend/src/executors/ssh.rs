//! Processes on a plain machine: the sh wrapper of `domain::jobs::wrapper`, run through a `Host`.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use domain::jobs::ProcessSpec;
use domain::jobs::observation::{self, Process};
use domain::jobs::wrapper::{self, code};
use domain::nodes::holders::{self, Holder};

use super::{Executor, Handle, Submitted};
use crate::hosts::{Exit, Host, HostError, Limits, Output, write_file};

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
pub(super) async fn sh(host: &dyn Host, text: String, limits: Limits) -> Result<Output, HostError> {
    host.run("sh -s", Bytes::from(text), limits).await
}

/// Writes what a launch needs into `folder`, the process's folder as the host sees it.
pub(super) async fn lay_down(
    host: &dyn Host,
    handle: &Handle,
    folder: &str,
    spec: &ProcessSpec,
) -> Result<(), HostError> {
    let write = async |name: &str, content: Vec<u8>, mode| {
        write_file(host, &format!("{folder}/{name}"), content.into(), mode).await
    };
    for (name, content) in &spec.files {
        write(name, content.clone().into_bytes(), 0o600).await?;
    }
    let work_folder = domain::shell::quote(&handle.work_folder);
    let script = format!("cd {work_folder} || exit 66\n{}", spec.script);
    // A late call of an older launch must not touch the script of a newer one.
    write(
        &format!("run.{}.sh", handle.epoch),
        script.into_bytes(),
        0o700,
    )
    .await?;
    let described = serde_json::to_vec_pretty(handle).unwrap_or_default();
    write("spec.json", described, 0o600).await
}

/// Reads the answer of `wrapper::start`.
pub(super) fn started(output: &Output) -> Result<Submitted, HostError> {
    match output.exit {
        Exit::Code(0) => Ok(Submitted::Started),
        Exit::Code(code::ALREADY | code::BUSY) => Ok(Submitted::Already),
        Exit::Code(code::LOWER_EPOCH) => Ok(Submitted::Fenced),
        Exit::Code(code::NO_ROOM) => Err(HostError::Broken(
            "the disk of the node has no room for the job's folder".to_owned(),
        )),
        ref other => Err(HostError::Broken(format!(
            "the launch ended with {other:?}: {}",
            output.complaint()
        ))),
    }
}

/// Reads the answer of `wrapper::stop`: how many live on.
pub(super) fn left(output: &Output) -> Result<u32, HostError> {
    let text = output.text();
    text.lines()
        .find_map(|line| line.strip_prefix("left "))
        .and_then(|count| count.trim().parse().ok())
        .ok_or_else(|| {
            HostError::Broken(format!("the stop gave no answer: {}", output.complaint()))
        })
}

/// What holds memory of the GPUs, `work_folder` being as the host sees it.
pub(super) async fn holders_on(
    host: &dyn Host,
    work_folder: &str,
) -> Result<Vec<(u32, Holder)>, HostError> {
    let output = sh(host, holders::script(work_folder), Limits::LOOK).await?;
    if output.is_success() {
        Ok(holders::parse(&output.text()))
    } else {
        // nvidia-smi complains on standard output.
        let said = output.text() + &output.complaint();
        let said: String = said.trim().chars().take(300).collect();
        Err(HostError::Broken(format!("nvidia-smi failed: {said}")))
    }
}

#[async_trait]
impl Executor for SshExecutor {
    async fn submit(&self, handle: &Handle, spec: &ProcessSpec) -> Result<Submitted, HostError> {
        let folder = handle.folder();
        lay_down(&*self.host, handle, &folder, spec).await?;
        let text = wrapper::start(&folder, handle.epoch, &handle.cookie(), None);
        started(&sh(&*self.host, text, Limits::default()).await?)
    }

    async fn poll(
        &self,
        handle: &Handle,
        closing_line: Option<&str>,
    ) -> Result<Process, HostError> {
        let text = wrapper::look(&handle.folder(), &handle.cookie(), closing_line);
        let output = sh(&*self.host, text, Limits::LOOK).await?;
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
        left(&output)
    }

    async fn gpu_holders(&self, work_folder: &str) -> Result<Vec<(u32, Holder)>, HostError> {
        holders_on(&*self.host, work_folder).await
    }
}
