//! The client as a state machine without input or output: what arrives goes in, what is to be sent and
//! reported comes out.
//!
//! Owned and driven by `Client` on the caller's thread: inputs go in through `handle`, what is to be
//! done comes out of `poll`, and `deadline` says when time itself is the next input. It has no socket,
//! thread, clock or randomness. It accepts any input in any state; one that makes no sense there changes
//! nothing. This file has time and the connection, `protocol.rs` what the server says.

mod protocol;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::{Map, Value};

use super::backoff::Backoff;
use super::command::{self, Command, Receipt};
use super::disconnect::{CloseReason, Disconnect};
use super::event::Event;
use super::options::Options;
use super::pending::{PendingRequest, PendingRequests};
use super::refusal::Refusal;
use super::response::RequestId;
use super::server_event::{self, Goodbye};
use super::subscription::{JoinState, Subscription};
use super::throttle::Throttle;

/// After how long a connection counts as steady, and the delays start again from the first.
const STEADY: Duration = Duration::from_secs(10);
/// How long a server may take to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest delay that a server can request.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Receipts that are reported again, at most.
const RECEIPTS_MAX: usize = 1024;
/// What a frame may have beside twice the bytes of a message: the server's `Limits::frame_bytes`.
const ENVELOPE_BYTES: usize = 4 * 1024;

/// What happens to a client.
#[derive(Debug)]
pub enum Input<'a> {
    /// The connection that was requested is open.
    Connected,
    /// A text frame arrived.
    Frame(&'a str),
    /// Any other frame arrived: the server is alive.
    Alive,
    /// The connection ended, or could not be made. The last input of each connection.
    Disconnected(Disconnect),
    /// Time has passed.
    Time,
}

/// What a client wants done.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Open a connection for this user; a `Connected` or a `Disconnected` follows.
    Connect(Option<String>),
    /// Send a text frame.
    Send(String),
    /// End the connection at once; a `Disconnected` follows.
    Abort,
    /// End the connection with a close frame; a `Disconnected` follows.
    Close,
    /// Report this to the program.
    Event(Box<Event>),
    /// Report that there will be no further connection.
    Closed(CloseReason),
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// There is none; the next attempt is made then.
    Waiting { retry_at: Duration },
    /// It is being made.
    Connecting,
    /// It is open, and the server has not said its welcome.
    AwaitingWelcome { until: Duration },
    /// The resume of the session was sent under this `id`.
    Resuming { id: u64 },
    /// The server accepts commands.
    Online,
    /// A close frame was sent; if the connection has not ended by then it is aborted.
    Closing { until: Duration },
    /// It was aborted, and has not ended yet.
    Aborting,
    /// There will be no further one.
    Closed,
}

/// See the module.
#[derive(Debug)]
pub struct StateMachine {
    state: State,
    options: Options,
    user: Option<String>,
    /// The rooms that the program has joined.
    rooms: BTreeMap<String, Subscription>,
    /// The patterns of topics that the program is subscribed to.
    patterns: BTreeMap<String, JoinState>,
    /// By private room: the number and the time of the newest message that was delivered in this
    /// session.
    privates: BTreeMap<String, (u64, String)>,
    /// Rooms that a resumed session is in although their join was never answered: they are being left, to
    /// be joined again.
    leaving: BTreeSet<String>,
    pending: PendingRequests,
    backoff: Backoff,
    /// The token that resumes the session.
    resume_token: Option<String>,
    /// The user's note, if they are away.
    away: Option<String>,
    /// The newest number of each room that the user has reported as received or read.
    receipts: BTreeMap<(String, Receipt), u64>,
    /// By `id` of a ping that followed a join: the room whose replay is over with the pong.
    replay_pings: BTreeMap<u64, String>,
    goodbye: Option<Goodbye>,
    /// While a rename is not confirmed: the name to return to.
    previous_user: Option<Option<String>>,
    /// Bytes of a message that the server accepts.
    message_bytes_max: usize,
    last_frame_id: u64,
    throttle: Throttle,
    online_since: Option<Duration>,
    /// `None` while there is a connection, and before the first.
    offline_since: Option<Duration>,
    last_heard: Duration,
    /// When a ping was sent that nothing has followed yet.
    ping_sent: Option<Duration>,
    outputs: VecDeque<Output>,
}

impl StateMachine {
    /// A client that wants its first connection. `seed` is a random number, another one for each client.
    #[must_use]
    pub fn new(options: Options, seed: u64) -> Self {
        let user = options.user.clone();
        Self {
            state: State::Connecting,
            rooms: BTreeMap::new(),
            patterns: BTreeMap::new(),
            privates: BTreeMap::new(),
            leaving: BTreeSet::new(),
            pending: PendingRequests::new(options.pending_max),
            backoff: Backoff::new(options.retry_min, options.retry_max, seed),
            resume_token: None,
            away: None,
            receipts: BTreeMap::new(),
            replay_pings: BTreeMap::new(),
            goodbye: None,
            previous_user: None,
            message_bytes_max: usize::MAX,
            last_frame_id: 0,
            throttle: Throttle::default(),
            online_since: None,
            offline_since: None,
            last_heard: Duration::ZERO,
            ping_sent: None,
            outputs: VecDeque::from([Output::Connect(user.clone())]),
            user,
            options,
        }
    }

