//! What a room shows, and when: hours pass in microseconds, since the tests choose the time.

use std::time::Duration;

use a_room_is_a_thread::{Effect, Input, MemberId, Room, TYPING_FOR};

const ANN: MemberId = 1;
const BOB: MemberId = 2;

/// A room, and what it has shown since it was last asked.
struct Stage {
    room: Room,
    effects: Vec<Effect>,
}

impl Stage {
    /// With Ann and Bob in the room.
    fn new() -> Self {
        let mut stage = Self { room: Room::default(), effects: Vec::new() };
        for (member, name) in [(ANN, "Ann"), (BOB, "Bob")] {
            stage.at(0, Input::Join { member, name: name.to_owned() });
        }
        stage.shown();
        stage
    }

    /// Takes an input, so many milliseconds after the start.
    fn at(&mut self, ms: u64, input: Input) {
        self.room.step(input, Duration::from_millis(ms), &mut self.effects);
    }

    /// What was shown since the last look, a line each.
    fn shown(&mut self) -> Vec<String> {
        let shown = self.effects.drain(..).map(|effect| match effect {
            Effect::Joined { name } => format!("{name} joined"),
            Effect::Message { number, name, text } => format!("{number} {name}: {text}"),
            Effect::Typing { name, is_typing: true } => format!("{name} types"),
            Effect::Typing { name, is_typing: false } => format!("{name} has stopped typing"),
            Effect::Left { name } => format!("{name} left"),
        });
        shown.collect()
    }

    /// When the room wants to be woken, in milliseconds after the start.
    fn wakes_at(&self) -> Option<u128> {
        self.room.wakes_at().map(|at| at.as_millis())
    }
}

fn says(member: MemberId, text: &str) -> Input {
    Input::Say { member, text: text.to_owned() }
}

#[test]
fn messages_are_numbered_without_a_gap() {
    let mut stage = Stage::new();
    stage.at(1, says(ANN, "one"));
    stage.at(1, says(7, "from outside"));
    stage.at(2, says(BOB, "two"));
    assert_eq!(stage.shown(), ["1 Ann: one", "2 Bob: two"]);
}

#[test]
fn a_notice_ends_when_nothing_was_typed_for_so_long() {
    let mut stage = Stage::new();
    assert_eq!(stage.wakes_at(), None);
    stage.at(1_000, Input::Typing { member: ANN });
    assert_eq!(stage.shown(), ["Ann types"]);
    let end = 1_000 + TYPING_FOR.as_millis();
    assert_eq!(stage.wakes_at(), Some(end));

    stage.at(6_999, Input::Tick);
    assert_eq!(stage.shown(), [""; 0]);
    stage.at(7_000, Input::Tick);
    assert_eq!(stage.shown(), ["Ann has stopped typing"]);
    assert_eq!(stage.wakes_at(), None);
}

#[test]
fn whoever_goes_on_typing_is_shown_once_and_for_longer() {
    let mut stage = Stage::new();
    stage.at(0, Input::Typing { member: ANN });
    stage.at(2_000, Input::Typing { member: BOB });
    stage.at(5_000, Input::Typing { member: ANN });
    assert_eq!(stage.shown(), ["Ann types", "Bob types"]);
    assert_eq!(stage.wakes_at(), Some(8_000));

    stage.at(8_000, Input::Tick);
    assert_eq!(stage.shown(), ["Bob has stopped typing"]);
    assert_eq!(stage.wakes_at(), Some(11_000));
    // The thread that calls may be late.
    stage.at(3_600_000, Input::Tick);
    assert_eq!(stage.shown(), ["Ann has stopped typing"]);
}

#[test]
fn a_message_ends_the_notice_of_its_author_by_itself() {
    let mut stage = Stage::new();
    stage.at(0, Input::Typing { member: ANN });
    stage.at(1_000, says(ANN, "hello"));
    assert_eq!(stage.shown(), ["Ann types", "1 Ann: hello"]);
    assert_eq!(stage.wakes_at(), None);
    stage.at(9_000, Input::Tick);
    assert_eq!(stage.shown(), [""; 0]);

    stage.at(10_000, Input::Typing { member: ANN });
    assert_eq!(stage.shown(), ["Ann types"]);
}

#[test]
fn a_notice_goes_with_its_member() {
    let mut stage = Stage::new();
    stage.at(0, Input::Typing { member: ANN });
    stage.at(1_000, Input::Leave { member: ANN });
    stage.at(2_000, Input::Typing { member: ANN });
    assert_eq!(stage.shown(), ["Ann types", "Ann left"]);
    assert_eq!(stage.wakes_at(), None);
}
