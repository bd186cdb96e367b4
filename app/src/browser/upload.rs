//! Sends chosen files, with word of how far it is. `fetch` does not tell that, so it is the older way.

use js_sys::Reflect;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, File, FormData, HtmlInputElement, ProgressEvent, XmlHttpRequest};

use super::Uploaded;
use super::document::element;

/// Sends the event files among those chosen in some inputs to the console, each under its path below the chosen folder. `sent` hears
/// bytes and all bytes, `done` the end.
pub fn upload(
    inputs: &[&str],
    name: &str,
    sent: impl Fn(f64, f64) + 'static,
    done: impl FnOnce(Uploaded) + 'static,
) {
    match form(inputs, name) {
        Ok((form, 1..)) => {
            let mut done = Some(done);
            let ended = move |uploaded| {
                if let Some(done) = done.take() {
                    done(uploaded);
                }
            };
            // A request that cannot even begin calls nothing back; the browser's console has why.
            let _ = send(&form, sent, ended);
        }
        Ok((_, _)) => done(Uploaded::NothingWanted(chosen(inputs).len() as u32)),
        Err(_) => done(Uploaded::Unreachable),
    }
}

fn chosen(inputs: &[&str]) -> Vec<File> {
    let mut all = Vec::new();
    for input in inputs {
        let input = element(input).and_then(|input| input.dyn_into::<HtmlInputElement>().ok());
        if let Some(files) = input.and_then(|input| input.files()) {
            all.extend((0..files.length()).filter_map(|at| files.get(at)));
        }
    }
    all
}

/// The form, and how many files are in it.
fn form(inputs: &[&str], name: &str) -> Result<(FormData, usize), JsValue> {
    let (form, mut count) = (FormData::new()?, 0);
    form.append_with_str("name", name)?;
    for file in chosen(inputs) {
        if domain::metrics::tfevents::is_event_file_name(&file.name()) {
            let path = Reflect::get(&file, &"webkitRelativePath".into())?;
            let path = path.as_string().filter(|path| !path.is_empty());
            form.append_with_blob_and_filename("files", &file, &path.unwrap_or(file.name()))?;
            count += 1;
        }
    }
    Ok((form, count))
}

fn send(
    form: &FormData,
    sent: impl Fn(f64, f64) + 'static,
    mut ended: impl FnMut(Uploaded) + 'static,
) -> Result<(), JsValue> {
    let request = XmlHttpRequest::new()?;
    request.open("POST", "/console/v1/imports/upload")?;
    let progress = Closure::<dyn FnMut(ProgressEvent)>::new(move |event: ProgressEvent| {
        sent(event.loaded(), event.total());
    });
    request
        .upload()?
        .set_onprogress(Some(progress.as_ref().unchecked_ref()));
    // `loadend` comes once, however it ended.
    let of_end = request.clone();
    let end = Closure::once_into_js(move |_: Event| {
        drop(progress);
        let text = of_end.response_text().ok().flatten();
        let text = text.filter(|text| !text.is_empty());
        ended(text.map_or(Uploaded::Unreachable, Uploaded::Answered));
    });
    request.set_onloadend(Some(end.unchecked_ref()));
    request.send_with_opt_form_data(Some(form))
}
