//! The experiments table as HTML: written on the server only, so that tables of any width cost the browser no code.

use domain::comparison::colours;
use domain::comparison::table::{Cell, Column, Fact, Group, Listing, PAGE_ROWS, Row, TableRequest};
use domain::language::Language;
use leptos::prelude::*;

use crate::context::use_language;
use crate::shared::format::{ago, count, moment, significant, span};
use crate::texts::{comparison as t, experiments, jobs, queue};

/// Columns that the choice of grouping offers.
const MOST_GROUPABLE: usize = 100;

/// The table with what belongs to it: how it is grouped, its rows or groups, and the pages. `known`: what can be grouped by.
pub fn table(listing: &Listing, request: &TableRequest, known: &[Column]) -> String {
    let language = use_language();
    let body = if request.group.is_some() {
        groups(listing, request, language)
    } else {
        rows(listing, request, language)
    };
    view! {
        <div class="runs-tools">
            <span class="soft" data-count=listing.count>{count(listing.count)} " " {t::experiments_in_group(language)}</span>
            {group_choice(request, known, language)}
            {pages(listing, request, language)}
        </div>
        {if listing.count == 0 && request.filter.trim().is_empty() {
            view! { <div class="empty"><p>{t::none_yet(language)}</p><a class="button" data-kind="main" href="/experiments/new">{experiments::new(language)}</a></div> }.into_any()
        } else if listing.count == 0 {
            view! { <p class="empty">{t::nothing_found(language)}</p> }.into_any()
        } else {
            view! { <div class="runs-scroll" tabindex="0" role="region" aria-label=t::table(language)>{body}</div> }.into_any()
        }}
    }
    .to_html()
}

fn group_choice(request: &TableRequest, known: &[Column], language: Language) -> AnyView {
    let mut offered = vec![Column::Fact(Fact::State), Column::Fact(Fact::Tags)];
    let configs = known
        .iter()
        .filter(|column| matches!(column, Column::Config(_)));
    offered.extend(configs.take(MOST_GROUPABLE).cloned());
    if let Some(group) = &request.group
        && !offered.contains(group)
    {
        offered.push(group.clone());
    }
    let options: Vec<_> = offered
        .into_iter()
        .map(|column| {
            let is_chosen = request.group.as_ref() == Some(&column);
            view! { <option value=column.to_string() selected=is_chosen>{t::column(language, &column).0}</option> }
        })
        .collect();
    view! {
        <label class="runs-tool">{t::group_by(language)}
            <select class="input" data-do="group"><option value="">{t::not_grouped(language)}</option>{options}</select>
        </label>
    }
    .into_any()
}

/// The address of the table with another request.
fn address(request: &TableRequest) -> String {
    format!("/experiments?{}", request.address())
}

fn pages(listing: &Listing, request: &TableRequest, language: Language) -> Option<AnyView> {
    if request.group.is_some() || listing.count == 0 {
        return None;
    }
    let from = u64::from(request.page) * u64::from(PAGE_ROWS);
    let to = from + listing.rows.len() as u64;
    let leads = |page: u32, word: &'static str, is_there: bool| {
        let to = address(&TableRequest {
            page,
            ..request.clone()
        });
        is_there.then(|| view! { <a class="button" data-size="small" href=to>{word}</a> })
    };
    Some(
        view! {
            <nav class="runs-pages" aria-label=t::table(language)>
                {leads(request.page.saturating_sub(1), t::previous(language), request.page > 0)}
                <span class="soft">{t::range(language, from + 1, to, &count(listing.count))}</span>
                {leads(request.page + 1, t::next(language), to < listing.count)}
            </nav>
        }
        .into_any(),
    )
}

/// A column's head; pressing it sorts: the least first, the greatest first, as it comes.
fn head(column: &Column, is_number: bool, request: &TableRequest, language: Language) -> AnyView {
    let (name, which) = t::column(language, column);
    let is_sorted = request.sort.as_ref() == Some(column);
    let (sort, is_descending, order) = match (is_sorted, request.is_descending) {
        (false, _) => (Some(column.clone()), false, "none"),
        (true, false) => (Some(column.clone()), true, "ascending"),
        (true, true) => (None, false, "descending"),
    };
    let to = address(&TableRequest {
        sort,
        is_descending,
        page: 0,
        ..request.clone()
    });
    view! {
        <th scope="col" aria-sort=order class:number=is_number title=column.to_string()>
            <a href=to>{name} {(!which.is_empty()).then(|| view! { " " <small>{which}</small> })}</a>
        </th>
    }
    .into_any()
}

