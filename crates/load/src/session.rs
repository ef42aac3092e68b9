//! The protocol state machine of one client, from its request to its end, without its socket.
//!
//! Bytes go in, and what follows from them goes to the [`RunState`] that all clients share: bytes to send, deliveries
//! to the accounting, figures to the metrics. `client.rs` holds it beside the socket, on the generator's thread.

use std::io;
use std::time::Instant;

use crate::deliveries::member::MemberDeliveries;
use crate::deliveries::reconciliation::MembershipEnd;
use crate::deliveries::room::Delivery;
use crate::frames;
use crate::handshake::{self, Response};
use crate::message_tag::MessageTag;
use crate::plan::Plan;
use crate::protocol::Protocol;
use crate::run_state::RunState;
use crate::server_event::{self, ServerEvent};

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It has no connection.
    Disconnected,
    /// TCP is connecting.
    Connecting,
    /// The handshake is under way.
    Upgrading,
    /// It has asked to join its room.
    Joining,
    /// It is a member, or becomes one with its first message.
    Joined,
    /// It has asked to leave its room, and will join it again.
    Leaving,
    /// It was refused its room, and only keeps its connection open.
    Refused,
    /// The run is over, and it has asked to close.
    Closing,
}

/// See the module.
pub struct Session {
    pub number: u32,
    pub protocol: Protocol,
    pub room: usize,
    pub room_name: String,
    pub user: String,
    pub publishes: bool,
    pub stage: Stage,
    /// What it has received and must still receive; kept while a broken connection is replaced.
    pub deliveries: Option<MemberDeliveries>,
    /// Whether the delivery accounting counts it as a member.
    pub is_member: bool,
    /// The code with which the server closed the connection.
    pub close_code: Option<u16>,
    /// Refusals that did not say which message they are about.
    pub refusals: u64,
    /// Bytes to send to the server next.
    pub outgoing: Vec<u8>,
    /// `Sec-WebSocket-Key` of the handshake.
    pub key: String,
    /// When the connection was begun.
    pub connect_began: Instant,
    /// Which of its connections this is, from 0.
    pub connection: u32,
    /// Its last connection broke while it was a member, and this one resumes it.
    pub reconnecting: bool,
    /// It has been a member before.
    has_joined_before: bool,
    /// It is counted in its room's audience.
    in_audience: bool,
    /// Resumes the session after its connection broke.
    resume_token: Option<String>,
}

impl Session {
    /// The session of a client that has not connected yet.
    #[must_use]
    pub fn new(client: usize, plan: &Plan, now: Instant) -> Self {
        let room = plan.room_of(client);
        Self {
            number: u32::try_from(client).unwrap_or(u32::MAX),
            protocol: plan.protocol_of(client),
            room,
            room_name: plan.room_name(room),
            user: plan.user_name(client),
            publishes: plan.publishes(client),
            stage: Stage::Disconnected,
            deliveries: None,
            is_member: false,
            close_code: None,
            refusals: 0,
            outgoing: Vec::new(),
            key: String::new(),
            connect_began: now,
            connection: 0,
            reconnecting: false,
            has_joined_before: false,
            in_audience: false,
            resume_token: None,
        }
    }

    /// Begins to talk to the server, once TCP is connected.
    pub fn start(&mut self, host: &str, state: &RunState<'_>) {
        if self.protocol.is_websocket() {
            let path = self.protocol.path(&self.room_name, &self.user);
            self.outgoing.extend(handshake::request(host, &path, &self.key));
            self.stage = Stage::Upgrading;
            return;
        }
        // A line client begins in the lobby, where a change of its name would be announced.
        let words = ["/leave".to_owned(), format!("/nick {}", self.user), self.protocol.join(&self.room_name, None)];
        words.iter().for_each(|words| self.send_text(words));
        self.stage = Stage::Joining;
        self.start_expecting(state.plan);
    }

