//! The members (connections) of a room, and the users behind them.
//!
//! A user may be in a room with several connections; others are told of the first that joins and the
//! last that leaves. Where several servers share the room, those that are in it through others count too
//! (`members/elsewhere.rs`). Everything is kept in order, so two runs of one script are the same.

mod elsewhere;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::attendance::{Attending, ServerId};
use super::identity::AuthLevel;
use super::leave_reason::LeaveReason;
use super::note::Note;
use super::presence::{Presence, Status};
use super::receipt::{Receipt, ReceiptMark};
use super::time::Time;
use super::visibility::Visibility;
use roomd_protocol::UserName;

/// A member's number, unique while the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

/// How long a typing notice lasts when it is not renewed.
pub const TYPING_FOR: Duration = Duration::from_secs(6);

/// Users that a list of members names, at most; the list says how many there are. So a list fits in
/// an outbox, and n joins into one room cost n lists of this size and not of size n.
pub const LISTED_MAX: usize = 1_000;

/// A connection that is in the room.
#[derive(Clone, Debug)]
pub struct RoomMember {
    /// The user of the connection.
    pub user: UserName,
    /// How the user is authenticated.
    pub auth_level: AuthLevel,
    /// Whether the rate of the room does not count what it says.
    pub has_own_rate: bool,
    /// The connection's number.
    pub connection: u64,
    /// Whether it is sent its own messages.
    pub echo: bool,
    /// What others see of it.
    pub visibility: Visibility,
    /// The room's newest message when it joined.
    pub since: u64,
    /// Whether its connection was lost, and its membership is kept.
    pub detached: bool,
    /// Whether it has asked to be told how far others have got with its messages.
    pub asks_receipts: bool,
    /// Receipts for when it resumes: the newest of each user and kind.
    pub deferred_receipts: BTreeMap<(Receipt, UserName), ReceiptMark>,
}

#[derive(Debug)]
struct User {
    connections: usize,
    /// Connections that were announced.
    announced: usize,
    /// Connections that are detached.
    detached: usize,
    /// Whether the name is the user's own.
    registered: bool,
    status: Status,
    note: Option<Note>,
    /// When the user said that; 0: never.
    set_at: Time,
    last_seen: Time,
    /// How the user is in the room through other servers.
    elsewhere: BTreeMap<ServerId, Attending>,
}

/// The members of one room, and the users of those that are listed.
#[derive(Debug, Default)]
pub struct Members {
    members: BTreeMap<MemberId, RoomMember>,
    users: BTreeMap<UserName, User>,
    /// The users who have asked how far others have got with their messages, on these connections.
    asking: BTreeMap<UserName, BTreeSet<MemberId>>,
    /// The users who are typing, and until when on the monotonic clock. Few, whatever the room's size.
    typing: BTreeMap<UserName, Duration>,
    /// Connections that are in it by a pattern.
    matched: usize,
    /// Connections through other servers.
    connections_elsewhere: usize,
    /// What other servers have to be told; `None`: there are none.
    changes: Option<elsewhere::Changes>,
}

impl Members {
    /// Connections in the room.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Connections that have joined the room, without those that are in it by a pattern.
    #[must_use]
    pub fn joined(&self) -> usize {
        self.members.len() - self.matched
    }

