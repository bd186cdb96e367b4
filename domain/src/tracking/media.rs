//! Images, texts and the like that a run logged, as pages show them.

use serde::{Deserialize, Serialize};

/// How a page shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    Image,
    Audio,
    Video,
    Text,
    /// A file to download.
    File,
}

/// Media of one name, and the steps at which it was logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaSeries {
    pub name: String,
    pub steps: Vec<i64>,
}

/// One item of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaView {
    pub shape: Shape,
    pub caption: String,
    /// Of a text, at most its first 64 KiB.
    pub text: String,
    /// By which the file is asked for; None: it has not come (yet).
    pub path: Option<String>,
    pub size_bytes: u64,
}

/// A file that the run kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileView {
    pub path: String,
    pub size_bytes: u64,
}

/// Everything of a run that is no number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MediaList {
    pub series: Vec<MediaSeries>,
    pub files: Vec<FileView>,
}

/// What an item is: as its client said of the series (`IMAGE`, `TEXT` …), else by the name of its file.
pub fn shape(kind: &str, path: &str) -> Shape {
    match kind {
        "IMAGE" => return Shape::Image,
        "AUDIO" => return Shape::Audio,
        "VIDEO" => return Shape::Video,
        "TEXT" => return Shape::Text,
        _ => {}
    }
    let end = path.rsplit('.').next().unwrap_or("").to_ascii_lowercase();
    match end.as_str() {
        "png" | "jpg" | "jpeg" | "gif" | "bmp" | "webp" => Shape::Image,
        "wav" | "mp3" | "ogg" | "flac" => Shape::Audio,
        "mp4" | "webm" => Shape::Video,
        "txt" | "json" => Shape::Text,
        _ => Shape::File,
    }
}

/// The type under which a file may be shown in a page; None: it is only downloaded. Never one that can run scripts.
pub fn shown_type(path: &str) -> Option<&'static str> {
    let end = path.rsplit('.').next().unwrap_or("").to_ascii_lowercase();
    Some(match end.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "webp" => "image/webp",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "flac" => "audio/flac",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_could_run_scripts_is_never_shown() {
        assert_eq!(shape("", "media/image/000-1.png"), Shape::Image);
        assert_eq!(shape("TEXT", "said by the model.png"), Shape::Text);
        assert_eq!(shape("OBJECT3D", "a.pts.json"), Shape::Text);
        assert_eq!(shown_type("A.PNG"), Some("image/png"));
        for active in ["a.html", "a.svg", "a.xml", "a.js", "a", "a.pdf"] {
            assert_eq!(shown_type(active), None);
        }
    }
}
