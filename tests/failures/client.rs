//! A client without a socket: the connection is real, and its events go into a wire.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use roomd::chat::{End, UserName, Visibility};
use roomd::engine::Engine;
use roomd::engine::clients::connection::{Connection, ConnectionOptions};
use roomd::engine::clients::outbox::Outbox;
use roomd::engine::clients::writer;
use roomd::engine::guards::address::ClientAddress;
use roomd::wire::{Encoding, json};
use serde_json::{Value, json};

use crate::wire::Wire;

/// See the module.
pub struct Client {
    pub name: &'static str,
    pub wire: Arc<Wire>,
    /// `None` when it is over.
    connection: Option<Box<Connection>>,
    /// Commands that want an answer, by their ids.
    pub asked: BTreeMap<String, Value>,
}

impl Client {
    /// A client that connects, and is in no room.
    pub fn enter(engine: &Arc<Engine>, name: &'static str, wire: Arc<Wire>) -> io::Result<Self> {
        let outbox = Outbox::new(&engine.metrics.outbox_total, Arc::clone(&wire) as _, &engine.limits.load(), None);
        let writing = Arc::clone(&outbox);
        engine.threads.spawn("writer", move || writer::run(writing))?;
        let door = ConnectionOptions {
            encoding: Encoding::Json,
            echo: true,
            visibility: Visibility::Announced,
            join_history: 0,
            address: ClientAddress::IN_PROCESS,
        };
        let connection = Connection::open(engine, outbox, door, UserName::parse(name).unwrap().into());
        Ok(Self { name, wire, connection: Some(connection), asked: BTreeMap::new() })
    }

    /// Sends a command, and closes the connection when it has to end, as its reader would.
    pub fn send(&mut self, command: &Value) {
        let Some(connection) = &mut self.connection else { return };
        let end = connection.handle(json::parse(&command.to_string())).or_else(|| connection.ended());
        if let Some(end) = end {
            self.close(end);
        }
    }

    /// Sends a command with an id of its own.
    pub fn ask(&mut self, mut command: Value) -> String {
        let id = format!("{}-{}", self.name, self.asked.len());
        command["id"] = json!(id);
        self.send(&command);
        self.asked.insert(id.clone(), command);
        id
    }

    /// Joins a room; a join that was refused is tried again, once.
    pub fn join(&mut self, command: &Value) {
        let id = self.ask(command.clone());
        if self.answers(&id).iter().any(|answer| answer["type"] == "error") {
            self.ask(command.clone());
        }
    }

    /// The answers with this id.
    pub fn answers(&self, id: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["id"] == id).collect()
    }

    /// Its events.
    pub fn events(&self) -> Vec<Value> {
        self.wire.events()
    }

    /// Ends its connection, if that is not over.
    pub fn close(&mut self, end: End) {
        if let Some(connection) = self.connection.take() {
            connection.close(end);
        }
    }
}
