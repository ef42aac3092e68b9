//! The drafts of a batch, and their rooms, as columns: the parameters of what stores them.
//!
//! Called by the journal, on its thread. What each is stands in `append.sql`.

use std::borrow::Cow;

use super::journal::AppendRequest;
use super::link::LinkError;
use super::policy::description_of;
use super::row::{DELETED, TEXT, columns_of, number};
use super::words::{Words, words_of};
use crate::chat::policy::ModerationChange;
use crate::chat::{Draft, Epoch, Operation, Publication};
use crate::store::columns::{about_columns, ms};

/// The operation of a message; the others have to be decided.
pub const PUBLISH: i16 = 0;

/// See the module.
#[derive(Default)]
pub struct DraftColumns<'a> {
    // Of each room.
    pub ids: Vec<i64>,
    pub names: Vec<&'a str>,
    pub epochs: Vec<&'a str>,
    pub versions: Vec<i64>,
    pub counts: Vec<i64>,
    // Of each draft.
    pub rooms: Vec<i32>,
    pub places: Vec<i64>,
    pub operations: Vec<i16>,
    pub users: Vec<&'a str>,
    pub recipients: Vec<Option<&'a str>>,
    pub kinds: Vec<i16>,
    pub times: Vec<i64>,
    pub mids: Vec<Option<&'a [u8]>>,
    pub bodies: Vec<Cow<'a, [u8]>>,
    pub words: Vec<Option<Words>>,
    pub replies: Vec<Option<i64>>,
    pub reactions: Vec<Option<i64>>,
    pub about: Vec<Option<i64>>,
    pub as_moderator: Vec<bool>,
    pub changes: Vec<Option<String>>,
    pub conditions: Vec<Option<i64>>,
    pub keys: Vec<Option<&'a [u8]>>,
    pub key_conditions: Vec<Option<i64>>,
    pub keys_max: Vec<i64>,
}

impl<'a> DraftColumns<'a> {
    /// Those of all drafts.
    ///
    /// # Errors
    /// The system has no randomness to give, for the epoch behind the end of a room.
    pub fn of(appends: &'a [AppendRequest]) -> Result<Self, LinkError> {
        let mut columns = Self {
            ids: appends.iter().map(|append| append.standing.id).collect(),
            names: appends.iter().map(|append| append.room.as_str()).collect(),
            epochs: appends.iter().map(|append| &*append.standing.epoch).collect(),
            versions: appends.iter().map(|append| number(append.standing.version)).collect(),
            counts: appends.iter().map(|append| number(append.drafts.len() as u64)).collect(),
            ..Self::default()
        };
        for (append, room) in appends.iter().zip(1..) {
            for (draft, place) in append.drafts.iter().zip(1..) {
                columns.push((room, place), draft)?;
            }
        }
        Ok(columns)
    }

    fn push(&mut self, (room, place): (i32, i64), draft: &'a Draft) -> Result<(), LinkError> {
        let (mut recipient, mut mid, mut about, mut seq, mut moderates, mut change, mut condition) =
            (None, None, None, None, false, None, None);
        let (mut key, mut key_condition) = (None, None);
        let (what, kind, body, words) = match &draft.operation {
            Operation::Publish {
                to,
                publication: Publication { body, about: of, mid: own, if_seq, key: of_key, if_key_seq, .. },
            } => {
                (recipient, mid, about, condition) = (to.as_ref(), own.as_ref(), *of, if_seq.map(number));
                (key, key_condition) = (of_key.as_ref(), if_key_seq.map(number));
                let (kind, bytes) = columns_of(body);
                (PUBLISH, kind, Cow::Borrowed(bytes), words_of(body))
            }
            Operation::Edit { seq: of, body, as_moderator } => {
                (seq, moderates) = (Some(number(*of)), *as_moderator);
                let (kind, bytes) = columns_of(body);
                (1, kind, Cow::Borrowed(bytes), words_of(body))
            }
            Operation::Moderate(action) => {
                change = Some(description_of(action));
                if action.change == ModerationChange::Ended {
                    let epoch = Epoch(getrandom::u64().map_err(|error| LinkError::System(error.into()))?);
                    (3, DELETED, Cow::Owned(epoch.to_string().into_bytes()), None)
                } else {
                    (2, TEXT, Cow::Borrowed(&[][..]), None)
                }
            }
        };
        let (reply, reaction) = about_columns(about);
        self.rooms.push(room);
        self.places.push(place);
        self.operations.push(what);
        self.users.push(draft.speaker.user.as_str());
        self.recipients.push(recipient.map(|user| user.as_str()));
        self.kinds.push(kind);
        self.times.push(ms(draft.at));
        self.mids.push(mid.map(|mid| mid.as_str().as_bytes()));
        self.bodies.push(body);
        self.words.push(words);
        self.replies.push(reply);
        self.reactions.push(reaction);
        self.about.push(seq);
        self.as_moderator.push(moderates);
        self.changes.push(change);
        self.conditions.push(condition);
        self.keys.push(key.map(|key| key.as_str().as_bytes()));
        self.key_conditions.push(key_condition);
        self.keys_max.push(i64::try_from(draft.keys_max).unwrap_or(i64::MAX));
        Ok(())
    }
}
