//! Sampling parameters as typed, remembered in this browser.

use domain::chat::Parameters;
use domain::finding::Finding;
use leptos::prelude::*;

use crate::browser;
use crate::context::use_language;
use crate::shared::TextField;
use crate::shared::numbers::optional;
use crate::texts::chat as t;

/// The fields of the drawer that a finding may name.
const NAMES: [&str; 6] = [
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "presence_penalty",
    "thinking",
];

/// What is typed in the drawer. Empty: the engine's default.
#[derive(Clone, Copy)]
pub struct Typed {
    pub system: RwSignal<String>,
    temperature: RwSignal<String>,
    top_p: RwSignal<String>,
    top_k: RwSignal<String>,
    max_tokens: RwSignal<String>,
    presence_penalty: RwSignal<String>,
    thinking: RwSignal<String>,
    /// Whether the drawer is open.
    pub is_open: RwSignal<bool>,
}

impl Typed {
    pub fn new() -> Typed {
        let text = || RwSignal::new(String::new());
        Typed {
            system: text(),
            temperature: text(),
            top_p: text(),
            top_k: text(),
            max_tokens: text(),
            presence_penalty: text(),
            thinking: text(),
            is_open: RwSignal::new(false),
        }
    }

    /// Whether a finding belongs into the drawer.
    pub fn has(finding: &Finding) -> bool {
        NAMES.contains(&finding.field.as_str())
    }

    fn named(self) -> [(&'static str, RwSignal<String>); 6] {
        let values = [
            self.temperature,
            self.top_p,
            self.top_k,
            self.max_tokens,
            self.presence_penalty,
            self.thinking,
        ];
        std::array::from_fn(|at| (NAMES[at], values[at]))
    }

    /// Takes up what this browser used last, and keeps what is typed from now on.
    pub fn remember(self) {
        Effect::new(move |_| {
            for (name, value) in self.named() {
                if let Some(kept) = browser::remembered(&format!("chat.{name}")) {
                    value.set(kept);
                }
            }
        });
        for (name, value) in self.named() {
            Effect::watch(
                move || value.get(),
                move |text, _, _| browser::remember(&format!("chat.{name}"), text),
                false,
            );
        }
    }

    /// The numbers, or what is no number.
    pub fn read(self) -> Result<Parameters, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut bad = |field: &str| {
            findings.push(Finding::stops(
                field,
                t::not_a_number(domain::language::Language::En),
                t::not_a_number(domain::language::Language::Zh),
            ))
        };
        let mut number = |name: &'static str, value: RwSignal<String>| {
            optional::<f64>(&value.get()).unwrap_or_else(|()| {
                bad(name);
                None
            })
        };
        let temperature = number("temperature", self.temperature);
        let top_p = number("top_p", self.top_p);
        let presence_penalty = number("presence_penalty", self.presence_penalty);
        let top_k = optional::<i64>(&self.top_k.get()).unwrap_or_else(|()| {
            bad("top_k");
            None
        });
        let max_tokens = optional::<u32>(&self.max_tokens.get()).unwrap_or_else(|()| {
            bad("max_tokens");
            None
        });
        let thinking = match self.thinking.get().as_str() {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        };
        if findings.is_empty() {
            Ok(Parameters {
                temperature,
                top_p,
                top_k,
                max_tokens,
                presence_penalty,
                thinking,
            })
        } else {
            Err(findings)
        }
    }
}

/// The drawer. Sending opens it when something in it is wrong, so that no finding is out of sight.
#[component]
pub fn ParameterDrawer(
    typed: Typed,
    /// What the server found in what was sent last.
    refused: Signal<Vec<Finding>>,
) -> impl IntoView {
    let language = use_language();
    let findings = Signal::derive(move || {
        let unread = typed.read().err().unwrap_or_default();
        unread.into_iter().chain(refused.get()).collect::<Vec<_>>()
    });
    let default = t::engine_default(language);
    let choices = [
        ("", t::thinking_default(language)),
        ("on", t::thinking_on(language)),
        ("off", t::thinking_off(language)),
    ];
    view! {
        <details class="drawer" prop:open=move || typed.is_open.get() on:toggle:target=move |ev| typed.is_open.set(ev.target().open())>
            <summary>{t::parameters(language)}</summary>
            <div class="drawer-body">
                <div class="field">
                    <label class="field-label" for="system">{t::system(language)}</label>
                    <textarea id="system" name="system" rows="3" prop:value=move || typed.system.get()
                        on:input:target=move |ev| typed.system.set(ev.target().value())></textarea>
                </div>
                <TextField name="temperature" label=t::temperature(language) value=typed.temperature findings placeholder=default/>
                <TextField name="top_p" label=t::top_p(language) value=typed.top_p findings placeholder=default/>
                <TextField name="top_k" label=t::top_k(language) value=typed.top_k findings placeholder=default/>
                <TextField name="max_tokens" label=t::max_tokens(language) value=typed.max_tokens findings placeholder=default/>
                <TextField name="presence_penalty" label=t::presence_penalty(language) value=typed.presence_penalty findings placeholder=default/>
                <div class="field">
                    <label class="field-label" for="thinking">{t::thinking(language)} " " <code>"enable_thinking"</code></label>
                    <select id="thinking" name="thinking" prop:value=move || typed.thinking.get() on:change:target=move |ev| typed.thinking.set(ev.target().value())>
                        {choices.map(|(value, label)| view! { <option value=value>{label}</option> }).collect_view()}
                    </select>
                </div>
            </div>
        </details>
    }
}
