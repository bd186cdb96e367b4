//! `vllm serve`: the command line, the lines of a start, and the refusals of the real one. One process plays API server and engine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

use crate::model::Config;
use crate::node::gpu;
use crate::serving::{self, Served};
use crate::training::python::Moment;

/// Flags that take one value or more, out of `vllm serve --help=all` (0.11).
const WITH_VALUE: [&str; 30] = [
    "--model",
    "--served-model-name",
    "--host",
    "--port",
    "--api-key",
    "--dtype",
    "--max-model-len",
    "--gpu-memory-utilization",
    "--tensor-parallel-size",
    "-tp",
    "--pipeline-parallel-size",
    "-pp",
    "--tool-call-parser",
    "--reasoning-parser",
    "--chat-template",
    "--chat-template-content-format",
    "--generation-config",
    "--override-generation-config",
    "--max-logprobs",
    "--max-num-seqs",
    "--max-num-batched-tokens",
    "--kv-cache-dtype",
    "--quantization",
    "--cpu-offload-gb",
    "--swap-space",
    "--load-format",
    "--download-dir",
    "--seed",
    "--uvicorn-log-level",
    "--tokenizer",
];
const SWITCHES: [&str; 12] = [
    "--trust-remote-code",
    "--enforce-eager",
    "--enable-auto-tool-choice",
    "--enable-prefix-caching",
    "--no-enable-prefix-caching",
    "--enable-expert-parallel",
    "--enable-log-requests",
    "--disable-log-requests",
    "--disable-log-stats",
    "--enable-prompt-tokens-details",
    "--enable-force-include-usage",
    "--enable-chunked-prefill",
];
const REASONING_PARSERS: [&str; 5] = ["deepseek_r1", "glm45", "openai_gptoss", "qwen3", "step3"];
const TOOL_PARSERS: [&str; 6] = [
    "deepseek_v3",
    "glm45",
    "hermes",
    "llama3_json",
    "qwen3_coder",
    "qwen3_xml",
];

/// What was asked for, in the words of the command line.
#[derive(Debug, Default)]
struct Asked {
    model: String,
    values: Vec<(String, Vec<String>)>,
    switches: Vec<String>,
}

impl Asked {
    fn value(&self, flag: &str) -> Option<&str> {
        self.values
            .iter()
            .rev()
            .find(|(name, _)| name == flag)
            .and_then(|(_, values)| values.first())
            .map(String::as_str)
    }

    fn number<T: std::str::FromStr>(
        &self,
        flag: &str,
        default: T,
    ) -> std::result::Result<T, String> {
        match self.value(flag) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| format!("argument {flag}: invalid value: '{text}'")),
        }
    }
}

/// Reads the words after `serve`. Underscores in a flag are dashes. Err: what argparse would say.
fn parse(words: &[String]) -> std::result::Result<Asked, String> {
    let mut asked = Asked::default();
    let mut unknown: Vec<String> = Vec::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            if asked.model.is_empty() && unknown.is_empty() {
                asked.model = word.clone();
            } else {
                unknown.push(word.clone());
            }
            continue;
        }
        let (flag, inline) = match word.split_once('=') {
            Some((flag, value)) => (flag.replace('_', "-"), Some(value.to_owned())),
            None => (word.replace('_', "-"), None),
        };
        if SWITCHES.contains(&flag.as_str()) {
            asked.switches.push(flag);
        } else if WITH_VALUE.contains(&flag.as_str()) {
            let mut values: Vec<String> = inline.into_iter().collect();
            while let Some(next) = words.next_if(|next| {
                !next.starts_with('-') && (values.is_empty() || flag == "--served-model-name")
            }) {
                values.push(next.clone());
            }
            if values.is_empty() {
                return Err(format!("argument {flag}: expected one argument"));
            }
            asked.values.push((flag, values));
        } else {
            unknown.push(word.clone());
            if let Some(value) = words.next_if(|next| !next.starts_with('-')) {
                unknown.push(value.clone());
            }
        }
    }
    if !unknown.is_empty() {
        return Err(format!("unrecognized arguments: {}", unknown.join(" ")));
    }
    if asked.model.is_empty() {
        asked.model = asked
            .value("--model")
            .unwrap_or("Qwen/Qwen3-0.6B")
            .to_owned();
    }
    Ok(asked)
}

/// `vllm` with its words.
pub fn run(words: &[String]) -> Result<ExitCode> {
    let outcome = match words.split_first() {
        Some((method, rest)) if method == "serve" => parse(rest),
        Some((method, _)) if method == "--version" || method == "-v" => {
            println!("{}", version());
            return Ok(ExitCode::SUCCESS);
        }
        Some((method, _)) => Err(format!(
            "argument subparser: invalid choice: '{method}' (this rehearsal node has `vllm serve` only)"
        )),
        None => Err("the following arguments are required: subparser".to_owned()),
    };
    match outcome {
        Ok(asked) => serve(&asked),
        Err(problem) => {
            eprintln!(
                "usage: vllm [-h] [-v]\n            {{chat,complete,serve,bench,collect-env,run-batch}}\n            ...\nvllm: error: {problem}"
            );
            Ok(ExitCode::from(2))
        }
    }
}

