//! What is wrong with a script, at its line and column, and what to write instead.

use serde::{Deserialize, Serialize};

use crate::finding::Weight;
use crate::language::Text;

/// A place as editors show it, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// The place of a byte of `text`. A byte in the middle of a character is that character's place.
    pub fn of(text: &str, offset: usize) -> Place {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        Place {
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().filter(|c| *c != '\u{feff}').count() + 1,
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    pub weight: Weight,
    #[serde(flatten)]
    pub at: Place,
    /// Without dashes; empty where it is about no flag.
    pub flag: String,
    /// What stands there, shortened; never a secret.
    pub found: String,
    /// What is wrong with it.
    pub text: Text,
    /// What to write instead.
    pub write: Text,
}

impl Remark {
    pub fn new(weight: Weight, at: Place, found: impl Into<String>) -> Remark {
        Remark {
            weight,
            at,
            flag: String::new(),
            found: shortened(&found.into()),
            text: Text::new("", ""),
            write: Text::new("", ""),
        }
    }

    pub fn stops(at: Place, found: impl Into<String>) -> Remark {
        Remark::new(Weight::Stops, at, found)
    }

    pub fn warning(at: Place, found: impl Into<String>) -> Remark {
        Remark::new(Weight::Warning, at, found)
    }

    pub fn about(mut self, flag: &str) -> Remark {
        self.flag = flag.to_owned();
        self
    }

    pub fn says(mut self, en: impl Into<String>, zh: impl Into<String>) -> Remark {
        self.text = Text::new(en, zh);
        self
    }

    pub fn write(mut self, en: impl Into<String>, zh: impl Into<String>) -> Remark {
        self.write = Text::new(en, zh);
        self
    }

    /// Both sentences in one.
    pub fn sentence(&self) -> Text {
        let joined = |text: &str, write: &str, gap: &str| match (text.is_empty(), write.is_empty())
        {
            (false, false) => format!("{text}{gap}{write}"),
            _ => format!("{text}{write}"),
        };
        Text::new(
            joined(&self.text.en, &self.write.en, " "),
            joined(&self.text.zh, &self.write.zh, ""),
        )
    }
}

/// The first line of a text, cut after 80 characters.
pub fn shortened(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    if line.chars().count() > 80 {
        let mut short: String = line.chars().take(79).collect();
        short.push('…');
        return short;
    }
    line.to_owned()
}

/// What holds for the text as lines: Windows line ends, control characters, blanks that look like spaces.
pub(super) fn of_lines(text: &str) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if text.starts_with('\u{feff}') {
        remarks.push(
            Remark::warning(Place { line: 1, column: 1 }, "EF BB BF")
                .says(
                    "The file begins with a byte order mark, which a shell takes for part of the first word.",
                    "文件以字节顺序标记（BOM）开头，shell 会把它当作第一个词的一部分。",
                )
                .write("Save it as UTF-8 without BOM; Trainyard leaves the mark out when it launches.", "请保存为不带 BOM 的 UTF-8；Trainyard 启动时会去掉它。"),
        );
    }
    let windows: Vec<usize> = text.match_indices("\r\n").map(|(at, _)| at).collect();
    if let Some(first) = windows.first() {
        let count = windows.len();
        remarks.push(
            Remark::warning(Place::of(text, *first), "\\r\\n")
                .says(
                    format!("{count} lines end the Windows way (CR LF); a shell takes the CR for part of the last word of each."),
                    format!("有 {count} 行使用 Windows 换行（CR LF），shell 会把 CR 当作每行最后一个词的一部分。"),
                )
                .write("Save it with Unix line ends (sed -i 's/\\r$//' train.sh); Trainyard does so when it launches.", "请改为 Unix 换行（sed -i 's/\\r$//' train.sh）；Trainyard 启动时会自动转换。"),
        );
    }
    if let Some(at) = text.find('\0') {
        remarks.push(
            Remark::stops(Place::of(text, at), "NUL")
                .says(
                    "There is a NUL byte here, which no shell script can hold.",
                    "此处有 NUL 字节，shell 脚本不能包含它。",
                )
                .write(
                    "Take it out, or paste the text of the script.",
                    "请删除它，或直接粘贴脚本文本。",
                ),
        );
    }
    for (name, c) in [
        ("U+00A0", '\u{a0}'),
        ("U+3000", '\u{3000}'),
        ("U+200B", '\u{200b}'),
    ] {
        if let Some(at) = text.find(c) {
            remarks.push(
                Remark::warning(Place::of(text, at), name)
                    .says(
                        format!("A special blank ({name}) stands here; a shell does not take it for a space."),
                        format!("此处是特殊空白字符（{name}），shell 不把它当作空格。"),
                    )
                    .write("Write a plain space.", "请改为普通空格。"),
            );
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let text = "\u{feff}é x\nab";
        assert_eq!(
            Place::of(text, text.find('x').unwrap()),
            Place { line: 1, column: 3 }
        );
        assert_eq!(Place::of(text, text.len()), Place { line: 2, column: 3 });
        assert_eq!(Place::of(text, 4), Place { line: 1, column: 1 });
        assert_eq!(shortened(" a\nb"), "a");
        assert_eq!(shortened(&"x".repeat(90)).chars().count(), 80);
    }
}
