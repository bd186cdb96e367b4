//! What a chart looks like: one drawing for the canvas in the browser and for the SVG of the first paint.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::shared::format::{count, significant};

/// Space around the plot in CSS pixels, fixed, so that a pointer's place is arithmetic and no text has to be measured.
pub const LEFT: f64 = 58.0;
pub const RIGHT: f64 = 8.0;
pub const TOP: f64 = 8.0;
pub const BOTTOM: f64 = 22.0;

/// One series on a chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// Index into the palette.
    pub colour: usize,
    pub raw: Vec<(f64, f64)>,
    /// Empty: no smoothing, and `raw` is drawn strong.
    pub smoothed: Vec<(f64, f64)>,
    /// Steps with NaN or an infinity.
    pub marks: Vec<f64>,
}

/// Everything on a chart, in data coordinates; with `is_log`, values are drawn by their logarithm.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Picture {
    pub lines: Vec<Line>,
    pub x: (f64, f64),
    pub is_log: bool,
    /// Step under the cursor.
    pub cursor: Option<f64>,
    /// The range being dragged out.
    pub selection: Option<(f64, f64)>,
}

/// The colours of a chart, from the tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Palette {
    pub series: Vec<RGBColor>,
    pub grid: RGBColor,
    pub text: RGBColor,
    pub accent: RGBColor,
    pub failed: RGBColor,
}

impl Picture {
    fn place(&self, value: f64) -> Option<f64> {
        match self.is_log {
            true => (value > 0.0).then(|| value.log10()),
            false => Some(value),
        }
    }

    /// The range of values that are drawn, with a little air.
    pub fn y(&self) -> (f64, f64) {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for (x, value) in self
            .lines
            .iter()
            .flat_map(|l| l.raw.iter().chain(&l.smoothed))
        {
            if let Some(y) = self.place(*value).filter(|y| y.is_finite())
                && (self.x.0..=self.x.1).contains(x)
            {
                low = low.min(y);
                high = high.max(y);
            }
        }
        if low > high {
            return (0.0, 1.0);
        }
        let air = if high > low {
            (high - low) * 0.06
        } else {
            high.abs().max(1e-12) * 0.1
        };
        (low - air, high + air)
    }

    /// The step at a pointer's place, `width` being the chart's in CSS pixels.
    pub fn step_at(&self, x: f64, width: f64) -> f64 {
        let share = ((x - LEFT) / (width - LEFT - RIGHT).max(1.0)).clamp(0.0, 1.0);
        self.x.0 + share * (self.x.1 - self.x.0)
    }
}

/// Draws onto any plotters backend. `ratio` is device pixels per CSS pixel.
pub fn draw<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    picture: &Picture,
    palette: &Palette,
    ratio: f64,
) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
    let px = |css: f64| (css * ratio).round() as i32;
    let (y0, y1) = picture.y();
    let (x0, x1) = if picture.x.1 > picture.x.0 {
        picture.x
    } else {
        (picture.x.0 - 0.5, picture.x.0 + 0.5)
    };
    let mut chart = ChartBuilder::on(area)
        .margin_top(px(TOP))
        .margin_right(px(RIGHT))
        .set_label_area_size(LabelAreaPosition::Left, px(LEFT))
        .set_label_area_size(LabelAreaPosition::Bottom, px(BOTTOM))
        .build_cartesian_2d(x0..x1, y0..y1)?;
    let is_log = picture.is_log;
    let label = TextStyle::from(("sans-serif", px(11.0)).into_font()).color(&palette.text);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(palette.grid.stroke_width(px(1.0).max(1) as u32))
        .axis_style(palette.grid)
        .x_labels(6)
        .y_labels(5)
        .x_label_formatter(&|x| count(x.round().max(0.0) as u64))
        .y_label_formatter(&|y| tick(if is_log { 10f64.powf(*y) } else { *y }))
        .x_label_style(label.clone())
        .y_label_style(label)
        .draw()?;
    for line in &picture.lines {
        let colour = palette
            .series
            .get(line.colour % palette.series.len().max(1))
            .copied()
            .unwrap_or(palette.accent);
        let placed = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            points
                .iter()
                .filter_map(|(x, v)| Some((*x, picture.place(*v)?)))
                .collect()
        };
        let strong = colour.stroke_width(px(1.6).max(1) as u32);
        let thin = colour.mix(0.35).stroke_width(px(1.0).max(1) as u32);
        let (raw, smoothed) = (placed(&line.raw), placed(&line.smoothed));
        if let [only] = raw.as_slice() {
            chart.draw_series(std::iter::once(Circle::new(
                *only,
                px(2.5),
                colour.filled(),
            )))?;
        }
        let raw_style = if smoothed.is_empty() { strong } else { thin };
        chart.draw_series(LineSeries::new(raw, raw_style))?;
        if !smoothed.is_empty() {
            chart.draw_series(LineSeries::new(smoothed, strong))?;
        }
        let foot = y0 + (y1 - y0) * 0.02;
        let marks = line.marks.iter().filter(|step| (x0..=x1).contains(*step));
        chart.draw_series(marks.map(|step| {
            Cross::new(
                (*step, foot),
                px(3.5),
                palette.failed.stroke_width(px(1.5).max(1) as u32),
            )
        }))?;
    }
    if let Some((from, to)) = picture.selection {
        chart.draw_series(std::iter::once(Rectangle::new(
            [(from, y0), (to, y1)],
            palette.accent.mix(0.15).filled(),
        )))?;
    }
    if let Some(step) = picture.cursor.filter(|step| (x0..=x1).contains(step)) {
        chart.draw_series(LineSeries::new(
            [(step, y0), (step, y1)],
            palette.text.mix(0.6),
        ))?;
    }
    area.present()
}

