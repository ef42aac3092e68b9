//! A group of a room's members, of whom each message goes to one.
//!
//! Named by a program when it joins; the subscription keeps it, so that the room is joined again as it was.

use serde_json::{Map, Value};

/// How a program takes part in a group: see [`super::Client::join_group`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// How many messages the program has at once, 1 to 100.
    pub prefetch: u32,
    /// How many seconds a message is its own, 1 to 43 200: then another member is given it.
    pub visibility_s: u32,
}

impl Group {
    /// One message at a time, for half a minute.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), prefetch: 1, visibility_s: 30 }
    }

    /// The group of a join that a program has written itself.
    pub(super) fn of_join(object: &Map<String, Value>) -> Option<Self> {
        let group = Self::new(object.get("group")?.as_str()?);
        let number = |field, default| {
            let given = object.get(field).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
            given.unwrap_or(default)
        };
        let (prefetch, visibility_s) = (number("prefetch", 1), number("visibility_s", 30));
        Some(Self { prefetch, visibility_s, ..group })
    }
}
