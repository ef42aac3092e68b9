//! The membership of a program that embeds the server: a member of a room without a socket.
//!
//! The program supplies the recipient of its events: a channel of the size that it chose
//! ([`crate::engine::clients::recipient::ChannelRecipient`]), or anything else that implements the trait. Its calls
//! run on the program's own thread and block as a reader's do: on the room, never on a client.

use std::sync::Arc;

use crate::auth::names::taken;
use crate::chat::room::JoinRequest;
use crate::chat::{
    Accounts, AuthLevel, Identity, JoinOptions, Publication, Refusal, RoomName, RoomRequest, UserName, Visibility,
};
use crate::engine::Engine;
use crate::engine::clients::recipient::{Form, Recipient};
use crate::engine::rooms::hub::{JoiningClient, RoomKind};
use crate::engine::rooms::inbox::{RoomGone, RoomHandle};
use crate::engine::users::directory::DirectoryEntry;
use crate::engine::users::endpoint::Endpoint;
use crate::engine::users::user_connection::UserConnection;

/// A membership of a program. Dropping it leaves the room.
///
/// When the server stops, it calls the recipient's [`Recipient::end`]; the room, and with it the stop, waits until
/// the membership is dropped.
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
/// member.send("hello")?;
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
    /// Joins a room, which is opened if it does not exist, under a name of the program's choice. The newest `history`
    /// messages come first. Blocks until the room has answered.
    ///
    /// # Errors
    /// The room refuses it, the name belongs to another user (the program may claim any identity: see
    /// [`Identity`]), there can be no further room, or the server stops.
    pub fn join(
        engine: &Arc<Engine>,
        room: &RoomName,
        who: impl Into<Identity>,
        recipient: Arc<dyn Recipient>,
        history: usize,
    ) -> Result<Self, Refusal> {
        let who = who.into();
        let Identity { user, auth_level, .. } = who.clone();
        let endpoint =
            Endpoint { recipient: Arc::clone(&recipient), form: Form::Events, accounts: Accounts::default() };
        let peer = UserConnection::new(who, engine.number(), None, true, Visibility::Announced, endpoint);
        let request = JoinRequest {
            options: JoinOptions { history: Some(history), ..JoinOptions::default() },
            ..JoinRequest::new(user, auth_level, peer.number)
        };
        // In the directory first: then a stop between the two ends the recipient.
        let entry = engine.directory.register(peer);
        let name = entry.connection().user();
        if auth_level == AuthLevel::Guest && engine.registered(name) {
            return Err(taken(name));
        }
        let client = JoiningClient { recipient, form: Form::Events, request, id: None, address: None };
        let room = engine.hub.join(room, &RoomKind::USUAL, client)?;
        engine.accept_invitation(&entry.connection().who, room.room());
        Ok(Self { room, entry })
    }

    /// The room that it is in.
    #[must_use]
    pub fn room(&self) -> &RoomName {
        self.room.room()
    }

    /// The user as whom the program joined.
    #[must_use]
    pub fn user(&self) -> &UserName {
        self.entry.connection().user()
    }

    /// Sends a message, UTF-8 text of at least one byte; the limits on size and rate are for clients from outside
    /// and do not apply here. It comes back through the recipient with its number, after
    /// an [`crate::chat::Event::Sent`]. Blocks while the room's inbox is full.
    ///
    /// # Errors
    /// The room failed; join again.
    pub fn send(&self, text: &str) -> Result<(), RoomGone> {
        self.publish(Publication::text(text))
    }

    /// Publishes a message with whatever else may be said of it: its relation, its `mid`, its condition. As
    /// [`Member::send`]; one that is refused is answered with [`crate::chat::Event::Refused`]. Blocks while the room's inbox is
    /// full.
    ///
    /// # Errors
    /// The room failed; join again.
    pub fn publish(&self, publication: Publication) -> Result<(), RoomGone> {
        self.room.send(RoomRequest::from(publication), None)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Leaving may block, so outside the lock of the conversations.
        self.entry.connection().retire().into_iter().for_each(drop);
    }
}
