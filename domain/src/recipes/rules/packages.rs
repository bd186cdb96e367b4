//! Releases that do not go together. The versions are those of the environment that training runs in.

use super::super::version::Generation::{G1, G2a, G2b, G3};
use super::super::version::Version;
use super::{Broken, Facts, Rule, stops, warns};

pub const RULES: &[Rule] = &[
    Rule {
        key: "unreadable_checkpoints",
        generations: &[G1],
        says: "_pickle.UnpicklingError: Weights only load failed … swift.llm.model.utils.ModelInfo",
        check: unreadable_checkpoints,
    },
    Rule {
        key: "core_too_old",
        generations: &[G3],
        says: "(ms-swift demands a newer megatron-core)",
        check: core_too_old,
    },
    Rule {
        key: "core_of_3",
        generations: &[G1, G2a, G2b],
        says: "(each 3.x release belongs to one Megatron-core)",
        check: core_of_3,
    },
    Rule {
        key: "numpy_2",
        generations: &[G1],
        says: "numpy<2.0 is required",
        check: numpy_2,
    },
    Rule {
        key: "pyarrow",
        generations: &[],
        says: "ImportError: pyarrow requires NumPy 2.0 or newer, found 1.26.4",
        check: pyarrow,
    },
    Rule {
        key: "transformers_5",
        generations: &[],
        says: "AttributeError: … has no attribute 'rope_theta'",
        check: transformers_5,
    },
    Rule {
        key: "no_core",
        generations: &[G3],
        says: "ModuleNotFoundError: No module named 'megatron.core'",
        check: no_core,
    },
    Rule {
        key: "no_transformer_engine",
        generations: &[],
        says: "ModuleNotFoundError: No module named 'transformer_engine'",
        check: no_transformer_engine,
    },
    Rule {
        key: "no_flash_attention",
        generations: &[],
        says: "No dot product attention backend is available",
        check: no_flash_attention,
    },
    Rule {
        key: "silent_damage",
        generations: &[],
        says: "(a missing or cut shard is read as if it were there; only the bar `Loading:` stops below 100 %)",
        check: silent_damage,
    },
];

const fn v(major: u32, minor: u32, patch: u32) -> Version {
    Version {
        major,
        minor,
        patch,
    }
}

fn unreadable_checkpoints(facts: &Facts<'_>) -> Option<Broken> {
    let (core, torch) = (facts.package("megatron-core")?, facts.package("torch")?);
    (core >= v(0, 14, 0) && torch >= v(2, 6, 0)).then_some(())?;
    let is_set = |(name, value): &(String, String)| {
        name == "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" && value == "1"
    };
    let (core, torch) = (facts.spelled("megatron-core"), facts.spelled("torch"));
    if facts.variables.iter().any(is_set) {
        return warns(
            "cluster_id",
            format!(
                "ms-swift {} with Megatron-core {core} and torch {torch} reads its own checkpoints only because TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 is set. Load none from strangers.",
                facts.version
            ),
            format!(
                "ms-swift {} 配合 Megatron-core {core} 与 torch {torch} 仅因设置了 TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 才能读取自己的检查点。请勿加载他人的文件。",
                facts.version
            ),
        );
    }
    stops(
        "cluster_id",
        format!(
            "ms-swift {} with Megatron-core {core} and torch {torch} writes checkpoints that it cannot read. Use Megatron core_r0.13.0, or set TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 if you load your own files only.",
            facts.version
        ),
        format!(
            "ms-swift {} 配合 Megatron-core {core} 与 torch {torch} 会写出自己无法读取的检查点。请使用 Megatron core_r0.13.0；若只加载自己的文件，也可设置 TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1。",
            facts.version
        ),
    )
}

fn core_too_old(facts: &Facts<'_>) -> Option<Broken> {
    let core = facts.package("megatron-core")?;
    let (least, below) = match (facts.version.major, facts.version.minor) {
        (4, 0..=2) => (v(0, 12, 0), None),
        (4, 3..=4) => (v(0, 15, 0), None),
        _ => (v(0, 16, 0), Some(v(0, 20, 0))),
    };
    (core < least || below.is_some_and(|below| core >= below)).then_some(())?;
    let range = match below {
        Some(below) => format!("≥ {least}, < {below}"),
        None => format!("≥ {least}"),
    };
    let core = facts.spelled("megatron-core");
    stops(
        "cluster_id",
        format!(
            "ms-swift {} needs megatron-core {range}; {core} is installed. Install one of those.",
            facts.version
        ),
        format!(
            "ms-swift {} 需要 megatron-core {range}，当前为 {core}。请安装对应版本。",
            facts.version
        ),
    )
}

