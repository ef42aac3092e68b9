//! Reads everything that a room keeps, oldest first, and prints one JSON object a line.
//!
//! `cargo run --example backup_reader -- ws://127.0.0.1:8000 lobby > lobby.jsonl`. With a number as third argument it
//! begins behind that message, so that the next run adds what is new.
use roomd_client::{Client, Options};
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, room, after @ ..] = &arguments[..] else { return Err("usage: backup_reader URL ROOM [AFTER]".into()) };
    let mut after: u64 = after.first().map_or(Ok(0), |number| number.parse())?;
    let mut client = Client::connect(url, Options { history: 0, ..Options::default() })?;
    client.join(room)?;
    loop {
        let page = client.history_after(room, after, 300)?;
        for message in &page.messages {
            let (seq, at, user, text) = (message.seq, &message.at, &message.user, &message.text);
            println!("{}", json!({"seq": seq, "at": at, "user": user, "message": text}));
            after = seq;
        }
        if page.complete || page.messages.is_empty() {
            client.close();
            return Ok(());
        }
    }
}
