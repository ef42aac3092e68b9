//! The threads, and everything that passes between them.
//!
//! `reader → room → store`, and `writer → socket`: who waits for whom, and there is no cycle. A
//! room never waits for a client. Every blocking primitive comes from `sync`, so that a checker can
//! stand in for the operating system.

pub mod admission;
pub mod backlog;
pub mod batch;
pub mod books;
pub mod broker;
pub mod clock;
pub mod connection;
pub mod directory;
pub mod expiry;
pub mod farewell;
pub mod gate;
pub mod history;
pub mod hub;
pub mod inbox;
pub mod member;
pub mod outbox;
pub mod parking;
pub mod past;
pub mod queue;
pub mod recipient;
pub mod stay;
pub mod sync;
pub mod table;
pub mod threads;
pub mod writer;

#[cfg(all(test, not(shuttle)))]
mod schedules;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use books::Books;
use clock::Clock;
use directory::Directory;
use expiry::Expiry;
use hub::{Hub, Kind, Opener};
use inbox::RoomHandle;
use parking::Parking;
use sync::Mutex;
use threads::Threads;

use crate::auth::{Auth, Claimed};
use crate::chat::identity::Secret;
use crate::chat::room::Said;
use crate::chat::{Code, End, Event, Identity, Limits, Refusal, RoomName, UserName};
use crate::store::Store;

/// What all connections of a server share.
pub struct Engine {
    /// Which rooms there are.
    pub hub: Arc<Hub>,
    /// Which users are connected.
    pub directory: Arc<Directory>,
    /// Sessions that could be taken up again.
    pub parking: Parking,
    /// Connections whose time will be over.
    pub expiry: Expiry,
    /// All threads.
    pub threads: Arc<Threads>,
    /// The clocks.
    pub clock: Clock,
    /// What was said, for those who ask.
    pub store: Arc<dyn Store>,
    /// Who somebody is.
    pub auth: Arc<Auth>,
    /// Every bound.
    pub limits: Arc<Limits>,
    connections: AtomicU64,
    /// The books of all connections that have ended.
    books: Mutex<Books>,
    /// Rooms that stay when nobody is in them: the server holds a seat. `None` after the close.
    created: Mutex<Option<BTreeMap<RoomName, RoomHandle>>>,
}

impl Engine {
    /// An engine without rooms, which lets `opener` make their brokers.
    #[must_use]
    pub fn new(
        limits: Limits,
        threads: Arc<Threads>,
        clock: Clock,
        store: Arc<dyn Store>,
        auth: Arc<Auth>,
        opener: Opener,
    ) -> Arc<Self> {
        Arc::new(Self {
            hub: Hub::new(limits.rooms_max, opener),
            directory: Arc::default(),
            parking: Parking::new(limits.grace, limits.connections_max),
            expiry: Expiry::new(limits.token_warning),
            threads,
            clock,
            store,
            auth,
            limits: Arc::new(limits),
            connections: AtomicU64::new(0),
            books: Mutex::default(),
            created: Mutex::new(Some(BTreeMap::new())),
        })
    }

    /// A number for a connection, unique in the server's life.
    pub fn number(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A guest's name that nobody uses now.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    #[must_use]
    pub fn guest(&self) -> UserName {
        loop {
            let name = UserName::guest(getrandom::u32().expect("the system gives randomness"));
            if self.directory.peers(&name).is_empty() {
                return name;
            }
        }
    }

    /// Whether the name belongs to somebody, in this or another spelling: nobody else uses it. Does not
    /// block.
    #[must_use]
    pub fn registered(&self, user: &UserName) -> bool {
        self.auth.names().owner(user).is_some()
    }

    /// The name as its owner spells it; one that belongs to nobody as it is. Does not block.
    #[must_use]
    pub fn spelled(&self, user: &UserName) -> UserName {
        self.auth.names().owner(user).map_or_else(|| user.clone(), |owned| owned.name)
    }

    /// Whom a token names. When that is the first that is heard of the name, guests who use it have to
    /// go. May wait for the store.
    ///
    /// # Errors
    /// `unauthorized`, or `unavailable`.
    pub fn identify(&self, token: &Secret) -> Result<Identity, Refusal> {
        let (who, news) = self.auth.identify(token.reveal(), self.clock.now().at)?;
        if news {
            self.directory.displace(&who.user);
        }
        Ok(who)
    }

    /// Registers a name that is free and that nobody uses, to whoever asks. Waits for the store.
    ///
    /// # Errors
    /// `name_taken`, `forbidden` where names cannot be claimed, `unavailable`.
    pub fn claim(&self, user: &UserName) -> Result<Claimed, Refusal> {
        self.auth.claim(user, self.clock.now().at, || self.directory.uses(user))
    }

    /// Makes a room that stays when nobody is in it; `durable`: whether it keeps its history. Half of
    /// all rooms may be such, so that there is always room for those that come with their members.
    /// Blocks on the room.
    ///
    /// # Errors
    /// There is a room of this name, there can be no further one, or it cannot be opened.
    pub fn create(&self, room: &RoomName, durable: bool) -> Result<(), Refusal> {
        self.keep(room, durable)?;
        // A room that lives answers questions.
        let failure = match self.hub.ask(room, Identity::guest(self.guest()), Said::Members) {
            Ok(Event::Refused(refusal)) | Err(refusal) => refusal,
            Ok(_) => return Ok(()),
        };
        let unwanted = self.created.lock().as_mut().and_then(|created| created.remove(room));
        drop(unwanted);
        Err(failure)
    }

    fn keep(&self, room: &RoomName, durable: bool) -> Result<(), Refusal> {
        let taken = || Refusal::new(Code::NameTaken, format!("There is a room {room}"));
        if self.hub.has(room) {
            return Err(taken());
        }
        let most = (self.limits.rooms_max / 2).max(1);
        if self.created.lock().as_ref().is_some_and(|created| created.len() >= most) {
            let message = format!("The server keeps {most} rooms that were created, which is its limit");
            return Err(Refusal::new(Code::TooManyRooms, message));
        }
        let handle = self.hub.keep(room, &Kind::Open { slow: None, durable })?;
        let (made, unwanted) = match self.created.lock().as_mut() {
            // Two who create it at once: one does. A handle of a room that failed is replaced.
            Some(created) if created.get(room).is_none_or(|old| !old.same_room(&handle)) => {
                (true, created.insert(room.clone(), handle))
            }
            _ => (false, Some(handle)),
        };
        // Leaving sends, which may block: not under the lock.
        drop(unwanted);
        if made { Ok(()) } else { Err(taken()) }
    }

    /// Gives no further seat, and gives up those of the server.
    pub fn close(&self) {
        self.hub.close();
        let created = self.created.lock().take();
        drop(created);
        self.parking.close();
        self.expiry.close();
        // Members in this process have no socket to be shut down.
        self.directory.end_members(End::Closing);
    }

    /// Why a session ends whose reader saw `end`. A server that stops shuts the reading side of each
    /// socket: to the reader that looks as if the client had gone.
    #[must_use]
    pub fn reason(&self, end: End) -> End {
        if matches!(end, End::Left | End::Gone) && self.hub.is_closing() { End::Closing } else { end }
    }

    /// A connection has ended with these books.
    pub(crate) fn close_books(&self, books: Books) {
        debug_assert!(books.balance() && books.pending == 0, "books do not balance: {books}");
        *self.books.lock() += books;
    }

    /// The books of all connections that have ended.
    #[must_use]
    pub fn books(&self) -> Books {
        *self.books.lock()
    }
}
