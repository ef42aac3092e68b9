//! One connection to a Redis or Valkey that hears a channel and publishes to it.
//!
//! RESP3 lets one connection do both, so Redis 6 or later is needed, which `HELLO` shows. Each call has a deadline. Used by the thread
//! `bus`, and by the main thread at the opening; whoever else publishes has the socket through [`BusConnection::socket`].

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::resp::{Reply, ReplyReader, append_command};
use crate::store::bus_url::BusUrl;

/// How long it may take until a connection hears, once the host's address is known.
const CONNECT: Duration = Duration::from_secs(2);
/// After which time a write is given up, which may go on for as long again: the peer reads too little, and whoever publishes does
/// not wait for it.
const WRITE: Duration = Duration::from_millis(100);

/// Why there is no connection.
#[derive(Debug)]
pub enum BusError {
    /// It does not take this server as it is set up: a sentence. That does not pass by itself.
    Refused(String),
    /// It is not there, or was lost.
    Away(String),
}

impl std::fmt::Display for BusError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Refused(why) | Self::Away(why)) = self;
        f.write_str(why)
    }
}

impl std::error::Error for BusError {}

impl From<io::Error> for BusError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Away("it does not answer".to_owned()),
            _ => Self::Away(error.to_string()),
        }
    }
}

/// See the module.
pub struct BusConnection {
    socket: TcpStream,
    replies: ReplyReader,
}

impl BusConnection {
    /// Connects, logs in and subscribes. Blocks for two seconds at most, and for as long as the system looks the host up.
    ///
    /// # Errors
    /// See [`BusError`].
    pub fn open(url: &BusUrl, channel: &str) -> Result<Self, BusError> {
        let addresses: Vec<_> = (url.host.as_str(), url.port).to_socket_addrs()?.collect();
        let until = Instant::now() + CONNECT;
        let mut tried = Err(BusError::Away("its host has no address".to_owned()));
        for address in addresses {
            tried = TcpStream::connect_timeout(&address, left(until)).map_err(BusError::from);
            if tried.is_ok() {
                break;
            }
        }
        let socket = tried?;
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(WRITE))?;
        let mut connection = Self { socket, replies: ReplyReader::default() };
        connection.begin(url, channel, until)?;
        Ok(connection)
    }

    fn begin(&mut self, url: &BusUrl, channel: &str, until: Instant) -> Result<(), BusError> {
        let mut hello = vec!["HELLO", "3"];
        if let Some((user, password)) = &url.login {
            hello.extend(["AUTH", user, password]);
        }
        hello.extend(["SETNAME", "roomd"]);
        is_primary(&self.ask(&hello, until)?)?;
        if url.database > 0 {
            self.ask(&["SELECT", &url.database.to_string()], until)?;
        }
        self.ask(&["SUBSCRIBE", channel], until).map(drop)
    }

    /// A second handle of its socket, for whoever publishes or ends it.
    ///
    /// # Errors
    /// The process has no file for it.
    pub fn socket(&self) -> io::Result<TcpStream> {
        self.socket.try_clone()
    }

    /// The next reply; `None`: there was none until then.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn receive(&mut self, until: Instant) -> Result<Option<Reply>, BusError> {
        let mut bytes = [0; 16 * 1024];
        loop {
            let reply = self.replies.next();
            if let Some(reply) = reply.map_err(|_| BusError::Away("it does not speak Redis's protocol".to_owned()))? {
                return Ok(Some(reply));
            }
            self.socket.set_read_timeout(Some(left(until)))?;
            match self.socket.read(&mut bytes) {
                Ok(0) => return Err(BusError::Away("it has closed the connection".to_owned())),
                Ok(count) => self.replies.push(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The answer to a command.
    fn ask(&mut self, words: &[&str], until: Instant) -> Result<Reply, BusError> {
        let mut command = Vec::new();
        append_command(&mut command, words);
        write(&mut self.socket, &command)?;
        match self.receive(until)? {
            Some(Reply::Error(error)) => Err(refusal(words[0], &error)),
            Some(reply) => Ok(reply),
            None => Err(BusError::Away("it does not answer".to_owned())),
        }
    }
}

/// Writes all of it, in a fifth of a second at most.
///
/// # Errors
/// Some of it may be written.
pub fn write(socket: &mut TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    let until = Instant::now() + WRITE;
    while !bytes.is_empty() {
        match socket.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if !bytes.is_empty() && until <= Instant::now() {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    Ok(())
}

/// Whether what `HELLO` says is of a server whose notes reach all others: what is published on a replica stays there.
///
/// # Errors
/// It is not.
pub fn is_primary(hello: &Reply) -> Result<(), BusError> {
    let Reply::List(pairs) = hello else {
        return Err(BusError::Away("it does not speak Redis's protocol".to_owned()));
    };
    let is_word = |reply: &Reply, word: &str| matches!(reply, Reply::Text(text) if text == word);
    let is_replica = pairs.chunks_exact(2).any(|pair| is_word(&pair[0], "role") && !is_word(&pair[1], "master"));
    match is_replica {
        true => Err(BusError::Away("it is a replica, and what is published there reaches nobody else".to_owned())),
        false => Ok(()),
    }
}

/// What an error means that answers the first words.
fn refusal(command: &str, error: &str) -> BusError {
    let passes = ["LOADING", "MASTERDOWN", "BUSY", "TRYAGAIN"].iter().any(|code| error.starts_with(code));
    // Said to whoever connects, whatever they ask.
    if passes || error.contains("max number of clients") {
        return BusError::Away(error.to_owned());
    }
    if command == "HELLO" && error.contains("unknown command") {
        return BusError::Refused("it is older than Redis 6, which roomd needs".to_owned());
    }
    BusError::Refused(format!("it answers {error}"))
}

/// What is left until then; never nothing, which would be no limit.
fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_pass_by_itself_is_told_from_what_does() {
        for (command, error, refused) in [
            ("HELLO", "WRONGPASS invalid username-password pair or user is disabled.", true),
            ("HELLO", "ERR unknown command `HELLO`, with args beginning with: `3`", true),
            ("SUBSCRIBE", "NOPERM this user has no permissions to access one of the channels", true),
            ("SELECT", "ERR DB index is out of range", true),
            ("HELLO", "DENIED Redis is running in protected mode", true),
            ("HELLO", "ERR max number of clients reached", false),
            ("HELLO", "LOADING Redis is loading the dataset in memory", false),
        ] {
            assert_eq!(matches!(refusal(command, error), BusError::Refused(_)), refused, "{error}");
        }
        assert!(refusal("HELLO", "ERR unknown command `HELLO`").to_string().contains("older than Redis 6"));
    }

    #[test]
    fn a_replica_is_found() {
        let hello = |role: &str| {
            Reply::List(["server", "redis", "role", role].map(|text| Reply::Text(text.to_owned())).to_vec())
        };
        assert!(is_primary(&hello("master")).is_ok());
        assert!(is_primary(&hello("replica")).is_err());
        assert!(is_primary(&Reply::Other).is_err());
    }
}
