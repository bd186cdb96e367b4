//! From a form to what each node runs, with everything that stands against it.

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use domain::datasets::Dataset;
use domain::experiments::Setup;
use domain::experiments::form::{Form, NodeScript, Preview};
use domain::experiments::outlook::{self, Ground};
use domain::finding::{Finding, Weight};
use domain::jobs::ProcessSpec;
use domain::models::{Format, Model, Origin};
use domain::nodes::place::path_on;
use domain::nodes::{Cluster, Node, NodeView};
use domain::nodes::{holders, ports};
use domain::recipes::command::{self, Train};
use domain::recipes::launch::{self, Launch, LaunchNode};
use domain::recipes::memory::{Estimate, RowLengths, Shape};
use domain::recipes::rules::{self, Facts};
use domain::recipes::settings::Settings;
use domain::recipes::version::{self, Generation, Version};
use domain::recipes::{Recipe, arithmetic, fit, pasted, reports, world};
use domain::shell::quote;
use futures::future::join_all;

use crate::hosts::Limits;
use crate::{Actor, Backend, Result, nodes, transfers};

use super::{Start, earlier};

/// Ports at which the ranks of a run meet; the first that is free on the main node is taken.
const MASTER_PORTS: std::ops::Range<u16> = 29_500..29_600;

/// A launch that can be made.
pub struct Plan {
    pub setup: Setup,
    pub processes: Vec<ProcessSpec>,
    /// What the pre-flight looks at.
    pub ground: PreflightGround,
    pub estimate: Option<Estimate>,
    /// Bytes of one checkpoint over all nodes (0: not known), and how many will be kept.
    pub checkpoints: (f64, u64),
}

/// Of what the launch is made, for the pre-flight.
pub struct PreflightGround {
    pub nodes: Vec<NodeView>,
    pub version: Version,
    pub model: Model,
    pub mcore: Model,
    pub dataset: Dataset,
    pub gpus: Vec<u32>,
    pub port: u16,
    pub settings: Settings,
    pub shape: Option<Shape>,
    /// What the form itself has against it; what the nodes have is looked at again.
    pub findings: Vec<Finding>,
}

/// What the form names, as far as it is there.
struct Chosen {
    cluster: Cluster,
    nodes: Vec<NodeView>,
    version: Version,
    model: Model,
    mcore: Model,
    dataset: Dataset,
}

