//! A console without a web server, and nodes behind a real OpenSSH server.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::hosts::{Login, ScriptedHost, SshHost};
use backend::store::{NewJobRow, NewLaunch, Store};
use backend::{Actor, Backend, Settings, background, clock, folder, hosts, jobs, people, secrets};
use domain::experiments::Experiment;
use domain::ids::{ExperimentId, JobId, NodeId};
use domain::jobs::{JobSpec, JobView, Kind, ProcessSpec, Success};
use domain::nodes::{Address, Cluster, Environment, Node};
use tempfile::TempDir;

/// An OpenSSH server on loopback with its own configuration, keys and port; ended when dropped.
pub struct Sshd {
    folder: TempDir,
    pub port: u16,
    child: Option<Child>,
}

impl Sshd {
    pub fn start() -> Sshd {
        let folder = tempfile::tempdir().expect("a folder");
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("an address")
            .port();
        for name in ["host_key", "user_key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(folder.path().join(name))
                .status()
                .expect("ssh-keygen runs (Debian: openssh-client)");
            assert!(made.success());
        }
        std::fs::create_dir(folder.path().join(".ssh")).expect("made");
        std::fs::copy(
            folder.path().join("user_key.pub"),
            folder.path().join(".ssh/authorized_keys"),
        )
        .expect("copied");
        let at = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
             PermitRootLogin yes\nPasswordAuthentication no\nPrintMotd no\nSetEnv HOME={} PATH={}:/usr/local/bin:/usr/bin:/bin\n",
            at("host_key"),
            at(".ssh/authorized_keys"),
            folder.path().display(),
            at("bin"),
        );
        std::fs::create_dir(at("bin")).expect("made");
        std::fs::write(folder.path().join("sshd_config"), config).expect("written");
        let mut server = Sshd {
            folder,
            port,
            child: None,
        };
        server.resume();
        server
    }

    /// Starts the server (again), and waits until it listens.
    pub fn resume(&mut self) {
        // Where privileges are separated, sshd wants this folder.
        std::fs::create_dir_all("/run/sshd").ok();
        let child = Command::new("/usr/sbin/sshd")
            .arg("-D")
            .arg("-f")
            .arg(self.folder.path().join("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sshd starts (Debian: openssh-server)");
        self.child = Some(child);
        let address = format!("127.0.0.1:{}", self.port);
        wait_blocking("sshd to listen", || {
            std::net::TcpStream::connect(&address).is_ok()
        });
    }

    /// Ends the server and every session it serves: what a node's reboot of sshd looks like.
    pub fn stop(&mut self) {
        self.signal_all("-KILL");
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Sends a signal to the server and its sessions (its own process group members by parent).
    pub fn signal_all(&self, signal: &str) {
        let Some(child) = &self.child else { return };
        let sessions = descendants(child.id());
        for pid in sessions.iter().chain([&child.id()]) {
            Command::new("kill")
                .args([signal, &pid.to_string()])
                .stderr(Stdio::null())
                .status()
                .ok();
        }
    }

    /// A file among the programs that its sessions find first.
    pub fn bin(&self, name: &str) -> PathBuf {
        self.folder.path().join("bin").join(name)
    }

    /// Puts a program there.
    pub fn install(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(self.bin(name), script).expect("written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.bin(name), mode).expect("made executable");
    }

    /// A connection of its own to it.
    pub async fn host(&self) -> SshHost {
        let key = hosts::first_contact("127.0.0.1", self.port).await;
        SshHost::new(Login {
            address: Address {
                host: "127.0.0.1".to_owned(),
                port: self.port,
                user: user(),
            },
            private_key: self.private_key(),
            host_key: key.expect("a host key").openssh,
        })
    }

    /// What may log in now.
    pub fn authorized_keys(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(".ssh/authorized_keys")).expect("the keys")
    }

    pub fn private_key(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("user_key")).expect("the key")
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.signal_all("-CONT");
        self.stop();
    }
}

