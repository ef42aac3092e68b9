//! One map of rooms that all who send share; only joins and leaves have it alone. A member's socket has its own lock, since two
//! authors may write to it at once.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::sync::{LazyLock, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use patterns::{Client, JOINED, Name, serve, write};

// ANCHOR: rwlock
type Rooms = HashMap<Name, HashMap<u64, Mutex<TcpStream>>>;

static ROOMS: LazyLock<RwLock<Rooms>> = LazyLock::new(RwLock::default);

fn talk(mut client: Client) -> io::Result<()> {
    let socket = client.socket()?;
    write(&socket, JOINED);
    rooms_alone().entry(client.room.clone()).or_default().insert(client.number, Mutex::new(socket));
    while let Ok(lines) = client.lines() {
        for member in rooms_shared()[&client.room].values() {
            write(&member.lock().expect("nobody panics under the lock"), &lines);
        }
    }
    leave(&client);
    Ok(())
}
// ANCHOR_END: rwlock

fn leave(client: &Client) {
    let mut rooms = rooms_alone();
    let Some(members) = rooms.get_mut(&client.room) else { return };
    members.remove(&client.number);
    if members.is_empty() {
        rooms.remove(&client.room);
    }
}

fn rooms_shared() -> RwLockReadGuard<'static, Rooms> {
    ROOMS.read().expect("nobody panics under the lock")
}

fn rooms_alone() -> RwLockWriteGuard<'static, Rooms> {
    ROOMS.write().expect("nobody panics under the lock")
}

fn main() -> io::Result<()> {
    serve(talk)
}
