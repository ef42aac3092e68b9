//! The lost wake-up: who looks and then goes to sleep misses the call that comes in between.
//!
//! Right: to look and to go to sleep are one critical section, as `Condvar::wait` makes them, which releases the lock and
//! sleeps at once.

use roomd_race::{Goto, Line, Program};

#[derive(Clone, Debug, Default)]
pub struct Shared {
    is_ready: bool,
    is_asleep: bool,
}

fn wakes() -> [Line<Shared>; 2] {
    [
        Line::new("puts the reply there", |s: &mut Shared| s.is_ready = true).locks("slot"),
        Line::new("notifies: wakes whoever sleeps", |s: &mut Shared| s.is_asleep = false),
    ]
}

fn wakes_up() -> Line<Shared> {
    Line::branch("is woken, and looks again", |s: &mut Shared| if s.is_ready { Goto::End } else { Goto::Step(0) })
        .when(|s| !s.is_asleep)
}

pub fn wrong() -> Program<Shared> {
    let waits = [
        Line::branch("looks for the reply", |s: &mut Shared| if s.is_ready { Goto::End } else { Goto::Next })
            .locks("slot"),
        Line::new("goes to sleep", |s: &mut Shared| s.is_asleep = true),
        wakes_up(),
    ];
    Program::new(Shared::default()).thread('A', waits).thread('B', wakes())
}

pub fn right() -> Program<Shared> {
    let waits = [
        Line::branch("looks for the reply, and goes to sleep", |s: &mut Shared| {
            s.is_asleep = !s.is_ready;
            if s.is_ready { Goto::End } else { Goto::Next }
        })
        .locks("slot"),
        wakes_up(),
    ];
    Program::new(Shared::default()).thread('A', waits).thread('B', wakes())
}
