//! A chart as SVG, written on the server with plotters: the first paint, and the picture that people download.

use plotters::prelude::{DrawingBackend, SVGBackend, ShapeStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, TextStyle};

use super::{Align, Colour, Ink, Pen, Picture, draw};

/// plotters places by whole numbers: everything is drawn ten times as large, in a view that is scaled back.
const FINE: f64 = 10.0;

/// Where the colours come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// From the page that the picture stands in; it is stretched to its place.
    Page,
    /// From the light tokens, for a file of its own.
    Light,
}

/// Names of the tokens, in the order of the slots that stand for them while plotters draws.
const TOKENS: [&str; 15] = [
    "series-0",
    "series-1",
    "series-2",
    "series-3",
    "series-4",
    "series-5",
    "series-6",
    "series-7",
    "series-8",
    "series-9",
    "line",
    "text-soft",
    "line-strong",
    "sunken",
    "failed",
];

/// A picture of this size in CSS pixels.
pub fn svg(picture: &Picture<'_>, (width, height): (u32, u32), theme: Theme) -> String {
    let mut text = String::new();
    {
        let fine = (width * FINE as u32, height * FINE as u32);
        let mut pen = SvgPen {
            backend: SVGBackend::with_string(&mut text, fine),
            area: None,
        };
        draw(
            &mut pen,
            picture,
            (f64::from(width), f64::from(height)),
            1.0,
        );
        if pen.backend.present().is_err() {
            return String::new();
        }
    }
    for (slot, token) in (0_u8..).zip(TOKENS) {
        let colour = match theme {
            Theme::Page => format!("var(--{token})"),
            Theme::Light => light(token),
        };
        text = text.replace(&format!("#0100{slot:02X}"), &colour);
    }
    let fine = format!(
        "width=\"{}\" height=\"{}\"",
        width * FINE as u32,
        height * FINE as u32
    );
    let outer = match theme {
        Theme::Page => "preserveAspectRatio=\"none\"".to_owned(),
        Theme::Light => format!(
            "width=\"{width}\" height=\"{height}\" style=\"background:{}\"",
            light("surface")
        ),
    };
    text.replacen(&fine, &outer, 1)
}

/// The value of a token in the light theme.
fn light(token: &str) -> String {
    let tokens = include_str!("../../../../style/tokens.css");
    let value = tokens
        .split_once(&format!("--{token}:"))
        .and_then(|(_, rest)| rest.split_once(';'));
    value
        .map(|(value, _)| value.trim().to_owned())
        .unwrap_or_default()
}

struct SvgPen<'a> {
    backend: SVGBackend<'a>,
    area: Option<(f64, f64, f64, f64)>,
}

fn slot(colour: Colour) -> RGBColor {
    // plotters knows only numbers as colours: these stand for tokens.
    let slot = match colour {
        Colour::Series(at) => (at % 10) as u8,
        Colour::Grid => 10,
        Colour::Text => 11,
        Colour::Old => 12,
        Colour::Shade => 13,
        Colour::Failed => 14,
    };
    RGBColor(1, 0, slot)
}

fn style(ink: Ink, width: f64) -> ShapeStyle {
    ShapeStyle {
        color: slot(ink.colour).mix(ink.alpha),
        filled: true,
        stroke_width: (width * FINE) as u32,
    }
}

fn fine((x, y): (f64, f64)) -> (i32, i32) {
    ((x * FINE).round() as i32, (y * FINE).round() as i32)
}

