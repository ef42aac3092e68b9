//! A chat on fastwebsockets and tokio, as fast as this pattern is known to be: the strongest peer without an epoll loop of
//! its own.
//!
//! A room is a `tokio::sync::broadcast` channel of 1 024 frames. A message is encoded once, by its author's task, into a buffer
//! that all members share; each client has a task that reads through fastwebsockets, and one that writes all frames that
//! its channel holds in one vectored write, without a copy. `TCP_NODELAY` is set, and the runtime has a worker for each CPU it may
//! use. A newcomer is greeted, so that a load knows when it is in.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes};
use fastwebsockets::{FragmentCollectorRead, OpCode, Role, WebSocketError, after_handshake_split};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tungstenite::handshake::derive_accept_key;

const GREETING: &[u8] = b"load joined the room";
const CHANNEL_FRAMES: usize = 1024;
const REQUEST_BYTES_MAX: usize = 4096;
/// Buffers of one write, at most.
const PARTS_MAX: usize = 64;

type Rooms = Arc<Mutex<HashMap<String, broadcast::Sender<Bytes>>>>;

#[tokio::main]
async fn main() -> io::Result<()> {
    let rooms = Rooms::default();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("fastwebsockets 0.10 listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let rooms = Arc::clone(&rooms);
        tokio::spawn(async move {
            // A client that broke is gone, and that is all there is to it.
            _ = serve(stream, rooms).await;
        });
    }
}

async fn serve(mut stream: TcpStream, rooms: Rooms) -> Result<(), WebSocketError> {
    let Some(room) = upgrade(&mut stream).await? else { return Ok(()) };
    let (reading, writing) = stream.into_split();
    let (room, inbox) = {
        let mut rooms = rooms.lock().expect("nobody panics with it");
        let room = rooms.entry(room).or_insert_with(|| broadcast::channel(CHANNEL_FRAMES).0);
        (room.clone(), room.subscribe())
    };
    let writing = tokio::spawn(write(writing, inbox));
    let result = read(reading, room).await;
    writing.abort();
    result
}

/// Answers the handshake; the room that the client asked for.
async fn upgrade(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if request.len() > REQUEST_BYTES_MAX || stream.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
    }
    let text = String::from_utf8_lossy(&request);
    let room = text.lines().next().and_then(|line| line.split(['?', '&', ' ']).find_map(|field| field.strip_prefix("room=")));
    let key = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    });
    let Some(key) = key else { return Ok(None) };
    let accept = derive_accept_key(key.as_bytes());
    let mut response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    response.extend_from_slice(&frame(GREETING));
    stream.write_all(&response).await?;
    Ok(Some(room.unwrap_or_default().to_owned()))
}

/// Publishes what a client sends, until it closes.
async fn read(reading: OwnedReadHalf, room: broadcast::Sender<Bytes>) -> Result<(), WebSocketError> {
    // What is written does not go through it.
    let (reading, _) = after_handshake_split(reading, tokio::io::sink(), Role::Server);
    let mut socket = FragmentCollectorRead::new(reading);
    loop {
        // The load sends no pings.
        let message = socket.read_frame::<_, WebSocketError>(&mut |_| async { Ok(()) }).await?;
        match message.opcode {
            // It fails when nobody listens, and this client does.
            OpCode::Text => _ = room.send(frame(&message.payload)),
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}

/// Writes the frames of the room, all that are there at once.
async fn write(mut socket: OwnedWriteHalf, mut inbox: broadcast::Receiver<Bytes>) -> io::Result<()> {
    let mut frames: Vec<Bytes> = Vec::with_capacity(PARTS_MAX);
    loop {
        match inbox.recv().await {
            Ok(frame) => frames.push(frame),
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return Ok(()),
        }
        while frames.len() < PARTS_MAX {
            match inbox.try_recv() {
                Ok(frame) => frames.push(frame),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        write_all(&mut socket, &mut frames).await?;
    }
}

async fn write_all(socket: &mut OwnedWriteHalf, frames: &mut Vec<Bytes>) -> io::Result<()> {
    let mut begin = 0;
    while begin < frames.len() {
        let mut parts = [IoSlice::new(&[]); PARTS_MAX];
        frames[begin..].iter().zip(&mut parts).for_each(|(frame, part)| *part = IoSlice::new(frame));
        let mut written = socket.write_vectored(&parts[..frames.len() - begin]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while begin < frames.len() && written >= frames[begin].len() {
            written -= frames[begin].len();
            begin += 1;
        }
        if written > 0 {
            frames[begin].advance(written);
        }
    }
    frames.clear();
    Ok(())
}

/// A text frame of the server.
fn frame(payload: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    frame.push(0x81);
    match payload.len() {
        length @ 0..=125 => frame.push(length as u8),
        length @ 126..=0xffff => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame.into()
}
