//! Check, then act: what was true when it was looked at is not true any more when it is acted upon.
//!
//! Right: to look whether a name is taken and to take it are one critical section.

use roomd_race::{Goto, Line, Program};

#[derive(Clone, Debug, Default)]
pub struct Shared {
    is_taken: bool,
    owners: u32,
}

fn one_owner(s: &Shared) -> Result<(), String> {
    if s.owners > 1 { Err(format!("{} users have one name", s.owners)) } else { Ok(()) }
}

pub fn wrong() -> Program<Shared> {
    let claims = || {
        [
            Line::branch(
                "looks whether the name is taken",
                |s: &mut Shared| {
                    if s.is_taken { Goto::End } else { Goto::Next }
                },
            )
            .locks("names"),
            Line::new("takes the name", |s: &mut Shared| {
                s.is_taken = true;
                s.owners += 1;
            })
            .locks("names"),
        ]
    };
    Program::new(Shared::default()).thread('A', claims()).thread('B', claims()).always(one_owner)
}

pub fn right() -> Program<Shared> {
    let claims = || {
        let claim = Line::new("takes the name, unless it is taken", |s: &mut Shared| {
            s.owners += u32::from(!s.is_taken);
            s.is_taken = true;
        });
        [claim.locks("names")]
    };
    Program::new(Shared::default()).thread('A', claims()).thread('B', claims()).always(one_owner)
}
