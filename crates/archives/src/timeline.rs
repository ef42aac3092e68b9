//! The messages of one room on their way into order.
//!
//! A format collects them as they come, with answers by what identifies messages there; here each gets its number, and its
//! reactions follow it.

use std::collections::HashMap;

use roomd_protocol::{UserName, shows_something};

use super::archive::{About, Archive, Message};

/// The beginning of the year 10000, in milliseconds since 1970: RFC 3339 writes times before it.
pub const TIME_END_MS: u64 = 253_402_300_800_000;

/// A message as an archive has it.
pub struct Post {
    /// What identifies it there; it is unique in its room.
    pub id: String,
    pub user: UserName,
    pub at_ms: u64,
    pub edited_ms: Option<u64>,
    pub text: String,
    /// The message that it answers.
    pub parent: Option<String>,
    /// Reactions: who, with what.
    pub reactions: Vec<(UserName, String)>,
}

/// The messages in the order of their times, each with its reactions behind it. What says nothing, and answers to messages
/// that are not there, are counted.
pub fn in_order(mut posts: Vec<Post>, archive: &mut Archive) -> Vec<Message> {
    posts.retain(|post| {
        let is_shown = shows_something(&post.text);
        if !is_shown {
            archive.leave_out("messages without a text");
        }
        is_shown
    });
    posts.sort_by(|one, other| (one.at_ms, &one.id).cmp(&(other.at_ms, &other.id)));
    posts.dedup_by(|one, other| one.id == other.id);
    let (mut messages, mut numbers) = (Vec::with_capacity(posts.len()), HashMap::new());
    for post in posts {
        let Post { id, user, at_ms, edited_ms, text, parent, reactions } = post;
        let parent = parent.and_then(|parent| {
            let number = numbers.get(&parent).copied();
            if number.is_none() {
                archive.leave_out("answers to messages that are not in the archive (they stand alone)");
            }
            number
        });
        let number = messages.len() as u64 + 1;
        numbers.insert(id.clone(), number);
        messages.push(Message { user, at_ms, edited_ms, text, about: parent.map(About::Reply), id: Some(id) });
        messages.extend(reactions.into_iter().map(|(user, text)| {
            let about = Some(About::Reaction(number));
            Message { user, at_ms, edited_ms: None, text, about, id: None }
        }));
    }
    messages
}
