//! What other servers do, as it comes: the [`ChangeFeed`] over LISTEN or another bus, and over looking.
//!
//! Waited for on the engine's thread `subscriber`, with a connection of its own. Once a second it writes this server's
//! heartbeat, and learns which others are at work: who was in a room through one that is gone is no longer. Every two seconds, and whenever it is connected again, it compares all
//! open rooms with the database and reads what else was changed or said in private, so that a note that is lost delays what it told of and
//! nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::attendance::{self, ReadAttendance};
use super::bus::Bus;
use super::changes::ChangesSince;
use super::cluster::Pulse;
use super::failover::History;
use super::lasting_link::LastingLink;
use super::link::{DatabaseLink, LinkError, Notifications};
use super::note::{self, Head, News};
use super::open_rooms::{OpenRooms, Progress};
use super::read_ahead;
use super::remote_attendance::{RemoteAttendances, Users};
use super::room_log::Attendances;
use super::row::number;
use super::{sessions, signals};
use crate::chat::{Attendance, RoomName, ServerId};
use crate::store::change_feed::{ChangeFeed, StoreChange};
use crate::store::shared_sessions::Handover;

/// From heartbeat to heartbeat. One that is late by five seconds is taken for the end of its server (`beat_2`).
const HEARTBEAT: Duration = Duration::from_secs(1);
/// From look to look.
const LOOK: Duration = Duration::from_secs(2);

/// The note of a trigger: something was changed that servers have in memory.
const CHANGES: &str = "changes";

/// See the module.
pub struct PostgresFeed {
    link: LastingLink,
    notifications: Notifications,
    bus: Bus,
    reader: FeedReader,
    heartbeat_at: Instant,
    look_at: Instant,
    is_closed: Arc<AtomicBool>,
    /// Whether the last call failed: logged once, not at each.
    is_failing: bool,
}

/// What is known of other servers, and reads what is new.
struct FeedReader {
    server: i64,
    rooms: OpenRooms,
    attendances: Attendances,
    /// How far the rows of each other server are read that say who is in rooms through it.
    stamps: BTreeMap<i64, i64>,
    /// The other servers at work, by number, with what they say of themselves.
    others: BTreeMap<i64, String>,
    changes: ChangesSince,
    /// Which of its histories the database had when it was last looked at.
    history: History,
    /// Whether commits are waited for.
    waits: bool,
    /// How this server is.
    pulse: Arc<Pulse>,
}

impl PostgresFeed {
    /// The feed of the server of this number, whose `link` listens. `is_closed`, and a wake-up, end it.
    pub fn new(
        link: LastingLink,
        server: i64,
        (changes, history, waits): (ChangesSince, History, bool),
        (notifications, bus): (Notifications, Bus),
        (rooms, attendances, pulse): (OpenRooms, Attendances, Arc<Pulse>),
        is_closed: Arc<AtomicBool>,
    ) -> Self {
        let now = Instant::now();
        let (stamps, others) = (BTreeMap::new(), BTreeMap::new());
        let reader = FeedReader { server, rooms, attendances, stamps, others, changes, history, waits, pulse };
        Self { link, notifications, bus, reader, heartbeat_at: now, look_at: now, is_closed, is_failing: false }
    }

    /// What is due, or else what notes tell.
    fn turn(&mut self) -> Result<Vec<StoreChange>, LinkError> {
        let is_new = !self.link.is_connected();
        let link = self.link.link()?;
        let now = Instant::now();
        if is_new {
            // What was told meanwhile was not heard.
            (self.heartbeat_at, self.look_at) = (now, now);
            self.reader.stamps.clear();
        }
        if self.heartbeat_at <= now {
            self.heartbeat_at = now + HEARTBEAT;
            let changes = self.reader.beat(link)?;
            if !changes.is_empty() {
                return Ok(changes);
            }
        }
        if self.look_at <= now {
            self.look_at = now + LOOK;
            let changes = self.reader.look(link)?;
            if !changes.is_empty() {
                return Ok(changes);
            }
        }
        let mut notes = self.notifications.wait(Some(link), self.heartbeat_at.min(self.look_at));
        let mut heard = self.bus.take_heard();
        if heard.has_gap {
            self.look_at = now;
        }
        notes.append(&mut heard.notes);
        self.reader.read_notes(link, &notes)
    }

    /// Others need not wait until this server's heartbeat is late.
    fn leave(&mut self) {
        if self.link.is_connected()
            && let Ok(link) = self.link.link()
        {
            // If that fails they do wait.
            _ = match self.reader.attendances.sessions.parked_for() {
                // Until its users have come back through others, or have not, they are in their rooms.
                Some(grace) => stay_for(link, self.reader.server, grace),
                None => link.query("DELETE FROM servers WHERE server = $1", &[&self.reader.server]).map(drop),
            };
            _ = attendance::forget_servers(link);
        }
    }
}

