//! tqdm's bars and how lines are written between them.

use std::time::{Duration, Instant};

/// tqdm's `mininterval`.
const QUIET: Duration = Duration::from_millis(100);

/// One bar. It writes nothing itself: the text to write is returned.
pub struct Bar {
    name: &'static str,
    done: u64,
    total: u64,
    started: Instant,
    shown: Instant,
    shown_at: u64,
    start: u64,
    /// tqdm's moving averages of items and seconds.
    items: Average,
    seconds: Average,
}

#[derive(Default)]
struct Average {
    last: f64,
    calls: i32,
}

impl Average {
    const SMOOTHING: f64 = 0.3;

    fn add(&mut self, value: f64) {
        self.last = Self::SMOOTHING * value + (1.0 - Self::SMOOTHING) * self.last;
        self.calls += 1;
    }

    fn value(&self) -> f64 {
        let beta: f64 = 1.0 - Self::SMOOTHING;
        if self.calls == 0 {
            self.last
        } else {
            self.last / (1.0 - beta.powi(self.calls))
        }
    }
}

impl Bar {
    /// A bar that begins at `start` (a resumed run does not begin at 0).
    pub fn new(name: &'static str, start: u64, total: u64) -> Self {
        let now = Instant::now();
        Self {
            name,
            done: start,
            total,
            started: now,
            shown: now,
            shown_at: start,
            start,
            items: Average::default(),
            seconds: Average::default(),
        }
    }

    /// Counts one item; the bar is due again when it was quiet for a while.
    pub fn advance(&mut self) -> bool {
        self.done += 1;
        let now = Instant::now();
        let quiet = now - self.shown;
        if quiet < QUIET && self.done < self.total {
            return false;
        }
        self.items.add((self.done - self.shown_at) as f64);
        self.seconds.add(quiet.as_secs_f64());
        (self.shown, self.shown_at) = (now, self.done);
        true
    }

    /// The bar at this moment, without a leading return.
    pub fn text(&self) -> String {
        let elapsed = self.started.elapsed().as_secs_f64();
        let smooth = match self.items.calls {
            0 => None,
            _ => Some(self.items.value() / self.seconds.value().max(1e-9)),
        };
        let rate = smooth.or_else(|| {
            (self.done > self.start).then(|| (self.done - self.start) as f64 / elapsed.max(1e-9))
        });
        bar(self.name, self.done, self.total, elapsed, rate)
    }

    /// The last sight of a finished bar, with the mean rate of its whole life.
    pub fn closing(&self) -> String {
        let elapsed = self.started.elapsed().as_secs_f64();
        let rate =
            (self.done > self.start).then(|| (self.done - self.start) as f64 / elapsed.max(1e-9));
        bar(self.name, self.done, self.total, elapsed, rate)
    }

    /// What erases the bar: blanks as wide as it is.
    pub fn blank(&self) -> String {
        format!("\r{}\r", " ".repeat(self.text().chars().count()))
    }
}

fn clock(seconds: f64) -> String {
    let seconds = seconds as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// A bar that no longer moves.
pub fn still(name: &str, done: usize, total: usize) -> String {
    bar(name, done as u64, total as u64, 0.0, None)
}

fn bar(name: &str, done: u64, total: u64, elapsed: f64, rate: Option<f64>) -> String {
    let share = if total == 0 {
        1.0
    } else {
        done as f64 / total as f64
    };
    let eighths = (share * 80.0) as usize;
    let mut cells = "█".repeat(eighths / 8);
    if eighths < 80 {
        cells.push([' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8]);
    }
    let cells = format!("{cells:<10}");
    let left = rate.map_or("?".into(), |rate| {
        clock((total - done.min(total)) as f64 / rate)
    });
    let speed = match rate {
        None => "?it/s".into(),
        Some(rate) if rate < 1.0 => format!("{:5.2}s/it", 1.0 / rate),
        Some(rate) => format!("{rate:5.2}it/s"),
    };
    format!(
        "{name}: {:3.0}%|{cells}| {done}/{total} [{}<{left}, {speed}]",
        share * 100.0,
        clock(elapsed)
    )
}

/// ms-swift's way to say a length of time.
pub fn spoken(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let mut text = String::new();
    if days > 0 {
        text += &format!("{days}d ");
    }
    if days + hours > 0 {
        text += &format!("{hours}h ");
    }
    if days + hours + minutes > 0 {
        text += &format!("{minutes}m ");
    }
    text + &format!("{}s", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_look_like_the_captured_ones() {
        // ms-swift 4.6.0, fixture lora_sft/stdout.log
        assert_eq!(
            bar("Train", 0, 47, 0.0, None),
            "Train:   0%|          | 0/47 [00:00<?, ?it/s]"
        );
        assert_eq!(
            bar("Train", 1, 47, 15.0, Some(1.0 / 15.01)),
            "Train:   2%|▏         | 1/47 [00:15<11:30, 15.01s/it]"
        );
        assert_eq!(
            bar("Train", 47, 47, 44.0, Some(3.15)),
            "Train: 100%|██████████| 47/47 [00:44<00:00,  3.15it/s]"
        );
        assert_eq!(
            bar("Evaluate", 1, 2, 0.0, Some(3.62)),
            "Evaluate:  50%|█████     | 1/2 [00:00<00:00,  3.62it/s]"
        );
    }

    #[test]
    fn times_are_spoken_as_captured() {
        let cases = [
            (36.4, "36s"),
            (691.0, "11m 31s"),
            (0.2, "0s"),
            (3600.0, "1h 0m 0s"),
            (90061.0, "1d 1h 1m 1s"),
        ];
        for (seconds, text) in cases {
            assert_eq!(spoken(seconds), text);
        }
    }
}
