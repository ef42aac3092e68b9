//! The last leave against a join: the room ends because it is empty, with somebody on the way in.
//!
//! Right: whoever looks the room up has a seat in it from that moment on, and the room ends with its last seat.

use roomd_race::{Goto, Line, Program};

#[derive(Clone, Debug)]
pub struct Shared {
    is_in_map: bool,
    seats: u32,
    members: u32,
    inbox: u32,
    is_lost: bool,
}

const OCCUPIED: Shared = Shared { is_in_map: true, seats: 1, members: 1, inbox: 0, is_lost: false };

fn joins() -> [Line<Shared>; 2] {
    [
        Line::branch("looks the room up", |s: &mut Shared| {
            s.seats += u32::from(s.is_in_map);
            // Where there is none it opens another, which is none of this one's business.
            if s.is_in_map { Goto::Next } else { Goto::End }
        })
        .locks("map"),
        Line::new("sends its join", |s: &mut Shared| (s.inbox, s.is_lost) = (s.inbox + 1, !s.is_in_map)).sends_to('R'),
    ]
}

fn leaves() -> Line<Shared> {
    Line::new("takes the last member's leave, and is empty", |s: &mut Shared| (s.members, s.seats) = (0, s.seats - 1))
}

fn nobody_is_lost(s: &Shared) -> Result<(), String> {
    if s.is_lost || (s.inbox > 0 && !s.is_in_map) {
        Err("a join is lost: its room has ended".to_owned())
    } else {
        Ok(())
    }
}

pub fn wrong() -> Program<Shared> {
    let ends = Line::new("removes its entry, and ends", |s: &mut Shared| s.is_in_map = false).locks("map");
    Program::new(OCCUPIED).thread('B', joins()).thread('R', [leaves(), ends]).always(nobody_is_lost)
}

pub fn right() -> Program<Shared> {
    let ends = |s: &mut Shared| s.is_in_map = s.seats > 0;
    let ends = Line::new("removes its entry and ends, if nobody has a seat", ends).locks("map");
    Program::new(OCCUPIED).thread('B', joins()).thread('R', [leaves(), ends]).always(nobody_is_lost)
}
