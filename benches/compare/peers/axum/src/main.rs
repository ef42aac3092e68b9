//! A chat on axum, after its own chat example.
//!
//! A room is a `tokio::sync::broadcast` channel; each client is a task that forwards what the channel has to its socket,
//! and one that reads. Defaults throughout: tokio's multi-threaded runtime with a worker for each CPU it may use, and
//! axum's buffers. Beyond the example: there are rooms, TCP_NODELAY is set, a client that lags goes on instead of ending,
//! the channel holds 1 024 messages instead of 100, and a newcomer is greeted, so that a load knows when it is in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt as _;
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::broadcast::{self, error::RecvError};

const GREETING: Utf8Bytes = Utf8Bytes::from_static("load joined the room");
const CHANNEL_MESSAGES: usize = 1024;

type Rooms = Arc<Mutex<HashMap<String, broadcast::Sender<Utf8Bytes>>>>;

#[derive(Deserialize)]
struct Asked {
    room: String,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = Router::new().route("/ws", any(upgrade)).with_state(Rooms::default());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("axum 0.8 listening on http://{}", listener.local_addr()?);
    // Without it there is a delay and nothing else: an error is as good as none.
    let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
    axum::serve(listener, app).await
}

async fn upgrade(upgrade: WebSocketUpgrade, Query(asked): Query<Asked>, State(rooms): State<Rooms>) -> Response {
    upgrade.on_upgrade(move |socket| serve(socket, asked.room, rooms))
}

async fn serve(socket: WebSocket, room: String, rooms: Rooms) {
    let (mut sink, mut stream) = socket.split();
    let (sender, mut inbox) = {
        let mut rooms = rooms.lock().expect("nobody panics with it");
        let sender = rooms.entry(room).or_insert_with(|| broadcast::channel(CHANNEL_MESSAGES).0);
        (sender.clone(), sender.subscribe())
    };
    if sink.send(Message::Text(GREETING)).await.is_err() {
        return;
    }
    let mut writing = tokio::spawn(async move {
        loop {
            match inbox.recv().await {
                Ok(text) => {
                    if sink.send(Message::Text(text)).await.is_err() {
                        break;
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            }
        }
    });
    let mut reading = tokio::spawn(async move {
        while let Some(Ok(message)) = stream.next().await {
            if let Message::Text(text) = message {
                // It fails when nobody listens, and this client does.
                _ = sender.send(text);
            }
        }
    });
    tokio::select! {
        _ = &mut writing => reading.abort(),
        _ = &mut reading => writing.abort(),
    }
}
