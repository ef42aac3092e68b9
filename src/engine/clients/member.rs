//! The membership of a program that embeds the server: a member of a room without a socket.
//!
//! The program supplies the recipient of its events: a channel of the size that it chose
//! ([`crate::engine::clients::recipient::ChannelRecipient`]), or anything else that implements the trait. Its calls
//! run on the program's own thread and block as a reader's do: on the room, never on a client.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::auth::names::taken;
use crate::chat::policy::ModerationRequest;
use crate::chat::room::JoinRequest;
use crate::chat::{
    AuthLevel, Authors, Code, End, Event, GroupOptions, Id, Identity, JoinOptions, Mid, Position, Publication, Refusal,
    RoomName, RoomRequest, Slow, Time, UserName, Visibility,
};
use crate::engine::Engine;
use crate::engine::clients::program_gate::ProgramGate;
use crate::engine::clients::recipient::{Form, Recipient};
use crate::engine::clients::replay::{Replay, ReplayTarget};
use crate::engine::rooms::hub::{JoiningClient, RoomKind};
use crate::engine::rooms::inbox::{RoomGone, RoomHandle};
use crate::engine::users::directory::DirectoryEntry;
use crate::engine::users::endpoint::Endpoint;
use crate::engine::users::user_connection::{ConnectionOrigin, UserConnection};

