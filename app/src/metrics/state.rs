//! What the charts of a page share: the view, the cursor, the arrangement, and the points held for each chart.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::metrics::layout::{Catalog, Layout};
use domain::metrics::ticks::Scale;
use domain::metrics::view::ChartView;
use domain::metrics::{Drawn, XAxis};
use leptos::prelude::*;

use super::drawing::{Line, Picture};
use super::names;
use crate::error::AppError;

/// The points of one chart that the browser has, so that a zoom is drawn before the finer ones arrive.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Held {
    /// In the unit of this axis.
    pub x: XAxis,
    /// All of the axis, coarse.
    pub whole: Arc<Vec<Drawn>>,
    /// A part of the axis, finer.
    pub near: Option<(f64, f64, Arc<Vec<Drawn>>)>,
}

impl Held {
    /// The finest points that cover what is shown.
    pub fn lines(&self, range: Option<(f64, f64)>) -> Arc<Vec<Drawn>> {
        match (range, &self.near) {
            (Some((from, to)), Some((low, high, near)))
                if *low <= from && to <= *high || self.whole.is_empty() =>
            {
                near.clone()
            }
            _ => self.whole.clone(),
        }
    }

    /// Takes an answer for a range of an axis.
    pub fn take(&mut self, x: &XAxis, range: Option<(f64, f64)>, lines: Vec<Drawn>) {
        if self.x != *x {
            *self = Held {
                x: x.clone(),
                ..Held::default()
            };
        }
        match range {
            None => self.whole = Arc::new(lines),
            Some((from, to)) => self.near = Some((from, to, Arc::new(lines))),
        }
    }
}

/// Where the cursor is: a place along the axis, and the chart whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    pub x: f64,
    pub chart: Arc<str>,
}

/// Shared by all charts of a panel.
#[derive(Clone, Copy)]
pub struct Panel {
    pub experiment: StoredValue<String>,
    pub view: RwSignal<ChartView>,
    /// The view without what only chooses charts: what each chart is drawn by.
    pub looks: Memo<ChartView>,
    pub cursor: RwSignal<Option<Cursor>>,
    pub catalog: Memo<Catalog>,
    pub layout: RwSignal<Layout>,
    /// Charts in sight.
    pub seen: RwSignal<BTreeSet<String>>,
    held: StoredValue<HashMap<String, ArcRwSignal<Held>>>,
    /// Ranges of charts that have one of their own.
    pub own: RwSignal<HashMap<String, (f64, f64)>>,
    /// Device pixels of the widest chart that was drawn.
    pub width_px: RwSignal<u32>,
    /// Why the newest points could not be read; what is drawn is older.
    pub problem: RwSignal<Option<AppError>>,
    /// Rises when somebody wants it tried again.
    pub tries: RwSignal<u32>,
    /// Why the arrangement could not be kept.
    pub unkept: RwSignal<Option<AppError>>,
    /// The chart that is being dragged to another place.
    pub dragged: RwSignal<Option<String>>,
}

impl Panel {
    pub fn new(
        experiment: String,
        view: RwSignal<ChartView>,
        catalog: Signal<Catalog>,
        first: Vec<Drawn>,
    ) -> Panel {
        let panel = Panel {
            experiment: StoredValue::new(experiment),
            view,
            looks: Memo::new(move |_| {
                view.with(|view| ChartView {
                    search: String::new(),
                    is_regex: false,
                    large: None,
                    ..view.clone()
                })
            }),
            cursor: RwSignal::new(None),
            catalog: Memo::new(move |_| catalog.get()),
            layout: RwSignal::new(catalog.with_untracked(|catalog| catalog.layout.clone())),
            seen: RwSignal::new(BTreeSet::new()),
            held: StoredValue::new(HashMap::new()),
            own: RwSignal::new(HashMap::new()),
            width_px: RwSignal::new(0),
            problem: RwSignal::new(None),
            tries: RwSignal::new(0),
            unkept: RwSignal::new(None),
            dragged: RwSignal::new(None),
        };
        let view = panel.view.get_untracked();
        let mut by_name: HashMap<String, Vec<Drawn>> = HashMap::new();
        for drawn in first {
            by_name
                .entry(drawn.key.name.clone())
                .or_default()
                .push(drawn);
        }
        for (name, lines) in by_name {
            panel.take(&name, &view.x, view.range, lines);
        }
        panel
    }

    /// The points of a chart; empty until they are read.
    pub fn held(&self, name: &str) -> ArcRwSignal<Held> {
        let known = self.held.with_value(|held| held.get(name).cloned());
        known.unwrap_or_else(|| {
            let fresh = ArcRwSignal::new(Held::default());
            self.held.update_value(|held| {
                held.insert(name.to_owned(), fresh.clone());
            });
            fresh
        })
    }

    /// Takes an answer for a chart; one that says nothing new moves nothing.
    pub fn take(&self, name: &str, x: &XAxis, range: Option<(f64, f64)>, lines: Vec<Drawn>) {
        let held = self.held(name);
        let mut next = held.get_untracked();
        next.take(x, range, lines);
        if held.with_untracked(|before| *before != next) {
            held.set(next);
        }
    }

