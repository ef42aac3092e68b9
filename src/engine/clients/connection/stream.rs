//! A stream of the events of some rooms, to a client that sends no commands.
//!
//! Its rooms are entered before the client is told that there is a stream, so whatever refuses it is still the
//! response to its request; until the stream begins, closed gates hold back what the rooms say. Called on the reader's
//! thread; blocks on the rooms, and, during a replay, on the store and on the client.

use std::sync::Arc;

use bytes::Bytes;

use super::{Connection, ConnectionOptions};
use crate::chat::room::{JoinRequest, ReplayRange};
use crate::chat::{End, Identity, JoinOptions, Position, Refusal, RoomName};
use crate::engine::Engine;
use crate::engine::clients::gate::Gate;
use crate::engine::clients::outbox::Outbox;
use crate::engine::clients::recipient::Form;
use crate::engine::clients::session::Membership;
use crate::engine::rooms::hub::{JoiningClient, RoomKind};
use crate::engine::rooms::inbox::RoomHandle;
use crate::wire::event_stream::Positions;

/// A room of a stream.
#[derive(Clone, Debug)]
pub struct StreamRoom {
    /// The room.
    pub room: RoomName,
    /// The last message that the client has, if it has been here before.
    pub since: Option<Position>,
    /// Whether it is to be sent the newest message of each key, in place of the newest messages.
    pub latest: bool,
}

/// The rooms of a stream, which were entered. Dropping it leaves them.
pub struct EnteredRooms {
    /// The number of the connection.
    number: u64,
    rooms: Vec<EnteredRoom>,
}

impl EnteredRooms {
    /// The number of the connection.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

struct EnteredRoom {
    handle: RoomHandle,
    gate: Arc<Gate>,
    replay: Option<ReplayRange>,
}

/// Enters the rooms of a stream. Blocks on each.
///
/// # Errors
/// Why a room refuses the client, or cannot be opened; the others are left.
#[inline(never)]
pub fn enter(
    engine: &Arc<Engine>,
    outbox: &Arc<Outbox>,
    options: ConnectionOptions,
    who: &Identity,
    rooms: Vec<StreamRoom>,
) -> Result<EnteredRooms, Refusal> {
    let ConnectionOptions { encoding, visibility, join_history, address, .. } = options;
    let (number, address) = (engine.number(), address.counted);
    if rooms.len() > 1 {
        outbox.merge_positions(Positions::new(rooms.iter().map(|room| room.since.clone()).collect()));
    }
    let mut entered = EnteredRooms { number, rooms: Vec::with_capacity(rooms.len()) };
    for StreamRoom { room, since, latest } in rooms {
        engine.count_opening(&room, address)?;
        let gate = Gate::closed(Arc::clone(outbox), &engine.limits.load());
        let request = JoinRequest {
            visibility,
            options: JoinOptions { history: Some(join_history), since, latest, ..JoinOptions::default() },
            ..JoinRequest::of(who, number)
        };
        let recipient = Arc::clone(&gate) as _;
        let client = JoiningClient { recipient, form: Form::Bytes(encoding), request, id: None, address };
        let mut handle = engine.hub.join(&room, &RoomKind::USUAL, client)?;
        let replay = handle.take_replay();
        entered.rooms.push(EnteredRoom { handle, gate, replay });
    }
    Ok(entered)
}

impl Connection {
    /// Opens the connection of a stream whose rooms were entered, and gives the client what it has missed in each, in
    /// order. `Some`: it has to end. Blocks on the store and on the client.
    #[must_use]
    #[inline(never)]
    pub fn open_stream(
        engine: &Arc<Engine>,
        outbox: Arc<Outbox>,
        options: ConnectionOptions,
        who: Identity,
        EnteredRooms { number, rooms }: EnteredRooms,
    ) -> (Box<Self>, Option<End>) {
        let mut connection = Self::open_as(engine, outbox, options, (who, number), Bytes::new());
        let mut end = connection.ended();
        for (i, EnteredRoom { handle, gate, replay }) in rooms.into_iter().enumerate() {
            let room = handle.room().clone();
            let (topic, in_group, asks_receipts) = (false, false, false);
            let membership = Membership { handle, topic, in_group, visibility: options.visibility, asks_receipts };
            connection.session.state.joined(room.clone(), membership);
            if end.is_some() {
                continue;
            }
            connection.outbox.begin_room(i);
            if let Some(replay) = replay {
                end = connection.replay(options.encoding).give(&room, replay, None).err();
            }
            if end.is_none() {
                gate.open();
            }
        }
        connection.show_rooms();
        (connection, end)
    }

    /// The end of a stream whose rooms have all ended or removed its user: nothing more can come.
    #[must_use]
    pub fn end_without_rooms(&mut self) -> Option<End> {
        self.session.forget_revoked();
        self.show_rooms();
        self.session.state.rooms().is_empty().then_some(End::Left)
    }
}
