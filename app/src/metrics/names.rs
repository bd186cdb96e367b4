//! How series and sections are named on a page.

use domain::language::Language;
use domain::metrics::XAxis;
use domain::metrics::layout::SectionKey;

use crate::texts::metrics as t;

/// What a chart is called; a name that is not known is shown as it was logged.
pub fn title(name: &str, language: Language) -> String {
    let (en, zh) = match name {
        "loss" => ("loss", "损失 loss"),
        "eval_loss" => ("eval loss", "验证损失 eval_loss"),
        "learning_rate" => ("learning rate", "学习率 learning_rate"),
        "grad_norm" => ("gradient norm", "梯度范数 grad_norm"),
        "memory_gib" => ("memory (GiB)", "显存 (GiB)"),
        "seconds_per_iteration" => ("seconds per iteration", "每步耗时 (s/it)"),
        "gpu_utilization" => ("GPU use (%)", "GPU 利用率 (%)"),
        "gpu_memory_gib" => ("GPU memory (GiB)", "GPU 显存 (GiB)"),
        "gpu_power_w" => ("GPU power (W)", "GPU 功率 (W)"),
        "gpu_temperature_c" => ("GPU temperature (°C)", "GPU 温度 (°C)"),
        _ => (name, name),
    };
    match language {
        Language::En => en.to_owned(),
        Language::Zh => zh.to_owned(),
    }
}

pub fn section(key: &SectionKey, language: Language) -> String {
    match key {
        SectionKey::Pinned => t::pinned(language).to_owned(),
        SectionKey::Training => t::training(language).to_owned(),
        SectionKey::Other => t::other_series(language).to_owned(),
        SectionKey::Prefix(prefix) => prefix.clone(),
        SectionKey::System => t::machines(language).to_owned(),
        SectionKey::Hidden => t::hidden(language).to_owned(),
    }
}

/// What an axis counts.
pub fn axis(axis: &XAxis, language: Language) -> String {
    match axis {
        XAxis::Step => t::step(language).to_owned(),
        XAxis::Relative => t::relative(language).to_owned(),
        XAxis::Wall => t::wall(language).to_owned(),
        XAxis::Samples => t::samples(language).to_owned(),
        XAxis::Series(name) => match (name.as_str(), language) {
            ("epoch", Language::Zh) => "轮次 epoch".to_owned(),
            _ => name.clone(),
        },
    }
}

/// A colour of the palette by a stable hash (FNV-1a), kept for the experiment.
pub fn colour(of: &str) -> usize {
    let hash = of.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    (hash % 10) as usize
}