    /// What a chart shows of the axis.
    pub fn range(&self, name: &str) -> Option<(f64, f64)> {
        match self.looks.with(|looks| (looks.is_apart, looks.range)) {
            (true, _) => self.own.with(|own| own.get(name).copied()),
            (false, range) => range,
        }
    }

    /// Shows a part of the axis, None: all of it; on one chart or on all.
    pub fn zoom(&self, name: &str, range: Option<(f64, f64)>) {
        if self.view.with_untracked(|view| view.is_apart) {
            self.own.update(|own| {
                match range {
                    Some(range) => own.insert(name.to_owned(), range),
                    None => own.remove(name),
                };
            });
        } else {
            self.view.update(|view| view.range = range);
        }
    }

    /// Where the cursor of a chart is.
    pub fn cursor_of(&self, name: &str) -> Option<f64> {
        let is_apart = self.looks.with(|looks| looks.is_apart);
        self.cursor.with(|cursor| {
            let cursor = cursor.as_ref()?;
            (!is_apart || &*cursor.chart == name).then_some(cursor.x)
        })
    }

    /// Opens a chart alone; None: all of them again.
    pub fn open(&self, name: Option<String>) {
        self.view.update(|view| view.large = name);
    }

    /// Changes the arrangement; it is kept on the server by the panel.
    pub fn arrange(&self, change: impl FnOnce(&mut Layout)) {
        self.layout.update(change);
    }
}

/// How an axis is spread.
pub fn scale(x: &XAxis, is_log: bool) -> Scale {
    match x {
        _ if is_log => Scale::Log,
        XAxis::Relative => Scale::Duration,
        XAxis::Wall => Scale::Moment,
        _ => Scale::Number,
    }
}

/// The picture of what is held; `colours` are the keys in the order of the palette, `first` the colour of the first.
pub fn picture<'a>(
    held: &Held,
    lines: &'a [Drawn],
    looks: &ChartView,
    range: Option<(f64, f64)>,
    experiment: &str,
) -> Picture<'a> {
    let newest = lines.iter().map(|drawn| drawn.attempt).max();
    let first = names::colour(experiment);
    let keys: BTreeSet<_> = lines.iter().map(|drawn| &drawn.key).collect();
    let colour_of =
        |drawn: &Drawn| first + keys.iter().position(|key| **key == drawn.key).unwrap_or(0);
    Picture {
        lines: lines
            .iter()
            .map(|drawn| Line {
                drawn,
                colour: colour_of(drawn) % 10,
                is_old: Some(drawn.attempt) != newest,
            })
            .collect(),
        // Until points along a new axis are there, the old ones are shown along theirs.
        x_scale: scale(&held.x, looks.log_x),
        y_scale: if looks.log_y {
            Scale::Log
        } else {
            Scale::Number
        },
        range: range.filter(|_| held.x == looks.x),
        hides_outliers: looks.hides_outliers,
        has_band: looks.has_band,
    }
}

/// The lines of a chart as an SVG of its own, looked at as the words of an address say.
#[cfg(feature = "ssr")]
pub fn picture_file(
    experiment: &str,
    lines: Vec<Drawn>,
    words: &[Option<String>],
    size: (u32, u32),
) -> String {
    use domain::metrics::view::KEYS;
    let word = |key: &str| {
        words
            .get(KEYS.iter().position(|known| *known == key)?)?
            .clone()
    };
    let looks = ChartView::read(word);
    let mut held = Held::default();
    held.take(&looks.x, None, lines);
    let size = (size.0.clamp(200, 4000), size.1.clamp(100, 4000));
    super::drawing::svg(
        &picture(&held, &held.whole, &looks, looks.range, experiment),
        size,
        super::drawing::Theme::Light,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: u64) -> Vec<Drawn> {
        vec![Drawn {
            count,
            ..Drawn::default()
        }]
    }

    #[test]
    fn the_finest_points_that_cover_the_view_are_shown() {
        let mut held = Held::default();
        held.take(&XAxis::Step, None, lines(1));
        held.take(&XAxis::Step, Some((10.0, 20.0)), lines(2));
        assert_eq!(held.lines(None)[0].count, 1);
        assert_eq!(held.lines(Some((12.0, 18.0)))[0].count, 2);
        assert_eq!(held.lines(Some((5.0, 18.0)))[0].count, 1);
    }

    #[test]
    fn points_along_another_axis_replace_all_that_were_held() {
        let mut held = Held::default();
        held.take(&XAxis::Step, None, lines(1));
        held.take(&XAxis::Wall, Some((1.0, 2.0)), lines(2));
        assert_eq!(held.x, XAxis::Wall);
        assert!(held.whole.is_empty());
        assert_eq!(
            held.lines(Some((0.0, 9.0)))[0].count,
            2,
            "better than nothing"
        );
    }
}
