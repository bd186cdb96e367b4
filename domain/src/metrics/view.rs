//! How a person looks at the charts of an experiment: all of it stands in the page's address, so that a link shows the same.

use super::{Attempts, Smoothing, XAxis};

/// Axes, smoothing, zoom, search, and which chart is open large.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartView {
    pub x: XAxis,
    /// The part of the axis that is shown, in its unit; None: all of it.
    pub range: Option<(f64, f64)>,
    pub smoothing: Smoothing,
    pub log_x: bool,
    pub log_y: bool,
    /// Only the typical values decide the height of a chart.
    pub hides_outliers: bool,
    /// The span between the lowest and highest value of each pixel as a band.
    pub has_band: bool,
    pub attempts: Attempts,
    pub search: String,
    pub is_regex: bool,
    /// Name of the series whose chart is open alone.
    pub large: Option<String>,
    /// Each chart has a cursor and a range of its own.
    pub is_apart: bool,
}

impl Default for ChartView {
    fn default() -> ChartView {
        ChartView {
            x: XAxis::Step,
            range: None,
            smoothing: Smoothing::Ema { weight: 0.6 },
            log_x: false,
            log_y: false,
            hides_outliers: false,
            has_band: false,
            attempts: Attempts::Each,
            search: String::new(),
            is_regex: false,
            large: None,
            is_apart: false,
        }
    }
}

/// The words of an address that are ours.
pub const KEYS: [&str; 11] = [
    "x", "range", "smooth", "log", "outliers", "band", "attempt", "q", "regex", "chart", "apart",
];

impl ChartView {
    /// Reads an address; a word that is missing or cannot be read means the usual.
    pub fn read(word: impl Fn(&str) -> Option<String>) -> ChartView {
        let usual = ChartView::default();
        let is_on = |key: &str| word(key).is_some_and(|value| value == "1");
        let log = word("log").unwrap_or_default();
        ChartView {
            x: word("x").and_then(|x| read_axis(&x)).unwrap_or(usual.x),
            range: word("range").and_then(|range| read_range(&range)),
            smoothing: word("smooth")
                .and_then(|smoothing| read_smoothing(&smoothing))
                .unwrap_or(usual.smoothing),
            log_x: log.contains('x'),
            log_y: log.contains('y'),
            hides_outliers: word("outliers").is_some_and(|value| value == "0"),
            has_band: is_on("band"),
            attempts: word("attempt")
                .and_then(|attempt| read_attempts(&attempt))
                .unwrap_or(usual.attempts),
            search: word("q").unwrap_or_default(),
            is_regex: is_on("regex"),
            large: word("chart").filter(|name| !name.is_empty()),
            is_apart: is_on("apart"),
        }
    }

    /// The words of the address, None for each that would say the usual; in the order of [`KEYS`].
    pub fn words(&self) -> [Option<String>; 11] {
        let usual = ChartView::default();
        let on = |is: bool| is.then(|| "1".to_owned());
        let log = [(self.log_x, "x"), (self.log_y, "y")];
        let log: String = log.iter().filter(|(is, _)| *is).map(|(_, w)| *w).collect();
        [
            (self.x != usual.x).then(|| axis_word(&self.x)),
            self.range.map(range_word),
            (self.smoothing != usual.smoothing).then(|| smoothing_word(self.smoothing)),
            (!log.is_empty()).then_some(log),
            self.hides_outliers.then(|| "0".to_owned()),
            on(self.has_band),
            (self.attempts != usual.attempts).then(|| attempts_word(self.attempts)),
            (!self.search.is_empty()).then(|| self.search.clone()),
            on(self.is_regex),
            self.large.clone(),
            on(self.is_apart),
        ]
    }
}

/// An axis as an address and a choice name it: `step`, `relative`, `wall`, `samples`, or `by:` and the name of a series.
pub fn axis_word(axis: &XAxis) -> String {
    match axis {
        XAxis::Step => "step".to_owned(),
        XAxis::Relative => "relative".to_owned(),
        XAxis::Wall => "wall".to_owned(),
        XAxis::Samples => "samples".to_owned(),
        XAxis::Series(name) => format!("by:{name}"),
    }
}

pub fn read_axis(word: &str) -> Option<XAxis> {
    match word {
        "step" => Some(XAxis::Step),
        "relative" => Some(XAxis::Relative),
        "wall" => Some(XAxis::Wall),
        "samples" => Some(XAxis::Samples),
        _ => Some(XAxis::Series(word.strip_prefix("by:")?.to_owned())),
    }
}

/// `each`, `newest`, `merged`, or a number.
pub fn attempts_word(attempts: Attempts) -> String {
    match attempts {
        Attempts::Newest => "newest".to_owned(),
        Attempts::One(number) => number.to_string(),
        Attempts::Each => "each".to_owned(),
        Attempts::Merged => "merged".to_owned(),
    }
}

pub fn read_attempts(word: &str) -> Option<Attempts> {
    match word {
        "newest" => Some(Attempts::Newest),
        "each" => Some(Attempts::Each),
        "merged" => Some(Attempts::Merged),
        number => number.parse().ok().map(Attempts::One),
    }
}

