//! The opening of a room: from what the hub asks for to a broker that runs.
//!
//! Runs on the room's own thread, since it reads the store. A room whose history cannot be read never runs: the
//! joins and questions in its inbox are refused, and the next join opens the room again. The server, the scenarios of
//! races, the checker and the tests with faults all open their rooms here.

use std::sync::Arc;

use super::Broker;
use crate::chat::room::Room;
use crate::chat::{Code, Event, Limits, Refusal, RoomName, Slow, Span, StoreFailed};
use crate::engine::base::clock::Clock;
use crate::engine::base::queue::InboxReceiver;
use crate::engine::base::threads::Threads;
use crate::engine::rooms::hub::{Opener, Opening, RoomKind};
use crate::engine::rooms::inbox::{BrokerCommand, PendingJoin};
use crate::store::{self, OpenedRoom, PageQuery, Store};
use crate::sync::ArcCell;

/// An opener that gives each room a thread of its own, which may have been that of a room that has ended. A room keeps
/// the limits that are in force when it is opened.
#[must_use]
pub fn thread_per_room(
    threads: Arc<Threads>,
    clock: Clock,
    limits: Arc<ArcCell<Limits>>,
    store: Arc<dyn Store>,
) -> Opener {
    Box::new(move |opening, inbox| {
        let (limits, store) = (limits.load(), Arc::clone(&store));
        threads.spawn_or_reuse("room", move || match open(opening, clock, &limits, &*store) {
            Ok(broker) => broker.run(&inbox),
            Err(refusal) => refuse_all(&inbox, &refusal),
        })
    })
}

/// Opens a room: reads its history, and goes on from there. Blocks on the store.
///
/// # Errors
/// The history cannot be read; the refusal is for everybody who is waiting for the room.
pub fn open(opening: Opening, clock: Clock, limits: &Limits, store: &dyn Store) -> Result<Broker, Refusal> {
    let Opening { room: name, kind, view } = opening;
    let opened = open_history(&name, &kind, limits, store).map_err(|StoreFailed| {
        log::error!(room = name.as_str(); "history not opened");
        Refusal::new(Code::Unavailable, format!("The history of {name} cannot be had now; try again"))
    })?;
    let OpenedRoom { past, marks, policy, elsewhere, room_log } = opened;
    if store.is_shared() {
        // What was read is in force, whatever was heard of other servers by now.
        view.enter(&name, policy.clone().map(Arc::new), room_log.policy_version());
    }
    // The policy of a room that is not stored outlives a broker that failed in the index.
    let known = view.policy(&name);
    if known.as_ref().is_some_and(|policy| policy.is_transient()) {
        // What operators decided does not.
        view.enter(&name, policy.clone().map(Arc::new), room_log.policy_version());
    }
    let policy = policy.map(Arc::new).or_else(|| known.filter(|policy| !policy.is_transient()));
    let room = Room::new(name, past, limits).with_marks(marks).with_policy(policy);
    let room = if store.is_shared() { room.shared(elsewhere) } else { room };
    let (room, slow) = match kind {
        RoomKind::Open { slow, .. } => (room, slow.unwrap_or(limits.slow)),
        RoomKind::Private(one, other) => (room.private(one, other), Slow::Disconnect),
    };
    let mut broker = Broker::new(room, room_log, clock, slow, limits.linger, view);
    broker.match_all();
    Ok(broker)
}

/// A room that is to keep no history still continues the one that it has, or shares with other servers.
fn open_history(
    name: &RoomName,
    kind: &RoomKind,
    limits: &Limits,
    rooms: &dyn Store,
) -> Result<OpenedRoom, StoreFailed> {
    let nothing = PageQuery { span: Span::Before(1), count: 0, bytes: 0 };
    match kind {
        RoomKind::Open { durable: false, .. } if !rooms.is_shared() && rooms.page(name, nothing)?.is_none() => {
            store::open_transient(name)
        }
        _ => rooms.open(name, limits.history),
    }
}

/// Refuses everybody who is waiting for a room that cannot be opened, until nobody can send any more.
fn refuse_all(inbox: &InboxReceiver<BrokerCommand>, refusal: &Refusal) {
    while let Ok(command) = inbox.recv() {
        refuse(command, refusal);
    }
}

/// Refuses one command that is meant for a room that cannot be opened.
pub fn refuse(command: BrokerCommand, refusal: &Refusal) {
    match command {
        BrokerCommand::Join(join) => {
            let PendingJoin { seat, reply, .. } = *join;
            // Before the answer: a client that tries again at once must not find this room.
            drop(seat);
            reply.send(Err(refusal.clone()));
        }
        BrokerCommand::Ask(question) => question.reply.send(Event::Refused(refusal.clone())),
        _ => {}
    }
}
