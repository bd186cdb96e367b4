//! What is checked before the engine starts, in the order and the words of the release.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::errors::Failure;
use super::lines::Log;
use super::options::Options;
use super::protocol::Load;
use super::request::Rules;
use super::template::ChatTemplate;
use crate::model::{Config, Tokenizer};
use crate::node::gpu;
use crate::node::home::Home;

/// vLLM 0.32.0, vllm-failures/badparser.log
const TOOL_PARSERS: &str = "apertus,cohere_command3,cohere_command4,deepseek_v3,deepseek_v31,deepseek_v32,deepseek_v4,deepseek_v41,dots,ernie45,functiongemma,gemma4,gigachat3,glm45,glm47,granite,granite-20b-fc,granite4,hermes,hf,hunyuan_a13b,hy_v3,hy_v4,inkling,internlm,jamba,k2_horizon,kimi_k2,kimi_k3,lfm2,ling3,llama3_json,llama4_json,llama4_pythonic,longcat,mimo,minicpm5,minimax_m2,minimax_m3,mistral,muse_glimmer,olmo3,openai,phi4_mini_json,plamo3,poolside_v1,pythonic,qwen3_coder,qwen3_json,qwen3_xml,seed_oss,step3,step3p5,xlam";

/// Those that the documentation of the release names.
const REASONING_PARSERS: &str = "deepseek_r1,deepseek_v3,deepseek_v4,glm45,glm47,hunyuan_a13b,kimi_k2,minimax_m2,minimax_m2_append_think,mistral,openai_gptoss,qwen3,seed_oss,step3";

/// What is refused before anything is said.
pub fn check_combinations(options: &Options) -> Result<(), Failure> {
    if options.flag("enable-auto-tool-choice") && options.text("tool-call-parser").is_none() {
        return Err(Failure::raised(
            "TypeError: Error: --enable-auto-tool-choice requires --tool-call-parser",
        ));
    }
    Ok(())
}

/// The first lines of the log.
pub fn banner(log: &Log, options: &Options) {
    let art = [
        String::new(),
        "       █     █     █▄   ▄█".into(),
        format!(" ▄▄ ▄█ █     █     █ ▀▄▀ █  version {}", super::VERSION),
        format!("  █▄█▀ █     █     █     █  model   {}", options.model()),
        "   ▀▀  ▀▀▀▀▀ ▀▀▀▀▀ ▀     ▀".into(),
        String::new(),
    ];
    for line in art {
        log.info("api_utils.py:347", &line);
    }
    log.info(
        "api_utils.py:286",
        &format!("non-default args: {}", options.non_default().repr()),
    );
}

/// Parsers are looked up by name before the port is taken.
pub fn check_parsers(options: &Options) -> Result<(), Failure> {
    let parsers = [
        ("tool call", "tool-call-parser", TOOL_PARSERS),
        ("reasoning", "reasoning-parser", REASONING_PARSERS),
    ];
    for (what, argument, names) in parsers {
        let needed = argument == "reasoning-parser" || options.flag("enable-auto-tool-choice");
        if let Some(name) = options.text(argument).filter(|_| needed)
            && !names.split(',').any(|known| known == name)
        {
            return Err(Failure::raised(format!(
                "KeyError: 'invalid {what} parser: {name} (chose from {{ {names} }})'"
            )));
        }
    }
    Ok(())
}

/// What the engine and the HTTP side need, from a model that can be served.
pub struct Prepared {
    pub load: Load,
    pub rules: Rules,
    pub tokenizer: Tokenizer,
}

/// The model's folder, if `name` is one.
fn folder(name: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(name);
    if path.join("config.json").is_file() {
        return std::path::absolute(path)
            .map_err(|error| Failure::raised(format!("OSError: {error}")));
    }
    if path.is_dir() {
        return Err(Failure::validation(
            "ModelConfig",
            &format!(
                "Invalid repository ID or local directory specified: '{name}'.\nPlease verify the following requirements:\n1. Provide a valid Hugging Face repository ID.\n2. Specify a local directory that contains a recognized configuration file.\n   - For Hugging Face models: ensure the presence of a 'config.json'.\n   - For Mistral models: ensure the presence of a 'params.json'.\n"
            ),
        ));
    }
    Err(Failure::raised(
        match name.starts_with('/') || name.matches('/').count() > 1 {
            true => format!(
                "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '{name}'. Use `repo_type` argument if needed."
            ),
            false => format!(
                "OSError: {name} is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'"
            ),
        },
    ))
}

