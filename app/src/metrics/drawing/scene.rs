//! The drawing itself: grid, earlier attempts, band, lines, points, and marks of what is no number.

use domain::metrics::ticks::{Scale, ticks};
use domain::metrics::{Drawn, NonFinite};

use super::{Align, Colour, Frame, Ink, Line, Pen, Picture};

/// Draws a picture on a chart of this size in CSS pixels; answers where its plot is. `ratio` is device pixels per CSS pixel.
pub fn draw(pen: &mut dyn Pen, picture: &Picture<'_>, size: (f64, f64), ratio: f64) -> Frame {
    let frame = picture.frame(size);
    shade(pen, &frame, picture);
    axes(pen, &frame);
    pen.within(Some((
        frame.left,
        frame.top - 1.0,
        frame.width,
        frame.height + 2.0,
    )));
    for line in &picture.lines {
        curve(pen, &frame, picture, line, ratio);
    }
    pen.within(None);
    for line in &picture.lines {
        marks(pen, &frame, line.drawn);
    }
    frame
}

fn axes(pen: &mut dyn Pen, frame: &Frame) {
    let right = frame.left + frame.width;
    let foot = frame.top + frame.height;
    let grid = Ink::full(Colour::Grid);
    let (low, high) = (
        frame.y_scale.value(frame.y.0),
        frame.y_scale.value(frame.y.1),
    );
    for tick in ticks(frame.y_scale, low, high, (frame.height / 40.0) as usize) {
        if let Some(y) = frame.down(tick.at) {
            // Half a pixel: a line one pixel wide fills a row instead of two halves.
            let y = y.floor() + 0.5;
            pen.path(&[(frame.left, y), (right, y)], grid, 1.0);
            pen.text((frame.left - 6.0, y), Align::End, &tick.label);
        }
    }
    let (from, to) = frame.ends();
    let mut free = 0.0;
    for tick in ticks(frame.x_scale, from, to, (frame.width / 80.0) as usize) {
        if let Some(x) = frame.across(tick.at) {
            let x = x.floor() + 0.5;
            pen.path(&[(x, foot), (x, foot + 4.0)], grid, 1.0);
            // About six pixels a letter: a label that would touch its neighbour, or be cut off, is left out.
            let half = tick.label.len() as f64 * 3.2;
            let place = x.max(half).min(right + 10.0 - half);
            if place - half > free {
                pen.text((place, foot + 6.0), Align::Under, &tick.label);
                free = place + half + 6.0;
            }
        }
    }
    pen.path(&[(frame.left, foot + 0.5), (right, foot + 0.5)], grid, 1.0);
}

/// What an earlier attempt had reached and the newest trained again; along time, nothing is done twice.
fn shade(pen: &mut dyn Pen, frame: &Frame, picture: &Picture<'_>) {
    if matches!(frame.x_scale, Scale::Duration | Scale::Moment) {
        return;
    }
    let newest = picture.lines.iter().rfind(|line| !line.is_old);
    let old = picture.lines.iter().filter(|line| line.is_old);
    let reached = old
        .filter_map(|line| line.drawn.x.last().copied())
        .reduce(f64::max);
    if let Some(begun) = newest.and_then(|line| line.drawn.x.first())
        && let Some(reached) = reached.filter(|reached| reached > begun)
    {
        let end = frame.left + frame.width;
        let from = frame
            .across(*begun)
            .unwrap_or(frame.left)
            .clamp(frame.left, end);
        let to = frame.across(reached).unwrap_or(end).clamp(frame.left, end);
        let (top, foot) = (frame.top, frame.top + frame.height);
        pen.fill(
            &[(from, top), (to, top), (to, foot), (from, foot)],
            Ink::full(Colour::Shade),
        );
    }
}

