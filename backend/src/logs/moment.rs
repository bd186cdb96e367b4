//! Jumping to a time: a binary search over offsets by the times that lines carry, a dozen small reads whatever the size.

use std::sync::Arc;

use domain::finding::Finding;
use domain::logs::Moment;
use domain::logs::times::{self, Stamp};

use super::source::Source;
use crate::hosts::UNCOUNTED;
use crate::{Error, Result};

const READ: u64 = 64 << 10;
/// How far a time is looked for after an offset before the stretch counts as one without times.
const LONGEST_GAP: u64 = 4 << 20;

/// A log while it is searched.
struct Times<'a> {
    source: &'a Arc<dyn Source>,
    size: u64,
    /// Bounds times without a year.
    newest: i64,
    /// Whether its lines say how long the training has run instead of the time.
    is_elapsed: bool,
}

impl Times<'_> {
    fn of(&self, line: &[u8]) -> Option<i64> {
        // A line's last state is the one that stays.
        let state = line
            .rsplit(|byte| *byte == b'\r')
            .find(|state| !state.is_empty())?;
        match (times::stamp(state, self.newest)?, self.is_elapsed) {
            (Stamp::At(millis), false) | (Stamp::Elapsed(millis), true) => Some(millis),
            _ => None,
        }
    }

    /// The first line after `from`, and before `to`, that has a time of `least` or later: its offset and time.
    async fn first(&self, from: u64, to: u64, least: i64) -> Result<Option<(u64, i64)>> {
        let (mut at, mut line, mut begin) = (from, Vec::new(), from);
        // A line that began before `from` is not one.
        let mut is_cut = from > 0;
        while at < to {
            let Some(part) = self.source.read(Some(at), READ, UNCOUNTED).await? else {
                break;
            };
            if part.bytes.is_empty() {
                break;
            }
            for (place, byte) in part.bytes.iter().enumerate() {
                if *byte != b'\n' {
                    line.push(*byte);
                    continue;
                }
                if !is_cut
                    && let Some(millis) = self.of(&line)
                    && millis >= least
                {
                    return Ok(Some((begin, millis)));
                }
                is_cut = false;
                line.clear();
                begin = at + place as u64 + 1;
                if begin >= to {
                    return Ok(None);
                }
            }
            at += part.bytes.len() as u64;
            // Of a line without end only the end can matter.
            if line.len() > 1 << 20 {
                line.drain(..1 << 19);
            }
        }
        Ok(None)
    }

    /// The last line that has a time.
    async fn last(&self) -> Result<Option<(u64, i64)>> {
        let mut end = self.size;
        while end > self.size.saturating_sub(LONGEST_GAP) && end > 0 {
            let from = end.saturating_sub(READ);
            let Some(part) = self
                .source
                .read(Some(from), end - from + 4096, UNCOUNTED)
                .await?
            else {
                return Ok(None);
            };
            let (mut begin, mut last) = (0, None);
            for (place, line) in part.bytes.split(|byte| *byte == b'\n').enumerate() {
                if (place > 0 || from == 0)
                    && let Some(millis) = self.of(line)
                {
                    last = Some((from + begin, millis));
                }
                begin += line.len() as u64 + 1;
            }
            if last.is_some() {
                return Ok(last);
            }
            end = from;
        }
        Ok(None)
    }
}

/// The first line at the typed time or later; the last one with a time where all are earlier.
pub(super) async fn find(source: &Arc<dyn Source>, typed: &str) -> Result<Moment> {
    let wanted = times::typed(typed).ok_or_else(|| {
        finding(
            format!("\"{typed}\" is no time. Write 14:30, 14:30:05 or 2026-11-24 14:30."),
            format!("“{typed}”不是时间。请填写 14:30、14:30:05 或 2026-11-24 14:30。"),
        )
    })?;
    let none = || {
        finding(
            "No line of this log says when it was written.".to_owned(),
            "该日志的各行都没有时间。".to_owned(),
        )
    };
    let now = source.read(None, 0, UNCOUNTED).await?.ok_or_else(none)?;
    let newest = (now.changed_at + source.ahead_of_utc().await? * 60) * 1000;
    let mut log = Times {
        source,
        size: now.size,
        newest,
        is_elapsed: true,
    };
    // A training's records say how long it has run, and when it began is known from when the file was last written.
    let (last, base) = match log.last().await? {
        Some((offset, elapsed)) => ((offset, elapsed), newest - elapsed),
        None => {
            log.is_elapsed = false;
            (log.last().await?.ok_or_else(none)?, 0)
        }
    };
    let wanted = wanted.moment(last.1 + base) - base;
    let answer = |(offset, millis): (u64, i64)| Moment {
        offset,
        millis: millis + base,
        is_about: log.is_elapsed,
    };
    if wanted > last.1 {
        return Ok(answer(last));
    }
    let (mut low, mut high) = (0, last.0);
    while high - low > READ {
        let middle = low + (high - low) / 2;
        let bound = high.min(middle + LONGEST_GAP);
        match log.first(middle, bound, i64::MIN).await? {
            Some((_, millis)) if millis < wanted => low = middle,
            _ => high = middle,
        }
    }
    // From the line that `low` cuts: it is earlier than what is wanted.
    let found = log.first(low, log.size, wanted).await?;
    Ok(answer(found.unwrap_or(last)))
}

