//! An outbox and its writer over a transport that fails: every byte in its place, every event counted.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use roomd::chat::{Limits, Slow};
use roomd::engine::base::threads::Threads;
use roomd::engine::clients::delivery_counts::CountsDeliveries as _;
use roomd::engine::clients::delivery_counts::DeliveryCounts;
use roomd::engine::clients::outbox::{Outbox, Transport};
use roomd::engine::clients::recipient::{Delivery, DeliveryMode, Recipient, Segment, Undelivered};
use roomd::engine::clients::writer;
use roomd::engine::clients::writers::{self, Writers};

use crate::fault::{Fault, at_every_use};
use crate::server::nothing_is_left;
use crate::wire::{Trouble, Wire};

const MODE: DeliveryMode = DeliveryMode::Policy(Slow::Disconnect);

/// The deliveries to the outbox: segments that belong together, each of one event; the farewell is one more.
fn deliveries() -> Vec<(Vec<String>, DeliveryMode)> {
    let segment = |number: usize| format!("<{}{number}>", "-".repeat(number % 5));
    let delivery = |numbers: std::ops::Range<usize>| numbers.map(segment).collect();
    vec![
        (delivery(0..1), MODE),
        (delivery(1..4), MODE),
        (delivery(4..5), DeliveryMode::BestEffort),
        // More than go into one system call.
        (delivery(5..25), MODE),
        (delivery(25..26), DeliveryMode::BestEffort),
        (delivery(26..27), MODE),
    ]
}

const FAREWELL: &str = "<bye>";

/// The outcome of a run.
struct Outcome {
    /// The end of each event in the stream of all that was not refused.
    ends: Vec<usize>,
    stream: String,
    offered: u64,
    deliveries: DeliveryCounts,
}

/// Who writes what has to wait.
#[derive(Clone, Copy, Debug)]
enum WrittenBy {
    /// A writer that runs from the beginning.
    OneWriter,
    /// A writer that starts when something has to wait, and retires at once when nothing does.
    WritersOnDemand,
    /// The thread of all clients, and at the end the reader: there is no thread for a writer.
    NoThread,
}

const ALL: [WrittenBy; 3] = [WrittenBy::OneWriter, WrittenBy::WritersOnDemand, WrittenBy::NoThread];

/// Gives everything to an outbox over this wire, and lets it end.
fn play(wire: &Arc<Wire>, by: WrittenBy) -> Outcome {
    let threads = Threads::new();
    let outbox = Outbox::new(&Arc::default(), Arc::clone(wire) as _, &Limits::default(), None);
    let writers = Writers::new(&threads, &Limits::default()).idle_for(Duration::ZERO);
    let (serving, writing) = (Arc::clone(&writers), Arc::clone(&outbox));
    match by {
        WrittenBy::OneWriter => threads.spawn("writer", move || writer::run(writing)).unwrap(),
        WrittenBy::WritersOnDemand | WrittenBy::NoThread => {
            writers.set_threads_max(usize::from(matches!(by, WrittenBy::WritersOnDemand)));
            threads.spawn(writers::ROLE, move || serving.run()).unwrap();
            writers.attach(&outbox).unwrap();
        }
    }
    let (mut stream, mut ends, mut offered) = (String::new(), Vec::new(), 0);
    for (texts, mode) in deliveries() {
        offered += texts.len() as u64;
        let segments: Vec<_> = texts.iter().map(|text| segment(text)).collect();
        let taken = outbox.deliver(Delivery::Segments(&segments), mode);
        let deliveries = outbox.deliveries();
        assert!(deliveries.balance() && deliveries.enqueued == offered, "{deliveries}");
        if matches!(taken, Err(Undelivered::Dropped { .. })) {
            assert_eq!(mode, DeliveryMode::BestEffort);
            continue;
        }
        assert!(taken.is_ok() || wire.is_broken(), "{taken:?}");
        texts.iter().for_each(|text| put(text, &mut stream, &mut ends));
    }
    put(FAREWELL, &mut stream, &mut ends);
    let deliveries = writer::finish(&outbox, FAREWELL.into(), 1);
    writers.close();
    nothing_is_left(&threads);
    Outcome { ends, stream, offered: offered + 1, deliveries }
}

