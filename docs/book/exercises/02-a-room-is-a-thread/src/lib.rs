//! A room as a value: inputs go in, effects come out, and the time is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

/// For how long somebody who has typed is shown as typing.
pub const TYPING_FOR: Duration = Duration::from_secs(6);

/// The number of a member, which is never given twice.
pub type MemberId = u32;

/// What a room is given. A member types when it touches a key; and there is a tick when the time has come that
/// [`Room::wakes_at`] has named, or later.
#[derive(Clone, Debug)]
pub enum Input {
    Join { member: MemberId, name: String },
    Say { member: MemberId, text: String },
    Typing { member: MemberId },
    Leave { member: MemberId },
    Tick,
}

/// What all members of a room are to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Joined { name: String },
    Message { number: u64, name: String, text: String },
    Typing { name: String, is_typing: bool },
    Left { name: String },
}

#[derive(Debug, Default)]
struct Member {
    name: String,
}

/// A room. It has no thread, no socket and no clock.
#[derive(Debug, Default)]
pub struct Room {
    members: BTreeMap<MemberId, Member>,
    newest: u64,
}

impl Room {
    /// Takes one input, and appends what is to be shown to `effects`. `now` is the time since the server started, and is
    /// never less than it was before. What comes from somebody who is no member has no effect.
    pub fn step(&mut self, input: Input, _now: Duration, effects: &mut Vec<Effect>) {
        match input {
            Input::Join { member, name } => {
                effects.push(Effect::Joined { name: name.clone() });
                self.members.insert(member, Member { name });
            }
            Input::Say { member, text } => {
                let Some(Member { name, .. }) = self.members.get(&member) else { return };
                self.newest += 1;
                effects.push(Effect::Message { number: self.newest, name: name.clone(), text });
            }
            Input::Typing { member } => {
                let Some(Member { name, .. }) = self.members.get(&member) else { return };
                // This is shown, and never taken back.
                effects.push(Effect::Typing { name: name.clone(), is_typing: true });
            }
            Input::Leave { member } => {
                let Some(Member { name, .. }) = self.members.remove(&member) else { return };
                effects.push(Effect::Left { name });
            }
            Input::Tick => {}
        }
    }

    /// When the room wants a [`Input::Tick`]; `None`: as far as it knows never.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Duration> {
        None
    }
}
