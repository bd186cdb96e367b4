//! Edits change one place.

use super::*;

fn set(text: &str, flag: &str, values: &[&str]) -> String {
    let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
    Script::read(text)
        .with_flag(0, flag, &values)
        .expect("set")
        .text()
        .to_owned()
}

fn unset(text: &str, flag: &str) -> String {
    Script::read(text)
        .without_flag(0, flag)
        .expect("taken out")
        .text()
        .to_owned()
}

#[test]
fn a_value_changes_where_it_stands_in_its_own_quotes() {
    for (before, flag, values, after) in [
        (
            "megatron sft --lr 1e-4  --x \"a b\" # c\n",
            "lr",
            &["2e-4"][..],
            "megatron sft --lr 2e-4  --x \"a b\" # c\n",
        ),
        (
            "megatron sft --x \"a b\"\n",
            "x",
            &["c d"],
            "megatron sft --x \"c d\"\n",
        ),
        (
            "megatron sft --x 'a'\n",
            "x",
            &["it's"],
            "megatron sft --x 'it'\\''s'\n",
        ),
        (
            "megatron sft --x \"a\"\n",
            "x",
            &["$HOME"],
            "megatron sft --x '$HOME'\n",
        ),
        (
            "megatron sft --x=a --y b\n",
            "x",
            &["c"],
            "megatron sft --x=c --y b\n",
        ),
        (
            "megatron sft --d a b c --y 1\n",
            "d",
            &["z"],
            "megatron sft --d z --y 1\n",
        ),
        (
            "megatron sft --d a --y 1\n",
            "d",
            &["a", "b"],
            "megatron sft --d a b --y 1\n",
        ),
        (
            "megatron sft --packing --y 1\n",
            "packing",
            &["false"],
            "megatron sft --packing false --y 1\n",
        ),
        (
            "LR=1e-4 # rate\nmegatron sft --lr $LR\n",
            "lr",
            &["2"],
            "LR=2 # rate\nmegatron sft --lr $LR\n",
        ),
        (
            "LR=1\nmegatron sft --lr $LR --min_lr $LR\n",
            "lr",
            &["2"],
            "LR=1\nmegatron sft --lr 2 --min_lr $LR\n",
        ),
        (
            "A=(--lr 1 # x\n)\nmegatron sft \"${A[@]}\"\n",
            "lr",
            &["2"],
            "A=(--lr 2 # x\n)\nmegatron sft \"${A[@]}\"\n",
        ),
        (
            "A=\"--lr 1 --z 2\"\nmegatron sft $A\n",
            "lr",
            &["2"],
            "A=\"--lr 2 --z 2\"\nmegatron sft $A\n",
        ),
        (
            "megatron sft --lr 1\n",
            "lr",
            &["1"],
            "megatron sft --lr 1\n",
        ),
        (
            "megatron sft \\\n  --lr 1 > log 2>&1 &\n",
            "seed",
            &["3"],
            "megatron sft \\\n  --lr 1 \\\n  --seed 3 > log 2>&1 &\n",
        ),
        (
            "megatron sft --lr 1 | tee log\n",
            "seed",
            &["3"],
            "megatron sft --lr 1 --seed 3 | tee log\n",
        ),
    ] {
        assert_eq!(set(before, flag, values), after);
    }
}

#[test]
fn a_flag_goes_with_its_line_and_nothing_else() {
    for (before, flag, after) in [
        (
            "megatron sft \\\n  --a 1 \\\n  --b 2 \\\n  --c 3\n",
            "b",
            "megatron sft \\\n  --a 1 \\\n  --c 3\n",
        ),
        (
            "megatron sft \\\n  --a 1 \\\n  --b 2\n",
            "b",
            "megatron sft \\\n  --a 1\n",
        ),
        (
            "megatron sft \\\n  --a 1 --b 2 \\\n  --c 3\n",
            "a",
            "megatron sft \\\n  --b 2 \\\n  --c 3\n",
        ),
        (
            "megatron sft --a 1 --b 2 > log &\n",
            "b",
            "megatron sft --a 1 > log &\n",
        ),
        (
            "A=(\n  # note\n  --a 1\n  --b 2\n)\nmegatron sft \"${A[@]}\"\n",
            "a",
            "A=(\n  # note\n  --b 2\n)\nmegatron sft \"${A[@]}\"\n",
        ),
        (
            "A=\"--a 1 --b 2\"\nmegatron sft $A\n",
            "b",
            "A=\"--a 1\"\nmegatron sft $A\n",
        ),
        (
            "megatron sft --a 1 --b 2 --a 3\n",
            "a",
            "megatron sft --b 2\n",
        ),
    ] {
        assert_eq!(unset(before, flag), after);
    }
}

