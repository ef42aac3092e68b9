//! Rooms and messages in PostgreSQL: the [`Store`] over the journal, which writes, and the pools, which read.
//!
//! Called on brokers' and connections' threads. The journal's sender is the only thing behind a lock, which is held while
//! it is cloned.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use parking_lot::Mutex;
use tokio_postgres::Config;

use super::bus::Bus;
use super::change_feed::PostgresFeed;
use super::changes::ChangesSince;
use super::cluster::Pulse;
use super::failover::{History, Recognition};
use super::history::{self, Standing};
use super::journal::{INBOX_MAX, PostgresJournal, Reports, WriteRequest};
use super::lasting_link::{Beginning, LastingLink};
use super::link::{DatabaseLink, LinkError, Notifications, Waker};
use super::maintenance::PostgresMaintenance;
use super::notifier::{NOTICES_MAX, Notifier};
use super::open_rooms::OpenRooms;
use super::pool::Pool;
use super::private_feed::PrivateFeed;
use super::redis::RedisBus;
use super::room_log::{Attendances, PostgresLog};
use super::schema::{self, Unusable};
use super::search_index::{self, SearchIndex};
use super::sessions::PostgresSessions;
use super::users::PostgresUsers;
use super::webhooks::PostgresWebhookRows;
use super::{policy, search};
use crate::chat::listed_room::ReadPosition;
use crate::chat::policy::{AuditEntry, Policy};
use crate::chat::room::Snapshot;
use crate::chat::{Message, ReceiptMark, RoomName, SearchPosition, Span, StoreFailed, Time, UserName};
use crate::store::change_feed::ChangeFeed;
use crate::store::cluster::ClusterFigures;
use crate::store::open::BackendOptions;
use crate::store::rooms::{ChangesQuery, Durability, Found, FoundInRooms, OpenedRoom, Page, PageQuery, Store};
use crate::store::shared_sessions::SharedSessions;
use crate::store::shared_users::SharedUsers;
use crate::sync::oneshot;

/// Bytes of the messages that a room opens with, at most.
const RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Connections for joins, pages and the like at the same time, and how long one waits for its turn.
const READERS: (usize, Duration) = (4, Duration::from_secs(10));
/// The same for searches, which never take a place of the others.
const SEARCHES: (usize, Duration) = (2, Duration::from_secs(2));
/// How long an answer holds to the question whether messages can be stored.
const WRITABLE_FOR: Duration = Duration::from_secs(2);
/// How long the answer to that question may take.
const TRIAL: Duration = Duration::from_secs(1);

/// See the module.
pub struct PostgresStore {
    /// The server's number, as heartbeats have it.
    server: i64,
    /// Where notes are sent.
    bus: Bus,
    /// `None` once closed.
    journal: Mutex<Option<Sender<WriteRequest>>>,
    pub(super) pool: Arc<Pool>,
    searches: Pool,
    rooms: OpenRooms,
    attendances: Attendances,
    /// Until somebody takes it.
    feed: Mutex<Option<PostgresFeed>>,
    /// How this server is among the others.
    pulse: Arc<Pulse>,
    /// Ends the feed.
    is_closed: Arc<AtomicBool>,
    waker: Waker,
    /// Whether messages can be stored, as far as the journal knows.
    writable: Arc<AtomicBool>,
    /// When that was last asked.
    asked_at: Mutex<Instant>,
    /// Whether a webhook wants to know who enters and leaves rooms.
    movements_wanted: Arc<AtomicBool>,
}

