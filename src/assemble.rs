//! Assembles the server: the only file that names concrete transports.
//!
//! `Server::start` returns a running server; `stop` ends it. There is one way to end: no further connection is
//! accepted, the reading side of each socket is shut, each reader ends its session, each room runs out of
//! senders, each thread ends. `assemble/reload.rs` puts other settings in force meanwhile.

mod call_servers;
mod drain;
mod key_renewal;
mod provider_secrets;
mod reload;
mod secret_file;
#[cfg(feature = "jwt")]
mod sign_in;
#[cfg(not(feature = "jwt"))]
#[path = "assemble/guests_only.rs"]
mod sign_in;
mod start_error;

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::drain::DrainProgress;
use self::key_renewal::KeyRenewal;
pub use self::reload::check;
pub use self::start_error::StartError;
use crate::chat::StoreFailed;
use crate::engine::Engine;
use crate::engine::base::clock::Clock;
use crate::engine::base::memory;
use crate::engine::base::threads::Threads;
use crate::engine::clients::delivery_counts::DeliveryCounts;
use crate::engine::guards::admission::Admission;
use crate::engine::guards::memory_watch::{self, MemoryWatch};
use crate::engine::metrics::Metrics;
use crate::engine::rooms::broker;
use crate::engine::webhooks::Webhooks;
use crate::engine::webhooks::dispatcher::Dispatcher;
use crate::net::accept;
use crate::net::capacity::{Capacity, Resources};
use crate::net::context::ServerContext;
use crate::net::listeners::{self, LISTENERS, Listener, ServedBy};
pub use crate::net::listening_socket::ListenAddress;
use crate::net::listening_socket::ListeningSocket;
use crate::net::openid::Logins;
use crate::net::passed::{self, PassedSockets};
use crate::net::webhooks::HttpSender;
use crate::settings::Settings;
use crate::store::{self, Backend, BackendOptions, Store};
use crate::sync::ArcCell;
use roomd_tls::{Certificate, Validity};

/// How long threads may take to end after their sockets were cut.
const CUT: Duration = Duration::from_secs(2);

/// A running server.
pub struct Server {
    context: Arc<ServerContext>,
    store: Arc<dyn Store>,
    listeners: Vec<BoundListener>,
    machine: Resources,
    capacity: Capacity,
    memory_watch: Arc<MemoryWatch>,
    webhook_sender: Arc<HttpSender>,
    sign_in: Arc<sign_in::SignIn>,
    issuer_keys: Arc<KeyRenewal>,
}

/// A listener of the table, with its socket.
struct BoundListener {
    listener: &'static Listener,
    address: ListenAddress,
    socket: Arc<ListeningSocket>,
}

/// Where a server listens; `None` where the settings do not open a listener.
#[derive(Clone, Copy, Debug)]
pub struct Listens<'a> {
    /// HTTP and WebSocket: always there.
    pub http: Option<&'a ListenAddress>,
    /// Plain lines.
    pub lines: Option<&'a ListenAddress>,
    /// The figures, on a port of their own.
    pub metrics: Option<&'a ListenAddress>,
    /// IRC.
    pub irc: Option<&'a ListenAddress>,
}

/// How a server ended.
#[derive(Debug)]
pub struct Report {
    /// Threads that were still running at the end of the drain; normally none.
    pub running: Vec<String>,
    /// Panics that were caught.
    pub panics: u64,
    /// What became of the events of all connections.
    pub deliveries: DeliveryCounts,
}

impl Server {
    /// Starts a server. When a listener fails later, `failed` is called once on its thread; the
    /// server then goes on without it until it is stopped.
    ///
    /// # Errors
    /// Nothing is left running.
    pub fn start(settings: Settings, failed: impl Fn(io::Error) + Send + Sync + 'static) -> Result<Self, StartError> {
        Self::start_prepared(settings, |_| (), failed).map(|(server, ())| server)
    }

    /// As `start`, for a program whose rooms have to be open before anybody comes in, since who opens a room decides what
    /// it is and may moderate it: `prepare` joins them, and what it returns is returned. Whoever connects meanwhile waits.
    ///
    /// # Errors
    /// As `start`.
    pub fn start_prepared<T>(
        settings: Settings,
        prepare: impl FnOnce(&Arc<Engine>) -> T,
        failed: impl Fn(io::Error) + Send + Sync + 'static,
    ) -> Result<(Self, T), StartError> {
        let server = Self::build(settings, PassedSockets::default(), open_store)?;
        let prepared = prepare(server.engine());
        server.accepting(prepared, failed)
    }

