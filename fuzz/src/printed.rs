//! Reads back what the server prints, in every encoding, and asserts that a client can.
//!
//! Called by `World` for each event. Frames and lines are read by code of this file, so that a
//! mistake in writing them is not repeated in reading them; JSON is read by serde_json.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roomd::chat::{Body, Event, Id};
use roomd::wire::codec::GroupEncoding;
use roomd::wire::{Encoder, Encoding, text};
use serde_json::Value;
use serde_json::value::RawValue;

type Object<'a> = BTreeMap<String, &'a RawValue>;

/// Prints `event` in every encoding and reads it back.
///
/// # Panics
/// When a client could not read it, or not tell it from something else.
pub fn check(encoder: &mut Encoder, event: &Event, id: Option<&Id>) {
    let lines = text(event);
    for encoding in Encoding::SAMPLES {
        let mut out = b"before".to_vec();
        let any = encoder.encode(event, id, encoding, &mut out);
        assert_eq!(any, out.len() > 6, "{encoding:?} says whether it printed {event:?}");
        let bytes = out.strip_prefix(b"before").expect("what was there stays");
        match encoding {
            Encoding::TextLines => {
                let expected: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
                assert_eq!(bytes, expected.as_bytes());
            }
            Encoding::TextFrames => assert_eq!(texts(bytes), lines),
            Encoding::TextLinesOfPattern => {
                let expected: String = heard(event, &lines).iter().flat_map(|line| [line, "\n"]).collect();
                assert_eq!(bytes, expected.as_bytes());
            }
            Encoding::TextFramesOfPattern => assert_eq!(texts(bytes), heard(event, &lines)),
            Encoding::Json => json(&texts(bytes), event, id, "room"),
            Encoding::JsonTopic => json(&texts(bytes), event, id, "topic"),
            Encoding::BinaryJson => json(&heads(bytes, event), event, id, "room"),
            Encoding::BinaryJsonTopic => json(&heads(bytes, event), event, id, "topic"),
            Encoding::JsonLines => json(&units(bytes, "\n"), event, id, "room"),
            // What it says is the business of its own reader; here no line passes for two.
            Encoding::Irc(_) => units(bytes, "\r\n").iter().for_each(|line| {
                assert!(!line.is_empty() && !line.contains(['\r', '\n', '\0']), "{line:?} of {event:?}");
            }),
            Encoding::EventStream => json(&event_data(bytes), event, id, "room"),
            Encoding::Group(_) if event.is_for_one_of_a_group() => assert_eq!(bytes, b""),
            Encoding::Group(GroupEncoding::TextLines) => {
                let expected: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
                assert_eq!(bytes, expected.as_bytes());
            }
            Encoding::Group(GroupEncoding::BinaryJson) => json(&heads(bytes, event), event, id, "room"),
            Encoding::Group(_) => json(&texts(bytes), event, id, "topic"),
        }
    }
}

/// The lines of the text dialect.
fn text(event: &Event) -> Vec<String> {
    let mut lines = Vec::new();
    text::print(event, |line| {
        assert!(!line.is_empty(), "an empty line says nothing: {event:?}");
        // What begins a further line of a message is indented: it passes for nothing else.
        for part in line.split('\n').skip(1) {
            assert!(part.starts_with("    "), "{line:?} of {event:?}");
        }
        let control = line.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        assert_eq!(control, None, "{line:?} of {event:?}");
        lines.push(line.to_owned());
    });
    lines
}

/// The same lines of a room that the client hears by a pattern.
fn heard(event: &Event, lines: &[String]) -> Vec<String> {
    let place = match event {
        Event::Message(message) => format!("[{}] ", message.room),
        Event::Edit { room, .. }
        | Event::Join { room, .. }
        | Event::Leave { room, .. }
        | Event::Lagged { room, .. } => {
            format!("[{room}] ")
        }
        _ => String::new(),
    };
    lines.iter().map(|line| format!("{place}{line}")).collect()
}

/// The texts that each end so.
fn units(bytes: &[u8], end: &str) -> Vec<String> {
    let text = std::str::from_utf8(bytes).expect("it is UTF-8");
    let parts: Vec<_> = text.split(end).map(str::to_owned).collect();
    let (rest, whole) = parts.split_last().expect("there is one part at least");
    assert_eq!(rest, "", "each ends with its end: {text:?}");
    whole.to_vec()
}

/// The data of Server-Sent Events, each of which is one line behind its other fields.
fn event_data(bytes: &[u8]) -> Vec<String> {
    let data = |block: String| {
        let at = if block.starts_with("data: ") { 0 } else { block.find("\ndata: ").expect("an event has data") + 1 };
        let (fields, data) = (&block[..at], &block[at + "data: ".len()..]);
        let known = |field: &str| field.starts_with("id: ") || field.starts_with("retry: ");
        assert!(fields.lines().all(known) && !data.contains(['\n', '\r']), "{block:?}");
        data.to_owned()
    };
    units(bytes, "\n\n").into_iter().map(data).collect()
}

