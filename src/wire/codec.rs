//! The encodings: each is a dialect, which parses commands and prints events, in a framing, which delimits them.
//!
//! What depends on a client's protocol is decided here, and nowhere outside `wire`. A new protocol is a row
//! of `Encoding::codec`, with a dialect or a framing of its own where those at hand do not serve.

use super::frame::{self, Opcode};
use super::irc::{self, Traits};
use super::{Unparsed, event_stream, json, text};
use crate::chat::capabilities::Capabilities;
use crate::chat::{End, Refusal, Request};
use roomd_protocol::data;

/// A dialect in a framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The text dialect, one WebSocket text frame a line.
    TextFrames,
    /// The text dialect, lines that end with LF.
    TextLines,
    /// [`Encoding::TextFrames`] of a room that the client hears by a pattern: what is said begins with its name.
    TextFramesOfPattern,
    /// [`Encoding::TextLines`], likewise.
    TextLinesOfPattern,
    /// The JSON dialect, one object a WebSocket text frame.
    Json,
    /// The same, with `topic` in place of `room`.
    JsonTopic,
    /// [`Encoding::Json`], in which a message with data is a binary frame.
    BinaryJson,
    /// [`Encoding::JsonTopic`], likewise.
    BinaryJsonTopic,
    /// The events of the JSON dialect as Server-Sent Events (WHATWG HTML §9.2), whose `id` is a position.
    EventStream,
    /// The same, one object a line that ends with LF.
    JsonLines,
    /// IRC, lines that end with CR LF; the traits are what the client has negotiated.
    Irc(Traits),
    /// One of these for a member of a group: of the messages that are stored it has those that are assigned to the
    /// member, and no others.
    Group(GroupEncoding),
}

/// An encoding whose clients can be in groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupEncoding {
    /// [`Encoding::TextFrames`].
    TextFrames,
    /// [`Encoding::TextLines`].
    TextLines,
    /// [`Encoding::Json`].
    Json,
    /// [`Encoding::JsonTopic`].
    JsonTopic,
    /// [`Encoding::BinaryJson`].
    BinaryJson,
    /// [`Encoding::BinaryJsonTopic`].
    BinaryJsonTopic,
}

impl GroupEncoding {
    /// The encoding of a client that is in no group.
    fn whole(self) -> Encoding {
        match self {
            Self::TextFrames => Encoding::TextFrames,
            Self::TextLines => Encoding::TextLines,
            Self::Json => Encoding::Json,
            Self::JsonTopic => Encoding::JsonTopic,
            Self::BinaryJson => Encoding::BinaryJson,
            Self::BinaryJsonTopic => Encoding::BinaryJsonTopic,
        }
    }
}

/// The two halves of an encoding.
#[derive(Clone, Copy)]
pub(super) struct Codec {
    pub(super) dialect: Dialect,
    pub(super) framing: Framing,
}

