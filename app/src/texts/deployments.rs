//! Words of deployments.

texts! {
    none => "Nothing is deployed. A deployment serves a model so that you can chat with it.", "还没有部署。部署让模型提供服务，之后即可与它对话。";
    new => "Deploy a model", "部署模型";
    engine => "Engine", "推理引擎";
    model => "Model", "模型";
    no_models => "There is no model in HF format yet.", "还没有 HF 格式的模型。";
    places_asked => "Asking the nodes who holds the model…", "正在询问哪些节点有该模型…";
    places_none => "No node that answers holds this model's folder. Copy it there first, or look at its node.", "没有可连接的节点持有该模型目录。请先复制，或检查其所在节点。";
    places_help => "The nodes that hold the model. Copy it to others from its page.", "列出持有该模型的节点；可在模型页面复制到其他节点。";
    gpus => "GPUs", "GPU";
    gpus_help => "The model is split over the GPUs you choose; none: the first that is free.", "模型会切分到所选的 GPU 上；不选则使用第一张空闲的。";
    name_help => "Empty: the name it is served as.", "留空则与服务名称相同。";
    reasoning_parser => "Parser for thinking", "思考内容解析器";
    reasoning_parser_help => "E.g. qwen3; empty: the text is handed on as the model writes it.", "例如 qwen3；留空则原样返回模型输出。";
    served_name => "Served as", "服务名称";
    served_name_help => "The model name that programs use; empty: from the model's name.", "程序调用时使用的模型名；留空则取自模型名。";
    max_model_len => "Longest context", "最大上下文";
    max_model_len_help => "Tokens; empty: what the model's configuration says.", "词元数；留空则按模型配置。";
    submit => "Deploy", "部署";
    chat_with => "Chat with it", "与它对话";
    stop_help => "Answers under way are cut off, and its GPUs become free.", "正在生成的回答会中断，所占 GPU 将被释放。";
    stop => "Stop this deployment", "停止部署";
    use_it => "Use it from a program", "在程序中调用";
    use_it_lead => "With an API key from the settings:", "使用设置页中的 API 密钥：";
}
