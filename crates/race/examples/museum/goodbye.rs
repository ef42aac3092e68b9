//! The goodbye before the last message: two threads write to one client, and one of them has finished first.
//!
//! Right: the goodbye waits until whoever owes the client something has delivered it.

use roomd_race::{Line, Program};

#[derive(Clone, Debug, Default)]
pub struct Shared {
    inbox: u32,
    is_answered: bool,
    is_closed: bool,
    is_late: bool,
}

fn room() -> Line<Shared> {
    Line::new("takes the message, stores it, and writes the answer", |s: &mut Shared| {
        (s.inbox, s.is_answered, s.is_late) = (0, true, s.is_closed);
    })
    .when(|s| s.inbox > 0)
    .sends_to('C')
}

fn sends() -> Line<Shared> {
    Line::new("sends its message to the room", |s: &mut Shared| s.inbox = 1).sends_to('R')
}

fn goodbye() -> Line<Shared> {
    Line::new("has no more input: writes the goodbye, and closes", |s: &mut Shared| s.is_closed = true)
}

fn nothing_is_late(s: &Shared) -> Result<(), String> {
    if s.is_late { Err("the answer comes behind the goodbye, where nobody reads".to_owned()) } else { Ok(()) }
}

pub fn wrong() -> Program<Shared> {
    Program::new(Shared::default()).thread('C', [sends(), goodbye()]).thread('R', [room()]).always(nothing_is_late)
}

pub fn right() -> Program<Shared> {
    let waits = goodbye().when(|s| s.is_answered);
    Program::new(Shared::default()).thread('C', [sends(), waits]).thread('R', [room()]).always(nothing_is_late)
}
