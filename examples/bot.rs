//! A small bot: it greets users who join, and answers `!count` with the number of messages it has seen.
//!
//! `cargo run --example bot -- ws://127.0.0.1:8000 general`. It goes on over lost connections and restarts of the
//! server, and answers no message twice, because each is received once.
use roomd_client::{Client, Command, Event, Options};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, room] = &arguments[..] else { return Err("usage: bot URL ROOM".into()) };
    let mut client = Client::connect(url, Options { history: 0, ..Options::user("bot") })?;
    client.join(room)?;
    let mut count = 0_u64;
    loop {
        let text = match client.receive(Duration::MAX)? {
            Some(Event::Join { user, .. }) if user != "bot" => format!("Welcome, {user}!"),
            Some(Event::Message(message)) if message.user != "bot" => {
                count += 1;
                // A message from while the bot was offline counts, but is too old to answer.
                if message.replayed || message.text.as_deref() != Some("!count") {
                    continue;
                }
                format!("{count} messages")
            }
            _ => continue,
        };
        // Not `publish`, which would wait: while the line is broken, answers pile up and are sent later.
        client.send(Command::Publish { room: room.clone(), text })?;
    }
}
