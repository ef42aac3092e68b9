//! Formats of settings: how a value is parsed, printed as TOML, and described in help.
//!
//! Used on the main thread while settings are read or printed. Parsing what was printed gives the same
//! value. The error of a parser is the second half of a sentence whose first half names the setting, so
//! the same sentence fits a flag, a variable and a key. Numbers with units are parsed by
//! `roomd_cli`; what has a syntax of its own, by `origin` and `ice`.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;
use serde::Serialize;
use toml::Value;

use crate::chat::{IceServer, IdentityProvider};
use crate::cli::{ice, origin, provider};
use crate::settings::{self, IrcOperator, WebhookTarget};
use crate::store::BusUrl;
use roomd_cli::address::listen_address;
use roomd_cli::value;

/// Makes a value of a text. The error is the second half of a sentence.
pub type Parse<T> = Box<dyn Fn(&str) -> Result<T, String> + Send + Sync>;
/// Makes a TOML value, whose text is parsed to the same value.
pub type Print<T> = Box<dyn Fn(&T) -> Value + Send + Sync>;

/// How the values of one type are written.
pub struct Format<T> {
    /// What stands for the value in help: `N`.
    pub placeholder: String,
    /// Unit and bounds, or what else is allowed: `messages, 1 to 1000000`.
    pub expected: String,
    /// Whether a file may hold an integer, although the value is printed as a string.
    pub integers: bool,
    pub parse: Parse<T>,
    pub print: Print<T>,
}

impl<T> Format<T> {
    fn new(
        placeholder: &str,
        expected: &str,
        parse: impl Fn(&str) -> Result<T, String> + Send + Sync + 'static,
        print: impl Fn(&T) -> Value + Send + Sync + 'static,
    ) -> Self {
        let (placeholder, expected) = (placeholder.to_owned(), expected.to_owned());
        Self { placeholder, expected, integers: false, parse: Box::new(parse), print: Box::new(print) }
    }
}

/// The text of a value, as its format parses it.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// A whole number.
pub fn count<T: TryFrom<u32> + Serialize>(unit: &str, range: RangeInclusive<u32>) -> Format<T> {
    let expected = format!("{unit}, {} to {}", range.start(), range.end());
    let parse = move |text: &str| {
        let number = value::count(text, &range)?;
        T::try_from(number).map_err(|_| format!("must be less than {text} on this machine"))
    };
    Format::new("N", &expected, parse, |number| Value::try_from(number).expect("a number below 2^32 is TOML"))
}

/// A size in bytes, with or without a binary unit: `65536`, `64KiB`.
pub fn bytes(range: RangeInclusive<usize>) -> Format<usize> {
    let expected = format!("bytes, {}", value::bytes_bounds(&range));
    let parse = move |text: &str| value::bytes(text, &range);
    Format { integers: true, ..Format::new("BYTES", &expected, parse, |size| value::bytes_text(*size).into()) }
}

/// A time with its unit; `0` needs none.
pub fn time(range: RangeInclusive<Duration>) -> Format<Duration> {
    let expected = format!("time, {}", value::time_bounds(&range));
    let parse = move |text: &str| value::time(text, &range);
    Format { integers: true, ..Format::new("TIME", &expected, parse, |time| value::time_text(*time).into()) }
}

