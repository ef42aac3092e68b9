//! Encrypted rooms: encrypts what the conversation publishes, and decrypts what it shows.
//!
//! Called on the main thread. A room is encrypted if the key store has a key for it, from now or from an
//! earlier conversation. Blocks on the file of the key store.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::arguments::{Arguments, Key};
use super::output::protection::Protection;
use super::state_directory;
use roomd_client::e2ee::{
    DeviceTrust, Encryption, EncryptionState, ImportOutcome, ImportedKey, KeyStore, MessageContext,
};
use roomd_client::{Command, Event, History, Message, Refusal, Response};
use serde_json::Value;

/// Bytes of a passphrase file, at most: a longer one is not a passphrase.
const PASSPHRASE_BYTES_MAX: u64 = 4096;

/// Encrypted messages whose ids are remembered, at most: an older one cannot be edited here, nor its edit be read.
const MIDS_MAX: usize = 1_000;

/// See the module.
pub struct EncryptedRooms {
    /// Without any key there is nothing to do.
    encryption: Option<Encryption>,
    /// The rooms, numbers and ids of encrypted messages, in the order in which they were seen. A ciphertext is bound to
    /// the id of its message, and so is that of an edit, which does not name it.
    mids: VecDeque<(String, u64, String)>,
}

impl EncryptedRooms {
    /// Opens the key store for a server, and imports the key that the arguments give. Without such a key, and
    /// without a store from before, nothing is encrypted.
    ///
    /// # Errors
    /// A sentence: the key is invalid or conflicts with another, or the key store cannot be read.
    pub fn open(arguments: &Arguments) -> Result<Self, String> {
        let name = format!("keys-{}.json", state_directory::server_name(&arguments.url));
        let Some(key) = &arguments.key else {
            let path = state_directory::path(&name).filter(|path| path.exists());
            let store = path.map(|path| KeyStore::open(&path)).transpose().map_err(|error| error.to_string())?;
            return Ok(Self::new(store.map(Encryption::new)));
        };
        let imported = match key {
            Key::Link(link) => ImportedKey::from_link(link).map_err(|problem| format!("--key {problem}"))?,
            Key::PassphraseFile(path) => {
                let text = read_passphrase(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                let imported = ImportedKey::from_passphrase(&arguments.room, &text);
                imported.map_err(|problem| format!("the passphrase in {} {problem}", path.display()))?
            }
        };
        let path = state_directory::create(&name).map_err(|error| format!("cannot keep keys: {error}"))?;
        let store = KeyStore::open(&path).map_err(|error| error.to_string())?;
        let mut encryption = Encryption::new(store);
        let room = &arguments.room;
        match encryption.import_key(room, &imported, arguments.replace_key).map_err(|error| error.to_string())? {
            ImportOutcome::Adopted | ImportOutcome::Unchanged => Ok(Self::new(Some(encryption))),
            ImportOutcome::Superseded => {
                Err(format!("this key of {room} was replaced by another since: --replace-key goes back"))
            }
            ImportOutcome::Conflict => {
                Err(format!("{room} has another key: --replace-key takes this one in its place"))
            }
        }
    }

    fn new(encryption: Option<Encryption>) -> Self {
        Self { encryption, mids: VecDeque::new() }
    }

    /// Whether messages to a room are encrypted.
    pub fn is_encrypted(&self, room: &str) -> bool {
        self.encryption.as_ref().is_some_and(|encryption| encryption.state(room) != EncryptionState::Off)
    }

    /// The command that publishes a text of this user, and the message id to send it with.
    ///
    /// # Errors
    /// The key of the room was replaced by one that this device does not have.
    pub fn publish(&self, room: &str, user: &str, text: &str) -> Result<(Option<String>, Command), Refusal> {
        let mid = random_mid();
        let cipher = self.encrypt(MessageContext { room, user, mid: &mid, edit: false }, text)?;
        let (room, text) = (room.to_owned(), text.to_owned());
        let command = match cipher {
            None => Command::Publish { room, text },
            Some(cipher) => Command::Encrypted { room, cipher },
        };
        Ok((Some(mid), command))
    }

    /// The same for a reply to the message of this number.
    ///
    /// # Errors
    /// As [`EncryptedRooms::publish`].
    pub fn reply(&self, room: &str, user: &str, seq: u64, text: &str) -> Result<(Option<String>, Command), Refusal> {
        let mid = random_mid();
        let cipher = self.encrypt(MessageContext { room, user, mid: &mid, edit: false }, text)?;
        let (room, text) = (room.to_owned(), text.to_owned());
        let command = match cipher {
            None => Command::Reply { room, seq, text },
            Some(cipher) => Command::EncryptedReply { room, seq, cipher },
        };
        Ok((Some(mid), command))
    }

    /// The command that edits this user's message of this number.
    ///
    /// # Errors
    /// As [`EncryptedRooms::publish`]; or the message is encrypted, and was not shown lately.
    pub fn edit(&self, room: &str, user: &str, seq: u64, text: &str) -> Result<Command, Refusal> {
        if !self.is_encrypted(room) {
            return Ok(Command::Edit { room: room.to_owned(), seq, text: text.to_owned() });
        }
        let mid = self.mid_of(room, seq).ok_or_else(|| {
            Refusal::local(
                "not_found",
                "this message was not shown lately: /history shows it, and then it can be edited",
            )
        })?;
        let cipher = self.encrypt(MessageContext { room, user, mid, edit: true }, text)?;
        Ok(Command::EncryptedEdit { room: room.to_owned(), seq, cipher: cipher.ok_or_else(key_replaced)? })
    }

    /// The ciphertext of a text; `None` if the room is not encrypted.
    fn encrypt(&self, context: MessageContext<'_>, text: &str) -> Result<Option<Value>, Refusal> {
        match &self.encryption {
            Some(encryption) if self.is_encrypted(context.room) => {
                let ciphertext = encryption.encrypt(context, text).ok_or_else(key_replaced)?;
                Ok(Some(ciphertext.to_value()))
            }
            _ => Ok(None),
        }
    }

    fn mid_of(&self, room: &str, seq: u64) -> Option<&str> {
        let found = self.mids.iter().rev().find(|(known, number, _)| *number == seq && known == room);
        found.map(|(.., mid)| &**mid)
    }

    /// Remembers the id of an encrypted message.
    fn remember(&mut self, room: &str, seq: u64, mid: &str) {
        if self.mid_of(room, seq) == Some(mid) {
            return;
        }
        if self.mids.len() == MIDS_MAX {
            self.mids.pop_front();
        }
        self.mids.push_back((room.to_owned(), seq, mid.to_owned()));
    }

    /// The command that announces this device to a room, and its message id; `None` if it was announced with the
    /// current key already. Only an announced device is sent the next key.
    pub fn announce(&mut self, room: &str, user: &str) -> Option<(String, Command)> {
        let mid = random_mid();
        let context = MessageContext { room, user, mid: &mid, edit: false };
        // If the key store cannot be written there is no announcement: it would be repeated each time.
        let cipher = self.encryption.as_mut()?.announce(context).ok()??;
        let command = Command::Encrypted { room: room.to_owned(), cipher: cipher.to_value() };
        Some((mid, command))
    }

    /// Decrypts each message of an event in place, and the text of an edit; returns their protection, in their order.
    pub fn decrypt(&mut self, event: &mut Event) -> Vec<Protection> {
        if self.encryption.is_none() {
            return Vec::new();
        }
        match event {
            Event::Message(message) => vec![self.decrypt_message(message)],
            Event::Response(_, Ok(Response::History(History { messages, .. }))) => {
                messages.iter_mut().map(|message| self.decrypt_message(message)).collect()
            }
            Event::Response(_, Ok(Response::Sent(sent))) if self.is_encrypted(&sent.room) => {
                self.remember(&sent.room, sent.seq, &sent.mid);
                Vec::new()
            }
            Event::Other(edit) if edit["type"] == "edit" => self.decrypt_edit(edit).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn decrypt_message(&mut self, message: &mut Message) -> Protection {
        if let (Some(_), Some(mid)) = (&message.cipher, &message.mid) {
            self.remember(&message.room, message.seq, mid);
        }
        self.encryption.as_mut().map_or(Protection::None, |encryption| decrypt_message(encryption, message))
    }

    /// `None`: it is no edit that could be decrypted.
    fn decrypt_edit(&mut self, edit: &mut Value) -> Option<Protection> {
        let mut message: Message = serde_json::from_value(edit.clone()).ok()?;
        message.mid = self.mid_of(&message.room, message.seq).map(str::to_owned);
        message.edited = Some(message.at.clone());
        if message.cipher.is_some() && message.mid.is_none() {
            return Some(Protection::Unreadable("not shown"));
        }
        let protection = decrypt_message(self.encryption.as_mut()?, &mut message);
        if let (Some(text), None, Some(edit)) = (message.text, message.cipher, edit.as_object_mut()) {
            edit.remove("cipher");
            edit.insert("message".to_owned(), text.into());
        }
        Some(protection)
    }

    /// The safety number of each device of a user, as lines to compare. `me` is the name of this user.
    pub fn safety_numbers(&self, me: &str, user: &str) -> Vec<String> {
        let numbers =
            self.encryption.as_ref().map(|encryption| encryption.safety_numbers(me, user)).unwrap_or_default();
        let line = |(number, trust): (String, DeviceTrust)| match trust {
            DeviceTrust::Verified => format!("{number} (verified)"),
            DeviceTrust::Known => number,
            DeviceTrust::New => format!("{number} (new device)"),
        };
        numbers.into_iter().map(line).collect()
    }

    /// Marks the one device of a user whose safety number begins with these digits as verified.
    ///
    /// # Errors
    /// A sentence: there is no such device, or several.
    pub fn verify(&mut self, me: &str, user: &str, digits: &str) -> Result<(), String> {
        let unknown = || format!("No known device of {user} has a number that begins with {digits:?}");
        let encryption = self.encryption.as_mut().ok_or_else(unknown)?;
        let matches = |number: &str| number.replace(' ', "").starts_with(&digits.replace(' ', ""));
        let numbers = encryption.safety_numbers(me, user);
        let mut matching = numbers.into_iter().filter(|(number, _)| matches(number));
        let (number, _) = matching.next().ok_or_else(unknown)?;
        if matching.next().is_some() {
            return Err(format!("Several devices of {user} have such a number: give more of its digits"));
        }
        let done =
            encryption.mark_verified(me, user, &number).map_err(|error| format!("That cannot be written: {error}"))?;
        if done { Ok(()) } else { Err(unknown()) }
    }
}

fn decrypt_message(encryption: &mut Encryption, message: &mut Message) -> Protection {
    let state = encryption.state(&message.room);
    let Some(cipher) = &message.cipher else {
        let missing = state != EncryptionState::Off && (message.text.is_some() || message.data.is_some());
        return if missing { Protection::Missing } else { Protection::None };
    };
    let (Some(mid), false) = (&message.mid, state == EncryptionState::Off) else {
        return Protection::Unreadable(if message.mid.is_some() { "no-key" } else { "damaged" });
    };
    let context = MessageContext { room: &message.room, user: &message.user, mid, edit: message.edited.is_some() };
    match encryption.decrypt(context, message.seq, cipher) {
        Err(reason) => Protection::Unreadable(reason.as_str()),
        Ok(decrypted) => {
            message.cipher = None;
            message.text = decrypted.text;
            match (decrypted.rekey, &message.text, decrypted.trust) {
                (Some(adopted), ..) => Protection::Rekey(adopted),
                (None, None, _) => Protection::DeviceOnly,
                (None, Some(_), DeviceTrust::New) => Protection::NewDevice,
                (None, Some(_), _) if decrypted.late => Protection::Late,
                (None, Some(_), DeviceTrust::Verified) => Protection::Verified,
                (None, Some(_), DeviceTrust::Known) => Protection::Encrypted,
            }
        }
    }
}

fn key_replaced() -> Refusal {
    Refusal::local("forbidden", "the key of the room was replaced: start again with the new link or passphrase")
}

fn read_passphrase(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let size = File::open(path)?.take(PASSPHRASE_BYTES_MAX + 1).read_to_string(&mut text)? as u64;
    if size > PASSPHRASE_BYTES_MAX {
        let message = format!("it has more than {PASSPHRASE_BYTES_MAX} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
    }
    Ok(text)
}

fn random_mid() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the system gives randomness");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