/// How commands and events are put into words.
#[derive(Clone, Copy)]
pub(super) enum Dialect {
    /// Lines for people, who are in one room at a time.
    Text,
    /// The same, of the rooms that they hear besides.
    TextOfPattern,
    /// Objects for programs; `room_field` is the field that names a room.
    Json { room_field: &'static str },
    /// Lines for IRC clients.
    Irc(Traits),
}

/// How one unit of a stream is told from the next.
#[derive(Clone, Copy)]
pub(super) enum Framing {
    /// WebSocket text frames.
    Frames,
    /// The same, and binary frames for messages with data.
    DataFrames,
    /// Lines that end with LF.
    Lines,
    /// Server-Sent Events.
    Events,
    /// Lines that end with CR LF.
    IrcLines,
}

impl Encoding {
    /// Its name in logs and figures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TextFrames | Self::TextFramesOfPattern => "websocket-text",
            Self::TextLines | Self::TextLinesOfPattern => "lines",
            Self::Json | Self::JsonTopic | Self::BinaryJson | Self::BinaryJsonTopic => "websocket-json",
            Self::EventStream => "sse",
            Self::JsonLines => "ndjson",
            Self::Irc(_) => "irc",
            Self::Group(of) => of.whole().name(),
        }
    }

    /// One of each kind, and IRC with nothing and with everything negotiated.
    pub const SAMPLES: [Self; 15] = [
        Self::TextFrames,
        Self::TextLines,
        Self::TextFramesOfPattern,
        Self::TextLinesOfPattern,
        Self::Json,
        Self::JsonTopic,
        Self::BinaryJson,
        Self::BinaryJsonTopic,
        Self::EventStream,
        Self::JsonLines,
        Self::Irc(Traits::NONE),
        Self::Irc(Traits::ALL),
        Self::Group(GroupEncoding::JsonTopic),
        Self::Group(GroupEncoding::BinaryJson),
        Self::Group(GroupEncoding::TextLines),
    ];

    /// Its row in the table of encodings.
    pub(super) fn codec(self) -> Codec {
        let (dialect, framing) = match self {
            Self::TextFrames => (Dialect::Text, Framing::Frames),
            Self::TextLines => (Dialect::Text, Framing::Lines),
            Self::TextFramesOfPattern => (Dialect::TextOfPattern, Framing::Frames),
            Self::TextLinesOfPattern => (Dialect::TextOfPattern, Framing::Lines),
            Self::Json => (Dialect::Json { room_field: "room" }, Framing::Frames),
            Self::JsonTopic => (Dialect::Json { room_field: "topic" }, Framing::Frames),
            Self::BinaryJson => (Dialect::Json { room_field: "room" }, Framing::DataFrames),
            Self::BinaryJsonTopic => (Dialect::Json { room_field: "topic" }, Framing::DataFrames),
            Self::EventStream => (Dialect::Json { room_field: "room" }, Framing::Events),
            Self::JsonLines => (Dialect::Json { room_field: "room" }, Framing::Lines),
            Self::Irc(traits) => (Dialect::Irc(traits), Framing::IrcLines),
            Self::Group(of) => return of.whole().codec(),
        };
        Codec { dialect, framing }
    }

    /// The encoding of the events of a room that the client has called a topic.
    #[must_use]
    pub fn of_topic(self) -> Self {
        match self {
            Self::Json => Self::JsonTopic,
            Self::BinaryJson => Self::BinaryJsonTopic,
            other => other,
        }
    }

    /// The encoding of the events of a room that a pattern of the client's matches; `None`: it cannot have any.
    #[must_use]
    pub fn of_pattern(self) -> Option<Self> {
        match self {
            Self::TextFrames => Some(Self::TextFramesOfPattern),
            Self::TextLines => Some(Self::TextLinesOfPattern),
            Self::Json => Some(Self::JsonTopic),
            Self::BinaryJson => Some(Self::BinaryJsonTopic),
            _ => None,
        }
    }

    /// The encoding of the events of a room in which the client is in a group; `None`: it cannot be in one.
    #[must_use]
    pub fn of_group(self) -> Option<Self> {
        let of = match self {
            Self::TextFrames => GroupEncoding::TextFrames,
            Self::TextLines => GroupEncoding::TextLines,
            Self::Json => GroupEncoding::Json,
            Self::JsonTopic => GroupEncoding::JsonTopic,
            Self::BinaryJson => GroupEncoding::BinaryJson,
            Self::BinaryJsonTopic => GroupEncoding::BinaryJsonTopic,
            Self::Group(of) => of,
            Self::TextFramesOfPattern
            | Self::TextLinesOfPattern
            | Self::EventStream
            | Self::JsonLines
            | Self::Irc(_) => return None,
        };
        Some(Self::Group(of))
    }

    /// Whether the client's read marks are times, which it has asked for.
    #[must_use]
    pub fn has_timed_marks(self) -> bool {
        matches!(self, Self::Irc(traits) if traits.has(Traits::READ))
    }

    /// Whether the client knows real names, which are set without being stored, and has asked for them.
    #[must_use]
    pub fn has_real_names(self) -> bool {
        matches!(self, Self::Irc(traits) if traits.has(Traits::NAMES))
    }

    /// What a client of this encoding can do.
    #[must_use]
    pub fn capabilities(self) -> Capabilities {
        match self {
            Self::TextFrames | Self::TextLines | Self::TextFramesOfPattern | Self::TextLinesOfPattern => {
                Capabilities { single_room: true, welcome: false, asks: true, resumes: true }
            }
            Self::Json | Self::JsonTopic | Self::BinaryJson | Self::BinaryJsonTopic => {
                Capabilities { single_room: false, welcome: true, asks: false, resumes: true }
            }
            Self::EventStream | Self::JsonLines => {
                Capabilities { single_room: false, welcome: false, asks: false, resumes: false }
            }
            Self::Irc(_) => Capabilities { single_room: false, welcome: true, asks: false, resumes: false },
            Self::Group(of) => of.whole().capabilities(),
        }
    }

    /// Parses one unit of input: a line without its end, or the text of a frame. `None` when it is empty
    /// and asks for nothing. A byte order mark before it belongs to the file that it comes from, and the end of a
    /// line behind the text of a frame to the program that sends lines in frames.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(self, text: &str) -> Result<Option<Request>, Unparsed> {
        let Codec { dialect, framing } = self.codec();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match (dialect, framing) {
            (Dialect::Text | Dialect::TextOfPattern, Framing::Frames) => text::parse(without_line_end(text)),
            (Dialect::Text | Dialect::TextOfPattern, _) => text::parse(text),
            (Dialect::Json { .. }, _) => json::parse(text).map(Some),
            // What a line of IRC asks for depends on the lines before it: `net/irc` knows.
            (Dialect::Irc(_), _) => {
                Err(Unparsed { id: None, refusal: Refusal::bad_request("IRC is spoken on a port of its own") })
            }
        }
    }

    /// Parses a binary frame, which is a message with data; `None`: the protocol has no binary frames.
    ///
    /// # Errors
    /// What is wrong with it.
    #[must_use]
    pub fn parse_binary(self, frame: &[u8]) -> Option<Result<Request, Unparsed>> {
        let Framing::DataFrames = self.codec().framing else { return None };
        Some(match data::split_frame(frame) {
            Ok((head, data)) => json::parse_with_data(head, data),
            Err(problem) => Err(Unparsed { id: None, refusal: Refusal::bad_request(problem) }),
        })
    }

    /// What keeps an idle connection alive, and has its client answer where the protocol has answers; `None` where it
    /// has nothing of the kind.
    #[must_use]
    pub fn keep_alive(self) -> Option<Vec<u8>> {
        match self.codec() {
            Codec { framing: Framing::Frames | Framing::DataFrames, .. } => {
                let mut ping = Vec::new();
                frame::append(Opcode::Ping, b"", &mut ping);
                Some(ping)
            }
            Codec { framing: Framing::Events, .. } => Some(event_stream::COMMENT.to_vec()),
            Codec { framing: Framing::Lines, dialect: Dialect::Json { .. } } => Some(b"{\"type\":\"ping\"}\n".to_vec()),
            Codec { framing: Framing::Lines, .. } => None,
            Codec { framing: Framing::IrcLines, .. } => Some(irc::ping()),
        }
    }

    /// The last bytes of a connection that ends for this reason, behind its goodbye; empty where the
    /// protocol has none, or none may follow.
    #[must_use]
    pub fn close(self, end: End) -> Vec<u8> {
        match (self.codec().framing, end.close_code()) {
            (Framing::Frames | Framing::DataFrames, Some(code)) => frame::close(code, end.word()),
            (Framing::Frames | Framing::DataFrames, None)
            | (Framing::Lines | Framing::Events | Framing::IrcLines, _) => Vec::new(),
        }
    }
}

