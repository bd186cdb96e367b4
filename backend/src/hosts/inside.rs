//! A long-lived container of a machine, entered with `docker exec`: every path and process is one of the container's.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use domain::shell::quote;
use tokio::sync::mpsc;

use super::{Host, HostError, Limits, Output, Wire};

/// The named container on `host`.
pub struct InsideHost {
    host: Arc<dyn Host>,
    container: String,
}

impl InsideHost {
    pub fn new(host: Arc<dyn Host>, container: String) -> Self {
        InsideHost { host, container }
    }
}

#[async_trait]
impl Host for InsideHost {
    async fn run(&self, command: &str, stdin: Bytes, limits: Limits) -> Result<Output, HostError> {
        let command = format!(
            "docker exec -i {} sh -c {}",
            quote(&self.container),
            quote(command)
        );
        self.host.run(&command, stdin, limits).await
    }

    async fn stream(&self, command: &str) -> Result<mpsc::Receiver<Bytes>, HostError> {
        let command = format!(
            "docker exec {} sh -c {}",
            quote(&self.container),
            quote(command)
        );
        self.host.stream(&command).await
    }

    /// The node's own loopback: such a container shares its network, or publishes the port there.
    async fn connect(&self, port: u16) -> Result<Box<dyn Wire>, HostError> {
        self.host.connect(port).await
    }
}
