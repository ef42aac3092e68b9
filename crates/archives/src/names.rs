//! Names of another server as names that roomd has.
//!
//! Each name is given once, and who is the same there has the same name here. What no name has becomes a hyphen.

use std::collections::{BTreeMap, BTreeSet};

use roomd_protocol::{FoldedName, ROOM_CHARS_MAX, RoomName, USER_CHARS_MAX, UserName};

/// The users of an archive: by what identifies them there.
#[derive(Default)]
pub struct UserNames {
    by_id: BTreeMap<String, UserName>,
    taken: BTreeSet<FoldedName>,
}

impl UserNames {
    /// The name of this user, who is called `wanted` there. The first call decides.
    pub fn name(&mut self, id: &str, wanted: &str) -> UserName {
        if let Some(name) = self.by_id.get(id) {
            return name.clone();
        }
        let is_free = |name: &UserName| !self.taken.contains(&FoldedName::of(name));
        let name = first_free(wanted, USER_CHARS_MAX, |text| UserName::parse(text).ok().filter(is_free));
        self.taken.insert(FoldedName::of(&name));
        self.by_id.insert(id.to_owned(), name.clone());
        name
    }

    /// All of them, by what identifies them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &UserName)> {
        self.by_id.iter().map(|(id, name)| (id.as_str(), name))
    }

    /// The name that was given.
    pub fn get(&self, id: &str) -> Option<&UserName> {
        self.by_id.get(id)
    }
}

/// The rooms of an archive.
#[derive(Default)]
pub struct RoomNames {
    taken: BTreeSet<FoldedName>,
}

impl RoomNames {
    /// A name for a room that is called `wanted` there.
    pub fn name(&mut self, wanted: &str) -> RoomName {
        let is_free = |name: &RoomName| !self.taken.contains(&FoldedName::of_room(name));
        let name = first_free(wanted, ROOM_CHARS_MAX, |text| RoomName::parse(text).ok().filter(is_free));
        self.taken.insert(FoldedName::of_room(&name));
        name
    }
}

/// The wanted name, with `-` for what no name has, cut where it is too long; with a number behind it if it is taken.
fn first_free<N>(wanted: &str, chars_max: usize, name: impl Fn(&str) -> Option<N>) -> N {
    // A dot alone is no name, and may be a part of one.
    let is_good = |c: char| c != ':' && (c == '.' || RoomName::parse(&c.to_string()).is_ok());
    let cleaned: String = wanted.trim().chars().map(|c| if is_good(c) { c } else { '-' }).collect();
    let cleaned = cleaned.trim_matches('-');
    let cleaned = if cleaned.is_empty() { "unnamed" } else { cleaned };
    (1_u64..)
        .find_map(|number| {
            let suffix = if number == 1 { String::new() } else { format!("-{number}") };
            let kept: String = cleaned.chars().take(chars_max - suffix.len()).collect();
            name(&format!("{kept}{suffix}"))
        })
        .expect("some number is free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_once_and_the_same_user_keeps_it() {
        let mut users = UserNames::default();
        let mut name = |id: &str, wanted: &str| users.name(id, wanted).to_string();
        assert_eq!(name("1", "anna"), "anna");
        assert_eq!(name("2", "Anna"), "Anna-2");
        assert_eq!(name("1", "other"), "anna");
        assert_eq!(name("3", "Petra Müller"), "Petra-Müller");
        assert_eq!(name("4", "a:b\u{200b}/c"), "a-b--c");
        assert_eq!(name("5", "error"), "error-2");
        assert_eq!(name("6", "  "), "unnamed");
        assert_eq!(name("7", &"x".repeat(40)), "x".repeat(32));
        assert_eq!(name("8", &"x".repeat(50)), format!("{}-2", "x".repeat(30)));
        assert_eq!(name("9", "j.doe"), "j.doe");
        assert_eq!(users.get("9").map(UserName::as_str), Some("j.doe"));
    }

    #[test]
    fn a_room_has_a_name_of_its_own() {
        let mut rooms = RoomNames::default();
        let names = ["general", "General", "a b", "..", "dm:a:b"].map(|wanted| rooms.name(wanted).to_string());
        assert_eq!(names, ["general", "General-2", "a-b", "..-2", "dm-a-b"]);
    }
}