    /// As `start`, for the only server of a process: it listens on the sockets that a service manager has passed to
    /// the process (`LISTEN_FDS`, sd_listen_fds(3)), if there are any.
    ///
    /// # Errors
    /// As `start`, or such a socket cannot be used.
    pub fn start_activated(
        settings: Settings,
        failed: impl Fn(io::Error) + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let passed = passed::take().map_err(StartError::Passed)?;
        Self::build(settings, passed, open_store)?.accepting((), failed).map(|(server, ())| server)
    }

    /// As `start`, with a store of the program's own, which is closed when the server stops.
    ///
    /// # Errors
    /// As `start`.
    pub fn start_with(
        settings: Settings,
        store: Arc<dyn Store>,
        failed: impl Fn(io::Error) + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let backend = |_: &_, _, _: &_, _: &_, _| Ok(Backend::of_rooms(store));
        Self::build(settings, PassedSockets::default(), backend)?.accepting((), failed).map(|(server, ())| server)
    }

    /// Starts what serves clients; `prepared` is what the program has.
    fn accepting<T>(
        self,
        prepared: T,
        failed: impl Fn(io::Error) + Send + Sync + 'static,
    ) -> Result<(Self, T), StartError> {
        let started = self.start_handshakes().and_then(|()| self.watch_memory()).and_then(|()| self.renew_keys());
        if let Err(error) = started.and_then(|()| self.accept(failed)) {
            // What was started is stopped again, which waits for the program's members; its report has nothing to add to
            // the error.
            drop(prepared);
            _ = self.stop();
            return Err(StartError::Threads(error));
        }
        Ok((self, prepared))
    }

    /// All of a server, which does nothing for its clients yet.
    fn build(
        settings: Settings,
        passed: PassedSockets,
        open_store: impl FnOnce(
            &Arc<ArcCell<Settings>>,
            Clock,
            &Arc<Threads>,
            &Arc<Dispatcher>,
            Arc<Metrics>,
        ) -> Result<Backend, StartError>,
    ) -> Result<Self, StartError> {
        let certificate = certificate(&settings).map_err(StartError::Certificate)?;
        let call_servers = call_servers::read(&settings).map_err(StartError::Turn)?;
        let logins = Arc::<Logins>::default();
        logins.set_secrets(provider_secrets::read(&settings).map_err(StartError::Providers)?);
        let listeners = LISTENERS.into_iter().zip(passed.0.into_iter().chain(std::iter::repeat_with(|| None)));
        let bound = listeners.filter_map(|(listener, passed)| bind(listener, passed, &settings).transpose());
        let bound = bound.collect::<Result<Vec<_>, _>>()?;
        decided(&bound, &settings)?;
        let machine = Resources::of_this_machine();
        let capacity = machine.capacity(&settings.limits).map_err(StartError::TooSmall)?;
        let fitted = capacity.fit(&settings.limits);
        let settings = Arc::new(ArcCell::new(settings));
        let now = settings.load();
        let threads = Threads::new();
        let clock = Clock::start();
        let metrics = Arc::<Metrics>::default();
        let dispatcher = Arc::<Dispatcher>::default();
        let Backend { rooms: store, accounts, hooks, webhooks, server, .. } =
            open_store(&settings, clock, &threads, &dispatcher, Arc::clone(&metrics))?;
        let webhook_sender = Arc::new(HttpSender::new(now.webhook_allow.clone()));
        let sender = Arc::clone(&webhook_sender) as _;
        let issuer_keys = KeyRenewal::begin(&now);
        let ready = sign_in::open(&now, accounts, clock, issuer_keys.fetched(&now).as_deref()).and_then(|auth| {
            let unread = |StoreFailed| StartError::Store("the policies of the rooms cannot be read".into());
            let policies = store.policies().map_err(unread)?;
            let unread = |StoreFailed| StartError::Store("the bans from the server cannot be read".into());
            Ok((auth, policies, server.bans().map_err(unread)?))
        });
        let ((auth, sign_in), policies, bans) = ready.inspect_err(|_| {
            store.close();
            // The journal's thread, which has nothing to do.
            _ = threads.join_all(Instant::now() + CUT);
        })?;
        let limits = Arc::new(ArcCell::new(fitted.clone()));
        let opener = broker::thread_per_room(Arc::clone(&threads), clock, Arc::clone(&limits), Arc::clone(&store));
        let engine = Engine::new(limits, Arc::clone(&threads), clock, Arc::clone(&store), auth, metrics, opener)
            .with_hooks(hooks)
            .with_server_store(server, bans)
            .with_webhooks(Webhooks::new(webhooks, sender, dispatcher));
        engine.set_irc_name(&now.irc_name);
        engine.set_call_servers(call_servers);
        engine.policies.fill(policies);
        engine.writers.set_threads_max(capacity.writers);
        let ready = engine.start_threads();
        let ready = ready.and_then(|()| Admission::open(&threads, &fitted, fitted.connections_max));
        let admission = ready.map_err(|error| {
            engine.close();
            store.close();
            // Those of the journal and the engine, which have nothing to do.
            _ = threads.join_all(Instant::now() + CUT);
            StartError::Threads(error)
        })?;
        let context = Arc::new(ServerContext {
            engine,
            admission,
            settings,
            registering: Default::default(),
            certificate,
            logins,
            has_ignored_user: Default::default(),
        });
        let (memory_watch, listeners) = (Arc::default(), bound);
        Ok(Self { context, store, listeners, machine, capacity, memory_watch, webhook_sender, sign_in, issuer_keys })
    }

