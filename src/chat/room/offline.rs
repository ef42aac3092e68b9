//! What of a private conversation is owed to one of its users: what was said to them while they were away.
//!
//! Part of a room. What was written to a socket of theirs is not owed any more, nor is what they said
//! themselves. It is given to the connection that enters, before anything else; what memory no longer
//! has, or what is more than one answer holds, its own reader fetches.

use std::sync::Arc;

use super::{ReplayRange, Room};
use crate::chat::UserName;
use crate::chat::join_options::{JoinOptions, OfflineDelivery};
use crate::chat::message::Message;
use crate::chat::receipt::Receipt;
use crate::chat::time::Moment;

/// What one who enters a private conversation is owed.
#[derive(Debug, PartialEq)]
pub(super) enum OfflineMessages {
    None,
    /// These messages.
    Messages(Vec<Arc<Message>>),
    /// More than memory has, or than can be given at once.
    Past(ReplayRange),
    /// The same, and the one who enters cannot fetch it.
    TooMuch,
}

impl Room {
    /// What was said to the user of a private conversation, and was never written to a socket of theirs.
    pub(super) fn offline_messages(&self, user: &UserName, options: &JoinOptions) -> OfflineMessages {
        let Some(OfflineDelivery { since, fetched }) = options.offline.filter(|_| self.private.is_some() && self.kept)
        else {
            return OfflineMessages::None;
        };
        let (after, until) = (self.receipts.reached(user, Receipt::Written), self.ring.newest());
        if after >= until {
            return OfflineMessages::None;
        }
        let mut offline_messages = self.ring_after(after);
        if offline_messages.len() as u64 == until - after {
            offline_messages.retain(|letter| letter.to.as_ref() == Some(user) && letter.at >= since);
            return OfflineMessages::Messages(offline_messages);
        }
        if !fetched {
            return OfflineMessages::TooMuch;
        }
        OfflineMessages::Past(ReplayRange {
            answer: None,
            after,
            until,
            history: 0,
            offline: Some((user.clone(), since)),
        })
    }

    /// What somebody said is not owed to them; it need not be written to a socket of theirs.
    pub(super) fn knows(&mut self, message: &Message) {
        if self.private.is_some() && self.receipts.reached(&message.user, Receipt::Written) + 1 == message.seq {
            let now = Moment { at: message.at, since_start: self.heard };
            self.receipts.advance(&message.user, Receipt::Written, message.seq, now);
        }
    }
}
