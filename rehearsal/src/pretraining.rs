//! `rehearsal pretrain`: writes a corpus by a seeded grammar and trains the shipped base model on it.

mod corpus;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use candle_core::backprop::GradStore;
use candle_core::{DType, Var};
use clap::Args;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::model::mcore::{self, Gpt};
use crate::model::{Config, Tokenizer, weights};
use crate::training::batch::{self, Sample};
use crate::training::optimizer::{Adam, Settings};
use crate::training::schedule::{Decay, Schedule};

/// So many that training hardly sees one twice: the model has to learn the grammar, not the corpus.
const CONVERSATIONS: usize = 40_000;

/// What the shipped model was made with: the defaults.
#[derive(Args, Debug)]
pub struct Pretrain {
    /// Folder for the model, in Hugging Face's files.
    #[arg(long)]
    pub output: PathBuf,
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    #[arg(long, default_value_t = 1400)]
    pub steps: usize,
    /// Conversations per step.
    #[arg(long, default_value_t = 32)]
    pub batch: usize,
    #[arg(long, default_value_t = 2048)]
    pub vocabulary: usize,
    #[arg(long, default_value_t = 3e-3)]
    pub learning_rate: f64,
}

/// The gradients of all variables one after the other, zeros where there is none.
pub fn flat_gradient(variables: &BTreeMap<String, Var>, gradients: &GradStore) -> Result<Vec<f32>> {
    let mut flat = Vec::new();
    for variable in variables.values() {
        match gradients.get(variable) {
            Some(gradient) => flat.extend(gradient.flatten_all()?.to_vec1::<f32>()?),
            None => flat.resize(flat.len() + variable.elem_count(), 0.0),
        }
    }
    Ok(flat)
}

/// Trains from nothing and writes the model.
pub fn run(options: &Pretrain) -> Result<()> {
    let mut random = StdRng::seed_from_u64(options.seed);
    let conversations: Vec<_> = (0..CONVERSATIONS)
        .map(|_| corpus::conversation(&mut random))
        .collect();
    let text = |conversation: &corpus::Conversation| {
        let said = conversation
            .messages
            .iter()
            .map(|message| message.content.clone());
        let framing = ["user", "assistant", "system"].map(str::to_owned);
        said.chain(conversation.thought.clone())
            .chain(framing)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let texts: Vec<String> = conversations.iter().map(text).collect();
    let tokenizer = Tokenizer::train(&texts, options.vocabulary)?;
    let mut samples = Vec::new();
    for conversation in &conversations {
        samples.push(batch::encode(
            &tokenizer,
            &conversation.messages,
            conversation.thought.as_deref(),
            batch::Learnt::DEFAULT,
        )?);
    }
    let tokens: usize = samples.iter().map(|sample| sample.tokens.len()).sum();
    println!(
        "{} conversations, {tokens} tokens, {} ids",
        samples.len(),
        tokenizer.vocab_size()
    );

    let config = Config::rehearsal(
        tokenizer.vocab_size(),
        tokenizer.turn_end,
        tokenizer.end_of_text,
    );
    let model = Gpt::full(config.clone(), mcore::initial(&config, options.seed)?)?;
    let variables = model.variables();
    let mut adam = Adam::new(Settings::default(), variables);
    let schedule = Schedule {
        most: options.learning_rate,
        least: options.learning_rate / 20.0,
        start: 0.0,
        warmup: 50.0,
        decay: options.steps as f64,
        style: Decay::Cosine,
    };
    let started = Instant::now();
    let mut order: Vec<usize> = Vec::new();
    for step in 1..=options.steps {
        if order.len() < options.batch {
            order = (0..samples.len()).collect();
            order.shuffle(&mut random);
        }
        let rows: Vec<Vec<&Sample>> = order
            .drain(..options.batch)
            .map(|index| vec![&samples[index]])
            .collect();
        let batch = batch::collate(&rows, tokenizer.end_of_text);
        let loss = model.loss_sum(&batch)?;
        let mut gradient = flat_gradient(variables, &loss.backward()?)?;
        let mean = 1.0 / batch.targets.len() as f32;
        gradient.iter_mut().for_each(|g| *g *= mean);
        let norm = adam.step(variables, &gradient, schedule.at(step as f64))?;
        if step % 25 == 0 || step == options.steps {
            let loss = loss.to_scalar::<f32>()? * mean;
            println!(
                "step {step}/{} loss {loss:.4} norm {norm:.2} {:.0?}",
                options.steps,
                started.elapsed()
            );
        }
    }

    std::fs::create_dir_all(&options.output).context("create the output folder")?;
    let trained = variables
        .iter()
        .map(|(name, variable)| (name.clone(), variable.as_tensor().clone()))
        .collect();
    let trained = crate::model::mapping::hf_from_mcore(&config, &trained)?;
    weights::save_hf(&options.output, &config, &trained)?;
    config.write(&options.output)?;
    tokenizer.save(&options.output)?;
    // What was written is what is used from now on: a folder that does not load is an error here, not later.
    weights::load_hf(&options.output, DType::F32)?;
    Ok(())
}
