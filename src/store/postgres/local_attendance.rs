//! Who is in which room through this server, and connected to it, as the other servers are to know it.
//!
//! Room logs say it, on the rooms' threads, and of connections the directory, on the readers'; the thread `notifier` takes what
//! they have changed and writes it to the database. One mutex, a leaf. What is here is as much as the members of the rooms and
//! the connected users are, and for each user who has gone one entry until the database knows.

use std::collections::{BTreeMap, BTreeSet};

use crossbeam_channel::Sender;
use parking_lot::Mutex;

use super::attendance::AttendancePlace;
use super::note::Typing;
use super::notifier::Notice;
use crate::chat::{Attendance, Attending, LeaveReason, RoomName, Status, Time, UserName};
use crate::store::shared_users::SharedConnection;

/// See the module.
#[derive(Default)]
pub struct LocalAttendance(Mutex<State>);

#[derive(Default)]
struct State {
    places: BTreeMap<AttendancePlace, BTreeMap<UserName, Entry>>,
    /// The connections of each user.
    connections: BTreeMap<UserName, ConnectionCounts>,
    /// What the database does not know yet.
    changed: BTreeSet<(AttendancePlace, UserName)>,
    /// Wakes the notifier; `None`: before the first room, and when the store is closed.
    bell: Option<Sender<Notice>>,
    /// The server stops, and what happens to its members now is of no interest to others.
    is_frozen: bool,
}

struct Entry {
    attendance: Attendance,
    /// Whether the database may have a row of it.
    is_written: bool,
}

/// How many connections a user has.
#[derive(Clone, Copy, Default)]
struct ConnectionCounts {
    all: usize,
    registered: usize,
    reachable: usize,
}

/// A row that the database is to have.
pub type AttendanceRow = (AttendancePlace, UserName, Attendance);

impl LocalAttendance {
    /// Has the notifier woken from now on, or no longer.
    pub fn set_bell(&self, bell: Option<Sender<Notice>>) {
        let old = std::mem::replace(&mut self.0.lock().bell, bell);
        drop(old);
    }

    /// Who is here now is so from now on, whatever is said of them.
    pub fn freeze(&self) {
        self.0.lock().is_frozen = true;
    }

    /// These users are in the room in this way, or have gone.
    pub fn change(&self, room: &RoomName, changes: Vec<(UserName, Attendance)>) {
        let (mut state, place) = (self.0.lock(), AttendancePlace::Room(room.clone()));
        for (user, attendance) in changes {
            state.change(&place, user, attendance);
        }
        state.ring();
    }

    /// A connection of the user's has come.
    pub fn came(&self, user: &UserName, connection: SharedConnection) {
        self.count(user, connection, |count| *count += 1);
    }

    /// A connection of the user's has gone.
    pub fn went(&self, user: &UserName, connection: SharedConnection) {
        self.count(user, connection, |count| *count = count.saturating_sub(1));
    }

    fn count(&self, user: &UserName, connection: SharedConnection, step: impl Fn(&mut usize)) {
        let mut state = self.0.lock();
        let connections = state.connections.entry(user.clone()).or_default();
        let before = connections.attendance();
        step(&mut connections.all);
        if connection.registered {
            step(&mut connections.registered);
        }
        if connection.reachable {
            step(&mut connections.reachable);
        }
        let after = connections.attendance();
        if connections.all == 0 {
            state.connections.remove(user);
        }
        if before != after {
            state.change(&AttendancePlace::Server, user.clone(), after);
            state.ring();
        }
    }

    /// Whether what is sent to the user reaches a connection here.
    pub fn is_reachable(&self, user: &UserName) -> bool {
        self.0.lock().connections.get(user).is_some_and(|connections| connections.reachable > 0)
    }

    /// Somebody types in a room here, or has stopped. What the notifier has no space for is not told.
    pub fn typed(&self, typing: Typing) {
        if let Some(bell) = &self.0.lock().bell {
            _ = bell.try_send(Notice::Typing(typing));
        }
    }

