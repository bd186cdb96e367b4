//! Reads points for the charts in sight: one question at a time, the next as soon as it is answered.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::metrics::layout::Catalog;
use domain::metrics::view::ChartView;
use domain::metrics::{DrawRequest, Drawn, Labels, SeriesKey};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::server_fns::draw_series;
use super::state::Panel;
use crate::browser;

/// Points for this much more on either side, in shares of what is shown: a pan does not run out of them at once.
const MARGIN: f64 = 0.5;

/// What a chart's series are asked by; all of a chart's attempts and labels together.
pub fn request(
    view: &ChartView,
    keys: Vec<SeriesKey>,
    range: Option<(f64, f64)>,
    width_px: u32,
) -> DrawRequest {
    let wide = range.map(|(from, to)| {
        let margin = (to - from) * MARGIN;
        (from - margin, to + margin)
    });
    let factor = if range.is_some() {
        1.0 + 2.0 * MARGIN
    } else {
        1.0
    };
    DrawRequest {
        series: keys,
        attempts: view.attempts,
        x: view.x.clone(),
        from: wide.map(|wide| wide.0),
        to: wide.map(|wide| wide.1),
        width_px: (f64::from(width_px) * factor) as u32,
        smoothing: view.smoothing,
    }
}

/// The series of some charts.
pub fn keys(catalog: &Catalog, names: &BTreeSet<String>) -> Vec<SeriesKey> {
    let mut all = Vec::new();
    for chart in catalog
        .charts
        .iter()
        .filter(|chart| names.contains(&chart.name))
    {
        if chart.labels.is_empty() {
            all.push(SeriesKey::plain(chart.name.clone()));
        }
        let with = |labels: &Labels| SeriesKey {
            name: chart.name.clone(),
            labels: labels.clone(),
        };
        all.extend(chart.labels.iter().map(with));
    }
    all
}

/// Asks again whenever points came (`beat`), or the view or what is in sight changed.
pub fn keep_fresh(panel: Panel, beat: impl Fn() -> u64 + Send + Sync + 'static) {
    let is_busy = StoredValue::new(false);
    let is_stale = StoredValue::new(false);
    let asked = Memo::new(move |_| {
        let looks = panel.looks.get();
        let width = panel.width_px.get();
        let width = if width == 0 {
            browser::device_width()
        } else {
            width
        };
        // Charts that show the same part of the axis are asked for together.
        let mut by_range: BTreeMap<Option<(u64, u64)>, BTreeSet<String>> = BTreeMap::new();
        panel.seen.with(|seen| {
            for name in seen {
                let range = panel
                    .range(name)
                    .map(|(from, to)| (from.to_bits(), to.to_bits()));
                by_range.entry(range).or_default().insert(name.clone());
            }
        });
        panel.catalog.with(|catalog| {
            let asked = by_range.into_iter().map(|(range, names)| {
                let range = range.map(|(from, to)| (f64::from_bits(from), f64::from_bits(to)));
                request(&looks, keys(catalog, &names), range, width)
            });
            asked
                .filter(|request| !request.series.is_empty())
                .collect::<Vec<_>>()
        })
    });
    Effect::new(move |_| {
        beat();
        asked.track();
        panel.tries.track();
        fetch(panel, asked, is_busy, is_stale);
    });
}

fn fetch(
    panel: Panel,
    asked: Memo<Vec<DrawRequest>>,
    is_busy: StoredValue<bool>,
    is_stale: StoredValue<bool>,
) {
    if is_busy.get_value() {
        is_stale.set_value(true);
        return;
    }
    let requests = asked.get_untracked();
    if requests.is_empty() {
        return;
    }
    is_busy.set_value(true);
    spawn_local(async move {
        for request in requests {
            let answer = draw_series(panel.experiment.get_value(), request.clone()).await;
            if panel
                .problem
                .try_update(|problem| *problem = answer.as_ref().err().cloned())
                .is_none()
            {
                return; // the page is gone
            }
            if let Ok(all) = answer {
                take(panel, &request, all);
            }
        }
        is_busy.set_value(false);
        if is_stale.try_update_value(std::mem::take).unwrap_or(false) {
            fetch(panel, asked, is_busy, is_stale);
        }
    });
}

/// Gives each chart its lines; one that has none of this attempt loses those it had.
fn take(panel: Panel, request: &DrawRequest, all: Vec<Drawn>) {
    let range = request.from.zip(request.to);
    let mut by_name: HashMap<String, Vec<Drawn>> = HashMap::new();
    for key in &request.series {
        by_name.entry(key.name.clone()).or_default();
    }
    for drawn in all {
        by_name
            .entry(drawn.key.name.clone())
            .or_default()
            .push(drawn);
    }
    for (name, lines) in by_name {
        panel.take(&name, &request.x, range, lines);
    }
}
