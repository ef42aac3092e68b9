//! The ghost after a reset: the connection is gone before its join is carried out, and nobody leaves for it.
//!
//! Right: the leave goes the same way as the join, behind it; it is sent by the `Drop` of what the client holds, so no path
//! can forget it.

use roomd_race::{Goto, Line, Program};

#[derive(Clone, Debug, Default)]
pub struct Shared {
    is_connected: bool,
    inbox: Vec<&'static str>,
    is_member: bool,
}

fn room() -> [Line<Shared>; 1] {
    [Line::branch("takes what is next in its inbox", |s: &mut Shared| {
        s.is_member = s.inbox.remove(0) == "join";
        // The inbox outlives the connection by what is in it.
        if s.is_connected || !s.inbox.is_empty() { Goto::Step(0) } else { Goto::End }
    })
    .when(|s| !s.inbox.is_empty())]
}

fn joins() -> Line<Shared> {
    Line::new("connects, and sends its join", |s: &mut Shared| {
        s.is_connected = true;
        s.inbox.push("join");
    })
    .sends_to('R')
}

fn no_ghost(s: &Shared) -> Result<(), String> {
    let is_ghost = s.is_member && !s.is_connected && s.inbox.is_empty();
    if is_ghost { Err("a member without a connection stays in the room".to_owned()) } else { Ok(()) }
}

pub fn wrong() -> Program<Shared> {
    let reset = Line::new("is reset: leaves, if it is a member", |s: &mut Shared| {
        s.is_connected = false;
        if s.is_member {
            s.inbox.push("leave");
        }
    });
    Program::new(Shared::default()).thread('C', [joins(), reset]).thread('R', room()).always(no_ghost)
}

pub fn right() -> Program<Shared> {
    let reset = Line::new("is reset: drops its handle, which sends the leave", |s: &mut Shared| {
        s.is_connected = false;
        s.inbox.push("leave");
    });
    Program::new(Shared::default()).thread('C', [joins(), reset.sends_to('R')]).thread('R', room()).always(no_ghost)
}
