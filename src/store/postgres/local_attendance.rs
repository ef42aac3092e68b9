//! Who is in which room through this server, as the other servers are to know it.
//!
//! Room logs say it, on the rooms' threads; the thread `notifier` takes what they have changed and writes it to the
//! database. One mutex, a leaf. What is here is as much as the members of the rooms are, and for each user who has gone
//! one entry until the database knows.

use std::collections::{BTreeMap, BTreeSet};

use crossbeam_channel::Sender;
use parking_lot::Mutex;

use super::note::Typing;
use super::notifier::Notice;
use crate::chat::{Attendance, LeaveReason, RoomName, UserName};

/// See the module.
#[derive(Default)]
pub struct LocalAttendance(Mutex<State>);

#[derive(Default)]
struct State {
    rooms: BTreeMap<RoomName, BTreeMap<UserName, Entry>>,
    /// What the database does not know yet.
    changed: BTreeSet<(RoomName, UserName)>,
    /// Wakes the notifier; `None`: before the first room, and when the store is closed.
    bell: Option<Sender<Notice>>,
}

struct Entry {
    attendance: Attendance,
    /// Whether the database may have a row of it.
    is_written: bool,
}

/// A row that the database is to have.
pub type AttendanceRow = (RoomName, UserName, Attendance);

impl LocalAttendance {
    /// Has the notifier woken from now on, or no longer.
    pub fn set_bell(&self, bell: Option<Sender<Notice>>) {
        let old = std::mem::replace(&mut self.0.lock().bell, bell);
        drop(old);
    }

    /// These users are in the room in this way, or have gone.
    pub fn change(&self, room: &RoomName, changes: Vec<(UserName, Attendance)>) {
        let mut state = self.0.lock();
        for (user, attendance) in changes {
            state.change(room, user, attendance);
        }
        state.ring();
    }

    /// Somebody types in a room here, or has stopped. What the notifier has no space for is not told.
    pub fn typed(&self, typing: Typing) {
        if let Some(bell) = &self.0.lock().bell {
            _ = bell.try_send(Notice::Typing(typing));
        }
    }

    /// Nobody is in the room any more.
    pub fn clear(&self, room: &RoomName) {
        let mut state = self.0.lock();
        let here = |entry: &Entry| matches!(entry.attendance, Attendance::Here(_));
        let users = state.rooms.get(room).into_iter().flatten();
        let users: Vec<_> = users.filter(|(_, entry)| here(entry)).map(|(user, _)| user.clone()).collect();
        for user in users {
            state.change(room, user, Attendance::Gone(LeaveReason::Disconnected));
        }
        state.ring();
    }

    /// The database may know nothing of it: another server has taken this one for dead.
    pub fn forget_rows(&self) {
        let mut state = self.0.lock();
        let State { rooms, changed, .. } = &mut *state;
        let all = rooms.iter().flat_map(|(room, users)| users.keys().map(|user| (room.clone(), user.clone())));
        changed.extend(all);
        state.ring();
    }

    /// Whether the database does not know something yet.
    pub fn has_changes(&self) -> bool {
        !self.0.lock().changed.is_empty()
    }

    /// Takes what the database does not know, at most so many rows. They are [`Self::written`], or [`Self::put_back`].
    pub fn take(&self, count: usize) -> Vec<AttendanceRow> {
        let mut state = self.0.lock();
        let mut rows = Vec::new();
        while rows.len() < count
            && let Some((room, user)) = state.changed.pop_first()
        {
            if let Some(entry) = state.rooms.get_mut(&room).and_then(|users| users.get_mut(&user)) {
                entry.is_written = true;
                rows.push((room, user, entry.attendance.clone()));
            }
        }
        rows
    }

    /// The database has these rows.
    pub fn written(&self, rows: Vec<AttendanceRow>) {
        let mut state = self.0.lock();
        for (room, user, attendance) in rows {
            // Who has come again meanwhile stays.
            let is_over =
                matches!(attendance, Attendance::Gone(_)) && !state.changed.contains(&(room.clone(), user.clone()));
            if is_over {
                state.remove(&room, &user);
            }
        }
    }

    /// The database may not have them.
    pub fn put_back(&self, rows: Vec<AttendanceRow>) {
        self.0.lock().changed.extend(rows.into_iter().map(|(room, user, _)| (room, user)));
    }
}

impl State {
    fn change(&mut self, room: &RoomName, user: UserName, attendance: Attendance) {
        let is_gone = matches!(attendance, Attendance::Gone(_));
        let key = (room.clone(), user);
        let users = self.rooms.entry(room.clone()).or_default();
        let is_written = users.get(&key.1).is_some_and(|entry| entry.is_written);
        users.insert(key.1.clone(), Entry { attendance, is_written });
        if is_gone && !is_written {
            // Nobody was told that the user came.
            self.changed.remove(&key);
            self.remove(room, &key.1);
        } else {
            self.changed.insert(key);
        }
    }

    fn remove(&mut self, room: &RoomName, user: &UserName) {
        if let Some(users) = self.rooms.get_mut(room) {
            users.remove(user);
            if users.is_empty() {
                self.rooms.remove(room);
            }
        }
    }

    /// A notifier whose inbox is full looks here before it waits again.
    fn ring(&self) {
        if !self.changed.is_empty()
            && let Some(bell) = &self.bell
        {
            _ = bell.try_send(Notice::Attendance);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Attending, Status, Time};

    fn here() -> Attendance {
        Attendance::Here(Attending {
            connections: 1,
            announced: true,
            registered: false,
            detached: false,
            status: Status::Online,
            note: None,
            set_at: Time(0),
            last_seen: Time(1),
            marks: [0; 3],
        })
    }

    const GONE: Attendance = Attendance::Gone(LeaveReason::Disconnected);

    fn taken(local: &LocalAttendance) -> Vec<(String, bool)> {
        let rows = local.take(9);
        let taken = rows.iter().map(|(_, user, attendance)| (user.to_string(), *attendance == here())).collect();
        local.written(rows);
        taken
    }

    #[test]
    fn what_was_changed_is_written_once_and_who_has_gone_is_forgotten() {
        let local = LocalAttendance::default();
        let [den, hall] = ["den", "hall"].map(|name| RoomName::parse(name).unwrap());
        let user = |name: &str| UserName::parse(name).unwrap();
        local.change(&den, vec![(user("Ann"), here()), (user("Bob"), here())]);
        local.change(&den, vec![(user("Bob"), GONE)]);
        assert_eq!(taken(&local), [("Ann".to_owned(), true)], "nobody was told of Bob");
        assert!(!local.has_changes());
        local.change(&den, vec![(user("Ann"), GONE)]);
        let rows = local.take(9);
        local.change(&den, vec![(user("Ann"), here())]);
        local.written(rows);
        assert_eq!(taken(&local), [("Ann".to_owned(), true)], "she came again while it was written");
        local.change(&hall, vec![(user("Cy"), here())]);
        let rows = local.take(9);
        local.put_back(rows);
        assert_eq!(taken(&local), [("Cy".to_owned(), true)]);
        local.forget_rows();
        assert_eq!(taken(&local), [("Ann".to_owned(), true), ("Cy".to_owned(), true)]);
        local.clear(&den);
        assert_eq!(taken(&local), [("Ann".to_owned(), false)]);
        local.forget_rows();
        assert_eq!(taken(&local), [("Cy".to_owned(), true)]);
    }
}
