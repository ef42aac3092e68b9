//! What of a private conversation is owed to one of its users: what was said to them while they were away.
//!
//! Part of a room. What was written to a socket of theirs is not owed any more, nor is what they said
//! themselves. It is given to the connection that enters, before anything else; what memory no longer
//! has, or what is more than one answer holds, its own reader fetches.

use std::sync::Arc;

use super::{Recall, Room};
use crate::chat::UserName;
use crate::chat::command::{JoinWish, Owed};
use crate::chat::message::Message;
use crate::chat::record::Receipt;
use crate::chat::time::Moment;

/// What one who enters a private conversation is owed.
#[derive(Debug, PartialEq)]
pub(super) enum Debt {
    None,
    /// These messages.
    Messages(Vec<Arc<Message>>),
    /// More than memory has, or than can be given at once.
    Past(Recall),
    /// The same, and the one who enters cannot fetch it.
    TooMuch,
}

impl Room {
    /// What was said to the user of a private conversation, and was never written to a socket of theirs.
    pub(super) fn debt(&self, user: &UserName, wish: &JoinWish) -> Debt {
        let Some(Owed { since, fetched }) = wish.owed.filter(|_| self.private.is_some() && self.kept) else {
            return Debt::None;
        };
        let (after, until) = (self.receipts.reached(user, Receipt::Written), self.ring.newest());
        if after >= until {
            return Debt::None;
        }
        let mut letters = self.ring_after(after);
        if letters.len() as u64 == until - after {
            letters.retain(|letter| letter.to.as_ref() == Some(user) && letter.at >= since);
            return Debt::Messages(letters);
        }
        if !fetched {
            return Debt::TooMuch;
        }
        Debt::Past(Recall { answer: None, after, until, history: 0, letters: Some((user.clone(), since)) })
    }

    /// What somebody said is not owed to them; it need not be written to a socket of theirs.
    pub(super) fn knows(&mut self, message: &Message) {
        if self.private.is_some() && self.receipts.reached(&message.user, Receipt::Written) + 1 == message.seq {
            let now = Moment { at: message.at, since_start: self.heard };
            self.receipts.advance(&message.user, Receipt::Written, message.seq, now);
        }
    }
}