    /// Takes bytes that arrived; returns how many of them are used up.
    ///
    /// # Errors
    /// If they are no response, or violate the WebSocket protocol; `ConnectionRefused` if the server does
    /// not upgrade the connection.
    pub fn receive(&mut self, bytes: &[u8], now: Instant, state: &mut RunState<'_>) -> io::Result<usize> {
        let mut used = 0;
        if self.stage == Stage::Upgrading {
            match handshake::parse_response(bytes, &self.key)? {
                Response::Partial => return Ok(0),
                Response::Upgraded(size) => used = size,
                Response::Status(status) => {
                    state.metrics.refused(&format!("HTTP {status}"));
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
            }
            self.stage = Stage::Joining;
            self.start_expecting(state.plan);
        }
        if self.protocol.is_websocket() {
            while let Some(frame) = frames::first(&bytes[used..]) {
                used += frame.size;
                self.handle_frame(&frame, now, state)?;
                if frame.opcode == frames::CLOSE {
                    // Nothing is to be read after a close frame (RFC 6455 §5.5.1).
                    return Ok(bytes.len());
                }
            }
            return Ok(used);
        }
        while let Some(end) = bytes[used..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&bytes[used..used + end]);
            used += end + 1;
            self.handle(server_event::parse_text(&line), now, state);
        }
        Ok(used)
    }

    fn handle_frame(&mut self, frame: &frames::Frame<'_>, now: Instant, state: &mut RunState<'_>) -> io::Result<()> {
        let invalid = |problem: &str| io::Error::new(io::ErrorKind::InvalidData, problem);
        match frame.opcode {
            frames::TEXT if frame.whole && self.protocol.is_json() => match server_event::parse_json(frame.payload) {
                Some(heard) => self.handle(heard, now, state),
                None => return Err(invalid("a frame that is no event")),
            },
            frames::TEXT if frame.whole => {
                let text = std::str::from_utf8(frame.payload).map_err(|_| invalid("a text that is not UTF-8"))?;
                self.handle(server_event::parse_text(text), now, state);
            }
            frames::PING => frames::append_masked(&mut self.outgoing, frames::PONG, frame.payload, MASK),
            frames::PONG => {}
            frames::CLOSE => {
                let code = frame.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                if self.stage != Stage::Closing {
                    frames::append_masked(&mut self.outgoing, frames::CLOSE, &code.to_be_bytes(), MASK);
                }
                self.close_code = Some(code);
            }
            _ => return Err(invalid("a frame that roomd does not send")),
        }
        Ok(())
    }

    fn handle(&mut self, heard: ServerEvent<'_>, now: Instant, state: &mut RunState<'_>) {
        match heard {
            ServerEvent::Message { text, seq } => self.handle_message(text.as_bytes(), seq, now, state),
            ServerEvent::Welcome { resume } => self.welcome(resume, now, state),
            ServerEvent::Joined { epoch, seq, recovered } => {
                if let Some(deliveries) = self.deliveries.as_mut().filter(|_| !self.is_member) {
                    state.rooms[self.room].join_at(deliveries, (&epoch, seq), recovered, &mut state.allowed);
                    self.joined(now, state);
                }
            }
            ServerEvent::Resumed { rejoined, recovered, resume } => {
                // Of the session that was resumed, and not of the one that the new connection began with.
                self.resume_token = resume;
                if !rejoined {
                    return self.rejoin(state);
                }
                if let Some(deliveries) = self.deliveries.as_mut().filter(|_| !self.is_member) {
                    state.rooms[self.room].resume(deliveries, recovered);
                    self.joined(now, state);
                }
            }
            ServerEvent::UserJoined { user } => {
                if let Some(deliveries) = self.deliveries.as_mut().filter(|_| !self.is_member && *user == self.user) {
                    state.rooms[self.room].join(deliveries);
                    self.joined(now, state);
                }
            }
            ServerEvent::Left if self.stage == Stage::Leaving => self.left(state),
            ServerEvent::Sent { number: Some(number), seq } => {
                if let Some(deliveries) = &self.deliveries {
                    state.rooms[self.room].acknowledge(deliveries, number, seq, &mut state.faults);
                }
            }
            ServerEvent::Refused { number, code } => self.refused(number, &code, state),
            ServerEvent::Closing { code } if self.stage != Stage::Closing => self.close_code = Some(code),
            ServerEvent::Lagged { missed } => {
                if let Some(deliveries) = &mut self.deliveries {
                    deliveries.announce_missing(missed);
                }
            }
            _ => {}
        }
    }