/// The text without one LF or CR LF behind it.
fn without_line_end(text: &str) -> &str {
    let Some(line) = text.strip_suffix('\n') else { return text };
    line.strip_suffix('\r').unwrap_or(line)
}

impl Framing {
    /// Appends one unit to `out`.
    pub(super) fn append(self, unit: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Frames | Self::DataFrames => frame::append(Opcode::Text, unit, out),
            Self::Events => event_stream::append(unit, out),
            Self::Lines => {
                out.extend_from_slice(unit);
                out.push(b'\n');
            }
            Self::IrcLines => {
                out.extend_from_slice(unit);
                out.extend_from_slice(b"\r\n");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Command, RoomRequest};

    fn said(encoding: Encoding, text: &str) -> Option<Command> {
        encoding.parse(text).unwrap().map(|request| request.command)
    }

    #[test]
    fn one_end_of_a_line_behind_a_frame_is_not_of_its_text() {
        for (frame, line) in [("/help\n", "/help"), ("/help\r\n", "/help"), ("hi\n", "hi"), ("hi\r\n", "hi")] {
            assert_eq!(said(Encoding::TextFrames, frame), said(Encoding::TextFrames, line), "{frame:?}");
        }
        let says = |text: &str| Command::ToRoom { room: None, request: RoomRequest::message(text).quietly() };
        assert_eq!(said(Encoding::TextFrames, "one\ntwo\n\n"), Some(says("one\ntwo\n")));
        assert_eq!(said(Encoding::TextFrames, "\nhi"), Some(says("\nhi")));
        assert_eq!(said(Encoding::TextFrames, "\n"), None);
        let time = r#"{"type":"time"}"#;
        assert_eq!(said(Encoding::Json, &format!("{time}\r\n")), said(Encoding::Json, time));
    }

    #[test]
    fn a_byte_order_mark_is_dropped() {
        let says = |text: &str| Command::ToRoom { room: None, request: RoomRequest::message(text).quietly() };
        for encoding in [Encoding::TextLines, Encoding::TextFrames] {
            assert_eq!(said(encoding, "\u{feff}/help"), said(encoding, "/help"));
            assert_eq!(said(encoding, "\u{feff}hi"), Some(says("hi")));
            assert_eq!(said(encoding, "\u{feff}"), None);
            assert_eq!(said(encoding, "a\u{feff}b"), Some(says("a\u{feff}b")));
        }
        assert_eq!(said(Encoding::Json, "\u{feff}{\"type\":\"time\"}"), said(Encoding::Json, r#"{"type":"time"}"#));
    }

    #[test]
    fn a_stream_is_closed_as_its_framing_says() {
        assert_eq!(Encoding::Json.close(End::Slow), b"\x88\x06\x11\x62slow");
        assert_eq!(Encoding::TextFrames.close(End::Closed), b"");
        assert_eq!(Encoding::TextLines.close(End::Slow), b"");
    }
}
