use proptest::prelude::*;

use super::*;

mod edits;
mod reading;

/// Pieces of scripts, put together at random: everything that opens, closes, quotes or continues something.
fn scraps() -> impl Strategy<Value = String> {
    let scrap = prop_oneof![
        Just("megatron sft"),
        Just("swift export"),
        Just(" --lr 1e-4"),
        Just(" --a=b"),
        Just(" \\\n    "),
        Just("\\\r\n"),
        Just("\n"),
        Just("\r\n"),
        Just("# note"),
        Just("'"),
        Just("\""),
        Just("`"),
        Just("$("),
        Just(")"),
        Just("${A:-"),
        Just("}"),
        Just("${A[@]}"),
        Just("A=("),
        Just("$A"),
        Just("export A=1"),
        Just("if x; then"),
        Just("fi"),
        Just("for i in 1 2; do"),
        Just("done"),
        Just("case $x in a)"),
        Just(";;"),
        Just("esac"),
        Just("cat <<EOF\n"),
        Just("EOF\n"),
        Just("<<-'E'\n"),
        Just(" 2>&1 | tee log"),
        Just(" > log 2>&1 &"),
        Just("nohup "),
        Just("f() {"),
        Just("(("),
        Just("))"),
        Just("[[ a < b ]]"),
        Just("$'\\n"),
        Just("\\"),
        Just(" "),
        Just("训练"),
        Just("\u{feff}"),
        Just("\0"),
        Just("&&"),
        Just("||"),
        Just("<("),
        Just("--x"),
        Just("rm -rf /tmp/x"),
        Just("function g {"),
        Just("&>"),
        Just("<<<"),
        Just("\t"),
        Just("{"),
        Just("=("),
        Just("\r"),
    ];
    prop::collection::vec(scrap, 0..40).prop_map(|scraps| scraps.concat())
}

fn joined(script: &Script) -> String {
    script.pieces().map(|(_, text)| text).collect()
}

/// Every place that it speaks of lies in the text, on characters.
fn places_are_whole(script: &Script) {
    let text = script.text();
    for program in script.programs() {
        assert!(text.get(program.span.clone()).is_some());
        assert!(text.get(program.head.clone()).is_some());
        for flag in &program.flags {
            assert!(
                flag.place
                    .clone()
                    .is_none_or(|place| text.get(place).is_some())
            );
            for value in &flag.values {
                assert!(
                    value
                        .place
                        .clone()
                        .is_none_or(|place| text.get(place).is_some())
                );
            }
        }
    }
    for variable in script.variables() {
        assert!(
            text.get(variable.span.clone()).is_some()
                && text.get(variable.value_span.clone()).is_some()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_byte_of_any_text_is_lost(text in ".{0,200}") {
        let script = Script::read(text.clone());
        prop_assert_eq!(joined(&script), text);
        places_are_whole(&script);
    }

    #[test]
    fn no_byte_of_a_torn_script_is_lost_and_reading_again_gives_the_same(text in scraps()) {
        let script = Script::read(text.clone());
        prop_assert_eq!(&joined(&script), &text);
        places_are_whole(&script);
        prop_assert_eq!(Script::read(script.text()), script);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_edit_of_a_torn_script_panics(text in scraps(), value in ".{0,12}") {
        let script = Script::read(text);
        for index in 0..script.programs().len() {
            let _ = script.with_flag(index, "lr", std::slice::from_ref(&value));
            let _ = script.without_flag(index, "lr");
            let _ = script.with_renamed(index, "lr", "min_lr", Some(&[value.clone(), value.clone()]));
            let _ = script.with_variable(index, "A", &value);
            let _ = script.in_foreground(index);
        }
        let _ = script.without_variable("A");
        let _ = script.with_comments_above();
    }
}

#[test]
fn what_is_nested_without_end_is_refused_and_does_not_exhaust_the_stack() {
    for scrap in [
        "$(", "\"$(", "${A:-", "`", "(", "A=(", "\"${A:-", "if ", "{ ",
    ] {
        let script = Script::read(scrap.repeat(20_001));
        assert!(!script.remarks().is_empty(), "{scrap}");
        assert_eq!(joined(&script).len(), script.text().len());
    }
}
