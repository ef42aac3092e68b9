//! What follows the word of a command in the text dialect, and how its parts are parsed.
//!
//! Each mistake is answered with the usage of the command, or with what is wrong with a name.

use roomd_protocol::{HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX};

use crate::chat::device::DeviceRequest;
use crate::chat::{
    Command, DisplayName, GroupOptions, JoinOptions, NameError, Note, Refusal, RoomName, Seen, UserName,
};

/// The arguments of one command.
pub(in crate::wire) struct Arguments<'a> {
    /// The form that is right.
    pub usage: &'static str,
    /// The text after the word, without white space around it.
    pub rest: &'a str,
}

impl<'a> Arguments<'a> {
    /// The command, if nothing follows its word.
    pub fn none(&self, command: Command) -> Result<Command, Refusal> {
        if self.rest.is_empty() { Ok(command) } else { Err(usage(self.usage)) }
    }

    /// All the text, which must not be empty.
    pub fn all(&self) -> Result<&'a str, Refusal> {
        if self.rest.is_empty() { Err(usage(self.usage)) } else { Ok(self.rest) }
    }

    /// The first word, and the text after it.
    pub fn pair(&self) -> Result<(&'a str, &'a str), Refusal> {
        let (word, text) = self.rest.split_once([' ', '\t']).ok_or_else(|| usage(self.usage))?;
        Ok((word, text.trim_start()))
    }

    /// The words.
    pub fn words(&self) -> Vec<&'a str> {
        self.rest.split_whitespace().collect()
    }

    /// All the text as a note; `None` when it is empty.
    pub fn note(&self) -> Result<Option<Note>, Refusal> {
        (!self.rest.is_empty()).then(|| Note::parse(self.rest)).transpose()
    }

    /// A number of messages, or the default when it is left out.
    pub fn history_limit(&self) -> Result<usize, Refusal> {
        let limit = if self.rest.is_empty() { Some(HISTORY_LIMIT_DEFAULT) } else { self.rest.parse().ok() };
        let limit = limit.filter(|limit| (1..=HISTORY_LIMIT_MAX).contains(limit));
        limit.ok_or_else(|| usage(&format!("/history [1 to {HISTORY_LIMIT_MAX}]")))
    }

    /// A token, and the number of the last message seen.
    pub fn resume(&self) -> Result<Command, Refusal> {
        let (token, seq) = self.pair()?;
        let seq = seq.parse().map_err(|_| usage(self.usage))?;
        Ok(Command::Resume { token: token.into(), seen: Seen::Current(seq) })
    }

    /// A room, and perhaps the code of an invitation: its form tells it from a name with a space, which is refused.
    pub fn join(&self) -> Result<Command, Refusal> {
        let is_code = |code: &str| code.len() == 32 && code.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (room, invitation) = match *self.words() {
            [room, code] if is_code(code) => (room, Some(code.into())),
            _ => (self.all()?, None),
        };
        let options = JoinOptions { invitation, ..JoinOptions::default() };
        Ok(Command::Join { room: self.room(room)?, options })
    }

    /// A room, and the group there.
    pub fn work(&self) -> Result<Command, Refusal> {
        let (room, group) = self.pair()?;
        let group = Some(Box::new(GroupOptions::parse(group, None, None)?));
        Ok(Command::Join { room: self.room(room)?, options: JoinOptions { group, ..JoinOptions::default() } })
    }

    /// The number of a message.
    pub fn number(&self) -> Result<u64, Refusal> {
        self.rest.parse().map_err(|_| self.misused())
    }

    /// `add`, or `end` and the id of a device.
    pub fn device(&self) -> Result<Command, Refusal> {
        match *self.words() {
            ["add"] => Ok(Command::Devices(DeviceRequest::Add)),
            ["end", id] => Ok(Command::Devices(DeviceRequest::End(id.parse()?))),
            _ => Err(self.misused()),
        }
    }

    /// `on` or `off`.
    pub fn is_on(&self) -> Result<bool, Refusal> {
        match self.rest {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(self.misused()),
        }
    }

    /// The name of a room.
    pub fn room(&self, text: &str) -> Result<RoomName, Refusal> {
        RoomName::parse(text).map_err(|error| bad_name("room", error))
    }

    /// The name of a user.
    pub fn user(&self, text: &str) -> Result<UserName, Refusal> {
        UserName::parse(text).map_err(|error| bad_name("user", error))
    }

    /// A display name; `None`: a dash, for none.
    pub fn display_name(&self) -> Result<Option<DisplayName>, Refusal> {
        let text = self.all()?;
        let refused = |error| Refusal::bad_request(format!("A display name {error}"));
        (text != "-").then(|| DisplayName::parse(text).map_err(refused)).transpose()
    }

    /// The refusal of arguments that are not of the usual form.
    pub fn misused(&self) -> Refusal {
        usage(self.usage)
    }
}

/// The refusal that says which form is right.
pub(in crate::wire) fn usage(form: &str) -> Refusal {
    Refusal::bad_request(format!("Usage: {form}"))
}

fn bad_name(what: &str, error: NameError) -> Refusal {
    Refusal::bad_request(format!("The name of a {what} {error}"))
}
