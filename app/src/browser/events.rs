//! One stream of changes per browser, shared by its tabs: a browser allows six connections to a host, and eight tabs must be live.
//!
//! Every tab asks for the same Web Lock; the one that gets it opens `/events` and repeats what it hears on a BroadcastChannel. When its
//! tab closes, the lock passes on. A browser without locks opens a stream in each tab.

use std::cell::RefCell;
use std::rc::Rc;

use serde::Deserialize;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BroadcastChannel, EventSource, MessageEvent};

use crate::shared::Live;

const CHANNEL: &str = "trainyard-changes";
/// What the leader says besides the server's own messages.
const LOST: &str = "lost";
const BACK: &str = "back";

/// A change as the server tells it; what else it says is not needed here.
#[derive(Deserialize)]
struct Heard {
    kind: String,
    subject: String,
}

/// Feeds `live` for as long as this page lives. Called once.
pub fn listen(live: Live) {
    let tell = Rc::new(move |text: String| match text.as_str() {
        LOST => {
            if leptos::prelude::GetUntracked::get_untracked(&live.lost_since).is_none() {
                leptos::prelude::Set::set(&live.lost_since, super::now());
            }
        }
        BACK => live.missed_some(),
        _ => {
            if let Ok(heard) = serde_json::from_str::<Heard>(&text) {
                live.heard(&heard.kind, &heard.subject);
            }
        }
    });
    let Ok(channel) = BroadcastChannel::new(CHANNEL) else {
        lead(move |text| tell(text));
        return;
    };
    let follower = tell.clone();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some(text) = event.data().as_string() {
            follower(text);
        }
    });
    channel.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget(); // lives as long as the page
    let begin = move || {
        // A channel does not hear itself, so the leader tells its own page too.
        lead(move |text| {
            let _ = channel.post_message(&JsValue::from_str(&text));
            tell(text);
        });
    };
    if let Err(begin) = with_lock(begin) {
        begin();
    }
}

/// Runs `begin` once this tab holds the lock, which it keeps until it closes. Gives it back where there are no locks.
fn with_lock<F: FnOnce() + 'static>(begin: F) -> Result<(), F> {
    // Through Reflect: web-sys keeps `navigator.locks` behind an unstable flag, while every current browser has it.
    let locks = web_sys::window()
        .and_then(|window| js_sys::Reflect::get(&window.navigator(), &"locks".into()).ok())
        .filter(|locks| !locks.is_undefined());
    let request = locks
        .as_ref()
        .and_then(|locks| js_sys::Reflect::get(locks, &"request".into()).ok())
        .and_then(|request| request.dyn_into::<js_sys::Function>().ok());
    let (Some(locks), Some(request)) = (locks, request) else {
        return Err(begin);
    };
    let mut begin = Some(begin);
    let granted = Closure::<dyn FnMut(JsValue) -> js_sys::Promise>::new(move |_| {
        if let Some(begin) = begin.take() {
            begin();
        }
        // Never settles: the lock is held until the tab is gone.
        js_sys::Promise::new(&mut |_, _| {})
    });
    let _ = request.call2(&locks, &CHANNEL.into(), granted.as_ref());
    granted.forget(); // lives as long as the page
    Ok(())
}

/// Holds the one stream and tells what comes. EventSource reconnects by itself and says from where (`Last-Event-ID`).
fn lead(tell: impl Fn(String) + 'static) {
    let Ok(source) = EventSource::new("/events") else {
        return;
    };
    let tell = Rc::new(tell);
    let heard = tell.clone();
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some(text) = event.data().as_string() {
            heard(text);
        }
    });
    source.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    let lost = tell.clone();
    let was_lost = Rc::new(RefCell::new(false));
    let is_lost = was_lost.clone();
    let on_error = Closure::<dyn FnMut()>::new(move || {
        *is_lost.borrow_mut() = true;
        lost(LOST.to_owned());
    });
    source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    on_error.forget();
    let on_open = Closure::<dyn FnMut()>::new(move || {
        if was_lost.replace(false) {
            tell(BACK.to_owned());
        }
    });
    source.set_onopen(Some(on_open.as_ref().unchecked_ref()));
    on_open.forget();
    // Kept alive by its own callbacks; closing the page closes it.
}
/// An open stream; closed when dropped.
pub struct Subscription {
    source: EventSource,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut()>,
}

/// Opens a stream of its own, for a reply that is being written. `lost` is told when it ends, however it ends; the stream is then
/// closed, since reconnecting is the caller's affair: only it knows the offset.
pub fn subscribe(
    address: String,
    mut heard: impl FnMut(String) + 'static,
    mut lost: impl FnMut() + 'static,
) -> Option<Subscription> {
    let source = EventSource::new(&address).ok()?;
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some(text) = event.data().as_string() {
            heard(text);
        }
    });
    let closing = source.clone();
    let on_error = Closure::<dyn FnMut()>::new(move || {
        closing.close();
        lost();
    });
    source.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    Some(Subscription {
        source,
        _on_message: on_message,
        _on_error: on_error,
    })
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.source.set_onmessage(None);
        self.source.set_onerror(None);
        self.source.close();
    }
}
