//! How server functions speak: JSON in the body of a POST, read as text.
//!
//! `server_fn`'s own JSON reads bytes, while a page's resources are read from text. Both at once put a second reader of every type into
//! the wasm, a twelfth of what a browser has to load.

use domain::metrics::{Drawn, wire};
use leptos::server_fn::Bytes;
use leptos::server_fn::codec::Post;
use leptos::server_fn::{ContentType, Decodes, Encodes, Format, FormatType};
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};

/// The encoding for arguments and answers.
pub type Json = Post<JsonText>;

pub struct JsonText;

impl ContentType for JsonText {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for JsonText {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for JsonText {
    type Error = serde_json::Error;

    fn encode(value: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_string(value).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for JsonText {
    type Error = serde_json::Error;

    fn decode(bytes: Bytes) -> Result<T, Self::Error> {
        let text = std::str::from_utf8(&bytes).map_err(serde_json::Error::custom)?;
        serde_json::from_str(text)
    }
}

/// The encoding for curves, which are large: `domain::metrics::wire`.
pub type Curves = Post<Packed>;

pub struct Packed;

impl ContentType for Packed {
    const CONTENT_TYPE: &'static str = "application/vnd.trainyard.curves";
}

impl FormatType for Packed {
    const FORMAT_TYPE: Format = Format::Binary;
}

impl Encodes<Vec<Drawn>> for Packed {
    type Error = std::convert::Infallible;

    fn encode(curves: &Vec<Drawn>) -> Result<Bytes, Self::Error> {
        Ok(Bytes::from(wire::encode(curves)))
    }
}

impl Decodes<Vec<Drawn>> for Packed {
    type Error = &'static str;

    fn decode(bytes: Bytes) -> Result<Vec<Drawn>, Self::Error> {
        wire::decode(&bytes).map_err(|damaged| damaged.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_no_text_is_refused() {
        let written = JsonText::encode(&("损失", 1.5)).expect("written");
        let read: (String, f64) = JsonText::decode(written).expect("read");
        assert_eq!(read, ("损失".to_owned(), 1.5));
        assert!(<JsonText as Decodes<String>>::decode(Bytes::from_static(b"\"\xff\"")).is_err());
    }

    #[test]
    fn curves_are_read_as_written_and_what_is_cut_off_is_refused() {
        let curves = vec![Drawn {
            steps: vec![1, 2],
            x: vec![1.0, 2.0],
            times_millis: vec![0, 5],
            values: vec![0.5, 0.25],
            is_exact: true,
            ..Drawn::default()
        }];
        let Ok(bytes) = Packed::encode(&curves);
        let cut = bytes.slice(..bytes.len() - 1);
        assert_eq!(Packed::decode(bytes), Ok(curves));
        assert!(Packed::decode(cut).is_err());
    }
}
