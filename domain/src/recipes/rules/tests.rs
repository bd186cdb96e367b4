use super::super::{Length, Tuner, extra, presets};
use super::*;
use serde_json::json;

const DENSE: &str = r#"{"num_hidden_layers": 30, "hidden_size": 64, "num_attention_heads": 12, "num_key_value_heads": 4, "vocab_size": 100}"#;
const EXPERTS: &str = r#"{"num_hidden_layers": 8, "hidden_size": 64, "num_attention_heads": 16, "num_key_value_heads": 4, "vocab_size": 100, "num_experts": 12}"#;

/// Keys of the rules that a recipe breaks on two nodes of eight GPUs.
fn broken(
    version: &str,
    config: &str,
    arguments: &str,
    packages: &[(&str, &str)],
    change: fn(&mut Recipe),
) -> Vec<String> {
    let mut recipe = Recipe {
        extra: extra::read(arguments).unwrap_or_else(|_| by_hand(arguments)),
        global_batch_size: 48,
        ..presets::full()
    };
    change(&mut recipe);
    let version = Version::parse(version).expect("a version");
    let settings = Settings::of(&recipe, version.generation().expect("spoken"));
    let shape = Shape::of_config(&serde_json::from_str(config).expect("JSON"));
    let packages: Vec<(String, String)> = packages
        .iter()
        .map(|(name, text)| ((*name).into(), (*text).into()))
        .collect();
    let variables = [(
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD".to_owned(),
        recipe.seed.to_string(),
    )];
    let breaches = check(&Facts {
        recipe: &recipe,
        settings: &settings,
        version,
        shape: shape.as_ref(),
        nodes: 2,
        gpus_per_node: 8,
        packages: &packages,
        variables: &variables,
        has_weights: true,
    });
    for breach in &breaches {
        let Finding { field, text, .. } = &breach.finding;
        assert!(!field.is_empty() && text.en != text.zh, "{}", breach.rule);
    }
    breaches.into_iter().map(|breach| breach.rule).collect()
}

/// Arguments that the form itself refuses, as a pasted script has them.
fn by_hand(text: &str) -> Vec<(String, Vec<String>)> {
    let mut words = text
        .split("--")
        .filter(|part| !part.trim().is_empty())
        .map(|part| part.split_whitespace().map(str::to_owned));
    words
        .by_ref()
        .map(|mut part| (part.next().unwrap_or_default(), part.collect()))
        .collect()
}

fn same(_: &mut Recipe) {}

#[test]
fn a_sound_recipe_breaks_nothing() {
    for version in ["3.9.3", "3.11.0", "3.12.1", "4.6.0"] {
        assert_eq!(
            broken(version, DENSE, "", &[], same),
            Vec::<String>::new(),
            "{version}"
        );
    }
    let installed = [
        ("megatron-core", "0.16.1"),
        ("torch", "2.8.0+cu128"),
        ("numpy", "2.2.0"),
        ("pyarrow", "22.0.0"),
        ("mcore-bridge", "1.6.5"),
        ("transformer-engine", "2.8.0"),
        ("flash-attn", "2.8.1"),
        ("transformers", "4.57.1"),
    ];
    assert_eq!(
        broken("4.6.0", DENSE, "", &installed, same),
        Vec::<String>::new()
    );
}

/// (release, model, arguments, change, the one rule that is broken)
type Case = (
    &'static str,
    &'static str,
    &'static str,
    fn(&mut Recipe),
    &'static str,
);