/// A line of vLLM's logger, which goes to stdout since 0.10.
pub fn say(who: &str, place: &str, text: &str) {
    let moment = Moment::now();
    let date = moment.date();
    println!(
        "({who} pid={}) INFO {} {} [{place}] {text}",
        std::process::id(),
        &date[5..],
        moment.time()
    );
}

fn fail(who: &str, error: &str) -> Result<ExitCode> {
    eprintln!(
        "({who} pid={}) Traceback (most recent call last):\n  File \"/opt/venv/bin/vllm\", line 6, in <module>\n    sys.exit(main())\n{error}",
        std::process::id()
    );
    Ok(ExitCode::FAILURE)
}

fn serve(asked: &Asked) -> Result<ExitCode> {
    let (number, api) = (
        |flag: &str, default: f64| asked.number(flag, default),
        "APIServer",
    );
    let settled = (|| {
        Ok::<_, String>((
            asked.number::<u16>("--port", 8000)?,
            asked.number::<usize>("--tensor-parallel-size", asked.number("-tp", 1)?)?,
            number("--gpu-memory-utilization", 0.9)?,
            asked
                .value("--max-model-len")
                .map(|_| asked.number::<usize>("--max-model-len", 0))
                .transpose()?,
        ))
    })();
    let (port, tensor_parallel, utilization, max_model_len) = match settled {
        Ok(settled) => settled,
        Err(problem) => {
            eprintln!("vllm: error: {problem}");
            return Ok(ExitCode::from(2));
        }
    };
    if asked
        .switches
        .iter()
        .any(|switch| switch == "--enable-auto-tool-choice")
        && asked.value("--tool-call-parser").is_none()
    {
        return fail(
            api,
            "TypeError: Error: --enable-auto-tool-choice requires --tool-call-parser",
        );
    }
    say(
        api,
        "api_server.py:1839",
        &format!("vLLM API server version {}", version()),
    );
    say(
        api,
        "utils.py:233",
        &format!(
            "non-default args: {{'model_tag': '{}', 'port': {port}}}",
            asked.model
        ),
    );
    for (flag, known, kind) in [
        (
            "--reasoning-parser",
            &REASONING_PARSERS[..],
            "reasoning parser",
        ),
        ("--tool-call-parser", &TOOL_PARSERS[..], "tool call parser"),
    ] {
        if let Some(name) = asked.value(flag).filter(|name| !known.contains(name)) {
            return fail(
                api,
                &format!(
                    "KeyError: 'invalid {kind}: {name} (chose from {{ {} }})'",
                    known.join(", ")
                ),
            );
        }
    }
    let host = asked.value("--host").unwrap_or("0.0.0.0").to_owned();
    // Bound before the engine loads, so that a taken port fails early.
    let socket = match serving::bind(&host, port) {
        Ok(socket) => socket,
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            return fail(api, "OSError: [Errno 98] Address already in use");
        }
        Err(error) => return fail(api, &format!("OSError: {error}")),
    };
    let folder = PathBuf::from(&asked.model);
    if !folder.join("config.json").exists() {
        let error = if folder.is_dir() {
            format!(
                "ValueError: Invalid repository ID or local directory specified: '{}'. Please verify the following requirements: config.json is there.",
                asked.model
            )
        } else {
            format!(
                "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '{}'. Use `repo_type` argument if needed.",
                asked.model
            )
        };
        return fail(api, &error);
    }
    let config = match Config::read(&folder) {
        Ok(config) => config,
        Err(error) => {
            return fail(
                api,
                &format!(
                    "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n  Value error, {error:#}"
                ),
            );
        }
    };
    say(
        api,
        "__init__.py:742",
        "Resolved architecture: Qwen3ForCausalLM",
    );
    let longest = config.max_position_embeddings;
    let length = max_model_len.unwrap_or(longest);
    if length > longest {
        return fail(
            api,
            &format!(
                "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n  Value error, User-specified max_model_len ({length}) is greater than the derived max_model_len (max_position_embeddings={longest} or model_max_length=None in model's config.json). To allow overriding this maximum, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1."
            ),
        );
    }
    say(
        api,
        "__init__.py:1815",
        &format!("Using max model len {length}"),
    );
    let engine = "EngineCore_DP0";
    say(
        engine,
        "core.py:76",
        &format!(
            "Initializing a V1 LLM engine (v{}) with config: model='{}'",
            version(),
            asked.model
        ),
    );
    if let Err(error) = take_gpus(tensor_parallel, utilization) {
        eprintln!(
            "({engine} pid={}) ERROR [core.py:700] {error}",
            std::process::id()
        );
        return fail(
            api,
            "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
        );
    }
    say(
        engine,
        "gpu_model_runner.py:2602",
        &format!("Starting to load model {}...", asked.model),
    );
    eprintln!("Loading safetensors checkpoint shards:   0% Completed | 0/1 [00:00<?, ?it/s]");
    let begun = std::time::Instant::now();
    let loaded = match serving::load(&folder) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!(
                "({engine} pid={}) ERROR [core.py:700] RuntimeError: {error:#}",
                std::process::id()
            );
            return fail(
                api,
                "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
            );
        }
    };
    eprintln!("Loading safetensors checkpoint shards: 100% Completed | 1/1 [00:00<00:00]\n");
    say(
        engine,
        "default_loader.py:267",
        &format!(
            "Loading weights took {:.2} seconds",
            begun.elapsed().as_secs_f64()
        ),
    );
    let kv_tokens = 46_592;
    say(
        engine,
        "kv_cache_utils.py:1087",
        &format!("GPU KV cache size: {kv_tokens} tokens"),
    );
    say(
        engine,
        "kv_cache_utils.py:1091",
        &format!(
            "Maximum concurrency for {length} tokens per request: {:.2}x",
            f64::from(kv_tokens) / length as f64
        ),
    );
    say(
        engine,
        "core.py:210",
        &format!(
            "init engine (profile, create kv cache, warmup model) took {:.2} seconds",
            begun.elapsed().as_secs_f64()
        ),
    );
    let names = asked
        .values
        .iter()
        .rev()
        .find(|(flag, _)| flag == "--served-model-name")
        .map(|(_, names)| names.clone());
    let served = Served {
        names: names.unwrap_or_else(|| vec![asked.model.clone()]),
        root: asked.model.clone(),
        max_model_len: length,
        splits_thinking: asked.value("--reasoning-parser").is_some(),
        api_key: asked
            .value("--api-key")
            .map(str::to_owned)
            .or_else(|| std::env::var("VLLM_API_KEY").ok()),
        version: version(),
    };
    say(
        api,
        "api_server.py:1912",
        &format!("Starting vLLM API server 0 on http://{host}:{port}"),
    );
    serving::run(socket, served, loaded)?;
    Ok(ExitCode::SUCCESS)
}

