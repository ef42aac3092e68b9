//! An outbox and its writer over a transport in trouble: every byte in its place, every event booked.

use std::sync::Arc;

use roomd::chat::{Limits, Slow};
use roomd::engine::base::threads::Threads;
use roomd::engine::clients::delivery_counts::CountsDeliveries as _;
use roomd::engine::clients::delivery_counts::DeliveryCounts;
use roomd::engine::clients::outbox::Outbox;
use roomd::engine::clients::recipient::{Care, Parcel, Piece, Recipient, Undelivered};
use roomd::engine::clients::writer;

use crate::fault::{Fault, at_every_use};
use crate::house::nothing_is_left;
use crate::wire::{Trouble, Wire};

const CARE: Care = Care::Policy(Slow::Disconnect);

/// What is given to the outbox: pieces that go together, each of an event; the last words are one more.
fn parcels() -> Vec<(Vec<String>, Care)> {
    let piece = |number: usize| format!("<{}{number}>", "-".repeat(number % 5));
    let parcel = |numbers: std::ops::Range<usize>| numbers.map(piece).collect();
    vec![
        (parcel(0..1), CARE),
        (parcel(1..4), CARE),
        (parcel(4..5), Care::BestEffort),
        // More than go into one system call.
        (parcel(5..25), CARE),
        (parcel(25..26), Care::BestEffort),
        (parcel(26..27), CARE),
    ]
}

const LAST_WORDS: &str = "<bye>";

/// What became of a run.
struct Outcome {
    /// The end of each event in the stream of all that was not refused.
    ends: Vec<usize>,
    stream: String,
    offered: u64,
    deliveries: DeliveryCounts,
}

/// Gives everything to an outbox over this wire, and lets it end.
fn play(wire: &Arc<Wire>) -> Outcome {
    let threads = Threads::new();
    let outbox = Outbox::new(Arc::clone(wire) as _, &Limits::default(), None);
    let writing = Arc::clone(&outbox);
    threads.spawn("writer", move || writer::run(writing)).unwrap();
    let (mut stream, mut ends, mut offered) = (String::new(), Vec::new(), 0);
    for (texts, care) in parcels() {
        offered += texts.len() as u64;
        let pieces: Vec<_> = texts.iter().map(|text| piece(text)).collect();
        let taken = outbox.take(Parcel::Pieces(&pieces), care);
        let deliveries = outbox.deliveries();
        assert!(deliveries.balance() && deliveries.enqueued == offered, "{deliveries}");
        if matches!(taken, Err(Undelivered::Dropped { .. })) {
            assert_eq!(care, Care::BestEffort);
            continue;
        }
        assert!(taken.is_ok() || wire.is_broken(), "{taken:?}");
        texts.iter().for_each(|text| put(text, &mut stream, &mut ends));
    }
    outbox.finish(LAST_WORDS.into(), 1);
    put(LAST_WORDS, &mut stream, &mut ends);
    let deliveries = outbox.wait_done();
    nothing_is_left(&threads);
    Outcome { ends, stream, offered: offered + 1, deliveries }
}

fn put(text: &str, stream: &mut String, ends: &mut Vec<usize>) {
    stream.push_str(text);
    ends.push(stream.len());
}

fn piece(text: &str) -> Piece {
    let buffer = text.to_owned().into_bytes();
    Piece { part: 0..buffer.len(), buffer: buffer.into(), events: 1, messages: 1, reply: false }
}

/// What went is the beginning of what was given, and what went whole was written.
fn check(wire: &Arc<Wire>) {
    let Outcome { ends, stream, offered, deliveries } = play(wire);
    let sent = String::from_utf8(wire.bytes()).unwrap();
    assert!(stream.starts_with(&sent), "{sent} does not begin {stream}");
    let whole = ends.iter().filter(|end| **end <= sent.len()).count() as u64;
    assert!(deliveries.balance() && deliveries.pending == 0, "{deliveries}");
    assert_eq!(deliveries.written, whole, "{deliveries}");
    if wire.is_broken() {
        assert!(
            (offered - 1..=offered).contains(&deliveries.enqueued),
            "the last words may come too late: {deliveries}"
        );
    } else {
        assert_eq!((sent, deliveries.enqueued), (stream, offered));
    }
}

#[test]
fn writes_of_every_length_make_the_same_stream() {
    let all = play(&Wire::good()).stream.len();
    for at_once in 1..=all {
        println!("{at_once} bytes at once");
        check(&Wire::new(Trouble::Breaks, &Fault::never(), at_once));
    }
}

#[test]
fn a_socket_that_is_full_at_any_moment_makes_the_same_stream() {
    for at_once in [7, usize::MAX] {
        at_every_use(|fault| check(&Wire::new(Trouble::Full, fault, at_once)));
    }
}

#[test]
fn a_socket_that_takes_nothing_at_any_moment_loses_nothing_or_ends() {
    for at_once in [7, usize::MAX] {
        at_every_use(|fault| check(&Wire::new(Trouble::Nothing, fault, at_once)));
    }
}

#[test]
fn a_connection_that_breaks_at_any_moment_keeps_its_books() {
    for at_once in [1, 7, usize::MAX] {
        at_every_use(|fault| check(&Wire::new(Trouble::Breaks, fault, at_once)));
    }
}

#[test]
fn without_last_words_nothing_is_written_at_the_end() {
    let (wire, threads) = (Wire::good(), Threads::new());
    let outbox = Outbox::new(Arc::clone(&wire) as _, &Limits::default(), None);
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
