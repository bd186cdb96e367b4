//! Points of a chart as comma-separated values.

use std::fmt::Write;

use super::{Drawn, NonFinite};

/// The first line.
pub fn head() -> String {
    "series,labels,attempt,x,step,time,value\n".to_owned()
}

/// Where to cut the range of a look that left points out, so that each half has about as many; None when nothing was left out.
pub fn halves(lines: &[Drawn]) -> Option<f64> {
    let longest = lines
        .iter()
        .filter(|line| !line.is_exact)
        .max_by_key(|line| line.x.len())?;
    let (first, middle) = (longest.x.first()?, longest.x.get(longest.x.len() / 2)?);
    (middle > first).then_some(*middle)
}

/// One line for each point, and for each that is no number: `NaN`, `inf` or `-inf` as Python and spreadsheets of scientists read them.
/// `has_x`: the axis is another one than the step. A look has one neighbour outside of its range on either side; those are no rows.
pub fn rows(lines: &[Drawn], has_x: bool, (from, to): (f64, f64), text: &mut String) {
    for line in lines {
        let name = quoted(&line.key.name);
        let labels = quoted(&line.key.labels.to_string());
        let mut odd = line
            .non_finite
            .iter()
            .filter(|odd| odd.0 >= from && odd.0 <= to)
            .peekable();
        let start = |text: &mut String| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{name},{labels},{},", line.attempt);
        };
        let write_odd = |text: &mut String, x: f64, kind: NonFinite| {
            let value = match kind {
                NonFinite::NaN => "NaN",
                NonFinite::PlusInfinity => "inf",
                NonFinite::MinusInfinity => "-inf",
            };
            start(text);
            let step = if has_x { String::new() } else { x.to_string() };
            let _ = writeln!(text, "{x},{step},,{value}");
        };
        let is_inside = |x: f64| x >= from && x <= to;
        for (at, x) in line.x.iter().enumerate().filter(|(_, x)| is_inside(**x)) {
            while let Some((x, kind)) = odd.next_if(|odd| odd.0 < *x) {
                write_odd(text, *x, *kind);
            }
            let column = |values: &[i64]| values.get(at).map(i64::to_string).unwrap_or_default();
            start(text);
            let value = line.values.get(at).copied().unwrap_or(f64::NAN);
            let _ = writeln!(
                text,
                "{x},{},{},{value}",
                column(&line.steps),
                column(&line.times_millis)
            );
        }
        for (x, kind) in odd {
            write_odd(text, *x, *kind);
        }
    }
}

/// A cell: in quotes where it needs them, and never one that a spreadsheet takes for a formula.
fn quoted(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let safe = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if safe.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

#[cfg(test)]
mod tests {
    use super::super::SeriesKey;
    use super::*;

    #[test]
    fn every_point_is_a_line_and_what_is_no_number_stands_in_its_place() {
        let line = Drawn {
            attempt: 2,
            key: SeriesKey::plain("a,\"b\""),
            x: vec![0.0, 1.0, 3.0, 5.0],
            steps: vec![0, 1, 3, 5],
            times_millis: vec![0, 10, 30, 50],
            values: vec![9.0, 0.5, 0.1, 9.0],
            non_finite: vec![(2.0, NonFinite::NaN), (4.0, NonFinite::MinusInfinity)],
            is_exact: true,
            ..Drawn::default()
        };
        let mut text = head();
        rows(&[line], false, (1.0, 4.0), &mut text);
        let name = "\"a,\"\"b\"\"\",,2";
        assert_eq!(
            text,
            format!(
                "series,labels,attempt,x,step,time,value\n{name},1,1,10,0.5\n{name},2,2,,NaN\n{name},3,3,30,0.1\n{name},4,4,,-inf\n"
            )
        );
    }

    #[test]
    fn a_name_is_no_formula() {
        assert_eq!(quoted("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(quoted("loss"), "loss");
    }

    #[test]
    fn a_look_that_left_points_out_is_cut_in_the_middle() {
        let line = |is_exact| Drawn {
            x: vec![1.0, 2.0, 3.0, 4.0],
            is_exact,
            ..Drawn::default()
        };
        assert_eq!(halves(&[line(true)]), None);
        assert_eq!(halves(&[line(true), line(false)]), Some(3.0));
    }
}
