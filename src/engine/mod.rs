//! The threads of the server, and everything that passes between them.
//!
//! A reader waits for a room, a room for the store, a writer for its socket: there is no cycle, and a room never waits
//! for a client. Every blocking primitive comes from `base::sync`, so that a checker can replace the operating
//! system.

pub mod admin;
pub mod base;
pub mod clients;
pub mod guards;
pub mod metrics;
pub mod rooms;
pub mod users;
pub mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use base::clock::Clock;
use base::sync::Mutex;
use base::threads::Threads;
use clients::delivery_counts::DeliveryCounts;
use clients::session_table::SessionTable;
use clients::writers::{self, Writers};
use guards::address::{Address, ClientAddress};
use guards::address_limits::AddressLimits;
use guards::draining::Draining;
use guards::expiry::Expiry;
use guards::tickets::Tickets;
use metrics::Metrics;
use rooms::hooks::HookRates;
use rooms::hub::{Hub, Opener};
use rooms::inbox::RoomHandle;
use rooms::policy_index::PolicyIndex;
use users::call_servers::CallServers;
use users::directory::Directory;
use users::login_worker::LoginWorker;
use users::remote_conversations::RemoteConversations;
use users::user_index::UserIndex;
use webhooks::Webhooks;

use crate::auth::{Auth, Claimed};
use crate::chat::admin::{ServerBan, ServerBans};
use crate::chat::device::DeviceLabel;
use crate::chat::{Authors, Code, End, Event, Identity, Limits, Refusal, RoomName, Secret, UserName, Welcome};
use crate::store::hooks::MemoryHooks;
use crate::store::server::MemoryServer;
use crate::store::{HookStore, ServerStore, Store};
use crate::sync::ArcCell;

/// What all connections of a server share.
pub struct Engine {
    /// The live rooms.
    pub hub: Arc<Hub>,
    /// The policies of the rooms.
    pub policies: Arc<PolicyIndex>,
    /// The connected users.
    pub directory: Arc<Directory>,
    /// The private conversations in which other servers' users have said something.
    pub remote_conversations: RemoteConversations,
    /// The sessions that can be resumed.
    pub sessions: SessionTable,
    /// Starts the writers of clients, and pings.
    pub writers: Arc<Writers>,
    /// Runs what would take too much of a reader's stack.
    pub login_worker: LoginWorker,
    /// Connections that end at a given time.
    pub expiry: Expiry,
    /// The tickets that stand for tokens.
    pub tickets: Tickets,
    /// Whether the server is about to end.
    pub draining: Arc<Draining>,
    /// The limits by address.
    pub address_limits: Arc<AddressLimits>,
    /// The threads of the server.
    pub threads: Arc<Threads>,
    /// The server's clocks.
    pub clock: Clock,
    /// The store of the messages.
    pub store: Arc<dyn Store>,
    /// Registered names and tokens.
    pub auth: Arc<Auth>,
    /// What encodings ask about the authors of events.
    pub authors: Authors,
    user_index: Arc<UserIndex>,
    /// The hooks of rooms.
    pub hooks: Arc<dyn HookStore>,
    /// What admins decide for the whole server.
    pub server_store: Arc<dyn ServerStore>,
    /// Who is banned from the server.
    pub bans: ArcCell<ServerBans>,
    /// The numbers of the announcements that were told last.
    announcements: Mutex<BTreeSet<u64>>,
    /// What each hook may still say.
    pub hook_rates: HookRates,
    /// The webhooks of rooms and of the server.
    pub webhooks: Webhooks,
    /// The limits in force, which are exchanged whole: see [`Engine::set_limits`].
    pub limits: Arc<ArcCell<Limits>>,
    /// Servers for calls, which each client is told.
    pub call_servers: ArcCell<CallServers>,
    /// The figures of this server.
    pub metrics: Arc<Metrics>,
    connections: AtomicU64,
    /// Rooms that stay open without members: the server holds a seat in each. `None` after the close.
    created: Mutex<Option<BTreeMap<RoomName, RoomHandle>>>,
}

