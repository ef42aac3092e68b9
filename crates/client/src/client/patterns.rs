//! Subscriptions to patterns of topics.
//!
//! Requests like those of `requests.rs`; the state machine remembers the patterns, and subscribes to them again on each
//! connection.

use super::super::command::Command;
use super::super::error::Error;
use super::Client;

impl Client {
    /// Subscribes to every topic whose name matches a pattern, also to those that open later: `*` is one level between
    /// dots, `>` at the end one or more. Their messages are [`Event::Message`](crate::Event::Message)s, each once, also
    /// where the program has joined the topic. Blocks until the server answers.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use roomd_client::{Client, Event, Options};
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// let mut board = Client::connect(&url, Options::user("board"))?;
    /// board.subscribe("prices.*")?;
    /// let mut feed = Client::connect(&url, Options::user("feed"))?;
    /// feed.join("prices.eur")?;
    /// feed.publish("prices.eur", "1.08")?;
    /// let price = loop {
    ///     if let Some(Event::Message(message)) = board.receive(Duration::from_secs(10))? {
    ///         break message;
    ///     }
    /// };
    /// assert_eq!((&*price.room, price.text.as_deref()), ("prices.eur", Some("1.08")));
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::join`].
    pub fn subscribe(&mut self, pattern: &str) -> Result<(), Error> {
        self.request(Command::Subscribe { pattern: pattern.to_owned() }).map(|_| ())
    }

    /// Ends the subscription to a pattern; afterwards nothing more comes that no other matches. Blocks until the server
    /// answers.
    ///
    /// # Errors
    /// As [`Client::join`]; `not_found`: the program is not subscribed to it.
    pub fn unsubscribe(&mut self, pattern: &str) -> Result<(), Error> {
        self.request(Command::Unsubscribe { pattern: pattern.to_owned() }).map(|_| ())
    }
}