/// Claims the share of every visible GPU that vLLM would, or says what stands against it.
fn take_gpus(tensor_parallel: usize, utilization: f64) -> std::result::Result<(), String> {
    let Some(state) = gpu::state_folder() else {
        return Ok(());
    };
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").unwrap_or_else(|_| "0,1".to_owned());
    let visible: Vec<u32> = visible
        .split(',')
        .filter_map(|index| index.trim().parse().ok())
        .collect();
    if tensor_parallel > visible.len() {
        return Err(format!(
            "ValueError: World size ({tensor_parallel}) is larger than the number of available GPUs ({}) in this node. If this is intentional and you are using: - ray, set '--distributed-executor-backend ray'.",
            visible.len()
        ));
    }
    let whole = gpu::MEMORY_MIB << 20;
    let wanted = (whole as f64 * utilization) as u64;
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    for (rank, index) in visible.iter().take(tensor_parallel).enumerate() {
        let used: u64 = gpu::holders(&state, index + 1)
            .iter()
            .filter(|holder| holder.gpu == *index)
            .map(|holder| holder.bytes)
            .sum();
        let free = whole.saturating_sub(used);
        if free < wanted {
            return Err(format!(
                "ValueError: Free memory on device cuda:{rank} ({:.2}/{:.2} GiB) on startup is less than desired GPU memory utilization ({utilization}, {:.2} GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
                gib(free),
                gib(whole),
                gib(wanted)
            ));
        }
        gpu::register(&state, *index, wanted)
            .map_err(|error| format!("RuntimeError: {error:#}"))?;
    }
    Ok(())
}

/// The installed version, as the package's folder names it.
fn version() -> String {
    let python = super::megatron::python();
    let site = Path::new(&python)
        .parent()
        .and_then(Path::parent)
        .map(|venv| venv.join("lib/python3.11/site-packages"));
    let entries = site
        .and_then(|site| std::fs::read_dir(site).ok())
        .into_iter()
        .flatten()
        .flatten();
    let named = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some(
            name.strip_prefix("vllm-")?
                .strip_suffix(".dist-info")?
                .to_owned(),
        )
    });
    named.last().unwrap_or_else(|| "0.11.0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_command_line_is_read_and_an_unknown_flag_refused_in_argparses_words() {
        let asked = parse(&words(
            "/models/x --served_model_name a b --port=18000 --enforce-eager --max-model-len 512",
        ))
        .expect("read");
        assert_eq!(
            (
                asked.model.as_str(),
                asked.value("--port"),
                asked.value("--max-model-len")
            ),
            ("/models/x", Some("18000"), Some("512"))
        );
        assert_eq!(asked.values[0].1, ["a", "b"]);
        assert_eq!(
            parse(&words("/models/x --foo-bar 3")).err().as_deref(),
            Some("unrecognized arguments: --foo-bar 3")
        );
    }
}
