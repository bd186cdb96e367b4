//! `/metrics`: the families of vLLM's V1 engine that say something here, in Prometheus' text format.

use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::client::Capacity;
use super::memory::BLOCK;
use crate::training::python::float;

const FIRST_TOKEN: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
];
const PER_TOKEN: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0,
    40.0, 80.0,
];
const REQUEST: &[f64] = &[
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0,
    480.0, 960.0, 1920.0, 7680.0,
];

/// A Prometheus histogram.
#[derive(Debug)]
pub struct Histogram {
    bounds: Vec<f64>,
    /// One more than bounds: the last is what is beyond all.
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    fn new(bounds: &[f64]) -> Self {
        Self {
            bounds: bounds.to_vec(),
            counts: vec![0; bounds.len() + 1],
            sum: 0.0,
        }
    }

    /// Bounds 1, 2, 5, 10 … up to the longest request, as the release builds them.
    fn tokens(most: usize) -> Self {
        let steps = (0..).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(power)));
        let bounds: Vec<f64> = steps.take_while(|bound| *bound <= most as f64).collect();
        Self::new(&bounds)
    }

    pub fn add(&mut self, time: Duration) {
        self.add_value(time.as_secs_f64());
    }

    pub fn add_value(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket] += 1;
        self.sum += value;
    }
}

/// All that is counted.
#[derive(Debug)]
pub struct Metrics {
    pub running: usize,
    pub waiting: usize,
    pub cache_usage: f64,
    pub prompted: u64,
    pub generated: u64,
    pub stopped: u64,
    pub cut: u64,
    pub failed: u64,
    pub first_token: Histogram,
    pub between_tokens: Histogram,
    pub per_token: Histogram,
    pub whole_request: Histogram,
    pub queue: Histogram,
    pub inference: Histogram,
    pub prefill: Histogram,
    pub decode: Histogram,
    pub prompt_tokens: Histogram,
    pub answer_tokens: Histogram,
    pub max_tokens: Histogram,
    started: f64,
}

impl Default for Metrics {
    fn default() -> Self {
        let time = |bounds| Histogram::new(bounds);
        // The shipped model's longest request.
        let tokens = || Histogram::tokens(2048);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            running: 0,
            waiting: 0,
            cache_usage: 0.0,
            prompted: 0,
            generated: 0,
            stopped: 0,
            cut: 0,
            failed: 0,
            first_token: time(FIRST_TOKEN),
            between_tokens: time(PER_TOKEN),
            per_token: time(PER_TOKEN),
            whole_request: time(REQUEST),
            queue: time(REQUEST),
            inference: time(REQUEST),
            prefill: time(REQUEST),
            decode: time(REQUEST),
            prompt_tokens: tokens(),
            answer_tokens: tokens(),
            max_tokens: tokens(),
            started: since.unwrap_or_default().as_secs_f64(),
        }
    }
}

/// What `/metrics` tells of the engine beside the counters.
pub struct About<'a> {
    pub model: &'a str,
    pub capacity: Capacity,
    pub gpu_memory_utilization: f64,
    pub max_model_len: usize,
}

impl Metrics {
    /// The whole text.
    pub fn render(&self, about: &About<'_>) -> String {
        let mut page = Page {
            text: String::new(),
            model: about.model,
            started: self.started,
        };
        page.gauge(
            "num_requests_running",
            "Number of requests in model execution batches.",
            &[("", self.running as f64)],
        );
        page.gauge(
            "num_requests_waiting",
            "Number of requests waiting to be processed.",
            &[("", self.waiting as f64)],
        );
        page.gauge(
            "engine_sleep_state",
            "Engine sleep state; awake = 0 means engine is sleeping; awake = 1 means engine is awake; weights_offloaded = 1 means sleep level 1; discard_all = 1 means sleep level 2.",
            &[("sleep_state=\"awake\"", 1.0), ("sleep_state=\"weights_offloaded\"", 0.0), ("sleep_state=\"discard_all\"", 0.0)],
        );
        page.gauge(
            "kv_cache_usage_perc",
            "KV-cache usage. 1 means 100 percent usage.",
            &[("", self.cache_usage)],
        );
        page.counter(
            "prefix_cache_queries",
            "Prefix cache queries, in terms of number of queried tokens.",
            &[("", self.prompted as f64)],
        );
        page.counter(
            "prefix_cache_hits",
            "Prefix cache hits, in terms of number of cached tokens.",
            &[("", 0.0)],
        );
        page.counter(
            "num_preemptions",
            "Cumulative number of preemption from the engine.",
            &[("", 0.0)],
        );
        page.counter(
            "prompt_tokens",
            "Number of prefill tokens processed.",
            &[("", self.prompted as f64)],
        );
        page.counter(
            "generation_tokens",
            "Number of generation tokens processed.",
            &[("", self.generated as f64)],
        );
        page.counter(
            "request_success",
            "Count of successfully processed requests.",
            &[
                ("finished_reason=\"stop\"", self.stopped as f64),
                ("finished_reason=\"length\"", self.cut as f64),
                // The release does not count what a client broke off.
                ("finished_reason=\"abort\"", 0.0),
                ("finished_reason=\"error\"", self.failed as f64),
                ("finished_reason=\"repetition\"", 0.0),
            ],
        );
        let histograms = [
            (
                "request_prompt_tokens",
                "Number of prefill tokens processed.",
                &self.prompt_tokens,
            ),
            (
                "request_generation_tokens",
                "Number of generation tokens processed.",
                &self.answer_tokens,
            ),
            (
                "request_params_max_tokens",
                "Histogram of the max_tokens request parameter.",
                &self.max_tokens,
            ),
            (
                "time_to_first_token_seconds",
                "Histogram of time to first token in seconds.",
                &self.first_token,
            ),
            (
                "inter_token_latency_seconds",
                "Histogram of inter-token latency in seconds.",
                &self.between_tokens,
            ),
            (
                "request_time_per_output_token_seconds",
                "Histogram of time_per_output_token_seconds per request.",
                &self.per_token,
            ),
            (
                "e2e_request_latency_seconds",
                "Histogram of e2e request latency in seconds.",
                &self.whole_request,
            ),
            (
                "request_queue_time_seconds",
                "Histogram of time spent in WAITING phase for request.",
                &self.queue,
            ),
            (
                "request_inference_time_seconds",
                "Histogram of time spent in RUNNING phase for request.",
                &self.inference,
            ),
            (
                "request_prefill_time_seconds",
                "Histogram of time spent in PREFILL phase for request.",
                &self.prefill,
            ),
            (
                "request_decode_time_seconds",
                "Histogram of time spent in DECODE phase for request.",
                &self.decode,
            ),
        ];
        for (name, help, histogram) in histograms {
            page.histogram(name, help, histogram);
        }
        let Capacity { blocks, tokens } = about.capacity;
        page.head(
            "cache_config_info",
            "Information of the LLMEngine CacheConfig",
            "gauge",
        );
        page.line(&format!(
            "vllm:cache_config_info{{block_size=\"{BLOCK}\",cache_dtype=\"auto\",enable_prefix_caching=\"False\",engine=\"0\",gpu_memory_utilization=\"{}\",kv_cache_max_concurrency=\"{:.2}\",kv_cache_size_tokens=\"{tokens}\",num_gpu_blocks=\"{blocks}\"}} 1.0",
            about.gpu_memory_utilization,
            tokens as f64 / about.max_model_len as f64
        ));
        page.text
    }
}

