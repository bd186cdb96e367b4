//! Terminal escapes: colours become styles, everything else that steers a terminal is taken out (ECMA-48; SGR also as xterm has it).

/// Looks of some text. Colours are the sixteen of a terminal: a theme says what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Style {
    pub front: Option<u8>,
    pub back: Option<u8>,
    pub is_bold: bool,
    pub is_dim: bool,
    pub is_italic: bool,
    pub is_underlined: bool,
    pub is_struck: bool,
    pub is_reversed: bool,
}

/// A line without its escapes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plain {
    pub text: String,
    /// (where it begins in `text`, style), ascending; before the first one the default.
    pub runs: Vec<(usize, Style)>,
}

/// Reads a line; `style` is carried from line to line. What is no UTF-8 becomes U+FFFD, control characters become pictures.
pub(super) fn read(line: &[u8], style: &mut Style) -> Plain {
    let decoded = String::from_utf8_lossy(line);
    let mut plain = Plain::default();
    if *style != Style::default() {
        plain.runs.push((0, *style));
    }
    let mut rest = &*decoded;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = after;
        match c {
            '\u{1b}' => {
                let (length, sgr) = escape(after);
                if length == 0 {
                    plain.text.push('␛');
                }
                if let Some(parameters) = sgr {
                    apply(parameters, style);
                    plain.runs.push((plain.text.len(), *style));
                }
                rest = &after[length..];
            }
            '\t' => plain.text.push('\t'),
            // Bell and backspace show nothing on a terminal either.
            '\u{7}' | '\u{8}' => {}
            '\0'..='\u{1f}' => plain.text.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => plain.text.push('␡'),
            '\u{80}'..='\u{9f}' => plain.text.push(char::REPLACEMENT_CHARACTER),
            c => plain.text.push(c),
        }
    }
    plain
}

/// Length of the escape sequence that follows ESC, and its parameters if it sets colours. 0: none begins here.
fn escape(after: &str) -> (usize, Option<&str>) {
    let bytes = after.as_bytes();
    let run = |from: usize, is_in: &dyn Fn(u8) -> bool| {
        bytes[from..]
            .iter()
            .take_while(|byte| is_in(**byte))
            .count()
    };
    let is_between = |byte: u8| (0x20..=0x2f).contains(&byte);
    match bytes.first() {
        Some(b'[') => {
            let parameters = 1 + run(1, &|byte| (0x30..=0x3f).contains(&byte));
            let end = parameters + run(parameters, &is_between);
            match bytes.get(end) {
                Some(b'm')
                    if end == parameters && !after[1..end].starts_with(['<', '=', '>', '?']) =>
                {
                    (end + 1, Some(&after[1..end]))
                }
                Some(0x40..=0x7e) => (end + 1, None),
                // Cut off by the end of the line.
                None => (end, None),
                Some(_) => (0, None),
            }
        }
        // Texts for the terminal itself (titles, links): to BEL or ST. One without an end must not swallow the line.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => match after.find(['\u{7}', '\u{1b}']) {
            Some(end) if bytes[end] == 7 => (end + 1, None),
            Some(end) if bytes.get(end + 1) == Some(&b'\\') => (end + 2, None),
            _ => (0, None),
        },
        Some(byte) if is_between(*byte) => {
            let end = run(0, &is_between);
            match bytes.get(end) {
                Some(0x30..=0x7e) => (end + 1, None),
                _ => (0, None),
            }
        }
        Some(0x30..=0x7e) => (1, None),
        _ => (0, None),
    }
}

fn apply(parameters: &str, style: &mut Style) {
    let mut numbers = parameters.split([';', ':']).map(|number| match number {
        "" => Some(0),
        number => number.parse::<u16>().ok(),
    });
    while let Some(number) = numbers.next() {
        let Some(number) = number else { continue };
        match number {
            0 => *style = Style::default(),
            1 => style.is_bold = true,
            2 => style.is_dim = true,
            3 => style.is_italic = true,
            4 | 21 => style.is_underlined = true,
            7 => style.is_reversed = true,
            9 => style.is_struck = true,
            22 => (style.is_bold, style.is_dim) = (false, false),
            23 => style.is_italic = false,
            24 => style.is_underlined = false,
            27 => style.is_reversed = false,
            29 => style.is_struck = false,
            30..=37 => style.front = Some((number - 30) as u8),
            38 => style.front = extended(&mut numbers).or(style.front),
            39 => style.front = None,
            40..=47 => style.back = Some((number - 40) as u8),
            48 => style.back = extended(&mut numbers).or(style.back),
            49 => style.back = None,
            90..=97 => style.front = Some((number - 82) as u8),
            100..=107 => style.back = Some((number - 92) as u8),
            _ => {}
        }
    }
}