/// Everything is looked at, also after a first finding, so that a person sees all of them at once. The plan is there when nothing
/// stops it.
pub async fn plan(
    backend: &Backend,
    actor: &Actor,
    form: &Form,
    origin: &Start,
) -> Result<(Preview, Option<Plan>)> {
    let mut preview = Preview::default();
    let mut absent = Vec::new();
    let chosen = choose(backend, actor, form, &mut preview.findings, &mut absent).await?;
    let recipe = match form.recipe() {
        Ok(recipe) => Some(recipe),
        Err(findings) => {
            preview.findings.extend(findings);
            None
        }
    };
    preview.findings.extend(form.variable_findings());
    let Some(chosen) = chosen else {
        preview.findings.extend(absent);
        return Ok((preview, None));
    };
    preview.rows = chosen.dataset.rows;
    let gpus = match gpus(form, &chosen.nodes) {
        Ok(gpus) => gpus,
        Err(finding) => {
            preview.findings.push(finding);
            return Ok((preview, None));
        }
    };
    preview.gpus_per_node = u32::try_from(gpus.len()).unwrap_or(u32::MAX);
    let Some(recipe) = recipe else {
        return Ok((preview, None));
    };
    preview
        .findings
        .extend(fit::findings(&recipe, chosen.version));
    preview
        .findings
        .extend(super::scripts::findings(&form.script, chosen.version));
    let seen = look(backend, &chosen).await?;
    let ground = foresee(
        backend,
        actor,
        form,
        &chosen,
        &recipe,
        &gpus,
        &seen,
        &mut preview,
    )
    .await?;
    // The nodes' own are looked at again by the pre-flight.
    preview
        .findings
        .extend(held_by_others(&gpus, &chosen.nodes));
    preview.findings.extend(seen.findings);
    let said = reports::say(&form.reports, chosen.version);
    preview.findings.extend(said.findings.clone());
    // What a person writes among the arguments stands.
    let mut reporting = recipe.clone();
    reporting.extra.splice(0..0, said.flags.clone());
    let processes = match render(&chosen, &reporting, &gpus, seen.port, form, origin) {
        Ok(mut processes) => {
            preview
                .findings
                .extend(super::reports::attach(backend, actor, &said, &mut processes).await?);
            processes
        }
        Err(text) => {
            preview.findings.push(Finding {
                field: "cluster_id".to_owned(),
                weight: Weight::Stops,
                text,
            });
            return Ok((preview, None));
        }
    };
    preview.scripts = processes
        .iter()
        .zip(&chosen.nodes)
        .map(|(process, view)| NodeScript {
            node: view.node.name.clone(),
            script: pasted::shown(&process.script),
        })
        .collect();
    let outlook = preview.outlook.as_ref();
    let plan = Plan {
        estimate: outlook.and_then(|outlook| outlook.memory.clone()),
        checkpoints: outlook
            .and_then(|outlook| outlook.checkpoints)
            .unwrap_or_default(),
        setup: Setup {
            cluster_id: chosen.cluster.id,
            model_id: chosen.model.id,
            mcore_model_id: chosen.mcore.id,
            dataset_id: chosen.dataset.id,
            recipe,
            gpus_per_node: preview.gpus_per_node,
            preset: form
                .preset()
                .map(|preset| preset.key.to_owned())
                .unwrap_or_default(),
            script: form.script.clone(),
            reports: form.reports.clone(),
            variables: form.variables.clone(),
            start_from: match origin {
                Start::Base => None,
                Start::Checkpoint { id, .. } => Some(id.clone()),
            },
        },
        processes,
        ground,
    };
    Ok((preview, Some(plan)))
}

/// Rules, division, iterations and the outlook, into the preview; and what the pre-flight will look at.
#[expect(clippy::too_many_arguments, reason = "all that a launch is made of")]
async fn foresee(
    backend: &Backend,
    actor: &Actor,
    form: &Form,
    chosen: &Chosen,
    recipe: &Recipe,
    gpus: &[u32],
    seen: &Looked,
    preview: &mut Preview,
) -> Result<PreflightGround> {
    let settings = Settings::of(
        recipe,
        chosen.version.generation().unwrap_or(Generation::G3),
    );
    let shape = seen.config.as_ref().and_then(Shape::of_config);
    let main = chosen.nodes[0].probe.as_ref();
    let packages: Vec<(String, String)> = main
        .iter()
        .flat_map(|probe| &probe.packages)
        .map(|package| (package.name.clone(), package.version.clone()))
        .collect();
    let variables: Vec<(String, String)> = form.variables.clone().into_iter().collect();
    let (nodes, gpus_per_node) = (chosen.nodes.len() as u64, gpus.len() as u64);
    let breaches = rules::check(&Facts {
        recipe,
        settings: &settings,
        version: chosen.version,
        shape: shape.as_ref(),
        nodes,
        gpus_per_node,
        packages: &packages,
        variables: &variables,
        has_weights: true,
    });
    preview
        .findings
        .extend(breaches.iter().map(|breach| breach.finding.clone()));
    let rows = RowLengths::guessed(chosen.dataset.size_bytes, chosen.dataset.rows);
    let all = u32::try_from(gpus.len() * chosen.nodes.len()).unwrap_or(u32::MAX);
    match arithmetic::divide(recipe, all) {
        Ok(division) => {
            preview.division = Some(division);
            count(recipe, division, chosen.dataset.rows, rows, preview);
        }
        // The rules have said it, unless it is something that they do not know.
        Err(findings) if breaches.is_empty() => preview.findings.extend(findings),
        Err(_) => {}
    }
    let used = chosen.nodes.iter().filter_map(|view| view.probe.as_ref());
    let used = used.flat_map(|probe| probe.gpus.iter().filter(|gpu| gpus.contains(&gpu.index)));
    let gpu = used.min_by_key(|gpu| gpu.memory_total_mib).map(|gpu| {
        (
            gpu.name.clone(),
            gpu.memory_total_mib as f64 * f64::from(1 << 20),
        )
    });
    let before = earlier::runs(backend, actor, &chosen.model.id, recipe).await?;
    preview.outlook = Some(outlook::outlook(Ground {
        recipe,
        settings: &settings,
        shape: shape.as_ref(),
        nodes,
        gpus_per_node,
        gpu,
        iterations: preview.iterations,
        rows,
        earlier: &before.paces,
        measured: before.memory,
        breaches,
    }));
    Ok(PreflightGround {
        nodes: chosen.nodes.clone(),
        version: chosen.version,
        model: chosen.model.clone(),
        mcore: chosen.mcore.clone(),
        dataset: chosen.dataset.clone(),
        gpus: gpus.to_vec(),
        port: seen.port,
        settings,
        shape,
        findings: preview.findings.clone(),
    })
}