    /// Starts the threads that compute handshakes, where there is TLS.
    fn start_handshakes(&self) -> io::Result<()> {
        for _ in 0..self.context.certificate.as_ref().map_or(0, Certificate::handshake_threads) {
            let context = Arc::clone(&self.context);
            let body = move || {
                let ServerContext { engine, certificate, .. } = &*context;
                let panicked = || engine.threads.record_panic("handshake");
                certificate.iter().for_each(|certificate| certificate.work(panicked));
            };
            self.context.engine.threads.spawn("handshake", body)?;
        }
        Ok(())
    }

    /// Starts the watch over memory, where this process has a limit of it.
    fn watch_memory(&self) -> io::Result<()> {
        if memory::nearest_bound().is_none() {
            return Ok(());
        }
        let (context, watch) = (Arc::clone(&self.context), Arc::clone(&self.memory_watch));
        self.context.engine.threads.spawn(memory_watch::ROLE, move || {
            let metrics = &context.engine.metrics;
            watch.run(&metrics.outbox_total, memory::nearest_bound, |is_short| {
                metrics.memory_is_short(is_short);
                context.admission.memory_is_short(is_short);
            });
        })
    }

    /// Starts the accept thread of each listener.
    fn accept(&self, failed: impl Fn(io::Error) + Send + Sync + 'static) -> io::Result<()> {
        let failed = Arc::new(failed);
        for BoundListener { listener, socket, .. } in &self.listeners {
            let (listener, socket) = (*listener, Arc::clone(socket));
            let (context, failed) = (Arc::clone(&self.context), Arc::clone(&failed));
            self.context.engine.threads.spawn(listener.thread, move || {
                if let Err(error) = accept::run(listener, &socket, &context) {
                    log::error!(error:% = error; "listener failed");
                    failed(error);
                }
            })?;
        }
        Ok(())
    }

    /// Where the server listens.
    #[must_use]
    pub fn listens(&self) -> Listens<'_> {
        let at = |listener: &'static Listener| {
            self.listeners.iter().find(|bound| std::ptr::eq(bound.listener, listener)).map(|bound| &bound.address)
        };
        Listens {
            http: at(&listeners::HTTP),
            lines: at(&listeners::LINES),
            metrics: at(&listeners::METRICS),
            irc: at(&listeners::IRC),
        }
    }

    /// The address of HTTP and WebSocket.
    ///
    /// # Panics
    /// When they are served on a unix socket.
    #[must_use]
    pub fn http_address(&self) -> SocketAddr {
        self.listens().http.and_then(ListenAddress::tcp).expect("HTTP is served at a TCP address")
    }

    /// The address of plain lines, if they are served.
    #[must_use]
    pub fn lines_address(&self) -> Option<SocketAddr> {
        self.listens().lines.and_then(ListenAddress::tcp)
    }

    /// The address of IRC, if it is served.
    #[must_use]
    pub fn irc_address(&self) -> Option<SocketAddr> {
        self.listens().irc.and_then(ListenAddress::tcp)
    }

    /// The address of the figures, if they are served on a port of their own.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.listens().metrics.and_then(ListenAddress::tcp)
    }

    /// Whether guests may connect, in words, where the settings decide it.
    #[must_use]
    pub fn openness(&self) -> Option<&'static str> {
        self.context.settings.load().guests.map(|guests| if guests { "open to guests" } else { "tokens only" })
    }

    /// Whether both ports speak TLS.
    #[must_use]
    pub fn has_certificate(&self) -> bool {
        self.context.certificate.is_some()
    }

    /// Whether the IRC port speaks TLS.
    #[must_use]
    pub fn has_irc_tls(&self) -> bool {
        self.has_certificate() && (listeners::IRC.tls)(&self.context.settings.load())
    }

    /// When the certificate is valid; `None` without TLS.
    #[must_use]
    pub fn certificate_validity(&self) -> Option<Validity> {
        self.context.certificate.as_ref()?.validity()
    }

    /// How many connections this machine allowed at the start.
    #[must_use]
    pub fn capacity(&self) -> &Capacity {
        &self.capacity
    }

    /// The rooms, for a program that embeds the server.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.context.engine
    }

    /// The figures of the server, in Prometheus' text format.
    #[must_use]
    pub fn figures(&self) -> Vec<u8> {
        self.context.figures()
    }

    /// Connections that are served now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.context.admission.served()
    }

    // ANCHOR: stop
    /// Ends the server: every client gets what waits for it, a goodbye and a close. Blocks for at
    /// most `drain` and two seconds, of which a drain before it has had its part.
    pub fn stop(self) -> Report {
        let ServerContext { engine, admission, settings, certificate, .. } = &*self.context;
        engine.close();
        self.memory_watch.close();
        self.issuer_keys.close();
        self.context.logins.close();
        admission.close();
        for BoundListener { socket, .. } in &self.listeners {
            socket.shut_down();
        }
        admission.shutdown_connections(Shutdown::Read);
        certificate.iter().for_each(Certificate::close);
        self.store.close();
        let ends = engine.draining.ends().unwrap_or_else(|| Instant::now() + settings.load().limits.drain);
        let mut running = engine.threads.join_all(ends);
        if !running.is_empty() {
            admission.shutdown_connections(Shutdown::Both);
            running = engine.threads.join_all(Instant::now() + CUT);
        }
        Report { running, panics: engine.threads.panics(), deliveries: engine.deliveries() }
    }
    // ANCHOR_END: stop
}

