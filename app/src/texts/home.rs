//! Words of the start page.

texts! {
    next_steps => "From a bare machine to a model in MCore form", "从空机器到 MCore 格式的模型";
    step_nodes => "Look at your nodes", "查看节点";
    step_nodes_why => "GPUs, versions, free disk. A rehearsal cluster is there already.", "GPU、软件版本、剩余磁盘。演练集群已就绪。";
    step_model => "Register a model", "登记模型";
    step_model_why => "A Hugging Face folder on a node; its page converts it to MCore.", "节点上的 HF 模型文件夹；在其页面转换为 MCore。";
    step_dataset => "Register a dataset", "登记数据集";
    step_dataset_why => "A JSONL file on a node, counted and hashed there.", "节点上的 JSONL 文件，在节点上计数并校验。";
    done => "done", "已完成";
    open => "to do", "待完成";
    running => "Running", "进行中";
    needs_you => "Needs you", "需要处理";
    gpus => "GPUs", "GPU";
}
