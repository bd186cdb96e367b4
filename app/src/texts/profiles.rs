//! Words of what a run says of itself and what people say of it. Many stand only in what the server writes.
#![cfg_attr(
    not(feature = "ssr"),
    allow(dead_code, reason = "the browser needs only some")
)]

use domain::experiments::Extent;
use domain::language::Language;

texts! {
    overview => "Overview", "概览";
    notes => "Notes", "备注";
    add_tag => "Add a tag", "添加标签";
    take_off => "Take off", "移除";
    made_by => "By", "创建人";
    made_at => "Created", "创建时间";
    lasted => "Duration", "时长";
    written_by => "Written by", "写入方";
    rejected => "Items that could not be read", "无法读取的条目";
    nodes => "Nodes", "节点";
    host => "Host", "主机";
    command => "Command", "命令";
    folder => "Folder", "工作目录";
    git_remote => "Git remote", "Git 远程";
    git_branch => "Git branch", "Git 分支";
    git_commit => "Git commit", "Git 提交";
    gpus => "GPUs", "GPU";
    attempt => "Attempt", "尝试";
    attempts => "Attempts", "尝试";
    configuration => "Configuration", "配置";
    reported => "All that the run reported of its machine", "运行上报的全部环境信息";
    requirements => "Requirements", "依赖";
    search => "Search names and values", "搜索名称与取值";
    nothing_found => "Nothing has this in its name or value.", "没有匹配的名称或取值。";
    write => "Write", "编辑";
    preview => "Preview", "预览";
    keep => "Save the notes", "保存备注";
    kept => "Saved.", "已保存。";
    no_notes => "No notes yet. What was tried, and what came of it?", "还没有备注。尝试了什么？结果如何？";
    markdown => "Markdown: # heading, - list, **strong**, `code`, | table |", "支持 Markdown：# 标题、- 列表、**加粗**、`代码`、| 表格 |";
    more => "More", "更多";
    rename => "Rename", "重命名";
    archive => "Archive", "归档";
    restore => "Take out of the archive", "取消归档";
    archive_help => "It leaves the table; the filter archived = yes finds it. Nothing is lost.", "将从列表中移除，可用筛选 archived = yes 找到；数据不会丢失。";
    delete_for_good => "Delete for good", "彻底删除";
    type_name => "Type its name to delete it", "输入实验名称以确认删除";
}

/// What deleting takes away.
pub fn lost(language: Language, extent: Extent) -> String {
    let Extent {
        points,
        series,
        checkpoints,
    } = extent;
    match language {
        Language::En => format!(
            "Lost for good: {points} points in {series} series, the notes, the tags and the list of {checkpoints} checkpoints. Files on the nodes stay."
        ),
        Language::Zh => format!(
            "将永久丢失：{series} 个序列的 {points} 个数据点、备注、标签以及 {checkpoints} 个检查点的记录。节点上的文件会保留。"
        ),
    }
}
