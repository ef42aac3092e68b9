//! The watch over memory, where this process has a limit of it: of its address space or of its control groups.
//!
//! An allocation that is refused ends the process, and a group that takes more than it may is killed. So a thread,
//! `memory`, looks how much is left, more often the less it is. When little is left, newcomers are refused, and the
//! clients for whom most waits are cut, half of what waits at each look, until enough is left again. Without a limit
//! there is no such thread.

use std::time::{Duration, Instant};

use crate::engine::base::memory::Bounded;
use crate::engine::base::sync::{Condvar, Mutex};
use crate::engine::clients::outbox_total::OutboxTotal;

/// The role of the thread.
pub const ROLE: &str = "memory";
/// How long it waits for the next look while much is left.
const CALM: Duration = Duration::from_millis(250);
/// The same while little is left.
const CLOSE: Duration = Duration::from_millis(20);
/// Much is left: so many times what is kept.
const MUCH: u64 = 4;
/// The part of what is kept that may wait for clients whatever happens: cutting them would help no more.
const SPARED: u64 = 8;

/// See the module.
#[derive(Default)]
pub struct MemoryWatch {
    /// Whether the server stops.
    is_closing: Mutex<bool>,
    closed: Condvar,
}

impl MemoryWatch {
    /// The body of the thread. `look` says how much is used of the bound that is nearest, `tell` is called when memory
    /// becomes short and when it is enough again.
    pub fn run(&self, total: &OutboxTotal, look: impl Fn() -> Option<Bounded>, tell: impl Fn(bool)) {
        let mut is_short = false;
        while let Some(bounded) = look() {
            let was_short = is_short;
            is_short = step(was_short, bounded, total);
            if is_short != was_short {
                tell(is_short);
            }
            let is_calm = !is_short && bounded.left() >= MUCH * bounded.kept();
            if self.is_over(Instant::now() + if is_calm { CALM } else { CLOSE }) {
                break;
            }
        }
    }

    /// Waits for the next look. True: the server stops.
    fn is_over(&self, next: Instant) -> bool {
        let mut is_closing = self.is_closing.lock();
        while !*is_closing {
            if self.closed.wait_until(&mut is_closing, next).timed_out() {
                break;
            }
        }
        *is_closing
    }

    /// Ends the thread.
    pub fn close(&self) {
        *self.is_closing.lock() = true;
        self.closed.notify_all();
    }
}

/// One look: whether memory is short now. If so, clients are cut.
fn step(was_short: bool, bounded: Bounded, total: &OutboxTotal) -> bool {
    let is_short = if was_short { !bounded.is_enough() } else { bounded.is_low() };
    let Bounded { what, limit, used } = bounded;
    if is_short {
        let bytes = total.bytes();
        let may_wait = (bytes / 2).max(usize::try_from(bounded.kept() / SPARED).unwrap_or(usize::MAX));
        if bytes > may_wait {
            total.cut_to(may_wait);
        }
        if !was_short {
            log::warn!(
                limit, used, outboxes = bytes;
                "memory is short, by {what}: newcomers are refused, and the clients for whom most waits are cut"
            );
        }
    } else if was_short {
        log::info!(limit, used; "memory is enough again");
    }
    is_short
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::cell::RefCell;
    use std::sync::{Arc, OnceLock};

    use super::*;
    use crate::engine::clients::outbox_total::{HoldsEvents, OutboxShare};

    const MIB: u64 = 1024 * 1024;

    fn bounded(used_mib: u64) -> Bounded {
        Bounded { what: "a test", limit: 1_024 * MIB, used: used_mib * MIB }
    }

    /// A client for whom so much waits, until it is cut.
    #[derive(Default)]
    struct Client(OnceLock<OutboxShare>, Mutex<usize>);

    impl Client {
        fn new(total: &Arc<OutboxTotal>, bytes: usize) -> Arc<Self> {
            let client = Arc::<Self>::default();
            let weak = Arc::downgrade(&client) as std::sync::Weak<dyn HoldsEvents>;
            client.0.get_or_init(|| OutboxShare::new(total, usize::MAX, weak)).add(bytes, bytes);
            *client.1.lock() = bytes;
            client
        }
    }

    impl HoldsEvents for Client {
        fn cut(&self) {
            let bytes = std::mem::take(&mut *self.1.lock());
            self.0.get().expect("it is set when the client is made").remove(bytes, bytes);
        }
    }

    #[test]
    fn while_memory_is_short_the_fullest_clients_are_cut_and_the_others_spared() {
        let total = Arc::default();
        let sizes = [40, 20, 10, 1].map(|mib| mib << 20);
        let clients = sizes.map(|bytes| Client::new(&total, bytes));
        let left = || clients.each_ref().map(|client| *client.1.lock() >> 20);
        assert!(!step(false, bounded(900), &total));
        assert_eq!(left(), [40, 20, 10, 1], "enough is left");
        assert!(step(false, bounded(970), &total));
        assert_eq!(left(), [0, 20, 10, 1]);
        assert!(step(true, bounded(950), &total), "not enough yet");
        assert_eq!(left(), [0, 0, 10, 1]);
        assert!(step(true, bounded(950), &total));
        assert_eq!(left(), [0, 0, 0, 1]);
        assert!(step(true, bounded(950), &total));
        assert_eq!(left(), [0, 0, 0, 1], "what is left is not the cause");
        assert!(!step(true, bounded(900), &total));
    }

    #[test]
    fn both_changes_are_told_and_the_watch_ends_with_the_server() {
        let (watch, told) = (MemoryWatch::default(), RefCell::new(Vec::new()));
        let used = RefCell::new(vec![900, 1_000, 1_000, 100]);
        let look = || {
            let next = used.borrow_mut().pop();
            if next.is_none() {
                watch.close();
            }
            Some(bounded(next.unwrap_or(100)))
        };
        watch.run(&OutboxTotal::default(), look, |is_short| told.borrow_mut().push(is_short));
        assert_eq!(*told.borrow(), [true, false]);
    }
}
