//! A drop under a lock: the last reference goes while the lock is held, and what goes with it wants the same lock.
//!
//! It happens only if the reference is the last one, so it passes every test in which it is not. Right: what is taken out of
//! the map leaves the critical section before it is dropped.

use roomd_race::{Goto, Line, Program};

#[derive(Clone, Debug)]
pub struct Shared {
    is_locked: bool,
    references: u32,
}

fn locks() -> Line<Shared> {
    Line::new("locks the map, and takes the entry out", |s: &mut Shared| s.is_locked = true)
        .when(|s| !s.is_locked)
        .locks("map")
}

fn releases() -> Line<Shared> {
    Line::new("releases the map", |s: &mut Shared| s.is_locked = false)
}

/// Drops a reference; with the last, a seat goes, whose `Drop` locks the map. If it is not the last, it goes on at `ELSE`.
fn drops<const ELSE: usize>() -> [Line<Shared>; 2] {
    let drops = |s: &mut Shared| {
        s.references -= 1;
        if s.references == 0 { Goto::Next } else { Goto::Step(ELSE) }
    };
    [
        Line::branch("drops its reference", drops),
        Line::new("had the last: its Drop locks the map", |_: &mut Shared| ()).when(|s| !s.is_locked).locks("map"),
    ]
}

const BOTH: Shared = Shared { is_locked: false, references: 2 };

pub fn wrong() -> Program<Shared> {
    let [drops, last] = drops::<3>();
    Program::new(BOTH).thread('A', [locks(), drops, last, releases()]).thread('B', self::drops::<2>())
}

pub fn right() -> Program<Shared> {
    let [drops, last] = drops::<4>();
    Program::new(BOTH).thread('A', [locks(), releases(), drops, last]).thread('B', self::drops::<2>())
}
