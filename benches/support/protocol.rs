//! What each server is told and what it says, for the same load: to join a room, and to have a message delivered.
//!
//! Whichever it is, each member gets the author and the payload, `load: ~#…`, and a newcomer is greeted when it is in.
//! Where a server puts authors before messages itself, the payload is published alone. The clients calls this for each
//! frame that arrives, on the bench's thread.

use std::io;

use super::scenario::{AUTHOR, WELCOME};
use roomd_load::frames;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// roomd's text, which names the author: a text frame a message. All clients are one user, of whom a room says once
    /// that it came.
    Named,
    /// roomd's text and its JSON, where each client is a user of its own, and a room tells all of each.
    OwnText,
    OwnJson,
    /// A text frame is relayed as it is; some servers put several messages into one, with newlines between.
    Relayed,
    /// Socket.IO 4 over Engine.IO 4: text frames with an event and its arguments as JSON.
    SocketIo,
    /// The protocol of NATS clients, as a stream of bytes in binary frames.
    Nats,
}

/// What a frame tells a client.
#[derive(Debug, PartialEq, Eq)]
pub enum ServerEvent<'a> {
    /// It is in its room.
    Joined,
    /// Somebody is in its room; before `Joined` it is the client itself.
    MemberJoined,
    /// A payload.
    Message(&'a [u8]),
}

const CAME: &[u8] = b" joined the room";
const CAME_JSON: &[u8] = br#"{"type":"join","#;
const WELCOME_JSON: &[u8] = br#"{"type":"welcome","#;
const JOINED_JSON: &[u8] = br#"{"type":"joined","#;
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

    /// Takes a text or binary frame. Appends to `replies` what the server must be told next, as frames. `partial` is the
    /// client's own, and holds what the next frame completes.
    ///
    /// # Errors
    /// If the server says that something is wrong.
    pub fn take(
        self,
        room: usize,
        payload: &[u8],
        partial: &mut Vec<u8>,
        replies: &mut Vec<u8>,
        mut tell: impl FnMut(ServerEvent<'_>),
    ) -> io::Result<()> {
        match self {
            Self::Named => match payload.strip_prefix(AUTHOR) {
                Some(message) => tell(ServerEvent::Message(message)),
                None if payload == WELCOME => tell(ServerEvent::Joined),
                None => return Err(unexpected(payload)),
            },
            Self::OwnText if payload.ends_with(CAME) => tell(ServerEvent::MemberJoined),
            Self::OwnJson if payload.starts_with(CAME_JSON) => tell(ServerEvent::MemberJoined),
            Self::OwnJson if payload.starts_with(JOINED_JSON) => tell(ServerEvent::Joined),
            Self::OwnJson if payload.starts_with(WELCOME_JSON) => {}
            Self::OwnText | Self::OwnJson => return Err(unexpected(payload)),
            Self::Relayed => payload.split(|byte| *byte == b'\n').for_each(|line| match line.strip_prefix(AUTHOR) {
                Some(message) => tell(ServerEvent::Message(message)),
                None if line == WELCOME => tell(ServerEvent::Joined),
                None => tell(ServerEvent::Message(line)),
            }),
            Self::SocketIo => return socket_io(room, payload, replies, tell),
            Self::Nats if partial.is_empty() => {
                let used = nats(room, payload, replies, &mut tell)?;
                partial.extend_from_slice(&payload[used..]);
            }
            Self::Nats => {
                partial.extend_from_slice(payload);
                let used = nats(room, partial, replies, &mut tell)?;
                partial.drain(..used);
            }
        }
        Ok(())
    }

    fn say(self, words: &[u8], replies: &mut Vec<u8>) {
        frames::append_masked(replies, self.opcode(), words, [0; 4]);
    }
}

/// Engine.IO's `0` opens and its `2` asks for life; Socket.IO's `40` connects and its `42` is an event.
fn socket_io(
    room: usize,
    payload: &[u8],
    replies: &mut Vec<u8>,
    mut tell: impl FnMut(ServerEvent<'_>),
) -> io::Result<()> {
    let message = payload.strip_prefix(EVENT).and_then(|rest| rest.strip_suffix(EVENT_END));
    match message {
        Some(text) if text == WELCOME => tell(ServerEvent::Joined),
        Some(text) => tell(ServerEvent::Message(text.strip_prefix(AUTHOR).unwrap_or(text))),
        None if payload.starts_with(b"0") => Protocol::SocketIo.say(b"40", replies),
        None if payload.starts_with(b"40") => {
            Protocol::SocketIo.say(format!("42[\"join\",\"r{room}\"]").as_bytes(), replies);
        }
        None if payload == b"2" => Protocol::SocketIo.say(b"3", replies),
        None => return Err(unexpected(payload)),
    }
    Ok(())
}

/// Takes what is whole of a stream, and tells how many bytes that was. A client is in when its `PING`, which it said
/// after it had subscribed, is answered.
fn nats(room: usize, bytes: &[u8], replies: &mut Vec<u8>, tell: &mut impl FnMut(ServerEvent<'_>)) -> io::Result<usize> {
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
            tell(ServerEvent::Message(message.strip_prefix(AUTHOR).unwrap_or(message)));
            size += length + LINE_END.len();
        } else if line.starts_with(b"INFO ") {
            let words = format!("CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB r{room} 1\r\nPING\r\n");
            Protocol::Nats.say(words.as_bytes(), replies);
        } else if line == b"PING" {
            Protocol::Nats.say(b"PONG\r\n", replies);
        } else if line == b"PONG" {
            tell(ServerEvent::Joined);
        } else {
            return Err(unexpected(line));
        }
        used += size;
    }
}

fn unexpected(bytes: &[u8]) -> io::Error {
    io::Error::other(format!("the server said {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(80)])))
}
