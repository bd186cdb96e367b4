//! Text as Python writes it: float and string literals, JSON with Python's separators, dates.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// `repr(float)`: the shortest digits that read back the same, in Python's choice of notation.
pub fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = value.to_string();
    if plain.contains('.') {
        plain
    } else {
        plain + ".0"
    }
}

/// `round(value, 8)`.
pub fn rounded(value: f64) -> f64 {
    format!("{value:.8}").parse().unwrap_or(value)
}

/// `'{:.6E}'.format(value)`
pub fn scientific(value: f64) -> String {
    if !value.is_finite() {
        return float(value).to_uppercase();
    }
    let text = format!("{value:.6E}");
    let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}E{sign}{:02}", exponent.abs())
}

/// `'{:.<places>f}'.format(value)`
pub fn fixed(value: f64, places: usize) -> String {
    if !value.is_finite() {
        return float(value);
    }
    format!("{value:.places$}")
}

/// A float as a value of a [`Dict`]. JSON values cannot hold what is not finite, so that is marked text, which is
/// written bare again: a loss that exploded has to look as it does in the real log.
pub fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(
        || Value::from(format!("{NOT_FINITE}{}", float(value))),
        Value::from,
    )
}

const NOT_FINITE: char = '\u{1}';

fn digits(value: &serde_json::Number) -> String {
    match value.is_f64() {
        true => float(value.as_f64().unwrap_or(f64::NAN)),
        false => value.to_string(),
    }
}

/// `repr()` of a JSON value.
pub fn repr(value: &Value) -> String {
    let join = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(value) => digits(value),
        Value::String(text) if text.starts_with(NOT_FINITE) => text[1..].to_owned(),
        Value::String(text) => {
            let quote = if text.contains('\'') && !text.contains('"') {
                '"'
            } else {
                '\''
            };
            let mut out = String::from(quote);
            for letter in text.chars() {
                match letter {
                    '\n' => out += "\\n",
                    '\t' => out += "\\t",
                    '\r' => out += "\\r",
                    '\\' => out += "\\\\",
                    letter if letter == quote => out.extend(['\\', letter]),
                    letter => out.push(letter),
                }
            }
            out.push(quote);
            out
        }
        Value::Array(items) => format!("[{}]", join(items.iter().map(repr).collect())),
        Value::Object(items) => {
            let pair = |(key, value): (&String, &Value)| {
                format!("{}: {}", repr(&Value::from(key.as_str())), repr(value))
            };
            format!("{{{}}}", join(items.iter().map(pair).collect()))
        }
    }
}

/// `ensure_ascii=True` applied to a text that is already JSON.
pub fn ascii(json: &str) -> String {
    let mut out = String::new();
    let mut units = [0; 2];
    for letter in json.chars() {
        match letter.is_ascii() {
            true => out.push(letter),
            false => {
                for unit in letter.encode_utf16(&mut units) {
                    out += &format!("\\u{unit:04x}");
                }
            }
        }
    }
    out
}

/// A Python dict: its keys stay in the order they were put in.
#[derive(Clone, Debug, Default)]
pub struct Dict(pub Vec<(String, Value)>);

impl Dict {
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.push((key.to_owned(), value.into()));
        self
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }

    /// `repr(dict)`
    pub fn repr(&self) -> String {
        let pair = |(key, value): &(String, Value)| {
            format!("{}: {}", repr(&Value::from(key.as_str())), repr(value))
        };
        format!(
            "{{{}}}",
            self.0.iter().map(pair).collect::<Vec<_>>().join(", ")
        )
    }

    /// `json.dumps(dict, ensure_ascii=False)`
    pub fn json(&self) -> String {
        let pair = |(key, value): &(String, Value)| {
            format!("{}: {}", Value::from(key.as_str()), json(value, None))
        };
        format!(
            "{{{}}}",
            self.0.iter().map(pair).collect::<Vec<_>>().join(", ")
        )
    }

    /// `json.dumps(dict, ensure_ascii=False, indent=2)`
    pub fn pretty(&self) -> String {
        let pair = |(key, value): &(String, Value)| {
            format!("  {}: {}", Value::from(key.as_str()), json(value, Some(1)))
        };
        format!(
            "{{\n{}\n}}",
            self.0.iter().map(pair).collect::<Vec<_>>().join(",\n")
        )
    }
}

