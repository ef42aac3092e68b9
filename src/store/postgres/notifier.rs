//! The thread that tells other servers which rooms have gone on, who is in them through this server, and which sessions it has.
//!
//! The journal hands it rooms after each batch and does not wait. It takes what piled up while it sent, of each room the
//! newest, and sends it over the bus; with NOTIFY in transactions of its own, that wait for no disk: in the journal's, all servers would
//! wait for each other's. Who is in the rooms it writes to the database before it says that there is something to read.
//! A note that cannot be sent is dropped, since each server looks by itself from time to time; rows are tried again. The
//! thread ends with the journal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::attendance;
use super::bus::Bus;
use super::lasting_link::LastingLink;
use super::link::LinkError;
use super::local_attendance::LocalAttendance;
use super::local_sessions::{EnteredSession, LocalSessions};
use super::note::{self, Head, News, Typing};
use super::{private_feed, sessions, signals};

/// Notices that may wait; what is beyond them is not told by a note.
pub const NOTICES_MAX: usize = 4_096;
/// Rows of one statement, at most.
const ROWS_MAX: usize = 500;
/// After which time it is tried again to write rows.
const RETRY: Duration = Duration::from_secs(1);
/// How often who has gone, and what was said in private, is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// What there is to tell.
pub enum Notice {
    /// A room has gone on.
    Head(Head),
    /// Somebody types, or has stopped.
    Typing(Typing),
    /// [`LocalAttendance`] has changes.
    Attendance,
    /// [`LocalSessions`] has.
    Sessions,
    /// The server stops.
    Park(ParkRequest),
}

/// The server stops: what is known of its sessions and its users is written, and stays.
pub struct ParkRequest {
    /// For how long.
    pub grace: Duration,
    /// Is told when that is done.
    pub reply: Sender<()>,
}

/// What there is to do next.
struct Work {
    news: News,
    park: Option<ParkRequest>,
}

/// See the module.
pub struct Notifier {
    link: LastingLink,
    server: i64,
    bus: Bus,
    inbox: Receiver<Notice>,
    attendance: Arc<LocalAttendance>,
    sessions: Arc<LocalSessions>,
    /// The stamp of the newest row.
    stamp: i64,
    forget_at: Instant,
    /// Whether the last note could not be sent: logged once, not at each.
    is_failing: bool,
}

impl Notifier {
    /// Tells for the server of this number.
    pub fn new(
        link: LastingLink,
        server: i64,
        bus: Bus,
        inbox: Receiver<Notice>,
        (attendance, sessions): (Arc<LocalAttendance>, Arc<LocalSessions>),
    ) -> Self {
        let forget_at = Instant::now() + FORGET_EVERY;
        Self { link, server, bus, inbox, attendance, sessions, stamp: 0, forget_at, is_failing: false }
    }

    /// The body of its thread.
    pub fn run(mut self) {
        while let Some(Work { news, park }) = self.next() {
            match self.tell(news).and_then(|()| park.map_or(Ok(()), |request| self.park(&request))) {
                Ok(()) => self.is_failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        log::warn!(error:%; "other servers are not told what happens here: they find it a little later");
                    }
                }
            }
        }
    }

    /// Waits for something to tell: of each room and user the newest. `None`: the journal has ended.
    fn next(&self) -> Option<Work> {
        let first = if self.attendance.has_changes() || self.sessions.has_changes() {
            match self.inbox.recv_timeout(RETRY) {
                Ok(notice) => Some(notice),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        } else {
            Some(self.inbox.recv().ok()?)
        };
        let (mut heads, mut typing, mut park) = (BTreeMap::new(), BTreeMap::new(), None);
        // In the journal's order: the last of a room is its newest.
        for notice in first.into_iter().chain(self.inbox.try_iter().take(NOTICES_MAX)) {
            match notice {
                Notice::Head(head) => _ = heads.insert(head.room.clone(), head),
                Notice::Typing(one) => _ = typing.insert((one.room.clone(), one.user.clone()), one),
                Notice::Attendance | Notice::Sessions => {}
                Notice::Park(request) => park = Some(request),
            }
        }
        let (typing, heads) = (typing.into_values().collect(), heads.into_values().collect());
        Some(Work { news: News { typing, heads, ..News::default() }, park })
    }

    fn tell(&mut self, news: News) -> Result<(), LinkError> {
        // Notes first: they are what most wait for.
        self.send(news)?;
        self.write_sessions()?;
        // Who has entered a room is in what is written next: a session is let go behind that.
        let entered = self.sessions.take_entered();
        let told = self.tell_attendance().and_then(|()| self.release(&entered));
        if told.is_err() {
            self.sessions.put_back_entered(entered);
        }
        told?;
        if self.forget_at <= Instant::now() {
            self.forget_at = Instant::now() + FORGET_EVERY;
            attendance::forget_gone(self.link.link()?, self.server)?;
            private_feed::forget_old(self.link.link()?)?;
            signals::forget_old(self.link.link()?)?;
            sessions::forget_old(self.link.link()?)?;
        }
        Ok(())
    }

    fn write_sessions(&mut self) -> Result<(), LinkError> {
        while self.sessions.has_changed_rows() {
            let changes = self.sessions.take(ROWS_MAX);
            let written = self.link.link().and_then(|link| sessions::write(link, self.server, &changes));
            if let Err(error) = written {
                self.sessions.put_back(changes);
                return Err(error);
            }
        }
        Ok(())
    }

    fn tell_attendance(&mut self) -> Result<(), LinkError> {
        if self.write_attendance()? { self.send(News { attendance: true, ..News::default() }) } else { Ok(()) }
    }

    /// Has the servers that had these sessions let them go.
    fn release(&mut self, entered: &[EnteredSession]) -> Result<(), LinkError> {
        let mut news = News::default();
        for session in entered {
            match sessions::release(self.link.link()?, self.server, session)? {
                true => news.taken.push(session.handover),
                false => news.attendance = true,
            }
        }
        self.send(news)
    }

    fn park(&mut self, request: &ParkRequest) -> Result<(), LinkError> {
        sessions::park(self.link.link()?, self.server, request.grace)?;
        // Who stops the server may have stopped waiting.
        _ = request.reply.try_send(());
        Ok(())
    }

    /// Writes what was changed; whether there was anything.
    fn write_attendance(&mut self) -> Result<bool, LinkError> {
        let mut has_written = false;
        loop {
            let rows = self.attendance.take(ROWS_MAX);
            if rows.is_empty() {
                return Ok(has_written);
            }
            let link = self.link.link();
            match link.and_then(|link| attendance::write(link, self.server, self.stamp, &rows)) {
                Ok(stamp) => {
                    self.stamp = stamp;
                    self.attendance.written(rows);
                    has_written = true;
                }
                Err(error) => {
                    // They may have been written all the same.
                    self.stamp += rows.len() as i64;
                    self.attendance.put_back(rows);
                    return Err(error);
                }
            }
        }
    }

    fn send(&mut self, news: News) -> Result<(), LinkError> {
        self.bus.send(|| self.link.link(), &note::write(self.server, news))
    }
}
