//! Words of the experiments table and the compare page. Many stand only in what the server writes.
#![cfg_attr(
    not(feature = "ssr"),
    allow(dead_code, reason = "the browser needs only some")
)]

use domain::comparison::{Column, Fact, Which};
use domain::language::Language;

texts! {
    filter => "Filter", "筛选";
    filter_example => "glm lr > 1e-4 state = running #baseline", "glm lr > 1e-4 state = running #baseline";
    filter_help => "Words are looked for in the name. Conditions: lr > 1e-4, min:eval_loss <= 0.9, model ~ glm, state = failed, duration > 2h, created < 7d, #tag, lr = none, archived = yes. Join them with and, or, not, ( ).", "单词按名称查找。条件示例：lr > 1e-4、min:eval_loss <= 0.9、model ~ glm、state = failed、duration > 2h、created < 7d、#标签、lr = none、archived = yes；可用 and、or、not 与括号组合。";
    clear => "Clear", "清除";
    group_by => "Group by", "分组";
    not_grouped => "nothing", "不分组";
    columns => "Columns", "列";
    shown_columns => "Shown", "已显示";
    other_columns => "Add", "添加";
    find_column => "Find a column", "查找列";
    no_column => "No column has this in its name.", "没有名称包含该文字的列。";
    usual_columns => "Back to the usual columns", "恢复默认列";
    earlier => "Move left", "左移";
    later => "Move right", "右移";
    hide_column => "Hide", "隐藏";
    show_column => "Show", "显示";
    choose => "Choose", "选择";
    choose_page => "Choose all on this page", "选择本页全部";
    choose_none => "Choose none", "取消选择";
    tags => "Tags", "标签";
    notes => "Notes", "备注";
    duration => "Duration", "时长";
    attempts => "Attempts", "尝试次数";
    missing => "none", "无";
    none_yet => "No experiments yet.", "还没有实验。";
    nothing_found => "No experiment passes this filter.", "没有符合条件的实验。";
    archived => "archived", "已归档";
    previous => "Previous", "上一页";
    next => "Next", "下一页";
    experiments_in_group => "experiments", "个实验";
    unfold => "Show these experiments here", "在此展开这些实验";
    fold => "Fold", "收起";
    whole_group => "Show all", "查看全部";
    table => "Experiments of the project", "项目的实验";
}

/// How a column is headed: its name, and which of a metric's values.
pub fn column(language: Language, column: &Column) -> (String, &'static str) {
    let which = |which| match (which, language) {
        (Which::Last, _) => "",
        (Which::Min, Language::En) => "min",
        (Which::Max, Language::En) => "max",
        (Which::Min, Language::Zh) => "最小",
        (Which::Max, Language::Zh) => "最大",
    };
    match column {
        Column::Fact(fact) => {
            let name = match fact {
                Fact::Name => super::common::name(language),
                Fact::State => super::common::state(language),
                Fact::Tags => tags(language),
                Fact::Notes => notes(language),
                Fact::Duration => duration(language),
                Fact::Created => super::common::created(language),
                Fact::Attempts => attempts(language),
            };
            (name.to_owned(), "")
        }
        Column::Config(name) => (name.clone(), ""),
        Column::Metric(name, of) => (name.clone(), which(*of)),
    }
}

/// "1–50 of 75 000"
pub fn range(language: Language, from: u64, to: u64, of: &str) -> String {
    match language {
        Language::En => format!("{from}–{to} of {of}"),
        Language::Zh => format!("第 {from}–{to} 个，共 {of} 个"),
    }
}

/// "3 attempts"
pub fn times(language: Language, attempts: u32) -> String {
    match language {
        Language::En => format!("{attempts} attempts"),
        Language::Zh => format!("{attempts} 次尝试"),
    }
}

/// "Compare 3"
pub fn compare_some(language: Language, count: usize) -> String {
    match language {
        Language::En => format!("Compare {count}"),
        Language::Zh => format!("对比 {count} 个"),
    }
}
