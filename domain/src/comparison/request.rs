//! What the compare page shows, as its address says it.

use serde::{Deserialize, Serialize};

use super::table::{Column, escaped};
use super::{Band, MOST};
use crate::comparison::reach::Towards;
use crate::ids::ExperimentId;

/// A part of one axis of the parallel coordinates, as shares of its length from below.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Brush {
    /// Which axis, from the left.
    pub axis: usize,
    pub from: f64,
    pub to: f64,
}

/// The experiments that are compared, and how.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CompareRequest {
    pub experiments: Vec<ExperimentId>,
    /// Experiments with the same value here are one curve: their mean with a band.
    pub group: Option<Column>,
    pub band: Band,
    /// Weight of the moving average, 0 … 0.99.
    pub smoothing: f64,
    pub is_log: bool,
    /// Along the time since each run's own start instead of its steps.
    pub is_by_time: bool,
    /// Steps, or milliseconds; None: all.
    pub range: Option<(f64, f64)>,
    /// Only metrics with this in their names.
    pub search: String,
    /// Axes of the parallel coordinates; empty: what differs, and the loss.
    pub axes: Vec<Column>,
    pub brushes: Vec<Brush>,
    /// Metric and value that are to be reached.
    pub reach: Option<(String, f64)>,
    pub towards: Towards,
}

impl CompareRequest {
    /// The address of the page.
    pub fn address(&self) -> String {
        let ids: Vec<&str> = self.experiments.iter().map(ExperimentId::as_str).collect();
        let mut parts = vec![format!("of={}", ids.join(","))];
        let mut say = |name: &str, value: String| parts.push(format!("{name}={}", escaped(&value)));
        if let Some(group) = &self.group {
            say("group", group.to_string());
        }
        if self.band == Band::Deviation {
            say("band", "deviation".to_owned());
        }
        if self.smoothing > 0.0 {
            say("smooth", self.smoothing.to_string());
        }
        if self.is_log {
            say("log", "1".to_owned());
        }
        if self.is_by_time {
            say("x", "time".to_owned());
        }
        if let Some((from, to)) = self.range {
            say("range", format!("{from}..{to}"));
        }
        if !self.search.is_empty() {
            say("q", self.search.clone());
        }
        if !self.axes.is_empty() {
            let axes: Vec<String> = self
                .axes
                .iter()
                .map(|axis| axis.to_string().replace(',', "%2C"))
                .collect();
            say("axes", axes.join(","));
        }
        if !self.brushes.is_empty() {
            let brushes = self
                .brushes
                .iter()
                .map(|brush| format!("{}:{:.3}..{:.3}", brush.axis, brush.from, brush.to));
            say("brush", brushes.collect::<Vec<_>>().join(","));
        }
        if let Some((metric, value)) = &self.reach {
            say("reach", format!("{value}:{metric}"));
        }
        if self.towards == Towards::Up {
            say("towards", "up".to_owned());
        }
        format!("/compare?{}", parts.join("&"))
    }