fn curve(pen: &mut dyn Pen, frame: &Frame, picture: &Picture<'_>, line: &Line<'_>, ratio: f64) {
    let drawn = line.drawn;
    let (from, to) = frame.ends();
    // One point beyond each end, so that lines run to the edges.
    let begin = drawn.x.partition_point(|x| *x < from).saturating_sub(1);
    let end = (drawn.x.partition_point(|x| *x <= to) + 1).min(drawn.x.len());
    let (begin, end) = (begin.min(end), end);
    let xs = &drawn.x[begin..end];
    let slice =
        |values: &'_ [f64]| -> Vec<f64> { values.get(begin..end).unwrap_or_default().to_vec() };
    let (raw, smoothed) = (slice(&drawn.values), slice(&drawn.smoothed));
    let colour = if line.is_old {
        Colour::Old
    } else {
        Colour::Series(line.colour)
    };
    let strong = (Ink::full(colour), if line.is_old { 1.0 } else { 1.6 });
    let thin = (Ink::faint(colour, 0.35), 1.0);
    // Where nothing was left out, a value that is no number interrupts the line.
    let gaps = if drawn.is_exact {
        drawn.non_finite.as_slice()
    } else {
        &[]
    };
    if picture.has_band && !line.is_old {
        band(pen, frame, xs, &raw, Ink::faint(colour, 0.22));
        if smoothed.is_empty() {
            run(pen, frame, xs, &raw, gaps, strong, ratio);
        }
    } else {
        run(
            pen,
            frame,
            xs,
            &raw,
            gaps,
            if smoothed.is_empty() { strong } else { thin },
            ratio,
        );
    }
    run(pen, frame, xs, &smoothed, gaps, strong, ratio);
    if drawn.is_exact && (xs.len() as f64) < frame.width / 12.0 || drawn.x.len() == 1 {
        let ink = Ink::faint(colour, if smoothed.is_empty() { 1.0 } else { 0.6 });
        for (x, value) in xs.iter().zip(&raw) {
            if let (Some(x), Some(y)) = (frame.across(*x), frame.down(*value)) {
                pen.dot((x, y), 2.2, ink);
            }
        }
    }
}

/// One line through all points that have a place, at most four of them in each column of device pixels.
fn run(
    pen: &mut dyn Pen,
    frame: &Frame,
    xs: &[f64],
    values: &[f64],
    gaps: &[(f64, NonFinite)],
    (ink, width): (Ink, f64),
    ratio: f64,
) {
    let mut places = Vec::with_capacity(values.len());
    let mut gaps = gaps.iter().map(|gap| gap.0).peekable();
    let mut column = Column::default();
    for (x, value) in xs.iter().zip(values) {
        let mut is_gap = false;
        while gaps.next_if(|gap| gap < x).is_some() {
            is_gap = true;
        }
        let place = frame.across(*x).zip(frame.down(*value));
        if is_gap || place.is_none() {
            column.flush(&mut places);
            stroke(pen, &mut places, ink, width);
        }
        if let Some(place) = place {
            column.add(place, ratio, &mut places);
        }
    }
    column.flush(&mut places);
    stroke(pen, &mut places, ink, width);
}

fn stroke(pen: &mut dyn Pen, places: &mut Vec<(f64, f64)>, ink: Ink, width: f64) {
    match places.as_slice() {
        [] => {}
        [only] => pen.dot(*only, width.max(1.5), ink),
        all => pen.path(all, ink, width),
    }
    places.clear();
}

/// The points in one column of pixels: more than first, lowest, highest and last would be drawn over one another.
#[derive(Default)]
struct Column {
    at: i64,
    kept: Vec<(f64, f64)>,
}

impl Column {
    fn add(&mut self, place: (f64, f64), ratio: f64, places: &mut Vec<(f64, f64)>) {
        let at = (place.0 * ratio) as i64;
        if at != self.at {
            self.flush(places);
            self.at = at;
        }
        self.kept.push(place);
    }

    fn flush(&mut self, places: &mut Vec<(f64, f64)>) {
        if self.kept.len() <= 4 {
            places.append(&mut self.kept);
            return;
        }
        let (mut low, mut high) = (0, 0);
        for (at, place) in self.kept.iter().enumerate() {
            if place.1 < self.kept[low].1 {
                low = at;
            }
            if place.1 > self.kept[high].1 {
                high = at;
            }
        }
        for at in [0, low.min(high), low.max(high), self.kept.len() - 1] {
            places.push(self.kept[at]);
        }
        self.kept.clear();
    }
}

