//! Messages about which the database has nothing to decide: without a key or a condition, for nobody in particular, in rooms
//! that have a row. Nearly all are. They are the parameters of `store_messages_1`, which stores them as a set.
//!
//! Called by the journal, on its thread.

use tokio_postgres::types::ToSql;

use super::batch::{AppendAnswer, BatchAnswer};
use super::journal::{AppendRequest, State};
use super::link::{DatabaseLink, LinkError};
use super::row::{columns_of, number};
use super::words::{Words, words_of};
use crate::chat::{Draft, Mid, Operation, Outcome, Publication};
use crate::store::columns::{about_columns, ms};

/// The columns of the messages.
#[derive(Default)]
struct Columns<'a> {
    rooms: Vec<i32>,
    places: Vec<i64>,
    users: Vec<&'a str>,
    kinds: Vec<i16>,
    times: Vec<i64>,
    mids: Vec<Option<&'a [u8]>>,
    bodies: Vec<&'a [u8]>,
    words: Vec<Option<Words>>,
    replies: Vec<Option<i64>>,
    reactions: Vec<Option<i64>>,
}

/// Stores the batch under this number, all of it or nothing. `None`: nothing was stored, since something has to be decided.
///
/// # Errors
/// Nothing was stored, or that is in doubt.
pub fn store(
    link: &mut DatabaseLink,
    journal: i64,
    batch: i64,
    appends: &[AppendRequest],
) -> Result<Option<BatchAnswer>, LinkError> {
    let Some(c) = columns(appends) else { return Ok(None) };
    let ids: Vec<_> = appends.iter().map(|append| append.standing.id).collect();
    let epochs: Vec<_> = appends.iter().map(|append| &*append.standing.epoch).collect();
    let versions: Vec<_> = appends.iter().map(|append| number(append.standing.version)).collect();
    let counts: Vec<_> = appends.iter().map(|append| number(append.drafts.len() as u64)).collect();
    let values: [&(dyn ToSql + Sync); 16] = [
        &journal,
        &batch,
        &ids,
        &epochs,
        &versions,
        &counts,
        &c.rooms,
        &c.places,
        &c.users,
        &c.kinds,
        &c.times,
        &c.mids,
        &c.bodies,
        &c.words,
        &c.replies,
        &c.reactions,
    ];
    let sql =
        "SELECT store_messages_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) AS states";
    let states: Option<Vec<i64>> = link.row(sql, &values)?.and_then(|row| row.get(0));
    states.map(|states| answer(&states, appends)).transpose()
}

/// `None`: at least one of them is no such message.
fn columns(appends: &[AppendRequest]) -> Option<Columns<'_>> {
    let mut columns = Columns::default();
    for (append, room) in appends.iter().zip(1..) {
        if append.standing.id == 0 || append.room.is_conversation() {
            return None;
        }
        for (draft, place) in append.drafts.iter().zip(1..) {
            columns.push((room, place), draft)?;
        }
    }
    Some(columns)
}

impl<'a> Columns<'a> {
    fn push(&mut self, (room, place): (i32, i64), draft: &'a Draft) -> Option<()> {
        let Operation::Publish { to: None, publication } = &draft.operation else { return None };
        let Publication { body, about, mid, if_seq: None, key: None, if_key_seq: None, .. } = publication else {
            return None;
        };
        let (kind, bytes) = columns_of(body);
        let (reply, reaction) = about_columns(*about);
        self.rooms.push(room);
        self.places.push(place);
        self.users.push(draft.speaker.user.as_str());
        self.kinds.push(kind);
        self.times.push(ms(draft.at));
        self.mids.push(mid.as_ref().map(|mid| Mid::as_str(mid).as_bytes()));
        self.bodies.push(bytes);
        self.words.push(words_of(body));
        self.replies.push(reply);
        self.reactions.push(reaction);
        Some(())
    }
}

/// Of each room its index, newest number, version and id before the batch. Each message is in its place behind that.
fn answer(states: &[i64], appends: &[AppendRequest]) -> Result<BatchAnswer, LinkError> {
    let (states, rest) = states.as_chunks();
    if !rest.is_empty() || states.len() != appends.len() {
        return Err(LinkError::Invalid("an answer that is none: the states of rooms".to_owned()));
    }
    let room = |(append, &[_, newest, version, id]): (&AppendRequest, &[i64; 4])| {
        let state = State { id, newest: newest.cast_unsigned(), version: version.cast_unsigned() };
        let seqs = state.newest + 1..;
        let outcomes = seqs.take(append.drafts.len()).map(|seq| Outcome::Stored { seq }).collect();
        AppendAnswer { state, outcomes, ..AppendAnswer::default() }
    };
    Ok(BatchAnswer { rooms: appends.iter().zip(states).map(room).collect(), told: false })
}
