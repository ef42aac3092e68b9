//! What a client says that has no reply: receipts, typing, presence, and any other command of that kind.
//!
//! On the caller's thread, which blocks on nothing but writing to the socket. A refusal comes as an event.

use serde_json::Value;

use super::super::command::Receipt;
use super::super::error::Error;
use super::{Client, object};

impl Client {
    /// Reports that the messages of a room up to this number have arrived; their authors are told. It is reported
    /// again after a broken connection. Blocks only on writing to the socket.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// let sent = client.publish("general", "hello")?;
    /// client.received("general", sent.seq)?;
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn received(&mut self, room: &str, seq: u64) -> Result<(), Error> {
        self.report_receipt(room, Receipt::Received, seq)
    }

    /// Reports that the user has read the messages of a room up to this number, as [`Client::received`] does.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// let sent = client.publish("general", "hello")?;
    /// client.read("general", sent.seq)?;
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn read(&mut self, room: &str, seq: u64) -> Result<(), Error> {
        self.report_receipt(room, Receipt::Read, seq)
    }

    /// Tells a room that the user is typing, or no longer. Does nothing while there is no connection; blocks
    /// only on writing to the socket.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// client.typing("general", true)?;
    /// client.publish("general", "this took a while")?;
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn typing(&mut self, room: &str, typing: bool) -> Result<(), Error> {
        self.state_machine.set_typing(room, typing);
        self.perform_outputs();
        self.check_open()
    }

    /// Says that the user is away, with a note of at most 200 bytes that may be empty, or with `None` back.
    /// The client says it again on each connection; [`Event::Refused`](crate::Event::Refused) reports a note that the server
    /// rejects. Blocks only on writing to the socket.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// client.away(Some("at lunch"))?;
    /// client.away(None)?;
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn away(&mut self, note: Option<&str>) -> Result<(), Error> {
        self.state_machine.set_away(note.map(str::to_owned));
        self.perform_outputs();
        self.check_open()
    }

    /// Sends any other command that has no reply, such as `offer`; a refusal of it is an [`Event::Refused`](crate::Event::Refused). False
    /// while there is no connection: it is not sent then. Blocks only on writing to the socket.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// use serde_json::json;
    ///
    /// let is_sent = client.tell(json!({"type": "hangup", "to": "Bob"}))?;
    /// assert!(is_sent);
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no object with a `type`; [`Error::Closed`].
    pub fn tell(&mut self, command: Value) -> Result<bool, Error> {
        let is_sent = self.state_machine.tell(object(command)?);
        self.perform_outputs();
        self.check_open().map(|()| is_sent)
    }

    fn report_receipt(&mut self, room: &str, receipt: Receipt, seq: u64) -> Result<(), Error> {
        self.state_machine.report_receipt(room, receipt, seq);
        self.perform_outputs();
        self.check_open()
    }
}
