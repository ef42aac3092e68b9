//! A fault that strikes once, at a use that a test chose.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Uses of anything in one scenario, at most.
const USES_MAX: usize = 2_000;

/// See the module. Uses count from 1.
#[derive(Debug)]
pub struct Fault {
    at: usize,
    uses: AtomicUsize,
    over: AtomicBool,
}

impl Fault {
    /// One that strikes at this use.
    pub fn at(use_: usize) -> Arc<Self> {
        Arc::new(Self { at: use_, uses: AtomicUsize::new(0), over: AtomicBool::new(false) })
    }

    /// One that never strikes.
    pub fn never() -> Arc<Self> {
        Self::at(0)
    }

    /// Counts a use; whether this is the one.
    pub fn strikes(&self) -> bool {
        !self.over.load(Ordering::SeqCst) && self.uses.fetch_add(1, Ordering::SeqCst) + 1 == self.at
    }

    /// Whether it has struck.
    pub fn has_struck(&self) -> bool {
        self.at > 0 && self.uses.load(Ordering::SeqCst) >= self.at
    }

    /// From now on it does not strike, if it has not yet.
    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

/// Plays a scenario with a fault at its first use, at its second, and so on until it passes without.
pub fn at_every_use(mut scenario: impl FnMut(&Arc<Fault>)) {
    for use_ in 1..=USES_MAX {
        let fault = Fault::at(use_);
        // Printed only with what fails.
        println!("fails at use {use_}");
        scenario(&fault);
        if !fault.has_struck() {
            assert!(use_ > 1, "nothing was used");
            return;
        }
    }
    panic!("it is used forever");
}
