//! Two tasks for each client on tokio, and a broadcast channel for each room: the shape that most chat examples have.
//!
//! A member's writer takes all that waits and writes it at once. Who falls 1 024 messages behind is disconnected.

use std::collections::HashMap;
use std::io;
use std::sync::{LazyLock, Mutex};

use bytes::{Bytes, BytesMut};
use patterns::{JOINED, LINE_MAX, Name, listen};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};

const BEHIND_MAX: usize = 1024;

static ROOMS: LazyLock<Mutex<HashMap<Name, Sender<Bytes>>>> = LazyLock::new(Mutex::default);

/// The channel of a room, and one more member's end of it. The lock is not held across an `await`.
fn join(room: &Name) -> (Sender<Bytes>, Receiver<Bytes>) {
    let mut rooms = ROOMS.lock().expect("nobody panics under the lock");
    let sender = rooms.entry(room.clone()).or_insert_with(|| channel(BEHIND_MAX).0).clone();
    let receiver = sender.subscribe();
    (sender, receiver)
}

// ANCHOR: tasks
async fn talk(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (input, mut output) = stream.into_split();
    let mut input = BufReader::with_capacity(LINE_MAX, input);
    let mut room = Name::new();
    input.read_until(b'\n', &mut room).await?;
    room.pop();
    let (sender, receiver) = join(&room);
    output.write_all(JOINED).await?;
    let writer = tokio::spawn(write(output, receiver));
    let mut lines = BytesMut::new();
    loop {
        let read = input.fill_buf().await?;
        let whole = read.iter().rposition(|byte| *byte == b'\n').map_or(read.len(), |at| at + 1);
        if whole == 0 || lines.len() > LINE_MAX {
            break;
        }
        lines.extend_from_slice(&read[..whole]);
        input.consume(whole);
        if lines.ends_with(b"\n") {
            // An error says that nobody is in the room.
            _ = sender.send(lines.split().freeze());
        }
    }
    writer.abort();
    Ok(())
}

/// Writes what is said in the room to one member.
async fn write(mut output: OwnedWriteHalf, mut said: Receiver<Bytes>) -> io::Result<()> {
    let mut waiting = BytesMut::new();
    loop {
        match said.recv().await {
            Ok(lines) => waiting.extend_from_slice(&lines),
            Err(RecvError::Closed | RecvError::Lagged(_)) => return Ok(()),
        }
        while let Ok(lines) = said.try_recv() {
            waiting.extend_from_slice(&lines);
        }
        output.write_all(&waiting).await?;
        waiting.clear();
    }
}
// ANCHOR_END: tasks

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = listen()?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(talk(stream));
    }
}