/// Whether the settings say if guests may connect, where other machines can.
fn decided(listeners: &[BoundListener], settings: &Settings) -> Result<(), StartError> {
    let mut pooled = listeners.iter().filter(|bound| bound.listener.served_by == ServedBy::Pool);
    match pooled.find(|bound| bound.address.is_public()) {
        Some(open) if settings.guests.is_none() => Err(StartError::Undecided(open.address.clone())),
        _ => Ok(()),
    }
}

/// Opens a listener on the socket that was passed for it, or else at its address, if the settings have one.
fn bind(
    listener: &'static Listener,
    passed: Option<ListeningSocket>,
    settings: &Settings,
) -> Result<Option<BoundListener>, StartError> {
    let bound =
        |socket: ListeningSocket| Ok(BoundListener { listener, address: socket.address()?, socket: Arc::new(socket) });
    if let Some(socket) = passed {
        return bound(socket).map(Some).map_err(StartError::Passed);
    }
    let Some(address) = (listener.address)(settings) else { return Ok(None) };
    let socket = ListeningSocket::bind(&address, (listener.mode)(settings)).and_then(bound);
    socket.map(Some).map_err(|error| StartError::Listen(address, with_advice(listener.setting, &error)))
}

/// The error of a socket that cannot listen, with what to do about it.
fn with_advice(setting: &str, error: &io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "another program listens there, perhaps another roomd; stop it, or choose another address with --{setting}"
            )
        }
        _ => format!("{error}; --{setting} chooses another address"),
    };
    io::Error::new(error.kind(), advice)
}

/// The certificate that the settings name.
fn certificate(settings: &Settings) -> Result<Option<Certificate>, String> {
    match (&settings.tls_cert, &settings.tls_key) {
        (Some(certificate), Some(key)) => Certificate::load(certificate, key).map(Some),
        (None, None) => Ok(None),
        (Some(_), None) => Err("a certificate (tls-cert) needs its key (tls-key)".to_owned()),
        (None, Some(_)) => Err("a key (tls-key) needs its certificate (tls-cert)".to_owned()),
    }
}

/// The backend that the settings name.
fn open_store(
    settings: &Arc<ArcCell<Settings>>,
    clock: Clock,
    threads: &Arc<Threads>,
    dispatcher: &Arc<Dispatcher>,
    metrics: Arc<Metrics>,
) -> Result<Backend, StartError> {
    let (dispatcher, current) = (Arc::clone(dispatcher), Arc::clone(settings));
    let settings = settings.load();
    let options = BackendOptions {
        bus: settings.bus.clone(),
        durability: settings.durability,
        retention: Box::new(move || current.load().retain),
        now: Box::new(move || clock.now().at),
        on_commit: Box::new(move |commit| metrics.journal_wrote(commit.drafts, commit.took, commit.stored)),
        on_delivery: Box::new(move || dispatcher.wake()),
        on_panic: {
            let threads = Arc::clone(threads);
            Box::new(move || threads.record_panic("journal"))
        },
        spawn: &mut |role, body| threads.spawn(role, body),
    };
    store::open(&settings.data, options).map_err(StartError::Store)
}