/// Iterations, and what the size of the dataset does to them.
fn count(
    recipe: &Recipe,
    division: arithmetic::Division,
    rows: u64,
    lengths: RowLengths,
    preview: &mut Preview,
) {
    let kept = (rows as f64 * recipe.split_dataset_ratio) as u64;
    let trained = rows - kept.min(rows);
    // Packs are counted, not rows.
    let units = match lengths.mean.filter(|_| recipe.packing) {
        Some(mean) => world::packs(trained, mean, recipe.max_length.into()).0,
        None => trained,
    };
    let iterations = arithmetic::iterations(recipe, division, units);
    preview.iterations = Some(iterations);
    if iterations == 0 {
        preview.findings.push(Finding::stops(
            "global_batch_size",
            format!("{rows} rows do not fill one iteration of {} rows. Write a smaller global batch or more epochs.", recipe.global_batch_size),
            format!("{rows} 条样本不足以完成一次 {} 条的迭代。请减小全局批大小或增加训练轮数。", recipe.global_batch_size),
        ));
    }
    if recipe.split_dataset_ratio > 0.0
        && arithmetic::evaluation_iterations(recipe, division, kept).is_none()
    {
        preview.findings.push(Finding::warning(
            "split_dataset_ratio",
            format!("{kept} rows for evaluation are fewer than one micro batch of all ranks ({}): there will be no evaluation.", recipe.micro_batch_size * division.data_parallel),
            format!("验证集只有 {kept} 条，少于所有进程的一个微批（{} 条），将不会进行验证。", recipe.micro_batch_size * division.data_parallel),
        ));
    }
}

