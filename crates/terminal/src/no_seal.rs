//! The encrypted rooms of a build without the feature `e2ee`: there are none.
//!
//! Stands in for `seal.rs` under the same name and with the same shape. What is encrypted is shown as
//! such, and a key is refused with a sentence.

use super::arguments::Arguments;
use super::protection::Protection;
use roomd_client::{Command, Event, Refusal};

/// See the module.
pub struct Seals;

impl Seals {
    /// Nothing, unless a key is given.
    ///
    /// # Errors
    /// A key is given.
    pub fn open(arguments: &Arguments) -> Result<Self, String> {
        match arguments.key {
            None => Ok(Self),
            Some(_) => Err("this roomd was built without encryption (its feature e2ee)".to_owned()),
        }
    }

    /// No.
    pub fn is_secret(&self, _: &str) -> bool {
        false
    }

    /// As it is, under a mark that the client draws.
    ///
    /// # Errors
    /// None.
    pub fn command(&self, room: &str, _: &str, text: &str) -> Result<(Option<String>, Command), Refusal> {
        Ok((None, Command::Publish { room: room.to_owned(), text: text.to_owned() }))
    }

    /// None.
    pub fn announcement(&mut self, _: &str, _: &str) -> Option<(String, Command)> {
        None
    }

    /// Leaves it as it is.
    pub fn read(&mut self, _: &mut Event) -> Vec<Protection> {
        Vec::new()
    }

    /// Nothing.
    pub fn safety(&self, _: &str, _: &str) -> Vec<String> {
        Vec::new()
    }

    /// Nobody is known.
    ///
    /// # Errors
    /// Always.
    pub fn verify(&mut self, _: &str, user: &str, _: &str) -> Result<(), String> {
        Err(format!("No device of {user} is known: this roomd was built without encryption"))
    }
}