/// A membership of a program. Dropping it leaves the room.
///
/// When the server stops, it calls the recipient's [`Recipient::end`]; the room, and with it the stop, waits until
/// the membership is dropped. Its methods may be called on several threads at once, but not from [`Recipient::deliver`],
/// which runs on the room's thread: those that wait for the room would wait forever.
///
/// A bot says something and hears it, on the channel of the size that it chose:
///
/// ```
/// use std::sync::Arc;
/// use roomd::chat::{Body, Event, RoomName, UserName};
/// use roomd::{ChannelRecipient, Member, Server, Settings, channel};
///
/// let (listen, data) = ("127.0.0.1:0".into(), ":memory:".into());
/// let settings = Settings { listen, lines: None, data, ..Settings::default() };
/// let server = Server::start(settings, |error| eprintln!("{error}"))?;
///
/// let (sender, events) = channel::bounded(16);
/// let room = RoomName::parse("lobby")?;
/// let bot = UserName::parse("bot")?;
/// let member = Member::join(server.engine(), &room, bot, Arc::new(ChannelRecipient::new(sender)), 0)?;
/// let sent = member.say("hello")?;
/// assert_eq!(sent.seq, 1);
/// let text = events.iter().find_map(|event| match &*event {
///     Event::Message(message) => Some(message.body.clone()),
///     _ => None,
/// });
/// assert_eq!(text, Some(Body::Text("hello".into())));
/// drop(member);
/// assert!(server.stop().running.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A room that keeps nothing when it ends, with a key that is written on a condition, and a worker that shares its messages
/// with others of its group:
///
/// ```
/// # use std::sync::Arc;
/// # use roomd::chat::{Code, Event, GroupOptions, Key, Publication, RoomName, UserName};
/// # use roomd::{ChannelRecipient, Member, MemberOptions, Server, Settings, channel};
/// # let server = Server::start(Settings::ephemeral(), |error| eprintln!("{error}"))?;
/// let room = RoomName::parse("jobs")?;
/// let join = |name: &str, options: MemberOptions| {
///     let (sender, events) = channel::bounded(16);
///     let (user, recipient) = (UserName::parse(name).unwrap(), Arc::new(ChannelRecipient::new(sender)));
///     Member::join_with(server.engine(), &room, user, recipient, options).map(|member| (member, events))
/// };
/// let (boss, _events) = join("boss", MemberOptions { durable: false, ..MemberOptions::default() })?;
/// let agents = Some(GroupOptions::parse("agents", None, None)?);
/// let (worker, jobs) = join("worker", MemberOptions { group: agents, ..MemberOptions::default() })?;
///
/// let (key, text) = (Some(Key::parse("cat")?), Publication::text("resize cat.png"));
/// let first = Publication { key, if_key_seq: Some(0), ..text };
/// let sent = boss.say(first.clone())?;
/// let refusal = boss.say(first).unwrap_err();
/// assert_eq!((refusal.code, refusal.seq), (Code::Conflict, Some(sent.seq)));
///
/// let job = jobs.iter().find_map(|event| match &*event {
///     Event::Assigned { message, .. } => Some(message.seq),
///     _ => None,
/// });
/// assert_eq!(job, Some(sent.seq));
/// worker.done(sent.seq)?;
/// assert_eq!(worker.done(sent.seq).unwrap_err().code, Code::NotFound);
/// # drop((boss, worker));
/// # assert!(server.stop().running.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A game keeps its state as the newest message of each key: who comes later is given that first, and who was away what it
/// missed. What is stale in a moment is ephemeral, and two who decide at once are told apart by the number of the newest
/// message:
///
/// ```
/// # use std::sync::Arc;
/// # use roomd::chat::{Body, Code, Event, Key, Position, Publication, RoomName, UserName};
/// # use roomd::{ChannelRecipient, Member, MemberOptions, Server, Settings, channel};
/// # let server = Server::start(Settings::ephemeral(), |error| eprintln!("{error}"))?;
/// let room = RoomName::parse("arena")?;
/// let join = |name: &str, options: MemberOptions| {
///     let (sender, events) = channel::unbounded();
///     let (user, recipient) = (UserName::parse(name).unwrap(), Arc::new(ChannelRecipient::new(sender)));
///     Member::join_with(server.engine(), &room, user, recipient, options).map(|member| (member, events))
/// };
/// let (game, _events) = join("game", MemberOptions::default())?;
/// let at = |who: &str, place: &str| Publication { key: Key::parse(who).ok(), ..Publication::text(place) };
/// let first = game.say(at("ann", "1,1"))?;
/// game.say(at("bob", "9,9"))?;
/// let newest = game.say(at("ann", "1,2"))?;
/// game.say(Publication { store: false, ..Publication::text("tick") })?;
///
/// let texts = |events: &channel::Receiver<Arc<Event>>| -> Vec<String> {
///     let text = |event: Arc<Event>| match &*event {
///         Event::Message(message) => match &message.body {
///             Body::Text(text) => Some(text.to_string()),
///             _ => None,
///         },
///         _ => None,
///     };
///     events.try_iter().filter_map(text).collect()
/// };
/// let (late, events) = join("late", MemberOptions { latest: true, ..MemberOptions::default() })?;
/// assert_eq!(texts(&events), ["9,9", "1,2"]);
/// let since = Some(Position { epoch: first.epoch, seq: first.seq });
/// let (back, events) = join("back", MemberOptions { since, ..MemberOptions::default() })?;
/// assert_eq!(texts(&events), ["9,9", "1,2"]);
///
/// let move_on = |text: &str| Publication { if_seq: Some(newest.seq), ..at("ann", text) };
/// late.say(move_on("1,3"))?;
/// assert_eq!(back.say(move_on("2,2")).unwrap_err().code, Code::Conflict);
/// # drop((game, late, back));
/// # assert!(server.stop().running.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Member {
    engine: Arc<Engine>,
    room: RoomHandle,
    entry: DirectoryEntry,
    /// The id of its last request that was waited for.
    last_id: AtomicI64,
}

/// How a program joins a room.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberOptions {
    /// How many of the newest messages come first, of those that the room has in memory.
    pub history: usize,
    /// Whether the newest message of each key comes first, in place of the newest messages.
    pub latest: bool,
    /// The last message that it has seen, of [`Sent`] or of an earlier [`Event::Joined`]: all that it missed comes first, or
    /// the `recovery` of its [`Event::Joined`] says why not, and what it would be given without this does.
    pub since: Option<Position>,
    /// The group with whose members it shares the messages that are published from now on, and no earlier ones: see
    /// [`Member::done`].
    pub group: Option<GroupOptions>,
    /// Whether [`Event::ReceiptCounts`] tells, in a room that is too large for receipts, how many have read what it said.
    pub receipt_counts: bool,
    /// If it opens the room: whether the history is stored. Otherwise it is in memory, and ends with the room; the newest
    /// messages alone are kept. A room whose history is stored already goes on with it.
    pub durable: bool,
    /// If it opens the room: what that does with slow members; `None` is the server's setting.
    pub slow: Option<Slow>,
}

