//! `trainyard script` as a person runs it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn run(script: &[u8], more: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_trainyard"))
        .args(["script", "-"])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // A refused command line reads nothing.
    let _ = child.stdin.take().expect("stdin").write_all(script);
    child.wait_with_output().expect("it ends")
}

fn json(script: &[u8], more: &[&str]) -> (Value, i32) {
    let output = run(script, &[more, &["--json"]].concat());
    let said = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (said, output.status.code().expect("a code"))
}

const TWO_NODES: &str = "export NNODES=2\nexport NODE_RANK=0\nexport MASTER_ADDR=10.0.0.2\nexport MASTER_PORT=29500\nexport NPROC_PER_NODE=8\nexport MEGATRON_LM_PATH=/opt/Megatron-LM\nnohup megatron sft \\\n    --load /models/glm-mcore \\\n    --dataset /data/train.jsonl \\\n    --train_type lora \\\n    --max_epochs 3 \\\n    --save /output/glm \\\n    > train.log 2>&1 &\n";

#[test]
fn a_training_of_two_nodes_is_understood_and_translated() {
    let (said, code) = json(TWO_NODES.as_bytes(), &[]);
    assert_eq!(code, 0, "{said:#}");
    assert_eq!(
        (
            &said["version"]["release"],
            &said["version"]["how"],
            &said["to"]
        ),
        (&"3.9.3".into(), &"guessed".into(), &"3.9.3".into())
    );
    assert_eq!(said["script"], TWO_NODES);
    assert_eq!(
        (&said["translated"], &said["findings"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
    let program = &said["programs"][0];
    assert_eq!(
        (
            &program["program"],
            &program["line"],
            &program["background"],
            &program["output"]
        ),
        (
            &"megatron sft".into(),
            &7.into(),
            &true.into(),
            &"train.log".into()
        )
    );
    assert_eq!(program["variables"]["NNODES"], "2");
    assert_eq!(
        (
            &program["flags"][0]["flag"],
            &program["flags"][0]["neutral"],
            &program["flags"][0]["line"]
        ),
        (&"load".into(), &"mcore_model".into(), &8.into())
    );
    assert_eq!(said["fields"]["num_train_epochs"], serde_json::json!(["3"]));
    assert_eq!(
        said["fields"]["finetune"],
        serde_json::json!(["false"]),
        "what 3.9 means by saying nothing"
    );

    let (said, code) = json(TWO_NODES.as_bytes(), &["--to", "4.6.0"]);
    assert_eq!(code, 0, "{said:#}");
    let script = said["script"].as_str().expect("a script");
    for part in [
        "--mcore_model /models/glm-mcore",
        "--output_dir /output/glm",
        "--finetune false",
        "> train.log 2>&1 &\n",
        "export NNODES=2\n",
    ] {
        assert!(script.contains(part), "{part}\n{script}");
    }
    let first = &said["translated"][0];
    assert_eq!(
        (&first["from"], &first["to"], &first["line"]),
        (
            &"--load /models/glm-mcore".into(),
            &"--mcore_model /models/glm-mcore".into(),
            &8.into()
        )
    );
}

#[test]
fn exports_with_an_adapter_are_understood_in_both_generations() {
    let old = "CUDA_VISIBLE_DEVICES=0 swift export \\\n    --model /models/glm \\\n    --mcore_model /models/glm-mcore \\\n    --mcore_adapters /output/glm/v0-20260101-000000 \\\n    --to_hf true \\\n    --torch_dtype bfloat16 \\\n    --output_dir /output/merged \\\n    --test_convert_precision true\n";
    let (said, code) = json(old.as_bytes(), &["--to", "4.6.0"]);
    assert_eq!(
        (code, &said["version"]["release"]),
        (0, &"3.9.3".into()),
        "{said:#}"
    );
    assert_eq!(
        said["script"].as_str(),
        Some(old.replace("--mcore_adapters", "--mcore_adapter").as_str())
    );
    let (said, code) = json(
        said["script"].as_str().expect("text").as_bytes(),
        &["--to", "3.9.3"],
    );
    assert_eq!((code, said["script"].as_str()), (0, Some(old)), "{said:#}");
    let both = "swift export --model /m --adapters /a --mcore_adapters /b /c --to_hf true\n";
    let (said, code) = json(both.as_bytes(), &["--to", "4.6.0"]);
    assert_eq!(code, 1);
    assert!(
        said["findings"][0]["text"]["en"]
            .as_str()
            .is_some_and(|text| text.contains("one after another")),
        "{said:#}"
    );
}

#[test]
fn what_stops_has_its_place_and_what_to_write() {
    let (said, code) = json(
        b"megatron sft --load /m --dataset d --swanlab_token s3cret --lr fast\n",
        &["--from", "3.9.3"],
    );
    assert_eq!(code, 1);
    let find = |flag: &str, severity: &str| {
        let found = said["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .find(|f| f["flag"] == flag && f["severity"] == severity);
        found.unwrap_or_else(|| panic!("{flag}: {said:#}")).clone()
    };
    let lr = find("lr", "stops");
    assert_eq!(
        (&lr["line"], &lr["column"], &lr["found"]),
        (&1.into(), &64.into(), &"fast".into())
    );
    assert!(
        lr["write"]["en"]
            .as_str()
            .is_some_and(|write| write.contains("1e-4"))
    );
    let token = find("swanlab_token", "stops");
    assert!(
        token["write"]["en"]
            .as_str()
            .is_some_and(|write| write.contains("SWANLAB_API_KEY"))
    );
    let without_script = {
        let mut said = said.clone();
        said["script"] = Value::Null;
        said.to_string()
    };
    assert!(!without_script.contains("s3cret"), "{said:#}");
}

#[test]
fn files_that_are_no_scripts_are_named() {
    for (bytes, part) in [
        (&b"\xff\xfem\0e\0"[..], "UTF-16LE"),
        (b"# \xc4\xe3\xba\xc3\n", "not UTF-8"),
        (b"megatron sft --system 'it\n", "not closed"),
        (b"", "no command of ms-swift"),
    ] {
        let (said, code) = json(bytes, &[]);
        assert_eq!(code, 1);
        let texts = said["findings"].to_string();
        assert!(texts.contains(part), "{part}: {texts}");
        let output = run(bytes, &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stdout).contains(part));
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for more in [&["--to", "2.6"][..], &["--to", "new"], &["--nonsense"]] {
        assert_eq!(run(b"", more).status.code(), Some(2), "{more:?}");
    }
    let absent = Command::new(env!("CARGO_BIN_EXE_trainyard"))
        .args(["script", "/no/such/file.sh"])
        .output()
        .expect("it starts");
    assert_eq!(absent.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("/no/such/file.sh cannot be read"));
}

#[test]
fn a_list_read_from_a_node_takes_the_place_of_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("list.json");
    std::fs::write(&list, r#"{"ms_swift": "4.9.0", "commands": {"megatron sft": [{"name": "model", "type": "str"}, {"name": "dataset", "type": "List[str]"}, {"name": "brand_new", "type": "int", "default": 3}]}}"#).expect("written");
    let list = list.to_str().expect("a path");
    let script = b"export NPROC_PER_NODE=1\nmegatron sft --model /m --dataset d --brand_new 5\n";
    let (said, code) = json(script, &["--to", "4.9.0", "--list", list]);
    assert_eq!(
        (code, &said["findings"]),
        (0, &serde_json::json!([])),
        "{said:#}"
    );
    let (_, code) = json(
        b"megatron sft --model /m --dataset d --brand_new x\n",
        &["--to", "4.9.0", "--list", list],
    );
    assert_eq!(code, 1);
    let probe = Command::new(env!("CARGO_BIN_EXE_trainyard"))
        .args(["script", "--probe"])
        .output()
        .expect("it starts");
    assert!(String::from_utf8_lossy(&probe.stdout).contains("ast.parse"));
    let all = Command::new(env!("CARGO_BIN_EXE_trainyard"))
        .args(["script", "--arguments", "--to", "3.9.3"])
        .output()
        .expect("it starts");
    assert!(String::from_utf8_lossy(&all.stdout).contains("megatron sft: 297 arguments"));
}
