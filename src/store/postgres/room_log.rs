//! The journal's handle in a room: numbers and keeps the room's messages, and tells what others did.
//!
//! Owned by the room's broker, and used on its thread alone. It alone remembers what the room was told: the newest
//! number and version. An answer of the journal brings the state in which the drafts were stored; what lies between is
//! read and told first, up to there and never beyond.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::Sender;

use super::catch_up::{self, Change, Part};
use super::history::{self, Standing};
use super::journal::{AppendRequest, State, WriteRequest};
use super::local_attendance::LocalAttendance;
use super::local_sessions::LocalSessions;
use super::note::Typing;
use super::open_rooms::Progress;
use super::pool::Pool;
use super::private_feed::PrivateFeed;
use super::remote_attendance::RemoteAttendances;
use crate::chat::webhook::Movement;
use crate::chat::{Appended, Attendance, Draft, Outcome, ReceiptMark, RemoteEvent, RoomName, StoreFailed, UserName};
use crate::store::rooms::{HeardElsewhere, PolicyVersion, RemotePart, RoomLog};
use crate::store::waiting_marks::WaitingMarks;
use crate::sync::oneshot;

/// See the module.
pub struct PostgresLog {
    name: RoomName,
    standing: Standing,
    /// What lies before that and is not told yet: it stays if what follows cannot be read.
    untold: Vec<RemoteEvent>,
    journal: Sender<WriteRequest>,
    pool: Arc<Pool>,
    /// Marks that the journal's inbox had no space for.
    marks: WaitingMarks,
    /// Shows others how far the room has got, and tells how far retention has.
    progress: Arc<Progress>,
    /// Whether a webhook wants to know who enters and leaves.
    movements_wanted: Arc<AtomicBool>,
    /// Who is in the room through this server, and through others.
    attendances: Attendances,
    /// See [`RoomLog::is_superseded`].
    is_superseded: bool,
}

/// What a store knows of who is where, and of what they are told in private.
#[derive(Clone)]
pub struct Attendances {
    /// Through this server.
    pub local: Arc<LocalAttendance>,
    /// The sessions of this server.
    pub sessions: Arc<LocalSessions>,
    /// Through others.
    pub remote: Arc<RemoteAttendances>,
    /// What was said to users in private through others.
    pub private: Arc<PrivateFeed>,
}

impl PostgresLog {
    /// The log of a room that stands there.
    pub fn new(
        name: RoomName,
        standing: Standing,
        journal: Sender<WriteRequest>,
        pool: Arc<Pool>,
        progress: Arc<Progress>,
        movements_wanted: Arc<AtomicBool>,
        attendances: Attendances,
    ) -> Self {
        let (untold, marks, is_superseded) = (Vec::new(), WaitingMarks::default(), false);
        Self { name, standing, untold, journal, pool, marks, progress, movements_wanted, attendances, is_superseded }
    }

    fn flush_marks(&mut self) {
        let (room, journal) = (self.standing.id, &self.journal);
        self.marks.flush(|marks| match room {
            // It is not stored yet.
            0 => Err(marks),
            _ => journal.try_send(WriteRequest::Mark(room, marks)).map_err(|refused| match refused.into_inner() {
                WriteRequest::Mark(_, marks) => marks,
                _ => Vec::new(),
            }),
        });
    }

    /// What others did from where the room stands up to this state; afterwards the room stands there.
    fn fill(&mut self, state: &State) -> Result<Vec<RemoteEvent>, StoreFailed> {
        let is_there = |standing: &Standing| (standing.newest, standing.version) == (state.newest, state.version);
        while !is_there(&self.standing) {
            let before = self.untold.len();
            self.read_changes(Some(state))?;
            if self.untold.len() == before && !is_there(&self.standing) {
                log::error!(room = self.name.as_str(); "the room's history has a gap");
                return Err(StoreFailed);
            }
        }
        Ok(std::mem::take(&mut self.untold))
    }

    /// All that others did. Of a room that they have ended, up to its end.
    fn read_all(&mut self) -> Result<Vec<RemoteEvent>, StoreFailed> {
        while !self.read_changes(None)? && self.standing.id != 0 {}
        Ok(std::mem::take(&mut self.untold))
    }

    /// Reads a part of what others did, up to this state or as far as there is anything; whether there was nothing more.
    fn read_changes(&mut self, until: Option<&State>) -> Result<bool, StoreFailed> {
        self.check_epoch()?;
        if self.standing.id == 0 {
            // Another server may have begun it.
            let found = self.pool.read(|link| history::standing(link, &self.name))?;
            if found.epoch != self.standing.epoch {
                return self.superseded();
            }
            self.standing.id = found.id;
        }
        if self.standing.id == 0 {
            return Ok(true);
        }
        self.progress.show(&self.standing);
        let bounds = until.map_or((u64::MAX, u64::MAX), |state| (state.newest, state.version));
        // Without an end all is asked for that there is by now.
        let read_ahead = until.and_then(|state| self.progress.take_until(&self.standing, state.newest));
        let part = match read_ahead.filter(|part| !part.changes.is_empty()) {
            Some(part) => Some(part),
            None => self.pool.read(|link| catch_up::read(link, &self.name, &self.standing, bounds))?,
        };
        match part {
            Some(part) => Ok(self.take_in(part)),
            None => self.superseded(),
        }
    }

