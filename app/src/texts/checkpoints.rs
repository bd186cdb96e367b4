//! Words of checkpoints.

texts! {
    none => "No checkpoint yet. One is saved every few iterations, as the recipe says.", "还没有检查点。训练会按配方每隔若干步保存一次。";
    iteration => "Iteration", "迭代步";
    whole => "whole: it loads here", "完整：可在此加载";
    part => "a part of the shards", "仅部分分片";
    nothing => "nothing", "无";
    newest_job => "Newest job", "最近任务";
    export_name_help => "Empty: experiment and iteration.", "留空：实验名加迭代步。";
    output_help => "On the main node; empty: in its work folder.", "位于主节点；留空则放在工作目录下。";
    gather_help => "Copies the missing shards from node to node, hashed.", "在节点间直接复制缺失的分片并校验。";
    export => "Export to HF", "合并导出";
    export_help => "Merges the LoRA weights and writes a Hugging Face folder that an engine can serve.", "合并 LoRA 权重并写出可部署的 Hugging Face 目录。";
    export_needs_whole => "Gather it first: the export needs all shards on one node.", "请先归集：导出需要某一节点上有全部分片。";
    export_name => "Name of the model", "模型名称";
    seen => "Seen", "查看于";
}

use domain::language::Language;

/// "Gather iteration 200"
pub fn gather_iteration(language: Language, iteration: &str) -> String {
    match language {
        Language::En => format!("Gather iteration {iteration}"),
        Language::Zh => format!("归集第 {iteration} 步"),
    }
}