async fn choose(
    backend: &Backend,
    actor: &Actor,
    form: &Form,
    findings: &mut Vec<Finding>,
    absent: &mut Vec<Finding>,
) -> Result<Option<Chosen>> {
    let clusters = nodes::list(backend, actor).await?;
    let cluster = clusters
        .into_iter()
        .find(|(cluster, _)| cluster.id.as_str() == form.cluster_id);
    let mut version = None;
    match &cluster {
        None => findings.push(Finding::stops(
            "cluster_id",
            "Choose the cluster to train on.",
            "请选择训练所用的集群。",
        )),
        Some((_, nodes)) => {
            for view in nodes {
                if let Some(unreachable) = &view.unreachable {
                    absent.push(Finding::stops(
                        "cluster_id",
                        format!("{} does not answer: {}.", view.node.name, unreachable.why),
                        format!("{} 没有响应：{}。", view.node.name, unreachable.why.zh),
                    ));
                }
            }
            let installed: Vec<(&str, Option<&str>)> = nodes
                .iter()
                .map(|view| {
                    let probe = view.probe.as_ref();
                    (
                        view.node.name.as_str(),
                        probe.and_then(|probe| probe.version_of("ms-swift")),
                    )
                })
                .collect();
            match version::same_version(&installed) {
                Ok(found) => version = Some(found),
                Err(finding) => findings.push(Finding {
                    field: "cluster_id".to_owned(),
                    ..finding
                }),
            }
        }
    }
    let models = backend.store().models(&actor.project).await?;
    let model = models
        .iter()
        .find(|model| model.id.as_str() == form.model_id && model.format == Format::Hf);
    let mcore = model.and_then(|model| {
        models.iter().find(
            |other| matches!(&other.origin, Origin::Converted { from, .. } if *from == model.id),
        )
    });
    match (model, mcore) {
        (None, _) => findings.push(Finding::stops(
            "model_id",
            "Choose a model in Hugging Face form.",
            "请选择一个 Hugging Face 格式的模型。",
        )),
        (Some(model), None) => findings.push(Finding::stops(
            "model_id",
            format!("{} has no MCore form yet, from which training starts. Open the model and convert it first.", model.name),
            format!("{} 尚未转换为训练所需的 MCore 格式，请先在模型页面完成转换。", model.name),
        )),
        _ => {}
    }
    let datasets = backend.store().datasets(&actor.project).await?;
    let dataset = datasets
        .into_iter()
        .find(|dataset| dataset.id.as_str() == form.dataset_id);
    if dataset.is_none() {
        findings.push(Finding::stops(
            "dataset_id",
            "Choose a dataset.",
            "请选择数据集。",
        ));
    }
    Ok(match (cluster, version, model, mcore, dataset) {
        (Some((cluster, nodes)), Some(version), Some(model), Some(mcore), Some(dataset)) => {
            Some(Chosen {
                cluster,
                nodes,
                version,
                model: model.clone(),
                mcore: mcore.clone(),
                dataset,
            })
        }
        _ => None,
    })
}

/// The GPUs, the same on every node: the lowest ones that nothing holds, else others, whose holder the launch then names.
fn gpus(form: &Form, nodes: &[NodeView]) -> std::result::Result<Vec<u32>, Finding> {
    let has = |view: &NodeView| view.probe.as_ref().map_or(0, |probe| probe.gpus.len());
    let fewest = nodes.iter().map(has).min().unwrap_or(0);
    if let Some(without) = nodes.iter().find(|view| has(view) == 0) {
        return Err(Finding::stops(
            "cluster_id",
            format!("{} shows no GPU.", without.node.name),
            format!("{} 上没有可用的 GPU。", without.node.name),
        ));
    }
    let count = form.gpus_per_node(u32::try_from(fewest).unwrap_or(u32::MAX))? as usize;
    let mut chosen = holders::ranked(nodes);
    chosen.truncate(count);
    chosen.sort_unstable();
    Ok(chosen)
}

/// Others work on a GPU that the run would use: it may not have room.
fn held_by_others(gpus: &[u32], nodes: &[NodeView]) -> Vec<Finding> {
    let on = |view: &NodeView, gpu: u32| {
        let (name, text) = (view.node.name.clone(), view.foreign_holder(gpu)?.text());
        Some(Finding::warning(
            "gpus_per_node",
            format!(
                "GPU {gpu} of {name} is {}: the run may run out of memory there.",
                text.en
            ),
            format!(
                "{name} 的 GPU {gpu} {}，训练可能因显存不足而失败。",
                text.zh
            ),
        ))
    };
    let pairs = nodes
        .iter()
        .flat_map(|view| gpus.iter().map(move |gpu| (view, *gpu)));
    pairs.filter_map(|(view, gpu)| on(view, gpu)).collect()
}

/// What a look at every node came to.
struct Looked {
    /// A free one of the main node.
    port: u16,
    /// The model's, from the main node.
    config: Option<serde_json::Value>,
    findings: Vec<Finding>,
}

/// A config.json is a few KiB; what is longer is none.
const CONFIG_BYTES: u32 = 1 << 20;