    /// Reads what `address` writes, given the values of the query. What cannot be read is as if it were not there; of too many experiments
    /// the first are taken.
    pub fn of_query(get: impl Fn(&str) -> Option<String>) -> CompareRequest {
        let mut experiments: Vec<ExperimentId> = Vec::new();
        for id in get("of")
            .unwrap_or_default()
            .split(',')
            .filter_map(|id| id.parse().ok())
        {
            if experiments.len() < MOST && !experiments.contains(&id) {
                experiments.push(id);
            }
        }
        let pair = |text: &str| -> Option<(f64, f64)> {
            let (from, to) = text.split_once("..")?;
            let (from, to): (f64, f64) = (from.parse().ok()?, to.parse().ok()?);
            (from.is_finite() && to.is_finite() && from < to).then_some((from, to))
        };
        let brush = |text: &str| -> Option<Brush> {
            let (axis, range) = text.split_once(':')?;
            let (from, to) = pair(range)?;
            Some(Brush {
                axis: axis.parse().ok()?,
                from,
                to,
            })
        };
        let reach = |text: String| -> Option<(String, f64)> {
            let (value, metric) = text.split_once(':')?;
            let value: f64 = value.parse().ok()?;
            value.is_finite().then(|| (metric.to_owned(), value))
        };
        let smoothing = get("smooth")
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0);
        CompareRequest {
            experiments,
            group: get("group").and_then(|group| group.parse().ok()),
            band: if get("band").as_deref() == Some("deviation") {
                Band::Deviation
            } else {
                Band::Ends
            },
            smoothing: if smoothing.is_finite() {
                smoothing.clamp(0.0, 0.99)
            } else {
                0.0
            },
            is_log: get("log").is_some(),
            is_by_time: get("x").as_deref() == Some("time"),
            range: get("range").as_deref().and_then(pair),
            search: get("q").unwrap_or_default(),
            axes: get("axes")
                .unwrap_or_default()
                .split(',')
                .filter_map(|axis| axis.replace("%2C", ",").parse().ok())
                .take(16)
                .collect(),
            brushes: get("brush")
                .unwrap_or_default()
                .split(',')
                .filter_map(brush)
                .collect(),
            reach: get("reach").and_then(reach),
            towards: if get("towards").as_deref() == Some("up") {
                Towards::Up
            } else {
                Towards::Down
            },
        }
    }

    /// With another brush on an axis; None takes it off.
    #[must_use]
    pub fn brushed(mut self, axis: usize, range: Option<(f64, f64)>) -> CompareRequest {
        self.brushes.retain(|brush| brush.axis != axis);
        if let Some((from, to)) = range {
            self.brushes.push(Brush {
                axis,
                from: from.clamp(0.0, 1.0),
                to: to.clamp(0.0, 1.0),
            });
            self.brushes.sort_by_key(|brush| brush.axis);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of an address as a browser gives them.
    fn query(address: &str, name: &str) -> Option<String> {
        let (_, query) = address.split_once('?')?;
        let (_, value) = query
            .split('&')
            .filter_map(|part| part.split_once('='))
            .find(|(key, _)| *key == name)?;
        let mut bytes = Vec::new();
        let mut rest = value.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                let hex = std::str::from_utf8(&hex).ok()?;
                bytes.push(u8::from_str_radix(hex, 16).ok()?);
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).ok()
    }

    #[test]
    fn an_address_holds_everything_that_is_shown() {
        let request = CompareRequest {
            experiments: vec![
                "01936b2e-7a00-7000-8000-0123456789ab"
                    .parse()
                    .expect("an id"),
                "01936b2e-7a00-7000-8000-0123456789ac"
                    .parse()
                    .expect("an id"),
            ],
            group: "config:args.lr".parse().ok(),
            band: Band::Deviation,
            smoothing: 0.6,
            is_log: true,
            is_by_time: true,
            range: Some((10.0, 2000.5)),
            search: "eval & 损失".to_owned(),
            axes: vec![
                "config:a,b".parse().expect("a column"),
                "last:loss".parse().expect("a column"),
            ],
            brushes: vec![Brush {
                axis: 1,
                from: 0.25,
                to: 0.5,
            }],
            reach: Some(("train/loss:x".to_owned(), 1.5)),
            towards: Towards::Up,
        };
        let address = request.address();
        assert_eq!(
            CompareRequest::of_query(|name| query(&address, name)),
            request
        );
        assert_eq!(
            CompareRequest::of_query(|_| None),
            CompareRequest::default()
        );
        let damaged = CompareRequest::of_query(|_| Some("9..1".to_owned()));
        assert_eq!(
            (damaged.range, damaged.experiments.len(), damaged.smoothing),
            (None, 0, 0.0)
        );
        assert_eq!(
            CompareRequest::of_query(|_| Some("NaN".to_owned())).smoothing,
            0.0
        );
    }

    #[test]
    fn an_axis_has_one_brush() {
        let request = CompareRequest::default()
            .brushed(2, Some((0.1, 0.5)))
            .brushed(0, Some((-1.0, 0.5)))
            .brushed(2, Some((0.2, 3.0)));
        let brushes: Vec<(usize, f64, f64)> = request
            .brushes
            .iter()
            .map(|b| (b.axis, b.from, b.to))
            .collect();
        assert_eq!(brushes, [(0, 0.0, 0.5), (2, 0.2, 1.0)]);
        assert_eq!(request.brushed(0, None).brushes.len(), 1);
    }
}
