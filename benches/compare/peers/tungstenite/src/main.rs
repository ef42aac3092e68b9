//! A chat on tokio-tungstenite, as one who cares for its speed writes it.
//!
//! A room is a `tokio::sync::broadcast` channel of 1 024 messages; each client is a task that reads, and one that writes
//! all that its channel has before it flushes, so that several messages are one write. Buffers are 4 KiB instead of the
//! 128 KiB that are zero-filled at each read, TCP_NODELAY is set, and the runtime has a worker for each CPU it may use. A
//! newcomer is greeted, so that a load knows when it is in.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

const GREETING: Utf8Bytes = Utf8Bytes::from_static("load joined the room");
const CHANNEL_MESSAGES: usize = 1024;
const BUFFER_BYTES: usize = 4096;

type Rooms = Arc<Mutex<HashMap<String, broadcast::Sender<Utf8Bytes>>>>;

#[tokio::main]
async fn main() -> io::Result<()> {
    let rooms = Rooms::default();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("tokio-tungstenite 0.30 listening on http://{}", listener.local_addr()?);
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

async fn serve(stream: TcpStream, rooms: Rooms) -> Result<(), Error> {
    let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES);
    let mut room = String::new();
    let note = |request: &Request, response: Response| {
        let query = request.uri().query().unwrap_or_default();
        let asked = query.split('&').find_map(|field| field.strip_prefix("room="));
        room = asked.unwrap_or_default().to_owned();
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async_with_config(stream, note, Some(config)).await?;
    let (mut sink, mut stream) = socket.split();
    let (sender, mut inbox) = {
        let mut rooms = rooms.lock().expect("nobody panics with it");
        let sender = rooms.entry(room).or_insert_with(|| broadcast::channel(CHANNEL_MESSAGES).0);
        (sender.clone(), sender.subscribe())
    };
    sink.send(Message::Text(GREETING)).await?;
    let writing = tokio::spawn(async move {
        loop {
            match inbox.recv().await {
                Ok(text) => sink.feed(Message::Text(text)).await?,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return Ok::<_, Error>(()),
            }
            loop {
                match inbox.try_recv() {
                    Ok(text) => sink.feed(Message::Text(text)).await?,
                    Err(TryRecvError::Lagged(_)) => {}
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            sink.flush().await?;
        }
    });
    while let Some(Ok(message)) = stream.next().await {
        if let Message::Text(text) = message {
            // It fails when nobody listens, and this client does.
            _ = sender.send(text);
        }
    }
    writing.abort();
    Ok(())
}
