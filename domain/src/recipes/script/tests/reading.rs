//! What is understood of a script.

use super::*;
use crate::finding::Weight;

fn texts(arguments: &[Argument]) -> Vec<&str> {
    arguments.iter().map(|a| a.value.text.as_str()).collect()
}

fn values<'a>(script: &'a Script, flag: &str) -> Vec<&'a str> {
    let program = script.main_program().expect("a program");
    texts(
        &program
            .flag(flag)
            .unwrap_or_else(|| panic!("--{flag}"))
            .values,
    )
}

const RUNBOOK: &str = r#"#!/bin/bash
# train GLM on two nodes
set -e
export NNODES=2 NODE_RANK=0
export MASTER_ADDR=10.0.0.2
MASTER_PORT=29500
export MASTER_PORT
MODEL="/models/GLM-4.5-Air"          # base
OUT=${OUT_DIR:-/output/glm}
PYTORCH_CUDA_ALLOC_CONF='expandable_segments:True' \
NPROC_PER_NODE=8 \
CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7 \
nohup megatron sft \
    --load "${MODEL}-mcore" \
    --dataset '/data/a b.jsonl' /data/c.jsonl#500 \
    --train_type lora \
    --lr=1e-4 \
    --packing \
    --system "You're \"it\"" \
    --save $OUT \
    > train.log 2>&1 &
echo $! > pid
"#;

#[test]
fn a_command_gets_its_flags_its_variables_and_where_its_output_goes() {
    let script = Script::read(RUNBOOK);
    assert_eq!(script.remarks(), []);
    let program = script.main_program().expect("a program");
    assert_eq!(program.name, "megatron sft");
    assert_eq!(values(&script, "load"), ["/models/GLM-4.5-Air-mcore"]);
    assert_eq!(
        values(&script, "dataset"),
        ["/data/a b.jsonl", "/data/c.jsonl#500"]
    );
    assert_eq!(values(&script, "lr"), ["1e-4"]);
    assert_eq!(values(&script, "packing"), Vec::<&str>::new());
    assert_eq!(values(&script, "system"), ["You're \"it\""]);
    assert_eq!(values(&script, "save"), ["/output/glm"]);
    assert_eq!(program.wrappers, ["nohup"]);
    assert!(program.is_in_background);
    assert_eq!(program.output.as_deref(), Some("train.log"));
    let variable = |name: &str| {
        program
            .environment
            .get(name)
            .map(|value| value.text.as_str())
    };
    assert_eq!(variable("NNODES"), Some("2"));
    assert_eq!(variable("MASTER_PORT"), Some("29500"));
    assert_eq!(variable("NPROC_PER_NODE"), Some("8"));
    assert_eq!(
        variable("PYTORCH_CUDA_ALLOC_CONF"),
        Some("expandable_segments:True")
    );
    assert_eq!(variable("MODEL"), None, "not exported");
}

#[test]
fn arrays_and_split_variables_give_their_words() {
    let script = Script::read(
        r#"ARGS=(
    --model /m   # the base
    # --packing true
    --dataset "a b" c
)
ARGS+=(--lr 1e-4)
MORE="--seed 7 \
      --max_length 2048"
EMPTY=
megatron pt "${ARGS[@]}" $MORE $EMPTY `# why` --name x$UNSET $ALSO_UNSET --tp ${TP:-2}
"#,
    );
    let program = script.main_program().expect("a program");
    assert_eq!(program.name, "megatron pt");
    assert_eq!(values(&script, "dataset"), ["a b", "c"]);
    assert_eq!(values(&script, "lr"), ["1e-4"]);
    assert_eq!(values(&script, "seed"), ["7"]);
    assert_eq!(values(&script, "max_length"), ["2048"]);
    assert_eq!(values(&script, "tp"), ["2"]);
    let name = &program.flag("name").expect("name").values;
    assert_eq!((name.len(), name[0].value.is_exact), (1, false));
    assert_eq!(texts(&program.strays), ["$ALSO_UNSET"]);
    assert!(program.flag("packing").is_none());
}

