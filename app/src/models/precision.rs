//! The precision test: its numbers, and what they mean. The program itself never fails on them.

use domain::models::{Precision, Verdict};
use leptos::prelude::*;

use crate::context::use_language;
use crate::shared::format::significant;
use crate::texts::models as t;

#[component]
pub fn PrecisionVerdict(precision: Precision) -> impl IntoView {
    let language = use_language();
    let (weight, verdict) = match precision.verdict {
        Verdict::Good => ("fine", t::verdict_good(language)),
        Verdict::Doubtful => ("warning", t::verdict_doubtful(language)),
        Verdict::Bad => ("stops", t::verdict_bad(language)),
    };
    let number = |value: Option<f64>| value.map(|v| significant(v, 4));
    let count = |value: Option<u64>| value.map(|v| v.to_string());
    let rows = [
        (
            t::mean_diff_with_loss(language),
            number(precision.mean_diff_with_loss),
            t::limit(language),
        ),
        (
            t::max_diff_with_loss(language),
            number(precision.max_diff_with_loss),
            "",
        ),
        (
            t::token_diff_with_loss(language),
            count(precision.token_diff_with_loss),
            "",
        ),
        (t::mean_diff(language), number(precision.mean_diff), ""),
        (t::max_diff(language), number(precision.max_diff), ""),
        (t::token_diff(language), count(precision.token_diff), ""),
        (t::zero_count(language), count(precision.zero_count), ""),
    ];
    let rows = rows
        .into_iter()
        .filter_map(|(name, value, limit)| {
            Some(view! { <dt>{name}</dt><dd>{value?} " " <span class="soft">{limit}</span></dd> })
        })
        .collect_view();
    view! {
        <p class="finding" data-weight=weight>{verdict}</p>
        <dl class="facts">{rows}</dl>
    }
}