impl PostgresStore {
    /// Opens the history in the database, and starts the journal. Blocks for some seconds at most.
    ///
    /// # Errors
    /// The database is as it was, or has empty tables.
    pub fn open(config: &Config, options: BackendOptions<'_>) -> Result<Self, Unusable> {
        let BackendOptions { bus, durability, retention, now, on_commit, on_delivery, on_panic, spawn } = options;
        let unusable = |error: LinkError| schema::unusable(config, &error);
        let system = |error: std::io::Error| unusable(LinkError::System(error));
        let mut first = schema::connect(config)?;
        schema::prepare(&mut first, config)?;
        let channel = schema::channel(&mut first).map_err(unusable)?;
        let notifications = Notifications::new().map_err(unusable)?;
        let waker = notifications.waker();
        let server = getrandom::u64().map_err(|error| system(error.into()))?.cast_signed();
        let waits = matches!(durability, Durability::Fsync);
        let written = journal_link(config, server, waits).map_err(unusable)?;
        // Before anything is read into memory.
        let changes = ChangesSince::now(&mut first).map_err(unusable)?;
        let history = History::read(&mut first).map_err(unusable)?;

        let (bus, bus_subscriber) = match bus {
            None => (Bus::Database(channel.clone()), None),
            Some(url) => {
                let opened = RedisBus::open(url, channel.clone(), waker.clone()).map_err(Unusable)?;
                (Bus::Redis(opened.0), Some(opened.1))
            }
        };
        let pool = Arc::new(Pool::new(config.clone(), READERS.0, READERS.1, None));
        let searches = Pool::new(config.clone(), SEARCHES.0, SEARCHES.1, Some(search::LIMIT));
        let (rooms, writable) = (OpenRooms::default(), Arc::new(AtomicBool::new(true)));
        let (journal, inbox) = bounded(INBOX_MAX);
        let (notes, notices) = bounded(NOTICES_MAX);
        let private = PrivateFeed::new(&mut first, server).map_err(unusable)?;
        let (local, remote, sessions) = Default::default();
        let attendances = Attendances { local, remote, sessions, private: Arc::new(private) };
        attendances.local.set_bell(Some(notes.clone()));
        attendances.sessions.set_bell(Some(notes.clone()));
        let link =
            || LastingLink::new(config.clone(), None, Box::new(|link: &mut DatabaseLink| wait_for_disk(link, false)));
        let (index, stored) = SearchIndex::new(link());
        let local = (Arc::clone(&attendances.local), Arc::clone(&attendances.sessions));
        let notifier = Notifier::new(link(), server, bus.clone(), notices, local);
        let maintenance = PostgresMaintenance::new(retention, now, rooms.clone());
        let reports = Reports { on_commit, on_delivery, on_panic };
        let body = PostgresJournal::new(written, inbox, maintenance, (notes, stored), reports, Arc::clone(&writable));
        spawn("notifier", Box::new(move || notifier.run())).map_err(system)?;
        spawn("index", Box::new(move || index.run())).map_err(system)?;
        spawn("journal", Box::new(move || body.run())).map_err(system)?;

        if let Some(body) = bus_subscriber {
            spawn("bus", Box::new(move || body.run())).map_err(system)?;
        }

        let is_closed = Arc::<AtomicBool>::default();
        let listener = listening_link(config, &channel, waker.clone());
        let pulse = Arc::<Pulse>::default();
        let known = (rooms.clone(), attendances.clone(), Arc::clone(&pulse));
        let (seen, heard) = ((changes, history, waits), (notifications, bus.clone()));
        let feed = PostgresFeed::new(listener, server, seen, heard, known, Arc::clone(&is_closed));
        let (journal, asked_at) = (Mutex::new(Some(journal)), Mutex::new(Instant::now()));
        let (feed, movements_wanted) = (Mutex::new(Some(feed)), Arc::default());
        Ok(Self {
            server,
            bus,
            journal,
            pool,
            searches,
            rooms,
            attendances,
            feed,
            pulse,
            is_closed,
            waker,
            writable,
            asked_at,
            movements_wanted,
        })
    }

    /// Waits until the journal has stored the marks that it was given before; it tries once.
    ///
    /// # Errors
    /// The store is closed.
    pub(super) fn store_marks(&self) -> Result<(), StoreFailed> {
        let journal = self.journal.lock().clone().ok_or(StoreFailed)?;
        let (reply, stored) = oneshot::channel();
        journal.send(WriteRequest::StoreMarks(reply)).map_err(|_| StoreFailed)?;
        stored.wait().map_err(|_| StoreFailed)
    }

    fn read<T>(&self, read: impl Fn(&mut DatabaseLink) -> Result<T, LinkError>) -> Result<T, StoreFailed> {
        self.pool.read(|link| link.snapshot(&read))
    }
}

impl PostgresWebhookRows for PostgresStore {
    type Error = StoreFailed;

