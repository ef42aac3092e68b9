//! Who is in which room through other servers, and connected to them, as the database told last; and what rooms that are
//! open have yet to hear.
//!
//! The change feed writes here what it reads; a room that opens takes what there is, and its log takes from then on what is
//! changed. One mutex, a leaf: so a room hears each change once, or finds it when it opens.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;

use super::attendance::AttendancePlace;
use super::note::Typing;
use crate::chat::{Attendance, Attending, FoldedName, RemoteAttendance, RoomName, ServerId, UserName};
use crate::store::rooms::HeardElsewhere;

/// See the module.
#[derive(Default)]
pub struct RemoteAttendances(Mutex<State>);

#[derive(Default)]
struct State {
    servers: BTreeMap<ServerId, Users>,
    /// The users who are connected to them, by what the spellings of a name have in common.
    spellings: BTreeMap<FoldedName, BTreeSet<(UserName, ServerId)>>,
    /// Users who have come to a server or gone from it, until somebody asks.
    came_or_went: BTreeSet<UserName>,
    open: BTreeMap<RoomName, OpenRoom>,
}

/// The users of one server, and where they are.
pub type Users = BTreeMap<(AttendancePlace, UserName), Attending>;

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
        let (mut all, place) = (Vec::new(), AttendancePlace::Room(room.clone()));
        for (server, users) in &state.servers {
            let of_room = users.range((place.clone(), UserName::stored(""))..).take_while(|((at, _), _)| *at == place);
            all.extend(of_room.map(|((_, user), attending)| RemoteAttendance {
                server: *server,
                user: user.clone(),
                attendance: Attendance::Here(attending.clone()),
            }));
        }
        all
    }

    /// A log of the room is dropped; whether there is no other, of a room that was opened meanwhile.
    pub fn close(&self, room: &RoomName) -> bool {
        let mut state = self.0.lock();
        let logs = state.open.get_mut(room).map_or(0, |open| {
            open.logs -= 1;
            open.logs
        });
        if logs == 0 {
            state.open.remove(room);
        }
        logs == 0
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
        HeardElsewhere { typing: typing.into_iter().collect(), messages: None, attendance: attendance.collect() }
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

    /// Whether what is sent to the user reaches a connection on another server.
    pub fn is_reachable(&self, user: &UserName) -> bool {
        let (state, key) = (self.0.lock(), (AttendancePlace::Server, user.clone()));
        state.servers.values().any(|users| users.get(&key).is_some_and(|attending| attending.announced))
    }

    /// The users who are connected to servers under a spelling of this name, and whether what is sent to each reaches a
    /// connection.
    pub fn alike(&self, name: &FoldedName) -> Vec<(UserName, bool)> {
        let users = self.0.lock().spellings.get(name).cloned().unwrap_or_default();
        let names: BTreeSet<_> = users.into_iter().map(|(user, _)| user).collect();
        names.into_iter().map(|user| (user.clone(), self.is_reachable(&user))).collect()
    }

    /// The users who have come to a server, or gone from it, since that was asked last.
    pub fn take_came_or_went(&self) -> BTreeSet<UserName> {
        std::mem::take(&mut self.0.lock().came_or_went)
    }

    /// A server tells this of a user in a place.
    pub fn change(&self, server: ServerId, place: AttendancePlace, user: UserName, attendance: Attendance) {
        self.0.lock().change(server, place, user, attendance);
    }

    /// These are all the users of a server; nobody: it is gone.
    pub fn replace(&self, server: ServerId, users: Users) {
        let mut state = self.0.lock();
        let known = state.servers.get(&server).into_iter().flat_map(Users::keys);
        let gone: Vec<_> = known.filter(|key| !users.contains_key(key)).cloned().collect();
        for (place, user) in gone {
            state.change(server, place, user, Attendance::LOST);
        }
        for ((place, user), attending) in users {
            state.change(server, place, user, Attendance::Here(attending));
        }
    }
}

