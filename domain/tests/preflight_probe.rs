//! The pre-flight's script against a real sh: what it prints is what is read.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use domain::experiments::preflight::{Ask, Seen, parse, script};
use domain::nodes::{Address, Environment, Node};
use domain::time::Timestamp;

fn node(work: &Path) -> Node {
    let id = |n: u8| format!("00000000-0000-7000-8000-0000000000{n:02}");
    Node {
        id: id(1).parse().expect("an id"),
        project_id: id(2).parse().expect("an id"),
        cluster_id: id(3).parse().expect("an id"),
        rank: 0,
        name: "node".to_owned(),
        address: Address {
            host: "127.0.0.1".to_owned(),
            port: 22,
            user: "root".to_owned(),
        },
        key: id(4).parse().expect("an id"),
        host_key: String::new(),
        environment: Environment::Direct,
        work_folder: work.display().to_string(),
        mounts: Vec::new(),
        is_rehearsal: false,
        created_at: Timestamp(0),
    }
}

fn run(work: &Path, port: u16) -> Seen {
    let at = |name: &str| work.join(name).display().to_string();
    let text = script(&Ask {
        node: &node(work),
        model: &at("it's a model"),
        mcore: &at("mcore"),
        dataset: &at("rows.jsonl"),
        cache: &at("cache"),
        megatron: &at("Megatron-LM"),
        main: "127.0.0.1",
        port,
        image: "",
    });
    let mut child = Command::new("sh")
        .arg("-s")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(text.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("ended");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    parse(&said)
        .unwrap_or_else(|why| panic!("{why}: {said}\n{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_real_sh_prints_what_is_read() {
    let folder = std::env::temp_dir().join(format!("trainyard-probe-{}", std::process::id()));
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    write("it's a model/config.json", "{}");
    write(
        "it's a model/tokenizer_config.json",
        "{\"chat_template\": 1}",
    );
    write("it's a model/model-00001-of-00001.safetensors", "weights");
    write("mcore/latest_checkpointed_iteration.txt", "1");
    write("mcore/iter_0000001/__0_0.distcp", "shard");
    write("mcore/iter_0000001/.metadata", "names");
    write("rows.jsonl", "{}\n");
    write("cache/lockers/a.lock", "");
    write(
        "Megatron-LM/megatron/core/package_info.py",
        "MAJOR = 0\nMINOR = 13\nPATCH = 1\nPRE_RELEASE = ''\n",
    );
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();

    let seen = run(&folder, port);
    let (began, ended) = seen.clock.expect("a clock");
    assert!(
        began > 1.6e9 && ended >= began && ended < began + 20.0,
        "{began} {ended}"
    );
    assert!(seen.disk_free.is_some_and(|free| free > 0) && seen.work_is_writable);
    assert!(seen.ram_free.is_some_and(|free| free > 0));
    assert_eq!((seen.cache.as_str(), seen.old_locks), ("ok", 0));
    let (path, version) = seen.megatron.clone().expect("a folder");
    assert!(path.ends_with("/Megatron-LM"), "{path}");
    assert_eq!(version, "0.13.1");
    let model = seen.model.clone().expect("there");
    assert_eq!(model.bytes, 2 + 20 + 7);
    assert!(seen.mcore.is_some());
    let (size, is_whole, hash) = seen.dataset.clone().expect("there");
    assert_eq!((size, is_whole, hash.len()), (3, true, 64));
    assert!(seen.listening.contains(&port));
    assert_eq!(seen.reach.as_deref(), Some("open"));
    drop(listener);

    // One byte of the weights, of the tokenizer and of a shard: each is seen where it is.
    write("it's a model/model-00001-of-00001.safetensors", "Weights");
    let other = run(&folder, port);
    let changed = other.model.expect("there");
    assert_ne!(changed.weights, model.weights);
    assert_eq!(
        (&changed.names, &changed.texts, &changed.template),
        (&model.names, &model.texts, &model.template)
    );
    assert_eq!(other.mcore, seen.mcore);
    assert_eq!(other.reach.as_deref(), Some("refused"));
    write(
        "it's a model/tokenizer_config.json",
        "{\"chat_template\": 2}",
    );
    write("mcore/iter_0000001/.metadata", "other");
    fs::remove_file(folder.join("rows.jsonl")).expect("removed");
    let other = run(&folder, port);
    assert_ne!(other.model.expect("there").template, model.template);
    assert_ne!(
        other.mcore.map(|print| print.texts),
        seen.mcore.map(|print| print.texts)
    );
    assert_eq!(other.dataset, None);
    fs::remove_dir_all(folder).expect("removed");
}