/// From the lowest to the highest value of every few pixels.
fn band(pen: &mut dyn Pen, frame: &Frame, xs: &[f64], values: &[f64], ink: Ink) {
    const STEP: f64 = 3.0;
    let mut spans: Vec<(f64, f64, f64)> = Vec::new();
    for (x, value) in xs.iter().zip(values) {
        if let (Some(x), Some(y)) = (frame.across(*x), frame.down(*value)) {
            match spans.last_mut() {
                Some(span) if x - span.0 < STEP => {
                    span.1 = span.1.min(y);
                    span.2 = span.2.max(y);
                }
                _ => spans.push((x, y, y)),
            }
        }
    }
    let above = spans.iter().map(|span| (span.0, span.1));
    let below = spans.iter().rev().map(|span| (span.0, span.2));
    let corners: Vec<(f64, f64)> = above.chain(below).collect();
    if corners.len() > 2 {
        pen.fill(&corners, ink);
    }
}

/// A cross for NaN on the lower edge, a triangle upwards at the top for +∞, one downwards at the bottom for −∞.
fn marks(pen: &mut dyn Pen, frame: &Frame, drawn: &Drawn) {
    let ink = Ink::full(Colour::Failed);
    let (top, foot) = (frame.top + 1.0, frame.top + frame.height - 1.0);
    // Thousands of them in one place are one mark.
    let mut last = [f64::NEG_INFINITY; 3];
    for (x, kind) in &drawn.non_finite {
        let Some(x) = frame.across(*x) else { continue };
        let last = &mut last[*kind as usize];
        if x < frame.left - 1.0 || x > frame.left + frame.width + 1.0 || x - *last < 3.0 {
            continue;
        }
        *last = x;
        match kind {
            NonFinite::NaN => {
                let y = foot - 4.0;
                pen.path(&[(x - 3.5, y - 3.5), (x + 3.5, y + 3.5)], ink, 1.5);
                pen.path(&[(x - 3.5, y + 3.5), (x + 3.5, y - 3.5)], ink, 1.5);
            }
            NonFinite::PlusInfinity => {
                pen.fill(&[(x, top), (x + 4.5, top + 8.0), (x - 4.5, top + 8.0)], ink)
            }
            NonFinite::MinusInfinity => pen.fill(
                &[(x, foot), (x + 4.5, foot - 8.0), (x - 4.5, foot - 8.0)],
                ink,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::picture::tests::{drawn, picture};
    use super::*;

    type Places = Vec<(f64, f64)>;

    /// Keeps what was drawn.
    #[derive(Default)]
    struct Sheet {
        paths: Vec<(Places, Ink, f64)>,
        fills: Vec<(Places, Ink)>,
        dots: Places,
        words: Vec<String>,
    }

    impl Pen for Sheet {
        fn path(&mut self, places: &[(f64, f64)], ink: Ink, width: f64) {
            self.paths.push((places.to_vec(), ink, width));
        }
        fn fill(&mut self, corners: &[(f64, f64)], ink: Ink) {
            self.fills.push((corners.to_vec(), ink));
        }
        fn dot(&mut self, at: (f64, f64), _radius: f64, _ink: Ink) {
            self.dots.push(at);
        }
        fn text(&mut self, _at: (f64, f64), _align: Align, words: &str) {
            self.words.push(words.to_owned());
        }
        fn within(&mut self, _area: Option<(f64, f64, f64, f64)>) {}
    }

    fn drawn_on_sheet(picture: &Picture<'_>) -> Sheet {
        let mut sheet = Sheet::default();
        draw(&mut sheet, picture, (500.0, 200.0), 1.0);
        sheet
    }

    fn lines(sheet: &Sheet) -> Vec<&Vec<(f64, f64)>> {
        let own = sheet
            .paths
            .iter()
            .filter(|path| matches!(path.1.colour, Colour::Series(_)));
        own.map(|path| &path.0).collect()
    }

    #[test]
    fn nan_interrupts_the_line_and_each_kind_has_a_mark_of_its_own() {
        let mut drawn = drawn(&[(1.0, 1.0), (2.0, 2.0), (4.0, 2.0), (5.0, 3.0)]);
        drawn.non_finite = vec![
            (3.0, NonFinite::NaN),
            (4.5, NonFinite::PlusInfinity),
            (4.6, NonFinite::MinusInfinity),
        ];
        let sheet = drawn_on_sheet(&picture(&drawn));
        assert_eq!(
            (lines(&sheet).len(), sheet.dots.len()),
            (1, 2 + 4),
            "one piece and two single points, and a dot on each of the four"
        );
        assert_eq!(
            sheet
                .paths
                .iter()
                .filter(|path| path.1.colour == Colour::Failed)
                .count(),
            2
        );
        assert_eq!(sheet.fills.len(), 2);
        assert_ne!(sheet.fills[0].0[0].1, sheet.fills[1].0[0].1);
    }

    #[test]
    fn a_spike_of_one_point_reaches_its_height_among_a_million() {
        let mut points: Vec<(f64, f64)> = (0..1_000_000).map(|n| (f64::from(n), 1.0)).collect();
        points[654_321].1 = 99.0;
        let drawn = drawn(&points);
        let picture = picture(&drawn);
        let frame = picture.frame((500.0, 200.0));
        let sheet = drawn_on_sheet(&picture);
        let line = lines(&sheet)[0];
        assert!(line.len() <= 4 * 500, "{}", line.len());
        let top = frame.down(99.0).expect("a place");
        assert!(line.iter().any(|place| (place.1 - top).abs() < 1e-9));
    }

    #[test]
    fn an_earlier_attempt_is_grey_under_the_newest_and_what_was_repeated_is_shaded() {
        let old = drawn(&[(1.0, 4.0), (100.0, 2.0)]);
        let new = drawn(&[(80.0, 2.5), (200.0, 1.0)]);
        let line = |drawn, is_old| Line {
            drawn,
            colour: 3,
            is_old,
        };
        let sheet = drawn_on_sheet(&Picture {
            lines: vec![line(&old, true), line(&new, false)],
            ..Picture::default()
        });
        let colours: Vec<Colour> = sheet
            .paths
            .iter()
            .map(|path| path.1.colour)
            .filter(|c| *c != Colour::Grid)
            .collect();
        assert_eq!(colours, [Colour::Old, Colour::Series(3)]);
        assert_eq!(sheet.fills.len(), 1);
        assert_eq!(sheet.fills[0].1.colour, Colour::Shade);
    }

    #[test]
    fn the_raw_line_lies_thin_behind_the_smoothed_one_and_a_band_in_its_place() {
        let mut drawn = drawn(&[(1.0, 1.0), (2.0, 3.0), (3.0, 1.0)]);
        drawn.smoothed = vec![1.0, 1.5, 1.3];
        let sheet = drawn_on_sheet(&picture(&drawn));
        let strengths: Vec<f64> = sheet
            .paths
            .iter()
            .filter(|p| matches!(p.1.colour, Colour::Series(_)))
            .map(|p| p.1.alpha)
            .collect();
        assert_eq!(strengths, [0.35, 1.0]);
        let banded = drawn_on_sheet(&Picture {
            has_band: true,
            ..picture(&drawn)
        });
        assert_eq!((lines(&banded).len(), banded.fills.len()), (1, 1));
    }

    #[test]
    fn a_value_without_a_logarithm_breaks_the_line() {
        let drawn = drawn(&[(1.0, 1.0), (2.0, 2.0), (3.0, 0.0), (4.0, 0.5), (5.0, 0.25)]);
        let picture = Picture {
            y_scale: Scale::Log,
            ..picture(&drawn)
        };
        assert_eq!(lines(&drawn_on_sheet(&picture)).len(), 2);
    }
}
