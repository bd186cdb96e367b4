//! What can be done with one chart: where it stands, how large it is, and taking it along as a file.

use domain::language::Language;
use domain::metrics::layout::{Layout, Size};
use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::chart::ChartState;
use super::fetching::{keys, request};
use super::names;
use super::server_fns::{draw_svg, write_csv};
use super::state::picture;
use crate::browser;
use crate::context::use_language;
use crate::texts::metrics as t;

/// An entry of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Large,
    Pin,
    Hide,
    Earlier,
    Later,
    /// Columns and steps of height more or less.
    Resize(i8, i8),
    Table,
    Png,
    Svg,
    Csv,
}

/// What the menu of a chart offers, as it stands now.
fn offered(chart: ChartState, is_large: bool, language: Language) -> Vec<(Action, &'static str)> {
    let name = chart.name.get_value();
    let (is_pinned, is_hidden, size) = chart.panel.layout.with(|layout| {
        (
            layout.is_pinned(&name),
            layout.hidden.contains(&*name),
            layout.size(&name),
        )
    });
    let mut all = vec![(
        Action::Large,
        if is_large {
            t::shrink(language)
        } else {
            t::enlarge(language)
        },
    )];
    if !is_large {
        all.push((
            Action::Pin,
            if is_pinned {
                t::unpin(language)
            } else {
                t::pin(language)
            },
        ));
        all.push((
            Action::Hide,
            if is_hidden {
                t::unhide(language)
            } else {
                t::hide(language)
            },
        ));
        all.push((Action::Earlier, t::earlier(language)));
        all.push((Action::Later, t::later(language)));
        for (wide, tall, words) in [
            (1, 0, t::wider(language)),
            (-1, 0, t::narrower(language)),
            (0, 1, t::taller(language)),
            (0, -1, t::lower(language)),
        ] {
            if size.by(wide, tall) != size {
                all.push((Action::Resize(wide, tall), words));
            }
        }
    }
    let table = if chart.is_table.get() {
        t::chart(language)
    } else {
        t::table(language)
    };
    all.extend([
        (Action::Table, table),
        (Action::Png, t::png(language)),
        (Action::Svg, t::svg(language)),
        (Action::Csv, t::csv(language)),
    ]);
    all
}

#[component]
pub fn ChartMenu(chart: ChartState, section: Option<Memo<Vec<String>>>) -> impl IntoView {
    let language = use_language();
    let is_open = RwSignal::new(false);
    let title = chart.name.with_value(|name| names::title(name, language));
    // The entries are made when they are looked at: sixty charts have sixty menus.
    view! {
        <details class="menu chart-menu" on:toggle:target=move |ev| is_open.set(ev.target().open())>
            <summary class="chart-more" aria-label=format!("{}: {title}", t::more(language))>"⋯"</summary>
            {move || is_open.get().then(|| {
                let entries = offered(chart, section.is_none(), language);
                view! {
                    <div class="menu-body">
                        {entries.into_iter().map(|(action, words)| view! {
                            <button class="menu-item" type="button" on:click=move |_| {
                                browser::close_menus();
                                act(chart, action, section);
                            }>{words}</button>
                        }).collect_view()}
                    </div>
                }
            })}
        </details>
    }
}

/// Does what an entry says; `section` are the charts among which this one stands, none while it is alone.
pub fn act(chart: ChartState, action: Action, section: Option<Memo<Vec<String>>>) {
    let name = chart.name.get_value();
    let panel = chart.panel;
    let shown = section
        .map(|section| section.get_untracked())
        .unwrap_or_default();
    let at = shown.iter().position(|shown| **shown == *name).unwrap_or(0);
    match action {
        Action::Large => panel.open(section.is_some().then(|| name.to_string())),
        Action::Pin => panel.arrange(|layout| layout.pin(&name, !layout.is_pinned(&name))),
        Action::Hide => panel.arrange(|layout| layout.hide(&name, !layout.hidden.contains(&*name))),
        Action::Earlier => panel.arrange(|layout| layout.put(&shown, &name, at.saturating_sub(1))),
        Action::Later => panel.arrange(|layout| layout.put(&shown, &name, at + 1)),
        Action::Resize(wide, tall) => resize(chart, |size| size.by(wide, tall)),
        Action::Table => chart.is_table.update(|is| *is = !*is),
        Action::Png => png(chart),
        Action::Svg => svg(chart),
        Action::Csv => csv(chart),
    }
}

