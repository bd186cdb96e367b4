//! `swift export` and `megatron export`: Hugging Face to Megatron and back, with a LoRA adapter merged on the way or taken out on its
//! own, and the test of its own precision.
//!
//! Lines, order and refusals follow ms-swift 4.6.0, and 3.9.3 where a node plays that release. The two differ in when the precision is
//! tested: 3.9 before saving, 4.x after.

mod files;
mod mcore;
mod precision;
mod settle;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::DType;

use crate::checkpoints::{self, Left, Loaded, Reader};
use crate::model::hf::Qwen3;
use crate::model::mcore::Gpt;
use crate::model::{Config, Tensors, Tokenizer, mapping};
use crate::programs::arguments::Arguments;
use crate::release::{Generation, Release};
use crate::training::collective::Collective;
use crate::training::progress::still;
use crate::training::python::{self, Dict, Moment};
use crate::training::world::World;

pub use files::{Peft, Stored, write_hf, write_peft};
pub use precision::{Compared, compare};

/// The processes of an export.
pub struct Crew {
    pub world: World,
    /// None: one process alone.
    pub collective: Option<Collective>,
}

impl Crew {
    fn is_first(&self) -> bool {
        self.world.rank == 0
    }

    fn info(&self, text: &str) {
        if self.world.is_first_of_node() {
            eprintln!("[INFO:swift] {text}");
        }
    }

    fn wait(&mut self) -> Result<()> {
        self.collective.as_mut().map_or(Ok(()), Collective::barrier)
    }
}

/// Which of the two commands it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `swift export`: one process; an adapter is always merged.
    Swift,
    /// `megatron export`, from 3.10 on: as many processes as there are GPUs.
    Megatron,
}

impl Program {
    fn class(self) -> &'static str {
        match self {
            Program::Swift => "ExportArguments",
            Program::Megatron => "MegatronExportArguments",
        }
    }
}

/// Where the weights come from.
enum Base {
    Hf,
    Mcore(PathBuf),
}

#[derive(PartialEq, Eq)]
enum Target {
    Mcore,
    Hf,
}

/// All that a command line asks for.
struct Export {
    release: Release,
    program: Program,
    /// Configuration and tokenizer.
    model: PathBuf,
    base: Base,
    /// The folder above `iter_*` of a LoRA run.
    adapter: Option<PathBuf>,
    merges: bool,
    target: Target,
    output: PathBuf,
    tests: bool,
    /// `SWIFT_TEST_CONVERT_PRECISION`: nothing is saved.
    only_tests: bool,
    stored: Stored,
    /// Files of a converted checkpoint.
    writers: usize,
    /// The checkpoint whose `args.json` the exported folder gets.
    checkpoint: Option<PathBuf>,
}

/// Runs an export of a release.
pub fn run(
    release: &Release,
    program: Program,
    mut arguments: Arguments,
    mut crew: Crew,
) -> Result<()> {
    let world = crew.world;
    crew.info(&format!(
        "rank: {}, local_rank: {}, world_size: {}, local_world_size: {}",
        world.rank, world.local_rank, world.size, world.local_size
    ));
    let export = Export::settle(release, program, &mut arguments)?;
    world.check(&Config::read(&export.model)?)?;
    // Only after every rank has seen that the folder is new.
    crew.wait()?;
    crew.info("Setting args.lazy_tokenize: False");
    crew.info(&format!("args.output_dir: `{}`", export.output.display()));
    crew.info("Global seed set to 42");
    let pairs = arguments.dict().0;
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", python::repr(value)))
        .collect();
    crew.info(&format!("args: {}({})", program.class(), pairs.join(", ")));
    crew.info(&format!(
        "Start time of running main: {}",
        Moment::now().long()
    ));
    crew.info(&format!("swift.__version__: {}", release.swift));
    if program == Program::Swift {
        release.import_megatron()?;
    }
    let gpu = crate::training::gpu::Usage::register(world.local_rank);
    export.convert(&arguments, &mut crew)?;
    if let Some(gpu) = &gpu {
        gpu.update()?;
    }
    crew.wait()?;
    crew.info(&format!(
        "End time of running main: {}",
        Moment::now().long()
    ));
    Ok(())
}

impl Export {
    fn is_three(&self) -> bool {
        self.release.generation() == Generation::Three
    }

    fn convert(&self, arguments: &Arguments, crew: &mut Crew) -> Result<()> {
        let config = Config::read(&self.model)?;
        let created = "Megatron model created successfully.";
        // 3.9 says so when everything is loaded, 4.x when nothing is; both before reading Hugging Face's files.
        let says_late = self.program == Program::Swift && matches!(self.base, Base::Mcore(_));
        if !says_late {
            crew.info(created);
        }
        let mut weights = match &self.base {
            Base::Hf => mapping::mcore_from_hf(&self.model, &config)?,
            Base::Mcore(folder) => self.load(folder, crew)?.weights,
        };
        let mut adapters = None;
        if let Some(folder) = &self.adapter {
            let peft = Peft::of(folder)?;
            let loaded = self.load(folder, crew)?.weights;
            if self.merges {
                crew.info("Merge LoRA...");
                weights = mapping::merged(&weights, &loaded, peft.scale())?;
            } else {
                adapters = Some((peft, loaded));
            }
        }
        if says_late {
            crew.info(created);
        }
        match self.target {
            Target::Mcore => self.to_mcore(arguments, crew, config, weights, adapters),
            Target::Hf => self.to_hf(arguments, crew, config, weights, adapters),
        }
    }