    /// The client's name; `None` for a guest that has not been given one yet.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether the server accepts commands now.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.state == State::Online
    }

    /// The requests without a response, oldest first.
    pub fn pending(&self) -> impl Iterator<Item = &PendingRequest> {
        self.pending.iter()
    }

    /// Makes a request; its response is an event. `None` when too many are pending. `mid` is the id of a
    /// message, 1–64 bytes, which nobody else must be able to guess: whoever uses it first has it.
    pub fn request(&mut self, command: Command, mid: String) -> Option<RequestId> {
        let id = self.pending.push(command, mid)?;
        self.send_pending();
        Some(id)
    }

    /// Continues under another name: closes the connection, and joins the rooms again on the next. If the
    /// server rejects the name, [`Event::Refused`] reports it, and the client keeps the previous one.
    pub fn rename(&mut self, user: String, now: Duration) {
        let old = self.user.replace(user);
        self.previous_user.get_or_insert(old);
        self.resume_token = None;
        if matches!(self.state, State::Online | State::Resuming { .. } | State::AwaitingWelcome { .. }) {
            self.state = State::Closing { until: now.saturating_add(CLOSE_TIMEOUT) };
            self.outputs.push_back(Output::Close);
        }
    }

    /// Whether the connection ended because of a rename; the next one is then made at once.
    fn reconnect_renamed(&mut self, disconnect: &Disconnect) -> bool {
        let Some(previous) = &self.previous_user else { return false };
        let closed_here = matches!(self.state, State::Closing { .. } | State::Aborting);
        if !closed_here && disconnect.is_final() {
            let refusal = Refusal::local("name_taken", &disconnect.reason(None));
            self.user = previous.clone();
            self.previous_user = None;
            self.report(Event::Refused(refusal));
        } else if !closed_here {
            return false;
        }
        self.state = State::Connecting;
        self.outputs.push_back(Output::Connect(self.user.clone()));
        true
    }

    /// Tells the room that the user is typing, or no longer; does nothing without a connection.
    pub fn set_typing(&mut self, room: &str, typing: bool) {
        if self.may_send() {
            self.outputs.push_back(Output::Send(command::typing(room, typing)));
        }
    }

    /// Reports that the user has received or read the messages of a room up to this number; reported again when the
    /// client is in the room again, since nothing says whether the server has heard it.
    pub fn report_receipt(&mut self, room: &str, receipt: Receipt, seq: u64) {
        let newest = self.receipts.entry((room.to_owned(), receipt)).or_default();
        *newest = seq.max(*newest);
        let newest = *newest;
        if self.may_send() {
            self.outputs.push_back(Output::Send(command::receipt(room, receipt, newest)));
        }
        while self.receipts.len() > RECEIPTS_MAX {
            self.receipts.pop_first();
        }
    }

    /// The token that resumes the session.
    pub fn resume_token(&self) -> Option<&str> {
        self.resume_token.as_deref()
    }

    /// The epoch of a room, and the number of the newest message that the program was given.
    pub fn position(&self, room: &str) -> Option<(&str, u64)> {
        self.rooms.get(room)?.position()
    }

    /// Sends this command, which has no reply, if there is a connection; false if there is none.
    pub fn tell(&mut self, command: Map<String, Value>) -> bool {
        let may_send = self.may_send();
        if may_send {
            self.outputs.push_back(Output::Send(Value::Object(command).to_string()));
        }
        may_send
    }

    /// Says that the user is away with this note, or with `None` back; said again on each connection.
    pub fn set_away(&mut self, note: Option<String>) {
        self.away = note;
        if self.may_send() {
            self.outputs.push_back(Output::Send(command::presence(self.away.as_deref())));
        }
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Time`] is due, whatever else happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Waiting { retry_at } => Some(retry_at),
            State::AwaitingWelcome { until } | State::Closing { until } => Some(until),
            State::Online | State::Resuming { .. } => {
                let alive = match self.ping_sent {
                    Some(sent) => sent.saturating_add(self.options.pong_timeout),
                    None => self.last_heard.saturating_add(self.options.ping_after),
                };
                Some(self.throttle.next_expiry().map_or(alive, |expiry| expiry.min(alive)))
            }
            State::Connecting | State::Aborting | State::Closed => None,
        }
    }

    /// Takes an input; `now` never decreases.
    pub fn handle(&mut self, input: Input<'_>, now: Duration) {
        match input {
            Input::Connected => {
                self.last_heard = now;
                self.state = State::AwaitingWelcome { until: now.saturating_add(self.options.connect_timeout) };
            }
            Input::Frame(text) => {
                self.note_activity(now);
                let (id, event) = server_event::parse(text);
                let is_asked = id.and_then(|id| self.pending.in_flight(id)).is_some_and(PendingRequest::is_other);
                self.handle_event(id, if is_asked { event.into_reply(text) } else { event }, now);
            }
            Input::Alive => self.note_activity(now),
            Input::Disconnected(disconnect) => self.handle_disconnect(&disconnect, now),
            Input::Time => {}
        }
        // Also after any other input: a server that never falls silent does not stop the clock.
        self.handle_time(now);
        self.send_pending();
    }

    fn note_activity(&mut self, now: Duration) {
        self.last_heard = now;
        self.ping_sent = None;
    }

    fn handle_time(&mut self, now: Duration) {
        self.throttle.expire(now);
        match self.state {
            State::Waiting { retry_at } if retry_at <= now => {
                self.state = State::Connecting;
                self.outputs.push_back(Output::Connect(self.user.clone()));
            }
            State::AwaitingWelcome { until } | State::Closing { until } if until <= now => self.abort(),
            State::Online | State::Resuming { .. } => match self.ping_sent {
                Some(sent) if sent.saturating_add(self.options.pong_timeout) <= now => self.abort(),
                None if self.last_heard.saturating_add(self.options.ping_after) <= now => {
                    self.ping_sent = Some(now);
                    let id = self.next_frame_id();
                    self.outputs.push_back(Output::Send(command::ping(id)));
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn abort(&mut self) {
        self.state = State::Aborting;
        self.outputs.push_back(Output::Abort);
    }

    fn handle_disconnect(&mut self, disconnect: &Disconnect, now: Duration) {
        self.pending.disconnect();
        self.rooms.values_mut().for_each(Subscription::disconnect);
        self.patterns.values_mut().for_each(|state| *state = JoinState::Needed);
        self.replay_pings.clear();
        self.leaving.clear();
        self.ping_sent = None;
        self.throttle = Throttle::default();
        let goodbye = self.goodbye.take();
        if self.reconnect_renamed(disconnect) {
            return;
        }
        let since = *self.offline_since.get_or_insert(now);
        let was_online = self.online_since.take();
        if was_online.is_some_and(|online| now.saturating_sub(online) >= STEADY) {
            self.backoff.reset();
        }
        let requested = goodbye.as_ref().and_then(|goodbye| goodbye.retry_after_ms).map(Duration::from_millis);
        let requested = requested.or(disconnect.retry_after()).map(|delay| delay.min(RETRY_AFTER_MAX));
        let delay = self.backoff.next(requested);
        let offline = now.saturating_sub(since).saturating_add(delay);
        let gave_up = self.options.retry_for.is_some_and(|max| offline > max);
        let refused = goodbye.as_ref().is_some_and(|goodbye| !goodbye.reconnect) || disconnect.is_final();
        let code = goodbye.as_ref().and_then(|goodbye| goodbye.code).or(disconnect.code());
        let reason = disconnect.reason(goodbye.as_ref());
        if refused || gave_up {
            self.state = State::Closed;
            self.outputs.push_back(Output::Closed(CloseReason { code, message: reason }));
        } else {
            self.state = State::Waiting { retry_at: now.saturating_add(delay) };
            self.report(Event::Offline { reason, retry_in: delay });
        }
    }

    /// Sends the joins and the requests that may be sent now.
    fn send_pending(&mut self) {
        if !self.may_send() {
            return;
        }
        let mut all_joined = true;
        for (room, subscription) in &mut self.rooms {
            all_joined &= subscription.state == JoinState::Joined;
            if subscription.state == JoinState::Needed {
                self.last_frame_id += 1;
                subscription.state = JoinState::Sent(self.last_frame_id);
                let frame = command::rejoin(room, subscription, self.last_frame_id, &self.options);
                self.outputs.push_back(Output::Send(frame));
            }
        }
        for (pattern, state) in self.patterns.iter_mut().filter(|(_, state)| **state == JoinState::Needed) {
            self.last_frame_id += 1;
            *state = JoinState::Sent(self.last_frame_id);
            self.outputs.push_back(Output::Send(command::subscribe(pattern, self.last_frame_id)));
        }
        // A message to a room that is not joined yet would be refused.
        while all_joined && let Some(request) = self.pending.next(|command| self.throttle.allows(command)) {
            self.last_frame_id += 1;
            let frame = request.send(self.last_frame_id, &self.options);
            let bytes = request.command.published_bytes().unwrap_or(0);
            let id = request.id;
            let frame_max = self.message_bytes_max.saturating_mul(2).saturating_add(ENVELOPE_BYTES);
            if bytes > self.message_bytes_max || frame.len() > frame_max {
                // The server would close this connection for it, and the next one as well.
                self.pending.withdraw(id);
                let sentence = format!("A message may have {} bytes", self.message_bytes_max);
                self.report(Event::Response(id, Err(Refusal::local("too_large", &sentence))));
            } else {
                self.outputs.push_back(Output::Send(frame));
            }
        }
    }

    fn may_send(&self) -> bool {
        self.state == State::Online && !self.throttle.holds_everything()
    }

    fn next_frame_id(&mut self) -> u64 {
        self.last_frame_id += 1;
        self.last_frame_id
    }

    fn report(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(Box::new(event)));
    }
}
