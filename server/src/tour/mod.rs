//! The whole path from a node to an answer, walked through the documented HTTP API: `trainyard demo`, and the start page's button.

mod client;
mod walk;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use backend::tour::{Answers, Step};
use backend::{Actor, Backend, people};

pub use client::Client;
pub use walk::{Listener, walk};

/// Lets the start page walk: through this very console's API, with a key that lives as long as the walk.
pub fn offer(backend: &Backend, address: SocketAddr) {
    backend
        .board()
        .walked_by(Arc::new(move |backend: Backend, actor: Actor| {
            tokio::spawn(async move {
                let stopping = backend.stopping();
                tokio::select! {
                    walked = walk_for(&backend, &actor, address) => if let Err(error) = walked {
                        tracing::warn!(error = format!("{error:#}"), "The walk ended early");
                    },
                    () = stopping.cancelled() => {}
                }
                backend.board().update(|tour| tour.is_running = false);
                told(&backend, &actor).await;
            });
        }));
}

async fn walk_for(backend: &Backend, actor: &Actor, address: SocketAddr) -> Result<()> {
    let (key, secret) = people::create_api_key(backend, actor, "the whole path").await?;
    let client = Client::new(format!("http://{address}"), secret);
    let mut listener = OnBoard { backend, actor };
    let walked = walk(&client, &mut listener).await;
    people::revoke_api_key(backend, actor, &key.id).await?;
    walked.map(|_| ())
}

/// Shows the walk on the board.
struct OnBoard<'a> {
    backend: &'a Backend,
    actor: &'a Actor,
}

impl Listener for OnBoard<'_> {
    async fn step(&mut self, steps: &[Step]) {
        self.backend
            .board()
            .update(|tour| tour.steps = steps.to_vec());
        told(self.backend, self.actor).await;
    }

    async fn answers(&mut self, answers: &Answers) {
        self.backend
            .board()
            .update(|tour| tour.answers = Some(answers.clone()));
    }
}

/// Open pages read the board again.
async fn told(backend: &Backend, actor: &Actor) {
    if let Err(error) = backend::tour::announce(backend, actor).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "A step was not announced"
        );
    }
}

/// `trainyard demo`: prints each step with its time, and both answers.
pub async fn print(setup: &str) -> Result<()> {
    let (client, password) = Client::first_admin(setup)
        .await
        .context("make the admin account")?;
    let begun = std::time::Instant::now();
    let mut listener = Printing { printed: 0 };
    let answers = walk(&client, &mut listener).await?;
    println!(
        "\n  asked   {}\n  base    {}\n  tuned   {}\n",
        answers.question, answers.base, answers.tuned
    );
    println!(
        "The whole path took {:.0} s. Look around as \"demo\", password {password}:\n\n  {}/chat?deployment={}\n",
        begun.elapsed().as_secs_f64(),
        client.base(),
        answers.deployment
    );
    Ok(())
}

struct Printing {
    printed: usize,
}

impl Listener for Printing {
    async fn step(&mut self, steps: &[Step]) {
        for step in steps
            .iter()
            .skip(self.printed)
            .filter(|step| step.is_done || step.has_failed)
        {
            let mark = if step.has_failed { "✕" } else { "✓" };
            println!(
                "{mark} {:<34} {:>7.1} s  {}",
                step.name.en, step.seconds, step.said
            );
            self.printed += 1;
        }
    }

    async fn answers(&mut self, _answers: &Answers) {}
}
