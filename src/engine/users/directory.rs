//! The directory of connected users, and their private conversations.
//!
//! One mutex over a map, a leaf like the hub's.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::chat::{
    Code, DisplayName, End, Event, FoldedName, Id, Identity, Refusal, RoomName, RoomRequest, Slow, UserName, Visibility,
};
use crate::engine::base::sync::Mutex;
use crate::engine::clients::recipient::Form;
use crate::engine::guards::address::Address;
use crate::engine::rooms::hub::{Hub, RoomKind};
use crate::engine::users::bots::Bots;
use crate::engine::users::connected::ConnectedUsers;
use crate::engine::users::endpoint::Endpoint;
use crate::engine::users::idents::Idents;
use crate::engine::users::reserved_names::ReservedNames;
use crate::engine::users::user_connection::UserConnection;
use crate::engine::users::watchers::{Watcher, Watchers};
use crate::store::{SharedConnection, SharedUsers};

/// See the module.
#[derive(Default)]
pub struct Directory {
    users: Mutex<ConnectedUsers>,
    pub(super) watchers: Watchers,
    /// Who has gone last, the newest first.
    departed: Mutex<VecDeque<DepartedUser>>,
    /// What IRC clients have said of their users.
    pub(in crate::engine) idents: Arc<Idents>,
    /// Which users are bots.
    pub(in crate::engine) bots: Arc<Bots>,
    /// Connections whose users are operators on IRC.
    operators: AtomicUsize,
    /// Names that are about to be used.
    pub reserved: Arc<ReservedNames>,
    /// The users of all servers, where several have one history.
    shared: Option<Arc<dyn SharedUsers>>,
}

/// Users that are remembered when they have gone, at most.
const DEPARTED_MAX: usize = 256;

/// A user whose last connection has ended.
#[derive(Clone, Debug)]
pub struct DepartedUser {
    /// The name.
    pub user: UserName,
    /// What the user was called, as the client said.
    pub real_name: Option<DisplayName>,
    /// The ident that the client said.
    pub ident: Option<Arc<str>>,
}

/// Keeps a connection in the directory until it is dropped.
pub struct DirectoryEntry {
    directory: Arc<Directory>,
    connection: Arc<UserConnection>,
}

impl DirectoryEntry {
    /// The connection that is registered.
    #[must_use]
    pub fn connection(&self) -> &Arc<UserConnection> {
        &self.connection
    }

    /// Whether its user has no other connection.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.directory.users.lock().of(self.connection.user()).len() <= 1
    }
}

impl Drop for DirectoryEntry {
    fn drop(&mut self) {
        let folded = FoldedName::of(self.connection.user());
        let is_gone = {
            let mut users = self.directory.users.lock();
            users.remove(&self.connection, &folded);
            users.of(self.connection.user()).is_empty()
        };
        if is_gone && self.connection.visibility != Visibility::Hidden {
            self.directory.remember(&self.connection);
        }
        if let Some(shared) = &self.directory.shared {
            shared.went(self.connection.user(), shared_connection(&self.connection));
        }
        self.directory.set_operator(&self.connection, false);
        self.directory.set_bot(&self.connection, false);
        if self.connection.ident().is_some() {
            self.directory.idents.went(self.connection.user());
        }
        self.directory.tell_watchers(self.connection.user(), &folded);
    }
}

impl Directory {
    /// An empty one; `shared` are the users of all servers, where several have one history.
    #[must_use]
    pub fn new(shared: Option<Arc<dyn SharedUsers>>) -> Self {
        Self { shared, ..Self::default() }
    }

    /// The users of all servers, where several have one history.
    #[must_use]
    pub fn shared_users(&self) -> Option<&Arc<dyn SharedUsers>> {
        self.shared.as_ref()
    }

    /// Registers the connection of a client that has come.
    pub fn register(self: &Arc<Self>, connection: Arc<UserConnection>) -> DirectoryEntry {
        self.register_with(connection, || ())
    }

    /// The same for a client that is told so by `welcome`: it hears of nothing earlier, and whoever looks for it later
    /// finds it. `welcome` is called with the connection locked, and must not block.
    pub fn register_with(self: &Arc<Self>, connection: Arc<UserConnection>, welcome: impl FnOnce()) -> DirectoryEntry {
        self.add(connection, |endpoint, told_to_all| {
            welcome();
            if let Some(event) = told_to_all {
                // As in `tell`.
                _ = endpoint.send(None, &event, Slow::Drop);
            }
        })
    }

