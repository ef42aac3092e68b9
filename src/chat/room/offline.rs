//! The undelivered messages of a private conversation: those that a user missed while offline.
//!
//! Part of a room. A message that was written to a socket of the user's is delivered, and so are the user's
//! own. The others go to the connection that joins, before anything else; what memory no longer
//! has, or what is more than one answer holds, its own reader fetches. Where servers share the history, a connection is entered
//! behind what was said through another one, and is given that, too, whoever said it.

use std::sync::Arc;

use super::{Latest, ReplayRange, Room};
use crate::chat::UserName;
use crate::chat::join_options::{JoinOptions, OfflineDelivery};
use crate::chat::message::Message;
use crate::chat::receipt::Receipt;
use crate::chat::time::Moment;

/// The undelivered messages for a new member of a private conversation.
#[derive(Debug, PartialEq)]
pub(super) enum OfflineMessages {
    None,
    /// All of them.
    Messages(Vec<Arc<Message>>),
    /// More than memory has, or than fit in an answer: the reader fetches this range.
    Past(ReplayRange),
    /// The same, for a connection that cannot fetch it.
    TooMuch,
}

impl Room {
    /// The messages to this user that were never written to a socket of theirs, and those of both that the connection was to
    /// be given while it was not a member.
    pub(super) fn offline_messages(&self, user: &UserName, options: &JoinOptions) -> OfflineMessages {
        if self.private.is_none() || !self.kept {
            return OfflineMessages::None;
        }
        let (written, until) = (self.receipts.reached(user, Receipt::Written), self.ring.newest());
        let of_user = options.offline.map(|_| written);
        let of_both = options.from.map(|from| from.saturating_sub(1));
        let Some(after) = of_user.into_iter().chain(of_both).min().filter(|after| *after < until) else {
            return OfflineMessages::None;
        };
        let mut offline_messages = self.ring_after(after);
        if offline_messages.len() as u64 == until - after {
            let was_missed = |message: &Message| {
                let since = options.offline.map(|offline| offline.since);
                let is_later = since.is_some_and(|since| message.at >= since) && message.seq > written;
                is_later && message.to.as_ref() == Some(user)
            };
            offline_messages
                .retain(|message| options.from.is_some_and(|from| message.seq >= from) || was_missed(message));
            return OfflineMessages::Messages(offline_messages);
        }
        match options.offline {
            Some(OfflineDelivery { since, fetched: true }) => OfflineMessages::Past(ReplayRange {
                answer: None,
                after: written,
                until,
                history: 0,
                latest: Latest::No,
                offline: Some((user.clone(), since)),
            }),
            _ => OfflineMessages::TooMuch,
        }
    }

    /// Marks a message as written to its author, who need not be sent it.
    pub(super) fn mark_own_written(&mut self, message: &Message) {
        if self.private.is_some() && self.receipts.reached(&message.user, Receipt::Written) + 1 == message.seq {
            let now = Moment { at: message.at, since_start: self.last_input };
            self.receipts.advance(&message.user, Receipt::Written, message.seq, now);
        }
    }
}
