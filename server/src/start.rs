//! Start and stop, in order.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use backend::{Backend, Settings, store::Store};
use leptos::prelude::LeptosOptions;
use tokio::net::TcpListener;

use crate::guard::Gate;
use crate::router::{AppState, router};
use crate::settings::Serve;
use crate::shutdown;

/// How long open requests may take to end after a stop was asked for. Event streams end at once; replies are cut off.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs the console until SIGTERM or Ctrl-C.
pub async fn serve(settings: Serve) -> anyhow::Result<()> {
    let begun = Instant::now();
    make_private_folder(&settings.data)?;
    let held = match backend::folder::hold(&settings.data).context("take the data folder")? {
        Ok(held) => held,
        Err(pid) => anyhow::bail!(
            "Another console{} works in {}. Stop it first, or start this one with another folder: --data FOLDER.",
            pid.map(|pid| format!(" (process {pid})"))
                .unwrap_or_default(),
            settings.data.display()
        ),
    };
    let store = Store::open(&settings.data.join("trainyard.sqlite"))
        .await
        .context("open the database")?;
    let backend = Backend::new(
        store,
        Settings {
            rehearsal: settings.rehearsal.clone(),
            ..Settings::new(settings.data.clone())
        },
    )
    .context("start the backend")?;
    backend::folder::take_over(&backend, &held)
        .await
        .context("take over the jobs of an earlier process")?;
    let cut = backend::chat::begin_anew(&backend)
        .await
        .context("cut off replies of an earlier process")?;
    if cut > 0 {
        tracing::info!(replies = cut, "Replies of an earlier process were cut off");
    }
    backend::experiments::fill_in_configs(&backend)
        .await
        .context("write down configurations of earlier launches")?;
    let setup = backend::people::setup_link(&backend)
        .await
        .context("make the setup link")?;
    if setup.is_some() && !settings.listen.ip().is_loopback() {
        anyhow::bail!(
            "No admin account exists yet, so the console listens on loopback only. Start it with --listen 127.0.0.1:{}, make the \
             account, then start it on {}.",
            settings.listen.port(),
            settings.listen
        );
    }
    let listener = TcpListener::bind(settings.listen).await.with_context(|| {
        format!(
            "listen on {} (is another console running there?)",
            settings.listen
        )
    })?;
    let address = listener.local_addr()?;
    let gate = Gate {
        backend: backend.clone(),
        hosts: Arc::new(hosts(address, &settings.hosts)),
    };
    let state = AppState {
        backend: backend.clone(),
        leptos: LeptosOptions::builder()
            .output_name("trainyard")
            .site_pkg_dir("pkg")
            .site_addr(address)
            .build(),
    };
    crate::tour::offer(&backend, address);
    let background = backend::background::start(&backend);
    tokio::spawn(crate::memory::stay_small());
    tracing::info!(address = %address, startup_ms = begun.elapsed().as_millis() as u64, "Listening");
    match setup {
        Some(token) => println!(
            "\nOpen this once to make the admin account:\n\n  http://{address}/setup?token={token}\n"
        ),
        None => println!("\nTrainyard is at\n\n  http://{address}/\n"),
    }
    let stopping = backend.stopping();
    let served = axum::serve(listener, router(state, gate)).with_graceful_shutdown({
        let stopping = stopping.clone();
        async move {
            if let Err(error) = shutdown::asked_to_stop().await {
                tracing::error!(%error, "cannot listen for signals");
            }
            tracing::info!("Stopping; jobs on nodes go on");
            stopping.cancel();
        }
    });
    tokio::select! {
        result = served => result?,
        () = async { stopping.cancelled().await; tokio::time::sleep(DRAIN).await } => tracing::warn!("Some requests were still open and are cut"),
    }
    background.drained(DRAIN).await;
    backend.store().close().await;
    drop(held);
    Ok(())
}

/// The names under which browsers may reach us.
fn hosts(address: std::net::SocketAddr, more: &[String]) -> Vec<String> {
    let port = address.port();
    let mut hosts = vec![
        address.to_string(),
        format!("localhost:{port}"),
        format!("127.0.0.1:{port}"),
        format!("[::1]:{port}"),
    ];
    hosts.extend(more.iter().map(|host| host.to_ascii_lowercase()));
    hosts.extend(
        more.iter()
            .filter(|host| !host.contains(':'))
            .map(|host| format!("{}:{port}", host.to_ascii_lowercase())),
    );
    hosts
}

/// The data folder holds the key file and the database: nobody else on the machine may look in.
fn make_private_folder(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    if !folder.exists() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("make the data folder {}", folder.display()))?;
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
        .with_context(|| format!("make {} private", folder.display()))
}
