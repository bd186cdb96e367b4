//! Words of checkpoints.

texts! {
    none => "No checkpoint yet. One is saved every few iterations, as the recipe says.", "还没有检查点。训练会按配方每隔若干步保存一次。";
    iteration => "Iteration", "迭代步";
    files => "Shards", "分片";
    whole => "whole: it loads here", "完整：可在此加载";
    part => "a part of the shards", "仅部分分片";
    nothing => "nothing", "无";
    gather => "Gather to", "收集到";
    gather_help => "Copies the missing shards from node to node, hashed.", "在节点间直接复制缺失的分片并校验。";
    export => "Export to HF", "合并导出";
    export_help => "Merges the LoRA weights and writes a Hugging Face folder that an engine can serve.", "合并 LoRA 权重并写出可部署的 Hugging Face 目录。";
    export_needs_whole => "Gather it first: the export needs all shards on one node.", "请先收集：导出需要某一节点上有全部分片。";
    export_name => "Name of the model", "模型名称";
    seen => "Seen", "查看于";
    jobs_of => "Gathers and exports", "收集与导出任务";
}
