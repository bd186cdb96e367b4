use super::super::arguments::{GENERATIONS, Kind};
use super::*;

fn version(text: &str) -> Version {
    Version::parse(text).expect("a version")
}

fn given(flags: &[(&str, &str)]) -> Vec<(String, Option<Vec<String>>)> {
    flags
        .iter()
        .map(|(name, value)| {
            (
                (*name).to_owned(),
                Some(
                    value
                        .split(' ')
                        .filter(|word| !word.is_empty())
                        .map(str::to_owned)
                        .collect(),
                ),
            )
        })
        .collect()
}

fn text(flags: &[Words]) -> String {
    flags
        .iter()
        .map(|(name, values)| format!("--{name} {}", values.join(" ")))
        .collect::<Vec<_>>()
        .join(" ")
}

fn carried(command: &str, flags: &[(&str, &str)], from: &str, to: &str) -> Carried {
    carry(command, &given(flags), version(from), version(to))
}

#[test]
fn the_defaults_that_flip_are_these() {
    let of = |command: &str, from: &str, to: &str| {
        flipped(command, version(from), version(to))
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    insta::assert_snapshot!(
        [
            of("megatron sft", "3.9.3", "4.6.0"),
            of("megatron sft", "4.6.0", "3.9.3"),
            of("megatron rlhf", "3.9.3", "4.6.0"),
            of("megatron sft", "3.11.3", "4.6.0"),
            of("megatron sft", "3.12.6", "4.6.0"),
            of("megatron sft", "3.9.3", "3.12.6"),
            of("swift export", "3.9.3", "4.6.0"),
            of("swift infer", "3.9.3", "4.6.0"),
            of("swift deploy", "4.6.0", "3.9.3"),
        ]
        .join("\n")
    );
}

#[test]
fn a_training_of_3_9_becomes_one_of_4_6_with_its_defaults_written_out() {
    let carried = carried(
        "megatron sft",
        &[
            ("load", "/m-mcore"),
            ("model", "/m"),
            ("dataset", "/d.jsonl"),
            ("train_type", "lora"),
            ("max_epochs", "2"),
            ("save", "/o"),
            ("save_interval", "100"),
            ("no_rope_fusion", "true"),
            ("no_gradient_accumulation_fusion", ""),
            ("num_layers", "46"),
            ("ckpt_format", "torch_dist"),
            ("distributed_timeout_minutes", "10"),
            ("extra_megatron_kwargs", "{\"a\":1}"),
            ("wandb_project", "p"),
            ("agent_template", "glm4"),
            ("mine", "x"),
        ],
        "3.9.3",
        "4.6.0",
    );
    insta::assert_snapshot!(text(&carried.flags).replace(" --", "\n--"));
}

#[test]
fn a_training_of_4_6_becomes_one_of_3_9() {
    let carried = carried(
        "megatron sft",
        &[
            ("model", "/m"),
            ("tuner_type", "lora_llm"),
            ("output_dir", "/o"),
            ("num_train_epochs", "2"),
            ("save_steps", "10"),
            ("save_total_limit", "3"),
            ("apply_rope_fusion", "false"),
            ("report_to", "tensorboard swanlab"),
            ("swanlab_project", "p"),
            ("save_strategy", "epoch"),
            ("ddp_timeout", "600"),
            ("mtp_num_layers", "1"),
        ],
        "4.6.0",
        "3.9.3",
    );
    let told: Vec<String> = carried
        .steps
        .iter()
        .map(|step| format!("{:?} {}", step.weight, step.text.en))
        .collect();
    insta::assert_snapshot!(format!(
        "{}\n\n{}",
        text(&carried.flags).replace(" --", "\n--"),
        told.join("\n")
    ));
    assert!(
        carried
            .steps
            .iter()
            .any(|step| step.weight == Change::Lost(Weight::Stops)
                && step.text.en.contains("Convert the model first"))
    );
}

#[test]
fn every_argument_that_another_generation_has_comes_back_as_it_went() {
    for (_, from) in GENERATIONS {
        for (_, to) in GENERATIONS {
            for (command, list) in &table(from).commands {
                if table(to).command(command).is_none() {
                    continue;
                }
                for argument in list {
                    let values = sample(argument);
                    let there = carry(
                        command,
                        &[(argument.name.clone(), Some(values.clone()))],
                        from,
                        to,
                    );
                    let told = there.steps.iter().find(|step| step.index == Some(0));
                    let Some((name, now)) = there
                        .flags
                        .first()
                        .filter(|_| told.is_none_or(|step| step.to.is_some()))
                    else {
                        // Taken out: that is said.
                        assert!(
                            told.is_some_and(
                                |step| !step.text.en.is_empty() && !step.text.zh.is_empty()
                            ),
                            "{from} → {to} {command} --{}",
                            argument.name
                        );
                        continue;
                    };
                    if *name != argument.name || *now != values {
                        assert!(
                            told.is_some(),
                            "{from} → {to} {command} --{} became --{name} unsaid",
                            argument.name
                        );
                    }
                    if table(to).is_whole {
                        let known = table(to)
                            .find(command, name)
                            .unwrap_or_else(|| panic!("{from} → {to} {command} --{name}"));
                        let words: Vec<&str> = now.iter().map(String::as_str).collect();
                        // A choice of the one may be none of the other; the check says so.
                        if known.kind != Kind::Choice
                            && argument.kind == known.kind
                            && argument.takes_many == known.takes_many
                        {
                            assert_eq!(
                                known.check(&words),
                                None,
                                "{from} → {to} {command} --{name} {now:?}"
                            );
                        }
                    }
                    // What a reporter's flag becomes hangs on its neighbours; they have a test of their own.
                    if reports::is_of_reports(name) {
                        continue;
                    }
                    let back = carry(command, &[(name.clone(), Some(now.clone()))], to, from);
                    if back
                        .steps
                        .iter()
                        .any(|step| step.index == Some(0) && step.to.is_none())
                    {
                        continue;
                    }
                    let (name, now) = &back.flags[0];
                    let is_same = *name == argument.name
                        || names::synonyms(command, &argument.name).contains(&name.as_str());
                    assert!(
                        is_same,
                        "{from} → {to} → {from} {command} --{} became --{name}",
                        argument.name
                    );
                    if *name == argument.name
                        && !matches!(
                            name.as_str(),
                            "report_to"
                                | "ddp_timeout"
                                | "moe_token_dispatcher_type"
                                | "cached_dataset"
                                | "infer_backend"
                        )
                    {
                        assert_eq!(*now, values, "{from} → {to} → {from} {command} --{name}");
                    }
                }
            }
        }
    }
}

#[test]
fn within_a_release_nothing_changes() {
    for (_, version) in GENERATIONS {
        for (command, list) in &table(version).commands {
            let flags: Vec<(String, Option<Vec<String>>)> = list
                .iter()
                .map(|argument| (argument.name.clone(), Some(sample(argument))))
                .collect();
            let carried = carry(command, &flags, version, version);
            assert_eq!(carried.steps, [], "{version} {command}");
            assert_eq!(carried.flags.len(), flags.len());
        }
    }
}

#[test]
fn unknown_values_keep_their_flag_and_an_inversion_of_one_stops() {
    let flags = [
        ("save".to_owned(), None),
        ("no_rope_fusion".to_owned(), None),
    ];
    let carried = carry("megatron sft", &flags, version("3.9.3"), version("4.6.0"));
    assert_eq!(
        carried.steps[0].to.as_ref().map(|(name, _)| name.as_str()),
        Some("output_dir")
    );
    assert_eq!(carried.steps[1].weight, Change::Lost(Weight::Stops));
    assert_eq!(carried.flags[1].0, "no_rope_fusion");
}

#[test]
fn reporters_follow_their_generation() {
    for (flags, from, to, after) in [
        (
            &[("wandb_project", "p")][..],
            "3.9.3",
            "4.6.0",
            "--wandb_project p --report_to tensorboard wandb",
        ),
        (
            &[("report_to", "swanlab"), ("wandb_project", "p")],
            "3.12.6",
            "4.6.0",
            "--report_to tensorboard swanlab --swanlab_project p",
        ),
        (
            &[
                ("report_to", "tensorboard swanlab"),
                ("swanlab_exp_name", "e"),
            ],
            "4.6.0",
            "3.12.6",
            "--report_to swanlab --wandb_exp_name e",
        ),
        (
            &[("report_to", "wandb")],
            "4.6.0",
            "3.9.3",
            "--wandb_project megatron-swift",
        ),
        (
            &[("report_to", "tensorboard"), ("wandb_project", "e")],
            "4.6.0",
            "3.9.3",
            "",
        ),
        (
            &[("report_to", "swanlab"), ("swanlab_project", "p")],
            "4.6.0",
            "3.9.3",
            "",
        ),
    ] {
        let carried = carried("megatron sft", flags, from, to);
        let reports: Vec<Words> = carried
            .flags
            .into_iter()
            .filter(|(name, _)| reports::is_of_reports(name))
            .collect();
        assert_eq!(text(&reports), after, "{from} → {to}");
    }
}

#[test]
fn two_adapters_of_an_export_are_one_too_many_for_4_x() {
    let both = carried(
        "swift export",
        &[("mcore_adapters", "/a /b"), ("to_hf", "true")],
        "3.9.3",
        "4.6.0",
    );
    assert!(
        both.steps
            .iter()
            .any(|step| step.weight == Change::Lost(Weight::Stops)
                && step.text.en.contains("one after another"))
    );
    let one = carried(
        "swift export",
        &[
            ("mcore_adapters", "/a"),
            ("mcore_model", "/m"),
            ("to_hf", "true"),
        ],
        "3.9.3",
        "4.6.0",
    );
    assert_eq!(
        text(&one.flags),
        "--mcore_adapter /a --mcore_model /m --to_hf true"
    );
}