fn json_file(path: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

fn config(folder: &Path) -> Result<Config, Failure> {
    let raw = json_file(&folder.join("config.json")).ok_or_else(|| {
        Failure::raised(format!(
            "OSError: It looks like the config file at '{}' is not a valid JSON file.",
            folder.join("config.json").display()
        ))
    })?;
    let kind = raw["model_type"].as_str().unwrap_or_default();
    let architectures: Vec<&str> = raw["architectures"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if kind.is_empty() {
        return Err(Failure::raised(format!(
            "ValueError: Unrecognized model in {}. Should have a `model_type` key in its config.json.",
            folder.display()
        )));
    }
    if kind != "qwen3" {
        return Err(Failure::validation(
            "ModelConfig",
            &format!(
                "The checkpoint you are trying to load has model type `{kind}` but Transformers does not recognize this architecture. This could be because of an issue with the checkpoint, or because your version of Transformers is out of date."
            ),
        ));
    }
    if !architectures.contains(&"Qwen3ForCausalLM") {
        let named: Vec<String> = architectures
            .iter()
            .map(|name| format!("'{name}'"))
            .collect();
        return Err(Failure::validation(
            "ModelConfig",
            &format!(
                "Model architectures [{}] are not supported for now. Supported architectures: dict_keys(['Qwen3ForCausalLM'])",
                named.join(", ")
            ),
        ));
    }
    Config::read(folder).map_err(|error| Failure::validation("ModelConfig", &format!("{error:#}")))
}

/// The GPUs that this process may use.
fn visible(state: Option<&Path>) -> Option<Vec<u32>> {
    if let Ok(named) = std::env::var("CUDA_VISIBLE_DEVICES") {
        return Some(
            named
                .split(',')
                .filter_map(|index| index.trim().parse().ok())
                .collect(),
        );
    }
    let home = state?.parent()?.parent()?;
    let identity = Home::new(home).ok()?.identity().ok()?;
    Some((0..identity.gpus).collect())
}

/// Checks the model against the options.
pub fn prepare(log: &Log, options: &Options) -> Result<Prepared, Failure> {
    let name = options.model();
    let folder = folder(name)?;
    let config = config(&folder)?;
    log.info("model.py:733", "Resolved architecture: Qwen3ForCausalLM");
    let derived = config.max_position_embeddings;
    let asked = options
        .integer("max-model-len")
        .filter(|length| *length > 0);
    let max_model_len = asked.map_or(derived, |length| length as usize);
    if max_model_len > derived {
        return Err(Failure::validation(
            "ModelConfig",
            &format!(
                "User-specified max_model_len ({max_model_len}) is greater than the derived max_model_len (max_position_embeddings={derived}.0 or model_max_length=None in model's config.json). To allow overriding this maximum, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1. VLLM_ALLOW_LONG_MAX_MODEL_LEN must be used with extreme caution. If the model uses relative position encoding (RoPE), positions exceeding derived_max_model_len lead to nan. If the model uses absolute position encoding, positions exceeding derived_max_model_len will cause a CUDA array out-of-bounds error."
            ),
        ));
    }
    log.info(
        "model.py:2152",
        &format!("Using max model len {max_model_len}"),
    );
    let state = gpu::state_folder();
    let ranks = options
        .integer("tensor-parallel-size")
        .and_then(|ranks| usize::try_from(ranks).ok())
        .unwrap_or(1)
        .max(1);
    let heads = config.num_attention_heads;
    if !heads.is_multiple_of(ranks) {
        return Err(Failure::validation(
            "VllmConfig",
            &format!(
                "Total number of attention heads ({heads}) must be divisible by tensor parallel size ({ranks})."
            ),
        ));
    }
    let mut gpus = visible(state.as_deref()).unwrap_or_else(|| (0..ranks as u32).collect());
    if gpus.len() < ranks {
        return Err(Failure::validation(
            "ParallelConfig",
            &format!(
                "World size ({ranks}) is larger than the number of available GPUs ({}) in this node. If this is intentional and you are using:\n- ray, set '--distributed-executor-backend ray'.\n- multi-node, set '--nnodes' appropriately.",
                gpus.len()
            ),
        ));
    }
    gpus.truncate(ranks);
    let tokenizer = Tokenizer::load(&folder).map_err(|_| {
        Failure::raised(format!("OSError: Can't load tokenizer for '{name}'. If you were trying to load it from 'https://huggingface.co/models', make sure you don't have a local directory with the same name. Otherwise, make sure '{name}' is the correct path to a directory containing all relevant files for a Qwen2TokenizerFast tokenizer."))
    })?;
    let template = match options.text("chat-template") {
        Some(file) => std::fs::read_to_string(&file)
            .map_err(anyhow::Error::from)
            .and_then(ChatTemplate::new)
            .map(Some),
        None => ChatTemplate::find(&folder),
    };
    let template = template.map_err(|error| {
        Failure::raised(format!("jinja2.exceptions.TemplateSyntaxError: {error:#}"))
    })?;
    let generation = match options.text("generation-config").as_deref() {
        Some("auto") => json_file(&folder.join("generation_config.json")),
        _ => None,
    };
    let mut generation = generation
        .and_then(|value| value.as_object().cloned())
        .unwrap_or_default();
    generation.extend(options.object("override-generation-config"));
    let mut stop_token_ids = vec![tokenizer.turn_end];
    match generation.get("eos_token_id") {
        Some(Value::Array(ids)) => {
            stop_token_ids.extend(ids.iter().filter_map(|id| u32::try_from(id.as_u64()?).ok()))
        }
        Some(id) => stop_token_ids.extend(id.as_u64().and_then(|id| u32::try_from(id).ok())),
        None => stop_token_ids.extend(config.eos_token_id),
    }
    stop_token_ids.sort_unstable();
    stop_token_ids.dedup();

    let mut names = options.list("served-model-name");
    if names.is_empty() {
        names.push(name.to_owned());
    }
    let dtype = match options.text("dtype").as_deref() {
        None | Some("auto") => ["dtype", "torch_dtype"]
            .iter()
            .find_map(|key| config.rest.get(*key)?.as_str())
            .unwrap_or("bfloat16")
            .to_owned(),
        Some("half") => "float16".to_owned(),
        Some("float") => "float32".to_owned(),
        Some(named) => named.to_owned(),
    };
    let count = |name: &str| {
        options
            .integer(name)
            .and_then(|count| usize::try_from(count).ok())
    };
    let load = Load {
        model: folder,
        state,
        gpus,
        gpu_memory_utilization: options.number("gpu-memory-utilization").unwrap_or(0.92),
        kv_cache_memory_bytes: options
            .integer("kv-cache-memory-bytes")
            .and_then(|bytes| u64::try_from(bytes).ok()),
        max_model_len,
        max_num_seqs: count("max-num-seqs").unwrap_or(256).max(1),
        dtype,
        enforce_eager: options.flag("enforce-eager"),
        served_model_name: names[0].clone(),
        seed: options.integer("seed").unwrap_or(0).unsigned_abs(),
    };
    let rules = Rules {
        names,
        max_model_len,
        max_logprobs: count("max-logprobs").unwrap_or(20),
        generation,
        stop_token_ids,
        template,
        template_variables: options.object("default-chat-template-kwargs"),
        reasoning: options.text("reasoning-parser").is_some(),
        always_usage: options.flag("enable-force-include-usage"),
    };
    Ok(Prepared {
        load,
        rules,
        tokenizer,
    })
}