    fn handle_message(&mut self, text: &[u8], seq: Option<u64>, now: Instant, state: &mut RunState<'_>) {
        // What arrives before a member without numbers has joined is history.
        if seq.is_none() && !self.is_member {
            return;
        }
        let tag = MessageTag::read(text).filter(|tag| tag.run_id == state.run_id);
        let room = &mut state.rooms[self.room];
        if let Some(MessageTag { sender, number, .. }) = tag
            && (!room.is_sent_by(number, sender) || text.len() != state.plan.text_bytes(sender as usize))
        {
            state.faults.altered += 1;
            return;
        }
        let Some(deliveries) = &mut self.deliveries else { return };
        let told = Delivery { number: tag.map(|tag| tag.number), seq };
        if let Some(news) = room.deliver(deliveries, told, &mut state.faults) {
            let elapsed = state.elapsed_ns(now);
            state.metrics.deliver(deliveries.awaited.then_some(news.due), elapsed);
            state.free_slots.extend(news.complete.then_some(self.room));
        }
        // A client that subscribes by publishing is a member when that message comes back.
        if !self.is_member && tag.is_some_and(|tag| tag.sender == self.number) {
            state.rooms[self.room].join(deliveries);
            self.is_member = true;
        }
    }

    fn welcome(&mut self, resume_token: Option<String>, now: Instant, state: &mut RunState<'_>) {
        let earlier = std::mem::replace(&mut self.resume_token, resume_token);
        let deliveries = self.deliveries.as_ref().filter(|_| self.reconnecting);
        let since = deliveries.and_then(|deliveries| state.rooms[self.room].position(deliveries));
        let words = match (since, earlier) {
            (Some(since), Some(resume_token)) => Protocol::resume(&resume_token, &self.room_name, since),
            (None, _) if self.protocol == Protocol::Topic && self.publishes => {
                // It cannot say what it has received, so it misses what was published while it was away.
                self.stop_expecting(state);
                self.start_expecting(state.plan);
                return self.note_join(now, state);
            }
            (since, _) => self.protocol.join(&self.room_name, since),
        };
        self.send_text(&words);
    }

    /// It became a member, and the delivery accounting knows.
    fn joined(&mut self, now: Instant, state: &mut RunState<'_>) {
        self.is_member = true;
        self.note_join(now, state);
    }

    fn note_join(&mut self, now: Instant, state: &mut RunState<'_>) {
        self.stage = Stage::Joined;
        state.audience[self.room] += usize::from(!self.in_audience);
        self.in_audience = true;
        let elapsed = state.elapsed_ns(now);
        if !self.has_joined_before {
            state.metrics.arrived += 1;
            state.metrics.arrival.saturating_record(elapsed.saturating_sub(state.elapsed_ns(self.connect_began)));
            state.metrics.last_arrival = elapsed;
        } else if self.reconnecting {
            state.metrics.returned += 1;
        } else {
            state.metrics.rejoined += 1;
        }
        (self.has_joined_before, self.reconnecting) = (true, false);
    }

    fn left(&mut self, state: &mut RunState<'_>) {
        self.leave_room(state);
        if let Some(mut deliveries) = self.deliveries.take() {
            let RunState { rooms, faults, allowed, .. } = state;
            // Whether the last delivery was new was counted when it arrived.
            _ = rooms[self.room].order_pending(&mut deliveries, faults);
            rooms[self.room].reconcile_member(&deliveries, MembershipEnd::Left, faults, allowed);
        }
        self.start_expecting(state.plan);
        self.stage = Stage::Joining;
        self.send_text(&self.protocol.join(&self.room_name, None));
    }

