//! One map of rooms under one mutex, which is held while a message is written to each member.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::sync::{LazyLock, Mutex, MutexGuard};

use patterns::{Client, JOINED, Name, serve, write};

// ANCHOR: mutex
type Rooms = HashMap<Name, HashMap<u64, TcpStream>>;

static ROOMS: LazyLock<Mutex<Rooms>> = LazyLock::new(Mutex::default);

fn talk(mut client: Client) -> io::Result<()> {
    let socket = client.socket()?;
    write(&socket, JOINED);
    rooms().entry(client.room.clone()).or_default().insert(client.number, socket);
    while let Ok(lines) = client.lines() {
        rooms()[&client.room].values().for_each(|member| write(member, &lines));
    }
    leave(&client);
    Ok(())
}
// ANCHOR_END: mutex

fn leave(client: &Client) {
    let mut rooms = rooms();
    let Some(members) = rooms.get_mut(&client.room) else { return };
    members.remove(&client.number);
    if members.is_empty() {
        rooms.remove(&client.room);
    }
}

fn rooms() -> MutexGuard<'static, Rooms> {
    ROOMS.lock().expect("nobody panics under the lock")
}

fn main() -> io::Result<()> {
    serve(talk)
}