fn json(value: &Value, depth: Option<usize>) -> String {
    let wrap = |open: char, parts: Vec<String>, close: char| match depth {
        _ if parts.is_empty() => format!("{open}{close}"),
        None => format!("{open}{}{close}", parts.join(", ")),
        Some(depth) => {
            let pad = "  ".repeat(depth + 1);
            let end = "  ".repeat(depth);
            format!(
                "{open}\n{pad}{}\n{end}{close}",
                parts.join(&format!(",\n{pad}"))
            )
        }
    };
    let deeper = depth.map(|depth| depth + 1);
    match value {
        Value::Number(value) => digits(value),
        Value::String(text) if text.starts_with(NOT_FINITE) => match &text[1..] {
            "nan" => "NaN".into(),
            infinite => infinite.replace("inf", "Infinity"),
        },
        Value::Array(items) => wrap(
            '[',
            items.iter().map(|item| json(item, deeper)).collect(),
            ']',
        ),
        Value::Object(items) => {
            let pair = |(key, value): (&String, &Value)| {
                format!("{}: {}", Value::from(key.as_str()), json(value, deeper))
            };
            wrap('{', items.iter().map(pair).collect(), '}')
        }
        other => other.to_string(),
    }
}

/// Date and time (UTC) in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub year: i64,
    pub month: u64,
    pub day: u64,
    pub hour: u64,
    pub minute: u64,
    pub second: u64,
    pub micros: u32,
}

impl Moment {
    pub fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self::at(since.as_secs(), since.subsec_micros())
    }

    /// From seconds since 1970: days are counted in eras of 400 years that begin in March.
    pub fn at(seconds: u64, micros: u32) -> Self {
        let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march = (5 * day_of_year + 2) / 153;
        let month = if march < 10 { march + 3 } else { march - 9 };
        Self {
            year: (era * 400 + year_of_era) as i64 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * march + 2) / 5 + 1,
            hour: rest / 3_600,
            minute: rest / 60 % 60,
            second: rest % 60,
            micros,
        }
    }

    /// `2026-11-23 23:42:58.358745`
    pub fn long(&self) -> String {
        format!("{} {}.{:06}", self.date(), self.time(), self.micros)
    }

    pub fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    pub fn time(&self) -> String {
        format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }

    /// `20261123-234257`, the tail of a run folder.
    pub fn folder(&self) -> String {
        format!(
            "{}-{}",
            self.date().replace('-', ""),
            self.time().replace(':', "")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let cases = [
            (0.0001, "0.0001"),
            (0.00005, "5e-05"),
            (1.5e-7, "1.5e-07"),
            (15.0, "15.0"),
            (1e16, "1e+16"),
            (0.0, "0.0"),
        ];
        for (value, text) in cases {
            assert_eq!(float(value), text);
        }
        assert_eq!(
            repr(&json!({"a": [1, 2.0, null, "it's"], "b": true})),
            r#"{'a': [1, 2.0, None, "it's"], 'b': True}"#
        );
    }

    #[test]
    fn numbers_are_formatted_as_megatron_asks() {
        assert_eq!(scientific(9.5e-5), "9.500000E-05");
        assert_eq!(scientific(1.234567), "1.234567E+00");
        assert_eq!(scientific(f64::NAN), "NAN");
        assert_eq!(
            (fixed(0.5119, 3).as_str(), fixed(f64::INFINITY, 3).as_str()),
            ("0.512", "inf")
        );
    }

    #[test]
    fn json_has_pythons_separators_and_escapes() {
        let dict = Dict::default()
            .with("role", "user")
            .with("content", json!(["你", 1e-5]));
        assert_eq!(dict.json(), r#"{"role": "user", "content": ["你", 1e-05]}"#);
        assert_eq!(
            dict.pretty(),
            "{\n  \"role\": \"user\",\n  \"content\": [\n    \"你\",\n    1e-05\n  ]\n}"
        );
        assert_eq!(dict.repr(), "{'role': 'user', 'content': ['你', 1e-05]}");
        let exploded = Dict::default()
            .with("loss", number(f64::NAN))
            .with("grad_norm", number(f64::INFINITY));
        assert_eq!(exploded.repr(), "{'loss': nan, 'grad_norm': inf}");
        assert_eq!(exploded.json(), r#"{"loss": NaN, "grad_norm": Infinity}"#);
        assert_eq!(ascii(r#"{"a":"你🚂"}"#), r#"{"a":"\u4f60\ud83d\ude82"}"#);
    }

    #[test]
    fn moments_are_dates_also_on_leap_days() {
        assert_eq!(
            Moment::at(1_795_477_377, 358_745).long(),
            "2026-11-23 23:42:57.358745"
        );
        assert_eq!(Moment::at(1_709_164_800, 0).folder(), "20240229-000000");
    }
}
