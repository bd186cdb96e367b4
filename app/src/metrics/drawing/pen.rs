//! What a drawing is made of, whatever it is drawn on.

/// A colour by its meaning; the tokens say what it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// One of the ten of the series palette.
    Series(usize),
    Grid,
    Text,
    /// Of earlier attempts.
    Old,
    /// What was trained again lies on this.
    Shade,
    Failed,
}

/// A colour and how much of it, 0 … 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ink {
    pub colour: Colour,
    pub alpha: f64,
}

impl Ink {
    pub fn full(colour: Colour) -> Ink {
        Ink { colour, alpha: 1.0 }
    }

    pub fn faint(colour: Colour, alpha: f64) -> Ink {
        Ink { colour, alpha }
    }
}

/// Where a text stands from its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Left of it, on the middle line.
    End,
    /// Below it, in the middle.
    Under,
}

/// Something to draw on; places are CSS pixels from the upper left corner.
pub trait Pen {
    /// One stroke through all places.
    fn path(&mut self, places: &[(f64, f64)], ink: Ink, width: f64);
    /// The inside of a polygon.
    fn fill(&mut self, corners: &[(f64, f64)], ink: Ink);
    fn dot(&mut self, at: (f64, f64), radius: f64, ink: Ink);
    fn text(&mut self, at: (f64, f64), align: Align, words: &str);
    /// From here on nothing is drawn outside of this (left, top, width, height); None: everywhere.
    fn within(&mut self, area: Option<(f64, f64, f64, f64)>);
}
