//! ABA: the name is the same, and what it names is not: it went and came back in between.
//!
//! Right: who removes says which one it means, and looks in the same critical section whether that is still there.

use roomd_race::{Goto, Line, Program};

#[derive(Clone, Debug)]
pub struct Shared {
    /// The number of the room to which the name leads; 0: none.
    room: u32,
    found_empty: u32,
    members_of_2: u32,
}

const EMPTY_ROOM: Shared = Shared { room: 1, found_empty: 0, members_of_2: 0 };

fn closes_and_opens() -> [Line<Shared>; 2] {
    [
        Line::new("leaves as the last: room 1 goes", |s: &mut Shared| s.room = 0).locks("map"),
        Line::new("joins again: the name is room 2", |s: &mut Shared| (s.room, s.members_of_2) = (2, 1)).locks("map"),
    ]
}

fn finds() -> Line<Shared> {
    Line::branch("finds that the room of the name is empty", |s: &mut Shared| {
        s.found_empty = s.room;
        if s.room == 1 { Goto::Next } else { Goto::End }
    })
    .locks("map")
}

fn members_have_their_room(s: &Shared) -> Result<(), String> {
    if s.members_of_2 > 0 && s.room == 0 { Err("room 2 is removed under its member".to_owned()) } else { Ok(()) }
}

pub fn wrong() -> Program<Shared> {
    let removes = Line::new("removes the room of that name", |s: &mut Shared| s.room = 0).locks("map");
    let clears = [finds(), removes];
    Program::new(EMPTY_ROOM).thread('A', closes_and_opens()).thread('C', clears).always(members_have_their_room)
}

pub fn right() -> Program<Shared> {
    let removes = |s: &mut Shared| s.room = if s.room == s.found_empty { 0 } else { s.room };
    let removes = Line::new("removes it, if it is the one that was found", removes).locks("map");
    let clears = [finds(), removes];
    Program::new(EMPTY_ROOM).thread('A', closes_and_opens()).thread('C', clears).always(members_have_their_room)
}