    /// Whether nobody has joined the room.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.joined() == 0
    }

    /// The member of this number.
    #[must_use]
    pub fn member(&self, id: MemberId) -> Option<&RoomMember> {
        self.members.get(&id)
    }

    /// The member that this connection is, if it is in the room. Looks at every member: for small rooms.
    #[must_use]
    pub fn of(&self, connection: u64) -> Option<MemberId> {
        self.members.iter().find(|(_, member)| member.connection == connection).map(|(id, _)| *id)
    }

    /// All members, in the order of their numbers.
    pub fn members(&self) -> impl Iterator<Item = (MemberId, &RoomMember)> {
        self.members.iter().map(|(id, member)| (*id, member))
    }

    /// How many users are in the room.
    #[must_use]
    pub fn users(&self) -> usize {
        self.users.len()
    }

    /// The users in the room, in order; at most [`LISTED_MAX`].
    #[must_use]
    pub fn names(&self) -> Vec<UserName> {
        self.users.keys().take(LISTED_MAX).cloned().collect()
    }

    /// The users' presence, in the order of their names; at most [`LISTED_MAX`].
    #[must_use]
    pub fn presences(&self) -> Vec<Presence> {
        self.users.iter().take(LISTED_MAX).map(|(name, user)| user.presence(name)).collect()
    }

    /// The presence of one user, if it is in the room.
    #[must_use]
    pub fn presence(&self, user: &UserName) -> Option<Presence> {
        self.users.get(user).map(|found| found.presence(user))
    }

    /// Adds a member; true when others are to be told.
    pub fn enter(&mut self, id: MemberId, member: RoomMember, now: Time) -> bool {
        if member.asks_receipts {
            self.asking.entry(member.user.clone()).or_default().insert(id);
        }
        self.matched += usize::from(member.visibility == Visibility::Matched);
        if !member.visibility.is_listed() {
            self.members.insert(id, member);
            return false;
        }
        self.changed(&member.user, None);
        let user = self.users.entry(member.user.clone()).or_insert(User::new(now));
        if user.connections == 0 {
            user.last_seen = now;
        }
        let was_announced = user.is_announced();
        user.connections += 1;
        user.announced += usize::from(member.visibility.is_announced());
        user.registered |= member.auth_level > AuthLevel::Guest;
        let announce = member.visibility.is_announced() && !was_announced;
        self.members.insert(id, member);
        announce
    }

    /// Removes a member. `Some((member, announce, last))`: whether others are to be told, and whether it was the user's
    /// last connection.
    pub fn leave(&mut self, id: MemberId, reason: &LeaveReason) -> Option<(RoomMember, bool, bool)> {
        let member = self.members.remove(&id)?;
        self.forget_asking(id, &member.user);
        self.matched -= usize::from(member.visibility == Visibility::Matched);
        if !member.visibility.is_listed() {
            return Some((member, false, false));
        }
        self.changed(&member.user, Some(reason));
        let user = self.users.get_mut(&member.user).expect("each listed member has its user");
        user.connections -= 1;
        user.announced -= usize::from(member.visibility.is_announced());
        user.detached -= usize::from(member.detached);
        let announce = member.visibility.is_announced() && !user.is_announced();
        let last = user.connections == 0 && user.elsewhere.is_empty();
        if last {
            self.users.remove(&member.user);
        } else if user.connections == 0 {
            let elsewhere = std::mem::take(&mut user.elsewhere);
            *user = User { elsewhere, ..User::new(user.last_seen) };
        }
        Some((member, announce, last))
    }

    /// Whether the user is in the room.
    #[must_use]
    pub fn has(&self, name: &UserName) -> bool {
        self.users.contains_key(name)
    }

    /// How many connections of the user are in the room through this server.
    #[must_use]
    pub fn connections(&self, name: &UserName) -> usize {
        self.users.get(name).map_or(0, |user| user.connections)
    }

    /// Whether others were told that the user is here.
    #[must_use]
    pub fn is_announced(&self, name: &UserName) -> bool {
        self.users.get(name).is_some_and(User::is_announced)
    }

    /// The status of a user in the room: away when all its connections are detached.
    #[must_use]
    pub fn status(&self, name: &UserName) -> Option<Status> {
        self.users.get(name).map(|user| user.shown().0)
    }

    /// Detaches a member whose connection was lost, or attaches it again. A user with another connection
    /// here stays online.
    pub fn detach(&mut self, id: MemberId, detached: bool) {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.detached != detached) else { return };
        member.detached = detached;
        if !member.visibility.is_listed() {
            return;
        }
        let name = member.user.clone();
        let user = self.users.get_mut(&name).expect("each listed member has its user");
        user.detached = if detached { user.detached + 1 } else { user.detached - 1 };
        self.changed(&name, None);
    }

    /// Keeps receipts for a detached member until it resumes.
    pub fn defer_receipts(&mut self, id: MemberId, marks: &[ReceiptMark]) {
        if let Some(member) = self.members.get_mut(&id) {
            member.deferred_receipts.extend(marks.iter().map(|mark| ((mark.receipt, mark.user.clone()), mark.clone())));
        }
    }

    /// Takes the kept receipts of a member.
    pub fn take_deferred_receipts(&mut self, id: MemberId) -> impl Iterator<Item = ReceiptMark> + use<> {
        let deferred_receipts = self.members.get_mut(&id).map(|member| std::mem::take(&mut member.deferred_receipts));
        deferred_receipts.unwrap_or_default().into_values()
    }

    /// Has a member told, or no longer, how far others have got with its messages.
    pub fn ask_receipts(&mut self, id: MemberId, on: bool) {
        let Some(member) = self.members.get_mut(&id) else { return };
        member.asks_receipts = on;
        let user = member.user.clone();
        if on {
            self.asking.entry(user).or_default().insert(id);
        } else {
            self.forget_asking(id, &user);
        }
    }

    fn forget_asking(&mut self, id: MemberId, user: &UserName) {
        if let Some(ids) = self.asking.get_mut(user) {
            ids.remove(&id);
            if ids.is_empty() {
                self.asking.remove(user);
            }
        }
    }

    /// The connections on which a user has asked how far others have got.
    pub fn asking(&self, user: &UserName) -> impl Iterator<Item = MemberId> {
        self.asking.get(user).into_iter().flatten().copied()
    }

    /// Records that a user was active.
    pub fn seen(&mut self, name: &UserName, now: Time) {
        if let Some(user) = self.users.get_mut(name) {
            user.last_seen = now;
        }
    }

    /// Sets a user's status; their presence when it changed.
    pub fn set_status(&mut self, name: &UserName, status: Status, note: Option<Note>, now: Time) -> Option<Presence> {
        let user = self.users.get_mut(name).filter(|user| user.connections > 0)?;
        let before = user.presence(name);
        let is_same = user.status == status && user.note == note;
        if is_same && before.status == status && before.note == note {
            return None;
        }
        (user.status, user.note, user.set_at) = (status, note, user.later_than_elsewhere(now));
        let after = user.presence(name);
        self.changed(name, None);
        (!is_same || after != before).then_some(after)
    }

    /// Begins, renews or ends a typing notice; true when it changed.
    pub fn set_typing(&mut self, name: &UserName, until: Option<Duration>) -> bool {
        match until {
            Some(until) => self.typing.insert(name.clone(), until).is_none(),
            None => self.typing.remove(name).is_some(),
        }
    }

    /// When the next typing notice ends.
    #[must_use]
    pub fn typing_ends(&self) -> Option<Duration> {
        self.typing.values().min().copied()
    }

    /// Ends the typing notices that were not renewed by `now`, and returns their users.
    pub fn expire_typing(&mut self, now: Duration) -> Vec<UserName> {
        let over: Vec<_> =
            self.typing.iter().filter(|(_, until)| **until <= now).map(|(name, _)| name.clone()).collect();
        for name in &over {
            self.typing.remove(name);
        }
        over
    }
}

