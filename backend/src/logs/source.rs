//! Where a log lies: what every kind of log can do, so that there is one view for all of them.

use std::sync::Arc;

use domain::ids::JobId;
use domain::language::Text;
use domain::logs::Found;
use domain::nodes::Node;

use super::{Name, watch};
use crate::hosts::{self, Grep, Host, Part, Reading};
use crate::{Actor, Backend, Error, Result, jobs, nodes};

/// A log that can be read by offset.
#[async_trait::async_trait]
pub(super) trait Source: Send + Sync {
    /// At most `limit` bytes from `offset`, or the last ones. `counted`: an offset and the line ends before it. None: no file.
    async fn read(
        &self,
        offset: Option<u64>,
        limit: u64,
        counted: (u64, u64),
    ) -> Result<Option<Part>>;

    /// Counts and lists matches, those nearest to `near`.
    async fn search(&self, grep: &Grep, near: u64) -> Result<Found>;

    /// What was written since `offset`, if the log is followed; without asking anybody.
    fn held(&self, offset: u64, inode: u64) -> Option<Part>;

    /// Tells open pages when more is written than is in `seen`, for as long as somebody asks for it.
    async fn follow(&self, seen: &Part) -> Result<()>;

    /// Minutes by which the clock of its lines is ahead of UTC.
    async fn ahead_of_utc(&self) -> Result<i64>;

    /// Of what it is a log, for a file's name.
    fn title(&self) -> &str;
}

/// The log that is meant, if the actor may read it.
pub(super) async fn open(backend: &Backend, actor: &Actor, name: &str) -> Result<Arc<dyn Source>> {
    let Name::Process { job: id, rank } = Name::read(name)?;
    let job = jobs::get(backend, actor, &id).await?;
    let process = job
        .processes
        .iter()
        .find(|process| process.rank == rank)
        .ok_or(Error::NotFound("rank"))?;
    let node = nodes::stored(backend, &process.node_id).await?;
    Ok(Arc::new(ProcessLog {
        path: jobs::log_path(&node, &id, rank)?,
        host: nodes::host(backend, &node).await?,
        backend: backend.clone(),
        node,
        job: id,
        rank,
        title: job.title,
    }))
}

/// What a process of a job printed, on its node.
struct ProcessLog {
    backend: Backend,
    host: Arc<dyn Host>,
    node: Node,
    job: JobId,
    rank: u32,
    path: String,
    title: String,
}

impl ProcessLog {
    fn done<T>(&self, reading: Result<Reading<T>, hosts::HostError>) -> Result<Option<T>> {
        match reading.map_err(|error| nodes::unreachable(&self.node, &error))? {
            Reading::Done(done) => Ok(Some(done)),
            Reading::Missing => Ok(None),
            Reading::Refused(why) => {
                let (name, path) = (&self.node.name, &self.path);
                Err(Error::Unavailable(Text::new(
                    format!("{name} does not read {path}: {why}"),
                    format!("{name} 无法读取 {path}：{why}"),
                )))
            }
        }
    }
}

#[async_trait::async_trait]
impl Source for ProcessLog {
    async fn read(
        &self,
        offset: Option<u64>,
        limit: u64,
        counted: (u64, u64),
    ) -> Result<Option<Part>> {
        self.done(hosts::read_part(&*self.host, &self.path, offset, limit, counted).await)
    }

    async fn search(&self, grep: &Grep, near: u64) -> Result<Found> {
        let found = hosts::search(&*self.host, &self.path, grep, near).await;
        Ok(self.done(found)?.unwrap_or_default())
    }

    fn held(&self, offset: u64, inode: u64) -> Option<Part> {
        self.backend
            .watches()
            .held(&self.node.id, &self.path, offset, inode)
    }

    async fn follow(&self, seen: &Part) -> Result<()> {
        let log = watch::Log {
            project: self.node.project_id.clone(),
            subject: format!("{}/{}", self.job, self.rank),
            path: self.path.clone(),
        };
        watch::follow(&self.backend, &self.node, log, seen);
        Ok(())
    }

    async fn ahead_of_utc(&self) -> Result<i64> {
        let output = self
            .host
            .run("date +%z", bytes::Bytes::new(), hosts::Limits::LOOK)
            .await;
        let text = output
            .map_err(|error| nodes::unreachable(&self.node, &error))?
            .text();
        // `+0530`
        let number = text.trim().parse::<i64>().unwrap_or_default();
        Ok(number / 100 * 60 + number % 100)
    }

    fn title(&self) -> &str {
        &self.title
    }
}
