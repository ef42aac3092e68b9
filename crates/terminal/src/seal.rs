//! Encrypted rooms: between the conversation, which has texts, and the server, which must not.
//!
//! Called on the main thread. A room with a key in the keyring is encrypted, whether the key was
//! given now or in an earlier conversation; all others are as they are. Blocks on the keyring's file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::arguments::{Arguments, Key};
use super::protection::Protection;
use super::state;
use roomd_client::e2ee::{Encryption, Given, Keyring, Place, Standing, Taken, Trust};
use roomd_client::{Answer, Command, Event, History, Message, Refusal};

/// Bytes of a file with a passphrase, at most: beyond it another file was named.
const PASSPHRASE_BYTES_MAX: u64 = 4096;

/// See the module.
pub struct Seals(Option<Encryption>);

impl Seals {
    /// The keyring for a server, with the key that the arguments give. Without one, and without a file
    /// from before, there is none.
    ///
    /// # Errors
    /// A sentence: the key is none or is not taken, or the keyring cannot be read.
    pub fn open(arguments: &Arguments) -> Result<Self, String> {
        let name = format!("keys-{}.json", state::server(&arguments.url));
        let Some(key) = &arguments.key else {
            let path = state::path(&name).filter(|path| path.exists());
            let keyring = path.map(|path| Keyring::open(&path)).transpose().map_err(|error| error.to_string())?;
            return Ok(Self(keyring.map(Encryption::new)));
        };
        let given = match key {
            Key::Link(link) => Given::link(link).map_err(|problem| format!("--key {problem}"))?,
            Key::PassphraseFile(path) => {
                let text = read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                let given = Given::passphrase(&arguments.room, &text);
                given.map_err(|problem| format!("the passphrase in {} {problem}", path.display()))?
            }
        };
        let path = state::make(&name).map_err(|error| format!("cannot keep keys: {error}"))?;
        let keyring = Keyring::open(&path).map_err(|error| error.to_string())?;
        let mut encryption = Encryption::new(keyring);
        let room = &arguments.room;
        match encryption.give(room, &given, arguments.replace_key).map_err(|error| error.to_string())? {
            Taken::Now | Taken::Same => Ok(Self(Some(encryption))),
            Taken::Older => Err(format!("this key of {room} was replaced by another since: --replace-key goes back")),
            Taken::Other => Err(format!("{room} has another key: --replace-key takes this one in its place")),
        }
    }

    /// Whether what is said in a room is encrypted.
    pub fn is_secret(&self, room: &str) -> bool {
        self.0.as_ref().is_some_and(|encryption| encryption.standing(room) != Standing::Plain)
    }

    /// How a text is said in a room, under which mark.
    ///
    /// # Errors
    /// The room's key was replaced by one that is not here.
    pub fn command(&self, room: &str, user: &str, text: &str) -> Result<(Option<String>, Command), Refusal> {
        let mid = draw_mid();
        let place = Place { room, user, mid: &mid, edit: false };
        let room = room.to_owned();
        let command = match self.0.as_ref().map(|encryption| (encryption.standing(&room), encryption)) {
            None | Some((Standing::Plain, _)) => Command::Publish { room, text: text.to_owned() },
            Some((_, encryption)) => {
                let sealed = encryption.seal(place, text).ok_or_else(superseded)?;
                Command::Encrypted { room, cipher: sealed.to_value() }
            }
        };
        Ok((Some(mid), command))
    }

    /// What makes this device known to a room, once for each key; it is needed to be given the next.
    pub fn announcement(&mut self, room: &str, user: &str) -> Option<(String, Command)> {
        let mid = draw_mid();
        let place = Place { room, user, mid: &mid, edit: false };
        // Who cannot be kept as known is not announced: it would be so again each time.
        let cipher = self.0.as_mut()?.announce(place).ok()??;
        let command = Command::Encrypted { room: room.to_owned(), cipher: cipher.to_value() };
        Some((mid, command))
    }

    /// Puts its text into each message of an event; how they are protected, in their order.
    pub fn read(&mut self, event: &mut Event) -> Vec<Protection> {
        let Some(encryption) = &mut self.0 else { return Vec::new() };
        match event {
            Event::Message(message) => vec![open(encryption, message)],
            Event::Answer(_, Ok(Answer::History(History { messages, .. }))) => {
                messages.iter_mut().map(|message| open(encryption, message)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Lines about a user's devices: the numbers to compare.
    pub fn safety(&self, me: &str, user: &str) -> Vec<String> {
        let numbers = self.0.as_ref().map(|encryption| encryption.safety_numbers(me, user)).unwrap_or_default();
        let line = |(number, trust): (String, Trust)| match trust {
            Trust::Verified => format!("{number} (verified)"),
            Trust::Known => number,
            Trust::New => format!("{number} (new device)"),
        };
        numbers.into_iter().map(line).collect()
    }

    /// Trusts the one device of a user whose number begins with these digits.
    ///
    /// # Errors
    /// A sentence: there is none, or more than one.
    pub fn verify(&mut self, me: &str, user: &str, digits: &str) -> Result<(), String> {
        let unknown = || format!("No device of {user} has written anything here that begins with {digits:?}");
        let encryption = self.0.as_mut().ok_or_else(unknown)?;
        let plain = |number: &str| number.replace(' ', "").starts_with(&digits.replace(' ', ""));
        let numbers = encryption.safety_numbers(me, user);
        let mut fitting = numbers.into_iter().filter(|(number, _)| plain(number));
        let (number, _) = fitting.next().ok_or_else(unknown)?;
        if fitting.next().is_some() {
            return Err(format!("Several devices of {user} have such a number: give more of its digits"));
        }
        let done = encryption.verified(me, user, &number).map_err(|error| format!("That cannot be kept: {error}"))?;
        if done { Ok(()) } else { Err(unknown()) }
    }
}

fn open(encryption: &mut Encryption, message: &mut Message) -> Protection {
    let standing = encryption.standing(&message.room);
    let Some(cipher) = &message.cipher else {
        let missing = standing != Standing::Plain && message.text.is_some();
        return if missing { Protection::Missing } else { Protection::None };
    };
    let (Some(mid), false) = (&message.mid, standing == Standing::Plain) else {
        return Protection::Unreadable(if message.mid.is_some() { "no-key" } else { "damaged" });
    };
    let place = Place { room: &message.room, user: &message.user, mid, edit: message.edited.is_some() };
    match encryption.open(place, message.seq, cipher) {
        Err(reason) => Protection::Unreadable(reason.as_str()),
        Ok(opened) => {
            message.cipher = None;
            message.text = opened.text;
            match (opened.rekey, &message.text, opened.trust) {
                (Some(adopted), ..) => Protection::Rekey(adopted),
                (None, None, _) => Protection::Silent,
                (None, Some(_), Trust::New) => Protection::NewDevice,
                (None, Some(_), _) if opened.late => Protection::Late,
                (None, Some(_), Trust::Verified) => Protection::Verified,
                (None, Some(_), Trust::Known) => Protection::Encrypted,
            }
        }
    }
}

fn superseded() -> Refusal {
    Refusal::local("forbidden", "the key of the room was replaced: begin again with the new link or passphrase")
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let size = File::open(path)?.take(PASSPHRASE_BYTES_MAX + 1).read_to_string(&mut text)? as u64;
    if size > PASSPHRASE_BYTES_MAX {
        let message = format!("it has more than {PASSPHRASE_BYTES_MAX} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
    }
    Ok(text)
}

fn draw_mid() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the system gives randomness");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