fn core_of_3(facts: &Facts<'_>) -> Option<Broken> {
    let core = facts.package("megatron-core")?;
    let own = match facts.version.minor {
        9 => 13,
        10 => 14,
        _ => 15,
    };
    // The pair that cannot read its checkpoints has a rule of its own.
    (core.minor != own && !(facts.version.minor == 9 && core.minor > 13)).then_some(())?;
    warns(
        "cluster_id",
        format!(
            "ms-swift {} was made for Megatron core_r0.{own}.0; {} is installed. If training fails in Megatron's code, use that branch.",
            facts.version,
            facts.spelled("megatron-core")
        ),
        format!(
            "ms-swift {} 对应 Megatron core_r0.{own}.0，当前为 {}。若训练在 Megatron 中报错，请换用该分支。",
            facts.version,
            facts.spelled("megatron-core")
        ),
    )
}

fn numpy_2(facts: &Facts<'_>) -> Option<Broken> {
    (facts.package("numpy")? >= v(2, 0, 0)).then_some(())?;
    stops(
        "cluster_id",
        format!(
            "ms-swift {} demands numpy < 2; {} is installed. Run: pip install 'numpy<2' 'pyarrow<22'.",
            facts.version,
            facts.spelled("numpy")
        ),
        format!(
            "ms-swift {} 要求 numpy < 2，当前为 {}。请执行：pip install 'numpy<2' 'pyarrow<22'。",
            facts.version,
            facts.spelled("numpy")
        ),
    )
}

fn pyarrow(facts: &Facts<'_>) -> Option<Broken> {
    let (numpy, arrow) = (facts.package("numpy")?, facts.package("pyarrow")?);
    (numpy < v(2, 0, 0) && arrow >= v(22, 0, 0)).then_some(())?;
    stops(
        "cluster_id",
        format!(
            "pyarrow {} demands numpy 2, but numpy {} is installed. Run: pip install 'pyarrow<22'.",
            facts.spelled("pyarrow"),
            facts.spelled("numpy")
        ),
        format!(
            "pyarrow {} 需要 numpy 2，当前 numpy 为 {}。请执行：pip install 'pyarrow<22'。",
            facts.spelled("pyarrow"),
            facts.spelled("numpy")
        ),
    )
}

fn transformers_5(facts: &Facts<'_>) -> Option<Broken> {
    let five = facts.package("transformers")? >= v(5, 0, 0);
    // 4.x reads newer configurations through its bridge.
    let bridge = facts
        .package("mcore-bridge")
        .is_some_and(|bridge| bridge >= v(1, 6, 0));
    (five && !bridge).then_some(())?;
    warns(
        "cluster_id",
        format!(
            "transformers {} spells model configurations in a way that this ms-swift may not read. If rope_theta is missed, run: pip install 'transformers<4.58'.",
            facts.spelled("transformers")
        ),
        format!(
            "transformers {} 的模型配置写法可能不被当前 ms-swift 识别。若提示缺少 rope_theta，请执行：pip install 'transformers<4.58'。",
            facts.spelled("transformers")
        ),
    )
}

fn no_core(facts: &Facts<'_>) -> Option<Broken> {
    (!facts.packages.is_empty() && facts.package("megatron-core").is_none()).then_some(())?;
    stops(
        "cluster_id",
        "megatron-core is not installed, and 4.x does not fetch it. Run: pip install megatron-core mcore-bridge.".into(),
        "没有安装 megatron-core，4.x 不会自动获取。请执行：pip install megatron-core mcore-bridge。".into(),
    )
}

fn no_transformer_engine(facts: &Facts<'_>) -> Option<Broken> {
    (!facts.packages.is_empty() && facts.package("transformer-engine").is_none()).then_some(())?;
    warns(
        "cluster_id",
        "No transformer-engine was found, without which Megatron's layers do not load. If it is installed elsewhere, this can be passed over.".into(),
        "未找到 transformer-engine，Megatron 的层可能无法加载。若安装在其他位置，可忽略。".into(),
    )
}

fn no_flash_attention(facts: &Facts<'_>) -> Option<Broken> {
    let s = facts.settings;
    let needs = s.attention_backend.starts_with("flash") && (s.packing || s.padding_free);
    (needs && !facts.packages.is_empty() && facts.package("flash-attn").is_none()).then_some(())?;
    warns(
        "extra",
        "flash-attn is not installed, but packed rows are to be told apart by it. Install it, or write --attention_backend fused.".into(),
        "没有安装 flash-attn，而打包的样本需要它来区分。请安装，或填写 --attention_backend fused。".into(),
    )
}

fn silent_damage(facts: &Facts<'_>) -> Option<Broken> {
    let resumes = facts
        .extra()
        .words(&["adapter_load", "mcore_adapter", "adapters"])
        .is_some();
    (resumes && facts.version < v(4, 5, 3)).then_some(())?;
    warns(
        "extra",
        format!(
            "ms-swift {} loads a checkpoint with missing shards without an error. Gather and check it on every node first.",
            facts.version
        ),
        format!(
            "ms-swift {} 读取缺少分片的检查点时不报错。请先在每个节点上收集并校验。",
            facts.version
        ),
    )
}
