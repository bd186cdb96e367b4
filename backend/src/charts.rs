//! The charts of an experiment's page: which there are, how a person arranged them, and which a pattern finds.

use domain::finding::Finding;
use domain::ids::ExperimentId;
use domain::language::Text;
use domain::metrics::csv;
use domain::metrics::layout::{Catalog, Layout};
use domain::metrics::{DrawRequest, Drawn, Smoothing, XAxis};

use crate::{Actor, Backend, Error, Result, clock, experiments, metrics};

/// What a compiled pattern may take; one that needs more is refused, and matching is linear in the text.
const PATTERN_BYTES: usize = 1 << 20;

/// The charts that an experiment has, and how this person has arranged those of the project.
pub async fn catalog(backend: &Backend, actor: &Actor, id: &ExperimentId) -> Result<Catalog> {
    let experiment = experiments::find(backend, actor, id).await?;
    let summaries = metrics::series(backend, actor, id).await?;
    let layout = backend.store().chart_layout(&actor.user, &actor.project);
    Ok(Catalog {
        samples_per_step: experiment
            .setup
            .map(|setup| setup.recipe.global_batch_size)
            .filter(|size| *size > 0),
        layout: layout.await?,
        ..Catalog::of(&summaries)
    })
}

/// Keeps what a person arranged. Theirs alone, so a viewer may, too.
pub async fn keep_layout(backend: &Backend, actor: &Actor, layout: &Layout) -> Result<()> {
    if !layout.is_bounded() {
        return Err(Error::Conflict(Text::new(
            "Too many charts are arranged by hand (2 000 are kept). Unpin or show some again.",
            "手动排列的图表过多（最多保留 2000 个），请取消部分固定或隐藏。",
        )));
    }
    let store = backend.store();
    store
        .set_chart_layout(&actor.user, &actor.project, layout, clock::now())
        .await
}

/// Names of the charts that a regular expression finds, in whatever case. One that is none is a finding on `search`.
pub async fn matching(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    pattern: &str,
) -> Result<Vec<String>> {
    let pattern = compile(pattern)?;
    let summaries = metrics::series(backend, actor, id).await?;
    let charts = Catalog::of(&summaries).charts;
    let names = charts.into_iter().map(|chart| chart.name);
    Ok(names.filter(|name| pattern.is_match(name)).collect())
}

/// More rows than this are an export, not the file of a chart.
const MOST_ROWS: usize = 1_000_000;
/// Points of a series that one look brings, four to a column.
const LOOK_PX: u32 = 4096;

/// Every point of some series within the range of a request, by step, as comma-separated values with a head.
pub async fn csv(
    backend: &Backend,
    actor: &Actor,
    id: &ExperimentId,
    request: &DrawRequest,
) -> Result<String> {
    let mut rows = 0;
    let mut text = csv::head();
    // A look that left points out is taken again in two halves: what is left at the end is what was measured.
    let mut ranges = vec![(request.from, request.to)];
    while let Some((from, to)) = ranges.pop() {
        let look = DrawRequest {
            from,
            to,
            width_px: LOOK_PX,
            smoothing: Smoothing::None,
            ..request.clone()
        };
        let lines = metrics::draw(backend, actor, id, &look).await?;
        match csv::halves(&lines) {
            Some(middle) if from != Some(middle) => {
                let before = middle.next_down();
                ranges.push((Some(middle), to));
                ranges.push((from, Some(before)));
            }
            _ => {
                rows += lines.iter().map(|line: &Drawn| line.x.len()).sum::<usize>();
                if rows > MOST_ROWS {
                    return Err(Error::Conflict(Text::new(
                        "These are more than a million points. Zoom in, or take them through the export of the experiment.",
                        "数据点超过一百万个。请放大范围，或使用实验的导出功能。",
                    )));
                }
                let inside = (
                    from.unwrap_or(f64::NEG_INFINITY),
                    to.unwrap_or(f64::INFINITY),
                );
                csv::rows(&lines, request.x != XAxis::Step, inside, &mut text);
            }
        }
    }
    Ok(text)
}

fn compile(pattern: &str) -> Result<regex::Regex> {
    let built = regex::RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(PATTERN_BYTES)
        .build();
    built.map_err(|error| {
        let why = match &error {
            regex::Error::CompiledTooBig(_) => Text::new(
                "This pattern would need too much memory. Repeat less, e.g. a{1,100} instead of a{1,100000}.",
                "该正则表达式占用内存过多，请减少重复次数，例如用 a{1,100} 代替 a{1,100000}。",
            ),
            _ => {
                // The last line of the library's message says what is wrong; those before draw the place.
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                let last = last.strip_prefix("error: ").unwrap_or(last);
                Text::new(
                    format!("Not a regular expression: {last}."),
                    format!("不是有效的正则表达式：{last}。"),
                )
            }
        };
        Error::Invalid(vec![Finding::stops(
            "search", why.en, why.zh,
        )])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(pattern: &str) -> String {
        match compile(pattern) {
            Err(Error::Invalid(findings)) => findings[0].text.en.clone(),
            other => panic!("{pattern} was taken: {other:?}"),
        }
    }

    #[test]
    fn a_pattern_that_is_none_says_what_is_wrong() {
        assert_eq!(
            refusal("loss("),
            "Not a regular expression: unclosed group."
        );
        assert!(
            refusal("a{1,5}{1,9999}{1,9999}")
                .starts_with("This pattern would need too much memory")
        );
        assert!(
            compile("^(train|eval)/.*LOSS$")
                .expect("a pattern")
                .is_match("eval/lm loss")
        );
    }

    #[test]
    fn a_pattern_that_runs_for_ever_elsewhere_is_answered_at_once() {
        let started = std::time::Instant::now();
        let pattern = compile("^(a+)+$").expect("a pattern");
        assert!(!pattern.is_match(&format!("{}!", "a".repeat(4096))));
        assert!(started.elapsed() < std::time::Duration::from_secs(1));
    }
}
