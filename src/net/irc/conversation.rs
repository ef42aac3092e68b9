//! The conversation of a registered IRC client: what its lines ask for, and in which order it is answered.
//!
//! It has the state that the engine does not know of. Each line is looked up in the table of commands, pays, and is
//! carried out on the reader's thread; what the door answers is sent when the line is done.

use std::sync::Arc;

use bytes::Bytes;

use super::client::Client;
use super::commands::{self, MarkTimes};
use super::monitor::Monitor;
use super::reader::IrcInput;
use crate::chat::{Command, Cost, End, FoldedName, Identity, Request, RoomName, UserName};
use crate::engine::Engine;
use crate::engine::admin::check as check_admin;
use crate::engine::clients::connection::Connection;
use crate::engine::clients::outbox::Outbox;
use crate::net::context::ServerContext;
use crate::net::conversation::Handler;
use crate::wire::irc::{self, Context, Line, NameProblem, Traits, clean};

/// See the module.
pub struct Conversation {
    pub(super) context: Arc<ServerContext>,
    pub(super) connection: Box<Connection>,
    pub(super) client: Client,
    outbox: Arc<Outbox>,
    /// Rooms that may not have delivered yet what they accepted from the client.
    unsettled: Vec<RoomName>,
    /// What the ids of its notices begin with, and how many there were.
    notices: (u64, u64),
    /// The times that it has given its read marks.
    pub(super) marks: MarkTimes,
    /// Whom it watches.
    pub(super) monitor: Monitor,
    /// As whom it ends connections, if it may: as an admin, or a name of `--irc-operator`.
    pub(super) operator: Option<Identity>,
    /// Whether the client is a bot, as it says.
    pub(super) is_bot: bool,
    /// Whether it has come with TLS.
    pub(super) tls: bool,
}

impl Conversation {
    /// The conversation of a client whose connection is open.
    pub fn new(
        context: Arc<ServerContext>,
        outbox: Arc<Outbox>,
        connection: Box<Connection>,
        client: Client,
        tls: bool,
    ) -> Self {
        let drawn = getrandom::u64().expect("the system gives randomness");
        let operator = Some(connection.identity()).filter(|who| check_admin(who).is_ok()).cloned();
        let monitor = Monitor::new(Arc::clone(&context.engine), connection.as_others_see().number);
        Self {
            context,
            connection,
            client,
            outbox,
            unsettled: Vec::new(),
            notices: (drawn, 0),
            marks: MarkTimes::default(),
            monitor,
            operator,
            is_bot: false,
            tls,
        }
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.context.engine
    }

    pub(super) fn who(&self) -> &Identity {
        self.connection.identity()
    }

    fn line(&mut self, text: &str) -> Option<End> {
        let line = Line::parse(text)?;
        self.client.begin_answer(&line);
        let Some(row) = commands::of_name(&line.command) else {
            return self.paid("", Cost::Other, |this| {
                this.client.numeric("421", &clean(&line.command), "Unknown command");
                None
            });
        };
        if line.params.len() < row.params_min || line.params.iter().take(row.params_min).any(String::is_empty) {
            return self.paid(&line.command, Cost::Other, |this| {
                this.client.numeric("461", &line.command, "Not enough parameters");
                None
            });
        }
        self.paid(&line.command, row.cost, |this| (row.run)(this, &line))
    }

    /// Pays for something, and does it.
    pub(super) fn paid(
        &mut self,
        command: &str,
        cost: Cost,
        work: impl FnOnce(&mut Self) -> Option<End>,
    ) -> Option<End> {
        match self.connection.pay(cost) {
            Ok(()) => work(self),
            Err((refusal, end)) => {
                self.client.refused(&refusal, command, "");
                end
            }
        }
    }

    /// Makes a request to the connection, which is answered with this context. What it costs is paid.
    pub(super) fn request(&mut self, command: Command, context: &Context) -> Option<End> {
        // The door's own lines come first: they answer what was asked before.
        self.send(false);
        let request = Request { id: Some(context.to_id()), command, cost: Cost::Free, before_auth: false };
        self.connection.handle(Ok(request))
    }

    /// Has the next line of the door wait for this room.
    pub(super) fn unsettle(&mut self, room: &RoomName) {
        if !self.unsettled.contains(room) {
            self.unsettled.push(room.clone());
        }
    }

