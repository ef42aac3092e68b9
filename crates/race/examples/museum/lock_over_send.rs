//! A lock held over a send: the queue is full, and whoever would empty it wants the lock.
//!
//! Right: what is needed is copied out under the lock, and sent when the lock is released.

use roomd_race::{Line, Program};

const BOUND: u32 = 1;

#[derive(Clone, Debug)]
pub struct Shared {
    is_locked: bool,
    queue: u32,
}

fn receives() -> [Line<Shared>; 3] {
    [
        Line::new("locks the map, to look something up", |s: &mut Shared| s.is_locked = true)
            .when(|s| !s.is_locked)
            .locks("map"),
        Line::new("releases the map", |s: &mut Shared| s.is_locked = false),
        Line::new("receives: there is room in the queue", |s: &mut Shared| s.queue -= 1),
    ]
}

fn locks() -> Line<Shared> {
    Line::new("locks the map, and finds the sender", |s: &mut Shared| s.is_locked = true)
        .when(|s| !s.is_locked)
        .locks("map")
}

fn sends() -> Line<Shared> {
    Line::new("sends into the queue, which may be full", |s: &mut Shared| s.queue += 1)
        .when(|s| s.queue < BOUND)
        .sends_to('R')
}

fn releases() -> Line<Shared> {
    Line::new("releases the map", |s: &mut Shared| s.is_locked = false)
}

pub fn wrong() -> Program<Shared> {
    let shared = Shared { is_locked: false, queue: BOUND };
    Program::new(shared).thread('A', [locks(), sends(), releases()]).thread('R', receives())
}

pub fn right() -> Program<Shared> {
    let shared = Shared { is_locked: false, queue: BOUND };
    Program::new(shared).thread('A', [locks(), releases(), sends()]).thread('R', receives())
}