/// One of several words, each with what it stands for.
pub fn choice<T, const N: usize>(choices: [(&'static str, T); N]) -> Format<T>
where
    T: Clone + PartialEq + Send + Sync + 'static,
{
    let words = choices.each_ref().map(|(word, _)| *word);
    let (last, others) = words.split_last().expect("a choice has words");
    let expected = format!("{} or {last}", others.join(", "));
    let (problem, printed) = (expected.clone(), choices.clone());
    let parse = move |text: &str| {
        let found = choices.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| value.clone()).ok_or_else(|| format!("must be {problem}, not {text:?}"))
    };
    let print = move |value: &T| printed.iter().find(|(_, other)| other == value).map_or("", |(word, _)| word).into();
    Format::new(&words.join("|"), &expected, parse, print)
}

/// `true` or `false`; the only format whose flag may stand without a value.
pub fn switch() -> Format<bool> {
    let words = choice([("true", true), ("false", false)]);
    Format { placeholder: SWITCH.to_owned(), print: Box::new(|on| Value::Boolean(*on)), ..words }
}

/// The placeholder of a switch.
pub const SWITCH: &str = "BOOL";

/// `HOST:PORT`, or `unix:PATH`.
pub fn address() -> Format<String> {
    Format::new("ADDR", "HOST:PORT or unix:PATH", listen_address, |address| Value::String(address.clone()))
}

/// The permissions of a file, in octal as chmod(1) takes them.
pub fn mode() -> Format<u32> {
    let parse = |text: &str| {
        let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let mode = if is_octal { u32::from_str_radix(text, 8).ok() } else { None };
        let problem = || format!("must be permissions in octal such as 0660, at most 0777, not {text:?}");
        mode.filter(|mode| *mode <= 0o777).ok_or_else(problem)
    };
    Format::new("MODE", "permissions, 0000 to 0777", parse, |mode| Value::String(format!("{mode:04o}")))
}

/// A path of the server's own in its addresses.
pub fn base_path() -> Format<String> {
    Format::new("PREFIX", "path such as /chat", settings::base_path, |path| Value::String(path.clone()))
}

/// The name of a server on IRC.
pub fn irc_name() -> Format<String> {
    Format::new("HOST", "host name of at most 63 characters", settings::irc_name, |name| Value::String(name.clone()))
}

/// Who may become an operator on IRC.
pub fn irc_operators() -> Format<Vec<IrcOperator>> {
    let parse = |text: &str| {
        settings::irc_operator(text)
            .ok_or_else(|| format!("must be a name and a SHA-256 such as ann:01ab…, not {text:?}"))
    };
    let print = |operator: &IrcOperator| {
        let digits: String = operator.digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}:{digits}", operator.name)
    };
    list("OPERATOR", "NAME:SHA256", usize::MAX, parse, print)
}

/// The path of a file, or a word in its place.
pub fn path(expected: &str) -> Format<String> {
    let parse = |text: &str| match text {
        "" => Err("must be the path of a file, not \"\"".to_owned()),
        path => Ok(path.to_owned()),
    };
    Format::new("PATH", expected, parse, |path| Value::String(path.clone()))
}

/// What `format` says, or `off`.
pub fn or_off<T: 'static>(format: Format<T>) -> Format<Option<T>> {
    or_word("off", format)
}

/// What carries notes between servers: a Redis, or the database.
pub fn bus() -> Format<Option<BusUrl>> {
    let url = Format::new("URL", "redis://HOST[:PORT]", BusUrl::parse, |url| Value::String(url.text().to_owned()));
    or_word("database", url)
}

/// A whole number, or `auto`.
pub fn auto_or_count(unit: &str, range: RangeInclusive<u32>) -> Format<Option<u32>> {
    Format { integers: true, ..or_word("auto", count(unit, range)) }
}

/// What `format` says, or a word for none.
fn or_word<T: 'static>(word: &'static str, format: Format<T>) -> Format<Option<T>> {
    let Format { placeholder, expected, parse, print, .. } = format;
    let (placeholder, with_word) = (format!("{placeholder}|{word}"), format!("{expected} or {word}"));
    let or_word = format!(" or {word}, not ");
    let parse = move |text: &str| match text {
        text if text == word => Ok(None),
        _ => parse(text).map(Some).map_err(|error| error.replacen(", not ", &or_word, 1)),
    };
    let print = move |value: &Option<T>| value.as_ref().map_or_else(|| word.into(), &print);
    Format::new(&placeholder, &with_word, parse, print)
}

/// Any text; an empty one is none.
pub fn optional_text(expected: &str) -> Format<Option<String>> {
    let print = |text: &Option<String>| Value::String(text.clone().unwrap_or_default());
    Format::new("TEXT", expected, |text| Ok(Some(text.to_owned()).filter(|text| !text.is_empty())), print)
}

/// Web origins.
pub fn origins() -> Format<Vec<String>> {
    list("ORIGIN", "scheme://host[:port]", usize::MAX, origin::parse, String::clone)
}

/// STUN and TURN servers. Browsers ask each, so many would make a call slow to start.
pub fn ice_servers() -> Format<Vec<IceServer>> {
    list("SERVER", "stun:HOST[:PORT] or turn:USER:CREDENTIAL@HOST[:PORT]", 8, ice::parse, ice::print)
}

