//! Assembles the server: the only file that names concrete transports.
//!
//! `Server::start` returns a running server; `stop` ends it. There is one way to end: no further connection is
//! accepted, the reading side of each socket is shut, each reader ends its session, each room runs out of
//! senders, each thread ends.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::auth::Auth;
#[cfg(feature = "jwt")]
use crate::auth::jwt::{Issuer, Jwt, KeyError};
#[cfg(feature = "jwt")]
use crate::auth::{Names, SignInRules};
use crate::chat::StoreFailed;
use crate::engine::Engine;
use crate::engine::base::clock::Clock;
use crate::engine::base::threads::Threads;
use crate::engine::clients::delivery_counts::DeliveryCounts;
use crate::engine::guards::admission::Admission;
use crate::engine::metrics::Metrics;
use crate::engine::rooms::broker;
use crate::net::capacity::{self, Capacity};
use crate::net::context::ServerContext;
use crate::net::listeners::{self, LISTENERS, Listener, ServedBy};
use crate::net::{accept, tcp};
use crate::settings::Settings;
use crate::store::{self, AccountStore, Backend, BackendOptions, Store};
use roomd_tls::Certificate;

/// How long threads may take to end after their sockets were cut.
const CUT: Duration = Duration::from_secs(2);

/// A running server.
pub struct Server {
    context: Arc<ServerContext>,
    store: Arc<dyn Store>,
    listeners: Vec<BoundListener>,
    capacity: Capacity,
}

/// A listener of the table, with its socket.
struct BoundListener {
    listener: &'static Listener,
    address: SocketAddr,
    socket: Arc<TcpListener>,
}

/// Why a server does not start.
#[derive(Debug)]
pub enum StartError {
    /// This address cannot be listened on.
    Listen(String, io::Error),
    /// Other machines can reach this address, and the settings do not say whether guests may connect.
    Undecided(SocketAddr),
    /// The settings about tokens cannot be applied; a sentence.
    Tokens(String),
    /// The history cannot be opened; a sentence that says what to do.
    Store(Box<dyn std::error::Error + Send + Sync>),
    /// The machine does not give the few threads that every server needs.
    Threads(io::Error),
    /// The certificate cannot be used; a sentence.
    Certificate(String),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Undecided(address) => write!(
                f,
                "others than this machine can reach {address}: say --guests on, and whoever comes is let in, \
                 or --guests off, and only those with a token are"
            ),
            Self::Tokens(sentence) => f.write_str(sentence),
            Self::Store(error) => error.fmt(f),
            Self::Threads(error) => write!(f, "cannot start a thread: {error}"),
            Self::Certificate(sentence) => f.write_str(sentence),
        }
    }
}