/// `5;n` of 256 colours, or `2;r;g;b`: the nearest of the sixteen, so that a theme keeps it readable.
fn extended(numbers: &mut impl Iterator<Item = Option<u16>>) -> Option<u8> {
    let mut byte = || numbers.next().flatten().and_then(|n| u8::try_from(n).ok());
    match byte()? {
        5 => match byte()? {
            index @ 0..=15 => Some(index),
            index @ 16..=231 => {
                let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
                let at = index - 16;
                Some(nearest([level(at / 36), level(at / 6 % 6), level(at % 6)]))
            }
            index => {
                let grey = 8 + 10 * (index - 232);
                Some(nearest([grey; 3]))
            }
        },
        2 => Some(nearest([byte()?, byte()?, byte()?])),
        _ => None,
    }
}

/// xterm's sixteen.
const SIXTEEN: [[u8; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

fn nearest(colour: [u8; 3]) -> u8 {
    let distance = |of: &[u8; 3]| -> u32 {
        of.iter()
            .zip(colour)
            .map(|(a, b)| u32::from(a.abs_diff(b)).pow(2))
            .sum()
    };
    (0u8..)
        .zip(&SIXTEEN)
        .min_by_key(|(_, of)| distance(of))
        .map_or(7, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: &str) -> Plain {
        read(line.as_bytes(), &mut Style::default())
    }

    fn front(sgr: &str) -> Option<u8> {
        let mut style = Style::default();
        apply(sgr, &mut style);
        style.front
    }

    #[test]
    fn colours_of_all_three_kinds_become_one_of_sixteen() {
        assert_eq!(front("31"), Some(1));
        assert_eq!(front("1;92"), Some(10));
        assert_eq!(front("38;5;196"), Some(9));
        assert_eq!(front("38;5;3"), Some(3));
        assert_eq!(front("38;5;244"), Some(8));
        assert_eq!(front("38;2;200;10;5"), Some(1));
        assert_eq!(front("38:2:0:200:10"), Some(2));
        assert_eq!(front("31;39"), None);
        assert_eq!(front("31;"), None);
        assert_eq!(front("38;5"), None);
        assert_eq!(front("31;38;5;999"), Some(1));
    }

    #[test]
    fn a_style_goes_on_until_it_is_reset() {
        let mut style = Style::default();
        let line = read(b"a\x1b[1;31mb", &mut style);
        assert_eq!(
            (line.text.as_str(), line.runs.len(), line.runs[0].0),
            ("ab", 1, 1)
        );
        let next = read(b"c\x1b[md", &mut style);
        assert_eq!(next.runs[0].0, 0);
        assert!(next.runs[0].1.is_bold);
        assert_eq!(next.runs[1], (1, Style::default()));
    }

    #[test]
    fn what_steers_a_terminal_is_taken_out_and_nothing_else_is_lost() {
        for (line, text) in [
            ("\x1b[2K\x1b[1Aup\x1b[?25l", "up"),
            ("\x1b]0;a title\x07shown", "shown"),
            ("\x1b]8;;http://host/\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1b]0;without end", "␛]0;without end"),
            ("\x1b(Bascii\x1b7", "ascii"),
            ("cut \x1b[38;5", "cut "),
            ("\x1b[1é", "␛[1é"),
            ("a\x08b\x07c\x00d\x7f", "abc␀d␡"),
            ("tab\tkept", "tab\tkept"),
            ("损失 😀", "损失 😀"),
        ] {
            assert_eq!(plain(line).text, text, "{line:?}");
        }
        assert_eq!(read(b"a\xffb", &mut Style::default()).text, "a\u{fffd}b");
    }
}
