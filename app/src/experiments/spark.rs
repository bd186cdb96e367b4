//! A small line of the loss, without axes.

use leptos::prelude::*;

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 28.0;

/// The path of some values, the lowest at the bottom.
fn path(values: &[f64]) -> String {
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), v| {
        (low.min(*v), high.max(*v))
    });
    let span = if high > low { high - low } else { 1.0 };
    let step = WIDTH / (values.len().max(2) - 1) as f64;
    let mut text = String::new();
    for (at, value) in values.iter().enumerate() {
        let letter = if at == 0 { 'M' } else { 'L' };
        let y = 2.0 + (high - value) / span * (HEIGHT - 4.0);
        text.push_str(&format!("{letter}{:.1} {y:.1}", at as f64 * step));
    }
    text
}

/// Drawn for the eye only: the number beside it says the same.
#[component]
pub fn Spark(values: Vec<f64>) -> impl IntoView {
    (values.len() > 1).then(|| {
        view! {
            <svg class="spark" viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" aria-hidden="true">
                <path d=path(&values)></path>
            </svg>
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_value_lies_at_the_bottom() {
        assert_eq!(path(&[4.0, 2.0, 3.0]), "M0.0 2.0L60.0 26.0L120.0 14.0");
        assert_eq!(path(&[1.0, 1.0]), "M0.0 2.0L120.0 2.0");
    }
}