impl std::error::Error for StartError {}

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
        Self::build(settings, open_store, failed)
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
        Self::build(settings, |_, _, _, _| Ok(Backend::of_rooms(store)), failed)
    }

    fn build(
        settings: Settings,
        open_store: impl FnOnce(&Settings, Clock, &Arc<Threads>, Arc<OnceLock<Arc<Metrics>>>) -> Result<Backend, StartError>,
        failed: impl Fn(io::Error) + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let certificate = certificate(&settings).map_err(StartError::Certificate)?;
        let bound = LISTENERS.into_iter().filter_map(|listener| bind(listener, &settings).transpose());
        let bound = bound.collect::<Result<Vec<_>, _>>()?;
        let pooled = bound.iter().filter(|bound| bound.listener.served_by == ServedBy::Pool);
        let mut addresses = pooled.map(|bound| bound.address);
        if let Some(open) = addresses.find(|address| !address.ip().to_canonical().is_loopback())
            && settings.guests.is_none()
        {
            return Err(StartError::Undecided(open));
        }
        let capacity = capacity::of_this_machine(&settings.limits);
        let threads = Threads::new();
        let clock = Clock::start();
        // The engine, which has the metrics, needs the store first.
        let metrics = Arc::<OnceLock<_>>::default();
        let Backend { rooms: store, accounts, .. } = open_store(&settings, clock, &threads, Arc::clone(&metrics))?;
        let ready = open_auth(&settings, accounts, clock).and_then(|auth| {
            let unread = |StoreFailed| StartError::Store("the policies of the rooms cannot be read".into());
            Ok((auth, store.policies().map_err(unread)?))
        });
        let (auth, policies) = ready.inspect_err(|_| {
            store.close();
            // The journal's thread, which has nothing to do.
            _ = threads.join_all(Instant::now() + CUT);
        })?;
        let limits = Arc::new(settings.limits.clone());
        let opener = broker::thread_per_room(Arc::clone(&threads), clock, limits, Arc::clone(&store));
        let engine =
            Engine::new(settings.limits.clone(), Arc::clone(&threads), clock, Arc::clone(&store), auth, opener)
                .with_ice_servers(&settings.ice_servers);
        engine.policies.fill(policies);
        metrics.get_or_init(|| Arc::clone(&engine.metrics));
        let ready = engine.start_threads();
        let ready = ready.and_then(|()| Admission::open(&threads, &settings.limits, capacity.connections));
        let admission = ready.map_err(|error| {
            engine.close();
            store.close();
            // Those of the journal and the engine, which have nothing to do.
            _ = threads.join_all(Instant::now() + CUT);
            StartError::Threads(error)
        })?;
        let context = Arc::new(ServerContext { engine, admission, settings, certificate });
        let server = Self { context, store, listeners: bound, capacity };
        if let Err(error) = server.start_handshakes().and_then(|()| server.accept(failed)) {
            // What was started is stopped again; its report has nothing to add to the error.
            _ = server.stop();
            return Err(StartError::Threads(error));
        }
        Ok(server)
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

    /// The address of a listener; `None` where the settings do not open it.
    #[must_use]
    pub fn address(&self, listener: &'static Listener) -> Option<SocketAddr> {
        self.listeners.iter().find(|bound| std::ptr::eq(bound.listener, listener)).map(|bound| bound.address)
    }

    /// The address of HTTP and WebSocket.
    ///
    /// # Panics
    /// Never: no setting leaves this listener out.
    #[must_use]
    pub fn http_address(&self) -> SocketAddr {
        self.address(&listeners::HTTP).expect("HTTP is always served")
    }

    /// The address of plain lines, if they are served.
    #[must_use]
    pub fn lines_address(&self) -> Option<SocketAddr> {
        self.address(&listeners::LINES)
    }

    /// The address of the figures, if they are served on a port of their own.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.address(&listeners::METRICS)
    }

    /// Whether guests may connect, in words, where the settings decide it.
    #[must_use]
    pub fn openness(&self) -> Option<&'static str> {
        self.context.settings.guests.map(|guests| if guests { "open to guests" } else { "tokens only" })
    }

    /// Whether both ports speak TLS.
    #[must_use]
    pub fn has_certificate(&self) -> bool {
        self.context.certificate.is_some()
    }

    /// Reads the certificate and its key again, for connections that begin from now on. Without TLS it does
    /// nothing.
    ///
    /// # Errors
    /// A sentence; the certificate stays as it was.
    pub fn reload_certificate(&self) -> Result<(), String> {
        self.context.certificate.as_ref().map_or(Ok(()), Certificate::reload)
    }

    /// How many connections this machine allows.
    #[must_use]
    pub fn capacity(&self) -> &Capacity {
        &self.capacity
    }

    /// The rooms, for a program that embeds the server.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.context.engine
    }

    /// Connections that are served now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.context.admission.served()
    }

    /// Ends the server: every client gets what waits for it, a goodbye and a close. Blocks for at
    /// most `drain` and two seconds.
    pub fn stop(self) -> Report {
        let ServerContext { engine, admission, settings, certificate } = &*self.context;
        engine.close();
        admission.close();
        for BoundListener { socket, .. } in &self.listeners {
            // On Linux this wakes a thread that blocks in `accept`. A listener that failed needs no waking.
            _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
        }
        admission.shutdown_connections(Shutdown::Read);
        certificate.iter().for_each(Certificate::close);
        self.store.close();
        let mut running = engine.threads.join_all(Instant::now() + settings.limits.drain);
        if !running.is_empty() {
            admission.shutdown_connections(Shutdown::Both);
            running = engine.threads.join_all(Instant::now() + CUT);
        }
        Report { running, panics: engine.threads.panics(), deliveries: engine.deliveries() }
    }
}

