//! Adding a node: where it is, whether it is the right machine, then logging in. The host key is shown once and confirmed by a person.

use domain::nodes::{Cluster, NodeView};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_navigate;

use super::server_fns::{NodeForm, OfferedKey, add_node, first_contact, list_nodes};
use crate::context::use_language;
use crate::error::AppError;
use crate::shared::live::use_live;
use crate::shared::{Findings, Load, Submit, TextField};
use crate::texts::{common as c, nodes as t};

/// What is typed, field by field.
#[derive(Clone, Copy)]
struct Typed {
    cluster: RwSignal<String>,
    cluster_name: RwSignal<String>,
    name: RwSignal<String>,
    host: RwSignal<String>,
    port: RwSignal<String>,
    user: RwSignal<String>,
    private_key: RwSignal<String>,
    is_confirmed: RwSignal<bool>,
    work_folder: RwSignal<String>,
}

impl Typed {
    fn new() -> Typed {
        let text = |begin: &str| RwSignal::new(begin.to_owned());
        Typed {
            cluster: text(""),
            cluster_name: text(""),
            name: text(""),
            host: text(""),
            port: text("22"),
            user: text("root"),
            private_key: text(""),
            is_confirmed: RwSignal::new(false),
            work_folder: text("/root/trainyard"),
        }
    }

    fn form(self, host_key: String) -> NodeForm {
        NodeForm {
            cluster: self.cluster.get_untracked(),
            cluster_name: self.cluster_name.get_untracked(),
            name: self.name.get_untracked(),
            host: self.host.get_untracked(),
            port: self.port.get_untracked(),
            user: self.user.get_untracked(),
            private_key: self.private_key.get_untracked(),
            host_key,
            work_folder: self.work_folder.get_untracked(),
        }
    }
}

#[component]
pub fn AddNodePage() -> impl IntoView {
    let (language, live) = (use_language(), use_live());
    let clusters = Resource::new(move || live.kind("cluster"), |_| list_nodes());
    let typed = Typed::new();
    view! {
        <Title text=t::add_node(language)/>
        <div class="page-head">
            <span class="crumb"><A href="/nodes">{c::nodes(language)}</A></span>
            <h1>{t::add_node(language)}</h1>
        </div>
        <Load resource=clusters let:clusters>
            <AddForm clusters typed/>
        </Load>
    }
}

#[component]
fn AddForm(clusters: Signal<Vec<(Cluster, Vec<NodeView>)>>, typed: Typed) -> impl IntoView {
    let language = use_language();
    let contact = Action::new(move |(): &()| {
        first_contact(typed.host.get_untracked(), typed.port.get_untracked())
    });
    let add = Action::new(move |key: &OfferedKey| add_node(typed.form(key.openssh.clone())));
    let offered = Memo::new(move |_| contact.value().get().and_then(Result::ok));
    let findings = Signal::derive(move || {
        let of = |e: Option<AppError>| e.map(|e| e.findings().to_vec()).unwrap_or_default();
        let mut all = of(contact.value().get().and_then(Result::err));
        all.extend(of(add.value().get().and_then(Result::err)));
        all
    });
    let other = move || {
        let is_other = |e: &AppError| e.findings().is_empty();
        let contact = contact.value().get().and_then(Result::err);
        contact
            .into_iter()
            .chain(add.value().get().and_then(Result::err))
            .find(is_other)
    };
    let go = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(id)) = add.value().get() {
            go(&format!("/nodes/{id}"), Default::default());
        }
    });
    view! {
        <form class="form form-narrow" on:submit=move |ev| {
            ev.prevent_default();
            match offered.get_untracked() {
                Some(key) if typed.is_confirmed.get_untracked() => { add.dispatch(key); }
                _ => { contact.dispatch(()); }
            }
        }>
            <h2>{t::step_address(language)}</h2>
            <TextField name="host" label=t::host(language) value=typed.host findings required=true/>
            <TextField name="port" label=t::port(language) value=typed.port findings help=t::port_help(language) required=true/>
            <button class="button" type="button" disabled=move || contact.pending().get()
                on:click=move |_| { typed.is_confirmed.set(false); contact.dispatch(()); }>{t::ask_key(language)}</button>
            {move || other().map(|e| view! { <p class="finding" data-weight="stops" role="alert">{e.text(language)}</p> })}
            <Show when=move || offered.with(Option::is_some)>
                <h2>{t::step_key(language)}</h2>
                <div class="field">
                    <span class="field-label">{t::host_key(language)}</span>
                    <code class="wrap">{move || offered.get().map(|k| k.fingerprint)}</code>
                    <span class="field-help">{t::host_key_help(language)}</span>
                    <label class="check">
                        <input type="checkbox" name="host_key_confirmed" prop:checked=move || typed.is_confirmed.get()
                            on:change:target=move |ev| typed.is_confirmed.set(ev.target().checked())/>
                        {t::host_key_confirm(language)}
                    </label>
                    <Findings of=findings field="host_key"/>
                </div>
            </Show>
            <Show when=move || typed.is_confirmed.get() && offered.with(Option::is_some)>
                <h2>{t::step_login(language)}</h2>
                <LoginFields typed clusters findings/>
                <Findings of=findings field=""/>
                <Submit label=Signal::derive(move || t::connect(language).to_owned()) pending=add.pending()/>
            </Show>
        </form>
    }
}

#[component]
fn LoginFields(
    typed: Typed,
    clusters: Signal<Vec<(Cluster, Vec<NodeView>)>>,
    findings: Signal<Vec<domain::finding::Finding>>,
) -> impl IntoView {
    let language = use_language();
    view! {
        <div class="field">
            <label class="field-label" for="cluster">{c::cluster(language)}</label>
            <select id="cluster" name="cluster" on:change:target=move |ev| typed.cluster.set(ev.target().value())>
                <option value="">{t::cluster_new(language)}</option>
                {move || clusters.get().into_iter().map(|(cluster, _)| view! { <option value=cluster.id.to_string()>{cluster.name}</option> }).collect_view()}
            </select>
            <span class="field-help">{t::cluster_help(language)}</span>
            <Findings of=findings field="cluster"/>
        </div>
        <Show when=move || typed.cluster.with(String::is_empty)>
            <TextField name="cluster_name" label=t::cluster_new(language) value=typed.cluster_name findings required=true/>
        </Show>
        <TextField name="name" label=c::name(language) value=typed.name findings required=true/>
        <TextField name="user" label=t::user(language) value=typed.user findings required=true/>
        <div class="field">
            <label class="field-label" for="private_key">{t::private_key(language)}</label>
            <textarea id="private_key" name="private_key" rows="6" autocomplete="off" spellcheck="false" prop:value=move || typed.private_key.get()
                on:input:target=move |ev| typed.private_key.set(ev.target().value())></textarea>
            <span class="field-help">{t::private_key_help(language)}</span>
            <Findings of=findings field="private_key"/>
        </div>
        <TextField name="work_folder" label=t::work_folder(language) value=typed.work_folder findings help=t::work_folder_help(language) required=true/>
        <div class="field">
            <span class="field-label">{t::environment(language)}</span>
            <span>{t::environment_direct(language)}</span>
            <span class="field-help">{t::environment_help(language)}</span>
            <Findings of=findings field="environment"/>
        </div>
    }
}
