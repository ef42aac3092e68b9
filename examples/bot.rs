//! A small bot: it greets users who join, and answers `!count` with the number of messages it has seen.
//!
//! `cargo run --example bot -- ws://127.0.0.1:8000 general`. It goes on over lost connections and
//! restarts of the server, and answers no message twice, because each is received once.

use std::process::ExitCode;
use std::time::Duration;

use roomd_client::{Client, Command, Error, Event, Options};

const NAME: &str = "bot";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, room] = &arguments[..] else {
        eprintln!("usage: bot URL ROOM");
        return ExitCode::from(2);
    };
    let Err(error) = run(url, room);
    eprintln!("bot: {error}");
    ExitCode::FAILURE
}

/// Runs until an error.
fn run(url: &str, room: &str) -> Result<std::convert::Infallible, Error> {
    let mut client = Client::connect(url, Options { history: 0, ..Options::user(NAME) })?;
    client.join(room)?;
    let mut count = 0_u64;
    loop {
        // A bot with something else to do would wait for a shorter time.
        let Some(event) = client.receive(Duration::MAX)? else { continue };
        let text = match event {
            // A message from while the bot was offline counts, but is too old to answer.
            Event::Message(message) if message.user != NAME => {
                count += 1;
                let asked = message.text.as_deref() == Some("!count") && !message.replayed;
                asked.then(|| format!("{count} messages"))
            }
            Event::Join { user, .. } if user != NAME => Some(format!("Welcome, {user}!")),
            Event::Gap(gap) => {
                eprintln!("bot: messages of {} were missed: {}", gap.room, gap.reason);
                None
            }
            _ => None,
        };
        if let Some(text) = text {
            // Not `publish`, which would wait: while the line is broken, greetings pile up and are sent
            // later, up to `Options::pending_max`.
            client.send(Command::Publish { room: room.to_owned(), text })?;
        }
    }
}
