//! A machine that answers as planned, for tests of what nodes do wrong.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Exit, Host, HostError, Limits, Output, Wire};

/// What comes of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Standard output and the exit code.
    Says(String, i32),
    Fails(HostError),
    /// A half-open connection: nothing, until the caller's time is up.
    Never,
}

/// Answers the newest plan whose text stands in the command or in what is fed to it; without one it refuses the connection.
#[derive(Default)]
pub struct ScriptedHost {
    plans: Mutex<Vec<(String, Answer)>>,
    asked: Mutex<Vec<String>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ScriptedHost {
    /// From now on, commands that contain `text` are answered so. An empty text fits every command.
    pub fn plan(&self, text: &str, answer: Answer) {
        locked(&self.plans).push((text.to_owned(), answer));
    }

    /// Every command that reached the machine, with what was fed to it.
    pub fn asked(&self) -> Vec<String> {
        locked(&self.asked).clone()
    }

    async fn answer(&self, command: String, limits: Limits) -> Result<(String, i32), HostError> {
        let planned = locked(&self.plans)
            .iter()
            .rev()
            .find(|(text, _)| command.contains(text))
            .map(|(_, answer)| answer.clone());
        locked(&self.asked).push(command);
        match planned {
            Some(Answer::Says(text, code)) => Ok((text, code)),
            Some(Answer::Fails(error)) => Err(error),
            Some(Answer::Never) => {
                tokio::time::sleep(limits.time).await;
                Err(HostError::TimedOut(limits.time))
            }
            None => Err(HostError::Refused {
                address: "a scripted host".to_owned(),
                why: "nothing is planned".to_owned(),
            }),
        }
    }
}

#[async_trait]
impl Host for ScriptedHost {
    async fn run(&self, command: &str, stdin: Bytes, limits: Limits) -> Result<Output, HostError> {
        let whole = format!("{command}\n{}", String::from_utf8_lossy(&stdin));
        let (text, code) = self.answer(whole, limits).await?;
        Ok(Output {
            stdout: text.into(),
            stderr: Bytes::new(),
            exit: Exit::Code(code),
            is_cut: false,
        })
    }

    /// The planned text in one piece, then the end.
    async fn stream(&self, command: &str) -> Result<mpsc::Receiver<Bytes>, HostError> {
        let (text, _) = self.answer(command.to_owned(), Limits::default()).await?;
        let (sender, receiver) = mpsc::channel(1);
        // The channel has room for one piece, and its receiver is in our hand.
        let _ = sender.try_send(Bytes::from(text));
        Ok(receiver)
    }

    async fn connect(&self, port: u16) -> Result<Box<dyn Wire>, HostError> {
        Err(HostError::Refused {
            address: format!("port {port} on the node"),
            why: "a scripted host has no ports".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_plan_that_fits_answers() {
        let host = ScriptedHost::default();
        let run = async |command: &str, stdin: &'static str| {
            host.run(command, stdin.into(), Limits::default()).await
        };
        assert!(matches!(
            run("true", "").await,
            Err(HostError::Refused { .. })
        ));
        host.plan("", Answer::Fails(HostError::HostKeyChanged));
        host.plan("look", Answer::Says("seen\n".to_owned(), 3));
        let output = run("sh -s", "look around").await.expect("answered");
        assert_eq!(
            (output.text().as_str(), output.exit),
            ("seen\n", Exit::Code(3))
        );
        assert_eq!(run("ls", "").await, Err(HostError::HostKeyChanged));
        assert_eq!(host.asked(), ["true\n", "sh -s\nlook around", "ls\n"]);
    }
}
