//! Words that many rooms use.

texts! {
    skip_to_content => "Skip to content", "跳到正文";
    home => "Home", "首页";
    chat => "Chat", "对话";
    deployments => "Deployments", "部署";
    datasets => "Datasets", "数据集";
    models => "Models", "模型";
    nodes => "Nodes", "节点";
    settings => "Settings", "设置";
    activity => "Activity", "任务";
    main_navigation => "Main", "主导航";
    language => "Language", "语言";
    theme => "Colours", "配色";
    theme_auto => "As the machine", "跟随系统";
    theme_light => "Light", "浅色";
    theme_dark => "Dark", "深色";
    loading => "Loading…", "加载中…";
    load_failed => "This could not be loaded.", "加载失败。";
    retry => "Try again", "重试";
    not_found_title => "Nothing is here", "这里什么也没有";
    not_found_body => "The address may be old, or the thing was deleted.", "地址可能已过期，或对象已被删除。";
    to_home => "Go to the start page", "回到首页";
    name => "Name", "名称";
    path => "Path", "路径";
    node => "Node", "节点";
    cluster => "Cluster", "集群";
    size => "Size", "大小";
    state => "State", "状态";
    created => "Created", "创建时间";
    started => "Started", "开始时间";
    cancel => "Cancel", "取消";
    close => "Close", "关闭";
    stop => "Stop", "停止";
    copy => "Copy", "复制";
    rehearsal => "rehearsal", "演练";
    rehearsal_help => "A stand-in for GPU nodes that runs on this machine", "在本机上运行的 GPU 节点替身";
    reconnecting => "Reconnecting; what is shown may be old.", "正在重新连接；显示的内容可能已过期。";
    pending => "Sending…", "提交中…";
    nothing_running => "Nothing is running.", "没有正在进行的任务。";
}
