//! The protocol state machine of one client, from its request to its end, without its socket.
//!
//! Bytes go in, and what follows from them goes to the [`RunState`] that all clients share: bytes to send, deliveries
//! to the accounting, figures to the metrics. `client.rs` holds it beside the socket, on the generator's thread.

mod events;
mod group;
mod pattern;

use std::io;
use std::time::{Duration, Instant};

use crate::deliveries::group::HeldMessages;
use crate::deliveries::member::MemberDeliveries;
use crate::frames;
use crate::handshake::{self, Response};
use crate::plan::Plan;
use crate::protocol::{OutgoingMessage, Protocol};
use crate::run_state::RunState;
use crate::server_event::{self, ServerEvent};

/// The stages of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It has no connection.
    Disconnected,
    /// TCP is connecting.
    Connecting,
    /// The handshake is in progress.
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
    /// It was told goodbye by a server that is to be started again, or its connection broke in an outage, and it is not a
    /// member since.
    pub returning: bool,
    /// When something was received last.
    pub heard_at: Instant,
    /// It was told that nobody can be let in now.
    is_unavailable: bool,
    /// Messages that were refused as `unavailable`, and that it sends again.
    unavailable_messages: Vec<u32>,
    /// How long it was told to wait before it comes back.
    pub retry_after: Option<Duration>,
    /// It has been a member before.
    has_joined_before: bool,
    /// It is counted in its room's audience.
    in_audience: bool,
    /// Resumes the session after its connection broke.
    resume_token: Option<String>,
    /// The same of the session that the connection began with, while it asks for that of an earlier one.
    fresh_token: Option<String>,
    /// Rooms that it is yet to join before its own.
    foreign_rooms: u32,
    /// Whether it joins for the newest message of each key.
    wants_latest: bool,
    /// What it has of its room's group, if it is in it.
    held: Option<HeldMessages>,
    /// What it has received and must still receive of each room, if it hears all of them by a pattern; empty while it is not
    /// subscribed.
    pub matched: Option<Vec<MemberDeliveries>>,
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
            returning: false,
            heard_at: now,
            is_unavailable: false,
            unavailable_messages: Vec::new(),
            retry_after: None,
            has_joined_before: false,
            in_audience: false,
            resume_token: None,
            fresh_token: None,
            foreign_rooms: 0,
            wants_latest: plan.keys > 0,
            held: plan.is_in_group(client).then(HeldMessages::default),
            matched: plan.hears_all(client).then(Vec::new),
        }
    }

    /// Sends the first request, once TCP is connected.
    pub fn start(&mut self, host: &str, state: &RunState<'_>) {
        if self.protocol.is_websocket() {
            let path = self.protocol.path(&self.room_name, &self.user);
            self.outgoing.extend(handshake::request(host, &path, &self.key));
            self.stage = Stage::Upgrading;
            return;
        }
        // A line client enters the lobby with its first line, under the name that this line takes, and then its room.
        let commands = [format!("/nick {}", self.user), self.join_command(None)];
        commands.iter().for_each(|command| self.send_text(command));
        self.foreign_rooms = 1;
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
        self.heard_at = now;
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
                if std::mem::take(&mut self.is_unavailable) {
                    return Err(io::Error::other("the server lets nobody in now"));
                }
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
            frames::TEXT if frame.whole && self.protocol.is_json() => match self.parse_json(frame.payload) {
                Some(event) => self.handle(event, now, state),
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

    /// The command that publishes a text under its number.
    pub fn publish_command(&self, number: u32, text: &[u8], state: &RunState<'_>) -> Vec<u8> {
        let RunState { plan, run_id, .. } = state;
        let (run_id, key) = (plan.comes_back().then_some(*run_id), plan.key_of(number));
        let mut command = Vec::with_capacity(text.len() + 96);
        self.protocol.publish(&OutgoingMessage { room: &self.room_name, number, run_id, key, text }, &mut command);
        command
    }

    /// The command that joins its room; what it has received so far, if it has been a member before.
    fn join_command(&self, since: Option<(&str, u64)>) -> String {
        if self.held.is_some() {
            return Protocol::join_group(&self.room_name);
        }
        self.protocol.join(&self.room_name, since, self.wants_latest)
    }

    fn parse_json<'a>(&self, text: &'a [u8]) -> Option<ServerEvent<'a>> {
        if self.held.is_some() { server_event::parse_whole_json(text) } else { server_event::parse_json(text) }
    }

    /// Whether it was ever a member.
    #[must_use]
    pub fn has_been_member(&self) -> bool {
        self.has_joined_before
    }

    /// Asks the server whether it is there.
    pub fn ping(&mut self) {
        frames::append_masked(&mut self.outgoing, frames::PING, &[], MASK);
    }

    /// Asks to leave its room, to join it again.
    pub fn leave(&mut self, state: &mut RunState<'_>) {
        self.stage = Stage::Leaving;
        self.begin_leaving_group(state);
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
}

/// Masks keep a client's bytes from being taken for another protocol by intermediaries (RFC 6455 §10.3); here
/// there are none.
const MASK: [u8; 4] = [0x5a, 0xa5, 0x3c, 0xc3];
