//! Where the servers of one database send each other notes, if not through the database: the URL of a Redis or Valkey.
//!
//! `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, special characters of the user and the password as `%XX`. Parsed with
//! the settings, on the main thread; it is connected to by the store. Nothing but [`BusUrl::text`] tells the password.

use std::fmt;
use std::net::Ipv6Addr;

use percent_encoding::percent_decode_str;

/// The port, where the URL names none.
const PORT: u16 = 6379;
/// The form of such a URL.
const FORM: &str = "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]";

/// See the module.
#[derive(Clone, PartialEq, Eq)]
pub struct BusUrl {
    /// As it was given.
    text: String,
    /// A name or an address, an IPv6 one without brackets.
    pub host: String,
    pub port: u16,
    /// User and password; without a user the password is that of `default`.
    pub login: Option<(String, String)>,
    /// The number of the database.
    pub database: u32,
}

impl BusUrl {
    /// # Errors
    /// The second half of a sentence that says what is wrong, without a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let problem = |what: &str| format!("must be {FORM}: {what}");
        let rest = match text.split_once("://") {
            Some(("redis", rest)) => rest,
            Some(("rediss" | "valkeys", _)) => {
                return Err(problem("roomd does not speak TLS to it, so use a network of your own or a tunnel"));
            }
            _ => return Err(problem("it begins with redis://, for Valkey too")),
        };
        if rest.contains(['?', '#']) {
            return Err(problem("it has no options, and a ? or # in a password is %3F or %23"));
        }
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, address) = match authority.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, authority),
        };
        let (host, port) = host_and_port(address).ok_or_else(|| problem("its host or port is not valid"))?;
        let login = match login {
            Some(login) => Some(parse_login(login).ok_or_else(|| problem("its user and password are not valid"))?),
            None => None,
        };
        let database = match database {
            "" => 0,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| problem("its database is a small number"))?
            }
            _ => return Err(problem("its database is a number, and a / in a password is %2F")),
        };
        Ok(Self { text: text.to_owned(), host, port, login, database })
    }

    /// As it was given, with the password.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// What messages call it.
impl fmt::Display for BusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "redis://[{}]:{}", self.host, self.port),
            false => write!(f, "redis://{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for BusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn host_and_port(address: &str) -> Option<(String, u16)> {
    let bracketed = address.strip_prefix('[').map(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some(split) => split?,
        None => address.split_at(address.find(':').unwrap_or(address.len())),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let is_host = match bracketed {
        Some(_) => host.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(is_name),
    };
    let port = match port {
        "" => PORT,
        port => {
            let digits = port.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?;
            digits.parse().ok().filter(|port| *port > 0)?
        }
    };
    is_host.then(|| (host.to_owned(), port))
}

fn parse_login(login: &str) -> Option<(String, String)> {
    let (user, password) = login.split_once(':').filter(|(_, password)| !password.is_empty())?;
    let decode = |text| percent_decode_str(text).decode_utf8().ok().map(String::from);
    Some((
        Some(decode(user)?).filter(|user| !user.is_empty()).unwrap_or_else(|| "default".to_owned()),
        decode(password)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_host_and_whoever_logs_in() {
        let login = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        for (text, host, port, who, database) in [
            ("redis://cache", "cache", 6379, None, 0),
            ("redis://10.0.0.7:7000/", "10.0.0.7", 7000, None, 0),
            ("redis://[::1]:6380/3", "::1", 6380, None, 3),
            ("redis://[fe80::1]", "fe80::1", 6379, None, 0),
            ("redis://:pass@cache", "cache", 6379, login("default", "pass"), 0),
            ("redis://roomd:p%40ss%2F%C3%BC:1@cache:1/15", "cache", 1, login("roomd", "p@ss/ü:1"), 15),
            ("redis://roomd:a@b@cache", "cache", 6379, login("roomd", "a@b"), 0),
        ] {
            let url = BusUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((&*url.host, url.port, url.login.clone(), url.database), (host, port, who, database), "{text}");
            assert_eq!(url.text(), text);
        }
        assert_eq!(format!("{:?}", BusUrl::parse("redis://roomd:secret@[::1]/2").unwrap()), "redis://[::1]:6379");
    }

    #[test]
    fn a_mistake_is_named_without_the_password() {
        for (text, complaint) in [
            ("", "begins with redis://"),
            ("cache:6379", "begins with redis://"),
            ("nats://u:secret@cache", "begins with redis://"),
            ("rediss://u:secret@cache", "TLS"),
            ("redis://", "host or port"),
            ("redis://u:secret@", "host or port"),
            ("redis://ca che", "host or port"),
            ("redis://cache:0", "host or port"),
            ("redis://cache:65536", "host or port"),
            ("redis://cache:+1", "host or port"),
            ("redis://cache:", "host or port"),
            ("redis://::1:6379", "host or port"),
            ("redis://[::1", "host or port"),
            ("redis://[::1]6379", "host or port"),
            ("redis://[cache]", "host or port"),
            ("redis://secret@cache", "user and password"),
            ("redis://roomd:@cache", "user and password"),
            ("redis://roomd:%FFsecret@cache", "user and password"),
            ("redis://cache/one", "is a number"),
            ("redis://cache/-1", "is a number"),
            ("redis://cache/99999999999", "small number"),
            ("redis://u:sec/ret@cache", "host or port"),
            ("redis://u:secret?@cache", "no options"),
            ("redis://cache?protocol=3", "no options"),
        ] {
            let error = BusUrl::parse(text).unwrap_err();
            assert!(error.contains(complaint) && !error.contains("secret"), "{text}: {error}");
        }
    }
}
