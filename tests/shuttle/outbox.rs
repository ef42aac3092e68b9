//! An outbox, its writer and everybody who delivers to it, over a socket that takes what it likes.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use roomd::chat::{Body, End, Event, Key, Limits, Message, RoomName, Slow, Time, UserName};
use roomd::engine::base::sync::{Mutex, thread};
use roomd::engine::base::threads::Threads;
use roomd::engine::clients::conflation_key::{ConflationKey, EventPart};
use roomd::engine::clients::delivery_counts::CountsDeliveries as _;
use roomd::engine::clients::outbox::{Outbox, Transport};
use roomd::engine::clients::recipient::{Delivery, DeliveryMode, Recipient, Segment, Undelivered};
use roomd::engine::clients::writer;
use roomd::engine::clients::writers::Writers;
use shuttle::rand::{Rng, thread_rng};

use super::{check, limits};

/// A socket that takes a random part of each write, and is broken from the call of this number on.
pub struct Socket {
    taken: Mutex<Vec<u8>>,
    calls: AtomicUsize,
    fails_at: usize,
}

impl Socket {
    pub fn new(fails_at: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), calls: AtomicUsize::new(0), fails_at })
    }

    fn take(&self, parts: &[IoSlice<'_>], least: usize) -> io::Result<usize> {
        if self.calls.fetch_add(1, Ordering::Relaxed) >= self.fails_at {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let count = thread_rng().gen_range(least..=bytes.len());
        self.taken.lock().extend(&bytes[..count]);
        Ok(count)
    }
}

impl Transport for Socket {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if thread_rng().gen_bool(0.3) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.take(parts, 0)
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        thread::yield_now();
        self.take(parts, 1)
    }

    fn shutdown(&self, _: Shutdown) {}
}

/// A segment of one event in three bytes: who made it, its number, and an end.
fn segment(source: u8, number: u8, reply: bool) -> Segment {
    let buffer = Bytes::copy_from_slice(&[source, number, b'.']);
    Segment::new(buffer, (1, 1), reply)
}

/// Two segments of which, in a room that keeps the newest of each key, the second is a newer one of its source.
fn pair(source: u8, number: u8, slow: Slow) -> [Segment; 2] {
    let key = (slow == Slow::Latest).then(|| {
        let (room, user) = (RoomName::parse("r").unwrap(), UserName::parse("u").unwrap());
        let mut message = Message::new(room, user, Body::Text("x".into()), 1, Time(0));
        message.key = Some(Key::parse(&source.to_string()).unwrap());
        ConflationKey::of(&Event::Message(Arc::new(message))).unwrap()
    });
    [number, number + 1].map(|number| {
        let part = || EventPart { end: 3, is_message: true, key: key.clone() };
        Segment { inner: key.is_some().then(|| Arc::from([part()])), ..segment(source, number, false) }
    })
}

/// What two brokers, a pinging client and its reader do to one outbox. Its writer runs from the beginning, or starts
/// when it is wanted and retires when nothing waits; then there are so many threads for writers.
fn outbox(limits: &Limits, slow: Slow, fails_at: usize, on_demand: Option<usize>) {
    const EACH: u8 = 4;
    let threads = Threads::new();
    let socket = Socket::new(fails_at);
    let outbox =
        Outbox::new(&Arc::default(), Arc::clone(&socket) as _, limits, Some(Bytes::from_static(&[3, 9, b'.'])));
    let writers = Writers::new(&threads, limits).idle_for(Duration::ZERO);
    if let Some(max) = on_demand {
        let serving = Arc::clone(&writers);
        writers.set_threads_max(max);
        threads.spawn("writers", move || serving.run()).unwrap();
        writers.attach(&outbox).unwrap();
    } else {
        let writing = Arc::clone(&outbox);
        threads.spawn("writer", move || writer::run(writing)).unwrap();
    }
    let brokers = [1, 2].map(|source| {
        let outbox = Arc::clone(&outbox);
        thread::spawn(move || {
            let mut taken = Ok(());
            for number in (0..EACH).step_by(2) {
                let segments = pair(source, number, slow);
                taken = outbox.deliver(Delivery::Segments(&segments), DeliveryMode::Policy(slow));
                if taken == Err(Undelivered::Slow) {
                    outbox.end(End::Slow);
                }
                assert!(outbox.deliveries().balance(), "{}", outbox.deliveries());
            }
            !matches!(taken, Err(Undelivered::Slow | Undelivered::Closed))
        })
    });
    let ponging = Arc::clone(&outbox);
    let pongs = thread::spawn(move || {
        for number in 0..2 {
            _ = ponging.control(Bytes::copy_from_slice(&[3, number, b'.']));
        }
    });
    pongs.join().unwrap();
    let deliveries = writer::finish(&outbox, vec![4, 0, b'.'], 1);
    let accepted = brokers.map(|broker| broker.join().unwrap());
    writers.close();
    assert_eq!(threads.join_all(Instant::now()), Vec::<String>::new());
    assert_eq!(threads.panics(), 0);

    let last = outbox.deliveries();
    assert!(deliveries.balance() && last.balance() && last.pending == 0, "{deliveries} {last}");
    let taken = socket.taken.lock().clone();
    let (frames, rest) = taken.as_chunks::<3>();
    let broke = socket.calls.load(Ordering::Relaxed) > fails_at;
    assert!(broke || rest.is_empty(), "a frame was torn: {taken:?}");
    assert!(frames.iter().all(|frame| frame[2] == b'.'), "frames are mixed: {taken:?}");
    for source in 1..=4 {
        let numbers: Vec<_> = frames.iter().filter(|frame| frame[0] == source).map(|frame| frame[1]).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "source {source} is out of order, or twice: {numbers:?}");
        if slow == Slow::Latest && !broke && accepted.get(usize::from(source) - 1) == Some(&true) {
            assert_eq!(numbers.last(), Some(&(EACH - 1)), "the newest of source {source} is missing: {taken:?}");
        }
    }
    assert!(slow == Slow::Latest || last.conflated == 0, "{last}");
    let events = frames.iter().filter(|frame| frame[0] != 3).count() as u64;
    assert_eq!(events, last.written, "what was written is what was counted: {taken:?} {last}");
    // A writer that is done already takes no farewell.
    let meant = 2 * u64::from(EACH);
    assert!((meant..=meant + 1).contains(&last.enqueued), "{last}");
}

/// A writer from the beginning; one on demand; no thread for one.
const WRITERS: [Option<usize>; 3] = [None, Some(1), Some(0)];

#[test]
fn an_outbox_sends_everything_in_order_once() {
    for on_demand in WRITERS {
        check(move || outbox(&limits(), Slow::Disconnect, usize::MAX, on_demand));
    }
}

#[test]
fn a_small_outbox_drops_or_ends_and_its_counts_balance() {
    let small = Limits { outbox_messages: 3, ..limits() };
    for slow in [Slow::Drop, Slow::Disconnect, Slow::Latest] {
        for on_demand in WRITERS {
            let small = small.clone();
            check(move || outbox(&small, slow, usize::MAX, on_demand));
        }
    }
}

#[test]
fn a_socket_that_breaks_at_any_call_hangs_no_thread_and_the_counts_balance() {
    for on_demand in WRITERS {
        check(move || outbox(&limits(), Slow::Disconnect, thread_rng().gen_range(0..8), on_demand));
    }
}
