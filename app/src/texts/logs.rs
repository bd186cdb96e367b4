//! Words of the log view.

texts! {
    log => "Log of", "日志：";
    rank => "rank", "rank";
    look_for => "Find in the whole log", "在整个日志中查找";
    find => "Find", "查找";
    regex => "Regular expression", "正则表达式";
    case => "Match case", "区分大小写";
    searching => "searching…", "查找中…";
    hits => "hits", "处匹配";
    no_hits => "no hits", "没有匹配";
    partly => "at least: the time was up before the whole log was searched", "至少：未查完整个日志就已超时";
    next => "Next hit (n)", "下一处 (n)";
    previous => "Previous hit (N)", "上一处 (N)";
    list => "List of hits", "匹配列表";
    line => "line", "行";
    to_time => "Time", "时间";
    time_example => "14:30 or 2026-11-24 14:30", "14:30 或 2026-11-24 14:30";
    time_of_node => "As the node's clock writes it", "按节点时钟";
    go => "Go", "跳转";
    first_at => "first line from then on:", "此后第一行：";
    about => "about", "约";
    wrap => "Wrap lines", "自动换行";
    bars => "All states of progress bars", "显示进度条的所有状态";
    copy => "Copy what is shown", "复制已显示内容";
    copied => "copied", "已复制";
    download => "Download", "下载";
    follow => "Follow the end", "跟随末尾";
    begin => "Begin", "开头";
    position => "Position in the log", "日志中的位置";
    of => "of", "/";
    loading => "Reading the log…", "正在读取日志…";
    empty => "Nothing was written yet.", "还没有输出。";
    gone => "There is no log on the node (any more).", "节点上没有（或已删除）该日志。";
    replaced => "The log was replaced by another one, which is shown from its end.", "日志已被新的替换，现显示其末尾。";
    keys => "/ finds, n and N go through the hits, g and G go to begin and end", "/ 查找，n 和 N 切换匹配，g 和 G 跳到开头和末尾";
}
