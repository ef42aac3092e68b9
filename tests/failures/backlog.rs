//! A socket that takes some bytes and then no more: what is queued, what is dropped, and when the connection ends.
//!
//! Without a writer nothing leaves the backlog, so a test runs on one thread; the writer runs at the end, and writes
//! what was queued.

use std::sync::Arc;

use proptest::prelude::*;
use roomd::chat::{Body, End, Event, Key, Limits, Message, RoomName, Slow, Time, UserName};
use roomd::engine::clients::conflation_key::{ConflationKey, EventPart};
use roomd::engine::clients::delivery_counts::CountsDeliveries as _;
use roomd::engine::clients::outbox::Outbox;
use roomd::engine::clients::recipient::{Delivery, DeliveryMode, Recipient, Segment, Undelivered};
use roomd::engine::clients::writer;

use crate::fault::Fault;
use crate::wire::{Trouble, Wire};

/// Events and bytes that may wait.
const LIMITS: (usize, usize) = (6, 120);

/// A delivery: its segments, each an answer or a message, and how much it matters.
#[derive(Clone, Debug)]
struct Given {
    /// Whether each segment is an answer, and how long it is.
    segments: Vec<(bool, usize)>,
    mode: DeliveryMode,
}

fn given() -> impl Strategy<Value = Given> {
    let mode = prop_oneof![
        4 => Just(DeliveryMode::Policy(Slow::Drop)),
        1 => Just(DeliveryMode::Policy(Slow::Disconnect)),
        1 => Just(DeliveryMode::BestEffort),
    ];
    let segments = prop::collection::vec((prop::bool::weighted(0.3), 4..40_usize), 1..4);
    (segments, mode).prop_map(|(segments, mode)| Given { segments, mode })
}

/// A segment that says its number.
fn segment(number: usize, reply: bool, length: usize) -> Segment {
    let buffer = format!("{number:-<length$}\n").into_bytes();
    Segment::new(buffer.into(), (1, u32::from(!reply)), reply)
}

proptest! {
    #[test]
    fn the_backlog_is_bounded_and_a_reply_is_lost_only_with_the_connection(
        deliveries_given in prop::collection::vec(given(), 1..20),
        first_full in 1..6_usize,
    ) {
        let wire = Wire::new(Trouble::Full, &Fault::at(first_full), usize::MAX);
        let limits = Limits { outbox_messages: LIMITS.0, outbox_bytes: LIMITS.1, ..Limits::default() };
        let outbox = Outbox::new(&Arc::default(), Arc::clone(&wire) as _, &limits, None);
        let (mut number, mut wanted, mut refused) = (0, Vec::new(), Vec::new());
        for Given { segments, mode } in deliveries_given {
            let (ended, before) = (outbox.ended().is_some(), outbox.deliveries().pending);
            let segments: Vec<_> = (number..).zip(&segments).map(|(i, (reply, length))| segment(i, *reply, *length)).collect();
            let numbered: Vec<_> = (number..).zip(&segments).collect();
            number += segments.len();
            let taken = outbox.deliver(Delivery::Segments(&segments), mode);
            let deliveries = outbox.deliveries();
            prop_assert!(deliveries.balance() && deliveries.enqueued == number as u64, "{}", deliveries);
            prop_assert_eq!(ended, taken == Err(Undelivered::Closed));
            match taken {
                Ok(()) => {
                    wanted.extend(numbered.iter().map(|(i, _)| *i));
                    prop_assert!(before == 0 || (deliveries.pending as usize <= LIMITS.0 && mode != DeliveryMode::BestEffort));
                }
                Err(Undelivered::Dropped { messages: told, conflated: 0 }) if mode == DeliveryMode::Policy(Slow::Drop) => {
                    let (answers, messages): (Vec<_>, Vec<_>) = numbered.iter().partition(|(_, segment)| segment.reply);
                    prop_assert_eq!(told as usize, messages.len(), "each message that is missed is counted");
                    refused.extend(messages.iter().map(|(i, _)| *i));
                    if outbox.ended().is_none() {
                        wanted.extend(answers.iter().map(|(i, _)| *i));
                    }
                    prop_assert!(deliveries.pending as usize <= 2 * LIMITS.0);
                }
                Err(_) => {
                    refused.extend(numbered.iter().map(|(i, _)| *i));
                    prop_assert_eq!(before, deliveries.pending, "all of it is dropped");
                }
            }
        }
        prop_assert!(matches!(outbox.ended(), None | Some(End::Slow)));
        outbox.finish(Vec::new(), 0);
        writer::run(Arc::clone(&outbox));
        let deliveries = outbox.wait_done();
        let stream = String::from_utf8(wire.bytes()).unwrap();
        let written: Vec<usize> = stream.lines().map(|line| line.trim_end_matches('-').parse().unwrap()).collect();
        prop_assert!(written.is_sorted_by(|one, next| one < next), "nothing twice, and in order");
        prop_assert_eq!((deliveries.written, deliveries.pending), (written.len() as u64, 0));
        prop_assert!(wanted.iter().all(|i| written.contains(i)), "what was taken was written");
        prop_assert!(refused.iter().all(|i| !written.contains(i)), "what was refused was not");
    }
}

