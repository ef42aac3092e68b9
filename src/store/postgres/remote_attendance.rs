//! Who is in which room through other servers, as the database told last; and what rooms that are open have yet to hear.
//!
//! The change feed writes here what it reads; a room that opens takes what there is, and its log takes from then on what is
//! changed. One mutex, a leaf: so a room hears each change once, or finds it when it opens.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::note::Typing;
use crate::chat::{Attendance, Attending, LeaveReason, RemoteAttendance, RoomName, ServerId, UserName};
use crate::store::rooms::HeardElsewhere;

/// See the module.
#[derive(Default)]
pub struct RemoteAttendances(Mutex<State>);

#[derive(Default)]
struct State {
    servers: BTreeMap<ServerId, Users>,
    open: BTreeMap<RoomName, OpenRoom>,
}

/// The users who are in rooms through one server.
pub type Users = BTreeMap<(RoomName, UserName), Attending>;

#[derive(Default)]
struct OpenRoom {
    /// Logs of this room.
    logs: usize,
    /// The newest of each user, until a log takes it.
    heard: BTreeMap<(ServerId, UserName), Attendance>,
    /// The users who have begun to type, or have stopped, likewise.
    typing: BTreeMap<UserName, bool>,
}

impl RemoteAttendances {
    /// A log of the room opens: who is in it.
    pub fn open(&self, room: &RoomName) -> Vec<RemoteAttendance> {
        let mut state = self.0.lock();
        let open = state.open.entry(room.clone()).or_default();
        open.logs += 1;
        (open.heard, open.typing) = Default::default();
        let mut all = Vec::new();
        for (server, users) in &state.servers {
            let of_room = users.range((room.clone(), UserName::stored(""))..).take_while(|((name, _), _)| name == room);
            all.extend(of_room.map(|((_, user), attending)| RemoteAttendance {
                server: *server,
                user: user.clone(),
                attendance: Attendance::Here(attending.clone()),
            }));
        }
        all
    }

    /// A log of the room is dropped.
    pub fn close(&self, room: &RoomName) {
        let mut state = self.0.lock();
        if let Some(open) = state.open.get_mut(room) {
            open.logs -= 1;
            if open.logs == 0 {
                state.open.remove(room);
            }
        }
    }

    /// What was changed in the room since a log has asked.
    pub fn take(&self, room: &RoomName) -> HeardElsewhere {
        let taken = self.0.lock().open.get_mut(room).map(|open| {
            let OpenRoom { heard, typing, .. } = open;
            (std::mem::take(heard), std::mem::take(typing))
        });
        let (heard, typing) = taken.unwrap_or_default();
        let heard = heard.into_iter();
        let attendance = heard.map(|((server, user), attendance)| RemoteAttendance { server, user, attendance });
        HeardElsewhere { typing: typing.into_iter().collect(), attendance: attendance.collect() }
    }

    /// The open rooms that have yet to hear something.
    pub fn waiting(&self) -> Vec<RoomName> {
        let state = self.0.lock();
        state
            .open
            .iter()
            .filter(|(_, open)| !open.heard.is_empty() || !open.typing.is_empty())
            .map(|(room, _)| room.clone())
            .collect()
    }

    /// Somebody types in a room on another server, or has stopped.
    pub fn typed(&self, Typing { room, user, typing }: Typing) {
        if let Some(open) = self.0.lock().open.get_mut(&room) {
            open.typing.insert(user, typing);
        }
    }

    /// A server tells this of a user in a room.
    pub fn change(&self, server: ServerId, room: RoomName, user: UserName, attendance: Attendance) {
        self.0.lock().change(server, room, user, attendance);
    }

    /// These are all who are in rooms through a server; nobody: it is gone.
    pub fn replace(&self, server: ServerId, users: Users) {
        let mut state = self.0.lock();
        let known = state.servers.get(&server).into_iter().flat_map(Users::keys);
        let gone: Vec<_> = known.filter(|key| !users.contains_key(key)).cloned().collect();
        for (room, user) in gone {
            state.change(server, room, user, Attendance::Gone(LeaveReason::Disconnected));
        }
        for ((room, user), attending) in users {
            state.change(server, room, user, Attendance::Here(attending));
        }
    }
}

impl State {
    fn change(&mut self, server: ServerId, room: RoomName, user: UserName, attendance: Attendance) {
        let users = self.servers.entry(server).or_default();
        let key = (room, user);
        let is_news = match &attendance {
            Attendance::Here(attending) => users.insert(key.clone(), attending.clone()).as_ref() != Some(attending),
            Attendance::Gone(_) => users.remove(&key).is_some(),
        };
        if users.is_empty() {
            self.servers.remove(&server);
        }
        if is_news && let Some(open) = self.open.get_mut(&key.0) {
            open.heard.insert((server, key.1), attendance);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Status, Time};

    fn attending(connections: usize) -> Attending {
        Attending {
            connections,
            announced: true,
            registered: false,
            detached: false,
            status: Status::Online,
            note: None,
            set_at: Time(0),
            last_seen: Time(1),
            marks: [0; 3],
        }
    }

    fn told(heard: impl IntoIterator<Item = RemoteAttendance>) -> Vec<(u64, String, usize)> {
        let connections = |attendance| match attendance {
            Attendance::Here(Attending { connections, .. }) => connections,
            Attendance::Gone(_) => 0,
        };
        heard.into_iter().map(|one| (one.server.0, one.user.to_string(), connections(one.attendance))).collect()
    }

    #[test]
    fn a_room_finds_who_is_there_and_hears_each_change_once() {
        let (all, room) = (RemoteAttendances::default(), |name: &str| RoomName::parse(name).unwrap());
        let user = |name: &str| UserName::parse(name).unwrap();
        let users = |of: &[(&str, &str, usize)]| -> Users {
            of.iter().map(|(name, who, count)| ((room(name), user(who)), attending(*count))).collect()
        };
        all.replace(ServerId(1), users(&[("den", "Ann", 1), ("den", "Bob", 2), ("hall", "Cy", 1)]));
        let found = all.open(&room("den"));
        assert_eq!(told(found), [(1, "Ann".to_owned(), 1), (1, "Bob".to_owned(), 2)]);
        all.change(ServerId(2), room("den"), user("Dee"), Attendance::Here(attending(1)));
        all.change(ServerId(2), room("hall"), user("Dee"), Attendance::Here(attending(1)));
        // As it is known already.
        all.change(ServerId(1), room("den"), user("Ann"), Attendance::Here(attending(1)));
        assert_eq!(all.waiting(), [room("den")]);
        assert_eq!(told(all.take(&room("den")).attendance), [(2, "Dee".to_owned(), 1)]);
        assert_eq!((told(all.take(&room("den")).attendance), all.waiting()), (Vec::new(), Vec::new()));
        all.replace(ServerId(1), users(&[("den", "Bob", 1)]));
        assert_eq!(told(all.take(&room("den")).attendance), [(1, "Ann".to_owned(), 0), (1, "Bob".to_owned(), 1)]);
        all.replace(ServerId(2), Users::new());
        assert_eq!(told(all.take(&room("den")).attendance), [(2, "Dee".to_owned(), 0)]);
        all.close(&room("den"));
        all.change(ServerId(1), room("den"), user("Ann"), Attendance::Here(attending(1)));
        assert_eq!(told(all.take(&room("den")).attendance), Vec::new());
        assert_eq!(all.open(&room("hall")), []);
    }
}
