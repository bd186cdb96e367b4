//! What the console shows of a row, and the plugins it writes, beside real ms-swift. SWIFT_PYTHONS names interpreters that have a release, as
//! `3.9.3=/path/python 4.6.0=/path/python`; `make test-full` sets it.

use std::io::Write;
use std::process::{Command, Stdio};

use domain::datasets::preview::{self, Answer, Ask, Part};
use domain::models::plugin::Plugin;
use domain::recipes::version::Version;

/// Encodes a row without our program, and says length, trained tokens and text.
const BESIDE: &str = r#"
import json, sys
ask = json.load(sys.stdin)
try:
    from swift.llm import get_model_tokenizer, get_template
    _, tok = get_model_tokenizer(ask['model'], load_model=False, model_type='qwen3')
    tp = get_template('qwen3', tok, loss_scale=ask['loss_scale'])
except ImportError:
    from swift import get_processor, get_template
    tok = get_processor(ask['model'], model_type='qwen3')
    tp = get_template(tok, template_type='qwen3', loss_scale=ask['loss_scale'])
tp.set_mode('train'); tp.max_length = None
e = tp.encode(json.loads(ask['row']))
weights = e.get('loss_scale') or [float(t != -100) for t in e['labels']]
print('@' + json.dumps([len(e['input_ids']), sum(t != -100 for t in e['labels']), tok.decode(e['input_ids']), sum(w for w, t in zip(weights, e['labels']) if t != -100)]))
"#;

fn releases() -> Vec<(Version, String)> {
    let named = std::env::var("SWIFT_PYTHONS").expect("SWIFT_PYTHONS");
    named
        .split_whitespace()
        .map(|one| {
            let (version, python) = one.split_once('=').expect("VERSION=PYTHON");
            (
                Version::parse(version).expect("a version"),
                python.to_owned(),
            )
        })
        .collect()
}

fn run(python: &str, program: &str, ask: &Ask) -> String {
    let mut child = Command::new(python)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let request = serde_json::to_vec(ask).expect("JSON");
    child
        .stdin
        .take()
        .expect("stdin")
        .write_all(&request)
        .expect("sent");
    let output = child.wait_with_output().expect("it ends");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A model folder with a tokenizer of bytes, made by scripts/datasets/real_swift.py.
fn model(python: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/datasets");
    let program = format!(
        "import sys; sys.path.insert(0, {script:?}); import real_swift; real_swift.make_model(sys.argv[1])"
    );
    let made = Command::new(python)
        .args(["-c", &program])
        .arg(folder.path())
        .status()
        .expect("it runs");
    assert!(made.success());
    folder
}

#[test]
#[ignore = "needs ms-swift: make test-full"]
fn what_is_shown_is_what_is_trained() {
    let row = r#"{"tools": "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"d\", \"parameters\": {}}}]", "messages": [{"role": "user", "content": "问题?"}, {"role": "tool_call", "content": "{\"name\": \"f\", \"arguments\": {}}"}, {"role": "tool_response", "content": "1"}, {"role": "assistant", "content": "答 🙂", "loss": true}]}"#;
    for (version, python) in releases() {
        let folder = model(&python);
        for loss_scale in ["default", "last_round", "hermes"] {
            let ask = Ask {
                model: folder.path().display().to_string(),
                model_type: "qwen3".into(),
                template: "qwen3".into(),
                loss_scale: loss_scale.into(),
                row: row.into(),
                ..Ask::default()
            };
            let beside = run(&python, BESIDE, &ask);
            let beside = beside
                .lines()
                .find_map(|line| line.strip_prefix('@'))
                .expect("an answer");
            let (length, trained, text, weight): (u32, u32, String, f64) =
                serde_json::from_str(beside).expect("JSON");
            let Some(Answer::Rendered {
                length: ours,
                trained: our_trained,
                parts,
                ..
            }) = preview::answer(&run(&python, preview::PROGRAM, &ask))
            else {
                panic!("{version:?} {loss_scale}: not rendered");
            };
            assert_eq!(
                (ours, our_trained),
                (length, trained),
                "{version:?} {loss_scale}"
            );
            assert_eq!(
                parts
                    .iter()
                    .map(|Part(text, ..)| text.as_str())
                    .collect::<String>(),
                text
            );
            let our_weight: f64 = parts
                .iter()
                .map(|Part(_, tokens, weight)| f64::from(*tokens) * weight)
                .sum();
            assert!(
                (our_weight - weight).abs() < 1e-6,
                "{version:?} {loss_scale}: {our_weight} {weight}"
            );
        }
        // A table of one's own doubles the call.
        let ask = Ask {
            model: folder.path().display().to_string(),
            model_type: "qwen3".into(),
            template: "qwen3".into(),
            loss_scale_pairs: vec![("<tool_call>.+?</tool_call>".into(), vec![2.5])],
            row: row.into(),
            ..Ask::default()
        };
        let Some(Answer::Rendered { parts, .. }) =
            preview::answer(&run(&python, preview::PROGRAM, &ask))
        else {
            panic!("{version:?}: not rendered");
        };
        let heavy: String = parts
            .iter()
            .filter(|Part(_, _, weight)| *weight == 2.5)
            .map(|Part(text, ..)| text.as_str())
            .collect();
        assert!(
            heavy.starts_with("<tool_call>") && heavy.ends_with("</tool_call>"),
            "{version:?}: {heavy}"
        );
    }
}

#[test]
#[ignore = "needs ms-swift: make test-full"]
fn a_plugin_registers_and_renders() {
    let plugin = Plugin {
        model_type: "my_chat".into(),
        models: "team/my-chat".into(),
        architectures: "MyForCausalLM".into(),
        template_type: "my_template".into(),
        default_system: "Be \"kind\".".into(),
        stop_words: "<stop>".into(),
        ..Plugin::chatml()
    };
    for (version, python) in releases() {
        let folder = model(&python);
        let ask = Ask {
            model: folder.path().display().to_string(),
            model_type: "my_chat".into(),
            template: "my_template".into(),
            plugins: vec![plugin.source(version)],
            row: r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#.into(),
            ..Ask::default()
        };
        match preview::answer(&run(&python, preview::PROGRAM, &ask)) {
            Some(Answer::Rendered {
                parts, template, ..
            }) => {
                assert_eq!(template, "my_template");
                let text: String = parts.iter().map(|Part(text, ..)| text.as_str()).collect();
                assert!(text.starts_with("<|im_start|>system\nBe \"kind\".<|im_end|>\n<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>"), "{text}");
            }
            other => panic!("{version:?}: {other:?}"),
        }
    }
}
