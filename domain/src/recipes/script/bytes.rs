//! From the bytes of a file to its text, with a name for what is no text.

use super::remark::{Place, Remark};

/// No script of a person is longer; a longer file is something else.
pub const LONGEST_BYTES: usize = 1 << 20;

/// The text of a file. UTF-8 with or without a byte order mark; everything else is refused by name.
pub fn decode(bytes: &[u8]) -> Result<&str, Box<Remark>> {
    let first = Place { line: 1, column: 1 };
    if bytes.len() > LONGEST_BYTES {
        return Err(Box::new(
            Remark::stops(first, format!("{} bytes", bytes.len()))
                .says(
                    format!(
                        "This file has {} bytes; a script has at most {LONGEST_BYTES}.",
                        bytes.len()
                    ),
                    format!(
                        "该文件有 {} 字节，脚本最多 {LONGEST_BYTES} 字节。",
                        bytes.len()
                    ),
                )
                .write(
                    "Name the script itself, not an archive or a log.",
                    "请指定脚本本身，而不是压缩包或日志。",
                ),
        ));
    }
    let order = match bytes {
        [0xff, 0xfe, ..] => Some(("FF FE", "UTF-16LE")),
        [0xfe, 0xff, ..] => Some(("FE FF", "UTF-16BE")),
        // No mark, but every second byte of plain text is NUL.
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Some(("", "UTF-16LE")),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some(("", "UTF-16BE")),
        _ => None,
    };
    if let Some((mark, name)) = order {
        return Err(Box::new(
            Remark::stops(first, mark)
                .says(
                    format!("This file is {name}, which no shell reads."),
                    format!("该文件编码为 {name}，shell 无法读取。"),
                )
                .write(
                    format!("Save it as UTF-8: iconv -f {name} -t UTF-8 train.sh > new.sh"),
                    format!("请保存为 UTF-8：iconv -f {name} -t UTF-8 train.sh > new.sh"),
                ),
        ));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let at = Place::of(std::str::from_utf8(good).unwrap_or_default(), good.len());
        let byte = bytes.get(good.len()).copied().unwrap_or_default();
        let remark = Remark::stops(at, format!("{byte:02X}"))
            .says(
                format!(
                    "Line {}, column {}: the byte {byte:02X} is not UTF-8.",
                    at.line, at.column
                ),
                format!(
                    "第 {} 行第 {} 列：字节 {byte:02X} 不是 UTF-8。",
                    at.line, at.column
                ),
            )
            .write(
                "Save the file as UTF-8 (from GBK: iconv -f GBK -t UTF-8 train.sh > new.sh).",
                "请将文件保存为 UTF-8（若为 GBK：iconv -f GBK -t UTF-8 train.sh > new.sh）。",
            );
        Box::new(remark)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_named() {
        let said = |bytes: &[u8]| decode(bytes).expect_err("refused");
        assert!(said(b"\xff\xfea\0b\0").text.en.contains("UTF-16LE"));
        assert!(said(b"\xfe\xff\0a\0b").text.en.contains("UTF-16BE"));
        assert!(said(b"m\0e\0g\0").text.en.contains("UTF-16LE"));
        let gbk = said(b"ok\n# \xc4\xe3");
        assert_eq!(
            (gbk.at, gbk.found.as_str()),
            (Place { line: 2, column: 3 }, "C4")
        );
        assert!(
            said(&vec![b'a'; LONGEST_BYTES + 1])
                .text
                .en
                .contains("bytes")
        );
        assert_eq!(decode("\u{feff}训练".as_bytes()), Ok("\u{feff}训练"));
        assert_eq!(decode(b""), Ok(""));
    }
}
