//! A store that numbers and forgets: a room's history lasts as long as the room.
//!
//! Each opening has an epoch of its own, so that a client that comes back to a room of the same
//! name knows that its numbers mean nothing any more. The text of messages is kept by the room's
//! ring; here are only the numbers, and the newest `mid`s.

use std::collections::{HashMap, VecDeque};

use super::{Ledger, Opened, Store};
use crate::chat::room::{Draft, Outcome, StoreFailed};
use crate::chat::{Mid, RoomName, Time, UserName};

/// `mid`s of a room that are remembered: some kilobytes, and more than a client repeats after an
/// interruption.
pub const MIDS_MAX: usize = 1_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Memory;

#[derive(Default)]
struct Book {
    seq: u64,
    mids: HashMap<(UserName, Mid), (u64, Time)>,
    /// The same, oldest first.
    order: VecDeque<(UserName, Mid)>,
}

impl Store for Memory {
    fn open(&self, _: &RoomName) -> Result<Opened, StoreFailed> {
        let drawn = getrandom::u64().map_err(|_| StoreFailed)?;
        Ok(Opened { epoch: format!("e{drawn:016x}").into(), seq: 0, ledger: Box::<Book>::default() })
    }
}

impl Ledger for Book {
    fn append(&mut self, drafts: &[Draft]) -> Result<Vec<Outcome>, StoreFailed> {
        Ok(drafts.iter().map(|draft| self.enter(draft)).collect())
    }
}

impl Book {
    fn enter(&mut self, draft: &Draft) -> Outcome {
        let key = draft.mid.clone().map(|mid| (draft.speaker.user.clone(), mid));
        if let Some(&(seq, at)) = key.as_ref().and_then(|key| self.mids.get(key)) {
            return Outcome::Repeat { seq, at };
        }
        self.seq += 1;
        if let Some(key) = key {
            if self.order.len() >= MIDS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.mids.remove(&oldest);
            }
            self.mids.insert(key.clone(), (self.seq, draft.at));
            self.order.push_back(key);
        }
        Outcome::Stored { seq: self.seq }
    }
}
