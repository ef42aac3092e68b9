//! Publishing bytes in place of a text.
//!
//! A request like those of `requests.rs`. What arrives is [`Message::data`](crate::Message::data).

use super::super::command::Command;
use super::super::error::Error;
use super::super::response::{Response, Sent};
use super::Client;
use super::requests::unexpected;

impl Client {
    /// Publishes bytes to a room that the client is in: at least one, any number up to the server's limit. Blocks until the
    /// server has stored them.
    ///
    /// ```
    /// # let server = roomd::Server::start(roomd::Settings::ephemeral(), |_| ()).unwrap();
    /// # let url = format!("ws://{}", server.http_address());
    /// # let mut client = roomd_client::Client::connect(&url, roomd_client::Options::user("Ann"))?;
    /// client.join("game")?;
    /// client.publish_data("game", &[0, 1, 255])?;
    /// let message = &client.history("game", 1)?.messages[0];
    /// assert_eq!((message.data.as_deref(), &message.text), (Some(&[0, 1, 255][..]), &None));
    /// # Ok::<(), roomd_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn publish_data(&mut self, room: &str, data: &[u8]) -> Result<Sent, Error> {
        match self.request(Command::PublishData { room: room.to_owned(), data: data.to_vec() })? {
            Response::Sent(sent) => Ok(sent),
            other => Err(unexpected(&other)),
        }
    }
}
