//! A thread for each room, which alone has its members: it receives one command, takes what else is there, and writes to each
//! member once. The map is for looking a room up.
//!
//! A room here never ends, since to end it is a chapter of its own.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::sync::{LazyLock, Mutex};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use patterns::{Client, JOINED, Name, serve, write};

// ANCHOR: actor
enum Command {
    Join(u64, TcpStream),
    Say(Vec<u8>),
    Leave(u64),
}

const INBOX_MAX: usize = 128;

/// The body of a room's thread.
fn run(inbox: &Receiver<Command>) {
    let mut members = HashMap::new();
    let mut said = Vec::new();
    while let Ok(first) = inbox.recv() {
        for command in [first].into_iter().chain(inbox.try_iter().take(INBOX_MAX)) {
            match command {
                Command::Say(lines) => said.extend(lines),
                Command::Join(number, socket) => {
                    // What was said before is not for the newcomer.
                    deliver(&members, &mut said);
                    write(&socket, JOINED);
                    members.insert(number, socket);
                }
                Command::Leave(number) => drop(members.remove(&number)),
            }
        }
        deliver(&members, &mut said);
    }
}

fn deliver(members: &HashMap<u64, TcpStream>, said: &mut Vec<u8>) {
    if !said.is_empty() {
        members.values().for_each(|member| write(member, said));
        said.clear();
    }
}
// ANCHOR_END: actor

static ROOMS: LazyLock<Mutex<HashMap<Name, Sender<Command>>>> = LazyLock::new(Mutex::default);

/// The inbox of a room, which is opened if there is none.
fn room(name: &Name) -> io::Result<Sender<Command>> {
    let mut rooms = ROOMS.lock().expect("nobody panics under the lock");
    if let Some(inbox) = rooms.get(name) {
        return Ok(inbox.clone());
    }
    let (sender, inbox) = bounded(INBOX_MAX);
    thread::Builder::new().name(format!("room-{}", rooms.len())).spawn(move || run(&inbox))?;
    rooms.insert(name.clone(), sender.clone());
    Ok(sender)
}

fn talk(mut client: Client) -> io::Result<()> {
    let room = room(&client.room)?;
    let send = |command| room.send(command).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe));
    send(Command::Join(client.number, client.socket()?))?;
    while let Ok(lines) = client.lines() {
        send(Command::Say(lines))?;
    }
    send(Command::Leave(client.number))
}

fn main() -> io::Result<()> {
    serve(talk)
}
