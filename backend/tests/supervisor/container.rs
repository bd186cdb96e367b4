//! One container per attempt, against a real dockerd that the test starts for itself.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use backend::executors::{ContainerExecutor, Executor, Handle, Submitted};
use domain::jobs::ProcessSpec;
use domain::jobs::observation::Seen;
use domain::nodes::Mount;
use tempfile::TempDir;

const IMAGE: &str = "trainyard-test:1";

/// A dockerd with its own folder and socket; ended with its containers when dropped.
struct Docker {
    folder: TempDir,
    child: Child,
}

impl Docker {
    fn start() -> Docker {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        let log = std::fs::File::create(at("log")).expect("a log");
        let child = Command::new("dockerd")
            .args(["--iptables=false", "--bridge=none", "--storage-driver=vfs"])
            .args(["--data-root", &at("data"), "--exec-root", &at("exec")])
            .args([
                "--pidfile",
                &at("pid"),
                "--host",
                &format!("unix://{}", at("sock")),
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("dockerd starts (Debian: docker.io; root is needed)");
        let docker = Docker { folder, child };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !docker
            .command(&["version"])
            .status()
            .expect("docker runs")
            .success()
        {
            let log = std::fs::read_to_string(docker.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "dockerd does not answer:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        docker
    }

    fn address(&self) -> String {
        format!("unix://{}", self.folder.path().join("sock").display())
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .env("DOCKER_HOST", self.address())
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn containers(&self) -> String {
        let output = self
            .command(&["ps", "--all", "--format", "{{.Names}} {{.Labels}}"])
            .stdout(Stdio::piped())
            .output()
            .expect("docker runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// An image of the programs that the wrapper needs, copied from this machine with their libraries.
    fn import_image(&self) {
        let made = Command::new("sh")
            .arg("-euc")
            .arg(
                "cd \"$0\"; mkdir -p image/bin image/proc image/tmp
                 for name in sh env sleep cat grep sed awk mv rm mkdir stat head wc setsid readlink ln; do
                   program=$(readlink -f \"$(command -v $name)\"); cp \"$program\" image/bin/$name
                   ldd \"$program\" | grep -o '/[^ ]*' | while read -r library; do
                     mkdir -p \"image${library%/*}\"; cp -L \"$library\" \"image$library\"
                   done
                 done
                 tar -C image -c . | docker import - \"$1\" > /dev/null",
            )
            .arg(self.folder.path())
            .arg(IMAGE)
            .env("DOCKER_HOST", self.address())
            .status()
            .expect("sh runs");
        assert!(made.success(), "the image could not be made");
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // TERM, so that dockerd ends its containers and their mounts.
        let pid = self.child.id().to_string();
        Command::new("kill").arg(&pid).status().ok();
        self.child.wait().ok();
        // dockerd leaves this mount behind, and with it the folder could not be removed.
        let network = self.folder.path().join("exec/netns/default");
        Command::new("umount").arg(network).status().ok();
    }
}

/// This machine, talking to the test's dockerd.
struct Node(String);

#[async_trait::async_trait]
impl backend::hosts::Host for Node {
    async fn run(
        &self,
        command: &str,
        stdin: bytes::Bytes,
        limits: backend::hosts::Limits,
    ) -> Result<backend::hosts::Output, backend::hosts::HostError> {
        let command = format!("export DOCKER_HOST={}; {command}", self.0);
        backend::hosts::local::LocalHost
            .run(&command, stdin, limits)
            .await
    }

    async fn stream(
        &self,
        command: &str,
    ) -> Result<tokio::sync::mpsc::Receiver<bytes::Bytes>, backend::hosts::HostError> {
        backend::hosts::local::LocalHost.stream(command).await
    }

    async fn connect(
        &self,
        port: u16,
    ) -> Result<Box<dyn backend::hosts::Wire>, backend::hosts::HostError> {
        backend::hosts::local::LocalHost.connect(port).await
    }
}

fn executor(docker: &Docker, work: &Path) -> ContainerExecutor {
    let mount = Mount {
        host: work.display().to_string(),
        inside: "/work".to_owned(),
    };
    ContainerExecutor::new(
        std::sync::Arc::new(Node(docker.address())),
        IMAGE.to_owned(),
        vec!["--env".to_owned(), "COLOUR=dark blue".to_owned()],
        vec![mount],
    )
}

fn attempt(epoch: i64, work_folder: &str) -> Handle {
    Handle {
        job: "01936b2e-7a00-7000-8000-0123456789ab"
            .parse()
            .expect("an id"),
        rank: 0,
        epoch,
        work_folder: work_folder.to_owned(),
    }
}

fn spec(script: &str) -> ProcessSpec {
    ProcessSpec {
        rank: 0,
        node_id: backend::clock::new_id(),
        gpus: Vec::new(),
        script: script.to_owned(),
        files: Vec::new(),
    }
}

async fn until(
    executor: &ContainerExecutor,
    handle: &Handle,
    fits: impl Fn(&Seen) -> bool,
) -> Seen {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let seen = executor
            .poll(handle, Some("the end"))
            .await
            .expect("a look")
            .seen;
        if fits(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "still {seen:?}");
    }
}

#[tokio::test]
#[ignore = "needs root and dockerd: make test"]
async fn an_attempt_lives_and_ends_with_its_own_container() {
    let (docker, work) = (Docker::start(), tempfile::tempdir().expect("a folder"));
    docker.import_image();
    let executor = executor(&docker, work.path());

    let ends = attempt(1, "/work");
    let script = "pwd; echo \"$COLOUR\"; echo 'the end'; exit 3";
    assert_eq!(
        executor.submit(&ends, &spec(script)).await,
        Ok(Submitted::Started)
    );
    let left = until(&executor, &ends, |seen| *seen != Seen::Alive).await;
    let expected = Seen::Exited {
        code: 3,
        closing: Some(true),
    };
    assert_eq!(left, expected);
    let log = work
        .path()
        .join(".trainyard/jobs/01936b2e-7a00-7000-8000-0123456789ab/0/log");
    let log = std::fs::read_to_string(log).expect("a log");
    assert_eq!(log, "/work\ndark blue\nthe end\n");
    assert_eq!(
        executor.submit(&ends, &spec(script)).await,
        Ok(Submitted::Already)
    );

    let stays = attempt(2, "/work");
    let stubborn = "trap '' TERM; while :; do sleep 1; done";
    assert_eq!(
        executor.submit(&stays, &spec(stubborn)).await,
        Ok(Submitted::Started)
    );
    assert_eq!(
        executor.submit(&ends, &spec(script)).await,
        Ok(Submitted::Fenced)
    );
    until(&executor, &stays, |seen| *seen == Seen::Alive).await;
    let listed = docker.containers();
    assert!(listed.contains("trainyard.epoch=2"), "{listed:?}");
    assert_eq!(executor.reap(&stays, 1).await, Ok(0));
    let left = until(&executor, &stays, |seen| *seen != Seen::Alive).await;
    assert!(matches!(left, Seen::Exited { code: 137, .. }), "{left:?}");
    assert_eq!(docker.containers(), "", "a container stayed behind");

    // Somebody removes the container: no code was left, so the process is gone, not ended.
    let removed = attempt(3, "/work");
    assert_eq!(
        executor.submit(&removed, &spec(stubborn)).await,
        Ok(Submitted::Started)
    );
    let name = docker.containers();
    let name = name.split(' ').next().expect("a name");
    assert!(
        docker
            .command(&["rm", "--force", name])
            .status()
            .expect("docker runs")
            .success()
    );
    let left = until(&executor, &removed, |seen| *seen != Seen::Alive).await;
    assert_eq!(left, Seen::Gone { rebooted: false });

    let unmapped = executor
        .submit(&attempt(4, "/elsewhere"), &spec("true"))
        .await;
    let refusal = unmapped
        .expect_err("a folder that is not mounted")
        .to_string();
    assert!(refusal.contains("/elsewhere/"), "{refusal}");
}
