//! Words of the outlook and the pre-flight. Many stand only in what the server writes.
#![cfg_attr(
    not(feature = "ssr"),
    allow(dead_code, reason = "the browser needs only some")
)]

texts! {
    world => "World size", "总进程数";
    iterations => "Iterations", "迭代步数";
    micro_batches => "micro-batches per iteration", "个微批／迭代";
    tokens => "Tokens per iteration", "每步 token 数";
    uncounted => "Row lengths are guessed from the dataset's size; the high band takes the longest length.", "样本长度由数据集大小估计；上界按最大长度计算。";
    time => "Time", "预计用时";
    checkpoints => "Checkpoints", "检查点";
    grid => "GPUs", "GPU 分布";
    layers => "layers", "层";
    split => "Tensor-parallel groups reach over several nodes.", "张量并行组跨越多个节点。";
    memory => "Memory per GPU", "单卡显存";
    fits => "fits", "可以容纳";
    tight => "tight", "偏紧";
    too_large => "will not fit", "放不下";
    of => "of", "／";
    between => "between", "区间";
    weights => "weights", "权重";
    gradients => "gradients", "梯度";
    optimizer => "optimizer", "优化器";
    activations => "activations", "激活";
    logits => "logits", "logits";
    overhead => "CUDA, NCCL", "CUDA、NCCL";
    memory_unknown => "Memory and time are estimated once the model's config.json was read and the GPUs divide.", "读取模型 config.json 且 GPU 可整除后，才能估算显存与用时。";
    helps => "What would help", "节省显存的办法";
    write_it => "Write it into the form", "写入表单";
    rules => "What the release would say", "该版本会提示";
    check_now => "Check the nodes now", "立即检查节点";
    checking => "Asking every node…", "正在询问所有节点…";
    report => "Pre-flight", "启动前检查";
    check => "Check", "检查项";
    only_differing => "only what differs", "仅显示不同项";
    all_well => "Every check passed.", "所有检查均通过。";
    spread => "Copy it to the nodes", "复制到这些节点";
    make_folder => "Make the folder", "创建目录";
    open => "Open", "打开";
    mark_ok => "ok", "通过";
    mark_unknown => "not known", "未知";
    mark_warning => "warning", "警告";
    mark_stops => "stops the launch", "阻止启动";
    answered => "answered", "已回答";
    waiting => "waiting", "等待中";
    copying => "Copying. Check again when it is done:", "正在复制，完成后请再次检查：";
}

use domain::experiments::preflight::Mark;
use domain::language::Language;
use domain::recipes::world::Basis;

use crate::shared::format::{count, significant};

pub fn mark(language: Language, mark: Mark) -> &'static str {
    match mark {
        Mark::Ok => mark_ok(language),
        Mark::Unknown => mark_unknown(language),
        Mark::Warning => mark_warning(language),
        Mark::Stops => mark_stops(language),
    }
}

pub fn part(language: Language, name: &str) -> &'static str {
    match name {
        "weights" => weights(language),
        "gradients" => gradients(language),
        "optimizer" => optimizer(language),
        "activations" => activations(language),
        "logits" => logits(language),
        _ => overhead(language),
    }
}

/// Where the time comes from.
pub fn basis(language: Language, basis: Basis) -> String {
    match (basis, language) {
        (Basis::Earlier { runs }, Language::En) => {
            format!(
                "from {runs} earlier run{} of this model",
                if runs == 1 { "" } else { "s" }
            )
        }
        (Basis::Earlier { runs }, Language::Zh) => format!("依据该模型此前的 {runs} 次训练"),
        (Basis::Peak { share, teraflops }, Language::En) => {
            format!(
                "estimated at {:.0} % of {} TFLOP/s; no earlier run",
                share * 100.0,
                significant(teraflops, 4)
            )
        }
        (Basis::Peak { share, teraflops }, Language::Zh) => {
            format!(
                "按 {} TFLOP/s 的 {:.0}% 估算，尚无历史训练",
                significant(teraflops, 4),
                share * 100.0
            )
        }
        (Basis::Unknown, Language::En) => {
            "not known: no earlier run, and this GPU's speed is not known".to_owned()
        }
        (Basis::Unknown, Language::Zh) => "未知：没有历史训练，也不了解该 GPU 的速度".to_owned(),
    }
}

/// "run-3 took 61.2 GiB"
pub fn measured(language: Language, name: &str, gib: f64) -> String {
    match language {
        Language::En => format!("{name} took {} GiB", significant(gib, 3)),
        Language::Zh => format!("{name} 实际占用 {} GiB", significant(gib, 3)),
    }
}

/// "2 stop the launch, 1 warns · 0.8 s"
pub fn counts(language: Language, stops: usize, warnings: usize, seconds: f64) -> String {
    let text = match (language, stops, warnings) {
        (_, 0, 0) => all_well(language).to_owned(),
        (Language::En, 0, n) => format!("{n} warning{}.", if n == 1 { "" } else { "s" }),
        (Language::En, n, 0) => format!("{n} stop{} the launch.", if n == 1 { "s" } else { "" }),
        (Language::En, n, m) => format!(
            "{n} stop{} the launch, {m} warn.",
            if n == 1 { "s" } else { "" }
        ),
        (Language::Zh, 0, n) => format!("{n} 项警告。"),
        (Language::Zh, n, 0) => format!("{n} 项阻止启动。"),
        (Language::Zh, n, m) => format!("{n} 项阻止启动，{m} 项警告。"),
    };
    format!("{text} {seconds:.1} s")
}

/// `24 · 1.3 GiB each`
pub fn saved(language: Language, number: u64, each: &str) -> String {
    match language {
        Language::En => format!("{} × {each}", count(number)),
        Language::Zh => format!("{} 个 × {each}", count(number)),
    }
}