#[test]
fn a_comment_between_continued_lines_ends_the_command_and_is_said() {
    let script =
        Script::read("megatron sft \\\n    --lr 1e-4 \\\n    # --seed 1 \\\n    --packing true\n");
    let remark = &script.remarks()[0];
    assert_eq!(
        (remark.at.line, remark.at.column, remark.weight),
        (4, 5, Weight::Stops)
    );
    assert_eq!(remark.flag, "packing");
    assert!(
        remark.text.en.contains("ends at the comment in line 3"),
        "{}",
        remark.text
    );
    let flag = script
        .main_program()
        .expect("one")
        .flag("packing")
        .expect("attached");
    assert!(flag.is_cut_off);
    let mended = script.with_comments_above();
    assert_eq!(
        mended.text(),
        "# --seed 1\nmegatron sft \\\n    --lr 1e-4 \\\n    --packing true\n"
    );
    assert_eq!(mended.remarks(), []);
    // The classic: a blank behind the backslash.
    let script = Script::read("megatron sft \\ \n  --lr 1\n");
    assert!(
        script.remarks()[0]
            .text
            .en
            .contains("nothing continues the command")
    );
}

#[test]
fn several_commands_loops_and_documents_are_told_apart() {
    let script = Script::read(
        r#"cat > note.txt <<'EOF'
megatron sft --not a command '
EOF
if [ ! -d /m-mcore ]; then
  CUDA_VISIBLE_DEVICES=0 swift export --model /m --to_mcore true --output_dir /m-mcore
fi
for rank in 8 16; do megatron sft --lora_rank $rank 2>&1 | tee r$rank.log; done
rm -rf /output/old
ssh node2 'bash train.sh'
/opt/env/bin/megatron rlhf --rlhf_type dpo && echo ok || exit 1
case "$1" in
  a|b) megatron export --to_hf true ;;
esac
run() { megatron pt --seed 1; }
"#,
    );
    let names: Vec<(&str, Option<&str>)> = script
        .programs()
        .iter()
        .map(|p| (p.name.as_str(), p.inside))
        .collect();
    assert_eq!(
        names,
        [
            ("swift export", Some("if")),
            ("megatron sft", Some("for")),
            ("megatron rlhf", None),
            ("megatron export", Some("case")),
            ("megatron pt", Some("function")),
        ]
    );
    let rank = &script.programs()[1].flags[0].values[0];
    assert_eq!(
        (rank.value.text.as_str(), rank.value.is_exact),
        ("$rank", false)
    );
    let kept: Vec<&str> = script
        .kept()
        .iter()
        .map(|kept| kept.what.as_str())
        .collect();
    assert_eq!(
        kept,
        ["here-document", "if", "for", "rm", "case", "function"]
    );
    let stops = script
        .remarks()
        .iter()
        .filter(|remark| remark.weight == Weight::Stops)
        .count();
    assert_eq!(stops, 0, "{:?}", script.remarks());
    assert_eq!(
        (
            script.remarks()[0].at.line,
            script.remarks()[0].found.as_str()
        ),
        (8, "rm -rf /output/old")
    );
}

#[test]
fn what_is_not_closed_is_named_with_its_place() {
    for (text, line, column, part) in [
        (
            "megatron sft \\\n  --system 'it\n",
            2,
            12,
            "' that opens here",
        ),
        ("echo \"a\necho b\n", 1, 6, "\" that opens here"),
        ("x=$(date\n", 1, 3, "$( that opens here"),
        ("x=${A:-b\n", 1, 3, "${ that opens here"),
        ("x=`date\n", 1, 3, "` that opens here"),
        ("A=(1 2\n", 1, 3, "( that opens here"),
        ("if true; then\n  echo\n", 1, 1, "if that opens here"),
        ("echo a\nfi\n", 2, 1, "closes nothing"),
        ("cat <<EOF\nx\n", 1, 5, "no line \"EOF\""),
        ("echo a >\n", 1, 8, "nothing stands behind >"),
        ("f() {\n echo\n", 1, 2, "{ that opens here"),
    ] {
        let script = Script::read(text);
        let remark = script
            .remarks()
            .iter()
            .find(|remark| remark.text.en.contains(part));
        let remark = remark.unwrap_or_else(|| panic!("{text}: {:?}", script.remarks()));
        assert_eq!((remark.at.line, remark.at.column), (line, column), "{text}");
        assert_eq!(remark.weight, Weight::Stops);
        assert!(!remark.write.en.is_empty());
    }
}

