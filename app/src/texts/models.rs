//! Words of models and datasets.

texts! {
    none => "No models yet. Register a Hugging Face folder that lies on a node.", "还没有模型。请登记节点上的一个 Hugging Face 模型目录。";
    register => "Register a model", "登记模型";
    register_lead => "A folder with config.json, safetensors and tokenizer, already on the node.", "节点上已有的目录，包含 config.json、safetensors 与分词器。";
    path_help => "Absolute path as the training environment sees it.", "训练环境内看到的绝对路径。";
    format => "Format", "格式";
    architecture => "Architecture", "结构";
    parameters => "Parameters", "参数量";
    origin => "Where it came from", "来源";
    converted_from => "converted from", "转换自";
    exported_from => "exported from", "导出自";
    deployed_as => "deployed as", "部署为";
    lineage => "Provenance", "来历";
    convert => "Convert to MCore", "转换为 MCore";
    convert_lead => "Megatron trains from its own format. The conversion runs on the model's node and checks itself.", "Megatron 使用自己的权重格式训练。转换在模型所在节点上运行并自检。";
    output => "Output folder", "输出目录";
    output_help => "Empty: beside the model, with -mcore appended.", "留空：与模型同级，名称加 -mcore。";
    test_precision => "Test the precision of the result", "检查转换精度";
    precision => "Precision", "精度检查";
    verdict_good => "good: both formats give the same answers", "良好：两种格式的输出一致";
    verdict_doubtful => "doubtful: tokens differ, or parameters are all zero", "存疑：输出的词元不同，或存在全零参数";
    verdict_bad => "bad: the two formats disagree; do not train from this", "不合格：两种格式的输出不一致，请勿用于训练";
    mean_diff => "mean difference", "平均差";
    max_diff => "largest difference", "最大差";
    mean_diff_with_loss => "mean difference, where loss counts", "计入损失处的平均差";
    max_diff_with_loss => "largest difference, where loss counts", "计入损失处的最大差";
    token_diff => "tokens that differ", "不同的词元数";
    token_diff_with_loss => "tokens that differ, where loss counts", "计入损失处不同的词元数";
    zero_count => "parameters that are zero", "全零参数";
    limit => "good below 0.1", "小于 0.1 为良好";
    datasets_none => "No datasets yet. Register a JSONL file that lies on a node.", "还没有数据集。请登记节点上的一个 JSONL 文件。";
    dataset_register => "Register a dataset", "登记数据集";
    dataset_lead => "One conversation a line, in ms-swift's messages form. The file must lie at the same path on every node of the cluster.", "每行一条对话，采用 ms-swift 的 messages 格式。该文件须在集群每个节点上位于相同路径。";
    rows => "Rows", "行数";
    first_rows => "First rows", "前几行";
    sha256 => "SHA-256", "SHA-256";
    copies => "On the other nodes", "其他节点";
    copies_lead => "Every node of a run reads the model from its own disk. A copy goes from node to node, hashed; what is there already is not sent again.", "训练时每个节点从本地磁盘读取模型。复制在节点之间直接进行并校验，已有的文件不会重复传输。";
    copy_started => "copying, see the job", "正在复制，查看任务";
    deploy => "Deploy", "部署";
}

use domain::language::Language;

/// "Copy to node-2"
pub fn copy_to(language: Language, node: &str) -> String {
    match language {
        Language::En => format!("Copy to {node}"),
        Language::Zh => format!("复制到 {node}"),
    }
}

/// "registered by ada"
pub fn registered_by(language: Language, name: &str) -> String {
    match language {
        Language::En => format!("registered by {name}"),
        Language::Zh => format!("由 {name} 登记"),
    }
}