fn finding(en: String, zh: String) -> Error {
    Error::Invalid(vec![Finding::stops("time", en, zh)])
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use domain::logs::Found;

    use super::*;
    use crate::hosts::{Grep, Part};

    struct Text(Vec<u8>);

    #[async_trait::async_trait]
    impl Source for Text {
        async fn read(
            &self,
            offset: Option<u64>,
            limit: u64,
            _: (u64, u64),
        ) -> Result<Option<Part>> {
            let size = self.0.len() as u64;
            let from = offset.unwrap_or(size.saturating_sub(limit)).min(size);
            let to = (from + limit).min(size);
            Ok(Some(Part {
                bytes: Bytes::copy_from_slice(&self.0[from as usize..to as usize]),
                offset: from,
                size,
                inode: 1,
                // 2026-11-24 02:00:00 UTC
                changed_at: 1_795_485_600,
                newlines_before: None,
            }))
        }

        async fn search(&self, _: &Grep, _: u64) -> Result<Found> {
            Ok(Found::default())
        }

        fn held(&self, _: u64, _: u64) -> Option<Part> {
            None
        }

        async fn follow(&self, _: &Part) -> Result<()> {
            Ok(())
        }

        async fn ahead_of_utc(&self) -> Result<i64> {
            Ok(60)
        }

        fn title(&self) -> &str {
            ""
        }
    }

    async fn line_at(log: &str, typed: &str) -> String {
        let source: Arc<dyn Source> = Arc::new(Text(log.as_bytes().to_vec()));
        match find(&source, typed).await {
            Ok(moment) => {
                let rest = &log[moment.offset as usize..];
                rest.lines().next().unwrap_or_default().to_owned()
            }
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn a_time_is_found_among_many_lines_with_and_without_times() {
        let mut log = String::new();
        for minute in 0..120 {
            log += &format!(
                "(APIServer pid=1) INFO 11-24 {:02}:{:02}:00 [x.py:1] minute {minute}\n",
                minute / 60,
                minute % 60
            );
            log += &"Traceback that says nothing of time\n".repeat(300);
        }
        for (typed, minute) in [
            ("0:00", 0),
            ("00:01:00", 1),
            ("1:17", 77),
            ("01:16:01", 77),
            ("2026-11-24 01:59", 119),
            ("2026-11-25", 119),
            ("2026-11-01", 0),
        ] {
            let line = line_at(&log, typed).await;
            assert!(
                line.ends_with(&format!("minute {minute}")),
                "{typed}: {line}"
            );
        }
        // Of the day before: earlier than everything.
        assert!(line_at(&log, "23:00").await.ends_with("minute 0"));
    }

    #[tokio::test]
    async fn a_training_is_searched_by_its_elapsed_times() {
        // Written last at 03:00 by its node's clock, one hour ahead of UTC; it ran for 1 h.
        let mut log =
            "[INFO:swift] Start time of running main: 2026-11-24 01:55:00.000000\n".to_owned();
        for minute in 0..=60 {
            log += &"Train: 10%\rTrain: 20%\r".repeat(200);
            log += &format!(
                "{{'loss': 1.0, 'iteration': '{minute}/60', 'elapsed_time': '{}h {}m 0s'}}\n",
                minute / 60,
                minute % 60
            );
        }
        assert!(line_at(&log, "2:30").await.contains("'iteration': '30/60'"));
        assert!(
            line_at(&log, "9:00").await.contains("'iteration': '0/60'"),
            "of the day before"
        );
    }

    #[tokio::test]
    async fn a_log_without_times_says_so_and_a_wrong_time_too() {
        assert!(
            line_at("nothing\n", "14:30")
                .await
                .contains("No line of this log")
        );
        assert!(
            line_at("nothing\n", "soon")
                .await
                .contains("\"soon\" is no time")
        );
    }
}