/// sshd's own processes below `parent` (sessions), not the commands they run.
fn descendants(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let Some((name, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        if rest.split(' ').nth(1) == Some(&parent.to_string()) && name.contains("(sshd") {
            found.push(pid);
            found.extend(descendants(pid));
        }
    }
    found
}

fn wait_blocking(what: &str, mut is_there: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_there() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A console over a fresh database, with an admin.
pub struct Console {
    pub backend: Backend,
    pub actor: Actor,
    pub folder: PathBuf,
    _data: Option<TempDir>,
}

impl Console {
    pub async fn start() -> Console {
        let data = tempfile::tempdir().expect("a folder");
        let mut console = Console::open(data.path()).await;
        console._data = Some(data);
        console
    }

    /// A console over this folder: what a restart of the process does.
    /// The next console over this folder, when the one before has ended.
    pub async fn restart(folder: &Path) -> Console {
        let console = Console::open(folder).await;
        let held = folder::hold(folder).expect("asked").ok();
        folder::take_over(&console.backend, &held.expect("free"))
            .await
            .expect("taken over");
        console
    }

    pub async fn open(folder: &Path) -> Console {
        Console::open_with(Settings::new(folder.to_owned())).await
    }

    pub async fn open_with(settings: Settings) -> Console {
        let folder = settings.data_folder.clone();
        let store = Store::open(&folder.join("trainyard.sqlite"))
            .await
            .expect("a store");
        let backend = Backend::new(store, settings).expect("a backend");
        if let Some(link) = people::setup_link(&backend).await.expect("asked") {
            people::create_first_admin(&backend, &link, "ada", "a long password")
                .await
                .expect("made");
        }
        let token = people::log_in(&backend, "ada", "a long password", "test")
            .await
            .expect("logged in");
        let (_, actor) = people::actor_of_session(&backend, &token, None)
            .await
            .expect("asked")
            .expect("known");
        Console {
            backend,
            actor,
            folder,
            _data: None,
        }
    }

    /// Registers `count` nodes that are all reached through `sshd`, each with a work folder of its own below `work`.
    pub async fn nodes(&self, sshd: &Sshd, work: &Path, count: u32) -> Vec<NodeId> {
        let ways: Vec<(&Sshd, u16)> = (0..count).map(|_| (sshd, sshd.port)).collect();
        self.nodes_at(&ways, work).await
    }

    /// Registers one cluster with a node for each server, reached at the port that stands beside it.
    pub async fn nodes_at(&self, ways: &[(&Sshd, u16)], work: &Path) -> Vec<NodeId> {
        let cluster = Cluster {
            id: clock::new_id(),
            project_id: self.actor.project.clone(),
            name: format!("cluster {}", ways[0].1),
            is_rehearsal: false,
            created_at: clock::now(),
        };
        assert!(
            self.backend
                .store()
                .insert_cluster(&cluster, &self.actor.user)
                .await
                .expect("stored")
        );
        let mut ids = Vec::new();
        for (rank, (sshd, port)) in (0..).zip(ways) {
            let key = hosts::first_contact("127.0.0.1", *port)
                .await
                .expect("a host key");
            let secret = secrets::keep(
                &self.backend,
                &self.actor.project,
                &self.actor.user,
                "key",
                &sshd.private_key(),
            )
            .await;
            let work_folder = work.join(format!("node-{rank}"));
            std::fs::create_dir_all(&work_folder).expect("a work folder");
            let node = Node {
                id: clock::new_id(),
                project_id: self.actor.project.clone(),
                cluster_id: cluster.id.clone(),
                rank,
                name: format!("node-{rank}"),
                address: Address {
                    host: "127.0.0.1".to_owned(),
                    port: *port,
                    user: user(),
                },
                key: secret.expect("kept"),
                host_key: key.openssh.clone(),
                environment: Environment::Direct,
                work_folder: work_folder.display().to_string(),
                mounts: Vec::new(),
                is_rehearsal: false,
                created_at: clock::now(),
            };
            assert!(
                self.backend
                    .store()
                    .insert_node(&node, &self.actor.user)
                    .await
                    .expect("stored")
            );
            ids.push(node.id);
        }
        ids
    }

    /// Puts a scripted machine in the place of a node.
    pub async fn script(&self, node: &NodeId) -> Arc<ScriptedHost> {
        let stored = self.backend.store().node(node).await;
        let node = stored.expect("read").expect("stored");
        let host = Arc::new(ScriptedHost::default());
        let hosts = self.backend.hosts();
        hosts.place(&node.id, node.address, node.host_key, host.clone());
        host
    }

    /// Submits a job with one script per node.
    pub async fn submit(&self, key: &str, success: Success, scripts: &[(&NodeId, &str)]) -> JobId {
        let processes = scripts
            .iter()
            .zip(0..)
            .map(|((node, script), rank)| ProcessSpec {
                rank,
                node_id: (*node).clone(),
                gpus: Vec::new(),
                script: (*script).to_owned(),
                files: Vec::new(),
            });
        let new = jobs::NewJob {
            project: self.actor.project.clone(),
            creator: self.actor.user.clone(),
            title: "test".to_owned(),
            subject: String::new(),
            launch_key: key.to_owned(),
            spec: JobSpec {
                kind: Kind::Train,
                processes: processes.collect(),
                success,
            },
        };
        jobs::submit(&self.backend, new).await.expect("submitted")
    }

    /// Launches an experiment of one process, which succeeds by its exit code.
    pub async fn launch(&self, name: &str, process: ProcessSpec) -> (ExperimentId, JobId) {
        let experiment = Experiment {
            id: clock::new_id(),
            project_id: self.actor.project.clone(),
            name: name.to_owned(),
            setup: None,
            created_at: clock::now(),
        };
        let spec = JobSpec {
            kind: Kind::Train,
            processes: vec![process],
            success: Success::ExitCode,
        };
        let (job, attempt) = (clock::new_id(), clock::new_id());
        let launch = NewLaunch {
            experiment: &experiment,
            is_new: true,
            config: &Default::default(),
            creator: &self.actor.user,
            attempt: &attempt,
            job: NewJobRow {
                id: &job,
                project: &self.actor.project,
                creator: &self.actor.user,
                title: name,
                subject: experiment.id.as_str(),
                launch_key: name,
                spec: &spec,
                now: clock::now(),
            },
        };
        let stored = self.backend.store().insert_launch(launch).await;
        stored.expect("stored");
        (experiment.id, job)
    }

    /// Runs activations of the reconciler until the job fits, at most a minute.
    pub async fn until(&self, job: &JobId, what: &str, fits: impl Fn(&JobView) -> bool) -> JobView {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            background::job_reconciler::activate(self.backend.clone())
                .await
                .expect("an activation");
            let view = jobs::get(&self.backend, &self.actor, job)
                .await
                .expect("the job");
            if fits(&view) {
                return view;
            }
            assert!(
                Instant::now() < deadline,
                "waited in vain until {what}; the job is {:?}",
                view.state
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn until_ended(&self, job: &JobId) -> JobView {
        self.until(job, "the job ended", |view| view.state.is_terminal())
            .await
    }

    pub async fn log(&self, job: &JobId, rank: u32) -> String {
        let slice = jobs::log(&self.backend, &self.actor, job, rank, Some(0), 1 << 20)
            .await
            .expect("asked")
            .expect("a log");
        String::from_utf8_lossy(&slice.bytes).into_owned()
    }
}

pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Waits until `is_there`, at most 20 s.
pub async fn wait_until(what: &str, mut is_there: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_there() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a process lives (and is no zombie).
pub fn lives(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with('Z'))
    })
}
