//! Words of jobs: kinds and states.

texts! {
    prepare => "Prepare", "环境准备";
    convert => "Convert to MCore", "权重转换";
    train => "Train", "训练";
    gather => "Gather", "收集分片";
    export => "Export to HF", "合并导出";
    deploy => "Deploy", "部署";
    evaluate => "Evaluate", "评测";
    pending => "waiting to start", "等待启动";
    starting => "starting", "启动中";
    running => "running", "运行中";
    loading_model => "loading the model", "加载模型中";
    ready => "ready", "就绪";
    stopping => "stopping", "停止中";
    succeeded => "done", "已完成";
    failed => "failed", "失败";
    stopped => "stopped", "已停止";
    lost => "lost", "失联";
    finished => "finished", "已完成";
    crashed => "crashed", "异常退出";
    aborted => "interrupted", "已中断";
    all_jobs => "All jobs", "全部任务";
    jobs => "Jobs", "任务";
    process => "Process", "进程";
    waiting => "waiting", "等待中";
    exited => "ended", "已退出";
    unreachable_since => "cannot be reached since", "无法连接，始于";
    exit_code => "exit code", "退出码";
    gpus => "GPUs", "GPU";
    last_seen => "Last seen", "最近一次查看";
    whole_log => "rank", "rank";
    stop_help => "What it has done so far is thrown away.", "已完成的部分将作废。";
    stop_job => "Stop this job", "停止任务";
    cause => "Cause", "原因";
}

use domain::language::Language;

/// "not heard of for 20 min"
pub fn not_heard_of(language: Language, span: &str) -> String {
    match language {
        Language::En => format!("not heard of for {span}"),
        Language::Zh => format!("已 {span}没有消息"),
    }
}
