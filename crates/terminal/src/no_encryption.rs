//! Encrypted rooms in a build without the feature `e2ee`: there are none.
//!
//! Takes the place of `encryption.rs`, with the same interface. Ciphertexts are shown as such, and a key
//! is refused with a sentence.

use super::arguments::Arguments;
use super::output::protection::Protection;
use roomd_client::{Command, Event, Refusal};

/// See the module.
pub struct EncryptedRooms;

impl EncryptedRooms {
    /// Always without keys.
    ///
    /// # Errors
    /// The arguments give a key.
    pub fn open(arguments: &Arguments) -> Result<Self, String> {
        match arguments.key {
            None => Ok(Self),
            Some(_) => Err("this roomd was built without encryption (its feature e2ee)".to_owned()),
        }
    }

    /// Always false.
    pub fn is_encrypted(&self, _: &str) -> bool {
        false
    }

    /// The command that publishes a text; the client chooses the message id.
    ///
    /// # Errors
    /// None.
    pub fn publish(&self, room: &str, _: &str, text: &str) -> Result<(Option<String>, Command), Refusal> {
        Ok((None, Command::Publish { room: room.to_owned(), text: text.to_owned() }))
    }

    /// The command that publishes a reply; as [`EncryptedRooms::publish`].
    ///
    /// # Errors
    /// None.
    pub fn reply(&self, room: &str, _: &str, seq: u64, text: &str) -> Result<(Option<String>, Command), Refusal> {
        Ok((None, Command::Reply { room: room.to_owned(), seq, text: text.to_owned() }))
    }

    /// The command that edits a message.
    ///
    /// # Errors
    /// None.
    pub fn edit(&self, room: &str, _: &str, seq: u64, text: &str) -> Result<Command, Refusal> {
        Ok(Command::Edit { room: room.to_owned(), seq, text: text.to_owned() })
    }

    /// Always `None`.
    pub fn announce(&mut self, _: &str, _: &str) -> Option<(String, Command)> {
        None
    }

    /// Leaves the event as it is.
    pub fn decrypt(&mut self, _: &mut Event) -> Vec<Protection> {
        Vec::new()
    }

    /// Always empty.
    pub fn safety_numbers(&self, _: &str, _: &str) -> Vec<String> {
        Vec::new()
    }

    /// Always fails: no device is known.
    ///
    /// # Errors
    /// A sentence.
    pub fn verify(&mut self, _: &str, user: &str, _: &str) -> Result<(), String> {
        Err(format!("No device of {user} is known: this roomd was built without encryption"))
    }
}