fn json(texts: &[String], event: &Event, id: Option<&Id>, place: &str) {
    let [text] = texts else {
        let is_for_people = matches!(
            event,
            Event::Entered { .. }
                | Event::Greeting { .. }
                | Event::Named { .. }
                | Event::Session { .. }
                | Event::EndAsked { .. }
                | Event::ReceiptsAsked { .. }
                | Event::Reached { .. }
                | Event::Help
        );
        assert!(texts.is_empty() && (is_for_people || matches!(event, Event::Audit { .. })), "{event:?}: {texts:?}");
        return;
    };
    let object = object(text);
    assert!(object.get("type").is_some_and(|kind| kind.get().starts_with('"')), "{text}");
    let printed = object.get("id").map(|raw| serde_json::from_str::<Id>(raw.get()).expect("an id"));
    assert_eq!(printed.as_ref(), id, "{text}");
    let other = if place == "room" { "topic" } else { "room" };
    assert!(!object.contains_key(other), "{text}");
    match event {
        Event::History { messages, .. } => {
            let list: Vec<&RawValue> = serde_json::from_str(object["messages"].get()).expect("a list");
            assert_eq!(list.len(), messages.len());
            list.iter().for_each(|raw| _ = self::object(raw.get()));
        }
        Event::Message(message) => carries(&object, &message.body),
        Event::Edit { body, .. } => carries(&object, body),
        _ => {}
    }
}

fn carries(object: &Object<'_>, body: &Body) {
    match body {
        Body::Text(request) => {
            assert_eq!(serde_json::from_str::<String>(object["message"].get()).ok().as_deref(), Some(&**request));
        }
        Body::Cipher(request) => assert_eq!(object["cipher"].get(), &**request),
        Body::Data(bytes) => {
            let printed: String = serde_json::from_str(object["data"].get()).expect("a text");
            assert_eq!(STANDARD.decode(printed).ok().as_deref(), Some(&**bytes));
        }
        Body::Deleted(_) => {
            assert!(["message", "cipher", "data"].iter().all(|field| !object.contains_key(*field)));
        }
    }
}

/// An object whose every value can be read. What the server carries without reading it only has to
/// be JSON: its numbers may be too large, and its nesting too deep, for a `Value`.
fn object(text: &str) -> Object<'_> {
    let object: Object<'_> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    for (name, raw) in &object {
        if !matches!(name.as_str(), "cipher" | "payload" | "messages") {
            _ = serde_json::from_str::<Value>(raw.get()).unwrap_or_else(|error| panic!("{error}: {name} of {text}"));
        }
    }
    object
}

fn texts(bytes: &[u8]) -> Vec<String> {
    let text = |(opcode, payload): (u8, &[u8])| {
        assert_eq!(opcode, 1, "events are text frames");
        String::from_utf8(payload.to_vec()).expect("a text frame is UTF-8")
    };
    frames(bytes).into_iter().map(text).collect()
}

/// The objects in frames of which those with data are binary, each with its data in its place.
fn heads(bytes: &[u8], event: &Event) -> Vec<String> {
    let Some(data) = event.data() else { return texts(bytes) };
    let head = |(opcode, payload): (u8, &[u8])| {
        assert_eq!(opcode, 2, "bytes are binary frames");
        let (length, rest) = payload.split_first_chunk().expect("a length of four bytes");
        let (head, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        assert_eq!(rest, data);
        let head = std::str::from_utf8(head).expect("a head is UTF-8").strip_suffix('}').expect("an object");
        format!("{head},\"data\":\"{}\"}}", STANDARD.encode(data))
    };
    frames(bytes).into_iter().map(head).collect()
}

/// Reads the frames of a server: whole, unmasked, with the shortest length (RFC 6455 §5.2).
///
/// # Panics
/// When they are not that.
#[must_use]
pub fn frames(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert_eq!(first & 0xf0, 0x80, "a final frame without extensions");
        assert_eq!(second & 0x80, 0, "a server does not mask");
        let (length, rest) = match second & 0x7f {
            126 => {
                let (length, rest) = rest.split_first_chunk().expect("a length of two bytes");
                (u64::from(u16::from_be_bytes(*length)), rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk().expect("a length of eight bytes");
                (u64::from_be_bytes(*length), rest)
            }
            short => (u64::from(short), rest),
        };
        let shortest = match second & 0x7f {
            126 => (126..=0xffff).contains(&length),
            127 => length > 0xffff,
            _ => true,
        };
        assert!(shortest, "a length of {length} in the shortest form");
        let (payload, rest) = rest.split_at(usize::try_from(length).expect("64 bits"));
        frames.push((first & 0x0f, payload));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "a whole frame");
    frames
}
