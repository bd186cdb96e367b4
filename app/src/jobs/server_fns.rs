//! Jobs for pages.

use crate::wire::Json;
use domain::experiments::Progress;
use domain::jobs::JobView;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// A piece of a process's log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogPiece {
    /// Byte offset of its first byte and of the byte after its last.
    pub offset: u64,
    pub end: u64,
    /// Decoded; what is no UTF-8 is replaced.
    pub text: String,
}

#[server(prefix = "/fn", endpoint = "jobs/list", input = Json, output = Json)]
pub async fn list_jobs() -> Result<Vec<JobView>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::jobs::list(&backend, &actor).await?)
}

/// A job that has not ended; a training with its experiment and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    pub job: JobView,
    pub training: Option<(String, Progress)>,
}

#[server(prefix = "/fn", endpoint = "jobs/running", input = Json, output = Json)]
pub async fn running_jobs() -> Result<Vec<Running>, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let running = backend::jobs::running(&backend, &actor).await?;
    let shown = running.into_iter().map(|(job, training)| Running {
        job,
        training: training.map(|(experiment, progress)| (experiment.to_string(), progress)),
    });
    Ok(shown.collect())
}

#[server(prefix = "/fn", endpoint = "jobs/get", input = Json, output = Json)]
pub async fn get_job(id: String) -> Result<JobView, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::jobs::get(&backend, &actor, &id.parse()?).await?)
}

#[server(prefix = "/fn", endpoint = "jobs/stop", input = Json, output = Json)]
pub async fn stop_job(id: String) -> Result<(), AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    Ok(backend::jobs::stop(&backend, &actor, &id.parse()?).await?)
}

/// From `offset` on, or from the end; at most `length` bytes, and never more than 64 KiB.
#[server(prefix = "/fn", endpoint = "jobs/log", input = Json, output = Json)]
pub async fn read_log(
    id: String,
    rank: u32,
    offset: Option<u64>,
    length: u64,
) -> Result<LogPiece, AppError> {
    let (backend, actor) = crate::context::backend_and_actor()?;
    let length = length.min(64 * 1024);
    let slice = backend::jobs::log(&backend, &actor, &id.parse()?, rank, offset, length).await?;
    Ok(slice.map_or_else(LogPiece::default, |slice| {
        whole_characters(slice.offset, &slice.bytes)
    }))
}

/// Leaves out a character that is cut at either end: the rest of it comes with the neighbouring piece.
#[cfg(feature = "ssr")]
pub(super) fn whole_characters(offset: u64, bytes: &[u8]) -> LogPiece {
    let is_inner = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
    let begin = if offset == 0 {
        0
    } else {
        bytes.iter().take(3).take_while(is_inner).count()
    };
    let mut end = bytes.len();
    // The last character begins at most four bytes before the end; it is cut if it says that it is longer than what is here.
    if let Some(back) = bytes
        .iter()
        .rev()
        .take(4)
        .position(|byte| byte & 0b1100_0000 != 0b1000_0000)
    {
        let length = match bytes[bytes.len() - 1 - back] {
            0b1100_0000..=0b1101_1111 => 2,
            0b1110_0000..=0b1110_1111 => 3,
            0b1111_0000..=0b1111_0111 => 4,
            _ => 1,
        };
        if length > back + 1 {
            end = bytes.len() - 1 - back;
        }
    }
    let text = String::from_utf8_lossy(bytes.get(begin..end).unwrap_or_default()).into_owned();
    LogPiece {
        offset: offset + begin as u64,
        end: offset + end.max(begin) as u64,
        text,
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn pieces_cut_anywhere_join_to_the_whole_text() {
        let text = "损失 loss 下降 😀 to 1.02";
        let bytes = text.as_bytes();
        for size in 5..bytes.len() {
            let (mut at, mut joined) = (0usize, String::new());
            while at < bytes.len() {
                let piece = whole_characters(at as u64, &bytes[at..(at + size).min(bytes.len())]);
                assert!(
                    piece.end > at as u64,
                    "no progress at {at} with pieces of {size}"
                );
                joined.push_str(&piece.text);
                at = piece.end as usize;
            }
            assert_eq!(joined, text, "pieces of {size}");
        }
    }
}
