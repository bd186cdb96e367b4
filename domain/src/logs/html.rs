//! Lines as HTML: text that is escaped, in elements whose classes say how it looks. Nothing of a log becomes markup.

use std::fmt::Write;
use std::ops::Range;

use super::Line;
use super::ansi::{self, Plain, Style};

/// One `<p>` a line. Its id is `b` and the offset, `data-n` the line's number where it is known, `data-h` how many earlier states of a
/// progress bar are hidden, `data-c` says that the line began earlier. Inside, `<b class='f1 b'>` carries a style: `f0`–`f15` and
/// `g0`–`g15` are the sixteen colours for text and ground, `b d i u s r` bold, dim, italic, underlined, struck, reversed. `<mark>` is
/// what `found` answers for the plain text, in byte ranges.
pub fn html(
    lines: &[Line<'_>],
    newlines_before: Option<u64>,
    is_continued: bool,
    found: &dyn Fn(&str) -> Vec<Range<usize>>,
) -> String {
    let mut html = String::with_capacity(lines.iter().map(|line| line.bytes.len() + 40).sum());
    let mut style = Style::default();
    for (at, line) in lines.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(html, "<p id=b{}", line.offset);
        if let Some(before) = newlines_before {
            let _ = write!(html, " data-n={}", before + line.newlines + 1);
        }
        if line.hidden > 0 {
            let _ = write!(html, " data-h={}", line.hidden);
        }
        if is_continued && at == 0 {
            html.push_str(" data-c");
        }
        html.push('>');
        let plain = ansi::read(line.bytes, &mut style);
        let marks = found(&plain.text);
        write_text(&mut html, &plain, &marks);
        html.push_str("</p>");
    }
    html
}

fn write_text(html: &mut String, plain: &Plain, marks: &[Range<usize>]) {
    let text = &plain.text;
    let (mut runs, mut marks) = (plain.runs.iter().peekable(), marks.iter().peekable());
    let mut at = 0;
    let mut style = Style::default();
    while at < text.len() {
        while let Some((_, next)) = runs.next_if(|(begin, _)| *begin <= at) {
            style = *next;
        }
        while marks.next_if(|mark| mark.end <= at).is_some() {}
        let run_end = runs.peek().map_or(text.len(), |(begin, _)| *begin);
        let (is_marked, mark_end) = match marks.peek() {
            Some(mark) if mark.start <= at => (true, mark.end),
            Some(mark) => (false, mark.start),
            None => (false, text.len()),
        };
        let mut end = run_end.min(mark_end).min(text.len());
        // A range that cuts a character says nothing about where the character belongs.
        while !text.is_char_boundary(end) {
            end += 1;
        }
        let classes = classes(&style);
        if is_marked {
            html.push_str("<mark>");
        }
        if !classes.is_empty() {
            let _ = write!(html, "<b class='{}'>", classes.trim_end());
        }
        escape(html, &text[at..end]);
        if !classes.is_empty() {
            html.push_str("</b>");
        }
        if is_marked {
            html.push_str("</mark>");
        }
        at = end;
    }
}

fn classes(style: &Style) -> String {
    let mut classes = String::new();
    if let Some(front) = style.front {
        let _ = write!(classes, "f{front} ");
    }
    if let Some(back) = style.back {
        let _ = write!(classes, "g{back} ");
    }
    for (is_so, class) in [
        (style.is_bold, "b "),
        (style.is_dim, "d "),
        (style.is_italic, "i "),
        (style.is_underlined, "u "),
        (style.is_struck, "s "),
        (style.is_reversed, "r "),
    ] {
        if is_so {
            classes.push_str(class);
        }
    }
    classes
}

fn escape(html: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            c => html.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::lines;
    use super::*;

    fn shown(bytes: &[u8], found: &dyn Fn(&str) -> Vec<Range<usize>>) -> String {
        html(&lines(bytes, 7, false, None), Some(41), false, found)
    }

    #[test]
    fn a_line_has_its_offset_number_style_and_marks() {
        assert_eq!(
            shown(b"a <b> & \x1b[1;31mloss\x1b[0m 1\nx\n", &|text| text
                .match_indices("ss 1")
                .map(|(at, word)| at..at + word.len())
                .collect()),
            "<p id=b7 data-n=42>a &lt;b&gt; &amp; <b class='f1 b'>lo</b><mark><b class='f1 b'>ss</b></mark><mark> 1</mark></p>\
             <p id=b33 data-n=43>x</p>"
        );
        assert_eq!(
            html(&lines(b"1\r2", 0, false, None), None, true, &|_| Vec::new()),
            "<p id=b2 data-h=1 data-c>2</p>"
        );
    }

    /// The text that a browser would show, if the markup is only what it may be.
    fn text_of(html: &str) -> Option<String> {
        let (mut text, mut rest) = (String::new(), html);
        while let Some(c) = rest.chars().next() {
            if c == '<' {
                let end = rest.find('>')?;
                let tag = &rest[1..end];
                let known = matches!(tag, "/p" | "/b" | "mark" | "/mark")
                    || tag.strip_prefix("b class='").is_some_and(|classes| {
                        classes.ends_with('\'')
                            && classes[..classes.len() - 1]
                                .bytes()
                                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b' ')
                    })
                    || tag.strip_prefix("p id=b").is_some_and(|rest| {
                        rest.bytes()
                            .all(|b| b.is_ascii_digit() || b" data-nhc=".contains(&b))
                    });
                if !known {
                    return None;
                }
                if tag == "/p" {
                    text.push('\n');
                }
                rest = &rest[end + 1..];
            } else {
                text.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        Some(
            text.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&"),
        )
    }

    proptest! {
        #[test]
        fn no_byte_of_a_log_becomes_markup(
            bytes in proptest::collection::vec(prop_oneof![
                Just(b"\x1b[".to_vec()), Just(b"\x1b]8;;".to_vec()), Just(b"</p><script>".to_vec()), Just(b"38;5;9m".to_vec()),
                Just(b"\r".to_vec()), Just(b"\n".to_vec()), Just(b"'\"&".to_vec()), proptest::collection::vec(any::<u8>(), 0..6),
            ], 0..30),
            marks in proptest::collection::vec((0usize..60, 0usize..9), 0..4),
        ) {
            let bytes: Vec<u8> = bytes.concat();
            let mut marks: Vec<Range<usize>> = marks.into_iter().map(|(at, length)| at..at + length).collect();
            marks.sort_by_key(|mark| mark.start);
            let lines = lines(&bytes, 0, true, None);
            let html = html(&lines, Some(0), false, &|_| marks.clone());
            let text = text_of(&html);
            let mut style = Style::default();
            let plain: String = lines.iter().map(|line| ansi::read(line.bytes, &mut style).text + "\n").collect();
            prop_assert_eq!(text, Some(plain));
        }
    }
}