/// `none`, `ema:0.6`, `time:0.6`, `gauss:5`, `mean:20`.
pub fn smoothing_word(smoothing: Smoothing) -> String {
    let (kind, amount) = parts(smoothing);
    match amount {
        Some(amount) => format!("{kind}:{amount}"),
        None => kind.to_owned(),
    }
}

fn read_smoothing(word: &str) -> Option<Smoothing> {
    let (kind, amount) = word.split_once(':').unwrap_or((word, ""));
    of_parts(kind, amount.parse().ok())
}

/// The kind of a smoothing, and how strong it is in the unit of the kind.
pub fn parts(smoothing: Smoothing) -> (&'static str, Option<f64>) {
    match smoothing {
        Smoothing::None => ("none", None),
        Smoothing::Ema { weight } => ("ema", Some(weight)),
        Smoothing::TimeWeighted { weight } => ("time", Some(weight)),
        Smoothing::Gaussian { deviation } => ("gauss", Some(deviation)),
        Smoothing::Running { window } => ("mean", Some(f64::from(window))),
    }
}

/// A smoothing of a kind; without an amount, or with one that is none, as strong as is usual for the kind.
pub fn of_parts(kind: &str, amount: Option<f64>) -> Option<Smoothing> {
    let amount = amount.filter(|amount| amount.is_finite());
    let weight = amount.unwrap_or(0.6).clamp(0.0, 0.999);
    Some(match kind {
        "none" => Smoothing::None,
        "ema" => Smoothing::Ema { weight },
        "time" => Smoothing::TimeWeighted { weight },
        "gauss" => Smoothing::Gaussian {
            deviation: amount.unwrap_or(5.0).clamp(0.5, 500.0),
        },
        "mean" => Smoothing::Running {
            window: amount.unwrap_or(20.0).clamp(2.0, 2000.0) as u32,
        },
        _ => return None,
    })
}

/// Both ends with the digits that a pixel of ten thousand needs.
fn range_word((from, to): (f64, f64)) -> String {
    let digits = (4.0 - (to - from).log10().floor()).clamp(0.0, 15.0) as usize;
    let short = |end: f64| {
        let text = format!("{end:.digits$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    };
    format!("{}..{}", short(from), short(to))
}

fn read_range(word: &str) -> Option<(f64, f64)> {
    let (from, to) = word.split_once("..")?;
    let (from, to): (f64, f64) = (from.parse().ok()?, to.parse().ok()?);
    (from.is_finite() && to.is_finite() && from < to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn again(view: &ChartView) -> ChartView {
        let words = view.words();
        ChartView::read(|key| {
            let at = KEYS.iter().position(|known| *known == key)?;
            words[at].clone()
        })
    }

    #[test]
    fn the_usual_view_leaves_the_address_alone() {
        assert!(ChartView::default().words().iter().all(Option::is_none));
        assert_eq!(ChartView::read(|_| None), ChartView::default());
    }

    #[test]
    fn what_cannot_be_read_is_the_usual() {
        for nonsense in [
            "", "1..", "NaN..2", "9..1", "inf..inf", "by", "ema:x:y", "-3", "🦀",
        ] {
            let read = ChartView::read(|_| Some(nonsense.to_owned()));
            assert_eq!(read.range, None);
            assert_eq!(read.x, XAxis::Step);
        }
        // An amount that is none is the usual of its kind.
        assert_eq!(
            read_smoothing("ema:x"),
            Some(Smoothing::Ema { weight: 0.6 })
        );
        assert_eq!(
            read_smoothing("gauss:1e9"),
            Some(Smoothing::Gaussian { deviation: 500.0 })
        );
    }

    proptest! {
        #[test]
        fn a_link_shows_the_same(
            from in -1_000_000_i32..1_000_000, span in 1_i32..4000, flags in 0_u8..128, kind in 0_usize..5, axis in 0_usize..5,
            attempts in 0_u32..6, search in ".{0,20}", name in ".{1,20}",
        ) {
            let on = |bit: u8| flags & (1 << bit) != 0;
            let view = ChartView {
                x: [XAxis::Step, XAxis::Relative, XAxis::Wall, XAxis::Samples, XAxis::Series(name.clone())][axis].clone(),
                range: on(0).then_some((f64::from(from), f64::from(from) + f64::from(span) / 4.0)),
                smoothing: [Smoothing::None, Smoothing::Ema { weight: 0.25 }, Smoothing::TimeWeighted { weight: 0.9 },
                    Smoothing::Gaussian { deviation: 2.5 }, Smoothing::Running { window: 7 }][kind],
                log_x: on(1), log_y: on(2), hides_outliers: on(3), has_band: on(4), is_regex: on(5), is_apart: on(6),
                attempts: match attempts { 0 => Attempts::Newest, 1 => Attempts::Each, 2 => Attempts::Merged, n => Attempts::One(n) },
                search, large: Some(name),
            };
            prop_assert_eq!(again(&view), view);
        }
    }
}
