//! Words of experiments.

texts! {
    experiments => "Experiments", "实验";
    parts => "Parts of this page", "页面内容";
    again_changed => "Set up again", "修改后新建";
    no_recipe => "This run was pushed from outside: it has no recipe here.", "该记录由外部推送，没有配方。";
    run_folder => "Run folder", "运行目录";
    value => "Value", "取值";
    argument => "Argument", "参数";
    rows => "rows", "条样本";
    gpus_help => "Empty: all of them.", "留空表示全部。";
    extra_help => "As on a command line: --name value …", "与命令行写法相同：--参数名 值 …";
    on => "on", "开";
    off => "off", "关";
    launch => "Launch", "启动";
    new => "New experiment", "新建实验";
    loss => "Loss", "损失";
    progress => "Progress", "进度";
    left => "left", "剩余";
    charts => "Charts", "曲线";
    logs => "Logs", "日志";
    recipe => "Recipe", "配方";
    nodes => "Nodes", "节点";
    checkpoints => "Checkpoints", "检查点";
    stop => "Stop the training", "停止训练";
    stop_help => "What was trained since the last checkpoint is lost.", "最近一次检查点之后的训练将丢失。";
    relaunch => "Launch again", "再次启动";
    last_rank => "Training lines and logging.jsonl come from the last rank's node", "训练日志与 logging.jsonl 来自最后一个 rank 所在节点";
    first_rank => "args.json and the tracker's files from the first", "args.json 与跟踪器文件来自第一个节点";
    what_happens => "What will happen", "将会执行";
    model_data => "Model and data", "模型与数据";
    method => "Method", "方法";
    batches => "Batches and length", "批量与时长";
    parallel => "Parallel", "并行";
    saving => "Saving and watching", "保存与观察";
    extra => "More arguments", "其他参数";
    preset => "Preset", "预设";
    changed => "changed from the preset; click to reset", "与预设不同，点击还原";
    model => "Model", "模型";
    dataset => "Dataset", "数据集";
    gpus_per_node => "GPUs per node", "每节点 GPU 数";
    launching => "Launching…", "启动中…";
    no_model => "Register a model first, and convert it to MCore.", "请先登记模型并转换为 MCore。";
    no_dataset => "Register a dataset first.", "请先登记数据集。";
    previewing => "Checking…", "检查中…";
    preview_ok => "Nothing stands in the way.", "可以启动。";
    filled_in => "Choose a model, a dataset and a cluster to see the script.", "选择模型、数据集与集群后即可看到脚本。";
    keys_help => "Ctrl-Enter launches", "Ctrl-Enter 启动";
}

use domain::language::Language;

/// "2 things to mend first, marked beside their fields."
pub fn to_mend(language: Language, count: usize) -> String {
    match language {
        Language::En if count == 1 => {
            "One thing to mend first, marked beside its field.".to_owned()
        }
        Language::En => format!("{count} things to mend first, marked beside their fields."),
        Language::Zh => format!("还有 {count} 处需要修改，见对应字段。"),
    }
}

/// "Launch on 2 nodes, 4 GPUs"
pub fn launch_on(language: Language, nodes: usize, gpus: u32) -> String {
    match language {
        Language::En => {
            let plural = |n: u64| if n == 1 { "" } else { "s" };
            format!(
                "Launch on {nodes} node{}, {gpus} GPU{}",
                plural(nodes as u64),
                plural(u64::from(gpus))
            )
        }
        Language::Zh => format!("在 {nodes} 个节点、{gpus} 个 GPU 上启动"),
    }
}
