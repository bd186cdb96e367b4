use super::*;

const OF_3_9: &str = include_str!("tests/glm_air_3.9.sh");
const OF_4: &str = include_str!("tests/qwen_moe_4.6.sh");

fn version(text: &str) -> Version {
    Version::parse(text).expect("a version")
}

fn told(review: &Review) -> String {
    let mut text = String::new();
    for finding in &review.findings {
        text.push_str(&format!(
            "{:?} {}:{} --{} [{}] {}\n",
            finding.weight,
            finding.at.line,
            finding.at.column,
            finding.flag,
            finding.found,
            finding.sentence().en
        ));
    }
    text
}

#[test]
fn a_script_of_3_9_is_known_and_becomes_one_of_4_6() {
    let review = review(OF_3_9, None, Some(version("4.6.0")), None);
    assert_eq!(review.guess.version, version("3.9.3"));
    assert!(review.is_fine(), "{}", told(&review));
    insta::assert_snapshot!(format!("{}\n===\n{}", review.new.text(), told(&review)));
    // What it became is a script of 4.6 that needs nothing.
    let again = super::review(review.new.text(), None, None, None);
    assert_eq!(
        (again.guess.version, again.translated.clone()),
        (version("4.6.0"), Vec::new())
    );
    assert!(again.is_fine());
}

#[test]
fn a_script_of_4_6_becomes_one_of_3_9_and_what_cannot_be_is_said() {
    let review = review(OF_4, None, Some(version("3.9.3")), None);
    assert_eq!(review.guess.version, version("4.6.0"));
    assert!(!review.is_fine());
    insta::assert_snapshot!(format!("{}\n===\n{}", review.new.text(), told(&review)));
}

#[test]
fn for_its_own_release_no_byte_changes() {
    for text in [
        OF_3_9,
        OF_4,
        "",
        "echo nothing\n",
        "megatron sft --unknown 'x' # y\n",
    ] {
        let review = review(text, None, None, None);
        assert_eq!(review.new.text(), text);
        assert_eq!(review.translated, []);
    }
}

#[test]
fn what_is_wrong_is_said_at_its_place_with_what_to_write() {
    let script = "megatron sft \\\n  --model /m --load /l --dataset d.jsonl \\\n  --train_type lora --swanlab_token abc123 \\\n  --lr fast --micro_batchsize 2 \\\n  --recompute_granularity most --lr 1 stray \\\n  --packing maybe --max_epochs \\\n  --learning_rate 1e-4 -x 5\n";
    let review = review(script, Some(version("3.9.3")), None, None);
    let text = told(&review);
    for part in [
        "Stops 3:21 --swanlab_token [--swanlab_token ••••••]",
        "SWANLAB_API_KEY",
        "Stops 4:8 --lr [fast]",
        "a number, e.g. 1e-4",
        "Stops 4:13 --micro_batchsize",
        "Did you mean --micro_batch_size?",
        "Stops 5:27 --recompute_granularity [most]",
        "one of selective, full",
        "Warning 5:32 --lr [--lr 1 stray] --lr is given twice",
        "\"stray\" is one too many",
        "Stops 6:13 --packing [maybe]",
        "true or false",
        "--max_epochs has no value",
        "Stops 7:3 --learning_rate",
        "Write --lr.",
        "\"-x\" belongs to no flag",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("abc123"), "{text}");
    let said = format!("{:?}", programs(&review.script, review.to));
    assert!(!said.contains("abc123"));
}

#[test]
fn a_release_whose_list_is_not_whole_warns_and_does_not_stop() {
    let text = "NPROC_PER_NODE=1 megatron sft --model /m --dataset d --new_flag 1\n";
    let review = review(text, Some(version("4.9.0")), None, None);
    assert!(review.is_fine(), "{}", told(&review));
    assert!(told(&review).contains("not whole"));
    let mut node = arguments::table(version("4.9.0")).clone();
    node.is_whole = true;
    assert!(!super::review(text, Some(version("4.9.0")), None, Some(&node)).is_fine());
}