impl Default for MemberOptions {
    /// No history and no group, and a room that is stored.
    fn default() -> Self {
        let (group, since, slow) = (None, None, None);
        Self { history: 0, latest: false, since, group, receipt_counts: false, durable: true, slow }
    }
}

/// A message that a room has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its number in the room: 1, 2, 3, … within an epoch. Of an ephemeral message, that of the stored one behind which it
    /// stands, 0 before the first.
    pub seq: u64,
    /// The name of the room's history: with it the number is a position.
    pub epoch: Arc<str>,
    /// Of an ephemeral message, its number among those of the room.
    pub ephemeral: Option<u64>,
    /// The id that its author gave it.
    pub mid: Option<Mid>,
    /// When the room accepted it, on the server's clock.
    pub at: Time,
    /// Whether a message with this `mid` was there already, which the other fields are of; nothing was published.
    pub duplicate: bool,
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
        let options = MemberOptions { history, ..MemberOptions::default() };
        Self::join_with(engine, room, who, recipient, options)
    }

    /// The same, with more to say of it. Blocks until the room has answered, and with `latest` or `since` on the store, whose
    /// messages it gives to the recipient before it returns: a channel has space for them, or is read by another thread.
    ///
    /// # Errors
    /// As [`Member::join`]; `bad_request`: a member of a group wants earlier messages; `forbidden`, `room_full`: the room
    /// refuses the group; `too_large`: the recipient did not take all that it is given first; `unavailable`: that
    /// could not be read to its end.
    pub fn join_with(
        engine: &Arc<Engine>,
        room: &RoomName,
        who: impl Into<Identity>,
        recipient: Arc<dyn Recipient>,
        options: MemberOptions,
    ) -> Result<Self, Refusal> {
        let MemberOptions { history, latest, since, group, receipt_counts, durable, slow } = options;
        if group.is_some() && (history > 0 || latest || since.is_some()) {
            return Err(Refusal::bad_request("A member of a group is given no earlier messages"));
        }
        // In the directory first: then a stop between the two ends the recipient.
        let entry = register(engine, who.into(), Arc::clone(&recipient), Visibility::Announced)?;
        let request = JoinRequest {
            has_own_rate: true,
            options: JoinOptions {
                history: Some(history),
                latest,
                since,
                group: group.map(Box::new),
                receipts: receipt_counts,
                ..JoinOptions::default()
            },
            ..JoinRequest::of(&entry.connection().who, entry.connection().number)
        };
        let room = enter(engine, room, &RoomKind::Open { slow, durable }, (request, recipient))?;
        entry.connection().show_rooms(vec![room.room().clone()]);
        engine.accept_invitation(&entry.connection().who, room.room());
        Ok(Self { engine: Arc::clone(engine), room, entry, last_id: AtomicI64::new(0) })
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

    /// Publishes a message, a text or whatever else may be said of it (its relation, key, `mid`, condition), and returns
    /// its number when the room has stored it. The limits on size and rate are for clients from outside and do not apply
    /// here. The message itself comes through the recipient, too. Blocks on the room.
    ///
    /// # Errors
    /// What the room refuses, as it refuses a client: `conflict` with the newest number as `seq` when a condition does not
    /// hold, `bad_request`, `muted`, `room_full`, `unavailable` (not stored) and so on; `not_member`: it was removed;
    /// `internal`: the room failed, so join again.
    pub fn say(&self, publication: impl Into<Publication>) -> Result<Sent, Refusal> {
        let publication = publication.into();
        publication.check(usize::MAX)?;
        match self.ask(RoomRequest::from(publication))? {
            Event::Sent { epoch, seq, ephemeral, mid, at, duplicate, .. } => {
                Ok(Sent { seq, epoch, ephemeral, mid, at, duplicate })
            }
            _ => Err(Refusal::room_failed(self.room())),
        }
    }

    /// Says that a message which its group has assigned to it ([`Event::Assigned`]) is done; the next one may come. Blocks
    /// on the room.
    ///
    /// # Errors
    /// `not_found`: it is not this member's, or no longer; `not_member`, `internal`: as [`Member::say`].
    pub fn done(&self, seq: u64) -> Result<(), Refusal> {
        self.ask(RoomRequest::Finish { seq }).map(drop)
    }

    /// Moderates the room, as far as the program may: as an admin of the server, by its role there, or as the operator of a room
    /// that it has opened. Returns whether anything was changed. Blocks on the room.
    ///
    /// # Errors
    /// What a client is refused for: `forbidden`, `not_found` (nobody whom it could concern), `room_full`, `unavailable`.
    pub fn moderate(&self, request: ModerationRequest) -> Result<bool, Refusal> {
        let connection = self.entry.connection();
        self.engine.moderate_from(Some(connection.number), &connection.who, self.room(), request, None)
    }

    /// The room's answer, if that is no refusal.
    fn ask(&self, request: RoomRequest) -> Result<Event, Refusal> {
        let id = Id::Number(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        match self.room.ask(request, id) {
            Ok(Event::Refused(refusal)) => Err(refusal),
            Ok(answer) => Ok(answer),
            Err(RoomGone) => Err(Refusal::room_failed(self.room())),
        }
    }

    /// Sends a message, UTF-8 text of at least one byte, without waiting for its number: an [`Event::Sent`] with it comes
    /// through the recipient, or an [`Event::Refused`]. Blocks while the room's inbox is full.
    ///
    /// # Errors
    /// The room failed; join again.
    pub fn send(&self, text: &str) -> Result<(), RoomGone> {
        self.publish(Publication::text(text))
    }

    /// Publishes as [`Member::say`] does, without waiting: see [`Member::send`].
    ///
    /// # Errors
    /// The room failed; join again.
    pub fn publish(&self, publication: Publication) -> Result<(), RoomGone> {
        self.room.send(RoomRequest::from(publication), None)
    }
}

/// Joins a room, and gives the recipient what it wants first.
fn enter(
    engine: &Arc<Engine>,
    room: &RoomName,
    kind: &RoomKind,
    (request, recipient): (JoinRequest, Arc<dyn Recipient>),
) -> Result<RoomHandle, Refusal> {
    let limits = engine.limits.load();
    let may_replay = request.options.may_need_replay();
    let gate = may_replay.then(|| ProgramGate::closed(Arc::clone(&recipient), limits.outbox_messages));
    let before = gate.as_ref().map_or_else(|| Arc::clone(&recipient), |gate| Arc::clone(gate) as _);
    let client = JoiningClient { recipient: before, form: Form::Events, request, id: None, address: None };
    let mut handle = engine.hub.join(room, kind, client)?;
    let too_much = || Refusal::new(Code::TooLarge, "The recipient did not take all that it is given first");
    if let Some(replay) = handle.take_replay() {
        let past = Replay { store: &*engine.store, to: ReplayTarget::Program(&*recipient), limits };
        past.give(room, replay, None).map_err(|end| match end {
            End::Slow => too_much(),
            _ => Refusal::new(Code::Unavailable, "What it is given first could not be read; try again"),
        })?;
    }
    gate.map_or(Ok(()), |gate| gate.open()).map_err(|_| too_much())?;
    Ok(handle)
}

impl Drop for Member {
    fn drop(&mut self) {
        // Leaving may block, so outside the lock of the conversations.
        self.entry.connection().retire().into_iter().for_each(drop);
    }
}

/// Enters a program in the directory, under a name of its choice.
///
/// # Errors
/// The name belongs to another user.
pub(super) fn register(
    engine: &Arc<Engine>,
    who: Identity,
    recipient: Arc<dyn Recipient>,
    visibility: Visibility,
) -> Result<DirectoryEntry, Refusal> {
    let endpoint = Endpoint { recipient, form: Form::Events, authors: Authors::default() };
    let origin = ConnectionOrigin::in_process(engine.clock.now().at);
    let connection = UserConnection::new(who, engine.number(), origin, true, visibility, endpoint);
    let entry = engine.directory.register(connection);
    let Identity { user, auth_level, .. } = &entry.connection().who;
    if *auth_level == AuthLevel::Guest && engine.registered(user) {
        return Err(taken(user));
    }
    Ok(entry)
}
