//! The museum of mistakes: ten programs that are wrong in one order of their steps, and what is right instead.
//!
//!     cargo run -p roomd-race --example museum                        # all of them
//!     cargo run -p roomd-race --example museum lost_wakeup            # one
//!     cargo run -p roomd-race --example museum -- --html pages        # as pages, too
//!
//! `docs/museum.md` goes through them, and names the lines of the server that avoid each.

mod aba;
mod check_then_act;
mod drop_under_lock;
mod ghost;
mod goodbye;
mod last_leave;
mod lock_over_send;
mod lost_wakeup;
mod pending_joins;
#[path = "../support/mod.rs"]
mod support;
mod unbounded_queue;

/// Shows a mistake, and that what is right has none; if it is the one that is asked for, or all are.
macro_rules! exhibits {
    ($($module:ident: $title:literal,)*) => {
        /// Their names.
        pub const NAMES: &[&str] = &[$(stringify!($module)),*];

        fn show(name: &str) {
            match name {
                $(stringify!($module) => {
                    support::show_mistake($title, $module::wrong);
                    support::show_right(concat!($title, ", done right"), $module::right);
                })*
                _ => unreachable!("it is one of the names"),
            }
        }
    };
}

exhibits! {
    lost_wakeup: "Lost wake-up",
    check_then_act: "Check, then act",
    lock_over_send: "Lock held over a send",
    drop_under_lock: "Drop under a lock",
    unbounded_queue: "Unbounded queue",
    last_leave: "Last leave against a join",
    pending_joins: "Counter of pending joins",
    aba: "ABA of a name",
    goodbye: "Goodbye before the last message",
    ghost: "Ghost after a reset",
}

/// Shows them all.
pub fn all() {
    NAMES.iter().for_each(|name| show(name));
}

#[allow(dead_code, reason = "the test shows all, whatever its arguments are")]
fn main() {
    match std::env::args().nth(1) {
        Some(name) if NAMES.contains(&&*name) => show(&name),
        Some(name) if !name.starts_with('-') => {
            eprintln!("there is no {name}; there are: {}", NAMES.join(", "));
            std::process::exit(2);
        }
        _ => all(),
    }
}
