//! Words of the playground.

texts! {
    no_deployments => "Nothing is ready to chat with. Deploy a model first.", "没有可对话的部署，请先部署模型。";
    deploy => "Deploy a model", "部署模型";
    conversations => "Conversations", "历史对话";
    new_conversation => "New conversation", "新对话";
    none => "No conversations yet.", "还没有对话。";
    add_pane => "Compare with…", "对比…";
    close_pane => "Close this pane", "关闭此窗格";
    model_of_pane => "Deployment of this pane", "此窗格的部署";
    message => "Message", "消息";
    message_hint => "Write a message. Ctrl-Enter sends.", "输入消息，Ctrl-Enter 发送。";
    send => "Send", "发送";
    stop => "Stop", "停止";
    you => "You", "您";
    system => "System", "系统提示";
    parameters => "Parameters", "参数";
    temperature => "Temperature", "温度";
    top_p => "top_p", "top_p";
    top_k => "top_k", "top_k";
    max_tokens => "Longest answer (tokens)", "最大生成词元数";
    presence_penalty => "Presence penalty", "存在惩罚";
    thinking => "Thinking", "思考模式";
    thinking_default => "as the model has it", "按模型默认";
    thinking_on => "on", "开启";
    thinking_off => "off", "关闭";
    engine_default => "engine's default", "引擎默认";
    thought => "Thought", "思考过程";
    cut_off => "cut off", "已中断";
    cut_stopped => "you stopped it", "已手动停止";
    cut_unheard => "nobody was listening", "长时间无人查看";
    cut_engine => "the engine broke off", "推理引擎中断";
    cut_length => "it became too long", "内容过长";
    cut_restarted => "the console was restarted", "控制台已重启";
    failed => "failed", "失败";
    writing => "writing…", "生成中…";
    regenerate => "Again", "重新生成";
    edit => "Edit", "编辑";
    delete_help => "Everything said in it is lost.", "其中的全部内容都会丢失。";
    not_stopped => "This could not be stopped:", "无法停止：";
    delete => "Delete this conversation", "删除此对话";
    tokens => "tokens", "词元";
    not_a_number => "Write a number, or nothing.", "请填写数字，或留空。";
    reconnecting => "The answer goes on at the server; reconnecting…", "服务器仍在生成，正在重新连接…";
}
