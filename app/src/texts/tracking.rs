//! Words of runs that were not launched here.

texts! {
    send => "Send metrics from a script", "从脚本发送指标";
    send_short => "From a script", "从脚本发送";
    send_lead => "Whatever trains elsewhere can be watched here: give it this console's address and one of your keys. Its project and its runs appear by themselves.", "在别处训练的任务也可以在这里查看：填写本控制台地址和一个密钥即可，项目与实验会自动创建。";
    key => "Key", "密钥";
    key_help => "A key is shown once, here, and filled in below. Keys can be revoked in the settings.", "密钥只在此显示一次，并自动填入下方内容。可在设置中撤销。";
    key_make => "Make a key", "创建密钥";
    key_made => "Copy it now; it will not be shown again:", "请立即复制，之后不再显示：";
    key_name => "script", "脚本";
    with_swanlab => "A script that uses swanlab", "使用 swanlab 的脚本";
    with_swanlab_help => "Set three variables; nothing else changes. Any release from 0.6.13 to 0.10.3, also mode=\"offline\" and swanlab sync later.", "设置三个环境变量即可，其余不变。支持 0.6.13 至 0.10.3 各版本，也支持 mode=\"offline\" 之后用 swanlab sync 同步。";
    with_swift_help => "The key comes from the variable. For ms-swift up to 4.3.0 install \"swanlab<0.8\".", "密钥取自环境变量。ms-swift 4.3.0 及更早版本请安装 \"swanlab<0.8\"。";
    with_client => "Without any package", "不安装任何包";
    with_client_help => "Put the file trainyard.py beside the script; it needs Python's standard library only. It sends in the background, and keeps what cannot be sent for later.", "将 trainyard.py 放在脚本旁，只依赖 Python 标准库。数据在后台发送，暂时发不出的会保留，稍后补发。";
    project => "Project", "项目";
    media => "Media", "媒体";
    no_media => "No images, texts or files were logged.", "没有记录图像、文本或文件。";
    not_come => "Its file has not come (yet).", "文件尚未收到。";
    step => "Step", "步数";
    files => "Files", "文件";
    download => "Download", "下载";
    earlier => "Earlier lines", "更早的日志";
    follow => "Follow the end", "跟随末尾";
    no_lines => "The client has sent no lines.", "客户端没有发送日志。";
}
