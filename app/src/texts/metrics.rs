//! Words of charts.

texts! {
    stale => "The newest points could not be read; the charts show older ones.", "无法读取最新数据点，图表显示的是较早的数据。";
    tools => "Charts", "图表";
    search => "Search series", "搜索曲线";
    regex => "Regular expression", "正则表达式";
    nothing_found => "No series has this in its name.", "没有名称匹配的曲线。";
    no_such_series => "This experiment has no series of this name (yet):", "该实验（尚）没有此名称的曲线：";
    all_charts => "← All charts", "← 全部图表";
    enlarge => "open large", "放大显示";
    shrink => "back to all charts", "返回全部图表";
    show_more => "Show more", "显示更多";
    pinned => "Pinned", "已固定";
    training => "Training", "训练";
    other_series => "Other series", "其他曲线";
    machines => "GPUs and machines", "GPU 与机器";
    hidden => "Hidden", "已隐藏";
    axis => "x", "x 轴";
    relative => "relative time", "相对时间";
    wall => "wall time (UTC)", "实际时间 (UTC)";
    samples => "consumed samples", "已消耗样本数";
    smoothing => "Smoothing", "平滑";
    smoothing_none => "none", "无";
    smoothing_ema => "EMA", "指数滑动平均 EMA";
    smoothing_time => "EMA by distance", "按间距加权 EMA";
    smoothing_gauss => "Gaussian", "高斯";
    smoothing_mean => "running mean", "滑动平均";
    strength => "Strength of smoothing", "平滑强度";
    log_x => "log x", "对数 x";
    log_y => "log y", "对数 y";
    hide_outliers => "ignore outliers", "忽略离群点";
    band => "min–max band", "最小–最大区间";
    linked => "linked", "联动";
    attempt => "Attempt", "第几次启动";
    attempts_each => "each", "分别显示";
    attempts_merged => "merged", "合并";
    newest => "newest", "最新";
    all_points => "All points:", "全部数据点：";
    reset_zoom => "Reset zoom", "重置缩放";
    keys => "drag or Ctrl+wheel: zoom · Shift+drag: pan · double click or 0: all · arrows: point · + −: zoom · t: table · Enter: large", "拖动或 Ctrl+滚轮：缩放 · Shift+拖动：平移 · 双击或 0：全部 · 方向键：逐点 · + −：缩放 · t：表格 · Enter：放大";
    no_points => "No points yet. They appear as soon as the trainer logs its first step.", "还没有数据点。训练程序记录第一步后会立即显示。";
    step => "step", "步数";
    value => "value", "数值";
    smoothed => "smoothed", "平滑后";
    table => "Table", "表格";
    chart => "Chart", "图表";
    thinned => "Not every point is a row here; zoom in to see each.", "此处并非每个点都成行；放大后可查看每一点。";
    not_finite => "NaN or infinity at", "出现 NaN 或无穷大：";
    nan => "NaN: not a number, so there is no point", "NaN：不是数值，因此没有数据点";
    plus_infinity => "+∞: too large for a number", "+∞：超出数值范围";
    minus_infinity => "−∞: too small for a number", "−∞：低于数值范围";
    only_odd => "points, each NaN or infinite", "个数据点，均为 NaN 或无穷大";
    more => "More", "更多";
    pin => "Pin", "固定";
    unpin => "Unpin", "取消固定";
    hide => "Hide", "隐藏";
    unhide => "Show again", "重新显示";
    earlier => "Move earlier  [", "前移  [";
    later => "Move later  ]", "后移  ]";
    wider => "Wider", "加宽";
    narrower => "Narrower", "变窄";
    taller => "Taller", "加高";
    lower => "Lower", "变矮";
    png => "Download PNG", "下载 PNG";
    svg => "Download SVG", "下载 SVG";
    csv => "Download CSV", "下载 CSV";
    unkept => "Your arrangement of the charts could not be kept.", "图表布局未能保存。";
    no_logarithm => "values at or below zero have no place on a logarithmic axis", "个小于等于零的值无法显示在对数轴上";
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