    /// Sends the door's lines, behind everything that the client has had rooms deliver before; at the end of an answer, or
    /// in its middle.
    pub(super) fn send(&mut self, is_end: bool) {
        let out = Bytes::from(self.client.take_lines(is_end));
        if out.is_empty() {
            return;
        }
        for room in std::mem::take(&mut self.unsettled) {
            self.connection.flush(&room);
        }
        let most = self.context.settings.load().limits.outbox_bytes / 2;
        let mut rest = out;
        while !rest.is_empty() {
            let end = match rest[..most.min(rest.len())].iter().rposition(|byte| *byte == b'\n') {
                Some(line_end) if rest.len() > most => line_end + 1,
                _ => rest.len(),
            };
            let part = rest.split_to(end);
            // An outbox that has ended takes no more, and the reader is about to notice.
            if self.outbox.wait_drained().is_err() || self.outbox.control(part).is_err() {
                return;
            }
        }
    }

    /// The room of a channel. Where the spelling is no room's, that of a room which differs in case alone, if the
    /// client may know of one: IRC does not tell them apart.
    pub(super) fn room(&self, channel: &str) -> Result<RoomName, NameProblem> {
        let room = irc::room(channel)?;
        if self.connection.is_in(&room) {
            return Ok(room);
        }
        let folded = FoldedName::of_room(&room);
        let is_alike = |other: &&RoomName| FoldedName::of_room(other) == folded;
        if let Some(joined) = self.connection.rooms().find(is_alike) {
            return Ok(joined.clone());
        }
        if self.exists(&room) {
            return Ok(room);
        }
        let rooms = self.engine().rooms(self.who());
        let alike = rooms.iter().map(|summary| &summary.room).find(is_alike).cloned();
        Ok(alike.unwrap_or(room))
    }

    /// Whether there is a room that the client may know of.
    pub(super) fn exists(&self, room: &RoomName) -> bool {
        self.connection.is_in(room) || self.engine().room_info(self.who(), room).is_ok()
    }

    /// The user of a nick, in the spelling in which they are connected, or registered.
    pub(super) fn user(&self, nick: &str) -> Result<UserName, NameProblem> {
        let user = irc::user(nick)?;
        let canonical = self.engine().canonical_name(&user);
        if canonical != user || self.is_online(&canonical) || self.engine().registered(&canonical) {
            return Ok(canonical);
        }
        Ok(self.engine().directory.spelled_like(&user).unwrap_or(user))
    }

    /// Whether a user is connected.
    pub(super) fn is_online(&self, user: &UserName) -> bool {
        !self.engine().directory.reachable(user).is_empty()
    }

    /// Whether a user is connected whose name nobody has registered.
    pub(super) fn is_guest_online(&self, user: &UserName) -> bool {
        !self.engine().registered(user) && self.is_online(user)
    }

    /// A line of the client's own.
    pub(super) fn own_line<'a>(&mut self, head: &str, last: impl Into<Option<&'a str>>) {
        let user = self.who().user.clone();
        let before = self.client.tag.clone();
        if self.client.capabilities.traits().has(Traits::ACCOUNTS) && !self.who().is_guest() {
            irc::push_tag(&mut self.client.tag, "account", &irc::nick(&user));
        }
        self.client.line(&irc::source(&user, &self.engine().authors), head, last);
        self.client.tag = before;
    }

    /// The next id of a notice.
    pub(super) fn notice_id(&mut self) -> String {
        let (drawn, count) = &mut self.notices;
        *count += 1;
        format!("{}{drawn:016x}-{count:x}", irc::NOTICE_MID)
    }
}

impl Handler for Conversation {
    type Item = IrcInput;

    fn ended(&self) -> Option<End> {
        self.connection.ended()
    }

    fn handle(&mut self, input: IrcInput) -> Option<End> {
        self.connection.forget_revoked();
        let end = match input {
            IrcInput::Line(text) => self.line(&text),
            IrcInput::TooLong => self.paid("", Cost::Other, |this| {
                this.client.numeric("417", "", "A line may have 512 bytes");
                None
            }),
            IrcInput::NotText => self.paid("", Cost::Other, |this| {
                this.client.not_text();
                None
            }),
        };
        self.send(true);
        end
    }

    fn close(self: Box<Self>, end: End, _: Vec<u8>) {
        let Self { connection, client, monitor, .. } = *self;
        drop(monitor);
        let goodbye = format!("ERROR :Closing link: {} (Quit)\r\n", client.nick);
        connection.close_with(end, if end == End::Left { goodbye.into_bytes() } else { Vec::new() });
    }
}