    /// Registers the connection of a client that has another one here: it is to be another user.
    pub fn register_again(self: &Arc<Self>, connection: Arc<UserConnection>) -> DirectoryEntry {
        self.add(connection, |_, _| ())
    }

    /// Adds a connection; `tell` is given what all clients are told.
    fn add(
        self: &Arc<Self>,
        connection: Arc<UserConnection>,
        tell: impl FnOnce(&Endpoint, Option<Arc<Event>>),
    ) -> DirectoryEntry {
        let folded = FoldedName::of(connection.user());
        self.idents.renew(connection.user());
        connection.before_others(|endpoint| {
            let told_to_all = {
                let mut users = self.users.lock();
                users.add(Arc::clone(&connection), folded.clone());
                users.told_to_all.clone()
            };
            tell(endpoint, told_to_all);
        });
        if let Some(shared) = &self.shared {
            shared.came(connection.user(), shared_connection(&connection));
        }
        self.tell_watchers(connection.user(), &folded);
        DirectoryEntry { directory: Arc::clone(self), connection }
    }

    fn remember(&self, connection: &UserConnection) {
        let (real_name, ident) = (connection.real_name(), connection.ident());
        let gone = DepartedUser { user: connection.user().clone(), real_name, ident };
        let mut departed = self.departed.lock();
        departed.truncate(DEPARTED_MAX - 1);
        departed.push_front(gone);
    }

    /// Remembers what the client of a connection has said in `USER`: once for each connection.
    pub fn set_ident(&self, connection: &UserConnection, ident: &Arc<str>) {
        if connection.set_ident(ident) {
            self.idents.came(connection.user(), ident);
        }
    }

    /// Makes the user of a connection an operator on IRC with it, or ends that.
    pub fn set_operator(&self, connection: &UserConnection, on: bool) {
        if connection.set_operator(on) {
            // Whoever counts is told of about now.
            _ = if on {
                self.operators.fetch_add(1, Ordering::Relaxed)
            } else {
                self.operators.fetch_sub(1, Ordering::Relaxed)
            };
        }
    }

    /// Remembers whether the client of a connection is a bot, as it says.
    pub fn set_bot(&self, connection: &UserConnection, on: bool) {
        if connection.set_bot(on) {
            if on { self.bots.came(connection.user()) } else { self.bots.went(connection.user()) }
        }
    }

    /// Whether a user is a bot.
    #[must_use]
    pub fn is_bot(&self, user: &UserName) -> bool {
        self.bots.has(user)
    }

    /// How many connections have an operator on IRC.
    #[must_use]
    pub fn operators(&self) -> usize {
        self.operators.load(Ordering::Relaxed)
    }

    /// Whether a user is an operator on IRC.
    #[must_use]
    pub fn is_operator(&self, user: &UserName) -> bool {
        self.connections(user).iter().any(|connection| connection.is_operator())
    }

    /// The users of this name, in any spelling, that have gone, the newest first.
    #[must_use]
    pub fn departed(&self, user: &UserName) -> Vec<DepartedUser> {
        let all: Vec<_> = self.departed.lock().iter().cloned().collect();
        let folded = FoldedName::of(user);
        all.into_iter().filter(|gone| FoldedName::of(&gone.user) == folded).collect()
    }

    /// Has a connection be told when a user connects or the user's last connection ends; whether the user is connected.
    pub fn watch(&self, user: &UserName, watcher: Watcher) -> bool {
        self.watchers.add(user, watcher, |folded| self.is_reachable(folded))
    }

    /// Ends that for the connection of this number.
    pub fn unwatch(&self, user: &UserName, connection: u64) {
        self.watchers.remove(user, connection);
    }

    fn is_reachable(&self, folded: &FoldedName) -> bool {
        let is_here = {
            let users = self.users.lock();
            users.alike(folded).any(|connection| connection.visibility != Visibility::Hidden)
        };
        is_here || self.alike_elsewhere(folded).iter().any(|(_, is_reachable)| *is_reachable)
    }

    /// A user has come to another server, or has gone from it. Does not block.
    pub(in crate::engine) fn came_or_went_elsewhere(&self, user: &UserName) {
        self.tell_watchers(user, &FoldedName::of(user));
    }

    /// The users of other servers who are spelled like this, and whether each can be reached.
    fn alike_elsewhere(&self, folded: &FoldedName) -> Vec<(UserName, bool)> {
        self.shared.as_ref().map(|shared| shared.alike_elsewhere(folded)).unwrap_or_default()
    }

