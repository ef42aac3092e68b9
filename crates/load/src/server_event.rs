//! Events of the server, parsed as far as a load needs them.
//!
//! Called for every frame and line, on the generator's thread. Nearly all are messages: in JSON they are read in the
//! order in which roomd prints their fields, without a parser, and the notices of users that join and leave, of which a
//! full room has as many, are skipped. All other events, and messages in another form, are parsed by serde.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

/// See the module. Texts of messages are as JSON has them: those of a load need no escapes.
#[derive(Debug, PartialEq)]
pub enum ServerEvent<'a> {
    /// A message, with its room and the server's number in the JSON dialect.
    Message { room: Option<Cow<'a, str>>, text: Cow<'a, str>, seq: Option<u64> },
    /// A message that is this member's, of its group.
    Given { text: Cow<'a, str>, seq: u64, redelivered: bool, missed: u64 },
    /// The request with this number was carried out.
    Done { number: u32 },
    /// The first event of the JSON dialect.
    Welcome { resume: Option<String> },
    /// The client is a member; `seq` is the room's last number.
    Joined { epoch: String, seq: u64, recovered: bool },
    /// The client resumed its session: whether it is a member of its room again, whether all that it missed
    /// follows, the room's last number, and the token for the next time.
    Resumed { rejoined: bool, recovered: bool, seq: Option<u64>, resume: Option<String> },
    /// This user joined, in the dialects without numbers; a client that reads its own name is a member.
    UserJoined { user: &'a str },
    /// The client hears the topics that its pattern matches.
    Subscribed,
    /// The client is no longer a member.
    Left,
    /// The client has a new name.
    Renamed,
    /// A message is published.
    Sent { number: Option<u32>, seq: u64 },
    /// A command was refused with this code.
    Refused { number: Option<u32>, code: Cow<'a, str> },
    /// The server ends a connection without close frames, for the reason that this code has elsewhere.
    Closing { code: u16 },
    /// The server ends the connection, and says how long to wait before the next.
    Goodbye { retry_after_ms: Option<u64> },
    /// So many messages of this room do not come.
    Lagged { room: Option<Cow<'a, str>>, missed: u64 },
    /// Any other event.
    Other,
}

/// Every field that any of these events has.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    id: Option<serde_json::Value>,
    #[serde(borrow, alias = "topic")]
    room: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    code: Option<serde_json::Value>,
    seq: Option<u64>,
    epoch: Option<String>,
    recovered: Option<bool>,
    resume: Option<String>,
    missed: Option<u64>,
    retry_after_ms: Option<u64>,
    rooms: Option<serde_json::Value>,
    #[serde(borrow)]
    group: Option<Cow<'a, str>>,
    redelivered: Option<bool>,
}

/// A room in `resumed`.
#[derive(Deserialize)]
struct Resumption {
    recovered: bool,
    reason: Option<String>,
    seq: Option<u64>,
}

/// Why a room of a session that was resumed is joined anew: the session is not in it any more, or it is another one.
const ANEW: [&str; 3] = ["room_failed", "removed", "epoch_changed"];
/// The refusal of a server that cannot store or read now; of a room, that it cannot give what was missed.
pub const UNAVAILABLE: &str = "unavailable";

/// How notices begin that a load ignores.
const NOTICES: [&[u8]; 2] = [br#"{"type":"join","#, br#"{"type":"leave","#];

/// Parses a frame of the JSON dialect; `None` when it is no event.
#[must_use]
pub fn parse_json(text: &[u8]) -> Option<ServerEvent<'_>> {
    if NOTICES.iter().any(|begin| text.starts_with(begin)) {
        return Some(ServerEvent::Other);
    }
    match message(text) {
        Some((room, text, seq)) => {
            Some(ServerEvent::Message { room: Some(Cow::Borrowed(room)), text: Cow::Borrowed(text), seq: Some(seq) })
        }
        None => parse_whole_json(text),
    }
}

/// Parses a message whose fields are in the order in which roomd prints them.
fn message(text: &[u8]) -> Option<(&str, &str, u64)> {
    let rest = text.strip_prefix(br#"{"type":"message",""#)?;
    let rest = rest.strip_prefix(br#"room":""#).or_else(|| rest.strip_prefix(br#"topic":""#))?;
    let (room, rest) = after_text(rest)?;
    let rest = rest.strip_prefix(br#","user":""#)?;
    let rest = after_text(rest)?.1.strip_prefix(br#","message":""#)?;
    let (message, rest) = after_text(rest)?;
    let digits = rest.strip_prefix(br#","seq":"#)?;
    let mut seq: u64 = 0;
    for digit in digits.iter().take_while(|digit| digit.is_ascii_digit()) {
        seq = seq.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    Some((std::str::from_utf8(room).ok()?, std::str::from_utf8(message).ok()?, seq))
}

/// A string up to its quotation mark, and what follows it; `None` when it holds an escape.
fn after_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'"')?;
    let (text, rest) = bytes.split_at(end);
    (!text.contains(&b'\\')).then_some((text, &rest[1..]))
}

/// Parses a frame of the JSON dialect, whatever is in it: a member of a group is told more of its messages.
#[must_use]
pub fn parse_whole_json(text: &[u8]) -> Option<ServerEvent<'_>> {
    let fields: Fields<'_> = serde_json::from_slice(text).ok()?;
    let number = fields.id.and_then(|id| u32::try_from(id.as_u64()?).ok());
    Some(match &*fields.kind {
        "message" if fields.group.is_some() => ServerEvent::Given {
            text: fields.message?,
            seq: fields.seq?,
            redelivered: fields.redelivered.unwrap_or(false),
            missed: fields.missed.unwrap_or(0),
        },
        "ok" => number.map_or(ServerEvent::Other, |number| ServerEvent::Done { number }),
        "message" => ServerEvent::Message { room: fields.room, text: fields.message?, seq: Some(fields.seq?) },
        "subscribed" => ServerEvent::Subscribed,
        "welcome" => ServerEvent::Welcome { resume: fields.resume },
        "joined" => {
            ServerEvent::Joined { epoch: fields.epoch?, seq: fields.seq?, recovered: fields.recovered.unwrap_or(true) }
        }
        "resumed" => {
            let rooms: HashMap<String, Resumption> = serde_json::from_value(fields.rooms?).ok()?;
            let is =
                |room: &Resumption, reasons: &[&str]| room.reason.as_deref().is_some_and(|of| reasons.contains(&of));
            if rooms.values().any(|room| is(room, &[UNAVAILABLE])) {
                return Some(ServerEvent::Refused { number: None, code: UNAVAILABLE.into() });
            }
            let rejoined = !rooms.is_empty() && !rooms.values().any(|room| is(room, &ANEW));
            let recovered = rooms.values().all(|room| room.recovered);
            let seq = rooms.values().find_map(|room| room.seq);
            ServerEvent::Resumed { rejoined, recovered, seq, resume: fields.resume }
        }
        "left" => ServerEvent::Left,
        "sent" => ServerEvent::Sent { number, seq: fields.seq? },
        "error" => ServerEvent::Refused { number, code: Cow::Owned(fields.code?.as_str()?.to_owned()) },
        "goodbye" => ServerEvent::Goodbye { retry_after_ms: fields.retry_after_ms },
        "lagged" => ServerEvent::Lagged { room: fields.room, missed: fields.missed? },
        _ => ServerEvent::Other,
    })
}

/// Parses a frame or a line of the text dialect.
#[must_use]
pub fn parse_text(line: &str) -> ServerEvent<'_> {
    if let Some(notice) = line.strip_prefix("* ") {
        return notice_of(notice);
    }
    if let Some(sentence) = line.strip_prefix("Error: ") {
        return ServerEvent::Refused { number: None, code: Cow::Borrowed(code_of(sentence)) };
    }
    if let Some((_, text)) = line.split_once(": ") {
        return ServerEvent::Message { room: None, text: Cow::Borrowed(text), seq: None };
    }
    match line.strip_suffix(" joined the room") {
        Some(user) => ServerEvent::UserJoined { user },
        None => ServerEvent::Other,
    }
}

fn notice_of(notice: &str) -> ServerEvent<'_> {
    let closing = CLOSE_NOTICES.iter().find(|(begin, _)| notice.starts_with(begin));
    if let Some(&(_, code)) = closing {
        return ServerEvent::Closing { code };
    }
    // It may go on with how many of them had newer values.
    let is_count = [" messages were missed", " message was missed"].iter().any(|words| notice.contains(words));
    let missed = notice.split(' ').next().filter(|_| is_count).and_then(|count| count.parse().ok());
    match missed {
        Some(missed) => ServerEvent::Lagged { room: None, missed },
        None if notice.starts_with("You left") => ServerEvent::Left,
        None if notice.starts_with("You are now ") => ServerEvent::Renamed,
        None => ServerEvent::Other,
    }
}

/// The last notices of the text dialect, and the close codes with the same meaning.
const CLOSE_NOTICES: [(&str, u16); 3] =
    [("Too slow: ", 4450), ("The server is shutting down", 1001), ("Rate limit exceeded again", 4429)];

/// The text dialect has sentences in place of codes; the report counts this one under its code.
fn code_of(sentence: &str) -> &str {
    // It goes on with the message that was refused.
    if sentence.starts_with("Rate limit exceeded") { "rate_limited" } else { sentence }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &[u8] = br#"{"type":"message","topic":"test","user":"load-1","message":"~#..","seq":42,"at":"x"}"#;

    #[test]
    fn the_short_way_and_the_long_way_read_the_same() {
        assert_eq!(message(PRINTED), Some(("test", "~#..", 42)));
        assert_eq!(parse_json(PRINTED), parse_whole_json(PRINTED));
        let otherwise = br#"{"seq":42,"type":"message","message":"~#..","room":"test"}"#;
        assert_eq!(parse_json(otherwise), parse_json(PRINTED));
        let escaped = br#"{"type":"message","room":"r","user":"u","message":"a\"b","seq":1}"#;
        assert_eq!(
            parse_json(escaped),
            Some(ServerEvent::Message { room: Some("r".into()), text: "a\"b".into(), seq: Some(1) })
        );
    }

    #[test]
    fn events_are_read() {
        for (text, event) in [
            (r#"{"type":"welcome","resume":"t"}"#, ServerEvent::Welcome { resume: Some("t".into()) }),
            (
                r#"{"type":"joined","id":1,"room":"r","epoch":"e1","seq":4,"members":[],"recovered":false}"#,
                ServerEvent::Joined { epoch: "e1".into(), seq: 4, recovered: false },
            ),
            (
                r#"{"type":"resumed","resume":"t","rooms":{"r":{"recovered":true,"missed":3,"seq":9}}}"#,
                ServerEvent::Resumed { rejoined: true, recovered: true, seq: Some(9), resume: Some("t".into()) },
            ),
            (
                r#"{"type":"resumed","rooms":{}}"#,
                ServerEvent::Resumed { rejoined: false, recovered: true, seq: None, resume: None },
            ),
            (r#"{"type":"sent","id":2,"room":"r","seq":9,"at":"x"}"#, ServerEvent::Sent { number: Some(2), seq: 9 }),
            (
                r#"{"type":"error","id":3,"code":"rate_limited","message":"x"}"#,
                ServerEvent::Refused { number: Some(3), code: "rate_limited".into() },
            ),
            (r#"{"type":"lagged","room":"r","missed":12}"#, ServerEvent::Lagged { room: Some("r".into()), missed: 12 }),
            (
                r#"{"type":"goodbye","code":1001,"reason":"closing","reconnect":true,"retry_after_ms":2500}"#,
                ServerEvent::Goodbye { retry_after_ms: Some(2_500) },
            ),
            (r#"{"type":"subscribed","pattern":"load.*"}"#, ServerEvent::Subscribed),
            (r#"{"type":"rooms","rooms":[{"room":"r","members":2}]}"#, ServerEvent::Other),
            (r#"{"type":"join","room":"r","user":"u","at":"x"}"#, ServerEvent::Other),
            (r#"{"type":"leave","room":"r","user":"u","at":"x"}"#, ServerEvent::Other),
        ] {
            assert_eq!(parse_json(text.as_bytes()), Some(event), "{text}");
        }
        for text in ["", "[]", "{}", r#"{"type":"joined"}"#, "\u{ff}"] {
            assert_eq!(parse_json(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn lines_are_read() {
        for (line, event) in [
            ("load-1: ~#..", ServerEvent::Message { room: None, text: "~#..".into(), seq: None }),
            ("load-1 joined the room", ServerEvent::UserJoined { user: "load-1" }),
            ("* 3 messages were missed", ServerEvent::Lagged { room: None, missed: 3 }),
            ("* 1 message was missed", ServerEvent::Lagged { room: None, missed: 1 }),
            ("* 3 messages were missed, of which 2 had newer values", ServerEvent::Lagged { room: None, missed: 3 }),
            ("* You left r", ServerEvent::Left),
            ("* The server is shutting down", ServerEvent::Closing { code: 1001 }),
            ("* You are now load-1", ServerEvent::Renamed),
            (
                "Error: Rate limit exceeded; not sent: load-1",
                ServerEvent::Refused { number: None, code: "rate_limited".into() },
            ),
            ("load-1 left the room", ServerEvent::Other),
            ("* waiting: 3 ahead of you", ServerEvent::Other),
        ] {
            assert_eq!(parse_text(line), event, "{line}");
        }
    }
}