#[test]
fn releases_are_guessed_by_what_only_they_have() {
    for (text, guessed, decided) in [
        (
            "megatron sft --load /m --save /o --train_type lora",
            "3.9.3",
            true,
        ),
        (
            "megatron sft --model /m --load_safetensors true --save_safetensors true --dataset d --merge_lora false --save /o",
            "3.11.3",
            true,
        ),
        (
            "megatron sft --model /m --save /o --dataset d",
            "3.12.6",
            true,
        ),
        (
            "megatron sft --model /m --tuner_type lora --output_dir /o",
            "4.6.0",
            true,
        ),
        (
            "swift export --model /m --mcore_adapters /a --to_hf true",
            "3.9.3",
            true,
        ),
        (
            "swift export --model /m --mcore_adapter /a --to_hf true",
            "4.6.0",
            true,
        ),
        (
            "swift export --model /m --to_mcore true --output_dir /o",
            "4.6.0",
            false,
        ),
        (
            "# ms-swift 3.10.3\nmegatron sft --load /m --save /o",
            "3.10.3",
            true,
        ),
        (
            "export MEGATRON_LM_PATH=/opt/m\nswift export --model /m --to_mcore true",
            "3.9.3",
            true,
        ),
    ] {
        let guess = review(text, None, None, None).guess;
        assert_eq!(
            (guess.version, !guess.because.is_empty()),
            (version(guessed), decided),
            "{text}"
        );
    }
}

#[test]
fn every_argument_of_both_lists_goes_through_a_script_and_comes_back() {
    for of in ["3.9.3", "4.6.0"] {
        let table = arguments::table(version(of));
        for (command, list) in &table.commands {
            let mut text =
                format!("#!/bin/sh\nexport NPROC_PER_NODE=2 # all of {command}\n{command}");
            let samples: Vec<(String, Vec<String>)> = list
                .iter()
                .map(|argument| {
                    (
                        argument.name.clone(),
                        super::super::dialects::sample(argument),
                    )
                })
                .collect();
            for (name, values) in &samples {
                text.push_str(&format!(" \\\n    --{name}"));
                for value in values {
                    text.push(' ');
                    text.push_str(&crate::shell::quote(value));
                }
            }
            text.push('\n');
            let review = review(&text, Some(version(of)), None, None);
            assert_eq!(review.new.text(), text, "{of} {command}");
            let stops: Vec<&Remark> = review
                .findings
                .iter()
                .filter(|finding| finding.weight == Weight::Stops)
                .collect();
            assert!(stops.is_empty(), "{of} {command}: {stops:?}");
            let program = &review.script.programs()[0];
            let read: Vec<(String, Vec<String>)> = program
                .flags
                .iter()
                .map(|flag| {
                    (
                        flag.name.clone(),
                        flag.values
                            .iter()
                            .map(|value| value.value.text.clone())
                            .collect(),
                    )
                })
                .collect();
            assert_eq!(read, samples, "{of} {command}");
            // Each can be set, and set back, and nothing else moves.
            for (name, values) in samples.iter().step_by(7) {
                let other = vec!["other value".to_owned()];
                let set = review.script.with_flag(0, name, &other).expect("set");
                assert_eq!(
                    set.programs()[0]
                        .flag(name)
                        .map(|flag| flag.values[0].value.text.clone()),
                    Some(other[0].clone())
                );
                assert_eq!(
                    set.with_flag(0, name, values).expect("set back").programs()[0]
                        .flags
                        .len(),
                    samples.len()
                );
                let gone = review.script.without_flag(0, name).expect("taken out");
                assert!(gone.programs()[0].flag(name).is_none());
                assert_eq!(gone.programs()[0].flags.len(), samples.len() - 1);
            }
        }
    }
}
