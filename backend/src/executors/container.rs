//! One container per attempt: the supervising shell is what the container runs, so that both end together.
//!
//! The job's folder lies in a mounted folder. While the container runs, the questions of `wrapper` are asked inside it; afterwards
//! the same files answer on the node. Docker's own restart policy stays off: the console decides.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use domain::jobs::ProcessSpec;
use domain::jobs::observation::{self, Process};
use domain::jobs::wrapper;
use domain::nodes::holders::Holder;
use domain::nodes::{Mount, mounts};
use domain::shell::quote;

use super::ssh::{holders_on, lay_down, left, sh, started};
use super::{Executor, Handle, Submitted};
use crate::hosts::{Host, HostError, Limits, Output};

/// An image of a training environment is tens of gigabytes.
const PULL: Limits = Limits {
    time: std::time::Duration::from_secs(3600),
    output_bytes: 64 << 10,
};

/// Runs the processes of one node in containers of their own.
pub struct ContainerExecutor {
    host: Arc<dyn Host>,
    image: String,
    options: Vec<String>,
    mounts: Vec<Mount>,
}

impl ContainerExecutor {
    /// `options` are passed to `docker run` as they are, one word each.
    pub fn new(
        host: Arc<dyn Host>,
        image: String,
        options: Vec<String>,
        mounts: Vec<Mount>,
    ) -> Self {
        ContainerExecutor {
            host,
            image,
            options,
            mounts,
        }
    }

    fn folder_on_host(&self, handle: &Handle) -> Result<String, HostError> {
        mounts::to_host(&self.mounts, &handle.folder())
            .map_err(|unmapped| HostError::Broken(unmapped.to_string()))
    }

    /// `docker run` up to and including the image; what it runs follows.
    fn run_command(&self, handle: &Handle, gpus: &[u32]) -> String {
        let mut words = vec!["docker run -d --rm --init --network host --ipc host".to_owned()];
        let mut option = |name: &str, value: &str| words.push(format!("{name} {}", quote(value)));
        option("--name", &name(handle));
        option("--label", &format!("trainyard.job={}", handle.job));
        option("--label", &format!("trainyard.epoch={}", handle.epoch));
        option("--workdir", &handle.folder());
        for mount in &self.mounts {
            option("--volume", &format!("{}:{}", mount.host, mount.inside));
        }
        if !gpus.is_empty() {
            let list: Vec<String> = gpus.iter().map(u32::to_string).collect();
            // The inner quotes are docker's: a comma would otherwise end the value.
            option("--gpus", &format!("\"device={}\"", list.join(",")));
        }
        words.extend(self.options.iter().map(|word| quote(word)));
        words.push(quote(&self.image));
        words.join(" ")
    }

    /// Runs a text of `wrapper` inside the container. None: the container does not run.
    async fn inside(
        &self,
        handle: &Handle,
        text: String,
        limits: Limits,
    ) -> Result<Option<Output>, HostError> {
        let name = quote(&name(handle));
        let command = format!("docker exec -i {name} sh -s");
        let output = self.host.run(&command, Bytes::from(text), limits).await?;
        // Docker's own refusals are the codes 1 and 125–127, and 137 when the container ends meanwhile: ask whether it runs.
        if output.is_success() || self.runs(handle).await? {
            Ok(Some(output))
        } else {
            Ok(None)
        }
    }

    /// An error when dockerd does not answer: its silence says nothing about the container.
    async fn runs(&self, handle: &Handle) -> Result<bool, HostError> {
        let filter = quote(&format!("name=^{}$", name(handle)));
        let command = format!("docker ps --quiet --filter {filter}");
        let output = self.host.run(&command, Bytes::new(), Limits::LOOK).await?;
        if output.is_success() {
            Ok(!output.text().trim().is_empty())
        } else {
            Err(HostError::Broken(output.complaint()))
        }
    }
}

/// The container's name is the launch's: docker refuses a second one.
fn name(handle: &Handle) -> String {
    format!("trainyard-{}-{}-{}", handle.job, handle.rank, handle.epoch)
}

#[async_trait]
impl Executor for ContainerExecutor {
    async fn submit(&self, handle: &Handle, spec: &ProcessSpec) -> Result<Submitted, HostError> {
        let folder = self.folder_on_host(handle)?;
        let image = quote(&self.image);
        let fetch =
            format!("docker image inspect {image} >/dev/null 2>&1 || docker pull --quiet {image}");
        let fetched = self.host.run(&fetch, Bytes::new(), PULL).await?;
        if !fetched.is_success() {
            return Err(HostError::Broken(fetched.complaint()));
        }
        lay_down(&*self.host, handle, &folder, spec).await?;
        let container = self.run_command(handle, &spec.gpus);
        let text = wrapper::start(&folder, handle.epoch, &handle.cookie(), Some(&container));
        started(&sh(&*self.host, text, Limits::of_secs(60)).await?)
    }

    async fn poll(
        &self,
        handle: &Handle,
        closing_line: Option<&str>,
    ) -> Result<Process, HostError> {
        let look = |folder: &str| wrapper::look(folder, &handle.cookie(), closing_line);
        let answer = self
            .inside(handle, look(&handle.folder()), Limits::LOOK)
            .await?;
        let answer = match answer {
            Some(answer) => answer,
            None => {
                let folder = self.folder_on_host(handle)?;
                sh(&*self.host, look(&folder), Limits::LOOK).await?
            }
        };
        observation::parse(&answer.text(), handle.epoch).map_err(HostError::Broken)
    }

    async fn reap(&self, handle: &Handle, grace_secs: u32) -> Result<u32, HostError> {
        let text = wrapper::stop(&handle.folder(), &handle.cookie(), grace_secs);
        let limits = Limits::of_secs(u64::from(grace_secs) + 30);
        let answer = self.inside(handle, text, limits).await?;
        // The container ends with its supervising shell; what else lived in it is gone with it.
        if !self.runs(handle).await? {
            return Ok(0);
        }
        let removed = format!("docker rm --force {}", quote(&name(handle)));
        self.host.run(&removed, Bytes::new(), limits).await?;
        match answer {
            Some(answer) if self.runs(handle).await? => left(&answer),
            _ => Ok(0),
        }
    }

    async fn gpu_holders(&self, work_folder: &str) -> Result<Vec<(u32, Holder)>, HostError> {
        let folder = mounts::to_host(&self.mounts, work_folder)
            .map_err(|unmapped| HostError::Broken(unmapped.to_string()))?;
        holders_on(&*self.host, &folder).await
    }
}
