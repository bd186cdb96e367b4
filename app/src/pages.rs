//! The pages as the router knows them, by the file that holds their code.
//!
//! A browser loads such a file when it first opens one of its pages: a first visit does not wait for pages that it does not show.
//! `wasm-split-cli` cuts the wasm at the marks that `lazy` leaves (scripts/build_site.sh). Pages share a file where people go from one to
//! the other. What only some visits open is in a file of its own as well (`parts`).

use leptos::prelude::*;
use leptos_router::LazyRoute;

macro_rules! pages {
    ($($file:ident, $preload:ident: $($room:ident :: $page:ident),+;)+) => {$(
        mod $file {
            // The names are those of the components.
            #[allow(clippy::enum_variant_names)]
            pub enum Page { $($page),+ }
        }

        #[lazy]
        fn $file(page: $file::Page) -> AnyView {
            match page {
                $($file::Page::$page => view! { <crate::$room::$page/> }.into_any()),+
            }
        }

        $(
            pub struct $page;

            impl LazyRoute for $page {
                fn data() -> Self {
                    $page
                }

                async fn view(_this: Self) -> AnyView {
                    $file($file::Page::$page).await
                }

                async fn preload() {
                    // The server has all code at hand.
                    #[cfg(feature = "hydrate")]
                    $preload().await;
                }
            }
        )+
    )+};
}

pages! {
    watching, __preload_watching: experiments::ExperimentPage;
    planning, __preload_planning: experiments::ExperimentsPage, compare::ComparePage, experiments::NewExperimentPage, experiments::QueuePage, tracking::SendPage;
    keeping, __preload_keeping: home::HomePage, people::LoginPage, people::SetupPage, people::SettingsPage, nodes::NodesPage, nodes::AddNodePage,
        nodes::NodePage, models::ModelsPage, models::RegisterModelPage, models::ModelPage, datasets::DatasetsPage, datasets::RegisterDatasetPage,
        datasets::DatasetPage, imports::ImportsPage, imports::ImportPage, jobs::JobsPage, jobs::JobPage;
    serving, __preload_serving: deployments::DeploymentsPage, deployments::NewDeploymentPage, deployments::DeploymentPage, chat::ChatPage;
}