fn rows(listing: &Listing, request: &TableRequest, language: Language) -> AnyView {
    let heads: Vec<_> = listing
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let is_number = match column {
                Column::Metric(..) | Column::Fact(Fact::Duration | Fact::Attempts) => true,
                Column::Fact(_) => false,
                Column::Config(_) => listing
                    .rows
                    .iter()
                    .any(|row| matches!(row.cells[at], Cell::Number(_))),
            };
            head(column, is_number, request, language)
        })
        .collect();
    let now = server_now();
    let rows: Vec<_> = listing
        .rows
        .iter()
        .map(|row| one_row(row, &listing.columns, now, language))
        .collect();
    view! {
        <table class="table runs">
            <thead><tr>
                <th class="pick"><button type="button" class="button-quiet" data-do="pick-all" title=t::choose_page(language) aria-label=t::choose_page(language)>"☐"</button></th>
                {head(&Column::Fact(Fact::Name), false, request, language)}
                {heads}
            </tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

/// The clock, for "ago" and for how long something has lasted.
fn server_now() -> i64 {
    backend::clock::now().0
}

fn one_row(row: &Row, columns: &[Column], now: i64, language: Language) -> AnyView {
    let id = row.id.to_string();
    let colour = colours::own(&id);
    let cells: Vec<_> = columns
        .iter()
        .zip(&row.cells)
        .map(|(column, cell)| one_cell(row, column, cell, now, language))
        .collect();
    let again = (row.attempts > 1).then(|| t::times(language, row.attempts));
    view! {
        <tr>
            <td class="pick"><input type="checkbox" data-do="pick" data-of=id.clone() aria-label=format!("{} {}", t::choose(language), row.name)/></td>
            <td class="run-name">
                <i class="dot" data-colour=colour></i>
                <a href=format!("/experiments/{id}") title=row.name.clone()>{row.name.clone()}</a>
                {again.map(|text| view! { <small class="mark">{text}</small> })}
                {row.is_archived.then(|| view! { <small class="mark">{t::archived(language)}</small> })}
            </td>
            {cells}
        </tr>
    }
    .into_any()
}

fn one_cell(row: &Row, column: &Column, cell: &Cell, now: i64, language: Language) -> AnyView {
    let label = || {
        let (name, which) = t::column(language, column);
        format!("{name} {which}").trim_end().to_owned()
    };
    let number =
        |text: String| view! { <td class="number" data-label=label()>{text}</td> }.into_any();
    match column {
        Column::Fact(Fact::State) => view! { <td>{state(&row.state, language)}</td> }.into_any(),
        Column::Fact(Fact::Tags) => {
            let tags: Vec<_> = row.tags.iter().map(|tag| tag_link(tag)).collect();
            view! { <td class="tags">{tags}</td> }.into_any()
        }
        Column::Fact(Fact::Notes) => {
            view! { <td class="run-notes" title=row.notes.clone()>{row.notes.clone()}</td> }
                .into_any()
        }
        Column::Fact(Fact::Duration) => {
            let lasted = row
                .started_at
                .map(|from| row.ended_at.map_or(now, |to| to.0) - from.0);
            number(
                lasted
                    .map(|millis| span(millis, language))
                    .unwrap_or_default(),
            )
        }
        Column::Fact(Fact::Created) => {
            let at = row.created_at.0;
            view! { <td class="soft"><time title=moment(at)>{ago(now - at, language)}</time></td> }
                .into_any()
        }
        Column::Fact(Fact::Attempts) => number(row.attempts.to_string()),
        Column::Fact(Fact::Name) => number(row.name.clone()),
        Column::Metric(..) => number(shown(cell, true)),
        Column::Config(_) => {
            let text = shown(cell, false);
            let is_number = matches!(cell, Cell::Number(_));
            view! { <td class="run-value" class:number=is_number data-label=label() title=text.clone()>{text.clone()}</td> }.into_any()
        }
    }
}

/// A metric with four digits; a configuration value as it was given.
pub fn shown(cell: &Cell, is_measured: bool) -> String {
    match cell {
        Cell::Missing => String::new(),
        Cell::Text(text) => text.clone(),
        Cell::Number(number) if is_measured => significant(*number, 4),
        Cell::Number(number) => given(*number),
    }
}

/// The shortest way to write a number that reads back the same.
pub fn given(number: f64) -> String {
    let size = number.abs();
    if number != 0.0 && !(1e-3..1e9).contains(&size) {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

/// A number that was computed need not have all its digits.
pub fn rounded(number: f64) -> f64 {
    significant(number, 3).parse().unwrap_or(number)
}

/// A state's word with its mark, for launched and for tracked runs.
pub fn state(name: &str, language: Language) -> Option<AnyView> {
    let (mark, word) = match name {
        "pending" => ("pending", jobs::pending(language)),
        "starting" => ("starting", jobs::starting(language)),
        "running" => ("running", jobs::running(language)),
        "stopping" => ("stopping", jobs::stopping(language)),
        "succeeded" => ("succeeded", jobs::succeeded(language)),
        "failed" => ("failed", jobs::failed(language)),
        "stopped" => ("stopped", jobs::stopped(language)),
        "lost" => ("lost", jobs::lost(language)),
        "finished" => ("succeeded", jobs::finished(language)),
        "crashed" => ("failed", jobs::crashed(language)),
        "aborted" => ("stopped", jobs::aborted(language)),
        "queued" => ("pending", queue::queued(language)),
        _ => return None,
    };
    Some(view! { <span class="badge" data-state=mark>{word}</span> }.into_any())
}

/// A tag in its colour; leads to all that have it.
pub fn tag_link(tag: &str) -> AnyView {
    let request = TableRequest {
        filter: tag_filter(tag),
        ..TableRequest::default()
    };
    view! { <a class="tag" data-colour=colours::own(tag) href=address(&request)>{tag.to_owned()}</a> }.into_any()
}

fn tag_filter(tag: &str) -> String {
    domain::comparison::filter::typed(&Column::Fact(Fact::Tags), &Cell::Text(tag.to_owned()))
}

fn groups(listing: &Listing, request: &TableRequest, language: Language) -> AnyView {
    let by = request.group.clone().unwrap_or(Column::Fact(Fact::State));
    let places: Vec<(usize, &Column)> = listing
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| {
            matches!(column, Column::Metric(..) | Column::Config(_)) && **column != by
        })
        .collect();
    let heads: Vec<_> = places
        .iter()
        .map(|(_, column)| {
            let (name, which) = t::column(language, column);
            view! { <th scope="col" class="number">{name} " " <small>{which}</small></th> }
        })
        .collect();
    let rows: Vec<_> = listing
        .groups
        .iter()
        .map(|group| {
            let row = one_group(group, &by, &places, request, language);
            let is_open = request.open.as_ref() == Some(&group.filter);
            let inside: Vec<_> = if is_open {
                listing.rows.iter().map(|row| row_in_group(row, &places)).collect()
            } else {
                Vec::new()
            };
            let rest = (is_open && group.count > listing.rows.len() as u64).then(|| {
                let to = whole_group(group, request);
                view! { <tr class="in-group"><td colspan=places.len() + 2><a href=to>{t::whole_group(language)} " " {count(group.count)}</a></td></tr> }
            });
            view! { {row}{inside}{rest} }
        })
        .collect();
    view! {
        <table class="table runs">
            <thead><tr><th scope="col">{t::column(language, &by).0}</th><th scope="col" class="number">{experiments::experiments(language)}</th>{heads}</tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn one_group(
    group: &Group,
    by: &Column,
    places: &[(usize, &Column)],
    request: &TableRequest,
    language: Language,
) -> AnyView {
    let value = match (&group.value, by) {
        (Cell::Missing, _) => t::missing(language).to_owned(),
        (Cell::Text(name), Column::Fact(Fact::State)) => {
            return group_row(
                state(name, language).unwrap_or_else(|| t::missing(language).into_any()),
                group,
                places,
                request,
                language,
            );
        }
        (cell, _) => shown(cell, false),
    };
    group_row(value.into_any(), group, places, request, language)
}

fn group_row(
    value: AnyView,
    group: &Group,
    places: &[(usize, &Column)],
    request: &TableRequest,
    language: Language,
) -> AnyView {
    let is_open = request.open.as_ref() == Some(&group.filter);
    let to = address(&TableRequest {
        open: (!is_open).then(|| group.filter.clone()),
        ..request.clone()
    });
    let (mark, word) = if is_open {
        ("▾", t::fold(language))
    } else {
        ("▸", t::unfold(language))
    };
    let cells: Vec<_> = places
        .iter()
        .map(|(at, column)| {
            let mean = group.means.get(*at).copied().flatten();
            let text = mean.map(|(mean, least, most)| {
                let ends = (least < most).then(|| format!("{} … {}", significant(least, 4), significant(most, 4)));
                view! { {significant(mean, 4)} {ends.map(|ends| view! { " " <small class="soft">{ends}</small> })} }
            });
            view! { <td class="number" data-label=t::column(language, column).0>{text}</td> }
        })
        .collect();
    view! {
        <tr>
            <td class="run-name"><a href=to title=word aria-expanded=is_open.to_string()><span class="group-mark" aria-hidden="true">{mark}</span> {value}</a></td>
            <td class="number"><a href=whole_group(group, request)>{count(group.count)} " " {t::experiments_in_group(language)}</a></td>
            {cells}
        </tr>
    }
    .into_any()
}

/// The table of a group alone.
fn whole_group(group: &Group, request: &TableRequest) -> String {
    address(&TableRequest {
        filter: group.filter.clone(),
        group: None,
        open: None,
        page: 0,
        ..request.clone()
    })
}

/// One experiment below its group, its values under the group's means.
fn row_in_group(row: &Row, places: &[(usize, &Column)]) -> AnyView {
    let language = use_language();
    let id = row.id.to_string();
    let cells: Vec<_> = places
        .iter()
        .map(|(at, column)| {
            let text = shown(&row.cells[*at], matches!(column, Column::Metric(..)));
            view! { <td class="number" data-label=t::column(language, column).0 title=text.clone()>{text.clone()}</td> }
        })
        .collect();
    view! {
        <tr class="in-group">
            <td class="run-name"><i class="dot" data-colour=colours::own(&id)></i> <a href=format!("/experiments/{id}") title=row.name.clone()>{row.name.clone()}</a></td>
            <td>{state(&row.state, language)}</td>
            {cells}
        </tr>
    }
    .into_any()
}

/// The columns that are shown, with buttons to move and hide them, and those that can be added.
pub fn columns(shown: &[Column], found: &[Column]) -> String {
    let language = use_language();
    let named = |column: &Column| {
        let (name, which) = t::column(language, column);
        let kind = match column {
            Column::Config(_) => "config",
            _ => which,
        };
        view! { <span class="column-name">{name} " " <small class="soft">{kind}</small></span> }
    };
    let button = |what: &'static str, mark: &'static str, word: &'static str, column: &Column| {
        let label = format!("{word}: {column}");
        view! { <button type="button" class="button-quiet" data-do=what data-of=column.to_string() title=word aria-label=label>{mark}</button> }
    };
    let rows: Vec<_> = shown
        .iter()
        .map(|column| {
            view! {
                <li>{named(column)}
                    {button("earlier", "←", t::earlier(language), column)}
                    {button("later", "→", t::later(language), column)}
                    {button("hide", "✕", t::hide_column(language), column)}
                </li>
            }
        })
        .collect();
    let others: Vec<_> = found
        .iter()
        .filter(|column| !shown.contains(column))
        .map(|column| view! { <li>{named(column)} {button("show", "+", t::show_column(language), column)}</li> })
        .collect();
    let none = others
        .is_empty()
        .then(|| view! { <li class="soft">{t::no_column(language)}</li> });
    view! {
        <h3>{t::shown_columns(language)}</h3>
        <ul class="column-list">{rows}</ul>
        <button type="button" class="button-quiet" data-do="usual" data-of="">{t::usual_columns(language)}</button>
        <h3>{t::other_columns(language)}</h3>
        <ul class="column-list">{others}{none}</ul>
    }
    .to_html()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_value_is_written_as_it_was_given() {
        for (number, text) in [
            (1e-4, "1e-4"),
            (0.05, "0.05"),
            (42.0, "42"),
            (0.0, "0"),
            (1.5e12, "1.5e12"),
            (123456.0, "123456"),
        ] {
            assert_eq!(given(number), text);
        }
    }

    #[test]
    fn what_people_type_stays_text() {
        let owner = leptos::reactive::owner::Owner::new();
        owner.set();
        let row = Row {
            id: "01936b2e-7a00-7000-8000-0123456789ab"
                .parse()
                .expect("an id"),
            name: "<script>alert(1)</script>\" onload=\"x".to_owned(),
            state: "running".to_owned(),
            attempts: 2,
            created_at: domain::time::Timestamp(0),
            started_at: None,
            ended_at: None,
            is_archived: false,
            tags: vec!["<b>".to_owned()],
            notes: "<img src=x>".to_owned(),
            cells: vec![Cell::Missing, Cell::Missing, Cell::Text("<i>".to_owned())],
        };
        let listing = Listing {
            columns: vec![
                Column::Fact(Fact::Tags),
                Column::Fact(Fact::Notes),
                Column::Config("<u>".to_owned()),
            ],
            rows: vec![row],
            count: 1,
            ..Listing::default()
        };
        let html = table(&listing, &TableRequest::default(), &listing.columns);
        for bad in ["<script", "<img", "<b>", "<u>"] {
            assert!(!html.contains(bad), "{bad} in {html}");
        }
        // A quote ends no attribute.
        assert!(
            html.contains("title=\"&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x\""),
            "{html}"
        );
    }
}
