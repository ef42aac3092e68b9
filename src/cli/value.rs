//! The kinds of value a setting can have: how each is written, read, bounded and put into TOML.
//!
//! A [`Slot`] is a borrow of one field of the settings together with its kind and bounds; the
//! table in `cli/settings.rs` makes one when a value is read or written. Called on the main thread
//! while the settings are read. What `text` writes, `set` reads back to the same value.
//! Problems are the second half of a sentence whose first half names the setting.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;
use toml::Value;

use crate::chat::IceServer;
use crate::chat::limits::Slow;
use crate::cli::{address, ice};
use crate::store::Durability;
use roomd_cli::value::{bytes, bytes_bounds, bytes_text, count, switch, time, time_bounds, time_text};

/// One field of the settings, with what it may hold.
pub enum Slot<'a> {
    /// A whole number.
    Count(&'a mut usize, RangeInclusive<u32>),
    /// A whole number in a narrower field.
    Count32(&'a mut u32, RangeInclusive<u32>),
    /// A size: plain bytes, or with `KiB`, `MiB` or `GiB`.
    Bytes(&'a mut usize, RangeInclusive<usize>),
    /// A time with its unit; `0` needs none.
    Time(&'a mut Duration, RangeInclusive<Duration>),
    /// `disconnect` or `drop`.
    Slow(&'a mut Slow),
    /// `true` or `false`; a flag without a value is `true`.
    Switch(&'a mut bool),
    /// `HOST:PORT`.
    Address(&'a mut String),
    /// `HOST:PORT` or `off`.
    Lines(&'a mut Option<String>),
    /// A path that is not empty.
    Path(&'a mut String),
    /// The same, or `off`.
    MaybePath(&'a mut Option<String>),
    /// `fsync`, `os` or `none`.
    Durability(&'a mut Durability),
    /// Origins with commas between them.
    Origins(&'a mut Vec<String>),
    /// STUN and TURN servers with commas between them.
    IceServers(&'a mut Vec<IceServer>),
    /// One of two words for yes and no, or `auto`, which leaves it to the server.
    Choice(&'a mut Option<bool>, [&'static str; 2]),
    /// Any text; an empty one is none.
    Text(&'a mut Option<String>),
    /// Networks with commas between them: `10.0.0.0/8`, or an address alone.
    Networks(&'a mut Vec<IpNet>),
}

impl Slot<'_> {
    /// Reads `text` into the field, or leaves the field as it was and says what is wrong.
    pub fn set(self, text: &str) -> Result<(), String> {
        match self {
            Slot::Count(field, range) => *field = count(text, &range)? as usize,
            Slot::Count32(field, range) => *field = count(text, &range)?,
            Slot::Bytes(field, range) => *field = bytes(text, &range)?,
            Slot::Time(field, range) => *field = time(text, &range)?,
            Slot::Slow(field) => *field = slow(text)?,
            Slot::Switch(field) => *field = switch(text)?,
            Slot::Address(field) => *field = roomd_cli::address::host_port(text)?,
            Slot::Lines(field) => *field = lines(text)?,
            Slot::Path(field) => *field = path(text)?,
            Slot::MaybePath(field) => *field = if text == "off" { None } else { Some(path(text)?) },
            Slot::Durability(field) => *field = durability(text)?,
            Slot::Origins(field) => *field = origins(text)?,
            Slot::IceServers(field) => *field = ice::read(text)?,
            Slot::Choice(field, words) => *field = choice(text, words)?,
            Slot::Text(field) => *field = Some(text.to_owned()).filter(|text| !text.is_empty()),
            Slot::Networks(field) => *field = networks(text)?,
        }
        Ok(())
    }

    /// The field's value as `set` reads it.
    pub fn text(&self) -> String {
        match self {
            Slot::Count(field, _) => field.to_string(),
            Slot::Count32(field, _) => field.to_string(),
            Slot::Bytes(field, _) => bytes_text(**field),
            Slot::Time(field, _) => time_text(**field),
            Slot::Slow(Slow::Disconnect) => "disconnect".to_owned(),
            Slot::Slow(Slow::Drop) => "drop".to_owned(),
            Slot::Switch(field) => field.to_string(),
            Slot::Address(field) => field.to_string(),
            Slot::Lines(field) => field.as_deref().unwrap_or("off").to_owned(),
            Slot::Path(field) => field.to_string(),
            Slot::MaybePath(field) => field.as_deref().unwrap_or("off").to_owned(),
            Slot::Durability(Durability::Fsync) => "fsync".to_owned(),
            Slot::Durability(Durability::Os) => "os".to_owned(),
            Slot::Durability(Durability::None) => "none".to_owned(),
            Slot::Origins(field) => field.join(","),
            Slot::IceServers(field) => ice::text(field),
            Slot::Choice(field, [yes, no]) => field.map_or("auto", |choice| if choice { yes } else { no }).to_owned(),
            Slot::Text(field) => field.as_deref().unwrap_or_default().to_owned(),
            Slot::Networks(field) => field.iter().map(network_text).collect::<Vec<_>>().join(","),
        }
    }

    /// What may stand for the value in help; a switch has nothing.
    pub fn placeholder(&self) -> Option<&'static str> {
        match self {
            Slot::Count(..) | Slot::Count32(..) => Some("N"),
            Slot::Bytes(..) => Some("BYTES"),
            Slot::Time(..) => Some("TIME"),
            Slot::Slow(_) => Some("disconnect|drop"),
            Slot::Switch(_) => None,
            Slot::Address(_) => Some("ADDR"),
            Slot::Lines(_) => Some("ADDR|off"),
            Slot::Path(_) => Some("PATH"),
            Slot::MaybePath(_) => Some("PATH|off"),
            Slot::Durability(_) => Some("fsync|os|none"),
            Slot::Origins(_) => Some("ORIGIN"),
            Slot::IceServers(_) => Some("SERVER"),
            Slot::Choice(_, ["on", _]) => Some("on|off|auto"),
            Slot::Choice(..) => Some("open|closed|auto"),
            Slot::Text(_) => Some("TEXT"),
            Slot::Networks(_) => Some("NETWORK"),
        }
    }

    /// The least and the greatest value, where the kind has them.
    pub fn bounds(&self) -> Option<String> {
        match self {
            Slot::Count(_, range) | Slot::Count32(_, range) => Some(format!("{} to {}", range.start(), range.end())),
            Slot::Bytes(_, range) => Some(bytes_bounds(range)),
            Slot::Time(_, range) => Some(time_bounds(range)),
            _ => None,
        }
    }

    /// The field's value as it stands in a file.
    pub fn to_toml(&self) -> Value {
        match self {
            Slot::Count(field, _) => Value::Integer(**field as i64),
            Slot::Count32(field, _) => Value::Integer((**field).into()),
            Slot::Switch(field) => Value::Boolean(**field),
            Slot::Origins(field) => Value::Array(field.iter().cloned().map(Value::String).collect()),
            Slot::IceServers(field) => Value::Array(field.iter().map(ice::one).map(Value::String).collect()),
            Slot::Networks(field) => Value::Array(field.iter().map(network_text).map(Value::String).collect()),
            _ => Value::String(self.text()),
        }
    }

    /// The text of a value that stands in a file, if it is of a type that this field takes.
    pub fn text_of(&self, value: &Value) -> Result<String, String> {
        match (self, value) {
            (Slot::Count(..) | Slot::Count32(..) | Slot::Bytes(..), Value::Integer(number)) => Ok(number.to_string()),
            // Goes on as text for the sentence about the missing unit; 0 needs none.
            (Slot::Time(..), Value::Integer(number)) => Ok(number.to_string()),
            (Slot::Switch(_), Value::Boolean(on)) => Ok(on.to_string()),
            (Slot::Origins(_) | Slot::Networks(_) | Slot::IceServers(_), Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().ok_or_else(|| self.wants("one with ", item)))
                .collect::<Result<Vec<_>, _>>()
                .map(|items| items.join(",")),
            (
                Slot::Count(..)
                | Slot::Count32(..)
                | Slot::Switch(_)
                | Slot::Origins(_)
                | Slot::Networks(_)
                | Slot::IceServers(_),
                other,
            ) => Err(self.wants("", other)),
            (_, Value::String(text)) => Ok(text.clone()),
            (_, other) => Err(self.wants("", other)),
        }
    }

    fn wants(&self, holder: &str, value: &Value) -> String {
        let wanted = match self {
            Slot::Count(..) | Slot::Count32(..) => "a whole number",
            Slot::Bytes(..) => "a whole number or a string such as \"64KiB\"",
            Slot::Time(..) => "a string such as \"54s\"",
            Slot::Slow(_) => "\"disconnect\" or \"drop\"",
            Slot::Switch(_) => "true or false",
            Slot::Address(_) | Slot::Lines(_) => "a string such as \"127.0.0.1:8000\"",
            Slot::Path(_) => "a string such as \"roomd.db\"",
            Slot::MaybePath(_) => "a string such as \"cert.pem\"",
            Slot::Durability(_) => "\"fsync\", \"os\" or \"none\"",
            Slot::Origins(_) | Slot::Networks(_) | Slot::IceServers(_) => "an array of strings",
            Slot::Choice(..) => "a string such as \"auto\"",
            Slot::Text(_) => "a string",
        };
        let found = match value {
            Value::String(_) => "a string",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number with a fraction",
            Value::Boolean(_) => "true or false",
            Value::Datetime(_) => "a date",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        };
        format!("must be {wanted}, not {holder}{found}")
    }
}

fn slow(text: &str) -> Result<Slow, String> {
    match text {
        "disconnect" => Ok(Slow::Disconnect),
        "drop" => Ok(Slow::Drop),
        _ => Err(format!("must be disconnect or drop, not {text:?}")),
    }
}

fn path(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("must be the path of a file, not \"\"".to_owned()) } else { Ok(text.to_owned()) }
}

fn durability(text: &str) -> Result<Durability, String> {
    match text {
        "fsync" => Ok(Durability::Fsync),
        "os" => Ok(Durability::Os),
        "none" => Ok(Durability::None),
        _ => Err(format!("must be fsync, os or none, not {text:?}")),
    }
}

fn lines(text: &str) -> Result<Option<String>, String> {
    match text {
        "off" => Ok(None),
        _ => roomd_cli::address::host_port(text)
            .map(Some)
            .map_err(|problem| problem.replacen("HOST:PORT", "HOST:PORT or off", 1)),
    }
}

fn choice(text: &str, [yes, no]: [&str; 2]) -> Result<Option<bool>, String> {
    match text {
        _ if text == yes => Ok(Some(true)),
        _ if text == no => Ok(Some(false)),
        "auto" => Ok(None),
        _ => Err(format!("must be {yes}, {no} or auto, not {text:?}")),
    }
}

/// An empty text is an empty list, so that a flag can take back what a file allows.
fn origins(text: &str) -> Result<Vec<String>, String> {
    let mut origins = Vec::new();
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let origin = address::origin(part.trim())?;
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    Ok(origins)
}

/// An empty text is an empty list, as above.
fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let mut networks = Vec::new();
    for part in text.split(',').filter(|_| !text.is_empty()).map(str::trim) {
        let network = part.parse().ok().or_else(|| Some(part.parse::<IpAddr>().ok()?.to_canonical().into()));
        let problem = || format!("must be a network or an address such as 10.0.0.0/8 or 192.0.2.7, not {part:?}");
        let network: IpNet = network.ok_or_else(problem)?;
        let network = network.trunc();
        if !networks.contains(&network) {
            networks.push(network);
        }
    }
    Ok(networks)
}

/// An address alone is written without its length.
fn network_text(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() { network.addr().to_string() } else { network.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_of_origins_is_none_at_all() {
        assert_eq!(origins(""), Ok(vec![]));
        let two = vec!["https://a".to_owned(), "https://b:1".to_owned()];
        assert_eq!(origins("https://A, https://b:1,https://a:443"), Ok(two));
        assert!(origins("https://a,").is_err());
    }
}