impl Engine {
    /// An engine without rooms, which lets `opener` make their brokers.
    #[must_use]
    pub fn new(
        limits: Arc<ArcCell<Limits>>,
        threads: Arc<Threads>,
        clock: Clock,
        store: Arc<dyn Store>,
        auth: Arc<Auth>,
        metrics: Arc<Metrics>,
        opener: Opener,
    ) -> Arc<Self> {
        let now = limits.load();
        let directory = Arc::new(Directory::new(store.shared_users()));
        let (idents, bots) = (Arc::clone(&directory.idents), Arc::clone(&directory.bots));
        let user_index = Arc::new(UserIndex::new(Arc::clone(&auth), idents, bots));
        let authors = Authors::new(Arc::clone(&user_index) as _);
        let hub = Hub::new(now.rooms_max, now.address_rooms_max, Arc::clone(&metrics), authors.clone(), opener);
        Arc::new(Self {
            policies: Arc::clone(&hub.policies),
            metrics,
            hub,
            directory,
            remote_conversations: RemoteConversations::default(),
            sessions: SessionTable::new(&now, store.shared_sessions()),
            writers: Writers::new(&threads, &now),
            login_worker: LoginWorker::new(Arc::clone(&threads)),
            expiry: Expiry::new(now.token_warning),
            tickets: Tickets::default(),
            draining: Arc::default(),
            address_limits: AddressLimits::new(&now),
            threads,
            clock,
            store,
            auth,
            authors,
            user_index,
            hooks: Arc::new(MemoryHooks::default()),
            server_store: Arc::new(MemoryServer::default()),
            bans: ArcCell::default(),
            announcements: Mutex::default(),
            hook_rates: HookRates::default(),
            webhooks: Webhooks::default(),
            limits,
            call_servers: ArcCell::default(),
            connections: AtomicU64::new(0),
            created: Mutex::new(Some(BTreeMap::new())),
        })
    }

    /// Starts the threads that serve all connections: `sessions` and `writers`; where a history is kept, `webhooks`; where other
    /// servers share the store, `subscriber` and `conversations`; where there are tokens, `login-worker` and `expiry`. They end with
    /// [`Engine::close`], `subscriber` with [`Store::close`].
    ///
    /// # Errors
    /// The machine gives no further thread; call [`Engine::close`].
    pub fn start_threads(self: &Arc<Self>) -> std::io::Result<()> {
        let engine = Arc::clone(self);
        self.threads.spawn("sessions", move || engine.sessions.watch(&engine.threads))?;
        let writers = Arc::clone(&self.writers);
        self.threads.spawn(writers::ROLE, move || writers.run())?;
        self.start_subscriber()?;
        self.start_webhooks()?;
        if !self.auth.knows_tokens() {
            return Ok(());
        }
        self.login_worker.start()?;
        let engine = Arc::clone(self);
        self.threads.spawn("expiry", move || engine.expiry.run(engine.clock, &engine.threads))
    }

    /// Puts other limits in force. What counts for the whole server does so from now on; a connection keeps those that it
    /// was told, and a room those that it was opened with. Does not block.
    pub fn set_limits(&self, limits: Limits) {
        let limits = Arc::new(limits);
        self.limits.store(Arc::clone(&limits));
        self.hub.set_limits(limits.rooms_max, limits.address_rooms_max);
        self.sessions.set_limits(&limits);
        self.expiry.set_warning(limits.token_warning);
        self.address_limits.set(&limits);
    }

    /// Sets the servers for calls that clients are told from now on.
    pub fn set_call_servers(&self, servers: CallServers) {
        self.call_servers.store(servers);
    }

    /// Names the server on IRC; the first name stays.
    pub fn set_irc_name(&self, name: &str) {
        self.user_index.set_irc_name(name);
    }

    /// With hooks that are kept here, and not as long as the process.
    ///
    /// # Panics
    /// When others have the engine already.
    #[must_use]
    pub fn with_hooks(mut self: Arc<Self>, hooks: Arc<dyn HookStore>) -> Arc<Self> {
        Arc::get_mut(&mut self).expect("nobody else has a new engine yet").hooks = hooks;
        self
    }

    /// With what admins decide kept here, and these bans in force.
    ///
    /// # Panics
    /// When others have the engine already.
    #[must_use]
    pub fn with_server_store(mut self: Arc<Self>, store: Arc<dyn ServerStore>, bans: Vec<ServerBan>) -> Arc<Self> {
        let engine = Arc::get_mut(&mut self).expect("nobody else has a new engine yet");
        engine.server_store = store;
        engine.bans.store(ServerBans::new(bans));
        self
    }

    /// With webhooks.
    ///
    /// # Panics
    /// When others have the engine already.
    #[must_use]
    pub fn with_webhooks(mut self: Arc<Self>, webhooks: Webhooks) -> Arc<Self> {
        Arc::get_mut(&mut self).expect("nobody else has a new engine yet").webhooks = webhooks;
        self
    }

    /// The first event of a client. On a server without guests, a client that has not authenticated yet gets no
    /// servers for calls, since their credentials are for those who may come in.
    #[must_use]
    pub fn welcome(&self, who: Identity, limits: Arc<Limits>, session: u64, resume: Option<Arc<str>>) -> Event {
        let is_let_in = !who.is_guest() || self.auth.admits_guests();
        let ice_servers =
            if is_let_in { self.call_servers.load().told(&who.user, self.clock.now().at) } else { Arc::default() };
        let who = self.with_display_name(who);
        Event::Welcome(Welcome { who, session, resume, limits, ice_servers })
    }

