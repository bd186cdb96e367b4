//! Time and new ids: read here, passed as arguments everywhere else.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::time::Timestamp;

/// The current time.
pub fn now() -> Timestamp {
    let millis = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A name that no other process has.
pub(crate) fn new_instance() -> String {
    uuid::Uuid::now_v7().hyphenated().to_string()
}

/// A new time-ordered id of any noun.
pub fn new_id<Id: std::str::FromStr<Err = domain::ids::NotAnId>>() -> Id {
    uuid::Uuid::now_v7()
        .hyphenated()
        .to_string()
        .parse()
        .expect("a hyphenated UUID in lower case is what an id is")
}