impl User {
    /// A user without connections, who was active then.
    fn new(last_seen: Time) -> Self {
        Self {
            connections: 0,
            announced: 0,
            detached: 0,
            registered: false,
            status: Status::Online,
            note: None,
            set_at: Time::default(),
            last_seen,
            elsewhere: BTreeMap::new(),
        }
    }

    fn is_announced(&self) -> bool {
        self.announced > 0 || self.elsewhere.values().any(|attending| attending.announced)
    }

    /// The status that others see, and its note: what the user said last, on whatever server; away when all connections
    /// are detached.
    fn shown(&self) -> (Status, Option<&Note>) {
        let here = (self.connections > 0).then_some((
            self.detached < self.connections,
            self.set_at,
            self.status,
            self.note.as_ref(),
        ));
        let elsewhere = self.elsewhere.values();
        let elsewhere = elsewhere.map(|one| (!one.detached, one.set_at, one.status, one.note.as_ref()));
        let newest = elsewhere.chain(here).max_by_key(|(attached, set_at, ..)| (*attached, *set_at));
        match newest {
            Some((true, _, status, note)) => (status, note),
            Some((false, _, _, note)) => (Status::Away, note),
            None => (Status::Away, None),
        }
    }

    fn presence(&self, name: &UserName) -> Presence {
        let (status, note) = self.shown();
        let seen = self.elsewhere.values().map(|one| one.last_seen).fold(self.last_seen, Time::max);
        Presence { user: name.clone(), status, note: note.cloned(), last_seen: seen }
    }
}
