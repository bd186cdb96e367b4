//! A node that does not answer is left alone for a while: nobody waits for it, and it is not flooded when it comes back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Host, HostError, Limits, Output, Wire};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// How long the one call that tries again may take before another one does.
const TRIAL: Duration = Duration::from_secs(10);

/// A host behind pauses of 1, 2, 4 … 30 s: in a pause, calls fail at once with the last error.
pub struct BackOff {
    host: Arc<dyn Host>,
    pause: Mutex<Option<Pause>>,
}

impl BackOff {
    pub fn new(host: Arc<dyn Host>) -> Self {
        BackOff {
            host,
            pause: Mutex::new(None),
        }
    }

    /// The next call is made whatever happened before.
    pub fn end_pause(&self) {
        self.pause().take();
    }

    fn pause(&self) -> MutexGuard<'_, Option<Pause>> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the call began, or why it is not made.
    fn begin(&self) -> Result<Instant, HostError> {
        let now = Instant::now();
        begin(&mut self.pause(), now).map(|()| now)
    }

    fn end<T>(&self, begun: Instant, result: &Result<T, HostError>) {
        let error = result.as_ref().err();
        end(&mut self.pause(), begun, Instant::now(), error);
    }
}

struct Pause {
    error: HostError,
    length: Duration,
    /// When the last failure was noted.
    since: Instant,
    until: Instant,
}

/// Err: the call is not made. After a pause, one call tries and the others fail on until it has an answer.
fn begin(pause: &mut Option<Pause>, now: Instant) -> Result<(), HostError> {
    match pause {
        Some(pause) if now < pause.until => Err(pause.error.clone()),
        Some(pause) => {
            pause.until = now + pause.length.max(TRIAL);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Notes how a call ended that began at `begun`.
fn end(pause: &mut Option<Pause>, begun: Instant, now: Instant, error: Option<&HostError>) {
    let error = match error {
        None => return *pause = None,
        // Our own doing: says nothing about the node.
        Some(HostError::Busy(_)) => return,
        Some(error) => error.clone(),
    };
    let length = match pause {
        // Calls that fail together count once.
        Some(pause) if pause.since > begun => return,
        Some(pause) => (pause.length * 2).min(LONGEST),
        None => SHORTEST,
    };
    *pause = Some(Pause {
        error,
        length,
        since: now,
        until: now + length,
    });
}

#[async_trait]
impl Host for BackOff {
    async fn run(&self, command: &str, stdin: Bytes, limits: Limits) -> Result<Output, HostError> {
        let begun = self.begin()?;
        let result = self.host.run(command, stdin, limits).await;
        self.end(begun, &result);
        result
    }

    async fn stream(&self, command: &str) -> Result<mpsc::Receiver<Bytes>, HostError> {
        let begun = self.begin()?;
        let result = self.host.stream(command).await;
        self.end(begun, &result);
        result
    }

    /// Its errors are mostly the port's, where nobody listens yet: they begin no pause.
    async fn connect(&self, port: u16) -> Result<Box<dyn Wire>, HostError> {
        let paused = match &*self.pause() {
            Some(pause) if Instant::now() < pause.until => Some(pause.error.clone()),
            _ => None,
        };
        match paused {
            Some(error) => Err(error),
            None => self.host.connect(port).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, ScriptedHost};
    use super::*;

    fn refused() -> HostError {
        HostError::Refused {
            address: "10.0.0.2:22".to_owned(),
            why: "connection refused".to_owned(),
        }
    }

    /// The tenths of seconds at which a node that refuses is tried, when it is asked for ten times a second.
    fn tries(pause: &mut Option<Pause>, start: Instant, tenths: u32) -> Vec<u32> {
        (0..tenths)
            .filter(|tenth| {
                let now = start + Duration::from_millis(100) * *tenth;
                let is_made = begin(pause, now).is_ok();
                if is_made {
                    end(pause, now, now, Some(&refused()));
                }
                is_made
            })
            .collect()
    }

    #[test]
    fn the_pauses_grow_to_half_a_minute_and_begin_anew_after_an_answer() {
        let (mut pause, start) = (None, Instant::now());
        let seen = tries(&mut pause, start, 1300);
        assert_eq!(seen, [0, 10, 30, 70, 150, 310, 610, 910, 1210]);
        end(&mut pause, start, start, None);
        assert_eq!(tries(&mut pause, start, 40), [0, 10, 30]);
    }

    #[test]
    fn calls_that_fail_together_count_once_and_one_tries_again() {
        let (mut pause, start) = (None, Instant::now());
        let after = |secs| start + Duration::from_secs(secs);
        for _ in 0..8 {
            begin(&mut pause, start).expect("no pause yet");
        }
        for secs in [5, 5, 6] {
            end(&mut pause, start, after(secs), Some(&refused()));
        }
        assert_eq!(pause.as_ref().map(|pause| pause.length), Some(SHORTEST));
        assert!(begin(&mut pause, after(6)).is_ok());
        for secs in 6..16 {
            assert_eq!(begin(&mut pause, after(secs)), Err(refused()));
        }
        assert!(
            begin(&mut pause, after(16)).is_ok(),
            "the trial was dropped"
        );
    }

    #[tokio::test]
    async fn in_a_pause_nothing_reaches_the_machine_until_somebody_insists() {
        let machine = Arc::new(ScriptedHost::default());
        machine.plan("", Answer::Fails(refused()));
        let host = BackOff::new(machine.clone());
        let look = async || host.run("true", Bytes::new(), Limits::LOOK).await;
        for _ in 0..5 {
            assert_eq!(look().await, Err(refused()));
        }
        assert_eq!(machine.asked().len(), 1);
        host.end_pause();
        machine.plan("", Answer::Says(String::new(), 0));
        assert!(look().await.is_ok());
        assert_eq!(machine.asked().len(), 2);
    }
}