impl State {
    fn change(&mut self, server: ServerId, place: AttendancePlace, user: UserName, attendance: Attendance) {
        let users = self.servers.entry(server).or_default();
        let key = (place, user);
        let before = match &attendance {
            Attendance::Here(attending) => users.insert(key.clone(), attending.clone()),
            Attendance::Gone(..) => users.remove(&key),
        };
        let is_news = match &attendance {
            Attendance::Here(attending) => before.as_ref() != Some(attending),
            // How far a user has got whom nobody saw come.
            Attendance::Gone(_, marks) => before.is_some() || *marks != [0; 3],
        };
        if users.is_empty() {
            self.servers.remove(&server);
        }
        match key.0 {
            _ if !is_news => {}
            AttendancePlace::Server => self.connected(server, key.1, matches!(attendance, Attendance::Here(_))),
            AttendancePlace::Room(room) => {
                if let Some(open) = self.open.get_mut(&room) {
                    open.heard.insert((server, key.1), attendance);
                }
            }
        }
    }

    /// A user is connected to a server, or no longer.
    fn connected(&mut self, server: ServerId, user: UserName, is_here: bool) {
        let folded = FoldedName::of(&user);
        let users = self.spellings.entry(folded.clone()).or_default();
        if is_here {
            users.insert((user.clone(), server));
        } else {
            users.remove(&(user.clone(), server));
        }
        if users.is_empty() {
            self.spellings.remove(&folded);
        }
        self.came_or_went.insert(user);
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
            Attendance::Gone(..) => 0,
        };
        heard.into_iter().map(|one| (one.server.0, one.user.to_string(), connections(one.attendance))).collect()
    }

    #[test]
    fn a_room_finds_who_is_there_and_hears_each_change_once() {
        let (all, room) = (RemoteAttendances::default(), |name: &str| RoomName::parse(name).unwrap());
        let place = |name: &str| AttendancePlace::Room(room(name));
        let user = |name: &str| UserName::parse(name).unwrap();
        let users = |of: &[(&str, &str, usize)]| -> Users {
            of.iter().map(|(name, who, count)| ((place(name), user(who)), attending(*count))).collect()
        };
        all.replace(ServerId(1), users(&[("den", "Ann", 1), ("den", "Bob", 2), ("hall", "Cy", 1)]));
        let found = all.open(&room("den"));
        assert_eq!(told(found), [(1, "Ann".to_owned(), 1), (1, "Bob".to_owned(), 2)]);
        all.change(ServerId(2), place("den"), user("Dee"), Attendance::Here(attending(1)));
        all.change(ServerId(2), place("hall"), user("Dee"), Attendance::Here(attending(1)));
        // As it is known already.
        all.change(ServerId(1), place("den"), user("Ann"), Attendance::Here(attending(1)));
        assert_eq!(all.waiting(), [room("den")]);
        assert_eq!(told(all.take(&room("den")).attendance), [(2, "Dee".to_owned(), 1)]);
        assert_eq!((told(all.take(&room("den")).attendance), all.waiting()), (Vec::new(), Vec::new()));
        all.replace(ServerId(1), users(&[("den", "Bob", 1)]));
        assert_eq!(told(all.take(&room("den")).attendance), [(1, "Ann".to_owned(), 0), (1, "Bob".to_owned(), 1)]);
        all.replace(ServerId(2), Users::new());
        assert_eq!(told(all.take(&room("den")).attendance), [(2, "Dee".to_owned(), 0)]);
        all.close(&room("den"));
        all.change(ServerId(1), place("den"), user("Ann"), Attendance::Here(attending(1)));
        assert_eq!(told(all.take(&room("den")).attendance), Vec::new());
        assert_eq!(all.open(&room("hall")), []);
    }
    #[test]
    fn a_user_is_reachable_while_one_server_says_so() {
        let (all, ann) = (RemoteAttendances::default(), UserName::parse("Ann").unwrap());
        let here = |announced| Attendance::Here(Attending { announced, ..attending(1) });
        let tell = |server, attendance| all.change(ServerId(server), AttendancePlace::Server, ann.clone(), attendance);
        let alike = || all.alike(&FoldedName::of(&UserName::parse("aNN").unwrap()));
        let news = || all.take_came_or_went().len();
        tell(1, here(false));
        assert_eq!((all.is_reachable(&ann), alike(), news()), (false, vec![(ann.clone(), false)], 1));
        tell(1, here(true));
        tell(2, here(true));
        tell(2, here(true));
        assert_eq!((alike(), news(), news()), (vec![(ann.clone(), true)], 1, 0));
        all.replace(ServerId(1), Users::new());
        assert_eq!((all.is_reachable(&ann), alike().len(), news()), (true, 1, 1));
        assert_eq!(all.waiting(), [], "it is no room");
        tell(2, Attendance::LOST);
        assert_eq!((all.is_reachable(&ann), alike(), news()), (false, vec![], 1));
    }
}
