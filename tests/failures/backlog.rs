//! A socket that takes so many bytes and then no more: what waits, what is dropped, who is parted with.
//!
//! Without a writer nothing leaves the backlog, so all is decided on one thread; the writer comes at the
//! end, and what it writes says what waited.

use std::sync::Arc;

use proptest::prelude::*;
use roomd::chat::{End, Limits, Slow};
use roomd::engine::clients::delivery_counts::CountsDeliveries as _;
use roomd::engine::clients::outbox::Outbox;
use roomd::engine::clients::recipient::{Care, Parcel, Piece, Recipient, Undelivered};
use roomd::engine::clients::writer;

use crate::fault::Fault;
use crate::wire::{Trouble, Wire};

/// Events and bytes that may wait.
const LIMITS: (usize, usize) = (6, 120);

/// A parcel: its pieces, each an answer or a message, and how much it matters.
#[derive(Clone, Debug)]
struct Given {
    /// Whether each piece is an answer, and how long it is.
    pieces: Vec<(bool, usize)>,
    care: Care,
}

fn given() -> impl Strategy<Value = Given> {
    let care = prop_oneof![
        4 => Just(Care::Policy(Slow::Drop)),
        1 => Just(Care::Policy(Slow::Disconnect)),
        1 => Just(Care::BestEffort),
    ];
    let pieces = prop::collection::vec((prop::bool::weighted(0.3), 4..40_usize), 1..4);
    (pieces, care).prop_map(|(pieces, care)| Given { pieces, care })
}

/// A piece that says its number.
fn piece(number: usize, reply: bool, length: usize) -> Piece {
    let buffer = format!("{number:-<length$}\n").into_bytes();
    Piece { part: 0..buffer.len(), buffer: buffer.into(), events: 1, messages: u32::from(!reply), reply }
}

proptest! {
    #[test]
    fn what_waits_is_bounded_and_no_answer_is_lost_without_the_end(
        parcels in prop::collection::vec(given(), 1..20),
        first_full in 1..6_usize,
    ) {
        let wire = Wire::new(Trouble::Full, &Fault::at(first_full), usize::MAX);
        let limits = Limits { outbox_messages: LIMITS.0, outbox_bytes: LIMITS.1, ..Limits::default() };
        let outbox = Outbox::new(Arc::clone(&wire) as _, &limits, None);
        let (mut number, mut wanted, mut refused) = (0, Vec::new(), Vec::new());
        for Given { pieces, care } in parcels {
            let (ended, before) = (outbox.ended().is_some(), outbox.deliveries().pending);
            let pieces: Vec<_> = (number..).zip(&pieces).map(|(i, (reply, length))| piece(i, *reply, *length)).collect();
            let numbered: Vec<_> = (number..).zip(&pieces).collect();
            number += pieces.len();
            let taken = outbox.take(Parcel::Pieces(&pieces), care);
            let deliveries = outbox.deliveries();
            prop_assert!(deliveries.balance() && deliveries.enqueued == number as u64, "{}", deliveries);
            prop_assert_eq!(ended, taken == Err(Undelivered::Closed));
            match taken {
                Ok(()) => {
                    wanted.extend(numbered.iter().map(|(i, _)| *i));
                    prop_assert!(before == 0 || (deliveries.pending as usize <= LIMITS.0 && care != Care::BestEffort));
                }
                Err(Undelivered::Dropped { messages: told }) if care == Care::Policy(Slow::Drop) => {
                    let (answers, messages): (Vec<_>, Vec<_>) = numbered.iter().partition(|(_, piece)| piece.reply);
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
