//! The figures of a running server, in the text format of Prometheus.
//!
//! Counted where things happen, on the threads of brokers and readers. A delivery costs nothing here: its
//! outbox counts it anyway, and [`Metrics::render`] adds the outboxes up. Each outbox balances under its own
//! lock, and an outbox that ended moves to the sum under the lock of the list, so enqueued = written +
//! dropped + conflated + pending in whatever moment somebody asks. No figure has a room or a user as its label: there
//! is no bound on their names.
//!
//! A new figure is a field here with its line in `of_clients` or `of_server`, and the place that counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{
    Counter, Encoder as _, Gauge, Histogram, HistogramOpts, IntCounterVec, IntGaugeVec, Opts, TextEncoder,
};

use super::base::process::ProcessUsage;
use super::base::sync::Mutex;
use super::clients::delivery_counts::{CountsDeliveries, DeliveryCounts};
use super::clients::outbox_total::OutboxTotal;
use super::webhooks::retry;
use crate::chat::Code;
use crate::store::cluster::ClusterFigures;
use crate::wire::Encoding;

/// Upper bounds of the buckets of journal transactions, in seconds: from a disk with a cache that
/// survives a loss of power to one that stalls.
const JOURNAL_BUCKETS_S: [f64; 11] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0];

/// The classes of statuses of HTTP responses.
const RESPONSE_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// See the module.
pub struct Metrics {
    /// Connections that were opened, by door.
    opened: Labelled<1>,
    /// Connections that ended, by door and reason.
    closed: Labelled<2>,
    /// Refusals that clients were given, by code.
    refusals: Labelled<1>,
    /// HTTP responses, by status.
    responses: Labelled<1>,
    /// Messages that rooms gave to their members.
    messages: AtomicU64,
    /// Rooms that were opened.
    rooms: AtomicU64,
    outboxes: Mutex<Outboxes>,
    /// Whether memory is short.
    is_memory_short: AtomicBool,
    /// The bytes that wait for all clients.
    pub outbox_total: Arc<OutboxTotal>,
    /// Transactions of the journal that wrote drafts, and how long each took.
    journal_transactions: Histogram,
    /// Drafts in those transactions.
    journal_drafts: AtomicU64,
    /// Transactions that failed.
    journal_failures: AtomicU64,
    /// Attempts to deliver to webhooks, by outcome.
    webhook_attempts: Labelled<1>,
    /// Deliveries that wait for webhooks, and webhooks that are off, as they were last looked at.
    webhooks: (AtomicU64, AtomicU64),
}

/// What others count, at the moment that somebody asks.
#[derive(Debug)]
pub struct Now {
    /// Connections that have a place, and how many places there are.
    pub served: (usize, usize),
    /// Connections that wait for a place.
    pub waiting: usize,
    /// Rooms that are open, and how many may be.
    pub rooms: (usize, usize),
    /// How many bytes may wait for all clients.
    pub outbox_total_max: usize,
    /// Sessions without a connection.
    pub detached: usize,
    /// Threads that live, by role.
    pub threads: BTreeMap<&'static str, usize>,
    /// Panics that were caught.
    pub panics: u64,
    /// When the certificate ends, in seconds since 1970; `None` without TLS.
    pub certificate_ends_s: Option<u64>,
    /// What is known of the servers that have the history together; `None`: it is this server's alone.
    pub cluster: Option<ClusterFigures>,
    /// What the process takes of the machine.
    pub process: ProcessUsage,
}

/// The outboxes of live connections by the number of their connection, and the sum of those that ended.
#[derive(Default)]
struct Outboxes {
    live: BTreeMap<u64, Arc<dyn CountsDeliveries>>,
    ended: DeliveryCounts,
}