    fn read_rows<T>(&self, read: impl Fn(&mut DatabaseLink) -> Result<T, LinkError>) -> Result<T, StoreFailed> {
        self.pool.read(read)
    }

    fn write_rows<T>(&self, write: impl FnOnce(&mut DatabaseLink) -> Result<T, LinkError>) -> Result<T, StoreFailed> {
        self.pool.write(|link| link.transact("", write))
    }

    fn movements_wanted(&self, wanted: bool) {
        self.movements_wanted.store(wanted, Ordering::Relaxed);
    }

    fn server(&self) -> i64 {
        self.server
    }
}

impl Store for PostgresStore {
    fn open(&self, room: &RoomName, recent_max: usize) -> Result<OpenedRoom, StoreFailed> {
        let journal = self.journal.lock().clone().ok_or(StoreFailed)?;
        if room.is_conversation() {
            // Its marks say what waits for a user: those of the room that was open until a moment ago, too.
            self.store_marks()?;
        }
        // Before it reads: what retention deletes from now on it will know.
        let progress = self.rooms.open(room);
        let (standing, recent, marks, policy) = self.read(|link| {
            let standing = history::standing(link, room)?;
            let id = standing.id;
            progress.begin(&standing);
            let query = PageQuery { span: Span::Before(u64::MAX), count: recent_max, bytes: RECENT_BYTES_MAX };
            let recent = history::before(link, id, room, u64::MAX, query)?;
            Ok((standing, recent, history::newest_marks(link, id)?, policy::policy(link, id)?))
        })?;
        let Standing { epoch, newest, .. } = standing.clone();
        let past = Snapshot { epoch, seq: newest, recent, kept: true };
        let (pool, wanted) = (Arc::clone(&self.pool), Arc::clone(&self.movements_wanted));
        let attendances = self.attendances.clone();
        let elsewhere = attendances.remote.open(room);
        let room_log = PostgresLog::new(room.clone(), standing, journal, pool, progress, wanted, attendances);
        Ok(OpenedRoom { past, marks, policy, elsewhere, room_log: Box::new(room_log) })
    }

    fn page(&self, room: &RoomName, query: PageQuery) -> Result<Option<Page>, StoreFailed> {
        self.read(|link| history::page(link, room, query))
    }

    fn changes(&self, room: &RoomName, after: u64, query: ChangesQuery) -> Result<Vec<Message>, StoreFailed> {
        self.read(|link| history::changes(link, room, after, query))
    }

    fn search(&self, room: &RoomName, text: &str, before: u64, count: usize) -> Result<Found, StoreFailed> {
        self.searches.read(|link| in_time(search::search(link, room, text, before, count)))
    }

    fn search_rooms(
        &self,
        text: &str,
        before: Option<SearchPosition>,
        count: usize,
        readable: &dyn Fn(&RoomName) -> Option<Time>,
    ) -> Result<FoundInRooms, StoreFailed> {
        self.searches.read(|link| in_time(search::search_rooms(link, text, before, count, readable)))
    }

    fn receipts(&self, room: &RoomName, seq: u64) -> Result<Option<Vec<ReceiptMark>>, StoreFailed> {
        self.read(|link| history::receipts(link, room, seq))
    }

    fn policies(&self) -> Result<Vec<(RoomName, Policy)>, StoreFailed> {
        self.read(policy::policies)
    }

    fn audit(&self, room: &RoomName, before: u64, count: usize) -> Result<Option<Vec<AuditEntry>>, StoreFailed> {
        self.read(|link| policy::audit(link, room, before, count))
    }

    fn keeps_offline_messages(&self) -> bool {
        true
    }

    fn offline_messages(&self, user: &UserName) -> Result<Vec<RoomName>, StoreFailed> {
        self.pool.read(|link| history::undelivered(link, user))
    }

    fn conversations(&self, user: &UserName, since: Time, count: usize) -> Result<Vec<RoomName>, StoreFailed> {
        self.pool.read(|link| history::conversations(link, user, since, count))
    }

    fn read_positions(&self, user: &UserName, rooms: &[RoomName]) -> Result<Vec<Option<ReadPosition>>, StoreFailed> {
        self.pool.read(|link| history::read_positions(link, user, rooms))
    }

