//! The scenarios that come with the program: each a file in `scenarios`, by its name.
//!
//! The tests try every order of each, and `roomd race` runs the same: there is no other copy.

/// A scenario that comes with the program.
#[derive(Debug)]
pub struct Entry {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

macro_rules! scenario {
    ($name:literal) => {
        Entry { name: $name, text: include_str!(concat!("scenarios/", $name, ".txt")) }
    };
}

/// All of them, the simple ones first.
pub const SCENARIOS: [Entry; 38] = [
    scenario!("two-joins"),
    scenario!("three-joins"),
    scenario!("last-leave"),
    scenario!("last-leave-by-drop"),
    scenario!("last-leave-sender-first"),
    scenario!("last-leave-of-three"),
    scenario!("last-leave-queued"),
    scenario!("two-visits"),
    scenario!("two-exits"),
    scenario!("two-exits-by-drop"),
    scenario!("leave-twice"),
    scenario!("a-room-fails"),
    scenario!("without-history"),
    scenario!("create-and-join"),
    scenario!("join-and-stop"),
    scenario!("created-room-fails"),
    scenario!("two-creations"),
    scenario!("ban-of-a-speaker"),
    scenario!("ban-of-a-newcomer"),
    scenario!("ban-of-the-interrupted"),
    scenario!("ban-at-the-last-leave"),
    scenario!("resume-beside-messages"),
    scenario!("goodbye"),
    scenario!("goodbye-beside-a-ban"),
    scenario!("two-servers"),
    scenario!("two-servers-look"),
    scenario!("first-of-two-servers"),
    scenario!("first-behind-another"),
    scenario!("first-stored-late"),
    scenario!("visit-elsewhere"),
    scenario!("arrivals-elsewhere"),
    scenario!("departure-elsewhere"),
    scenario!("a-ban-elsewhere"),
    scenario!("decided-again"),
    scenario!("join-behind-a-ban"),
    scenario!("two-bans"),
    scenario!("lost-answer"),
    scenario!("lost-answer-late"),
];

/// The text of this name.
pub fn find(name: &str) -> Option<&'static str> {
    SCENARIOS.iter().find(|entry| entry.name == name).map(|entry| entry.text)
}
