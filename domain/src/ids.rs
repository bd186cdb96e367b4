//! Ids: UUIDv7 as text, one type per noun so that they cannot be mixed up. Made in `backend`, only parsed here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The text is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not an id: {0:?}")]
pub struct NotAnId(pub String);

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                if is_uuid(text) { Ok($name(text.to_owned())) } else { Err(NotAnId(text.to_owned())) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<Self, NotAnId> {
                if is_uuid(&text) { Ok($name(text)) } else { Err(NotAnId(text)) }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    )+};
}

ids! {
    UserId, ApiKeyId, ProjectId, SecretId, ClusterId, NodeId, ModelId, DatasetId, ExperimentId,
    /// One launch of an experiment.
    AttemptId,
    JobId, CheckpointId, DeploymentId, ImportId, ConversationId, TurnId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lower_case_uuid_is_an_id() {
        assert!(JobId::from_str("01936b2e-7a00-7000-8000-0123456789ab").is_ok());
        for bad in [
            "",
            "x",
            "01936B2E-7A00-7000-8000-0123456789AB",
            "01936b2e-7a00-7000-8000-0123456789a/",
            "01936b2e07a00070000800000123456789ab0",
        ] {
            assert_eq!(JobId::from_str(bad), Err(NotAnId(bad.to_owned())));
        }
    }
}
