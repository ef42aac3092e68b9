//! The library's own door: a program is a member of a room without a socket.
//!
//! It brings the recipient of its events itself: a channel of the size it chose
//! ([`crate::engine::clients::recipient::ChannelRecipient`]), or anything else that implements the trait. Its calls
//! run on the program's own thread and block as a reader's do: on the room, never on a client.

use std::sync::Arc;

use crate::auth::names::taken;
use crate::chat::room::JoinRequest;
use crate::chat::{AuthLevel, Identity, JoinOptions, Refusal, RoomName, RoomRequest, UserName};
use crate::engine::Engine;
use crate::engine::clients::recipient::{Form, Recipient};
use crate::engine::rooms::hub::{JoiningClient, RoomKind};
use crate::engine::rooms::inbox::{RoomGone, RoomHandle};
use crate::engine::users::directory::{DirectoryEntry, Peer};

/// A membership of a program. Dropping it leaves the room.
///
/// When the server stops, the recipient is told with [`Recipient::end`]; the room, and with it the
/// stop, waits until the membership is dropped.
///
/// ```
/// use std::sync::Arc;
/// use roomd::chat::{Event, RoomName, UserName};
/// use roomd::engine::clients::recipient::ChannelRecipient;
/// use roomd::{Member, Server, Settings};
///
/// let (listen, data) = ("127.0.0.1:0".into(), ":memory:".into());
/// let settings = Settings { listen, lines: None, data, ..Settings::default() };
/// let server = Server::start(settings, |error| eprintln!("{error}"))?;
///
/// let (sender, events) = crossbeam_channel::bounded(16);
/// let room = RoomName::parse("lobby")?;
/// let bot = UserName::parse("bot")?;
/// let member = Member::join(server.engine(), &room, bot, Arc::new(ChannelRecipient::new(sender)), 0)?;
/// member.say("hello")?;
/// let text = events.iter().find_map(|event| match &*event {
///     Event::Message(message) => Some(message.body.clone()),
///     _ => None,
/// });
/// assert_eq!(text, Some(roomd::chat::Body::Text("hello".into())));
/// drop(member);
/// assert!(server.stop().running.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Member {
    room: RoomHandle,
    entry: DirectoryEntry,
}

impl Member {
    /// Enters a room, which is opened if it is not there, under a name of the program's choice.
    /// The newest `history` messages come first. Blocks until the room has answered.
    ///
    /// # Errors
    /// The room does not let it in, the name is somebody else's (the program may say that it is
    /// whoever it likes: see [`Identity`]), there can be no further room, or the server stops.
    pub fn join(
        engine: &Arc<Engine>,
        room: &RoomName,
        who: impl Into<Identity>,
        recipient: Arc<dyn Recipient>,
        history: usize,
    ) -> Result<Self, Refusal> {
        let who = who.into();
        let Identity { user, auth_level, .. } = who.clone();
        let peer = Peer::new(who, engine.number(), true, Arc::clone(&recipient), Form::Events);
        let entrant = JoinRequest {
            options: JoinOptions { history: Some(history), ..JoinOptions::default() },
            ..JoinRequest::new(user, auth_level, peer.number)
        };
        // In the directory first: a stop that comes between the two tells the recipient.
        let entry = engine.directory.register(peer);
        let name = entry.peer().user();
        if auth_level == AuthLevel::Guest && engine.registered(name) {
            return Err(taken(name));
        }
        let guest = JoiningClient { recipient, form: Form::Events, entrant, id: None };
        let room = engine.hub.join(room, &RoomKind::USUAL, guest)?;
        Ok(Self { room, entry })
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> &RoomName {
        self.room.room()
    }

    /// Whose membership it is.
    #[must_use]
    pub fn user(&self) -> &UserName {
        self.entry.peer().user()
    }

    /// Says something, UTF-8 text of at least one byte; the limits on size and rate are for clients
    /// from outside and do not hold here. It comes back through the recipient with its number, after
    /// an [`crate::chat::Event::Sent`]. Blocks while the room's inbox is full.
    ///
    /// # Errors
    /// The room failed; join again.
    pub fn say(&self, text: &str) -> Result<(), RoomGone> {
        self.room.say(RoomRequest::message(text), None)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Leaving sends, so outside the lock of the conversations.
        self.entry.peer().retire().into_iter().for_each(drop);
    }
}
