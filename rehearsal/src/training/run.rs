//! One rank of a training run, from its arguments to its last line.

mod arguments;
mod data;
mod folders;
mod lines;
mod model;
mod saving;

use std::path::PathBuf;

use anyhow::Result;

use super::collective::Collective;
use super::dataset::DatasetError;
use super::feed::Feed;
use super::gpu;
use super::python;
use super::report::{Evaluated, Report, Step};
use super::settings::{Refused, Settings};
use super::world::{self, World};
use crate::model::mcore::Gpt;
use crate::model::{Config, Tokenizer};
use crate::pretraining::flat_gradient;
use crate::programs::arguments::Arguments;
use crate::release::{Generation, Release};
use folders::{model_folder, run_folder, without_weights};

/// What the agent told this rank through its environment.
pub struct Place {
    pub rank: usize,
    pub local_rank: usize,
    pub size: usize,
    pub local_size: usize,
    pub master_address: String,
    pub master_port: u16,
}

/// A rank's view of the run while it goes on.
struct Run {
    release: Release,
    arguments: Arguments,
    settings: Settings,
    world: World,
    collective: Collective,
    folder: PathBuf,
    model_folder: PathBuf,
    config: Config,
}

/// Where a run is.
#[derive(Clone, Copy)]
struct At {
    iteration: u64,
    /// Rows consumed so far.
    consumed: u64,
    /// Training is over.
    is_final: bool,
}

/// Lines of ms-swift's logger come from the first rank of each node, on stderr.
fn info(world: &World, text: &str) {
    if world.is_first_of_node() {
        eprintln!("[INFO:swift] {text}");
    }
}

fn print_first(world: &World, text: &str) {
    if world.is_first_of_node() {
        eprintln!("{text}");
    }
}

/// Trains as `arguments` say. `plain` is `megatron pt`.
pub fn run(release: Release, mut arguments: Arguments, place: &Place, plain: bool) -> Result<()> {
    let settings = Settings::settle(release.generation(), &mut arguments)?;
    let world = world::world(
        &arguments,
        [place.rank, place.local_rank, place.size, place.local_size],
    )?;
    let usage = gpu::Usage::register(world.local_rank);
    if release.generation() == Generation::Three {
        lines::patched(&world);
    }
    info(
        &world,
        &format!("megatron.core.__version__: {}", release.core),
    );
    info(
        &world,
        &format!(
            "rank: {}, local_rank: {}, world_size: {}, local_world_size: {}",
            world.rank, world.local_rank, world.size, world.local_size
        ),
    );
    let mut collective = Collective::join(
        &place.master_address,
        place.master_port,
        place.rank,
        place.size,
    )
    .map_err(|error| Refused(format!("torch.distributed.DistNetworkError: {error}")))?;

    let model_folder = model_folder(&settings)?;
    let config = Config::read(&model_folder)?;
    info(&world, "Setting torch_dtype: torch.bfloat16");
    info(&world, "Setting args.lazy_tokenize: False");
    let folder = run_folder(settings.names, &arguments, &model_folder, &mut collective)?;
    info(
        &world,
        &format!("args.{}: {}", settings.names.output, folder.display()),
    );
    if release.generation() == Generation::Three {
        without_weights(&arguments)?;
    }
    let run = Run {
        release,
        arguments,
        settings,
        world,
        collective,
        folder,
        model_folder,
        config,
    };
    run.train(plain, usage.as_ref())
}

impl Run {
    fn info(&self, text: &str) {
        info(&self.world, text);
    }

