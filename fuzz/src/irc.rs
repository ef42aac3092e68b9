//! The IRC port: bytes in arbitrary chunks, cut into lines and parsed; and lines that are printed of what was said.
//!
//! Exercises `net::irc::reader` and `wire::irc`. The first byte says how the rest is cut; the same lines must come out
//! however it is. What a line says is then said by a user, and printed for a client of RFC 1459 and for one that has
//! negotiated everything: each line fits, and ends where it ends.

use std::sync::Arc;

use roomd::chat::{Authors, Body, Event, Message, RoomName, Time, UserName};
use roomd::net::irc::reader::{IrcInput, IrcLines};
use roomd::wire::irc::{Context, LINE_BYTES, Line, PrintOptions, Traits, channel, nick, print, room, user};

/// Feeds one input.
///
/// # Panics
/// When something does not hold that must.
pub fn run(input: &[u8]) {
    let [cuts, bytes @ ..] = input else { return };
    let whole = lines(bytes, bytes.len().max(1));
    assert_eq!(whole, lines(bytes, usize::from(cuts % 32) + 1), "the same lines in chunks");
    for line in whole {
        if let IrcInput::Line(text) = line {
            handle(&text);
        }
    }
}

fn lines(bytes: &[u8], chunk: usize) -> Vec<IrcInput> {
    let (mut lines, mut all) = (IrcLines::default(), Vec::new());
    for mut bytes in bytes.chunks(chunk) {
        while let Some(line) = lines.next(&mut bytes) {
            all.push(line);
        }
        assert!(bytes.is_empty(), "every byte is taken");
    }
    all
}

fn handle(text: &str) {
    let Some(Line { command, params, .. }) = Line::parse(text) else { return };
    assert!(!command.is_empty() && params.len() <= 15);
    for param in &params {
        if let Ok(name) = room(param) {
            assert_eq!(room(&channel(&name)), Ok(name), "a channel is found by its name");
        }
        if let Ok(name) = user(param) {
            assert_eq!(user(&nick(&name)), Ok(name), "a user is found by the nick");
        }
    }
    let context = Context { nick: "n".to_owned(), echo: text.to_owned(), ..Context::default() };
    assert_eq!(Context::of_id(&context.to_id()), Some(context));
    let name = |at: usize| params.get(at).and_then(|param| UserName::parse(param).ok());
    let author = name(0).unwrap_or_else(|| UserName::guest(7));
    let place = params.first().and_then(|param| RoomName::parse(param).ok());
    let place = place.unwrap_or_else(|| RoomName::parse("lobby").expect("it is a name"));
    let said = Message::new(place, author, Body::Text(text.into()), 1, Time(0));
    let event = Event::Message(Arc::new(Message { to: name(1), ..said }));
    for traits in [Traits::NONE, Traits::ALL] {
        let options = PrintOptions { traits, epoch: "e", authors: &Authors::default() };
        print(&event, None, options, check);
    }
}

/// A line is UTF-8, fits, and holds no end of a line.
fn check(line: &[u8]) {
    let line = std::str::from_utf8(line).expect("a line is UTF-8");
    let (tags, rest) = if line.starts_with('@') { line.split_once(' ').expect("a command") } else { ("", line) };
    assert!(rest.len() <= LINE_BYTES && tags.len() <= 4095, "{line:?}");
    assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
}
