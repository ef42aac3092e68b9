//! Messages about which the database has nothing to decide: without a key or a condition, for nobody in particular, in rooms
//! that have a row. Nearly all are. They are the parameters of `store_messages_1`, which stores them as a set.
//!
//! Called by the journal, on its thread.

use tokio_postgres::types::ToSql;

use super::batch::{AppendAnswer, BatchAnswer};
use super::draft_columns::{DraftColumns, PUBLISH};
use super::journal::{AppendRequest, State};
use super::link::{DatabaseLink, LinkError};
use crate::chat::Outcome;

/// Stores the batch under this number, all of it or nothing. `None`: nothing was stored, since something has to be decided.
///
/// # Errors
/// Nothing was stored, or that is in doubt.
pub fn store(
    link: &mut DatabaseLink,
    journal: i64,
    batch: i64,
    appends: &[AppendRequest],
    c: &DraftColumns<'_>,
) -> Result<Option<BatchAnswer>, LinkError> {
    if !is_plain(appends, c) {
        return Ok(None);
    }
    let values: [&(dyn ToSql + Sync); 16] = [
        &journal,
        &batch,
        &c.ids,
        &c.epochs,
        &c.versions,
        &c.counts,
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

/// Whether all of them are such messages.
fn is_plain(appends: &[AppendRequest], c: &DraftColumns<'_>) -> bool {
    let is_known = |append: &AppendRequest| append.standing.id != 0 && !append.room.is_conversation();
    appends.iter().all(is_known)
        && c.operations.iter().all(|operation| *operation == PUBLISH)
        && c.recipients.iter().all(Option::is_none)
        && c.conditions.iter().all(Option::is_none)
        && c.keys.iter().all(Option::is_none)
        && c.key_conditions.iter().all(Option::is_none)
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