/// Counters by the values of `N` labels: for what happens at most some thousand times a second.
#[derive(Default)]
struct Labelled<const N: usize>(Mutex<BTreeMap<[&'static str; N], u64>>);

impl Default for Metrics {
    fn default() -> Self {
        let journal = HistogramOpts::new(
            "roomd_journal_transaction_seconds",
            "Time that transactions of the journal took, in seconds.",
        );
        Self {
            opened: Labelled::from_zero(Encoding::SAMPLES.map(Encoding::name)),
            closed: Labelled::default(),
            refusals: Labelled::from_zero(Code::ALL.map(Code::as_str)),
            responses: Labelled::from_zero(RESPONSE_CLASSES),
            messages: AtomicU64::new(0),
            rooms: AtomicU64::new(0),
            outboxes: Mutex::default(),
            is_memory_short: AtomicBool::new(false),
            outbox_total: Arc::default(),
            journal_transactions: Histogram::with_opts(journal.buckets(JOURNAL_BUCKETS_S.to_vec()))
                .expect("the name and the buckets are valid"),
            journal_drafts: AtomicU64::new(0),
            journal_failures: AtomicU64::new(0),
            webhook_attempts: Labelled::from_zero(retry::LABELS),
            webhooks: Default::default(),
        }
    }
}

impl Metrics {
    /// A connection opened at a door. Its deliveries count from now on, until
    /// [`Metrics::connection_closed`].
    pub fn connection_opened(&self, number: u64, door: &'static str, outbox: Arc<dyn CountsDeliveries>) {
        self.opened.add([door]);
        self.outboxes.lock().live.insert(number, outbox);
    }

    /// A connection ended, and its writer with it.
    pub fn connection_closed(&self, number: u64, door: &'static str, reason: &'static str) {
        self.closed.add([door, reason]);
        let mut outboxes = self.outboxes.lock();
        if let Some(outbox) = outboxes.live.remove(&number) {
            outboxes.ended += outbox.deliveries();
        }
    }

    /// A client was refused something.
    pub fn refused(&self, code: &'static str) {
        self.refusals.add([code]);
    }

    /// An HTTP request was answered with this status.
    pub fn responded(&self, status: u16) {
        let class = usize::from(status / 100).clamp(1, RESPONSE_CLASSES.len()) - 1;
        self.responses.add([RESPONSE_CLASSES[class]]);
    }

    /// A room gave so many messages to its members.
    pub fn delivered(&self, messages: u32) {
        self.messages.fetch_add(messages.into(), Ordering::Relaxed);
    }

    /// A room was opened.
    pub fn room_opened(&self) {
        self.rooms.fetch_add(1, Ordering::Relaxed);
    }

    /// Memory has become short, or is enough again.
    pub fn memory_is_short(&self, is_short: bool) {
        self.is_memory_short.store(is_short, Ordering::Relaxed);
    }

    /// The journal has written a transaction of so many drafts, or has failed to.
    pub fn journal_wrote(&self, drafts: usize, took: Duration, stored: bool) {
        if stored {
            self.journal_transactions.observe(took.as_secs_f64());
            self.journal_drafts.fetch_add(drafts as u64, Ordering::Relaxed);
        } else {
            self.journal_failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The events of all connections, those that ended and those that live: balanced.
    #[must_use]
    pub fn deliveries(&self) -> DeliveryCounts {
        let outboxes = self.outboxes.lock();
        let mut sum = outboxes.ended;
        outboxes.live.values().for_each(|outbox| sum += outbox.deliveries());
        sum
    }

    /// Adds the events of a connection that was never opened here: an echo.
    pub fn add_deliveries(&self, deliveries: DeliveryCounts) {
        self.outboxes.lock().ended += deliveries;
    }

    /// Counts an attempt to deliver to a webhook.
    pub fn webhook_tried(&self, outcome: &'static str) {
        self.webhook_attempts.add([outcome]);
    }

    /// Notes how many deliveries wait, and how many webhooks are off.
    pub fn webhooks(&self, waiting: u64, off: u64) {
        self.webhooks.0.store(waiting, Ordering::Relaxed);
        self.webhooks.1.store(off, Ordering::Relaxed);
    }

    /// All figures, as Prometheus reads them (text format 0.0.4). Takes each outbox's lock for
    /// a moment, one after the other; blocks on nothing else.
    ///
    /// # Panics
    /// Never: names and labels are constants, and memory takes every byte.
    #[must_use]
    pub fn render(&self, now: &Now) -> Vec<u8> {
        let cluster = now.cluster.map(Self::of_cluster).unwrap_or_default();
        let families = [self.of_clients(), self.of_server(now), cluster, Self::of_process(&now.process)].concat();
        // A family with labels has no sample before the first of its kind.
        let families: Vec<_> = families.into_iter().filter(|family| !family.get_metric().is_empty()).collect();
        let mut out = Vec::new();
        TextEncoder::new().encode(&families, &mut out).expect("memory takes every byte");
        out
    }

    fn of_clients(&self) -> Vec<MetricFamily> {
        let DeliveryCounts { enqueued, written, dropped, conflated, pending } = self.deliveries();
        // The closed ones first: what ends between the two reads is then open, never less than nothing.
        let closed = self.closed.read();
        let opened = self.opened.read();
        let open = opened.iter().map(|([door], count)| {
            let gone: u64 = closed.iter().filter(|([at, _], _)| at == door).map(|(_, count)| count).sum();
            ([*door], count.saturating_sub(gone))
        });
        let open: Vec<_> = open.collect();
        [
            gauges("roomd_connections", "Conversations that are open, by door.", ["door"], open),
            counters("roomd_connections_opened_total", "Conversations that were opened, by door.", ["door"], opened),
            counters(
                "roomd_connections_closed_total",
                "Conversations that ended, by door and reason.",
                ["door", "reason"],
                closed,
            ),
            counters("roomd_http_responses_total", "HTTP responses, by status.", ["status"], self.responses.read()),
            counters("roomd_refusals_total", "Requests that were refused, by code.", ["code"], self.refusals.read()),
            counter(
                "roomd_deliveries_enqueued_total",
                "Events for clients: written, dropped, conflated or pending.",
                enqueued,
            ),
            counter("roomd_deliveries_written_total", "Events that went to a client's socket whole.", written),
            counter("roomd_deliveries_dropped_total", "Events that a client will never get.", dropped),
            counter(
                "roomd_deliveries_conflated_total",
                "Events that gave their place to newer ones of their key while they waited.",
                conflated,
            ),
            gauge("roomd_deliveries_pending", "Events that wait for a client's socket.", pending),
            gauge("roomd_outbox_bytes", "Bytes that wait for clients, all together.", self.outbox_total.bytes() as u64),
        ]
        .concat()
    }

    fn of_cluster(ClusterFigures { servers, behind, silent_for }: ClusterFigures) -> Vec<MetricFamily> {
        [
            gauge("roomd_cluster_servers", "Servers at work on the database, with this one.", servers),
            gauge("roomd_cluster_behind_messages", "Messages of others that open rooms are yet to show.", behind),
            fraction(
                "roomd_cluster_heartbeat_age_seconds",
                "Time since the database has taken a heartbeat of this server, in seconds.",
                silent_for.as_secs_f64(),
            ),
        ]
        .concat()
    }

    fn of_server(&self, now: &Now) -> Vec<MetricFamily> {
        let Now { served: (served, served_max), rooms: (rooms, rooms_max), detached, panics, .. } = *now;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let threads = now.threads.iter().map(|(role, count)| ([*role], *count as u64));
        let ends = now.certificate_ends_s.map(|ends| {
            gauge(
                "roomd_certificate_expiry_timestamp_seconds",
                "When the certificate ends, in seconds since 1970.",
                ends,
            )
        });
        let drafts = "Drafts that the journal has written: messages, edits and moderation.";
        let version = [([env!("CARGO_PKG_VERSION")], 1)];
        [
            gauges("roomd_build_info", "The version that runs; always 1.", ["version"], version),
            counter("roomd_messages_total", "Messages that rooms gave to their members.", load(&self.messages)),
            gauge(
                "roomd_connections_served",
                "Connections that have a place, requests of HTTP included.",
                served as u64,
            ),
            gauge("roomd_connections_served_max", "Places for connections.", served_max as u64),
            gauge("roomd_connections_waiting", "Connections that wait for a place.", now.waiting as u64),
            gauge("roomd_rooms", "Rooms that are open, private conversations included.", rooms as u64),
            gauge("roomd_rooms_max", "Rooms that may be open.", rooms_max as u64),
            gauge(
                "roomd_outbox_bytes_max",
                "Bytes that may wait for clients, all together.",
                now.outbox_total_max as u64,
            ),
            counter("roomd_rooms_opened_total", "Rooms that were opened.", load(&self.rooms)),
            gauge("roomd_sessions_detached", "Sessions that wait for their client to come back.", detached as u64),
            gauge(
                "roomd_memory_short",
                "1 while little memory is left of what the process may have, 0 otherwise.",
                self.is_memory_short.load(Ordering::Relaxed).into(),
            ),
            gauges("roomd_threads", "Threads of the server that live, by role.", ["role"], threads),
            counter("roomd_panics_total", "Panics that were caught.", panics),
            self.journal_transactions.collect(),
            counter("roomd_journal_drafts_total", drafts, load(&self.journal_drafts)),
            counter("roomd_journal_failures_total", "Journal transactions that failed.", load(&self.journal_failures)),
            counters(
                "roomd_webhook_attempts_total",
                "Attempts to deliver to webhooks, by outcome.",
                ["outcome"],
                self.webhook_attempts.read(),
            ),
            gauge("roomd_webhook_backlog", "Deliveries that wait for webhooks.", load(&self.webhooks.0)),
            gauge("roomd_webhooks_off", "Webhooks that are off, because they fail.", load(&self.webhooks.1)),
            ends.unwrap_or_default(),
        ]
        .concat()
    }

    /// What the process takes of the machine, under the names that any client of Prometheus has for it.
    fn of_process(usage: &ProcessUsage) -> Vec<MetricFamily> {
        let ProcessUsage { cpu_s, resident_bytes, virtual_bytes, files, files_max, started_s } = *usage;
        let cpu = cpu_s.map(|seconds| {
            let opts = Opts::new("process_cpu_seconds_total", "Processor time of all threads, in seconds.");
            let counter = Counter::with_opts(opts).expect("the name is valid");
            counter.inc_by(seconds);
            counter.collect()
        });
        let of = |name: &str, help: &str, value: Option<f64>| value.map(|value| fraction(name, help, value));
        let whole = |value: Option<u64>| value.map(|value| value as f64);
        let families = [
            cpu,
            of("process_resident_memory_bytes", "Memory that the process has, in bytes.", whole(resident_bytes)),
            of("process_virtual_memory_bytes", "Address space that the process has, in bytes.", whole(virtual_bytes)),
            of("process_open_fds", "Files and sockets that are open.", whole(files)),
            of("process_max_fds", "Files and sockets that may be open.", whole(files_max)),
            of("process_start_time_seconds", "When the process began, in seconds since 1970.", started_s),
        ];
        families.into_iter().flatten().flatten().collect()
    }
}

impl Labelled<1> {
    /// All of these values are known, and none has happened: a monitor sees the first one as a rise, and not as the
    /// beginning of a series.
    fn from_zero(values: impl IntoIterator<Item = &'static str>) -> Self {
        Self(Mutex::new(values.into_iter().map(|value| ([value], 0)).collect()))
    }
}

impl<const N: usize> Labelled<N> {
    fn add(&self, labels: [&'static str; N]) {
        *self.0.lock().entry(labels).or_default() += 1;
    }

    fn read(&self) -> BTreeMap<[&'static str; N], u64> {
        self.0.lock().clone()
    }
}

fn counter(name: &str, help: &str, value: u64) -> Vec<MetricFamily> {
    counters(name, help, [], [([], value)])
}

fn gauge(name: &str, help: &str, value: u64) -> Vec<MetricFamily> {
    gauges(name, help, [], [([], value)])
}

fn fraction(name: &str, help: &str, value: f64) -> Vec<MetricFamily> {
    let gauge = Gauge::with_opts(Opts::new(name, help)).expect("the name is valid");
    gauge.set(value);
    gauge.collect()
}

fn counters<const N: usize>(
    name: &str,
    help: &str,
    labels: [&str; N],
    values: impl IntoIterator<Item = ([&'static str; N], u64)>,
) -> Vec<MetricFamily> {
    let family = IntCounterVec::new(Opts::new(name, help), &labels).expect("the name and the labels are valid");
    values.into_iter().for_each(|(labels, value)| family.with_label_values(&labels).inc_by(value));
    family.collect()
}

fn gauges<const N: usize>(
    name: &str,
    help: &str,
    labels: [&str; N],
    values: impl IntoIterator<Item = ([&'static str; N], u64)>,
) -> Vec<MetricFamily> {
    let family = IntGaugeVec::new(Opts::new(name, help), &labels).expect("the name and the labels are valid");
    for (labels, value) in values {
        family.with_label_values(&labels).set(i64::try_from(value).unwrap_or(i64::MAX));
    }
    family.collect()
}