    fn to_hf(
        &self,
        arguments: &Arguments,
        crew: &mut Crew,
        config: Config,
        weights: Tensors,
        adapters: Option<(Peft, Tensors)>,
    ) -> Result<()> {
        if self.is_three() {
            return self.to_hf_of_three(crew, config, weights);
        }
        crew.info("Converting weights and saving the model...");
        if !crew.is_first() {
            // Its part of the weights went to the first rank, which writes.
            return Ok(());
        }
        let count = weights.len();
        eprint!("\r{}", still("Saving", 0, count));
        match &adapters {
            Some((peft, adapters)) => {
                write_peft(&self.output, &self.model, &config, adapters, peft)?;
            }
            None => write_hf(&self.model, &self.output, &config, &weights, self.stored)?,
        }
        eprintln!("\r{}", still("Saving", count, count));
        match &self.checkpoint {
            Some(folder) => {
                std::fs::copy(folder.join("args.json"), self.output.join("args.json"))
                    .context("copy args.json")?;
            }
            None => self.save_arguments(arguments, crew)?,
        }
        crew.info(&format!(
            "Successfully saved `safetensors` model weights in `{}`.",
            self.output.display()
        ));
        if !self.tests {
            return Ok(());
        }
        match adapters {
            None => self.test(&Qwen3::load(&self.output)?, &config, weights),
            // PEFT puts the adapter onto the model of the command line.
            Some((peft, adapters)) => {
                let merged = mapping::merged(&weights, &adapters, peft.scale())?;
                let hf = mapping::hf_from_mcore(&config, &merged)?;
                self.test(&Qwen3::new(config.clone(), hf)?, &config, merged)
            }
        }
    }

    /// 3.9 builds the model of transformers, fills it, compares and only then saves.
    fn to_hf_of_three(&self, crew: &Crew, config: Config, weights: Tensors) -> Result<()> {
        let hf = mapping::hf_from_mcore(&config, &weights)?;
        if self.tests {
            self.test(&Qwen3::new(config.clone(), hf)?, &config, weights.clone())?;
        }
        crew.info("Successfully transferred MG model weights to HF model.");
        crew.info("Saving the model...");
        write_hf(&self.model, &self.output, &config, &weights, self.stored)?;
        let from_mcore = match &self.base {
            Base::Mcore(folder) => Some(folder),
            Base::Hf => None,
        };
        let from = self.adapter.as_ref().or(from_mcore);
        if let Some(from) = from
            .map(|folder| folder.join("args.json"))
            .filter(|it| it.is_file())
        {
            std::fs::copy(from, self.output.join("args.json")).context("copy args.json")?;
        }
        crew.info(&format!(
            "Successfully saved HF model weights in `{}`.",
            self.output.display()
        ));
        Ok(())
    }

    fn test(&self, hf: &Qwen3, config: &Config, weights: Tensors) -> Result<()> {
        let tokenizer = Tokenizer::load(&self.model)?;
        let compared = compare(hf, &Gpt::full(config.clone(), weights)?, &tokenizer)?;
        compared.print(&self.release.swift);
        Ok(())
    }

    /// Megatron's tensors below a folder, with the bar that says whether all were read.
    fn load(&self, folder: &Path, crew: &Crew) -> Result<Loaded> {
        let reader = Reader::of(&self.release).weights();
        if self.is_three() {
            let tracker = folder.join(checkpoints::TRACKER);
            if checkpoints::tracked(folder)?.is_none() {
                return Err(Left::without(&tracker).into());
            }
        }
        let loaded = checkpoints::load_as(reader, folder)?;
        let (read, wanted) = loaded.read;
        if crew.world.is_first_of_node() {
            eprintln!(
                "\r{}\r{}",
                still("Loading", 0, wanted),
                still("Loading", read, wanted)
            );
        }
        Ok(loaded)
    }

    /// `args.json`, with what the release adds to its arguments.
    fn save_arguments(&self, arguments: &Arguments, crew: &Crew) -> Result<()> {
        let model = self.model.to_string_lossy().into_owned();
        let name = self.model.file_name().unwrap_or_default();
        let world = crew.world;
        let all: Dict = arguments
            .dict()
            .with("rank", world.rank)
            .with("local_rank", world.local_rank)
            .with("global_world_size", world.size)
            .with("local_world_size", world.local_size)
            .with("model_suffix", name.to_string_lossy())
            .with("model_info", format!("ModelInfo(model_type='qwen3', model_dir='{model}', torch_dtype=torch.bfloat16, task_type='causal_lm')"))
            .with("model_meta", "ModelMeta(model_type='qwen3', architectures=['Qwen3ForCausalLM'])")
            .with("model_dir", model)
            .with("hub", "<class 'swift.hub.hub.MSHub'>");
        let path = self.output.join("args.json");
        crew.info(&format!(
            "The {} will be saved in: {}",
            self.program.class(),
            path.display()
        ));
        std::fs::write(path, all.pretty()).context("write args.json")
    }
}

/// The type by torch's name.
fn dtype(name: &str) -> Option<DType> {
    Some(match name.trim_start_matches("torch.") {
        "bfloat16" => DType::BF16,
        "float32" => DType::F32,
        "float16" => DType::F16,
        _ => return None,
    })
}
