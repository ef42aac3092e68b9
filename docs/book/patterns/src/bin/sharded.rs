//! The map of rooms in sixteen parts, each under a mutex of its own: rooms in different parts do not wait for each other.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::TcpStream;
use std::sync::{LazyLock, Mutex, MutexGuard};

use patterns::{Client, JOINED, Name, serve, write};

// ANCHOR: sharded
const SHARDS: usize = 16;

type Rooms = HashMap<Name, HashMap<u64, TcpStream>>;

static SHARD: LazyLock<(RandomState, [Mutex<Rooms>; SHARDS])> = LazyLock::new(Default::default);

/// The part of the map in which this room is.
fn rooms(room: &Name) -> MutexGuard<'static, Rooms> {
    let (hasher, shards) = &*SHARD;
    let at = hasher.hash_one(room) as usize % SHARDS;
    shards[at].lock().expect("nobody panics under the lock")
}
// ANCHOR_END: sharded

fn talk(mut client: Client) -> io::Result<()> {
    let socket = client.socket()?;
    write(&socket, JOINED);
    rooms(&client.room).entry(client.room.clone()).or_default().insert(client.number, socket);
    while let Ok(lines) = client.lines() {
        rooms(&client.room)[&client.room].values().for_each(|member| write(member, &lines));
    }
    leave(&client);
    Ok(())
}

fn leave(client: &Client) {
    let mut rooms = rooms(&client.room);
    let Some(members) = rooms.get_mut(&client.room) else { return };
    members.remove(&client.number);
    if members.is_empty() {
        rooms.remove(&client.room);
    }
}

fn main() -> io::Result<()> {
    serve(talk)
}
