//! The chat of chapter 1 without a lock: a thread owns the clients, and everybody else sends to it.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SendError, SyncSender, sync_channel};
use std::thread;

/// Commands that wait for the room, at most; whoever sends one more waits.
const INBOX_MAX: usize = 128;

// ANCHOR: room
enum Command {
    Join(usize, TcpStream),
    Say(String),
    Leave(usize),
}

/// The body of the room's thread.
fn run(inbox: &Receiver<Command>) {
    let mut members = BTreeMap::new();
    for command in inbox {
        match command {
            Command::Join(number, stream) => _ = members.insert(number, stream),
            Command::Leave(number) => _ = members.remove(&number),
            Command::Say(line) => {
                for mut member in members.values() {
                    _ = member.write_all(line.as_bytes());
                }
            }
        }
    }
}
// ANCHOR_END: room

/// The body of a client's thread.
fn converse(number: usize, stream: TcpStream, room: &SyncSender<Command>) -> Result<(), SendError<Command>> {
    let Ok(writing) = stream.try_clone() else { return Ok(()) };
    room.send(Command::Join(number, writing))?;
    let lines = BufReader::new(stream).lines();
    for line in lines.map_while(Result::ok) {
        room.send(Command::Say(format!("{line}\n")))?;
    }
    room.send(Command::Leave(number))
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7000")?;
    let (room, inbox) = sync_channel(INBOX_MAX);
    thread::spawn(move || run(&inbox));
    for (number, stream) in listener.incoming().enumerate() {
        let (stream, room) = (stream?, room.clone());
        thread::spawn(move || converse(number, stream, &room));
    }
    Ok(())
}
