//! The lines of vLLM's log: process, level, time, place, text.

use crate::training::python::Moment;

/// The log of one process.
#[derive(Clone, Debug)]
pub struct Log {
    process: String,
}

impl Log {
    /// `process` is what stands before the pid: `APIServer`, `EngineCore`, `Worker_TP0`.
    pub fn new(process: &str) -> Self {
        Self {
            process: process.to_owned(),
        }
    }

    /// `place` is the file and line of the real release.
    pub fn info(&self, place: &str, text: &str) {
        self.write("INFO", place, text);
    }

    pub fn warning(&self, place: &str, text: &str) {
        self.write("WARNING", place, text);
    }

    pub fn error(&self, place: &str, text: &str) {
        self.write("ERROR", place, text);
    }

    fn write(&self, level: &str, place: &str, text: &str) {
        let now = Moment::now();
        let head = format!(
            "({} pid={}) {level} {:02}-{:02} {} [{place}]",
            self.process,
            std::process::id(),
            now.month,
            now.day,
            now.time()
        );
        // Text of several lines carries the head on each, as vLLM's formatter has it.
        for line in text.split('\n') {
            println!("{head} {line}");
        }
    }
}

/// A line of uvicorn, the HTTP server, which has no process in front.
pub fn uvicorn(text: &str) {
    println!("INFO:     {text}");
}

/// A count with commas between thousands: `46,592`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes as GiB, rounded to `digits` places.
pub fn gib(bytes: u64, digits: usize) -> String {
    format!("{:.digits$}", bytes as f64 / (1u64 << 30) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_sizes_are_written_as_the_log_has_them() {
        assert_eq!(grouped(46_592), "46,592");
        assert_eq!(
            (grouped(7), grouped(1_000_000)),
            ("7".into(), "1,000,000".into())
        );
        assert_eq!(gib(3 << 29, 2), "1.50");
    }
}
