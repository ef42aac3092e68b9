//! What an author is told of how far others have got: the sentences of the text dialect and of the terminal, which shows
//! what it has gathered itself.
//!
//! Without a full stop; the caller escapes names, and says where the line begins.

use std::fmt::Display;

/// Users that a sentence names, at most.
const NAMED_MAX: usize = 4;

/// Who has received, or read, one's last messages, and how many of them are news; `status` is the participle, `private`:
/// in a private conversation. One line, however many users it is about, if their names are.
#[must_use]
pub fn reached(users: &[impl Display], status: &str, messages: usize, private: bool) -> String {
    let has = if users.len() == 1 { "has" } else { "have" };
    let what = match (messages, private) {
        (0 | 1, false) => "it".to_owned(),
        (0 | 1, true) => "your private message".to_owned(),
        (several, false) => format!("your last {several} messages"),
        (several, true) => format!("your last {several} private messages"),
    };
    format!("{} {has} {status} {what}", list(users))
}

/// Whether one is told from now on.
#[must_use]
pub fn asked(on: bool) -> &'static str {
    if on {
        "You are told who has received and read your last message, as far as their programs say it"
    } else {
        "You are no longer told who has received and read your messages"
    }
}

/// How many users one's last message was written to, and have received and read it.
#[must_use]
pub fn counted([written, received, read]: [impl Display; 3]) -> String {
    format!("Sent to {written}, received by {received}, read by {read}")
}

/// `Ann, Bob and Cy`, or of more than a sentence names `Ann, Bob, Cy and 5 more`.
fn list(users: &[impl Display]) -> String {
    let (named, last) = match users {
        [] => return "Nobody".to_owned(),
        [user] => return user.to_string(),
        [users @ .., last] if users.len() < NAMED_MAX => (users, last.to_string()),
        users => (&users[..NAMED_MAX - 1], format!("{} more", users.len() - (NAMED_MAX - 1))),
    };
    format!("{} and {last}", named.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}
