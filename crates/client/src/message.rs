//! A message, as it is shown to a program.
//!
//! Made from what the server sends: live, replayed after a broken connection, or in an answer about
//! history. Texts and names come from other users; [`super::Event`] says what that means.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use roomd_protocol::data;

/// A message of a room, or a private one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Message {
    /// The room it was published in; for a private message `dm:A:B`.
    #[serde(alias = "topic")]
    pub room: String,
    /// Its author.
    #[serde(alias = "from")]
    pub user: String,
    /// The user it was sent to, if it is private.
    pub to: Option<String>,
    /// The text: UTF-8 of any length up to the server's limit. `None` when the message is encrypted, has data or
    /// was deleted.
    #[serde(rename = "message")]
    pub text: Option<String>,
    /// Why it was deleted, if whoever deleted it has said so.
    pub note: Option<String>,
    /// The ciphertext: an object that the server does not read.
    pub cipher: Option<Value>,
    /// The bytes of a message that is no text: at least one, of any length up to the server's limit.
    #[serde(default, deserialize_with = "from_base64")]
    pub data: Option<Vec<u8>>,
    /// Its number in the room: 1, 2, 3, … within an epoch.
    pub seq: u64,
    /// Of a message that is not stored, its number among those of the room; `seq` is then that of the stored message
    /// behind which it stands, 0 before the first.
    #[serde(rename = "number")]
    pub ephemeral: Option<u64>,
    /// The message id that its author's client chose.
    pub mid: Option<String>,
    /// The key that it is the newest value of; without a text, a ciphertext and data it removes the key.
    pub key: Option<String>,
    /// When the room accepted it: RFC 3339, UTC, with milliseconds.
    #[serde(default)]
    pub at: String,
    /// When it was last edited: RFC 3339, UTC. `None` if it never was.
    pub edited: Option<String>,
    /// The number of the message that this one replies to.
    pub reply_to: Option<u64>,
    /// The number of the message that this one is a reaction to; the text is then the emoji.
    pub react_to: Option<u64>,
    /// The group of whose members it is this program's, until [`super::Client::done`] says otherwise, or its time is over.
    pub group: Option<String>,
    /// Whether a member of the group had it before, and has not done it.
    #[serde(default)]
    pub redelivered: bool,
    /// How many messages before it had no space in the group, and are nobody's.
    #[serde(default)]
    pub missed: u64,
    /// Whether it was published before this client joined, or while its connection was broken.
    #[serde(skip)]
    pub replayed: bool,
    /// Whether this client sent it, as opposed to another device of the same user. In a part of a history, which does
    /// not tell devices apart: whether its user did.
    #[serde(skip)]
    pub own: bool,
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| data::from_base64(&text).ok_or_else(|| D::Error::custom("data is not base64"))).transpose()
}
