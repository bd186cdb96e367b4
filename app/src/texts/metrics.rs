//! Words of charts.

texts! {
    stale => "The newest points could not be read; the charts show older ones.", "无法读取最新数据点，图表显示的是较早的数据。";
    smoothing => "Smoothing", "平滑";
    log_scale => "log y", "对数 y 轴";
    attempt => "Attempt", "第几次启动";
    newest => "newest", "最新";
    reset_zoom => "Reset zoom", "重置缩放";
    keys => "drag or wheel: zoom · double click or 0: all · arrows: point · + −: zoom · t: table", "拖动或滚轮：缩放 · 双击或 0：全部 · 方向键：逐点 · + −：缩放 · t：表格";
    no_points => "No points yet. They appear as soon as the trainer logs its first step.", "还没有数据点。训练程序记录第一步后会立即显示。";
    more_series => "More series", "更多曲线";
    step => "step", "步数";
    value => "value", "数值";
    smoothed => "smoothed", "平滑后";
    table => "Table", "表格";
    chart => "Chart", "图表";
    not_finite => "NaN or infinity at", "出现 NaN 或无穷大：";
}

use domain::language::Language;

/// What a screen reader hears of a chart: `loss fell from 4.71 to 1.02 over 4 700 steps, lowest 0.98 at 4 410`.
pub fn summary(
    language: Language,
    name: &str,
    // First and last value, and whether it fell.
    (first, last, fell): (&str, &str, bool),
    steps: &str,
    // The lowest value and its step.
    (lowest, lowest_at): (&str, &str),
) -> String {
    match language {
        Language::En => {
            let went = if fell { "fell" } else { "rose" };
            format!(
                "{name} {went} from {first} to {last} over {steps} steps, lowest {lowest} at {lowest_at}"
            )
        }
        Language::Zh => {
            let went = if fell { "下降" } else { "上升" };
            format!(
                "{name} 在 {steps} 步内从 {first} {went}到 {last}，最低 {lowest}，位于第 {lowest_at} 步"
            )
        }
    }
}