/// Looks at every node: is everything there that training reads, and which port is free on the main one?
async fn look(backend: &Backend, chosen: &Chosen) -> Result<Looked> {
    let main = &chosen.nodes[0].node;
    let looks = join_all(chosen.nodes.iter().map(|view| async move {
        let node = &view.node;
        let on = |owner: &domain::ids::NodeId, path: &str| {
            let owner = chosen.nodes.iter().find(|view| view.node.id == *owner);
            quote(&path_on(owner.map_or(main, |view| &view.node), node, path))
        };
        let command = format!(
            "m={}; [ -e \"$m\"/config.json ] && echo model; [ -e {}/latest_checkpointed_iteration.txt ] && echo mcore; \
             stat -L -c 'dataset %s' {} 2>/dev/null; {}; \
             echo \"config $(head -c {CONFIG_BYTES} \"$m\"/config.json 2>/dev/null | base64 | tr -d '\\n')\"; echo end",
            on(&chosen.model.node_id, &chosen.model.path),
            on(&chosen.mcore.node_id, &chosen.mcore.path),
            on(&chosen.dataset.node_id, &chosen.dataset.path),
            ports::LISTENING,
        );
        let host = nodes::host(backend, node).await?;
        Ok::<_, crate::Error>(host.run(&command, Bytes::new(), Limits::of_secs(15)).await)
    }))
    .await;
    let mut findings = Vec::new();
    let mut taken = Vec::new();
    let mut config = None;
    for (rank, (view, look)) in chosen.nodes.iter().zip(looks).enumerate() {
        let name = &view.node.name;
        let text = match look? {
            Ok(output) => output.text(),
            Err(error) => {
                findings.push(Finding::stops(
                    "cluster_id",
                    format!("{name} does not answer: {error}."),
                    format!("{name} 没有响应：{error}。"),
                ));
                continue;
            }
        };
        let has = |word: &str| text.lines().any(|line| line == word);
        for (word, field, model) in [
            ("model", "model_id", &chosen.model),
            ("mcore", "model_id", &chosen.mcore),
        ] {
            if !has(word) {
                findings.push(Finding::stops(
                    field,
                    format!("{name} has no copy of {}. Open that model and copy it to the other nodes of the cluster.", model.name),
                    format!("{name} 上没有 {}。请在该模型页面将其复制到集群的其他节点。", model.name),
                ));
            }
        }
        match text.lines().find_map(|line| line.strip_prefix("dataset ")?.parse::<u64>().ok()) {
            None => findings.push(Finding::stops(
                "dataset_id",
                format!("{name} has no copy of {}. Put the file at the same place there.", chosen.dataset.path),
                format!("{name} 上没有 {}，请将文件放到相同位置。", chosen.dataset.path),
            )),
            Some(size) if size != chosen.dataset.size_bytes => findings.push(Finding::stops(
                "dataset_id",
                format!("{} is {size} bytes long on {name}, but {} when it was registered. Every node has to read the same rows.", chosen.dataset.path, chosen.dataset.size_bytes),
                format!("{name} 上的 {} 为 {size} 字节，而登记时为 {} 字节。所有节点必须读取相同的数据。", chosen.dataset.path, chosen.dataset.size_bytes),
            )),
            Some(_) => {}
        }
        if rank == 0 {
            taken = ports::listening(&text).collect();
            let encoded = text.lines().find_map(|line| line.strip_prefix("config "));
            config = encoded
                .and_then(|text| BASE64_STANDARD.decode(text).ok())
                .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        }
    }
    // Ports of runs that were launched but do not listen yet are in their scripts.
    for job in backend.store().jobs_in_motion().await? {
        let scripts = job
            .spec
            .processes
            .iter()
            .map(|process| process.script.as_str());
        taken.extend(scripts.filter_map(launch::master_port));
    }
    let port = MASTER_PORTS
        .clone()
        .find(|port| !taken.contains(port))
        .unwrap_or(MASTER_PORTS.start);
    Ok(Looked {
        port,
        config,
        findings,
    })
}

