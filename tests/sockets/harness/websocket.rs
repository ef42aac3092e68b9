//! A WebSocket client, in either dialect.

use std::io::ErrorKind;

use serde_json::{Value, json};
use tungstenite::protocol::Role;
use tungstenite::{Error, Message, WebSocket};

use super::{Http, Stream, TestServer};

/// See the module.
pub struct WebSocketClient {
    socket: WebSocket<Stream>,
}

/// How a connection ended.
#[derive(Debug)]
pub struct Ending {
    /// Texts that came before.
    pub received: Vec<String>,
    /// The code of the close frame; `None` when there was none.
    pub code: Option<u16>,
    /// Its reason.
    pub reason: String,
}

impl Ending {
    /// The last event that came before, of a JSON client.
    pub fn goodbye(&self) -> Value {
        serde_json::from_str(self.received.last().unwrap()).unwrap()
    }
}

impl WebSocketClient {
    /// Connects to this path, and has received nothing yet.
    pub fn open(server: &TestServer, path: &str) -> Self {
        Self::over(server.http(), path)
    }

    /// Takes a socket that is connected.
    pub fn over(stream: impl Into<Stream>, path: &str) -> Self {
        let (answer, http) = Http::over(stream).upgrade(path, "");
        assert_eq!(answer.status, 101, "no WebSocket: {answer:?}");
        Self::after(http)
    }

    /// Takes a connection behind its handshake.
    pub fn after(http: Http) -> Self {
        let (stream, tail) = http.into_parts();
        Self { socket: WebSocket::from_partially_read(stream, tail, Role::Client, None) }
    }

    /// A member of a room that speaks text.
    pub fn text(server: &TestServer, room: &str, user: &str) -> Self {
        let mut client = Self::open(server, &format!("/ws?room={room}&user={user}"));
        client.wait_for(&format!("{user} joined the room"));
        client
    }

    /// A member of a room that speaks JSON.
    pub fn json(server: &TestServer, room: &str, user: &str) -> Self {
        let mut client = Self::open(server, &format!("/ws?room={room}&user={user}&format=json"));
        client.wait_for_type("joined");
        client
    }

    /// A JSON client in no room.
    pub fn multi(server: &TestServer, user: &str) -> Self {
        let mut client = Self::open(server, &format!("/ws?user={user}&format=json"));
        client.wait_for_type("welcome");
        client
    }

    /// Sends a text.
    pub fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).unwrap();
    }

    /// Sends a binary frame.
    #[cfg(all(feature = "jwt", feature = "sqlite"))]
    pub fn say_binary(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::binary(bytes)).unwrap();
    }

    /// Reads up to a binary frame.
    #[cfg(all(feature = "jwt", feature = "sqlite"))]
    pub fn wait_for_binary(&mut self) -> Vec<u8> {
        loop {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => return bytes.to_vec(),
                Ok(Message::Text(_)) => {}
                Ok(Message::Ping(_)) => self.socket.flush().unwrap(),
                other => panic!("no binary frame: {other:?}"),
            }
        }
    }

    /// Sends a command.
    pub fn command(&mut self, command: &Value) {
        self.say(&command.to_string());
    }

    /// Sends a message to a room, in JSON.
    pub fn publish(&mut self, room: &str, message: &str) {
        self.command(&json!({"type": "message", "room": room, "message": message}));
    }

    /// Sends a command with an id, and waits for the reply to it.
    pub fn ask(&mut self, mut command: Value) -> Value {
        command["id"] = json!("asked");
        self.command(&command);
        self.answer("asked").unwrap_or_else(|code| panic!("the connection was closed with {code}"))
    }

    /// Reads what its room has sent to it up to now, in JSON.
    pub fn settle(&mut self, room: &str) -> Vec<Value> {
        self.command(&json!({"type": "members", "room": room, "id": "settle"}));
        let mut before = Vec::new();
        loop {
            let event = self.event();
            if event["id"] == "settle" {
                return before;
            }
            before.push(event);
        }
    }

    /// The next text.
    pub fn receive(&mut self) -> String {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return text.to_string(),
                Ok(Message::Ping(_)) => self.socket.flush().unwrap(),
                other => panic!("no text: {other:?}"),
            }
        }
    }

    /// The answer to a command with this id; the error is the code with which the connection was closed instead.
    pub fn answer(&mut self, id: &str) -> Result<Value, u16> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let event: Value = serde_json::from_str(&text).unwrap();
                    if event["id"] == id {
                        return Ok(event);
                    }
                }
                Ok(Message::Ping(_)) => self.socket.flush().unwrap(),
                Ok(Message::Close(Some(frame))) => return Err(frame.code.into()),
                other => panic!("no answer: {other:?}"),
            }
        }
    }

    /// Waits for a ping, and answers it.
    pub fn ping(&mut self) {
        match self.socket.read() {
            Ok(Message::Ping(_)) => self.socket.flush().unwrap(),
            other => panic!("no ping: {other:?}"),
        }
    }

    /// The next text is this one.
    #[track_caller]
    pub fn receives(&mut self, text: &str) {
        assert_eq!(self.receive(), text);
    }

    /// Reads up to a text; what came before it.
    pub fn wait_for(&mut self, text: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let received = self.receive();
            if received == text {
                return before;
            }
            before.push(received);
        }
    }

    /// The next event.
    pub fn event(&mut self) -> Value {
        let text = self.receive();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
    }

    /// The next event has this type.
    #[track_caller]
    pub fn event_of(&mut self, kind: &str) -> Value {
        let event = self.event();
        assert_eq!(event["type"], kind, "{event}");
        event
    }

    /// Reads up to an event of this type.
    pub fn wait_for_type(&mut self, kind: &str) -> Value {
        loop {
            let event = self.event();
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// The next event is an error with this code, and the connection goes on.
    #[track_caller]
    pub fn refused(&mut self, code: &str) -> Value {
        let event = self.event_of("error");
        assert_eq!(event["code"], code, "{event}");
        event
    }

    /// Closes the WebSocket, and waits for the server's answer.
    pub fn leave(mut self) {
        self.socket.close(None).unwrap();
        self.ending();
    }

    /// Reads up to the end of the connection.
    pub fn ending(&mut self) -> Ending {
        let mut ending = Ending { received: Vec::new(), code: None, reason: String::new() };
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => ending.received.push(text.to_string()),
                Ok(Message::Close(Some(frame))) => {
                    (ending.code, ending.reason) = (Some(frame.code.into()), frame.reason.to_string());
                }
                Ok(_) => {}
                Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_)) => return ending,
                Err(Error::Io(error)) if error.kind() == ErrorKind::ConnectionReset => return ending,
                Err(error) => panic!("no end: {error}"),
            }
        }
    }

    /// The stream, to send invalid frames, or to read nothing.
    pub fn stream(&mut self) -> &mut Stream {
        self.socket.get_mut()
    }
}