fn resize(chart: ChartState, change: impl FnOnce(Size) -> Size) {
    let name = chart.name.get_value();
    let before = chart
        .panel
        .layout
        .with_untracked(|layout| layout.size(&name));
    let size = change(before);
    if size != before {
        chart
            .panel
            .arrange(|layout: &mut Layout| layout.set_size(&name, size));
    }
}

/// Heights of a chart's plot in CSS pixels, as the style has them.
const HEIGHTS: [f64; 3] = [180.0, 280.0, 420.0];

/// The corner by which a chart is drawn larger; with the keyboard, the menu does the same.
#[component]
pub fn Corner(chart: ChartState) -> impl IntoView {
    // Where the drag began, the chart's size in pixels, and its columns.
    let begun = StoredValue::new(None::<(f64, f64, f64, f64, u8)>);
    let id = chart.id.with_value(|id| format!("{id}-corner"));
    let own = id.clone();
    let press = move |event: ev::PointerEvent| {
        let Some((width, height)) = chart.size.get_untracked() else {
            return;
        };
        event.prevent_default();
        browser::capture_pointer(&own, event.pointer_id());
        let name = chart.name.get_value();
        let wide = chart
            .panel
            .layout
            .with_untracked(|layout| layout.size(&name).wide);
        begun.set_value(Some((
            f64::from(event.client_x()),
            f64::from(event.client_y()),
            width,
            height,
            wide,
        )));
    };
    let drag = move |event: ev::PointerEvent| {
        let Some((x, y, width, height, wide)) = begun.get_value() else {
            return;
        };
        let column = width / f64::from(wide);
        let width = width + f64::from(event.client_x()) - x;
        let height = height + f64::from(event.client_y()) - y;
        let nearest = (1..)
            .zip(HEIGHTS)
            .min_by(|a, b| (a.1 - height).abs().total_cmp(&(b.1 - height).abs()));
        resize(chart, |size| Size {
            wide: (width / column).round().clamp(1.0, 3.0) as u8,
            tall: nearest.map_or(size.tall, |(tall, _)| tall),
        });
    };
    view! {
        <div class="chart-corner" id=id aria-hidden="true" on:pointerdown=press on:pointermove=drag
            on:pointerup=move |_| begun.set_value(None) on:pointercancel=move |_| begun.set_value(None)></div>
    }
}

/// A name for a file: letters and digits of the chart's.
fn file_name(chart: ChartState, ending: &str) -> String {
    let name = chart.name.get_value();
    let safe: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .take(80)
        .collect();
    format!("{safe}.{ending}")
}

fn png(chart: ChartState) {
    let (Some(size), held) = (chart.size.get_untracked(), chart.held.get_untracked()) else {
        return;
    };
    let (range, looks) = untrack(|| (chart.range(), chart.panel.looks.get()));
    let lines = held.lines(range);
    let experiment = chart.panel.experiment.get_value();
    let picture = picture(&held, &lines, &looks, range, &experiment);
    let name = chart.name.get_value();
    browser::save_png(&file_name(chart, "png"), &name, size, &picture);
}

/// What the server draws or writes of a chart: its series, as they are shown.
fn asked(chart: ChartState) -> domain::metrics::DrawRequest {
    let (range, looks) = untrack(|| (chart.range(), chart.panel.looks.get()));
    let names = [chart.name.get_value().to_string()].into();
    let series = chart
        .panel
        .catalog
        .with_untracked(|catalog| keys(catalog, &names));
    let mut asked = request(&looks, series, None, 2000);
    (asked.from, asked.to) = range.unzip();
    asked
}

fn svg(chart: ChartState) {
    let (width, height) = chart.size.get_untracked().unwrap_or((460.0, 180.0));
    let asked = asked(chart);
    let mut view = untrack(|| chart.panel.looks.get());
    view.range = asked.from.zip(asked.to);
    let words = view.words().into();
    let file = file_name(chart, "svg");
    spawn_local(async move {
        let experiment = chart.panel.experiment.get_value();
        let answer = draw_svg(experiment, asked, words, width as u32, height as u32).await;
        save(chart, &file, "image/svg+xml", answer);
    });
}

fn csv(chart: ChartState) {
    let asked = asked(chart);
    let file = file_name(chart, "csv");
    spawn_local(async move {
        let answer = write_csv(chart.panel.experiment.get_value(), asked).await;
        save(chart, &file, "text/csv", answer);
    });
}

fn save(chart: ChartState, file: &str, kind: &str, answer: Result<String, crate::error::AppError>) {
    match answer {
        Ok(text) => browser::save(file, kind, &text),
        Err(error) => {
            chart.panel.problem.try_set(Some(error));
        }
    }
}