/// The interface that carries traffic between the nodes.
pub fn interface(view: &NodeView) -> String {
    let first = view
        .probe
        .as_ref()
        .and_then(|probe| probe.interfaces.first().cloned());
    first.unwrap_or_else(|| "eth0".to_owned())
}

/// Where ms-swift caches datasets and takes its locks.
pub fn cache(node: &Node) -> String {
    format!("{}/cache/modelscope", node.work_folder)
}

fn render(
    chosen: &Chosen,
    recipe: &Recipe,
    gpus: &[u32],
    port: u16,
    form: &Form,
    origin: &Start,
) -> std::result::Result<Vec<ProcessSpec>, domain::language::Text> {
    let addresses: Vec<String> = chosen
        .nodes
        .iter()
        .map(transfers::reachable_address)
        .collect();
    let interfaces: Vec<String> = chosen.nodes.iter().map(interface).collect();
    let of = |owner: &domain::ids::NodeId| {
        let view = chosen.nodes.iter().find(|view| view.node.id == *owner);
        &view.unwrap_or(&chosen.nodes[0]).node
    };
    let mut processes = Vec::with_capacity(chosen.nodes.len());
    for (rank, view) in chosen.nodes.iter().enumerate() {
        let node = &view.node;
        let on = |owner: &domain::ids::NodeId, path: &str| path_on(of(owner), node, path);
        let (model, mcore, dataset) = (
            on(&chosen.model.node_id, &chosen.model.path),
            on(&chosen.mcore.node_id, &chosen.mcore.path),
            on(&chosen.dataset.node_id, &chosen.dataset.path),
        );
        let output = format!(
            "{}/experiments/{}",
            node.work_folder,
            launch::folder_name(form.name.trim())
        );
        let cache = cache(node);
        // A checkpoint's folder is that of the first node.
        let result = match origin {
            Start::Base => None,
            Start::Checkpoint { folder, .. } => Some(path_on(&chosen.nodes[0].node, node, folder)),
        };
        let is_lora = recipe.tuner.is_lora();
        let mut command = command::train(
            &Train {
                model: &model,
                mcore_model: result.as_ref().filter(|_| !is_lora).unwrap_or(&mcore),
                dataset: &dataset,
                output: &output,
            },
            recipe,
            chosen.version,
        )?;
        if let Some(folder) = result.filter(|_| is_lora) {
            let flag = match chosen.version.generation() {
                Some(Generation::G3) => "mcore_adapter",
                _ => "adapter_load",
            };
            command.flags.push((flag.to_owned(), vec![folder]));
        }
        let meeting = Launch {
            nodes: chosen
                .nodes
                .iter()
                .zip(addresses.iter().zip(&interfaces))
                .map(|(view, (address, interface))| LaunchNode {
                    name: &view.node.name,
                    address,
                    interface,
                })
                .collect(),
            gpus: gpus.to_vec(),
            master_port: port,
            modelscope_cache: &cache,
            megatron_lm_path: None,
            variables: &form.variables,
        };
        processes.push(ProcessSpec {
            rank: u32::try_from(rank).unwrap_or(u32::MAX),
            node_id: node.id.clone(),
            gpus: gpus.to_vec(),
            script: script_of(form, &meeting, rank, &command, chosen.version)?,
            files: Vec::new(),
        });
    }
    Ok(processes)
}

/// What a node runs: the person's own script with the launch in it, or one that is written from the recipe.
fn script_of(
    form: &Form,
    meeting: &Launch<'_>,
    rank: usize,
    command: &command::Command,
    version: Version,
) -> std::result::Result<String, domain::language::Text> {
    if form.script.trim().is_empty() {
        return Ok(launch::script(meeting, rank, command, version));
    }
    let variables: Vec<(String, String)> = launch::variables(meeting, rank, version)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    pasted::launch(&form.script, command, &variables, None, version)
        .map(|text| pasted::for_sh(&text))
}
