//! A counter of pending joins: it is right as long as everybody comes to the line that counts back.
//!
//! A room that panics does not. Right: what is counted is a value that is owned, and its `Drop` counts back, which also runs
//! while a stack unwinds.

use roomd_race::{Line, Program};

#[derive(Clone, Debug, Default)]
pub struct Shared {
    is_in_map: bool,
    lives: bool,
    pending: u32,
    inbox: u32,
}

fn count_back(s: &mut Shared, joins: u32) {
    s.pending -= joins;
    s.is_in_map = s.pending > 0;
}

fn joins() -> [Line<Shared>; 2] {
    let sends = |s: &mut Shared| if s.lives { s.inbox += 1 } else { count_back(s, 1) };
    [
        Line::new("looks the room up or opens it, and counts itself", |s: &mut Shared| {
            s.lives |= !s.is_in_map;
            (s.is_in_map, s.pending) = (true, s.pending + 1);
        })
        .locks("map"),
        Line::new("sends its join, or counts itself back", sends).sends_to('R'),
    ]
}

/// The room takes its first join, and panics.
fn program(panics: fn(&mut Shared)) -> Program<Shared> {
    let room = Line::new("takes a join, and panics", panics).when(|s| s.inbox > 0);
    let program = Program::new(Shared::default()).thread('A', joins()).thread('B', joins()).thread('R', [room]);
    program.at_end(|s| {
        let is_stuck = s.is_in_map && !s.lives;
        if is_stuck { Err("the name leads to a room that has failed, for ever".to_owned()) } else { Ok(()) }
    })
}

pub fn wrong() -> Program<Shared> {
    program(|s| (s.lives, s.inbox) = (false, 0))
}

pub fn right() -> Program<Shared> {
    program(|s| {
        s.lives = false;
        // Each join in the inbox is dropped with it, and counts back.
        let joins = std::mem::take(&mut s.inbox);
        count_back(s, joins);
    })
}
