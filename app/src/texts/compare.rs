//! Words of the compare page. Many stand only in what the server writes.
#![cfg_attr(
    not(feature = "ssr"),
    allow(dead_code, reason = "the browser needs only some")
)]

use domain::language::Language;

texts! {
    title => "Compare", "对比";
    experiments => "Experiments", "实验";
    nothing => "Choose experiments in the table, then press Compare.", "请先在实验列表中勾选，再点击“对比”。";
    to_table => "To the experiments", "前往实验列表";
    no_metric => "None of the chosen experiments has a metric with this in its name.", "所选实验没有名称包含该文字的指标。";
    no_points => "No points in this range.", "该范围内没有数据点。";
    last => "last", "最新";
    least => "min", "最小";
    greatest => "max", "最大";
    none => "none", "无";
    group => "Group by", "分组";
    each => "each alone", "不分组";
    band => "Band", "区间带";
    ends => "min – max", "最小 – 最大";
    deviation => "± std", "± 标准差";
    smoothing => "Smoothing", "平滑";
    log_y => "log y", "对数纵轴";
    by_time => "by time", "按时间";
    metrics => "Metrics", "指标";
    reset => "Reset the zoom", "重置缩放";
    chosen => "Chosen", "已选";
    leave_out => "Leave out", "移除";
    parallel => "Parallel coordinates", "平行坐标";
    few_axes => "The chosen experiments do not differ in two values that could be axes.", "所选实验没有两个以上可作为坐标轴的差异值。";
    brush_help => "Drag along an axis to keep a part of it. Keys: ↑ ↓ move, + − widen, Delete clears.", "沿坐标轴拖动以筛选一段；按键：↑ ↓ 移动，+ − 调整范围，Delete 清除。";
    clear_brushes => "Clear", "清除筛选";
    reach => "Steps to reach a value", "达到目标值所需步数";
    metric => "Metric", "指标";
    direction => "At most or at least", "不大于或不小于";
    value => "Value", "目标值";
    reach_help => "Where each first gets there, over the smoothed curve; × is how much sooner than the slowest.", "按平滑后的曲线计算首次达到的位置；× 表示相对最慢者的加速比。";
    not_reached => "not reached", "未达到";
    steps => "Steps", "步数";
    time => "Time", "用时";
    faster => "×", "×";
    config_diff => "Configuration", "配置差异";
    no_difference => "Nothing differs.", "没有差异。";
    absent => "–", "–";
    only_kind => "type only", "仅类型不同";
}

/// "42 values are the same"
pub fn the_same(language: Language, count: usize) -> String {
    match language {
        Language::En => format!("{count} values are the same in all"),
        Language::Zh => format!("另有 {count} 项完全相同"),
    }
}

/// "Keep only these 3"
pub fn keep_only(language: Language, count: usize) -> String {
    match language {
        Language::En => format!("Keep only these {count}"),
        Language::Zh => format!("仅保留这 {count} 个"),
    }
}

pub fn log_axes(language: Language, names: &str) -> String {
    match language {
        Language::En => format!("By logarithm: {names}."),
        Language::Zh => format!("对数坐标：{names}。"),
    }
}

pub fn brush_label(language: Language, axis: &str) -> String {
    match language {
        Language::En => format!("Part of {axis} that is kept"),
        Language::Zh => format!("{axis} 的保留范围"),
    }
}

/// What a screen reader hears of a brush.
pub fn brush_value(language: Language, from: f64, to: f64) -> String {
    let (from, to) = ((from * 100.0).round(), (to * 100.0).round());
    match language {
        Language::En if to > from => format!("{from} to {to} percent"),
        Language::En => "all of it".to_owned(),
        Language::Zh if to > from => format!("{from}% 至 {to}%"),
        Language::Zh => "全部".to_owned(),
    }
}