    fn refused(&mut self, number: Option<u32>, code: &str, state: &mut RunState<'_>) {
        state.metrics.refused(code);
        match number {
            Some(number) => {
                let was_awaited = state.rooms[self.room].refuse(number);
                state.free_slots.extend(was_awaited.then_some(self.room));
            }
            None if self.stage == Stage::Joining && self.reconnecting => self.rejoin(state),
            None if self.stage == Stage::Joining => {
                self.stage = Stage::Refused;
                state.faults.kept_out += 1;
            }
            None => self.refusals += 1,
        }
    }

    /// Its membership is gone, but it can still ask for what it missed.
    fn rejoin(&mut self, state: &RunState<'_>) {
        let deliveries = self.deliveries.as_ref();
        let since = deliveries.and_then(|deliveries| state.rooms[self.room].position(deliveries));
        self.send_text(&self.protocol.join(&self.room_name, since));
        self.reconnecting = false;
    }

    /// It is no longer a member, whatever it has still to receive. One that reconnects will be sent what was
    /// published meanwhile, if its protocol has numbers.
    pub fn leave_room(&mut self, state: &mut RunState<'_>) {
        if self.in_audience && !(self.reconnecting && self.protocol.is_json()) {
            state.audience[self.room] -= 1;
            self.in_audience = false;
        }
        if let Some(deliveries) = self.deliveries.as_ref().filter(|_| self.is_member) {
            let complete = state.rooms[self.room].leave(deliveries);
            state.free_slots.extend(std::iter::repeat_n(self.room, complete));
        }
        self.is_member = false;
    }

    /// Its connection has ended, and it will reconnect.
    pub fn prepare_reconnect(&mut self, state: &mut RunState<'_>) {
        self.reconnecting = true;
        self.connection += 1;
        // What it sent before and has not been answered may be lost.
        self.refusals = 0;
        self.leave_room(state);
        // A protocol without numbers cannot say what has been received.
        if !self.protocol.is_json() {
            self.stop_expecting(state);
        }
    }

    /// It is to receive nothing more.
    fn stop_expecting(&mut self, state: &mut RunState<'_>) {
        if let Some(deliveries) = self.deliveries.take() {
            state.rooms[self.room].reconcile_member(
                &deliveries,
                MembershipEnd::Left,
                &mut state.faults,
                &mut state.allowed,
            );
        }
    }

    /// Asks to leave its room, to join it again.
    pub fn leave(&mut self) {
        self.stage = Stage::Leaving;
        self.send_text(&self.protocol.leave(&self.room_name));
    }

    /// Asks to close the connection.
    pub fn close(&mut self) {
        self.stage = Stage::Closing;
        if self.protocol.is_websocket() {
            frames::append_masked(&mut self.outgoing, frames::CLOSE, &1000_u16.to_be_bytes(), MASK);
        } else {
            self.send_text("/quit");
        }
    }

    /// Sends a text as a frame or a line.
    pub fn send_text(&mut self, text: &str) {
        if self.protocol.is_websocket() {
            frames::append_masked(&mut self.outgoing, frames::TEXT, text.as_bytes(), MASK);
        } else {
            self.outgoing.extend_from_slice(text.as_bytes());
            self.outgoing.push(b'\n');
        }
    }

    fn start_expecting(&mut self, plan: &Plan) {
        if self.deliveries.is_none() {
            let awaited = !plan.is_slow(self.number as usize);
            let mut deliveries = MemberDeliveries::new(self.number, self.protocol.echoes(), awaited);
            deliveries.defines_order |= !self.publishes;
            self.deliveries = Some(deliveries);
        }
        if let Some(deliveries) = &mut self.deliveries {
            deliveries.connection = self.connection;
        }
    }
}

/// Masks keep a client's bytes from being taken for another protocol by intermediaries (RFC 6455 §10.3); here
/// there are none.
const MASK: [u8; 4] = [0x5a, 0xa5, 0x3c, 0xc3];
