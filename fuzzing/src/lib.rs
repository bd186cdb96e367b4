//! Feeds a reader with damaged input for a bounded time: it must neither panic nor hoard memory.
//!
//! Coverage-guided fuzzers need a nightly compiler; this one mutates captured input blindly and fast, on the stable one. A test calls
//! [`run`]; `TRAINYARD_FUZZ_SECS` says for how long (2 s when unset), so that CI stays bounded and `make fuzz` takes an hour. A failure
//! prints the seed of its input, and `TRAINYARD_FUZZ_SEED` begins with that input again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Inputs do not grow beyond this.
const LONGEST: usize = 64 << 10;
/// By how much the process may grow during one run, in KiB: far more than any input needs, far less than one that hoards.
const GROWTH_KIB: u64 = 256 << 10;

/// Calls `read` with mutations of `seeds` until the time is up, and prints how many there were.
///
/// # Panics
/// When `read` does, saying with which input; or when the process has grown by more than 256 MiB.
pub fn run(name: &str, seeds: &[&[u8]], read: impl Fn(&[u8])) {
    let seconds = number("TRAINYARD_FUZZ_SECS").unwrap_or(2);
    let first = number("TRAINYARD_FUZZ_SEED").unwrap_or(1);
    let (begun, before) = (Instant::now(), peak_kib());
    let mut inputs = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        let seed = first + inputs;
        let input = input(seeds, seed);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| read(&input))) {
            let shown = String::from_utf8_lossy(&input[..input.len().min(300)]);
            eprintln!(
                "{name}: input {seed} of {} bytes failed: {shown:?}\nTRAINYARD_FUZZ_SEED={seed} begins with it",
                input.len()
            );
            std::panic::resume_unwind(panic);
        }
        inputs += 1;
    }
    let grown = peak_kib().saturating_sub(before);
    eprintln!("{name}: {inputs} inputs in {seconds} s, grown by {grown} KiB");
    assert!(
        grown < GROWTH_KIB,
        "{name}: the process grew by {grown} KiB"
    );
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Highest resident size of this process so far.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// xorshift64*, good enough to break things with.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end.max(1)
    }

    /// Mostly short, sometimes long.
    fn length(&mut self, longest: usize) -> usize {
        let short = 1 + self.below(16);
        let length = if self.below(4) == 0 {
            self.below(longest)
        } else {
            short
        };
        length.min(longest)
    }
}

/// What readers stumble over: ends of ranges, lengths that lie, characters with a meaning.
const TOKENS: &[&[u8]] = &[
    &[0; 8],
    &[0xff; 8],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0, 0, 0, 0x80],
    &[0, 0, 0, 0, 0, 0, 0xf0, 0x7f],
    &[0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
    b"\n",
    b"\r\n",
    b"{",
    b"}",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"\"",
    b"\\",
    b"\\ud800",
    b"'",
    b":",
    b",",
    b"NaN",
    b"-Infinity",
    b"null",
    b"1e309",
    b"-9223372036854775809",
    b"99999999999999999999999999",
    b"\xef\xbb\xbf",
    b"\xff",
    "\u{1b}[A".as_bytes(),
    "学".as_bytes(),
];

/// The input of a number: always the same one.
fn input(seeds: &[&[u8]], number: u64) -> Vec<u8> {
    let mut chance = Chance(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut input = match seeds {
        [] => Vec::new(),
        seeds => window(seeds[chance.below(seeds.len())], &mut chance),
    };
    for _ in 0..=chance.below(6) {
        mutate(&mut input, seeds, &mut chance);
    }
    input.truncate(LONGEST);
    input
}

/// All of a seed, or a part of one that is long.
fn window(seed: &[u8], chance: &mut Chance) -> Vec<u8> {
    let length = seed.len().min(LONGEST / 2);
    let is_whole = seed.len() == length || chance.below(2) == 0;
    let from = if is_whole {
        0
    } else {
        chance.below(seed.len() - length)
    };
    seed[from..from + length].to_vec()
}

fn mutate(input: &mut Vec<u8>, seeds: &[&[u8]], chance: &mut Chance) {
    let at = chance.below(input.len() + 1);
    let length = chance.length(input.len() - at);
    match chance.below(8) {
        0 if at < input.len() => input[at] ^= 1 << chance.below(8),
        1 if at < input.len() => input[at] = chance.next() as u8,
        2 => drop(input.drain(at..at + length)),
        3 => input.truncate(at),
        4 => {
            let token = TOKENS[chance.below(TOKENS.len())];
            input.splice(at..at, token.iter().copied());
        }
        5 => {
            let token = TOKENS[chance.below(TOKENS.len())];
            let end = (at + token.len()).min(input.len());
            input.splice(at..end, token.iter().copied());
        }
        6 => {
            let part = input[at..at + length].to_vec();
            for _ in 0..=chance.below(20) {
                if input.len() < LONGEST {
                    input.splice(at..at, part.iter().copied());
                }
            }
        }
        7 if !seeds.is_empty() => {
            let other = seeds[chance.below(seeds.len())];
            let from = chance.below(other.len());
            let end = from + chance.length(other.len() - from);
            input.splice(at..at, other[from..end].iter().copied());
        }
        _ => input.push(chance.next() as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_reader_that_stumbles_is_found_and_its_input_can_be_had_again() {
        let found = Cell::new(Vec::new());
        let stumbles = |bytes: &[u8]| {
            if bytes.windows(3).any(|part| part == b"NaN") {
                found.set(bytes.to_vec());
                panic!("as it should");
            }
        };
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let ended = catch_unwind(AssertUnwindSafe(|| {
            run("a test", &[b"{\"loss\": 1}"], stumbles)
        }));
        std::panic::set_hook(hook);
        assert!(ended.is_err());
        let found = found.take();
        assert!((1..100_000).any(|number| input(&[b"{\"loss\": 1}"], number) == found));
    }
}
