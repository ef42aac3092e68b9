//! The editor of a build without the feature `client`: there is none.
//!
//! Stands in for `editor.rs` under the same name and with the same shape. A terminal is then read line
//! by line, as the system edits it, and written to as it is.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;

use super::Word;
use crate::client::{Event, Waker};

/// Names that nobody completes.
#[derive(Debug, Default)]
pub struct Names;

impl Names {
    /// There is no prompt.
    pub fn set_prompt(&self, _: [String; 2]) {}

    /// Nothing is kept anyway.
    pub fn set_secret(&self, _: bool) {}

    /// Forgets it.
    pub fn learn(&self, _: &Event) {}
}

/// Never there.
pub struct Keyboard(Infallible);

/// Never there.
pub struct Printer(Infallible);

impl Keyboard {
    /// Never called.
    pub fn end(self) {
        match self.0 {}
    }
}

impl Printer {
    /// Never called.
    ///
    /// # Errors
    /// None.
    pub fn print(&mut self, _: String) -> std::io::Result<()> {
        match self.0 {}
    }
}

/// Says that there is no editor.
pub fn start(_: Arc<Names>, _: SyncSender<Word>, _: Arc<AtomicBool>, _: Waker) -> Option<(Keyboard, Printer)> {
    None
}
