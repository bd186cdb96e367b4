//! How series are named and ordered on a page.

use domain::language::Language;
use domain::metrics::SeriesKey;

/// What a series is called; a name that is not known is shown as it was logged.
pub fn title(key: &SeriesKey, language: Language) -> String {
    let name = key.name.as_str();
    let labels = if key.labels.is_empty() {
        String::new()
    } else {
        format!(" ({})", key.labels)
    };
    let (en, zh) = match name {
        "loss" => ("loss", "损失 loss"),
        "eval_loss" => ("eval loss", "验证损失 eval_loss"),
        "learning_rate" => ("learning rate", "学习率 learning_rate"),
        "grad_norm" => ("gradient norm", "梯度范数 grad_norm"),
        "memory_gib" => ("memory (GiB)", "显存 (GiB)"),
        "seconds_per_iteration" => ("seconds per iteration", "每步耗时 (s/it)"),
        _ => (name, name),
    };
    match language {
        Language::En => format!("{en}{labels}"),
        Language::Zh => format!("{zh}{labels}"),
    }
}

/// Where a series stands: what engineers look at first comes first, the rest by name.
pub fn rank(name: &str) -> usize {
    const FIRST: [&str; 6] = [
        "loss",
        "eval_loss",
        "learning_rate",
        "grad_norm",
        "memory_gib",
        "seconds_per_iteration",
    ];
    FIRST
        .iter()
        .position(|known| *known == name)
        .unwrap_or(FIRST.len())
}

/// Series that the page opens with; the others wait in a closed section.
pub fn is_first(name: &str) -> bool {
    rank(name) < 6
}

/// A colour of the palette by a stable hash (FNV-1a), kept for the experiment.
pub fn colour(of: &str) -> usize {
    let hash = of.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    (hash % 10) as usize
}
