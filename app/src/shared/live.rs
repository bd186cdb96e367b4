//! What changed on the server, as counters that resources depend on.
//!
//! The browser hears `{number, kind, subject, detail}` on `/events` (one stream shared by all tabs, see `browser::events`). No data
//! travels there: a counter rises, and what is shown is read again.

use std::collections::HashMap;

use leptos::prelude::*;

/// The counters of this page, by kind (`job`, `series`, …) and by `kind/subject`. On the server they never rise.
#[derive(Clone, Copy)]
pub struct Live {
    counters: StoredValue<HashMap<String, ArcRwSignal<u64>>>,
    /// Since when the console has not been heard, in milliseconds; none while it is.
    pub lost_since: RwSignal<Option<i64>>,
}

impl Live {
    pub fn provide() {
        let live = Live {
            counters: StoredValue::new(HashMap::new()),
            lost_since: RwSignal::new(None),
        };
        provide_context(live);
        // Who is not logged in is told nothing.
        let is_inside = crate::context::use_viewer().person.is_some();
        Effect::new(move |_| {
            if is_inside {
                crate::browser::listen(live);
            }
        });
    }

    fn counter(self, key: String) -> ArcRwSignal<u64> {
        let mut found = None;
        self.counters.update_value(|counters| {
            found = Some(
                counters
                    .entry(key)
                    .or_insert_with(|| ArcRwSignal::new(0))
                    .clone(),
            );
        });
        // The closure above always runs; a value of its own keeps this total.
        found.unwrap_or_else(|| ArcRwSignal::new(0))
    }

    /// Rises with every change of this kind.
    pub fn kind(self, kind: &str) -> u64 {
        self.counter(kind.to_owned()).get()
    }

    /// Rises with every change of this one thing.
    pub fn subject(self, kind: &str, subject: &str) -> u64 {
        self.counter(format!("{kind}/{subject}")).get()
    }

    /// Rises at most once a second while things of these kinds change: for pages that read much at once.
    pub fn calm(self, kinds: &'static [&'static str]) -> RwSignal<u32> {
        let beat = RwSignal::new(0);
        let is_due = StoredValue::new(false);
        Effect::new(move |before: Option<u64>| {
            let heard: u64 = kinds.iter().map(|kind| self.kind(kind)).sum();
            if before.is_some_and(|before| before != heard) && !is_due.get_value() {
                is_due.set_value(true);
                set_timeout(
                    move || {
                        // The page may be gone by now.
                        if is_due.try_set_value(false).is_none() {
                            beat.update(|n| *n += 1);
                        }
                    },
                    std::time::Duration::from_secs(1),
                );
            }
            heard
        });
        beat
    }

    /// A change was heard.
    #[cfg_attr(
        not(feature = "hydrate"),
        allow(dead_code, reason = "only a browser hears")
    )]
    pub fn heard(self, kind: &str, subject: &str) {
        self.lost_since.set(None);
        for key in [kind.to_owned(), format!("{kind}/{subject}")] {
            let counter = self
                .counters
                .with_value(|counters| counters.get(&key).cloned());
            if let Some(counter) = counter {
                counter.update(|count| *count += 1);
            }
        }
    }

    /// Changes may have been missed: everything shown is read again.
    #[cfg_attr(
        not(feature = "hydrate"),
        allow(dead_code, reason = "only a browser hears")
    )]
    pub fn missed_some(self) {
        self.lost_since.set(None);
        let counters: Vec<_> = self
            .counters
            .with_value(|counters| counters.values().cloned().collect());
        for counter in counters {
            counter.update(|count| *count += 1);
        }
    }
}

/// The counters of this page.
pub fn use_live() -> Live {
    expect_context::<Live>()
}
