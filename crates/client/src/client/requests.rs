//! The requests of a client that wait for their reply: one method for each.
//!
//! Each makes a [`Command`], hands it to the driver, and takes the value out of the response. On the caller's thread,
//! which waits over as many connections as it takes.

use serde_json::Value;

use super::super::command::Command;
use super::super::error::Error;
use super::super::group::Group;
use super::super::response::{History, Joined, Members, Response, RoomSummary, Sent};
use super::{Client, object};

impl Client {
    /// Joins a room. Blocks until the server answers.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// let joined = client.join("general")?;
    /// assert_eq!((joined.seq, joined.members), (0, vec!["Ann".to_owned()]));
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Full`], [`Error::Unexpected`] or [`Error::Closed`], as for every method
    /// that makes a request and waits.
    pub fn join(&mut self, room: &str) -> Result<Joined, Error> {
        match self.request(Command::Join { room: room.to_owned() })? {
            Response::Joined(joined) => Ok(joined),
            other => Err(unexpected(&other)),
        }
    }

    /// Joins a room, and is sent the newest message of each key in place of the newest messages; all of them, or none and
    /// `joined.recovered` is false. Blocks as [`Client::join`] does.
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn join_latest(&mut self, room: &str) -> Result<Joined, Error> {
        match self.request(Command::JoinLatest { room: room.to_owned() })? {
            Response::Joined(joined) => Ok(joined),
            other => Err(unexpected(&other)),
        }
    }

    /// Joins a room as a member of a group: of what is published from now on each message goes to one of the members, in
    /// turn, and to everybody who is in no group. It is this program's until it is [`Client::done`], the connection is
    /// lost, or its time is over; then it is another's. Blocks as [`Client::join`] does.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use roomd_client::{Client, Event, Group, Options};
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// let mut worker = Client::connect(&url, Options::user("worker-1"))?;
    /// worker.join_group("jobs", Group::new("workers"))?;
    /// let mut client = Client::connect(&url, Options::user("Ann"))?;
    /// client.join("jobs")?;
    /// client.publish("jobs", "resize cat.png")?;
    /// let job = loop {
    ///     if let Some(Event::Message(message)) = worker.receive(Duration::from_secs(10))? {
    ///         break message;
    ///     }
    /// };
    /// assert_eq!((job.text.as_deref(), job.redelivered), (Some("resize cat.png"), false));
    /// worker.done("jobs", job.seq)?;
    /// assert!(worker.done("jobs", job.seq).is_err());
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn join_group(&mut self, room: &str, group: Group) -> Result<Joined, Error> {
        match self.request(Command::JoinGroup { room: room.to_owned(), group })? {
            Response::Joined(joined) => Ok(joined),
            other => Err(unexpected(&other)),
        }
    }

    /// Says that a message which the group has given to this program is done. Blocks until the server answers.
    ///
    /// # Errors
    /// As [`Client::join`]; `not_found`: it is not this program's, or no longer.
    pub fn done(&mut self, room: &str, seq: u64) -> Result<(), Error> {
        self.request(Command::Done { room: room.to_owned(), seq }).map(|_| ())
    }

    /// Leaves a room. Blocks until the server answers.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// client.leave("general")?;
    /// assert!(client.publish("general", "hello?").is_err());
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn leave(&mut self, room: &str) -> Result<(), Error> {
        self.request(Command::Leave { room: room.to_owned() }).map(|_| ())
    }

    /// Publishes to a room that the client is in: UTF-8 of any length up to the server's limit. Blocks until
    /// the server has accepted the message. It is published once, however often the connection breaks, as
    /// long as the server remembers message ids (docs/protocol.md, "What is promised").
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// let sent = client.publish("general", "hello")?;
    /// assert_eq!((sent.seq, sent.duplicate), (1, false));
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::join`]. After [`Error::Closed`] the message may or may not have been published; it is
    /// among [`Client::unsent`].
    pub fn publish(&mut self, room: &str, text: &str) -> Result<Sent, Error> {
        match self.request(Command::Publish { room: room.to_owned(), text: text.to_owned() })? {
            Response::Sent(sent) => Ok(sent),
            other => Err(unexpected(&other)),
        }
    }

    /// Publishes to a room if its newest message has the number `if_seq`, 0 for none: of several who do so at once, one
    /// succeeds. Blocks as [`Client::publish`] does.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// use roomd_client::Error;
    ///
    /// client.join("board")?;
    /// let first = client.publish_if("board", 0, "x takes the middle")?;
    /// let Err(Error::Refused(refusal)) = client.publish_if("board", 0, "o takes the middle") else { panic!() };
    /// assert_eq!((&*refusal.code, refusal.seq), ("conflict", Some(first.seq)));
    /// client.publish_if("board", first.seq, "o takes a corner")?;
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::publish`]; [`Error::Refused`] with the code `conflict` and the number of the newest message if that is
    /// another one.
    pub fn publish_if(&mut self, room: &str, if_seq: u64, text: &str) -> Result<Sent, Error> {
        match self.request(Command::PublishIf { room: room.to_owned(), if_seq, text: text.to_owned() })? {
            Response::Sent(sent) => Ok(sent),
            other => Err(unexpected(&other)),
        }
    }

    /// Publishes to those who are in a room: the message is kept nowhere, and stands in the order behind the stored message
    /// `seq` of the result, as the `ephemeral`-th of its kind. Blocks as [`Client::publish`] does; a message that is sent
    /// again because the connection broke may be shown twice.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("game")?;
    /// client.publish("game", "the game begins")?;
    /// let sent = client.publish_ephemeral("game", "left")?;
    /// assert_eq!((sent.seq, sent.ephemeral), (1, Some(1)));
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn publish_ephemeral(&mut self, room: &str, text: &str) -> Result<Sent, Error> {
        match self.request(Command::PublishEphemeral { room: room.to_owned(), text: text.to_owned() })? {
            Response::Sent(sent) => Ok(sent),
            other => Err(unexpected(&other)),
        }
    }

    /// Publishes the newest value of a key of 1 to 64 bytes; the earlier ones stay in the history. Blocks as
    /// [`Client::publish`] does. On a condition it is a [`Command::PublishValue`] for [`Client::send`].
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// use roomd_client::{Client, Event, Options};
    /// use std::time::Duration;
    ///
    /// client.join("prices")?;
    /// client.publish_value("prices", "ACME", "11")?;
    /// client.publish_value("prices", "ACME", "12")?;
    /// client.publish_value("prices", "DULL", "7")?;
    /// client.remove_value("prices", "DULL")?;
    ///
    /// let mut latecomer = Client::connect(&url, Options::user("Bob"))?;
    /// latecomer.join_latest("prices")?;
    /// loop {
    ///     if let Some(Event::Message(message)) = latecomer.receive(Duration::from_secs(10))? {
    ///         assert_eq!((message.key.as_deref(), message.text.as_deref()), (Some("ACME"), Some("12")));
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn publish_value(&mut self, room: &str, key: &str, text: &str) -> Result<Sent, Error> {
        self.value(room, key, Some(text.to_owned()))
    }

    /// Removes a key: it has no value any more. Blocks as [`Client::publish`] does.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn remove_value(&mut self, room: &str, key: &str) -> Result<Sent, Error> {
        self.value(room, key, None)
    }

    fn value(&mut self, room: &str, key: &str, text: Option<String>) -> Result<Sent, Error> {
        let (room, key) = (room.to_owned(), key.to_owned());
        match self.request(Command::PublishValue { room, key, text, if_key_seq: None })? {
            Response::Sent(sent) => Ok(sent),
            other => Err(unexpected(&other)),
        }
    }

    /// Replies to the message of this number. Blocks as [`Client::publish`] does.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// let question = client.publish("general", "tea or coffee?")?;
    /// let answer = client.reply("general", question.seq, "tea")?;
    /// assert_eq!(client.history("general", 1)?.messages[0].reply_to, Some(question.seq));
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn reply(&mut self, room: &str, seq: u64, text: &str) -> Result<Sent, Error> {
        match self.request(Command::Reply { room: room.to_owned(), seq, text: text.to_owned() })? {
            Response::Sent(sent) => Ok(sent),
            other => Err(unexpected(&other)),
        }
    }

    /// Reacts to the message of this number with a text of at most 64 bytes, such as an emoji; deleting what was sent
    /// takes it back. Blocks as [`Client::publish`] does.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// let sent = client.publish("general", "tea is ready")?;
    /// let reaction = client.react("general", sent.seq, "👍")?;
    /// client.delete("general", reaction.seq, None)?; // takes it back
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn react(&mut self, room: &str, seq: u64, reaction: &str) -> Result<Sent, Error> {
        match self.request(Command::React { room: room.to_owned(), seq, reaction: reaction.to_owned() })? {
            Response::Sent(sent) => Ok(sent),
            other => Err(unexpected(&other)),
        }
    }

    /// Sends a message to one user. Blocks as [`Client::publish`] does. One with a `reply_to` or a `cipher` is a command for
    /// [`Client::ask`]; with a `mid` it is published once, too.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// use roomd_client::{Client, Options};
    ///
    /// let _bob = Client::connect(&url, Options::user("Bob"))?;
    /// let sent = client.private("Bob", "between us")?;
    /// assert_eq!(sent.room, "dm:Ann:Bob");
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn private(&mut self, to: &str, text: &str) -> Result<Sent, Error> {
        match self.request(Command::Private { to: to.to_owned(), text: text.to_owned() })? {
            Response::Sent(sent) => Ok(sent),
            other => Err(unexpected(&other)),
        }
    }

    /// Replaces the text of one of the user's own messages. Blocks until the server answers.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// let sent = client.publish("general", "helo")?;
    /// client.edit("general", sent.seq, "hello")?;
    /// assert_eq!(client.history("general", 1)?.messages[0].text.as_deref(), Some("hello"));
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn edit(&mut self, room: &str, seq: u64, text: &str) -> Result<(), Error> {
        self.request(Command::Edit { room: room.to_owned(), seq, text: text.to_owned() }).map(|_| ())
    }

    /// Deletes one of the user's own messages, or as a moderator any; `note`, of at most 200 bytes, says why. Blocks
    /// until the server answers.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// let sent = client.publish("general", "the password is")?;
    /// client.delete("general", sent.seq, Some("it was a secret"))?;
    /// let deleted = &client.history("general", 1)?.messages[0];
    /// assert_eq!((&deleted.text, deleted.note.as_deref()), (&None, Some("it was a secret")));
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn delete(&mut self, room: &str, seq: u64, note: Option<&str>) -> Result<(), Error> {
        let note = note.map(str::to_owned);
        self.request(Command::Delete { room: room.to_owned(), seq, note }).map(|_| ())
    }

    /// The members of a room that the client is in. Blocks until the server answers.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// let members = client.members("general")?;
    /// assert_eq!((members.count, &*members.members[0].user), (1, "Ann"));
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn members(&mut self, room: &str) -> Result<Members, Error> {
        match self.request(Command::Members { room: room.to_owned() })? {
            Response::Members(members) => Ok(members),
            other => Err(unexpected(&other)),
        }
    }

    /// The rooms of the server, sorted by name. Blocks until the server answers.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// for room in client.rooms()? {
    ///     println!("{}: {}", room.room, room.members);
    /// }
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn rooms(&mut self) -> Result<Vec<RoomSummary>, Error> {
        match self.request(Command::Rooms)? {
            Response::Rooms(rooms) => Ok(rooms),
            other => Err(unexpected(&other)),
        }
    }

    /// The newest `limit` (1 to 300) messages of a room that the client is in, oldest first. Blocks until the
    /// server answers.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// client.publish("general", "hello")?;
    /// let page = client.history("general", 50)?;
    /// assert!(page.complete && page.messages.len() == 1);
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn history(&mut self, room: &str, limit: usize) -> Result<History, Error> {
        match self.request(Command::History { room: room.to_owned(), limit })? {
            Response::History(history) => Ok(history),
            other => Err(unexpected(&other)),
        }
    }

    /// The 1 to 300 messages before the one of this number, oldest first: the previous page. Blocks until the server
    /// answers.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// for number in 1..=5 {
    ///     client.publish("general", &number.to_string())?;
    /// }
    /// let mut page = client.history("general", 2)?;
    /// while !page.complete {
    ///     page = client.history_before("general", page.messages[0].seq, 2)?;
    /// }
    /// assert_eq!(page.messages[0].text.as_deref(), Some("1"));
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn history_before(&mut self, room: &str, seq: u64, limit: usize) -> Result<History, Error> {
        match self.request(Command::HistoryBefore { room: room.to_owned(), seq, limit })? {
            Response::History(history) => Ok(history),
            other => Err(unexpected(&other)),
        }
    }

    /// The 1 to 300 messages after the one of this number, oldest first; after 0 they are the first that are kept.
    /// Blocks until the server answers.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("general")?;
    /// for number in 1..=5 {
    ///     client.publish("general", &number.to_string())?;
    /// }
    /// let page = client.history_after("general", 0, 2)?;
    /// assert_eq!(page.messages[1].text.as_deref(), Some("2"));
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn history_after(&mut self, room: &str, seq: u64, limit: usize) -> Result<History, Error> {
        match self.request(Command::HistoryAfter { room: room.to_owned(), seq, limit })? {
            Response::History(history) => Ok(history),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes any other request that has a reply: a command of docs/protocol.md, an object with its `type` and without an
    /// `id`. Returns the whole reply. Blocks until the server answers. If the connection breaks before that, it is sent
    /// again.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// use serde_json::json;
    ///
    /// let created = client.ask(json!({"type": "create", "room": "plans"}))?;
    /// assert_eq!(created["type"], "created");
    /// // A reply in a private conversation. Its `mid` says that it is one message, however often it is sent.
    /// # let _bob = roomd_client::Client::connect(&url, roomd_client::Options::user("Bob"))?;
    /// let question = client.private("Bob", "tea or coffee?")?;
    /// let reply = json!({"type": "private", "to": "Bob", "message": "or cocoa?", "reply_to": question.seq, "mid": "m1"});
    /// assert_eq!(client.ask(reply)?["seq"], 2);
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no object with a `type`; else as [`Client::join`].
    pub fn ask(&mut self, command: Value) -> Result<Value, Error> {
        match self.request(Command::Other(object(command)?))? {
            Response::Other(value) => Ok(value),
            other => Err(unexpected(&other)),
        }
    }
}

/// The server does not keep the protocol.
pub(super) fn unexpected(response: &Response) -> Error {
    Error::Unexpected(format!("the server's response does not fit the request: {response:?}"))
}
