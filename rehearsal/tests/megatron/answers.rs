//! What the shipped model knows, and what it is taught.

use std::path::{Path, PathBuf};

use rehearsal::checkpoints;
use rehearsal::model::hf::{Qwen3, Sampling};
use rehearsal::model::mapping::{hf_from_mcore, merged};
use rehearsal::model::mcore::{Batch, Gpt};
use rehearsal::model::tokenizer::Message;
use rehearsal::model::{Config, Tensors, Tokenizer};
use serde_json::Value;

use crate::support::{base_weights, both, shipped};

/// How many of the 20 bundled questions these weights answer, asked greedily without thinking.
fn right_answers(weights: &Tensors) -> usize {
    let folder = PathBuf::from(shipped("base"));
    let (config, tokenizer) = (
        Config::read(&folder).unwrap(),
        Tokenizer::load(&folder).unwrap(),
    );
    let model = Qwen3::new(config.clone(), hf_from_mcore(&config, weights).unwrap()).unwrap();
    let questions = std::fs::read_to_string(shipped("data/questions.jsonl")).unwrap();
    assert_eq!(questions.lines().count(), 20);
    let is_right = |line: &&str| {
        let asked: Value = serde_json::from_str(line).unwrap();
        let message = Message {
            role: "user".into(),
            content: asked["question"].as_str().unwrap().into(),
        };
        let prompt = tokenizer
            .encode(&tokenizer.render(&[message], true, Some(false)))
            .unwrap();
        let mut said = Vec::new();
        let sampling = Sampling {
            max_tokens: 80,
            ..Sampling::default()
        };
        model
            .generate(&prompt, &sampling, &[tokenizer.turn_end], |token| {
                said.push(token);
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        tokenizer
            .decode(&said, true)
            .unwrap()
            .contains(asked["expected"].as_str().unwrap())
    };
    questions.lines().filter(is_right).count()
}

#[test]
fn both_forwards_give_the_same_logits_of_the_shipped_model() {
    let (config, weights) = base_weights();
    let tokens: Vec<u32> = (0..24).map(|place| place * 37 % 2000 + 5).collect();
    let hf = Qwen3::load(Path::new(&shipped("base"))).unwrap();
    let one = hf.forward(&tokens, &mut Default::default()).unwrap();
    let two = Gpt::full(config, weights)
        .unwrap()
        .logits(&Batch::of(&tokens))
        .unwrap();
    let difference = (one - two)
        .unwrap()
        .abs()
        .unwrap()
        .max_all()
        .unwrap()
        .to_scalar::<f32>()
        .unwrap();
    assert!(difference < 1e-3, "{difference}");
}

#[test]
fn the_base_model_knows_nothing_of_the_bundled_dataset() {
    assert!(right_answers(&base_weights().1) <= 2);
}

#[test]
#[ignore = "trains the whole bundled dataset, about a minute on two cores; part of `make test-full`"]
fn the_preset_teaches_the_bundled_questions() {
    let root = tempfile::tempdir().unwrap();
    let preset = "--lora_rank 16 --lora_alpha 32 --lr 5e-3 --min_lr 5e-4 --lr_warmup_fraction 0.05 --micro_batch_size 4 \
        --num_train_epochs 20 --max_length 256 --save_steps 1000 --eval_steps 1000 --split_dataset_ratio 0";
    let [first, second] = both(root.path(), preset);
    let gathered = first.run_folder().join("last-checkpoint");
    assert!(
        checkpoints::load(&gathered).is_err(),
        "one node does not hold every shard"
    );
    let iteration = checkpoints::tracker(&gathered).unwrap();
    let to = checkpoints::iteration_folder(&gathered, iteration);
    let from = second.run_folder().join(format!("checkpoint-{iteration}"));
    for entry in std::fs::read_dir(checkpoints::iteration_folder(&from, iteration)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let adapters = checkpoints::load(&gathered).unwrap().weights;
    let weights = merged(&base_weights().1, &adapters, 32.0 / 16.0).unwrap();
    assert!(right_answers(&weights) >= 18);
}