    /// The number of a new connection, unique in the server's life.
    pub fn number(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A guest's name that no connection uses now.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    #[must_use]
    pub fn guest(&self) -> UserName {
        loop {
            let name = UserName::guest(getrandom::u32().expect("the system gives randomness"));
            if !self.directory.is_used(&name) {
                return name;
            }
        }
    }

    /// Whether the name is registered, in this or another spelling: only its owner may use it. Does not block.
    #[must_use]
    pub fn registered(&self, user: &UserName) -> bool {
        self.auth.names().owner(user).is_some()
    }

    /// The name in its owner's spelling; unchanged if it is not registered. Does not block.
    #[must_use]
    pub fn canonical_name(&self, user: &UserName) -> UserName {
        self.auth.names().owner(user).map_or_else(|| user.clone(), |owned| owned.name)
    }

    /// The identity that a token names, shown from this address. If that registers the name, guests who use it are
    /// disconnected. May wait for the store.
    ///
    /// # Errors
    /// `unauthorized`, `rate_limited`, `forbidden` for who is banned, or `unavailable`.
    pub fn identify(&self, token: &Secret, from: Option<Address>) -> Result<Identity, Refusal> {
        let now = self.clock.now();
        let (auth, token) = (Arc::clone(&self.auth), token.clone());
        let read = || self.login_worker.run(move || auth.read(token.reveal(), now.at)).ok_or_else(unavailable)?;
        let claims = self.address_limits.log_in(from, now.since_start, read)?;
        if self.auth.names().owner(&claims.user).is_none() {
            self.clear_the_way(&claims.user);
        }
        // By its address it was looked at where it came from.
        self.refuse_banned(Some(&claims.user), ClientAddress::IN_PROCESS)?;
        let (who, news) = self.auth.admit(claims, now.at)?;
        if news {
            self.directory.displace(&who.user);
        }
        Ok(who)
    }

    /// The conversations in which messages wait for a user. What cannot be read now waits for the user's next
    /// connection; the store has logged why.
    #[must_use]
    pub fn offline_messages(&self, user: &UserName) -> Vec<RoomName> {
        let (store, user) = (Arc::clone(&self.store), user.clone());
        self.login_worker.run(move || store.offline_messages(&user)).and_then(Result::ok).unwrap_or_default()
    }

    /// Registers a name that is free and not in use, to its first device, of this label. Waits for the store.
    ///
    /// # Errors
    /// `name_taken`, `forbidden` where names cannot be claimed, `unavailable`.
    pub fn claim(&self, user: &UserName, label: Option<DeviceLabel>) -> Result<Claimed, Refusal> {
        self.clear_the_way(user);
        self.auth.claim(user, label, self.clock.now().at, || self.directory.is_used(user))
    }

    /// Opens and joins no further room, and releases the server's own seats and detached sessions.
    pub fn close(&self) {
        self.hub.close();
        let created = self.created.lock().take();
        drop(created);
        self.remote_conversations.close();
        self.sessions.close();
        self.writers.close();
        self.expiry.close();
        self.close_webhooks();
        self.login_worker.close();
        // Members in this process have no socket that could be shut down.
        self.directory.end_members(End::Closing);
    }

    /// Begins to drain a server of so many clients, which tells them goodbye from the first moment to the second and ends
    /// at `ends` at the latest: nobody is let in from now on, and every client is told. Does nothing where it drains
    /// already. Does not block.
    pub fn begin_drain(&self, clients: usize, (first, last): (Instant, Instant), ends: Instant) {
        if self.draining.begin(clients, last, ends) {
            let left = first.saturating_duration_since(Instant::now());
            self.directory.tell_all_from_now_on(&Arc::new(Event::Draining { left }));
        }
    }

    /// The refusal of a newcomer to a server that drains; `None`: it does not.
    #[must_use]
    pub fn refuses_newcomers(&self) -> Option<Refusal> {
        self.draining.is_on().then(|| self.draining.refusal(self.number()))
    }

    /// Whether the server drains or stops.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.draining.is_on() || self.hub.is_closing()
    }

    /// Why a connection ends whose reader saw `end`. A server that ends shuts down the reading side of each socket,
    /// which to the reader looks as if the client had gone; `is_shut`: of this one it has.
    #[must_use]
    pub fn reason(&self, end: End, is_shut: bool) -> End {
        let is_ended = self.hub.is_closing() || is_shut && self.draining.is_on();
        if matches!(end, End::Left | End::Gone) && is_ended { End::Closing } else { end }
    }

    /// The events of all connections, those that ended and those that live.
    #[must_use]
    pub fn deliveries(&self) -> DeliveryCounts {
        self.metrics.deliveries()
    }
}

fn unavailable() -> Refusal {
    Refusal::new(Code::Unavailable, "The server cannot tell now who that is")
}
