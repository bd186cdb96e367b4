//! What keys do.

texts! {
    title => "Keys", "快捷键";
    sheet => "these keys", "显示快捷键";
    escape => "close menus and questions", "关闭菜单与询问";
    send => "launch an experiment, send a message", "启动实验、发送消息";
    point => "on a chart: one point further", "图表：移动一个点";
    points => "on a chart: ten points further", "图表：移动十个点";
    zoom => "on a chart: zoom", "图表：缩放";
    all => "on a chart: everything", "图表：显示全部";
    table => "on a chart: the table", "图表：切换表格";
}
