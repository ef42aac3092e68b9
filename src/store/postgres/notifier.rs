//! The thread that tells other servers which rooms have gone on.
//!
//! The journal hands it rooms after each batch and does not wait. It takes what piled up while it sent, of each room the
//! newest, and sends it with NOTIFY in transactions of its own, that wait for no disk: in the journal's, all servers would
//! wait for each other's. What cannot be sent is dropped, since each server looks by itself from time to time. The thread
//! ends with the journal.

use std::collections::BTreeMap;

use crossbeam_channel::Receiver;

use super::lasting_link::LastingLink;
use super::link::LinkError;
use super::note::{self, Head};

/// Rooms that may wait to be told; those beyond it are not.
pub const HEADS_MAX: usize = 4_096;

/// See the module.
pub struct Notifier {
    link: LastingLink,
    server: i64,
    channel: String,
    inbox: Receiver<Head>,
    /// Whether the last note could not be sent: logged once, not at each.
    is_failing: bool,
}

impl Notifier {
    /// Sends the notes of the server of this number.
    pub fn new(link: LastingLink, server: i64, channel: String, inbox: Receiver<Head>) -> Self {
        Self { link, server, channel, inbox, is_failing: false }
    }

    /// The body of its thread.
    pub fn run(mut self) {
        while let Ok(first) = self.inbox.recv() {
            let mut heads = BTreeMap::new();
            // In the journal's order: the last of a room is its newest.
            for head in std::iter::once(first).chain(self.inbox.try_iter().take(HEADS_MAX)) {
                heads.insert(head.room.clone(), head);
            }
            match self.send(heads) {
                Ok(()) => self.is_failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        log::warn!(error:%; "other servers are not told what was stored: they find it a little later");
                    }
                }
            }
        }
    }

    fn send(&mut self, heads: BTreeMap<crate::chat::RoomName, Head>) -> Result<(), LinkError> {
        let link = self.link.link()?;
        for note in note::write(self.server, heads.into_values()) {
            link.query("SELECT pg_notify($1, $2)", &[&self.channel, &note])?;
        }
        Ok(())
    }
}