#[test]
fn every_rule_is_broken_by_what_the_program_refuses() {
    let cases: &[Case] = &[
        ("4.6.0", DENSE, "", |r| r.tensor_parallel = 3, "world"),
        (
            "4.6.0",
            EXPERTS,
            "--expert_tensor_parallel_size 3",
            |r| r.expert_parallel = 2,
            "world_experts",
        ),
        (
            "4.6.0",
            DENSE,
            "",
            |r| r.global_batch_size = 40,
            "global_batch",
        ),
        ("4.6.0", EXPERTS, "", |r| r.expert_parallel = 8, "experts"),
        ("4.6.0", DENSE, "", |r| r.expert_parallel = 2, "no_experts"),
        ("4.6.0", DENSE, "", |r| r.tensor_parallel = 8, "heads"),
        (
            "3.9.3",
            EXPERTS,
            "--sequence_parallel true",
            |r| r.tensor_parallel = 16,
            "tensor_across_nodes",
        ),
        ("4.6.0", DENSE, "", |r| r.pipeline_parallel = 4, "layers"),
        (
            "4.6.0",
            DENSE,
            "--decoder_first_pipeline_num_layers 7",
            |r| r.pipeline_parallel = 4,
            "layers",
        ),
        (
            "4.6.0",
            DENSE,
            "--virtual_pipeline_model_parallel_size 2",
            same,
            "virtual_stages",
        ),
        (
            "4.6.0",
            DENSE,
            "--virtual_pipeline_model_parallel_size 2",
            |r| r.pipeline_parallel = 2,
            "virtual_stages",
        ),
        (
            "4.6.0",
            DENSE,
            "--recompute_granularity full --recompute_method uniform --recompute_num_layers 4",
            same,
            "recomputed_layers",
        ),
        (
            "4.6.0",
            DENSE,
            "",
            |r| (r.context_parallel, r.max_length) = (2, 4095),
            "context_length",
        ),
        (
            "4.6.0",
            DENSE,
            "--sequence_parallel true",
            same,
            "sequence_parallel",
        ),
        (
            "4.6.0",
            EXPERTS,
            "",
            |r| r.tensor_parallel = 4,
            "experts_sequence_parallel",
        ),
        (
            "4.6.0",
            DENSE,
            "--recompute_granularity full",
            same,
            "recompute_full",
        ),
        (
            "4.6.0",
            DENSE,
            "--recompute_granularity selective --recompute_method uniform",
            same,
            "recompute_selective",
        ),
        (
            "3.11.0",
            DENSE,
            "--recompute_granularity none",
            same,
            "recompute_none",
        ),
        (
            "4.6.0",
            DENSE,
            "--padding_free false",
            |r| r.packing = true,
            "packing_padding",
        ),
        (
            "4.6.0",
            DENSE,
            "--attention_backend unfused",
            |r| r.packing = true,
            "packing_backend",
        ),
        (
            "4.6.0",
            DENSE,
            "--attention_backend unfused",
            same,
            "packing_backend",
        ),
        (
            "4.6.0",
            DENSE,
            "--group_by_length true",
            |r| r.packing = true,
            "packing_grouping",
        ),
        (
            "4.6.0",
            DENSE,
            "--use_precision_aware_optimizer true --optimizer sgd",
            same,
            "precision_aware",
        ),
        (
            "4.6.0",
            DENSE,
            "--exp_avg_dtype bf16",
            same,
            "precision_types",
        ),
        (
            "4.6.0",
            DENSE,
            "--optimizer_cpu_offload true",
            same,
            "offload",
        ),
        (
            "4.6.0",
            DENSE,
            "--optimizer_cpu_offload true --use_precision_aware_optimizer true",
            |r| r.tuner = Tuner::Lora,
            "offload_lora",
        ),
        (
            "4.6.0",
            DENSE,
            "--save_total_limit 1",
            same,
            "save_total_limit",
        ),
        (
            "4.6.0",
            DENSE,
            "--save_total_limit 3 --async_save true",
            same,
            "save_total_limit",
        ),
        (
            "3.10.0",
            DENSE,
            "--save_total_limit 3",
            same,
            "save_total_limit_unknown",
        ),
        (
            "4.6.0",
            DENSE,
            "--streaming true",
            |r| r.length = Length::Epochs(1),
            "streaming",
        ),
        ("3.9.3", DENSE, "--swanlab_token x", same, "swanlab_flags"),
        ("4.6.0", DENSE, "--swanlab_token x", same, "swanlab_flags"),
        ("3.9.3", DENSE, "--report_to swanlab", same, "reporters"),
        (
            "3.10.0",
            DENSE,
            "--save_safetensors true",
            same,
            "no_checkpoint_to_resume",
        ),
        ("3.9.3", DENSE, "--async_save true", same, "async_save"),
        ("3.9.3", DENSE, "--adapter_load /x", same, "silent_damage"),
    ];
    for (version, config, arguments, change, rule) in cases {
        let found = broken(version, config, arguments, &[], *change);
        assert!(
            found.iter().any(|key| key == rule),
            "{version} {arguments} {rule}: {found:?}"
        );
    }
}