    /// Tells those who watch a user whether they are connected, when that has changed. Does not block.
    fn tell_watchers(&self, user: &UserName, folded: &FoldedName) {
        self.watchers.tell(user, folded, || self.is_reachable(folded));
    }

    /// The connections of a user, also those that are hidden.
    #[must_use]
    pub fn connections(&self, user: &UserName) -> Vec<Arc<UserConnection>> {
        self.users.lock().of(user).to_vec()
    }

    /// The connections that what is sent to a user goes to; none when the user is offline.
    #[must_use]
    pub fn reachable(&self, user: &UserName) -> Vec<Arc<UserConnection>> {
        let mut connections = self.connections(user);
        connections.retain(|connection| connection.visibility != Visibility::Hidden);
        connections
    }

    /// Whether what is sent to a user reaches a connection on another server, as far as that is known.
    #[must_use]
    pub fn is_reachable_elsewhere(&self, user: &UserName) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.is_reachable_elsewhere(user))
    }

    /// Whether what is sent to a user reaches a connection, on whatever server.
    #[must_use]
    pub fn is_reachable_anywhere(&self, user: &UserName) -> bool {
        !self.reachable(user).is_empty() || self.is_reachable_elsewhere(user)
    }

    /// Whether a connection uses this name, in any spelling, on whatever server.
    #[must_use]
    pub fn is_used(&self, user: &UserName) -> bool {
        self.spelled_like(user).is_some()
    }

    /// The name of a connected user who is spelled like this, if there is one.
    #[must_use]
    pub fn spelled_like(&self, user: &UserName) -> Option<UserName> {
        self.names_alike(user).into_iter().next()
    }

    /// The names of connected users who are spelled like this: first those of this server.
    #[must_use]
    pub fn names_alike(&self, user: &UserName) -> Vec<UserName> {
        let folded = FoldedName::of(user);
        let mut names: Vec<_> = self.connections_of(&folded).iter().map(|one| one.user().clone()).collect();
        names.extend(self.alike_elsewhere(&folded).into_iter().map(|(name, _)| name));
        names
    }

    /// How many users are connected.
    #[must_use]
    pub fn count(&self) -> usize {
        self.users.lock().count()
    }

    /// The most users that were ever connected at once, since the server started.
    #[must_use]
    pub fn most(&self) -> usize {
        self.users.lock().most()
    }

    /// Ends the connections of guests who use this name, in any spelling: it is registered now.
    pub fn displace(&self, user: &UserName) {
        for connection in self.connections_alike(user).iter().filter(|connection| connection.who.is_guest()) {
            connection.endpoint().recipient.end(End::Displaced);
        }
    }

    /// The connections of users who are spelled like this.
    #[must_use]
    pub fn connections_alike(&self, user: &UserName) -> Vec<Arc<UserConnection>> {
        self.connections_of(&FoldedName::of(user))
    }

    /// The same, of a folded name.
    #[must_use]
    pub fn connections_of(&self, folded: &FoldedName) -> Vec<Arc<UserConnection>> {
        self.users.lock().alike(folded).cloned().collect()
    }

    /// Every connection.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<UserConnection>> {
        self.users.lock().all().cloned().collect()
    }

    /// Sends every client that is connected now an event that is of no room. Does not block: one that cannot take it ends.
    pub(in crate::engine) fn tell_all(&self, event: &Arc<Event>) {
        tell(&self.all(), event);
    }

    /// The same, and each later one as its connection is registered.
    pub(in crate::engine) fn tell_all_from_now_on(&self, event: &Arc<Event>) {
        let connections: Vec<_> = {
            let mut users = self.users.lock();
            users.told_to_all = Some(Arc::clone(event));
            users.all().cloned().collect()
        };
        tell(&connections, event);
    }

    /// Ends the members in this process.
    pub(in crate::engine) fn end_members(&self, end: End) {
        let connections = self.all();
        let endpoints = connections.iter().map(|connection| connection.endpoint());
        endpoints.filter(|endpoint| endpoint.form == Form::Events).for_each(|endpoint| endpoint.recipient.end(end));
    }

    /// Sends a request from one connection to the private conversation with another user, which all connections of
    /// both join; those on other servers when they hear of it. If the other user is offline, it is stored, where `kept` says
    /// that the store does so for them. Blocks on the room.
    ///
    /// # Errors
    /// The other user is offline, or there can be no further room.
    pub fn send_private(
        &self,
        hub: &Arc<Hub>,
        from: &Arc<UserConnection>,
        (to, kept): (&UserName, bool),
        request: RoomRequest,
        id: Option<Id>,
    ) -> Result<(), Refusal> {
        let offline = || Refusal::new(Code::UserOffline, format!("{to} is not online"));
        if !kept && !self.is_reachable_anywhere(to) {
            return Err(offline());
        }
        let room = RoomName::private(from.user(), to);
        let kind = RoomKind::Private(from.user().clone(), to.clone());
        let failed = || Refusal::room_failed(&room);
        let sender = from.enter(hub, &room, &kind)?.ok_or_else(failed)?;
        let there = self.join_all(hub, to, (&room, &kind))?;
        if !there && !kept && !self.is_reachable_elsewhere(to) {
            return Err(offline());
        }
        self.join_all(hub, from.user(), (&room, &kind))?;
        sender.send(request, id).map_err(|_| {
            from.forget(&room);
            failed()
        })?;
        if !there {
            // A connection that opened meanwhile may have looked for offline messages before this one was stored.
            // A room answers a query after the messages before it: by then this one is stored, a connection that
            // is open gets it when it joins, and a later one finds it.
            hub.ask(&room, from.who.clone(), RoomRequest::Members)?;
            self.join_all(hub, to, (&room, &kind))?;
        }
        Ok(())
    }

    /// The same from a user without a connection of their own; the answer of the room. A room that this opens counts for
    /// `address`. Blocks on the room.
    ///
    /// # Errors
    /// As [`Directory::send_private`].
    pub fn ask_privately(
        &self,
        hub: &Arc<Hub>,
        who: &Identity,
        (to, kept): (&UserName, bool),
        request: RoomRequest,
        address: Option<Address>,
    ) -> Result<Event, Refusal> {
        let offline = || Refusal::new(Code::UserOffline, format!("{to} is not online"));
        // A message is for somebody; what was said can be changed whoever is there.
        let waits = kept || !request.publishes();
        if !waits && !self.is_reachable_anywhere(to) {
            return Err(offline());
        }
        let room = RoomName::private(&who.user, to);
        let kind = RoomKind::Private(who.user.clone(), to.clone());
        // The seat keeps the room open while the connections of both enter it.
        let _seat = hub.keep(&room, &kind, false, address)?;
        let there = self.join_all(hub, to, (&room, &kind))?;
        if !there && !waits && !self.is_reachable_elsewhere(to) {
            return Err(offline());
        }
        self.join_all(hub, &who.user, (&room, &kind))?;
        let answer = hub.ask(&room, who.clone(), request)?;
        if !there {
            // As in `send_private`: it is stored by now.
            self.join_all(hub, to, (&room, &kind))?;
        }
        Ok(answer)
    }

    /// Joins a conversation of a user's on behalf of all their connections. Blocks on the room.
    pub(in crate::engine) fn join_own(
        &self,
        hub: &Arc<Hub>,
        user: &UserName,
        conversation: (&RoomName, &RoomKind),
    ) -> Result<(), Refusal> {
        self.join_all(hub, user, conversation).map(drop)
    }

    /// Joins a conversation on behalf of all connections of a user; whether one is in it now.
    fn join_all(&self, hub: &Arc<Hub>, user: &UserName, (room, kind): (&RoomName, &RoomKind)) -> Result<bool, Refusal> {
        let mut there = false;
        for connection in self.reachable(user) {
            match connection.enter(hub, room, kind) {
                Ok(sender) => there |= sender.is_some(),
                // Its offline messages are not all in memory; its own reader is about to deliver them.
                Err(refusal) if refusal.code == Code::TooLarge && !connection.who.is_guest() => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(there)
    }
}

/// A connection as other servers are to know it.
fn shared_connection(connection: &UserConnection) -> SharedConnection {
    let reachable = connection.visibility != Visibility::Hidden;
    SharedConnection { registered: !connection.who.is_guest(), reachable }
}

/// Sends an event to each client of these connections, of which one that becomes another user has two for a moment.
fn tell(connections: &[Arc<UserConnection>], event: &Arc<Event>) {
    let by_number: BTreeMap<_, _> = connections.iter().map(|connection| (connection.number, connection)).collect();
    for connection in by_number.values() {
        _ = connection.endpoint().send(None, event, Slow::Drop);
    }
}