    /// The room stands behind this part, which is to be told; whether there was nothing more.
    fn take_in(&mut self, Part { changes, is_last }: Part) -> bool {
        for Change { event, newest, version } in changes {
            (self.standing.newest, self.standing.version) = (newest, version);
            if let RemoteEvent::Ended { epoch, .. } = &event {
                self.begin_again(epoch.to_string().into(), 0);
            }
            self.untold.push(event);
        }
        self.progress.show(&self.standing);
        is_last
    }

    fn check_epoch(&self) -> Result<(), StoreFailed> {
        if self.is_superseded { Err(StoreFailed) } else { Ok(()) }
    }

    /// The database has lost a part of the room's history, and gives its numbers again in another epoch.
    fn superseded<T>(&mut self) -> Result<T, StoreFailed> {
        if !std::mem::replace(&mut self.is_superseded, true) {
            let Standing { epoch, newest, .. } = &self.standing;
            log::error!(room = self.name.as_str(), epoch = &**epoch, newest; "the room's history goes on in another epoch");
        }
        Err(StoreFailed)
    }

    /// The room has ended; its name is that of another history.
    fn begin_again(&mut self, epoch: Arc<str>, id: i64) {
        self.standing = Standing { id, epoch, newest: 0, version: 0, pruned: 0 };
        self.marks = WaitingMarks::default();
        self.progress.begin(&self.standing);
    }
}

impl RoomLog for PostgresLog {
    fn append(&mut self, drafts: &[Draft]) -> Result<Appended, StoreFailed> {
        self.check_epoch()?;
        self.flush_marks();
        if drafts.is_empty() {
            return Ok(Appended::default());
        }
        let (reply, answer) = oneshot::channel();
        let append =
            AppendRequest { room: self.name.clone(), standing: self.standing.clone(), drafts: drafts.to_vec(), reply };
        self.journal.send(WriteRequest::Append(append)).map_err(|_| StoreFailed)?;
        // No answer: the journal is gone.
        let answer = answer.wait().map_err(|_| StoreFailed)??;
        if answer.is_superseded {
            return self.superseded();
        }
        if self.standing.id == 0 {
            self.standing.id = answer.state.id;
        }
        if answer.is_stale() {
            return Ok(Appended { before: self.read_all()?, outcomes: answer.outcomes });
        }
        let before = self.fill(&answer.state)?;
        for outcome in &answer.outcomes {
            match outcome {
                Outcome::Stored { seq } => self.standing.newest = *seq,
                Outcome::Changed => self.standing.version += 1,
                Outcome::Ended { epoch } => {
                    let id = answer.ended.ok_or(StoreFailed)?;
                    self.begin_again(epoch.to_string().into(), id);
                }
                Outcome::Repeat { .. } | Outcome::Conflict { .. } => {}
                Outcome::KeyConflict { .. } | Outcome::TooManyKeys => {}
                Outcome::Missing | Outcome::NotAuthor | Outcome::Stale => {}
            }
        }
        self.progress.show(&self.standing);
        Ok(Appended { before, outcomes: answer.outcomes })
    }

    fn catch_up(&mut self) -> Result<RemotePart, StoreFailed> {
        let is_last = self.read_changes(None)?;
        Ok(RemotePart { events: std::mem::take(&mut self.untold), is_last })
    }

    fn is_superseded(&self) -> bool {
        self.is_superseded
    }

    fn pruned(&self) -> u64 {
        self.progress.read().3
    }

    fn policy_version(&self) -> PolicyVersion {
        let Standing { id, version, .. } = self.standing;
        PolicyVersion { room: id.cast_unsigned(), change: version }
    }

    fn mark(&mut self, marks: &[ReceiptMark]) {
        self.marks.add(marks);
        self.flush_marks();
    }

    fn moved(&mut self, movement: Movement) {
        if self.movements_wanted.load(Ordering::Relaxed) && !self.name.is_conversation() {
            let epoch = Arc::clone(&self.standing.epoch);
            // A journal that is gone delivers nothing.
            _ = self.journal.send(WriteRequest::Move(self.name.clone(), epoch, movement));
        }
    }

    fn attend(&mut self, changes: Vec<(UserName, Attendance)>) {
        self.attendances.local.change(&self.name, changes);
    }

    fn typed(&mut self, user: UserName, typing: bool) {
        self.attendances.local.typed(Typing { room: self.name.clone(), user, typing });
    }

    fn heard(&mut self) -> HeardElsewhere {
        let heard = self.attendances.remote.take(&self.name);
        let read_ahead = self.progress.take_all(&self.standing).filter(|_| !self.is_superseded);
        let messages = read_ahead.map(|part| {
            let is_last = self.take_in(part);
            RemotePart { events: std::mem::take(&mut self.untold), is_last }
        });
        HeardElsewhere { messages, ..heard }
    }

    fn undispatched_from(&mut self) -> Result<Option<u64>, StoreFailed> {
        let (private, room) = (&self.attendances.private, &self.name);
        self.pool.read(|link| private.undispatched_from(link, room))
    }
}

impl Drop for PostgresLog {
    fn drop(&mut self) {
        self.flush_marks();
        if self.attendances.remote.close(&self.name) {
            self.attendances.local.clear(&self.name);
        }
    }
}