/// What a message of this key is the newest of.
fn key(key: u8) -> Arc<ConflationKey> {
    let (room, user) = (RoomName::parse("r").unwrap(), UserName::parse("u").unwrap());
    let mut message = Message::new(room, user, Body::Text("x".into()), 1, Time(0));
    message.key = Some(Key::parse(&key.to_string()).unwrap());
    ConflationKey::of(&Event::Message(Arc::new(message))).unwrap()
}

/// A round: messages in one buffer, each with its key, if it has one, and its length.
fn round(first: usize, messages: &[(Option<u8>, usize)]) -> Segment {
    let (mut buffer, mut inner) = (Vec::new(), Vec::new());
    for (number, (of, length)) in (first..).zip(messages) {
        buffer.extend(format!("{number:-<length$}\n").into_bytes());
        inner.push(EventPart { end: buffer.len(), is_message: true, key: of.map(key) });
    }
    let count = messages.len() as u32;
    Segment { inner: Some(inner.into()), ..Segment::new(buffer.into(), (count, count), false) }
}

proptest! {
    #[test]
    fn under_the_policy_latest_the_newest_of_each_key_comes_and_everything_is_counted(
        rounds in prop::collection::vec(
            prop::collection::vec((prop::option::weighted(0.7, 0..4_u8), 4..40_usize), 1..6), 1..20),
        first_full in 1..6_usize,
        keys_fit in any::<bool>(),
    ) {
        let wire = Wire::new(Trouble::Full, &Fault::at(first_full), usize::MAX);
        let bytes = if keys_fit { 4096 } else { 2 * ConflationKey::BYTES };
        let limits = Limits { outbox_messages: LIMITS.0, outbox_bytes: bytes, ..Limits::default() };
        let outbox = Outbox::new(&Arc::default(), Arc::clone(&wire) as _, &limits, None);
        let (mut given, mut told) = (Vec::<Option<u8>>::new(), (0, 0));
        for messages in rounds {
            let segment = round(given.len(), &messages);
            given.extend(messages.iter().map(|(key, _)| *key));
            let taken = outbox.deliver(Delivery::Segments(&[segment]), DeliveryMode::Policy(Slow::Latest));
            let deliveries = outbox.deliveries();
            prop_assert!(deliveries.balance() && deliveries.enqueued == given.len() as u64, "{}", deliveries);
            match taken {
                Ok(()) => {}
                Err(Undelivered::Dropped { messages, conflated }) => {
                    told = (told.0 + u64::from(messages), told.1 + u64::from(conflated));
                }
                Err(_) => {
                    prop_assert!(!keys_fit, "only more keys than fit end a connection");
                    break;
                }
            }
            prop_assert_eq!(told, (deliveries.dropped, deliveries.conflated), "what is missed is told");
        }
        let ended = outbox.ended();
        prop_assert!(matches!(ended, None | Some(End::Slow)));
        outbox.finish(Vec::new(), 0);
        writer::run(Arc::clone(&outbox));
        let deliveries = outbox.wait_done();
        let stream = String::from_utf8(wire.bytes()).unwrap();
        let written: Vec<usize> = stream.lines().map(|line| line.trim_end_matches('-').parse().unwrap()).collect();
        prop_assert!(written.is_sorted_by(|one, next| one < next), "nothing twice, and in order");
        prop_assert_eq!((deliveries.written, deliveries.pending), (written.len() as u64, 0));
        prop_assert!(deliveries.balance(), "{}", deliveries);
        if ended.is_none() {
            for key in 0..4 {
                let newest = given.iter().rposition(|of| *of == Some(key));
                prop_assert!(newest.is_none_or(|newest| written.contains(&newest)), "the newest of {} is missing", key);
            }
            let unkeyed = written.iter().filter(|number| given[**number].is_none()).count();
            let meant = given.iter().filter(|key| key.is_none()).count();
            prop_assert_eq!(deliveries.dropped, (meant - unkeyed) as u64, "only what has no key is dropped");
        }
    }
}