impl FeedReader {
    /// Writes the heartbeat; the rooms in which somebody was through a server that is gone.
    fn beat(&mut self, link: &mut DatabaseLink) -> Result<Vec<StoreChange>, LinkError> {
        let (others, is_new) = self.pulse.beat(link, self.server, self.rooms.all().len(), self.waits)?;
        report(&self.others, &others);
        let gone: Vec<_> = self.others.keys().filter(|server| !others.contains_key(server)).copied().collect();
        self.others = others;
        if is_new {
            // Others have taken this server for dead, or the database has lost it.
            self.attendances.local.forget_rows();
            self.attendances.sessions.forget_rows();
            sessions::unpark(link, self.server)?;
        }
        if is_new || !gone.is_empty() {
            attendance::forget_servers(link)?;
        }
        for server in gone {
            self.stamps.remove(&server);
            self.attendances.remote.replace(ServerId(server.cast_unsigned()), Users::new());
        }
        Ok(self.attendance_changes())
    }

    /// What was read of who is where, and has yet to be told.
    fn attendance_changes(&self) -> Vec<StoreChange> {
        let remote = &self.attendances.remote;
        let users = remote.take_came_or_went().into_iter().map(StoreChange::User);
        remote.waiting().into_iter().map(StoreChange::Room).chain(users).collect()
    }

    /// Looks for what no note has told.
    fn look(&mut self, link: &mut DatabaseLink) -> Result<Vec<StoreChange>, LinkError> {
        let Attendances { local, remote, private, .. } = &self.attendances;
        let taken = sessions::taken(link, self.server)?;
        let (mut changes, behind) = look(link, &self.rooms)?;
        self.pulse.behind(behind);
        changes.append(&mut self.changes.look(link)?);
        read_attendance(link, &self.others, &mut self.stamps, remote)?;
        private.read(link, local)?;
        changes.append(&mut self.recognize(link)?);
        let Attendances { private, .. } = &self.attendances;
        // Also those that could not be dispatched before.
        changes.extend(private.waiting().into_iter().map(StoreChange::Conversation));
        changes.append(&mut self.attendance_changes());
        // Behind what rooms are told: their users are in them through others.
        changes.extend(taken.into_iter().map(|(key, moved)| StoreChange::SessionTaken(key, moved)));
        Ok(changes)
    }

    /// After a failover transactions may have numbers that others had before; and where something was lost, all rooms that are
    /// open are of an epoch that is over.
    fn recognize(&mut self, link: &mut DatabaseLink) -> Result<Vec<StoreChange>, LinkError> {
        let history = History::read(link)?;
        if history == self.history {
            return Ok(Vec::new());
        }
        self.changes.begin_again();
        if let Some(since) = &history.since {
            self.attendances.private.begin_again(since)?;
        }
        let before = std::mem::replace(&mut self.history, history);
        if before.generation == self.history.generation {
            return Ok(Vec::new());
        }
        Ok(self.rooms.all().into_iter().map(|(room, _)| StoreChange::Room(room)).collect())
    }

    /// Reads what notes say that there is to read.
    fn read_notes(&mut self, link: &mut DatabaseLink, notes: &[String]) -> Result<Vec<StoreChange>, LinkError> {
        let heard: Vec<_> = notes.iter().filter_map(|note| note::read(self.server, note)).collect();
        let mut changes = Vec::new();
        if heard.iter().any(|(from, _)| !self.others.contains_key(from)) {
            // It has just started.
            changes.append(&mut self.beat(link)?);
        }
        let Attendances { local, remote, private, .. } = &self.attendances;
        let (mut is_private, mut signalled, mut let_go) = (false, Vec::new(), Vec::new());
        let mut gone_on = BTreeMap::new();
        for (_, News { signals, typing, heads, taken, attendance }) in heard {
            let for_here = signals.into_iter().filter(|signal| local.is_reachable(&signal.to));
            signalled.extend(for_here.map(|signal| signal.number));
            typing.into_iter().for_each(|typing| remote.typed(typing));
            // Also of users who are not here: who comes later is not told what was said before.
            is_private |= heads.iter().any(|head| head.room.is_conversation());
            gone_on.extend(heads.into_iter().filter_map(|head| has_gone_on(head, &self.rooms)));
            let taken = taken.into_iter().filter(|handover| handover.from.0.cast_signed() == self.server);
            let_go.extend(taken.map(|Handover { key, moved, .. }| StoreChange::SessionTaken(key, moved)));
            if attendance {
                read_attendance(link, &self.others, &mut self.stamps, remote)?;
            }
        }
        if !gone_on.is_empty() {
            let gone_on: Vec<_> = gone_on.into_iter().collect();
            read_ahead::read(link, &gone_on)?;
            changes.extend(gone_on.into_iter().map(|(room, _)| StoreChange::Room(room)));
        }
        if !signalled.is_empty() {
            changes.extend(signals::read(link, &signalled)?.into_iter().map(StoreChange::Signal));
        }
        if is_private {
            changes.extend(private.read(link, local)?.into_iter().map(StoreChange::Conversation));
        }
        if notes.iter().any(|note| note == CHANGES) {
            changes.append(&mut self.changes.look(link)?);
        }
        if !let_go.is_empty() {
            read_attendance(link, &self.others, &mut self.stamps, remote)?;
        }
        changes.append(&mut self.attendance_changes());
        changes.append(&mut let_go);
        Ok(changes)
    }
}

