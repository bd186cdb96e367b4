//! Parts of pages in a piece of their own: what a first look does not need.
//!
//! The charts of an experiment are there before the code of its other tabs; a model's page loads the log view when it shows a job. As
//! with pages, the browser reads the piece when it first shows something out of it.

use domain::experiments::ExperimentView;
use domain::jobs::ProcessView;
use leptos::prelude::*;

use crate::checkpoints::{CheckpointReads, CheckpointTable};
use crate::experiments::{AboutTab, NotesTab, ProfileReads, RecipeTab};
use crate::jobs::LogView;
use crate::tracking::{LinesTab, MediaReads, MediaTab};

/// What is to be shown, and what it is made of.
pub enum Part {
    Log {
        job: String,
        processes: Vec<ProcessView>,
        names: Vec<String>,
        is_growing: Signal<bool>,
    },
    Lines {
        experiment: String,
    },
    Media {
        experiment: String,
        reads: MediaReads,
    },
    Recipe(Signal<ExperimentView>),
    About(ProfileReads),
    Notes(ProfileReads),
    Checkpoints(CheckpointReads),
}

#[lazy]
fn reading(part: Part) -> AnyView {
    match part {
        Part::Log {
            job,
            processes,
            names,
            is_growing,
        } => view! { <LogView job processes names is_growing/> }.into_any(),
        Part::Lines { experiment } => view! { <LinesTab id=experiment/> }.into_any(),
        Part::Media { experiment, reads } => view! { <MediaTab id=experiment reads/> }.into_any(),
        Part::Recipe(shown) => view! { <RecipeTab shown/> }.into_any(),
        Part::About(reads) => view! { <AboutTab reads/> }.into_any(),
        Part::Notes(reads) => view! { <NotesTab reads/> }.into_any(),
        Part::Checkpoints(reads) => view! { <CheckpointTable reads/> }.into_any(),
    }
}

/// Shows a part as soon as its piece is there.
pub fn shown(part: Part) -> AnyView {
    view! { <div class="part" data-part="">{Suspend::new(reading(part))}</div> }.into_any()
}

/// Reads the piece. A page that the server rendered with a part in it is taken over only then: what is taken over must be there at once.
#[cfg(feature = "hydrate")]
pub async fn ready() {
    __preload_reading().await;
}
