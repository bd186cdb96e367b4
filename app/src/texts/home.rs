//! Words of the start page.

texts! {
    next_steps => "From a bare machine to a trained model", "从空机器到训练好的模型";
    training => "Training", "训练中";
    step_convert => "Convert it to MCore", "转换为 MCore";
    step_convert_why => "Open the model: Megatron trains from its own format. Then copy the result to the other nodes.", "打开模型页面：Megatron 使用自己的格式训练。转换后复制到其他节点。";
    step_experiment => "Set up an experiment", "新建实验";
    step_experiment_why => "Model, dataset, LoRA or full, the dozen arguments that matter; then watch the loss.", "选择模型、数据集、LoRA 或全参及关键参数，然后观察损失曲线。";
    step_nodes => "Look at your nodes", "查看节点";
    step_nodes_why => "GPUs, versions, free disk. A rehearsal cluster is there already.", "GPU、软件版本、剩余磁盘。演练集群已就绪。";
    step_model => "Register a model", "登记模型";
    step_model_why => "A Hugging Face folder on a node.", "节点上的 HF 模型目录。";
    step_dataset => "Register a dataset", "登记数据集";
    step_dataset_why => "A JSONL file on a node, counted and hashed there.", "节点上的 JSONL 文件，在节点上计数并校验。";
    done => "done", "已完成";
    open => "to do", "待完成";
    running => "Running", "进行中";
    needs_you => "Needs you", "需要处理";
    gpus => "GPUs", "GPU";
    tour => "The whole path on the rehearsal nodes", "在演练节点上走完全程";
    tour_lead => "Registers, converts, trains, gathers, merges, deploys and asks, in about two minutes. Everything it makes is yours to look at.", "依次登记、转换、训练、归集、合并、部署并提问，约需两分钟。产生的一切都可查看。";
    tour_start => "Run the whole path for me", "替我走完全程";
    tour_running => "Walking…", "进行中…";
    asked => "Asked", "提问";
    base_answer => "The base model", "基础模型";
    tuned_answer => "The tuned model", "微调后的模型";
    go_on => "Go on talking to it", "继续对话";
}
