//! When charts are drawn: at most once a frame each, and in one frame no more of them than leave it smooth.

use std::cell::RefCell;
use std::collections::VecDeque;

use leptos::prelude::request_animation_frame;

use crate::browser;

/// Milliseconds of one frame that drawing may take; what is left over is drawn in the next.
const BUDGET_MILLIS: f64 = 6.0;

type Due = (String, Box<dyn Fn()>);

thread_local! {
    static DUE: RefCell<VecDeque<Due>> = const { RefCell::new(VecDeque::new()) };
}

/// Draws a chart in one of the next frames; one that is due already is drawn once. `is_first`: before those that wait.
pub fn soon(id: &str, is_first: bool, paint: impl Fn() + 'static) {
    DUE.with_borrow_mut(|due| {
        if let Some(at) = due.iter().position(|(known, _)| known == id) {
            if is_first && let Some(waiting) = due.remove(at) {
                due.push_front(waiting);
            }
            return;
        }
        if due.is_empty() {
            request_animation_frame(run);
        }
        let paint: Due = (id.to_owned(), Box::new(paint));
        if is_first {
            due.push_front(paint);
        } else {
            due.push_back(paint);
        }
    });
}

fn run() {
    let end = browser::millis() + BUDGET_MILLIS;
    loop {
        // Taken out first: painting may make another chart due.
        let next = DUE.with_borrow_mut(VecDeque::pop_front);
        let Some((_, paint)) = next else { return };
        paint();
        if browser::millis() >= end {
            break;
        }
    }
    if DUE.with_borrow(|due| !due.is_empty()) {
        request_animation_frame(run);
    }
}
