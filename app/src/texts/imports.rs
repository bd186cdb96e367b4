//! Words of imports. Many stand only in what the server writes.
#![cfg_attr(
    not(feature = "ssr"),
    allow(dead_code, reason = "the browser needs only some")
)]

texts! {
    title => "Import a run", "导入运行";
    lead => "TensorBoard's event files become experiments, each folder with such files its own. Every point is kept; a restarted run becomes the next attempt.", "TensorBoard 事件文件将成为实验，每个含有事件文件的目录为一个实验。所有数据点都会保留，重启的训练记为新的一次运行。";
    from_here => "From this computer", "从本机上传";
    from_node => "From a node", "从节点导入";
    from_node_lead => "A folder with tfevents files in it or below it, or one such file. It is followed while it grows.", "自身或下级目录含有 tfevents 文件的目录，或单个事件文件。文件增长时会持续读取。";
    folder => "A folder", "目录";
    folder_help => "Only files with tfevents in their names are sent.", "仅发送名称中含 tfevents 的文件。";
    or_files => "Or files", "或选择文件";
    name_help => "Empty: the folder's name.", "留空则使用目录名。";
    upload => "Upload and import", "上传并导入";
    uploading => "Uploading", "正在上传";
    import => "Import and follow", "导入并跟随";
    earlier => "Imported so far", "已导入";
    runs => "Runs", "运行数";
    run => "Run", "运行";
    uploaded => "uploaded", "上传";
    following => "followed", "跟随中";
    read => "read", "已读取";
    troubled => "the last look failed", "上次读取失败";
    event_files => "Event files", "事件文件";
    attempts => "Attempts", "运行次数";
    look_now => "Look now", "立即读取";
    follow_again => "Follow again", "再次跟随";
    damage_title => "What could not be read", "未能读取的部分";
}

use domain::finding::Finding;
use domain::language::Language;
use domain::metrics::tfevents::{Damage, What};

use crate::shared::format::{count, size};

/// "reading, 43 %"
pub fn reading(language: Language, percent: u64) -> String {
    match language {
        Language::En => format!("reading, {percent} %"),
        Language::Zh => format!("读取中，{percent}%"),
    }
}

/// "2 files are damaged"
pub fn damaged_files(language: Language, files: usize) -> String {
    match (language, files) {
        (Language::En, 1) => "1 file is damaged".to_owned(),
        (Language::En, files) => format!("{files} files are damaged"),
        (Language::Zh, files) => format!("{files} 个文件有损坏"),
    }
}

/// "3 files"
pub fn files(language: Language, files: u64) -> String {
    match (language, files) {
        (Language::En, 1) => "1 file".to_owned(),
        (Language::En, files) => format!("{} files", count(files)),
        (Language::Zh, files) => format!("{} 个", count(files)),
    }
}

/// "2 attempts"
pub fn attempt_count(language: Language, attempts: u32) -> String {
    match (language, attempts) {
        (Language::En, 1) => "1 attempt".to_owned(),
        (Language::En, attempts) => format!("{attempts} attempts"),
        (Language::Zh, attempts) => format!("{attempts} 次"),
    }
}

/// "also in it: 434 text"
pub fn also(language: Language, kinds: &str) -> String {
    match language {
        Language::En => format!("also in it: {kinds}"),
        Language::Zh => format!("另含：{kinds}"),
    }
}

/// One damaged place, and what became of it.
pub fn damage(language: Language, damage: &Damage) -> String {
    let at = count(damage.offset);
    match (language, damage.what) {
        (Language::En, What::BadLength) => format!(
            "at byte {at}: a length is not what was written; the file was read up to there, and what follows cannot be found"
        ),
        (Language::Zh, What::BadLength) => {
            format!("字节 {at} 处：记录长度与写入时不符，此前内容已读取，其后无法定位")
        }
        (Language::En, What::BadChecksum) => format!(
            "at byte {at}: a record is not what was written; it was left out, the rest was kept"
        ),
        (Language::Zh, What::BadChecksum) => {
            format!("字节 {at} 处：一条记录的校验和不符，已跳过，其余保留")
        }
        (Language::En, What::Unreadable) => {
            format!("at byte {at}: a record is no event; it was left out, the rest was kept")
        }
        (Language::Zh, What::Unreadable) => {
            format!("字节 {at} 处：一条记录不是事件，已跳过，其余保留")
        }
        (Language::En, What::TooLong { bytes }) => {
            format!("at byte {at}: a record of {} was passed over", size(bytes))
        }
        (Language::Zh, What::TooLong { bytes }) => {
            format!("字节 {at} 处：略过一条 {} 的记录", size(bytes))
        }
    }
}

/// "and 7 more places"
pub fn more_damage(language: Language, more: u64) -> String {
    match language {
        Language::En => format!("and {} more places", count(more)),
        Language::Zh => format!("另有 {} 处", count(more)),
    }
}

/// "the last 17 bytes are no whole record yet"
pub fn unfinished(language: Language, bytes: u64) -> String {
    match language {
        Language::En => format!(
            "the last {} bytes are no whole record: still being written, or cut off; all before them was kept",
            count(bytes)
        ),
        Language::Zh => format!(
            "末尾 {} 字节不是完整记录：仍在写入或已被截断，此前内容均已保留",
            count(bytes)
        ),
    }
}

/// None of the chosen files is an event file.
pub fn no_event_files(chosen: u32) -> Finding {
    if chosen == 0 {
        return Finding::stops("files", "Choose a folder or files.", "请选择目录或文件。");
    }
    Finding::stops(
        "files",
        format!(
            "None of the {chosen} chosen files is a tfevents file: their names have tfevents in them."
        ),
        format!("所选 {chosen} 个文件中没有 tfevents 文件（文件名应包含 tfevents）。"),
    )
}