#[test]
fn variables_are_set_where_they_stand_or_on_a_line_before() {
    let with = |text: &str, name: &str, value: &str| {
        Script::read(text)
            .with_variable(0, name, value)
            .text()
            .to_owned()
    };
    assert_eq!(
        with("export A=1 B=2 # n\nmegatron sft\n", "B", "3"),
        "export A=1 B=3 # n\nmegatron sft\n"
    );
    assert_eq!(
        with("A=1 \\\nmegatron sft\n", "A", "x y"),
        "A='x y' \\\nmegatron sft\n"
    );
    assert_eq!(
        with("A=1\nmegatron sft\n", "A", "1"),
        "export A=1\nmegatron sft\n"
    );
    assert_eq!(
        with("# top\nB=1 \\\nmegatron sft\n", "A", "2"),
        "# top\nexport A=2\nB=1 \\\nmegatron sft\n"
    );
    assert_eq!(
        with("cd /x && \\\n  megatron sft\n", "A", "2"),
        "export A=2\ncd /x && \\\n  megatron sft\n"
    );
    assert_eq!(
        with("A=${A:-1}\nmegatron sft\n", "A", "1"),
        "export A=1\nmegatron sft\n"
    );
    let without =
        |text: &str, name: &str| Script::read(text).without_variable(name).text().to_owned();
    assert_eq!(
        without("export A=1\nexport B=2 A=3\nA=4 megatron sft\n", "A"),
        "export B=2 \nmegatron sft\n"
    );
}

#[test]
fn in_the_foreground_the_console_gets_output_and_exit_code() {
    let of = |text: &str| Script::read(text).in_foreground(0).text().to_owned();
    assert_eq!(
        of("nohup megatron sft --a 1 > train.log 2>&1 &\n"),
        "megatron sft --a 1\n"
    );
    assert_eq!(
        of("megatron sft --a 1 2>&1 | tee -a x.log\necho\n"),
        "megatron sft --a 1\necho\n"
    );
    assert_eq!(
        of("nohup megatron sft \\\n --a 1 \\\n > x 2>&1 & echo $!\n"),
        "megatron sft \\\n --a 1; echo $!\n"
    );
    assert_eq!(of("megatron sft --a 1\n"), "megatron sft --a 1\n");
}

proptest! {
    #[test]
    fn a_value_that_was_set_is_read_back_and_everything_else_stays(
        value in "[^\\x00\\r]{0,20}",
        quote in prop_oneof![Just(""), Just("'"), Just("\"")],
    ) {
        let text = format!("# c\nmegatron sft \\\n  --a 1 \\\n  --x {quote}old{quote} \\\n  --b 2 # tail\n");
        let script = Script::read(text).with_flag(0, "x", std::slice::from_ref(&value)).expect("set");
        let read = &script.programs()[0].flag("x").expect("there").values;
        prop_assert_eq!(read.len(), 1);
        prop_assert!(read[0].value.is_exact);
        prop_assert_eq!(&read[0].value.text, &value);
        prop_assert!(script.text().starts_with("# c\nmegatron sft \\\n  --a 1 \\\n  --x "));
        prop_assert!(script.text().ends_with(" \\\n  --b 2 # tail\n"));
    }

    #[test]
    fn a_real_shell_reads_the_same_words(values in prop::collection::vec("[^\\x00\\r]{0,12}", 1..4)) {
        let script = Script::read("megatron sft --x old\n").with_flag(0, "x", &values).expect("set");
        let text = script.text().replace("megatron sft", "printf '%s\\0'");
        let output = std::process::Command::new("sh").arg("-c").arg(text).output().expect("sh runs");
        let mut expected = b"--x\0".to_vec();
        for value in &values {
            expected.extend(value.as_bytes());
            expected.push(0);
        }
        prop_assert_eq!(output.stdout, expected);
    }
}