impl ChangeFeed for PostgresFeed {
    fn wait(&mut self) -> Option<Vec<StoreChange>> {
        loop {
            if self.is_closed.load(Ordering::Relaxed) {
                self.leave();
                return None;
            }
            match self.turn() {
                Ok(changes) => {
                    if std::mem::take(&mut self.is_failing) {
                        log::info!("what other servers do is heard again");
                    }
                    if !changes.is_empty() {
                        return Some(changes);
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        log::warn!(error:%; "what other servers do is not heard now");
                    }
                    let until = self.link.retry_at().unwrap_or_else(Instant::now);
                    // What comes on no connection are wake-ups alone.
                    _ = self.notifications.wait(None, until);
                }
            }
        }
    }
}

/// The room, if it is open here and does not know of that.
fn has_gone_on(head: Head, rooms: &OpenRooms) -> Option<(RoomName, Arc<Progress>)> {
    let progress = rooms.progress(&head.room)?;
    let (_, newest, version, _) = progress.read();
    let is_news = newest < head.newest || version < head.version || (head.newest, head.version) == (0, 0);
    is_news.then_some((head.room, progress))
}

/// Reads what the others have written since of who is in rooms through them; of one that is new, all.
fn read_attendance(
    link: &mut DatabaseLink,
    others: &BTreeMap<i64, String>,
    stamps: &mut BTreeMap<i64, i64>,
    remote: &RemoteAttendances,
) -> Result<(), LinkError> {
    let from: BTreeMap<_, _> = others.keys().map(|server| (*server, *stamps.get(server).unwrap_or(&0))).collect();
    if from.is_empty() {
        return Ok(());
    }
    let mut new: BTreeMap<_, Users> =
        from.keys().filter(|server| !stamps.contains_key(server)).map(|server| (*server, Users::new())).collect();
    let rows = attendance::read(link, &from)?;
    stamps.extend(from);
    for ReadAttendance { server, stamp, place, user, attendance } in rows {
        let number = server.0.cast_signed();
        stamps.insert(number, stamp);
        match (new.get_mut(&number), attendance) {
            (Some(users), Attendance::Here(attending)) => _ = users.insert((place, user), attending),
            (Some(_), Attendance::Gone(..)) => {}
            (None, attendance) => remote.change(server, place, user, attendance),
        }
    }
    new.into_iter().for_each(|(server, users)| remote.replace(ServerId(server.cast_unsigned()), users));
    Ok(())
}

/// This server stops: it counts as there for so long.
fn stay_for(link: &mut DatabaseLink, server: i64, grace: Duration) -> Result<(), LinkError> {
    let sql = "UPDATE servers SET seen = clock_timestamp() + $2 * interval '1 second', about = about || ', stopped'
        WHERE server = $1";
    link.query(sql, &[&server, &grace.as_secs_f64()]).map(drop)
}

fn report(before: &BTreeMap<i64, String>, now: &BTreeMap<i64, String>) {
    for (server, about) in now.iter().filter(|(server, _)| !before.contains_key(server)) {
        log::info!(server = format!("{server:x}"), about; "another server is at work on this history");
    }
    for (server, about) in before.iter().filter(|(server, _)| !now.contains_key(server)) {
        log::info!(server = format!("{server:x}"), about; "another server is gone, or cannot reach the database");
    }
}

/// The open rooms that have gone on, and by how many messages altogether. Where retention has, their logs learn how far.
fn look(link: &mut DatabaseLink, rooms: &OpenRooms) -> Result<(Vec<StoreChange>, u64), LinkError> {
    let open = rooms.all();
    if open.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let names: Vec<_> = open.iter().map(|(room, _)| room.as_str()).collect();
    let known: Vec<_> = open.iter().map(|(_, progress)| progress.read()).collect();
    let ids: Vec<_> = known.iter().map(|(id, ..)| *id).collect();
    let [newest, versions, pruned] = [0, 1, 2].map(|column| {
        let counts = known.iter().map(|(_, newest, version, pruned)| number([*newest, *version, *pruned][column]));
        counts.collect::<Vec<_>>()
    });
    let sql = "SELECT k.name, r.room, r.pruned, greatest(r.newest - k.newest, 0) FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
            AS k (name, room, newest, version, pruned) JOIN rooms r ON r.name = k.name
        WHERE r.room <> k.room OR r.newest > k.newest OR r.version > k.version OR r.pruned > k.pruned";
    let rows = link.query(sql, &[&names, &ids, &newest, &versions, &pruned])?;
    let (mut changes, mut behind) = (Vec::with_capacity(rows.len()), 0);
    for row in &rows {
        behind += row.get::<_, i64>(3).cast_unsigned();
        if let Ok(room) = RoomName::parse_known(row.get(0)) {
            rooms.pruned(&room, row.get(1), row.get::<_, i64>(2).cast_unsigned());
            changes.push(StoreChange::Room(room));
        }
    }
    Ok((changes, behind))
}
