//! A hub, a room and a member on the way in, written down step by step: what each step does to what they share.
//!
//! The room ends when it is empty. In one order of the steps that loses a join.

use roomd_race::{Goto, Line};

/// A command in the room's inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Join,
    Leave,
}

/// What the threads share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Whether the hub's map has the room. This and the seats are under the hub's lock.
    pub is_in_map: bool,
    /// Seats that were taken in the room and not given back: that of Ann, who is in it, to begin with.
    pub seats: u32,
    /// The room's inbox.
    pub inbox: Vec<Command>,
    /// The room's members.
    pub members: u32,
    /// Whether the room's thread has ended.
    pub has_ended: bool,
    /// Whether Ben's join was answered.
    pub is_answered: bool,
    /// Whether Ben found no room, and has opened another of that name.
    pub has_opened: bool,
}

/// Ann is in the room.
pub const OCCUPIED: Shared = Shared {
    is_in_map: true,
    seats: 1,
    inbox: Vec::new(),
    members: 1,
    has_ended: false,
    is_answered: false,
    has_opened: false,
};

/// Ann leaves.
#[must_use]
pub fn ann() -> Vec<Line<Shared>> {
    vec![Line::new("sends her leave", |s: &mut Shared| s.inbox.push(Command::Leave)).sends_to('R')]
}

// ANCHOR: ben
/// Ben joins the room that he finds, or opens another; once he is in, he leaves.
#[must_use]
pub fn ben() -> Vec<Line<Shared>> {
    vec![
        Line::branch("looks the room up", |s: &mut Shared| {
            if s.is_in_map {
                Goto::Next
            } else {
                s.has_opened = true;
                Goto::End
            }
        })
        .locks("hub"),
        Line::new("sends his join", |s: &mut Shared| s.inbox.push(Command::Join)).sends_to('R'),
        Line::new("sends his leave", |s: &mut Shared| s.inbox.push(Command::Leave))
            .when(|s| s.is_answered)
            .sends_to('R'),
    ]
}
// ANCHOR_END: ben

/// The room's thread: takes commands, and after a leave sees whether it ends.
#[must_use]
pub fn room() -> Vec<Line<Shared>> {
    vec![
        Line::branch("takes a command", |s: &mut Shared| match s.inbox.remove(0) {
            Command::Join => {
                s.members += 1;
                s.is_answered = true;
                Goto::Step(0)
            }
            Command::Leave => {
                s.members -= 1;
                Goto::Next
            }
        })
        .when(|s| !s.inbox.is_empty()),
        Line::branch("removes its entry and ends, if it is empty", |s: &mut Shared| {
            if s.members == 0 {
                s.is_in_map = false;
                s.has_ended = true;
                Goto::End
            } else {
                Goto::Step(0)
            }
        })
        .locks("hub"),
    ]
}