    /// Nobody is in the room any more.
    pub fn clear(&self, room: &RoomName) {
        let (mut state, place) = (self.0.lock(), AttendancePlace::Room(room.clone()));
        let users = state.places.get(&place).into_iter().flatten();
        let gone = users.filter_map(|(user, entry)| match &entry.attendance {
            Attendance::Here(here) => Some((user.clone(), Attendance::Gone(LeaveReason::Disconnected, here.marks))),
            Attendance::Gone(..) => None,
        });
        for (user, attendance) in gone.collect::<Vec<_>>() {
            state.change(&place, user, attendance);
        }
        state.ring();
    }

    /// The database may know nothing of it: another server has taken this one for dead.
    pub fn forget_rows(&self) {
        let mut state = self.0.lock();
        let State { places, changed, .. } = &mut *state;
        let all = places.iter().flat_map(|(place, users)| users.keys().map(|user| (place.clone(), user.clone())));
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
            && let Some((place, user)) = state.changed.pop_first()
        {
            if let Some(entry) = state.places.get_mut(&place).and_then(|users| users.get_mut(&user)) {
                entry.is_written = true;
                rows.push((place, user, entry.attendance.clone()));
            }
        }
        rows
    }

    /// The database has these rows.
    pub fn written(&self, rows: Vec<AttendanceRow>) {
        let mut state = self.0.lock();
        for (place, user, attendance) in rows {
            // Who has come again meanwhile stays.
            let is_over =
                matches!(attendance, Attendance::Gone(..)) && !state.changed.contains(&(place.clone(), user.clone()));
            if is_over {
                state.remove(&place, &user);
            }
        }
    }

    /// The database may not have them.
    pub fn put_back(&self, rows: Vec<AttendanceRow>) {
        self.0.lock().changed.extend(rows.into_iter().map(|(place, user, _)| (place, user)));
    }
}

impl State {
    fn change(&mut self, place: &AttendancePlace, user: UserName, attendance: Attendance) {
        if self.is_frozen {
            return;
        }
        let says_nothing = matches!(attendance, Attendance::Gone(_, [0, 0, 0]));
        let key = (place.clone(), user);
        let users = self.places.entry(place.clone()).or_default();
        let is_written = users.get(&key.1).is_some_and(|entry| entry.is_written);
        users.insert(key.1.clone(), Entry { attendance, is_written });
        if says_nothing && !is_written {
            // Nobody was told that the user came.
            self.changed.remove(&key);
            self.remove(place, &key.1);
        } else {
            self.changed.insert(key);
        }
    }

    fn remove(&mut self, place: &AttendancePlace, user: &UserName) {
        if let Some(users) = self.places.get_mut(place) {
            users.remove(user);
            if users.is_empty() {
                self.places.remove(place);
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

impl ConnectionCounts {
    /// As others are to know it: whether there are any.
    fn attendance(self) -> Attendance {
        if self.all == 0 {
            return Attendance::LOST;
        }
        Attendance::Here(Attending {
            connections: 1,
            announced: self.reachable > 0,
            registered: self.registered > 0,
            detached: false,
            status: Status::Online,
            note: None,
            set_at: Time::default(),
            last_seen: Time::default(),
            marks: [0; 3],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    const GONE: Attendance = Attendance::LOST;

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
    #[test]
    fn who_is_connected_is_written_when_the_first_connection_comes_and_the_last_goes() {
        let local = LocalAttendance::default();
        let user = UserName::parse("Ann").unwrap();
        let hidden = SharedConnection { registered: true, reachable: false };
        let seen = SharedConnection { reachable: true, ..hidden };
        let written = || {
            let rows = local.take(9);
            let here = |(place, _, attendance): &AttendanceRow| {
                assert_eq!(*place, AttendancePlace::Server);
                matches!(attendance, Attendance::Here(Attending { announced: true, .. }))
            };
            let taken: Vec<_> = rows.iter().map(here).collect();
            local.written(rows);
            taken
        };
        local.came(&user, hidden);
        assert_eq!((written(), local.is_reachable(&user)), (vec![false], false));
        local.came(&user, seen);
        local.came(&user, seen);
        assert_eq!((written(), local.is_reachable(&user)), (vec![true], true));
        local.went(&user, seen);
        assert_eq!(written(), [false; 0]);
        local.forget_rows();
        assert_eq!(written(), [true]);
        local.went(&user, seen);
        local.went(&user, hidden);
        assert_eq!((written(), local.is_reachable(&user)), (vec![false], false));
        local.forget_rows();
        assert_eq!(written(), [false; 0]);
    }
}