/// The first paint: an SVG whose colours are the tokens, so that it follows the theme.
#[cfg(feature = "ssr")]
pub fn svg(picture: &Picture, width: u32, height: u32) -> String {
    // plotters knows only numbers as colours: these stand for tokens and are named below.
    let slot = |n: u8| RGBColor(1, 0, n);
    let palette = Palette {
        series: (0..10).map(slot).collect(),
        grid: slot(10),
        text: slot(11),
        accent: slot(12),
        failed: slot(13),
    };
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        if draw(&area, picture, &palette, 1.0).is_err() {
            return String::new();
        }
    }
    let names = ["line", "text-soft", "accent", "failed"];
    for n in 0..14u8 {
        let token = match n {
            0..10 => format!("var(--series-{n})"),
            _ => format!("var(--{})", names[usize::from(n) - 10]),
        };
        text = text.replace(&format!("#0100{n:02X}"), &token);
    }
    // Scales with its place.
    text.replacen(
        &format!("width=\"{width}\" height=\"{height}\""),
        "preserveAspectRatio=\"none\"",
        1,
    )
}

/// A number beside the axis: no digits that say nothing, and none that the label area cuts off.
fn tick(value: f64) -> String {
    let text = significant(value, 3);
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture {
            lines: vec![Line {
                raw: vec![(1.0, 4.0), (2.0, f64::NAN), (3.0, 1.0)],
                marks: vec![2.0],
                ..Line::default()
            }],
            x: (1.0, 3.0),
            ..Picture::default()
        }
    }

    #[test]
    fn a_value_that_is_no_number_does_not_stretch_the_range() {
        let (low, high) = picture().y();
        assert!(
            low < 1.0 && low > 0.5 && high > 4.0 && high < 4.5,
            "{low} {high}"
        );
    }

    #[test]
    fn numbers_beside_the_axis_are_short() {
        for (value, text) in [
            (0.003, "0.003"),
            (5.5, "5.5"),
            (6.0, "6"),
            (1200.0, "1200"),
            (1e-5, "1e-5"),
            (0.0, "0"),
        ] {
            assert_eq!(tick(value), text);
        }
    }

    #[test]
    fn a_pointer_at_the_edges_is_at_the_first_and_last_step() {
        assert_eq!(picture().step_at(0.0, 500.0), 1.0);
        assert_eq!(picture().step_at(500.0, 500.0), 3.0);
        assert_eq!(
            picture().step_at(LEFT + (500.0 - LEFT - RIGHT) / 2.0, 500.0),
            2.0
        );
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn the_first_paint_takes_its_colours_from_the_tokens() {
        let text = svg(&picture(), 400, 200);
        assert!(text.contains("var(--series-0)"), "{text}");
        assert!(!text.contains(&format!("#{}", "01000")), "{text}");
    }
}
