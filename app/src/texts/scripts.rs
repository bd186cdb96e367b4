//! Words of a pasted script, of the list of all arguments, and of what differs. Many stand only in what the server writes.
#![cfg_attr(
    not(feature = "ssr"),
    allow(dead_code, reason = "the browser needs only some")
)]

use domain::language::Language;

texts! {
    script => "Your own script", "自己的脚本";
    script_help => "Paste a train.sh: it fills the form, and each follows the other. Comments, own variables, order and quotes stay; at the launch only values, folders and the nodes' variables are set in it.", "粘贴 train.sh：它会填入表单，二者互相同步。注释、自定义变量、顺序与引号都会保留；启动时只替换取值、目录与节点变量。";
    script_label => "train.sh", "train.sh";
    taking_in => "Reading the script …", "正在读取脚本…";
    leave_out => "Use a written script instead", "改用自动生成的脚本";
    mend => "Move the comments above the command", "将注释移到命令之前";
    move_reports => "Move keys and SwanLab's flags to Reports", "将密钥与 SwanLab 参数移到“上报”";
    understood => "Read as", "识别为";
    guessed => "by", "依据";
    told => "as told", "已指定";
    assumed => "nothing in it decides", "无法从内容判断";
    for_release => "for", "目标版本";
    nothing_wrong => "Nothing is wrong with it.", "没有发现问题。";
    no_training => "It has no training command of megatron, so that the form stays as it was.", "其中没有 megatron 训练命令，表单保持不变。";
    translated => "Translated at the launch", "启动时转换";
    kept => "Kept as text", "按原文保留";
    set_by_us => "Set by Trainyard at the launch", "启动时由 Trainyard 设置";
    arguments => "All arguments", "全部参数";
    arguments_help => "Every argument of this release. What is written here goes into the further arguments; empty means the default.", "该版本的全部参数。此处填写的内容会写入附加参数；留空表示默认值。";
    show_all => "Show all arguments", "显示全部参数";
    search => "Search by name, e.g. recompute", "按名称搜索，例如 recompute";
    has_field => "has its own field above", "在上方有对应字段";
    default => "default", "默认";
    none => "none", "无";
    reset => "Back to the default", "恢复默认";
    not_whole => "This release is not known whole: the list of the newest known one before it stands in.", "该版本的列表未完整收录，以其之前最新的已知版本代替。";
    nothing_found => "No argument has this in its name.", "没有名称包含该内容的参数。";
    changes => "What differs", "差异";
    against_preset => "from the preset", "与预设相比";
    against_parent => "from the experiment it began with", "与来源实验相比";
    against_last => "from what was launched last", "与最近一次启动相比";
    no_difference => "Nothing differs.", "没有差异。";
    nothing_there => "There is nothing to compare with yet.", "暂无可比较的内容。";
    before => "There", "对方";
    now => "Here", "此处";
    reports => "Reports", "上报";
    reports_help => "This console follows every run by itself. SwanLab elsewhere and W&B besides:", "本控制台会自行跟踪每次训练。另外上报到其他 SwanLab 主机或 W&B：";
    is_kept => "kept", "已保存";
    forget => "Forget this key", "移除此密钥";
    in_releases => "in", "适用版本";
}

/// `12 arguments of ms-swift 4.6.0`
pub fn count_of(language: Language, count: usize, release: &str) -> String {
    match language {
        Language::En => format!("{count} arguments of ms-swift {release}"),
        Language::Zh => format!("ms-swift {release} 的 {count} 个参数"),
    }
}