struct Page<'a> {
    text: String,
    model: &'a str,
    started: f64,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.text += line;
        self.text.push('\n');
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.text,
            "# HELP vllm:{name} {help}\n# TYPE vllm:{name} {kind}"
        );
    }

    /// `extra` stands among the labels in alphabetical order, as the Python client writes them.
    fn sample(&mut self, name: &str, extra: &str, value: f64) {
        let model = self.model.replace('\\', "\\\\").replace('"', "\\\"");
        let mut labels = vec!["engine=\"0\"".to_owned(), format!("model_name=\"{model}\"")];
        if !extra.is_empty() {
            labels.push(extra.to_owned());
        }
        labels.sort();
        let _ = writeln!(
            self.text,
            "vllm:{name}{{{}}} {}",
            labels.join(","),
            float(value)
        );
    }

    fn gauge(&mut self, name: &str, help: &str, samples: &[(&str, f64)]) {
        self.head(name, help, "gauge");
        for (extra, value) in samples {
            self.sample(name, extra, *value);
        }
    }

    fn counter(&mut self, name: &str, help: &str, samples: &[(&str, f64)]) {
        let total = format!("{name}_total");
        self.head(&total, help, "counter");
        for (extra, value) in samples {
            self.sample(&total, extra, *value);
        }
        let created: Vec<(&str, f64)> = samples
            .iter()
            .map(|(extra, _)| (*extra, self.started))
            .collect();
        self.gauge(&format!("{name}_created"), help, &created);
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        let mut sum = 0;
        for (index, count) in histogram.counts.iter().enumerate() {
            sum += count;
            let bound = histogram
                .bounds
                .get(index)
                .map_or_else(|| "+Inf".to_owned(), |bound| float(*bound));
            self.sample(
                &format!("{name}_bucket"),
                &format!("le=\"{bound}\""),
                sum as f64,
            );
        }
        self.sample(&format!("{name}_count"), "", sum as f64);
        self.sample(&format!("{name}_sum"), "", histogram.sum);
        let started = self.started;
        self.gauge(&format!("{name}_created"), help, &[("", started)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_one_that_the_release_writes() {
        let mut metrics = Metrics::default();
        metrics.first_token.add(Duration::from_millis(30));
        metrics.prompt_tokens.add_value(3.0);
        let about = About {
            model: "smollm2-135m",
            capacity: Capacity {
                blocks: 364,
                tokens: 5824,
            },
            gpu_memory_utilization: 0.92,
            max_model_len: 2048,
        };
        let page = metrics.render(&about);
        let captured = include_str!("../../tests/fixtures/vllm_metrics.txt");
        let name = |line: &str| match line.starts_with('#') {
            true => line.to_owned(),
            false => line.rsplit_once(' ').unwrap().0.to_owned(),
        };
        let known: Vec<String> = captured.lines().map(name).collect();
        for line in page
            .lines()
            .filter(|line| !line.starts_with("vllm:cache_config_info{"))
        {
            assert!(known.contains(&name(line)), "{line}");
        }
        assert!(page.contains("vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"0.02\",model_name=\"smollm2-135m\"} 0.0\n"));
        assert!(page.contains("vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"0.04\",model_name=\"smollm2-135m\"} 1.0\n"));
    }
}
