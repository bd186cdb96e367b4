//! The only place that speaks to the browser. On the server each function does nothing, so that pages need no conditions of their own.

#[cfg(feature = "hydrate")]
mod document;

#[cfg(not(feature = "ssr"))]
pub use viewer_of_document::viewer;

#[cfg(not(feature = "ssr"))]
mod viewer_of_document {
    use crate::context::{Theme, Viewer};
    use domain::language::Language;

    /// The viewer that the server wrote into `<html lang data-theme data-person>`.
    pub fn viewer() -> Viewer {
        #[cfg(feature = "hydrate")]
        let attribute = super::document::root_attribute;
        #[cfg(not(feature = "hydrate"))]
        let attribute = |_: &str| -> Option<String> { None };
        Viewer {
            person: attribute("data-person"),
            language: match attribute("lang").as_deref() {
                Some("zh-CN") => Language::Zh,
                _ => Language::En,
            },
            theme: Theme::from_name(&attribute("data-theme").unwrap_or_default()),
        }
    }
}
