//! The protocol of each server: how a client joins a room, publishes, and receives a message.
//!
//! With every server a member receives the author and the payload, `load: ~#…`, and a client is greeted when it has
//! joined. Where a server adds the author itself, the payload is published alone. `Clients` calls this for each frame
//! that arrives, on the bench's thread.

use std::io;

use super::message_tag::MessageTag;
use super::scenario::{AUTHOR, PAYLOAD_BYTES, WELCOME};
use roomd_load::frames;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// roomd's text dialect, which names the author: a text frame a message. All clients are one user, whose join a room
    /// announces once.
    Named,
    /// roomd's text and JSON dialects, where each client is a user of its own, whose join is announced to all members.
    OwnText,
    OwnJson,
    /// roomd's JSON dialect, where each client hears of its own messages what the store says: the acknowledgement.
    Stored,
    /// A text frame is relayed as it is; some servers put several messages into one, with newlines between.
    Relayed,
    /// Socket.IO 4 over Engine.IO 4: text frames with an event and its arguments as JSON.
    SocketIo,
    /// The protocol of NATS clients, as a stream of bytes in binary frames.
    Nats,
}

/// An event in a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum ServerEvent<'a> {
    /// The client has joined its room.
    Joined,
    /// A member has joined; before `Joined` it is the client itself.
    MemberJoined,
    /// A message was delivered: its payload.
    Message(&'a [u8]),
}

const CAME: &[u8] = b" joined the room";
const CAME_JSON: &[u8] = br#"{"type":"join","#;
const WELCOME_JSON: &[u8] = br#"{"type":"welcome","#;
const JOINED_JSON: &[u8] = br#"{"type":"joined","#;
const SENT_JSON: &[u8] = br#"{"type":"sent","#;
const MID: &[u8] = br#""mid":""#;
const EVENT: &[u8] = b"42[\"chat message\",\"";
const EVENT_END: &[u8] = b"\"]";
const LINE_END: &[u8] = b"\r\n";
/// The bytes of one line of NATS' protocol, at most.
const LINE_BYTES_MAX: usize = 64 << 10;

impl Protocol {
    /// The path of client number `client`, of room number `room`.
    pub fn path(self, room: usize, client: usize) -> String {
        match self {
            Self::OwnText => format!("/ws?room=r{room}&user=load-{client}&history=0"),
            Self::OwnJson => format!("/ws?room=r{room}&user=load-{client}&history=0&format=json"),
            Self::Stored => format!("/ws?room=r{room}&user=load-{client}&history=0&format=json&echo=false"),
            Self::Named | Self::Relayed => format!("/ws?room=r{room}&user=load&history=0"),
            Self::SocketIo => "/socket.io/?EIO=4&transport=websocket".to_owned(),
            Self::Nats => "/".to_owned(),
        }
    }

    fn opcode(self) -> u8 {
        if self == Self::Nats { frames::BINARY } else { frames::TEXT }
    }

