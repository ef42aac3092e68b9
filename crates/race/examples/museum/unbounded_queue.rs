//! The unbounded queue: it never makes its sender wait, and grows as long as the receiver is slower.
//!
//! Right: a bound, and something that happens when it is reached. Here the sender waits, and with it whoever sends to it.

use roomd_race::{Goto, Line, Program};

const BOUND: u32 = 2;
const MESSAGES: u32 = 5;

#[derive(Clone, Debug, Default)]
pub struct Shared {
    sent: u32,
    waiting: u32,
    written: u32,
}

fn fits(s: &Shared) -> Result<(), String> {
    if s.waiting > BOUND {
        Err(format!("{} messages are in memory, and it has room for {BOUND}", s.waiting))
    } else {
        Ok(())
    }
}

fn sends() -> Line<Shared> {
    let sends = |s: &mut Shared| {
        (s.sent, s.waiting) = (s.sent + 1, s.waiting + 1);
        if s.sent == MESSAGES { Goto::End } else { Goto::Step(0) }
    };
    Line::branch("sends a message", sends).sends_to('W')
}

fn writes() -> Line<Shared> {
    let writes = |s: &mut Shared| {
        (s.waiting, s.written) = (s.waiting - 1, s.written + 1);
        if s.written == MESSAGES { Goto::End } else { Goto::Step(0) }
    };
    Line::branch("writes a message to a slow socket", writes).when(|s| s.waiting > 0)
}

pub fn wrong() -> Program<Shared> {
    Program::new(Shared::default()).thread('A', [sends()]).thread('W', [writes()]).always(fits)
}

pub fn right() -> Program<Shared> {
    let waits = sends().when(|s| s.waiting < BOUND);
    Program::new(Shared::default()).thread('A', [waits]).thread('W', [writes()]).always(fits)
}
