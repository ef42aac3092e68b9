//! Short forms of what the tests store and read: names, drafts, pages.
//!
//! Each draft has a time of its own kind: a message 1, an edit 2, a deletion 3, unless a test gives another.

use roomd::chat::members::MemberId;
use roomd::chat::policy::{ModerationAction, ModerationChange};
use roomd::chat::{
    Appended, AuthLevel, Body, Draft, Message, Mid, Note, Operation, Outcome, Publication, Receipt, ReceiptMark,
    RoomName, Span, Speaker, StoreFailed, Time, UserName,
};
use roomd::store::{Page, PageQuery, RoomLog, Store};

/// A room's name.
pub fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

/// A user.
pub fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

/// A draft; `at` is its time in milliseconds.
pub fn draft(author: &str, at: u64, operation: Operation) -> Draft {
    let speaker =
        Speaker { member: MemberId(1), user: user(author), auth_level: AuthLevel::Guest, has_own_rate: false };
    Draft::new(speaker, operation, Time(at))
}

/// A message of this time; an empty `mid` is none.
pub fn message_at(author: &str, at: u64, text: &str, mid: &str) -> Draft {
    let publication = Publication { mid: Mid::parse(mid).ok(), ..Publication::text(text) };
    draft(author, at, Operation::Publish { to: None, publication })
}

/// A message; an empty `mid` is none.
pub fn message(author: &str, text: &str, mid: &str) -> Draft {
    message_at(author, 1, text, mid)
}

/// A message of Anna's that is to be stored behind the one of this number; an empty `mid` is none.
pub fn message_behind(seq: u64, text: &str, mid: &str) -> Draft {
    let publication = Publication { mid: Mid::parse(mid).ok(), if_seq: Some(seq), ..Publication::text(text) };
    draft("Anna", 1, Operation::Publish { to: None, publication })
}

/// A message in a private conversation.
pub fn private_message(author: &str, to: &str, text: &str) -> Draft {
    draft(author, 1, Operation::Publish { to: Some(user(to)), publication: Publication::text(text) })
}

/// A new body of a message.
pub fn edit(author: &str, seq: u64, text: &str) -> Draft {
    draft(author, 2, Operation::Edit { seq, body: Body::Text(text.into()), as_moderator: false })
}

/// The deletion of a message.
pub fn delete(author: &str, seq: u64) -> Draft {
    draft(author, 3, Operation::Edit { seq, body: Body::Deleted(None), as_moderator: false })
}

/// A change of the room's policy, with a note.
pub fn moderate(by: &str, at: u64, change: ModerationChange) -> Draft {
    draft(by, at, Operation::Moderate(ModerationAction { change, note: Some(Note::stored("note")) }))
}

/// How far a user has got.
pub fn mark(name: &str, receipt: Receipt, seq: u64, at: u64) -> ReceiptMark {
    ReceiptMark { user: user(name), receipt, seq, at: Time(at) }
}

/// A room log that nobody else has another of.
pub trait OnlyLog {
    /// The outcomes of the drafts, behind nothing that others did.
    fn outcomes(&mut self, drafts: &[Draft]) -> Result<Vec<Outcome>, StoreFailed>;
}

impl OnlyLog for Box<dyn RoomLog> {
    fn outcomes(&mut self, drafts: &[Draft]) -> Result<Vec<Outcome>, StoreFailed> {
        let Appended { before, outcomes } = self.append(drafts)?;
        assert_eq!(before, [], "there is nobody else");
        Ok(outcomes)
    }
}

/// The open log of a room.
pub fn room_log(store: &dyn Store, name: &str) -> Box<dyn RoomLog> {
    store.open(&room(name), 0).unwrap().room_log
}

/// A page with all that fits.
pub fn page(store: &dyn Store, name: &str, span: Span) -> Page {
    store.page(&room(name), PageQuery { span, count: 1_000, bytes: 1 << 30 }).unwrap().expect("the room has a history")
}

/// The bodies of messages, with their numbers; `-` for a deleted one.
pub fn texts(messages: &[Message]) -> Vec<(u64, String)> {
    let text = |message: &Message| match &message.body {
        Body::Text(text) | Body::Cipher(text) => text.to_string(),
        Body::Data(_) => "bytes".to_owned(),
        Body::Deleted(_) => "-".to_owned(),
    };
    messages.iter().map(|message| (message.seq, text(message))).collect()
}