/// Opens a listener, if the settings have an address for it.
fn bind(listener: &'static Listener, settings: &Settings) -> Result<Option<BoundListener>, StartError> {
    let Some(address) = (listener.address)(settings) else { return Ok(None) };
    let bound = tcp::listen(address)
        .and_then(|socket| Ok(BoundListener { listener, address: socket.local_addr()?, socket: Arc::new(socket) }));
    bound.map(Some).map_err(|error| StartError::Listen(address.to_owned(), error))
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
    settings: &Settings,
    clock: Clock,
    threads: &Arc<Threads>,
    metrics: Arc<OnceLock<Arc<Metrics>>>,
) -> Result<Backend, StartError> {
    let options = BackendOptions {
        durability: settings.durability,
        retention: settings.retain,
        now: Box::new(move || clock.now().at),
        on_commit: Box::new(move |commit| {
            if let Some(metrics) = metrics.get() {
                metrics.journal_wrote(commit.drafts, commit.took, commit.stored);
            }
        }),
        spawn: &mut |role, body| threads.spawn(role, body),
    };
    store::open(&settings.data, options).map_err(StartError::Store)
}

/// Who may sign in, and with which tokens.
#[cfg(feature = "jwt")]
fn open_auth(settings: &Settings, accounts: Arc<dyn AccountStore>, clock: Clock) -> Result<Arc<Auth>, StartError> {
    let read =
        |path: &String| std::fs::read(path).map_err(|error| StartError::Tokens(format!("cannot read {path}: {error}")));
    let unfit = |path: &String, error: KeyError| StartError::Tokens(format!("{path} {error}"));
    let secret = settings.jwt_secret_file.as_ref();
    let secret =
        secret.map(|path| Issuer::with_secret(&read(path)?).map_err(|error| unfit(path, error))).transpose()?;
    let keys = settings.jwt_key.as_ref();
    let keys = keys.map(|path| Issuer::with_keys(&read(path)?).map_err(|error| unfit(path, error))).transpose()?;
    let issuer = secret.into_iter().chain(keys).reduce(Issuer::and);
    let issuer = issuer.map(|issuer| issuer.named(settings.jwt_issuer.clone(), settings.jwt_audience.clone()));
    let failed = |StoreFailed| StartError::Tokens("the names and keys in the history cannot be read".to_owned());
    let names = Names::new(Arc::clone(&accounts), accounts.accounts().map_err(failed)?);
    let tokens = Jwt::open(accounts, issuer, clock.now().at).map_err(failed)?;
    let guests = settings.guests.unwrap_or(true);
    let policy = SignInRules { guests, claims: settings.claims.unwrap_or(guests), claim_for: settings.claim_for };
    Ok(Auth::new(names, Box::new(tokens), policy))
}

/// As above, in a build without tokens: every user is a guest.
#[cfg(not(feature = "jwt"))]
fn open_auth(settings: &Settings, _: Arc<dyn AccountStore>, _: Clock) -> Result<Arc<Auth>, StartError> {
    let Settings { guests, claims, jwt_secret_file, jwt_key, .. } = settings;
    if *guests == Some(false) || *claims == Some(true) || jwt_secret_file.is_some() || jwt_key.is_some() {
        let sentence = "this roomd was built without tokens: whoever comes is a guest, and no name can be claimed";
        return Err(StartError::Tokens(sentence.to_owned()));
    }
    log::warn!("built without tokens: whoever comes is a guest");
    Ok(Auth::guests_only())
}