/// OpenID Connect providers, each with an id of its own. The page has a button for each.
pub fn providers() -> Format<Vec<IdentityProvider>> {
    let Format { placeholder, expected, integers, parse, print } =
        list("PROVIDER", "id=NAME issuer=URL client=ID …", 8, provider::parse, provider::print);
    let parse = move |text: &str| {
        let providers = parse(text)?;
        let is_new = |(at, one): (usize, &IdentityProvider)| providers[..at].iter().all(|other| other.id != one.id);
        match providers.iter().enumerate().find(|one| !is_new(*one)) {
            Some((_, twice)) => Err(format!("has two providers of the id {}", twice.id)),
            None => Ok(providers),
        }
    };
    Format { placeholder, expected, integers, parse: Box::new(parse), print }
}

/// The name of a header field.
pub fn header_field() -> Format<String> {
    Format::new("FIELD", "header field", settings::header_field, |name| Value::String(name.clone()))
}

/// Networks, or addresses alone, which are printed without a length.
pub fn networks() -> Format<Vec<IpNet>> {
    let parse = |text: &str| {
        let problem = || format!("must be a network or an address such as 10.0.0.0/8 or 192.0.2.7, not {text:?}");
        network(text).ok_or_else(problem)
    };
    list("NETWORK", "network or address", usize::MAX, parse, network_text)
}

/// What webhooks may reach: networks, addresses and names of hosts.
pub fn webhook_targets() -> Format<Vec<WebhookTarget>> {
    let parse = |text: &str| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        match network(text) {
            Some(network) => Ok(WebhookTarget::Network(network)),
            None if !text.is_empty() && text.chars().all(is_name) => Ok(WebhookTarget::Host(text.to_owned())),
            None => {
                Err(format!("must be a network, an address or a host such as 10.0.0.0/8 or bot.internal, not {text:?}"))
            }
        }
    };
    let print = |target: &WebhookTarget| match target {
        WebhookTarget::Network(network) => network_text(network),
        WebhookTarget::Host(name) => name.clone(),
    };
    list("TARGET", "network, address or host", usize::MAX, parse, print)
}

fn network(text: &str) -> Option<IpNet> {
    let network: Option<IpNet> = text.parse().ok().or_else(|| Some(text.parse::<IpAddr>().ok()?.to_canonical().into()));
    network.map(|network| network.trunc())
}

fn network_text(network: &IpNet) -> String {
    match network.prefix_len() == network.max_prefix_len() {
        true => network.addr().to_string(),
        false => network.to_string(),
    }
}

/// At most `max` values with commas between them, each kept once. An empty text is an empty list, so that a flag can
/// take back what a file says.
fn list<T: PartialEq + 'static>(
    placeholder: &str,
    expected: &str,
    max: usize,
    parse: impl Fn(&str) -> Result<T, String> + Send + Sync + 'static,
    print: impl Fn(&T) -> String + Send + Sync + 'static,
) -> Format<Vec<T>> {
    let parse = move |text: &str| {
        let mut values = Vec::new();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let value = parse(part.trim())?;
            if !values.contains(&value) {
                values.push(value);
            }
        }
        if values.len() > max { Err(format!("must be at most {max}, not {}", values.len())) } else { Ok(values) }
    };
    let print = move |values: &Vec<T>| Value::Array(values.iter().map(|value| print(value).into()).collect());
    Format::new(placeholder, &format!("{expected} each"), parse, print)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_is_none_at_all_and_each_value_is_kept_once() {
        let origins = |text: &str| (origins().parse)(text);
        assert_eq!(origins(""), Ok(vec![]));
        let two = vec!["https://a".to_owned(), "https://b:1".to_owned()];
        assert_eq!(origins("https://A, https://b:1,https://a:443"), Ok(two));
        assert!(origins("https://a,").is_err());
    }

    #[test]
    fn servers_for_calls_have_an_end() {
        let servers = |count: usize| {
            let servers: Vec<_> = (0..count).map(|number| format!("stun:{number}.a.org")).collect();
            (ice_servers().parse)(&servers.join(","))
        };
        assert_eq!(servers(8).map(|servers| servers.len()), Ok(8));
        assert_eq!(servers(9), Err("must be at most 8, not 9".to_owned()));
    }
}
