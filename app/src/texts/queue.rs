//! Words of the queue and of sweeps.

texts! {
    queue => "Queue", "队列";
    queued => "queued", "排队中";
    lead => "They begin in this order as soon as their GPUs are free, several at once where they fit. Drag a row, or press Alt with an arrow key on it.", "GPU 空闲后按此顺序启动，放得下时可同时运行多个。可拖动调整顺序，或选中一行后按 Alt 加方向键。";
    empty => "Nothing waits.", "队列为空。";
    new => "Set up an experiment", "新建实验";
    up => "Earlier", "前移";
    down => "Later", "后移";
    leave => "Take out", "移出队列";
    leave_help => "It never ran, so it is deleted.", "该实验尚未运行，将被删除。";
    try_again => "Try again", "重试";
    begins => "begins now", "即将启动";
    turn => "for those before it", "等待前面的实验";
    from_result => "from its result", "从其结果开始";
    later => "Later, after another, or as a sweep", "排队、依赖其他实验或参数扫描";
    after => "Run after", "在此之后运行";
    at_once => "as soon as GPUs are free", "GPU 空闲即运行";
    uses_result => "Start from its last checkpoint (the LoRA's shape is locked to it)", "从其最后一个检查点开始（LoRA 形状与之保持一致）";
    then_unpacked => "Packed first, then once more unpacked from the result", "先打包训练，再从结果开始不打包训练一次";
    sweep => "Sweep", "参数扫描";
    sweep_help => "Values separated by commas. Each run gets the name above with a number.", "取值用逗号分隔；每次训练的名称为上方名称加序号。";
    grid => "every combination", "全部组合";
    list => "side by side", "逐项对应";
    field => "Field", "字段";
    values => "Values", "取值";
    add_field => "Add a field", "添加字段";
    remove => "Remove", "移除";
    add => "Add to the queue", "加入队列";
    adding => "Adding…", "加入中…";
    together => "All runs of this sweep", "该扫描的全部实验";
}

use domain::experiments::queue::Waits;
use domain::language::Language;

/// Why one waits.
pub fn why(language: Language, waits: &Waits) -> String {
    match (waits, language) {
        (Waits::Begins, _) => begins(language).to_owned(),
        (Waits::Turn, _) => turn(language).to_owned(),
        (Waits::Gpus { wanted, free }, Language::En) => {
            format!("for {wanted} GPUs on each node; {free} free")
        }
        (Waits::Gpus { wanted, free }, Language::Zh) => {
            format!("每节点需要 {wanted} 张 GPU，空闲 {free} 张")
        }
        (
            Waits::After {
                name,
                has_ended: false,
            },
            Language::En,
        ) => format!("for {name}"),
        (
            Waits::After {
                name,
                has_ended: false,
            },
            Language::Zh,
        ) => format!("等待 {name} 完成"),
        (
            Waits::After {
                name,
                has_ended: true,
            },
            Language::En,
        ) => {
            format!(
                "for {name}, which did not succeed: launch that one again, or take this one out"
            )
        }
        (
            Waits::After {
                name,
                has_ended: true,
            },
            Language::Zh,
        ) => {
            format!("{name} 未成功：请重新启动它，或将本实验移出队列")
        }
        (Waits::Refused { why }, _) => why.in_language(language).to_owned(),
    }
}

/// "6 runs"
pub fn runs(language: Language, count: usize) -> String {
    match language {
        Language::En => format!("{count} run{}", if count == 1 { "" } else { "s" }),
        Language::Zh => format!("共 {count} 次训练"),
    }
}