    fn rooms(&self, count: usize) -> Result<Vec<RoomName>, StoreFailed> {
        self.pool.read(|link| history::rooms(link, count))
    }

    fn is_writable(&self) -> bool {
        let is_known = {
            let mut asked_at = self.asked_at.lock();
            let is_known = asked_at.elapsed() < WRITABLE_FOR;
            if !is_known {
                *asked_at = Instant::now();
            }
            is_known
        };
        if is_known || !self.writable.load(Ordering::Relaxed) {
            // A journal without a connection tries again by itself.
            return self.writable.load(Ordering::Relaxed);
        }
        let (reply, answer) = bounded(1);
        let Some(journal) = self.journal.lock().clone() else { return false };
        journal.try_send(WriteRequest::Touch(reply)).is_ok() && answer.recv_timeout(TRIAL).is_ok()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn cluster_figures(&self) -> Option<ClusterFigures> {
        Some(self.pulse.figures())
    }

    fn change_feed(&self) -> Option<Box<dyn ChangeFeed>> {
        self.feed.lock().take().map(|feed| Box::new(feed) as _)
    }

    fn shared_users(&self) -> Option<Arc<dyn SharedUsers>> {
        let (bus, attendances, pool) = (self.bus.clone(), self.attendances.clone(), Arc::clone(&self.pool));
        Some(Arc::new(PostgresUsers { server: self.server, bus, attendances, pool }))
    }

    fn shared_sessions(&self) -> Option<Arc<dyn SharedSessions>> {
        let Attendances { local: attendance, sessions: local, .. } = self.attendances.clone();
        Some(Arc::new(PostgresSessions { server: self.server, local, attendance, pool: Arc::clone(&self.pool) }))
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.waker.wake();
        self.bus.close();
        self.pool.close();
        self.searches.close();
        self.attendances.local.set_bell(None);
        self.attendances.sessions.set_bell(None);
        let journal = self.journal.lock().take();
        drop(journal);
    }
}

/// A connection that hears what is told on this channel.
fn listening_link(config: &Config, channel: &str, waker: Waker) -> LastingLink {
    let listen = format!("SET synchronous_commit = off; LISTEN \"{channel}\"");
    LastingLink::new(config.clone(), Some(waker), Box::new(move |link| link.run(&listen)))
}

/// The journal's connection, which is there, with the number of the server and of the newest batch that is acknowledged.
fn journal_link(config: &Config, server: i64, waits: bool) -> Result<(i64, LastingLink, Arc<AtomicI64>), LinkError> {
    let acknowledged = Arc::<AtomicI64>::default();
    let recognition = Recognition::new(server, Arc::clone(&acknowledged), waits);
    let mut link = LastingLink::new(config.clone(), None, beginning_of_journal(recognition, waits));
    link.link()?;
    Ok((server, link, acknowledged))
}

/// How each connection of the journal begins. The history is shared with other journals, and with nobody who wants it to
/// themselves.
fn beginning_of_journal(recognition: Recognition, waits: bool) -> Beginning {
    Box::new(move |link| {
        schema::share(link)?;
        recognition.recognize(link)?;
        wait_for_disk(link, waits)?;
        link.run(search_index::LIST_LIMIT)?;
        // Nobody asks again for what another server left in doubt a day ago, or has what was changed then in memory. If two
        // do it at once, one may fail; the next who connects does it.
        _ = link.run(
            "DELETE FROM journals WHERE used < now() - interval '1 day';
             DELETE FROM changes WHERE at < now() - interval '1 day'",
        );
        Ok(())
    })
}

/// Whether commits on this connection wait until they are on the disk of the database.
fn wait_for_disk(link: &mut DatabaseLink, waits: bool) -> Result<(), LinkError> {
    link.run(if waits { "SET synchronous_commit = on" } else { "SET synchronous_commit = off" })
}

/// What a search has found; nothing, and not all, when its time was over.
fn in_time<T: Default>(found: Result<T, LinkError>) -> Result<T, LinkError> {
    match found {
        Err(error) if error.is_timeout() => Ok(T::default()),
        found => found,
    }
}