    /// Appends the frame that publishes a payload.
    pub fn publish(self, room: usize, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
        let mut head = Vec::new();
        let tail: &[u8] = match self {
            Self::Named | Self::OwnText | Self::OwnJson => b"",
            Self::Stored => {
                head = format!(r#"{{"type":"message","room":"r{room}","mid":""#).into_bytes();
                head.extend_from_slice(&payload[..MessageTag::BYTES]);
                head.extend_from_slice(br#"","message":""#);
                br#""}"#
            }
            Self::Relayed => {
                head.extend_from_slice(AUTHOR);
                b""
            }
            Self::SocketIo => {
                head.extend_from_slice(EVENT);
                head.extend_from_slice(AUTHOR);
                EVENT_END
            }
            Self::Nats => {
                head = format!("PUB r{room} {}\r\n", AUTHOR.len() + payload.len()).into_bytes();
                head.extend_from_slice(AUTHOR);
                LINE_END
            }
        };
        frames::append_masked(out, self.opcode(), &[&head, payload, tail].concat(), key);
    }

    /// Parses a text or binary frame. Appends to `replies` the frames that must be sent next. `partial` is the
    /// client's own, and holds what the next frame completes.
    ///
    /// # Errors
    /// If the server reports an error.
    pub fn take(
        self,
        room: usize,
        payload: &[u8],
        partial: &mut Vec<u8>,
        replies: &mut Vec<u8>,
        mut handle: impl FnMut(ServerEvent<'_>),
    ) -> io::Result<()> {
        match self {
            Self::Named => match payload.strip_prefix(AUTHOR) {
                Some(message) => handle(ServerEvent::Message(message)),
                None if payload == WELCOME => handle(ServerEvent::Joined),
                None => return Err(unexpected(payload)),
            },
            Self::OwnText if payload.ends_with(CAME) => handle(ServerEvent::MemberJoined),
            Self::OwnJson if payload.starts_with(CAME_JSON) => handle(ServerEvent::MemberJoined),
            Self::OwnJson if payload.starts_with(JOINED_JSON) => handle(ServerEvent::Joined),
            Self::Stored if payload.starts_with(SENT_JSON) => handle(ServerEvent::Message(&sent(payload)?)),
            Self::Stored if payload.starts_with(CAME_JSON) => {}
            Self::Stored if payload.starts_with(JOINED_JSON) => handle(ServerEvent::Joined),
            Self::OwnJson | Self::Stored if payload.starts_with(WELCOME_JSON) => {}
            Self::OwnText | Self::OwnJson | Self::Stored => return Err(unexpected(payload)),
            Self::Relayed => payload.split(|byte| *byte == b'\n').for_each(|line| match line.strip_prefix(AUTHOR) {
                Some(message) => handle(ServerEvent::Message(message)),
                None if line == WELCOME => handle(ServerEvent::Joined),
                None => handle(ServerEvent::Message(line)),
            }),
            Self::SocketIo => return socket_io(room, payload, replies, handle),
            Self::Nats if partial.is_empty() => {
                let used = nats(room, payload, replies, &mut handle)?;
                partial.extend_from_slice(&payload[used..]);
            }
            Self::Nats => {
                partial.extend_from_slice(payload);
                let used = nats(room, partial, replies, &mut handle)?;
                partial.drain(..used);
            }
        }
        Ok(())
    }

    fn send(self, command: &[u8], replies: &mut Vec<u8>) {
        frames::append_masked(replies, self.opcode(), command, [0; 4]);
    }
}

/// Engine.IO's `0` opens and its `2` pings; Socket.IO's `40` connects and its `42` is an event.
fn socket_io(
    room: usize,
    payload: &[u8],
    replies: &mut Vec<u8>,
    mut handle: impl FnMut(ServerEvent<'_>),
) -> io::Result<()> {
    let message = payload.strip_prefix(EVENT).and_then(|rest| rest.strip_suffix(EVENT_END));
    match message {
        Some(text) if text == WELCOME => handle(ServerEvent::Joined),
        Some(text) => handle(ServerEvent::Message(text.strip_prefix(AUTHOR).unwrap_or(text))),
        None if payload.starts_with(b"0") => Protocol::SocketIo.send(b"40", replies),
        None if payload.starts_with(b"40") => {
            Protocol::SocketIo.send(format!("42[\"join\",\"r{room}\"]").as_bytes(), replies);
        }
        None if payload == b"2" => Protocol::SocketIo.send(b"3", replies),
        None => return Err(unexpected(payload)),
    }
    Ok(())
}

/// Parses the complete part of a stream; returns how many bytes that was. A client has joined when its `PING`, which
/// it sent after it had subscribed, is answered.
fn nats(
    room: usize,
    bytes: &[u8],
    replies: &mut Vec<u8>,
    handle: &mut impl FnMut(ServerEvent<'_>),
) -> io::Result<usize> {
    let mut used = 0;
    loop {
        let rest = &bytes[used..];
        let Some(end) = rest.windows(2).position(|window| window == LINE_END) else {
            return if rest.len() > LINE_BYTES_MAX { Err(unexpected(rest)) } else { Ok(used) };
        };
        let (line, body) = (&rest[..end], &rest[end + LINE_END.len()..]);
        let mut size = end + LINE_END.len();
        if line.starts_with(b"MSG ") {
            let digits = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
            let length: usize = std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(|| unexpected(line))?;
            let Some(message) = body.get(..length).filter(|_| body.len() >= length + LINE_END.len()) else {
                return Ok(used);
            };
            handle(ServerEvent::Message(message.strip_prefix(AUTHOR).unwrap_or(message)));
            size += length + LINE_END.len();
        } else if line.starts_with(b"INFO ") {
            let commands = format!("CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB r{room} 1\r\nPING\r\n");
            Protocol::Nats.send(commands.as_bytes(), replies);
        } else if line == b"PING" {
            Protocol::Nats.send(b"PONG\r\n", replies);
        } else if line == b"PONG" {
            handle(ServerEvent::Joined);
        } else {
            return Err(unexpected(line));
        }
        used += size;
    }
}

/// The payload whose acknowledgement this is: its `mid` is the tag.
fn sent(event: &[u8]) -> io::Result<[u8; PAYLOAD_BYTES]> {
    let at = event.windows(MID.len()).position(|window| window == MID).map(|at| at + MID.len());
    let tag = at.and_then(|at| event.get(at..at + MessageTag::BYTES)).ok_or_else(|| unexpected(event))?;
    let mut payload = [b'.'; PAYLOAD_BYTES];
    payload[..tag.len()].copy_from_slice(tag);
    Ok(payload)
}

fn unexpected(bytes: &[u8]) -> io::Error {
    io::Error::other(format!("the server sent {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(80)])))
}
