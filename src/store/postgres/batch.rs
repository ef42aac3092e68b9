//! A batch of drafts: stored as a set, or by `append_3` where something has to be decided, and its answers.
//!
//! Called by the journal, on its thread.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::draft_columns::DraftColumns;
use super::journal::{AppendRequest, State};
use super::link::{DatabaseLink, LinkError};
use super::note::Head;
use super::plain_messages;
use crate::chat::{Epoch, Outcome, RoomName};
use crate::store::columns::time;

/// What became of the drafts of one room.
#[derive(Debug, Default)]
pub struct AppendAnswer {
    /// Where the room stood before.
    pub state: State,
    /// The id of the room that has the name now, if the room has ended.
    pub ended: Option<i64>,
    /// One outcome for each draft, in order.
    pub outcomes: Vec<Outcome>,
    /// Whether the room in the database is of another epoch than the one that the drafts are for: then there are no outcomes.
    pub is_superseded: bool,
}

impl AppendAnswer {
    /// Whether nothing was stored, because the policy has changed.
    pub fn is_stale(&self) -> bool {
        self.outcomes.contains(&Outcome::Stale)
    }

    /// Where the room stands behind it, for other servers; `None`: nothing has changed.
    pub fn head(&self, room: &RoomName) -> Option<Head> {
        let State { mut newest, mut version, .. } = self.state;
        for outcome in &self.outcomes {
            match outcome {
                Outcome::Stored { seq } => newest = *seq,
                Outcome::Changed => version += 1,
                Outcome::Ended { .. } => return Some(Head { room: room.clone(), newest: 0, version: 0 }),
                Outcome::Repeat { .. } | Outcome::Conflict { .. } | Outcome::KeyConflict { .. } => {}
                Outcome::TooManyKeys | Outcome::Missing | Outcome::NotAuthor | Outcome::Stale => {}
            }
        }
        let has_changed = (newest, version) != (self.state.newest, self.state.version);
        has_changed.then(|| Head { room: room.clone(), newest, version })
    }
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct BatchAnswer {
    /// Of each room.
    pub rooms: Vec<AppendAnswer>,
    /// Whether something waits for a webhook.
    pub told: bool,
}

/// Stores the batch under this number, all of it or nothing.
///
/// # Errors
/// Nothing was stored, or that is in doubt.
pub fn store(
    link: &mut DatabaseLink,
    journal: i64,
    batch: i64,
    appends: &[AppendRequest],
) -> Result<BatchAnswer, LinkError> {
    let c = &DraftColumns::of(appends)?;
    if let Some(answer) = plain_messages::store(link, journal, batch, appends, c)? {
        return Ok(answer);
    }
    let values: [&(dyn ToSql + Sync); 25] = [
        &journal,
        &batch,
        &c.ids,
        &c.names,
        &c.epochs,
        &c.versions,
        &c.rooms,
        &c.places,
        &c.operations,
        &c.users,
        &c.recipients,
        &c.kinds,
        &c.times,
        &c.mids,
        &c.bodies,
        &c.words,
        &c.replies,
        &c.reactions,
        &c.about,
        &c.as_moderator,
        &c.changes,
        &c.conditions,
        &c.keys,
        &c.key_conditions,
        &c.keys_max,
    ];
    let sql =
        "SELECT i, what, a, b, c, usr FROM append_3($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
        $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)";
    let rows = link.query(sql, &values)?;
    answers(&rows, appends)
}

/// The rooms' states come first, and again behind an end; the outcomes are numbered through all rooms.
fn answers(rows: &[Row], appends: &[AppendRequest]) -> Result<BatchAnswer, LinkError> {
    let count = appends.iter().map(|append| append.drafts.len()).sum();
    let mut outcomes = vec![None; count];
    let mut states: Vec<Option<State>> = vec![None; appends.len()];
    let (mut ended, mut told) = (vec![None; appends.len()], false);
    let invalid = |what: &str| LinkError::Invalid(format!("an answer that is none: {what}"));
    for row in rows {
        let index = usize::try_from(row.get::<_, i32>(0)).ok().and_then(|index| index.checked_sub(1));
        let index = index.ok_or_else(|| invalid("an index"))?;
        let value = |column: usize| row.get::<_, Option<i64>>(column).unwrap_or_default();
        match row.get::<_, i16>(1) {
            0 => *outcomes.get_mut(index).ok_or_else(|| invalid("a draft"))? = Some(outcome(row)?),
            4 => {
                let state = State { id: value(4), newest: value(2).cast_unsigned(), version: value(3).cast_unsigned() };
                match states.get_mut(index).ok_or_else(|| invalid("a room"))? {
                    Some(_) => ended[index] = Some(state.id),
                    before => *before = Some(state),
                }
            }
            5 => told = true,
            _ => return Err(invalid("a row")),
        }
    }
    let mut outcomes = outcomes.into_iter();
    let answer = |(append, (state, ended)): (&AppendRequest, (Option<State>, Option<i64>))| {
        let outcomes: Option<Vec<_>> = outcomes.by_ref().take(append.drafts.len()).collect();
        let (state, outcomes) = state.zip(outcomes).ok_or_else(|| invalid("it is not whole"))?;
        let outcomes: Option<Vec<_>> = outcomes.into_iter().collect();
        let is_superseded = outcomes.is_none();
        Ok(AppendAnswer { state, ended, outcomes: outcomes.unwrap_or_default(), is_superseded })
    };
    let rooms = appends.iter().zip(states.into_iter().zip(ended)).map(answer).collect::<Result<_, LinkError>>()?;
    Ok(BatchAnswer { rooms, told })
}

/// `None`: the draft was for an epoch that is over.
fn outcome(row: &Row) -> Result<Option<Outcome>, LinkError> {
    let seq = row.get::<_, Option<i64>>(2).unwrap_or_default().cast_unsigned();
    Ok(Some(match row.get::<_, Option<i64>>(4) {
        Some(11) => return Ok(None),
        Some(1) => Outcome::Stored { seq },
        Some(2) => Outcome::Repeat { seq, at: time(row.get::<_, Option<i64>>(3).unwrap_or_default()) },
        Some(3) => Outcome::Stale,
        Some(4) => Outcome::Changed,
        Some(5) => Outcome::Missing,
        Some(6) => Outcome::NotAuthor,
        Some(9) => Outcome::KeyConflict { newest: seq },
        Some(10) => Outcome::TooManyKeys,
        Some(8) => Outcome::Conflict { newest: seq },
        Some(7) => {
            let digits = row.get::<_, Option<&str>>(5).and_then(|epoch| epoch.strip_prefix('e'));
            let epoch = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
            let invalid = || LinkError::Invalid("an epoch that is none".to_owned());
            Outcome::Ended { epoch: Epoch(epoch.ok_or_else(invalid)?) }
        }
        other => return Err(LinkError::Invalid(format!("the outcome {other:?} of a draft"))),
    }))
}