    fn train(mut self, plain: bool, usage: Option<&gpu::Usage>) -> Result<()> {
        let world = self.world;
        let is_four = self.release.generation() == Generation::Four;
        if is_four {
            world.check(&self.config)?;
            self.say_degrees();
        }
        let micro_batches = self.settings.micro_batches(world.data());
        // 3.x looks at the batch only when Megatron is initialised, behind the data.
        let micro_batches = if is_four {
            micro_batches?
        } else {
            micro_batches.unwrap_or(1)
        };
        let tokenizer = Tokenizer::load(&self.model_folder)?;
        self.complete_arguments(plain);
        self.introduce(plain, micro_batches)?;

        let (train, val) = self.datasets(&tokenizer, plain)?;
        let data = world.data();
        if train.is_empty() {
            return Err(DatasetError(
                "ZeroDivisionError: integer division or modulo by zero".into(),
            )
            .into());
        }
        if !is_four {
            self.initialize_megatron()?;
        }
        let iterations = self.settings.iterations(&self.arguments, train.len(), data);
        let eval_steps = match &val {
            Some(val) => self
                .settings
                .eval_iterations(&self.arguments, val.len(), data),
            None => 0,
        };
        self.info(&format!("Setting args.eval_iters: {eval_steps}"));
        self.arguments.set("eval_iters", eval_steps);
        let schedule = self.settings.schedule(&self.arguments, iterations)?;

        let (model, mut adam, start) = self.model()?;
        if !is_four {
            self.say_setup_is_done(iterations, eval_steps);
        }
        let mut report = self.report(start.iteration, iterations)?;

        let rows = self.settings.global_batch as u64;
        let together = self.settings.micro_batch * data;
        let usable = (train.len() / together * together).max(1) as u64;
        let (mut last, mut best): (Option<PathBuf>, Option<(f64, PathBuf)>) = (None, None);
        let mut epoch = None;
        for iteration in start.iteration + 1..=iterations {
            let consumed = start.consumed + (iteration - 1 - start.iteration) * rows;
            if epoch != Some(consumed / usable) {
                epoch = Some(consumed / usable);
                self.info(&format!(
                    "The training of Epoch {} starts...",
                    consumed / usable
                ));
            }
            if !is_four && iteration == iterations {
                self.say_epochs_are_over();
            }
            let mut sum = vec![0f32; super::optimizer::count(model.variables()) + 2];
            for micro in 0..micro_batches as u64 {
                let seen = consumed + micro * together as u64;
                let from = (seen % usable) as usize + world.data_rank() * self.settings.micro_batch;
                let batch = train.shuffled(seen / usable, from, self.settings.micro_batch);
                if batch.targets.is_empty() {
                    continue;
                }
                let loss = model.loss_sum(&batch)?;
                let gradient = flat_gradient(model.variables(), &loss.backward()?)?;
                sum.iter_mut()
                    .zip(&gradient)
                    .for_each(|(sum, part)| *sum += part);
                let end = sum.len() - 2;
                sum[end] += loss.to_scalar::<f32>()?;
                sum[end + 1] += batch.targets.len() as f32;
            }
            let mut sum = self
                .collective
                .sum(if world.speaks() { sum } else { Vec::new() })?;
            let tokens = sum.pop().unwrap_or_default().max(1.0);
            let loss_sum = f64::from(sum.pop().unwrap_or_default());
            sum.iter_mut().for_each(|g| *g /= tokens);
            let norm = adam.step(model.variables(), &sum, schedule.at(consumed as f64))?;

            let consumed = consumed + rows;
            let is_recorded = iteration == 1 || iteration.is_multiple_of(self.settings.log_every);
            if let Some(report) = &mut report {
                report.step(&Step {
                    iteration,
                    consumed,
                    loss_sum,
                    tokens: f64::from(tokens),
                    norm,
                    rate: schedule.at(consumed as f64),
                    is_recorded,
                })?;
            }
            if let Some(usage) = usage {
                usage.update()?;
            }
            let is_last = iteration == iterations;
            let every = |every: u64| iteration.is_multiple_of(every);
            let at = |is_final: bool| At {
                iteration,
                consumed,
                is_final,
            };
            let mut evaluated = None;
            if eval_steps > 0 && (every(self.settings.eval_every) || is_four && is_last) {
                let report = report.as_deref_mut();
                let val = val.as_ref();
                evaluated =
                    self.evaluate(&model, val, eval_steps, micro_batches, report, at(false))?;
            }
            let due = every(self.settings.save_every);
            if due || is_four && is_last {
                let saved = self.save(&model, &adam, at(false), micro_batches)?;
                if let Some(loss) =
                    evaluated.filter(|loss| best.as_ref().is_none_or(|(least, _)| loss < least))
                {
                    best = Some((loss, saved.clone()));
                }
                self.forget_oldest(best.as_ref().map(|(_, path)| path.as_path()))?;
                last = Some(saved);
            }
            if is_four || !is_last {
                continue;
            }
            // Megatron-LM saves and looks at the validation set once more when training is over.
            self.say_training_is_done();
            if !due {
                self.save(&model, &adam, at(true), micro_batches)?;
            }
            if eval_steps > 0 {
                let report = report.as_deref_mut();
                let val = val.as_ref();
                self.evaluate(&model, val, eval_steps, micro_batches, report, at(true))?;
            }
        }
        let best = best.map(|(loss, path)| (python::number(loss), path));
        self.finish(report, &train, val.as_ref(), last, best)
    }

    /// The mean loss over `steps` global batches of the validation set; none without one.
    fn evaluate(
        &mut self,
        model: &Gpt,
        val: Option<&Feed>,
        steps: u64,
        micro_batches: usize,
        mut report: Option<&mut (dyn Report + 'static)>,
        at: At,
    ) -> Result<Option<f64>> {
        let Some(val) = val else {
            return Ok(None);
        };
        if at.is_final {
            self.say_first(&format!(
                "Evaluating on {} samples",
                steps * self.settings.global_batch as u64
            ));
        }
        if let Some(report) = &mut report {
            report.evaluate(steps);
        }
        let (micro, data) = (self.settings.micro_batch, self.world.data());
        let mut sum = vec![0f32; 2];
        for step in 0..steps as usize * micro_batches {
            if at.is_final && step % micro_batches == 0 {
                let number = step / micro_batches + 1;
                self.say_first(&format!("Evaluating iter {number}/{steps}"));
            }
            let batch = val.in_order(step * micro * data + self.world.data_rank() * micro, micro);
            if !batch.targets.is_empty() {
                sum[0] += model.loss_sum(&batch)?.to_scalar::<f32>()?;
                sum[1] += batch.targets.len() as f32;
            }
            if let Some(report) = report.as_mut().filter(|_| (step + 1) % micro_batches == 0) {
                report.advance_evaluation();
            }
        }
        let sum = self
            .collective
            .sum(if self.world.speaks() { sum } else { Vec::new() })?;
        let loss = f64::from(sum[0]) / f64::from(sum[1].max(1.0));
        if let Some(report) = &mut report {
            report.evaluated(&Evaluated {
                iteration: at.iteration,
                consumed: at.consumed,
                loss,
                is_final: at.is_final,
            })?;
        }
        Ok(Some(loss))
    }
}

/// A bar that was over before anyone could look, on the first rank of each node.
fn bars(world: &World, name: &str, total: usize) {
    if world.is_first_of_node() {
        let full = "█".repeat(10);
        eprintln!(
            "\r{name}:   0%|          | 0/{total} [00:00<?, ?it/s]\r{name}: 100%|{full}| {total}/{total} [00:00<00:00]"
        );
    }
}