// A text that cannot be written to has no space left at all; what is drawn is then incomplete, and `present` says so.
impl Pen for SvgPen<'_> {
    fn path(&mut self, places: &[(f64, f64)], ink: Ink, width: f64) {
        let style = style(ink, width);
        for piece in clipped(places, self.area) {
            let _ = self.backend.draw_path(piece.into_iter().map(fine), &style);
        }
    }

    fn fill(&mut self, corners: &[(f64, f64)], ink: Ink) {
        let held = corners.iter().map(|corner| match self.area {
            Some((left, top, width, height)) => (
                corner.0.clamp(left, left + width),
                corner.1.clamp(top, top + height),
            ),
            None => *corner,
        });
        let _ = self.backend.fill_polygon(held.map(fine), &style(ink, 1.0));
    }

    fn dot(&mut self, at: (f64, f64), radius: f64, ink: Ink) {
        if clipped(&[at, at], self.area).is_empty() {
            return;
        }
        let _ = self
            .backend
            .draw_circle(fine(at), (radius * FINE) as u32, &style(ink, 1.0), true);
    }

    fn text(&mut self, at: (f64, f64), align: Align, words: &str) {
        let pos = match align {
            Align::End => Pos::new(HPos::Right, VPos::Center),
            Align::Under => Pos::new(HPos::Center, VPos::Top),
        };
        let font = ("sans-serif", 11.0 * FINE).into_font();
        let colour = slot(Colour::Text);
        let style = TextStyle::from(font).color(&colour).pos(pos);
        let _ = self.backend.draw_text(words, &style, fine(at));
    }

    fn within(&mut self, area: Option<(f64, f64, f64, f64)>) {
        self.area = area;
    }
}

/// The parts of a line inside an area (Liang and Barsky's cut of each piece).
fn clipped(places: &[(f64, f64)], area: Option<(f64, f64, f64, f64)>) -> Vec<Vec<(f64, f64)>> {
    let Some((left, top, width, height)) = area else {
        return vec![places.to_vec()];
    };
    let mut all: Vec<Vec<(f64, f64)>> = Vec::new();
    for pair in places.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let (dx, dy) = (x1 - x0, y1 - y0);
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        let mut is_out = false;
        for (towards, distance) in [
            (-dx, x0 - left),
            (dx, left + width - x0),
            (-dy, y0 - top),
            (dy, top + height - y0),
        ] {
            if towards == 0.0 {
                is_out |= distance < 0.0;
            } else if towards < 0.0 {
                enter = enter.max(distance / towards);
            } else {
                leave = leave.min(distance / towards);
            }
        }
        if is_out || enter > leave {
            continue;
        }
        let from = (x0 + enter * dx, y0 + enter * dy);
        let to = (x0 + leave * dx, y0 + leave * dy);
        match all.last_mut() {
            Some(piece) if piece.last() == Some(&from) => piece.push(to),
            _ => all.push(vec![from, to]),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::picture::tests::{drawn, picture};
    use super::*;

    #[test]
    fn the_first_paint_takes_its_colours_from_the_page_and_a_file_has_its_own() {
        let drawn = drawn(&[(1.0, 4.0), (2.0, 2.0), (3.0, 1.0)]);
        let page = svg(&picture(&drawn), (400, 200), Theme::Page);
        assert!(
            page.contains("var(--series-0)") && page.contains("viewBox=\"0 0 4000 2000\""),
            "{page}"
        );
        assert!(!page.contains(&format!("#{}", "0100")), "{page}");
        let file = svg(&picture(&drawn), (400, 200), Theme::Light);
        assert!(
            !file.contains("var(") && file.contains("width=\"400\""),
            "{file}"
        );
        assert!(!file.contains("\"\""), "every token has a value: {file}");
    }

    #[test]
    fn a_line_is_cut_at_the_edges_of_the_plot() {
        let area = Some((0.0, 0.0, 10.0, 10.0));
        assert_eq!(
            clipped(&[(-5.0, 5.0), (5.0, 5.0), (15.0, 5.0)], area),
            [[(0.0, 5.0), (5.0, 5.0), (10.0, 5.0)]]
        );
        assert_eq!(
            clipped(&[(5.0, 20.0), (9.0, 30.0)], area),
            Vec::<Vec<(f64, f64)>>::new()
        );
        assert_eq!(
            clipped(&[(1.0, -5.0), (1.0, 15.0), (2.0, -5.0)], area).len(),
            2
        );
    }
}
