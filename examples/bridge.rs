//! A bridge: what is said in a room of one server is said in a room of another, and the other way round.
//!
//! `cargo run --example bridge -- ws://127.0.0.1:8000 lobby ws://127.0.0.1:9000 lobby`. A message keeps its author's name
//! in its text, and its number as its id there: however often the bridge is restarted, nothing is said twice.
use roomd_client::{Client, Command, Event, Options};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, room, other_url, other_room] = &arguments[..] else {
        return Err("usage: bridge URL ROOM URL ROOM".into());
    };
    let connect = |url: &str| Client::connect(url, Options { history: 200, ..Options::user("bridge") });
    let mut clients = [connect(url)?, connect(other_url)?];
    let epochs = [clients[0].join(room)?.epoch, clients[1].join(other_room)?.epoch];
    loop {
        for (from, to, room) in [(0, 1, other_room), (1, 0, room)] {
            // Each end is asked in turn: a program with many of them would give each a thread.
            let Some(Event::Message(message)) = clients[from].receive(Duration::from_millis(50))? else { continue };
            let (Some(text), true) = (&message.text, message.user != "bridge") else { continue };
            let command = Command::Publish { room: room.clone(), text: format!("<{}> {text}", message.user) };
            clients[to].send_with_mid(&format!("{}-{}", epochs[from], message.seq), command)?;
        }
    }
}