#[test]
fn bad_pairs_of_releases_are_named() {
    let engines = [("transformer-engine", "2.8.0"), ("flash-attn", "2.8.1")];
    let with = |version: &str, pairs: &[(&str, &str)], change: fn(&mut Recipe)| {
        let all: Vec<_> = pairs.iter().chain(&engines).copied().collect();
        broken(version, DENSE, "", &all, change)
    };
    assert_eq!(
        with(
            "3.9.3",
            &[("megatron-core", "0.14.0"), ("torch", "2.8.0")],
            same
        ),
        ["unreadable_checkpoints"]
    );
    assert_eq!(
        with(
            "3.9.3",
            &[("megatron-core", "0.13.1"), ("torch", "2.8.0")],
            same
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        with(
            "3.9.3",
            &[("megatron-core", "0.14.0"), ("torch", "2.5.1")],
            same
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        with("3.12.0", &[("megatron-core", "0.13.0")], same),
        ["core_of_3"]
    );
    assert_eq!(
        with("4.6.0", &[("megatron-core", "0.15.3")], same),
        ["core_too_old"]
    );
    assert_eq!(
        with("4.6.0", &[("megatron-core", "0.20.0")], same),
        ["core_too_old"]
    );
    assert_eq!(
        with("4.1.3", &[("megatron-core", "0.12.3")], same),
        Vec::<String>::new()
    );
    assert_eq!(with("3.9.3", &[("numpy", "2.1.0")], same), ["numpy_2"]);
    assert_eq!(
        with("3.9.3", &[("numpy", "1.26.4"), ("pyarrow", "22.0.0")], same),
        ["pyarrow"]
    );
    assert_eq!(
        with(
            "4.6.0",
            &[("megatron-core", "0.16.0"), ("transformers", "5.0.0")],
            same
        ),
        ["transformers_5"]
    );
    assert_eq!(
        broken("4.6.0", DENSE, "", &[("ms-swift", "4.6.0")], same),
        ["no_core", "no_transformer_engine", "no_flash_attention"]
    );
}

#[test]
fn the_pair_that_cannot_read_its_checkpoints_stops_unless_the_person_allows_it() {
    let pair = [
        ("megatron-core", "0.14.0"),
        ("torch", "2.8.0"),
        ("transformer-engine", "2"),
        ("flash-attn", "2.8"),
    ];
    let weight = |allowed: bool| {
        let recipe = Recipe {
            global_batch_size: 48,
            ..presets::lora()
        };
        let version = Version::parse("3.9.3").expect("a version");
        let settings = Settings::of(&recipe, Generation::G1);
        let packages: Vec<_> = pair
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        let variables = [(
            "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD".to_owned(),
            u8::from(allowed).to_string(),
        )];
        let facts = Facts {
            recipe: &recipe,
            settings: &settings,
            version,
            shape: None,
            nodes: 2,
            gpus_per_node: 8,
            packages: &packages,
            variables: &variables,
            has_weights: true,
        };
        check(&facts)[0].finding.weight
    };
    assert_eq!(weight(false), Weight::Stops);
    assert_eq!(weight(true), Weight::Warning);
}

#[test]
fn groups_divide_or_are_divided_as_the_core_has_it() {
    let config = json!({"num_hidden_layers": 8, "hidden_size": 64, "num_attention_heads": 16, "num_key_value_heads": 4, "vocab_size": 100}).to_string();
    let with = |core| {
        broken(
            "4.2.0",
            &config,
            "",
            &[
                ("megatron-core", core),
                ("transformer-engine", "2.0"),
                ("flash-attn", "2.8"),
            ],
            |r| r.tensor_parallel = 8,
        )
    };
    assert_eq!(with("0.16.0"), Vec::<String>::new());
    assert_eq!(with("0.14.0"), ["groups"]);
}

#[test]
fn every_rule_has_a_key_of_its_own_and_no_weights_are_named() {
    let mut keys: Vec<_> = all().map(|rule| rule.key).collect();
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), count);
    assert!(count >= 40, "{count}");
    assert!(all().all(|rule| !rule.says.is_empty()));
}