#[test]
fn windows_line_ends_and_a_mark_are_said_and_change_nothing_else() {
    let script = Script::read(
        "\u{feff}export NPROC_PER_NODE=2\r\nmegatron sft \\\r\n  --lr 1e-4 \\\r\n  --seed 1\r\n",
    );
    assert_eq!(values(&script, "lr"), ["1e-4"]);
    assert_eq!(values(&script, "seed"), ["1"]);
    let found: Vec<&str> = script
        .remarks()
        .iter()
        .map(|remark| remark.found.as_str())
        .collect();
    assert_eq!(found, ["EF BB BF", "\\r\\n"]);
    assert!(
        script
            .remarks()
            .iter()
            .all(|remark| remark.weight == Weight::Warning)
    );
    let set = script
        .with_flag(0, "packing", &["true".to_owned()])
        .expect("added");
    assert!(
        set.text()
            .ends_with("  --seed 1 \\\r\n  --packing true\r\n")
    );
    assert_eq!(
        script.for_shell(),
        "export NPROC_PER_NODE=2\nmegatron sft \\\n  --lr 1e-4 \\\n  --seed 1\n"
    );
}

#[test]
fn a_variable_that_the_trainer_needs_but_does_not_get_is_said() {
    let script = Script::read("NPROC_PER_NODE=8\nmegatron sft --lr 1\n");
    assert!(
        script.remarks()[0]
            .write
            .en
            .contains("export NPROC_PER_NODE")
    );
    let script = Script::read("set -a\nNPROC_PER_NODE=8\nmegatron sft --lr 1\n");
    assert_eq!(script.remarks(), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Words of every kind of quoting, next to one another and apart, against bash itself.
    #[test]
    fn a_real_shell_gives_its_program_the_same_words(
        scraps in prop::collection::vec(
            prop_oneof![
                Just("a"), Just("'b c'"), Just("\"d $A\""), Just("${B}"), Just("\"$A\""), Just("${A}"), Just("\\ "), Just("\\\""), Just("\"\\$x\\\\ \\q\""),
                Just("$'t\\t\\x41\\n'"), Just("${B:-q}"), Just("${U:-\"m n\"}"), Just("${U:-m n}"), Just(" "), Just("  "), Just("\\\n"), Just("#x"), Just("''"),
                Just("\"\""), Just("${E}"), Just("\"$E\""), Just("\"${L[@]}\""), Just("${L[1]}"), Just("=v"), Just("\"two\nlines\""), Just("`# c`"), Just("é训"),
            ],
            1..12,
        )
    ) {
        let words = scraps.concat();
        let before = "A='x  y'\nB=z\nE=\nL=(one 'two three' \"$B\")\n";
        let text = format!("{before}megatron sft {words}\n");
        let script = Script::read(text.clone());
        prop_assert_eq!(&joined(&script), &text);
        let program = script.main_program().expect("a program");
        prop_assert!(program.flags.is_empty());
        let ours: Vec<String> = program.strays.iter().map(|argument| argument.value.text.clone()).collect();
        let run = format!("megatron() {{ shift; for word; do printf '%s\\0' \"$word\"; done; }}\n{text}");
        let Ok(output) = std::process::Command::new("bash").arg("-c").arg(&run).output() else {
            return Ok(());
        };
        let theirs: Vec<String> = String::from_utf8_lossy(&output.stdout).split_terminator('\0').map(str::to_owned).collect();
        prop_assert_eq!(ours, theirs, "{}", words);
    }
}