fn put(text: &str, stream: &mut String, ends: &mut Vec<usize>) {
    stream.push_str(text);
    ends.push(stream.len());
}

fn segment(text: &str) -> Segment {
    let buffer = text.to_owned().into_bytes();
    Segment::new(buffer.into(), (1, 1), false)
}

/// What went is the beginning of what was given, and what went whole was written.
fn check(wire: impl Fn() -> Arc<Wire>) {
    ALL.into_iter().for_each(|by| check_by(&wire(), by));
}

fn check_by(wire: &Arc<Wire>, by: WrittenBy) {
    let Outcome { ends, stream, offered, deliveries } = play(wire, by);
    let sent = String::from_utf8(wire.bytes()).unwrap();
    assert!(stream.starts_with(&sent), "{sent} does not begin {stream}");
    let whole = ends.iter().filter(|end| **end <= sent.len()).count() as u64;
    assert!(deliveries.balance() && deliveries.pending == 0, "{deliveries}");
    assert_eq!(deliveries.written, whole, "{deliveries}");
    if wire.is_broken() {
        assert!((offered - 1..=offered).contains(&deliveries.enqueued), "the farewell may come too late: {deliveries}");
    } else {
        assert_eq!((sent, deliveries.enqueued), (stream, offered));
    }
}

#[test]
fn writes_of_every_length_make_the_same_stream() {
    let all = play(&Wire::good(), WrittenBy::OneWriter).stream.len();
    for at_once in 1..=all {
        println!("{at_once} bytes at once");
        check(|| Wire::new(Trouble::Breaks, &Fault::never(), at_once));
    }
}

#[test]
fn a_socket_that_is_full_at_any_moment_makes_the_same_stream() {
    for at_once in [7, usize::MAX] {
        ALL.into_iter().for_each(|by| at_every_use(|fault| check_by(&Wire::new(Trouble::Full, fault, at_once), by)));
    }
}

#[test]
fn a_socket_that_takes_nothing_at_any_moment_loses_nothing_or_ends() {
    for at_once in [7, usize::MAX] {
        ALL.into_iter().for_each(|by| at_every_use(|fault| check_by(&Wire::new(Trouble::Nothing, fault, at_once), by)));
    }
}

#[test]
fn the_counts_of_a_connection_that_breaks_at_any_moment_balance() {
    for at_once in [1, 7, usize::MAX] {
        ALL.into_iter().for_each(|by| at_every_use(|fault| check_by(&Wire::new(Trouble::Breaks, fault, at_once), by)));
    }
}

#[test]
fn without_a_farewell_nothing_is_written_at_the_end() {
    let (wire, threads) = (Wire::good(), Threads::new());
    let outbox = Outbox::new(&Arc::default(), Arc::clone(&wire) as _, &Limits::default(), None);
    let writing = Arc::clone(&outbox);
    threads.spawn("writer", move || writer::run(writing)).unwrap();
    outbox.finish(Vec::new(), 0);
    let deliveries = outbox.wait_done();
    nothing_is_left(&threads);
    assert!(
        threads.panics() == 0 && wire.bytes().is_empty() && deliveries == DeliveryCounts::default(),
        "{deliveries}"
    );
}

/// Takes everything, and remembers how often it was told to keep little.
#[derive(Default)]
struct Roomy(AtomicU32);

impl Transport for Roomy {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(parts.iter().map(|part| part.len()).sum())
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write(parts)
    }

    fn shutdown(&self, _: Shutdown) {}

    fn keep_little_unsent(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_client_of_a_room_that_keeps_the_newest_has_little_waiting_in_the_kernel_whatever_the_server_is_set_to() {
    let roomy = Arc::new(Roomy::default());
    let outbox = Outbox::new(&Arc::default(), Arc::clone(&roomy) as _, &Limits::default(), None);
    let told_by = |slow| {
        let segment = Segment::new("x".into(), (1, 1), false);
        outbox.deliver(Delivery::Segments(&[segment]), DeliveryMode::Policy(slow)).unwrap();
        roomy.0.load(Ordering::Relaxed)
    };
    let told = [Slow::Disconnect, Slow::Drop, Slow::Latest, Slow::Latest, Slow::Disconnect].map(told_by);
    assert_eq!(told, [0, 0, 1, 1, 1]);
}
