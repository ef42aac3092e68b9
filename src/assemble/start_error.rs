//! Why a server does not start, as a sentence that says what to do.
//!
//! Made where the server is assembled, on the thread that starts it, and printed by the command line.

use std::io;

use crate::net::capacity::TooSmall;
use crate::net::listening_socket::ListenAddress;

/// Why a server does not start.
#[derive(Debug)]
pub enum StartError {
    /// This address cannot be listened on; the error names its setting.
    Listen(String, io::Error),
    /// The sockets that a service manager passed cannot be used.
    Passed(io::Error),
    /// Other machines can reach this address, and the settings do not say whether guests may connect.
    Undecided(ListenAddress),
    /// The settings about tokens cannot be applied; a sentence.
    Tokens(String),
    /// The history cannot be opened; a sentence that says what to do.
    Store(Box<dyn std::error::Error + Send + Sync>),
    /// The machine does not give the few threads that every server needs.
    Threads(io::Error),
    /// The machine allows too little for any server.
    TooSmall(TooSmall),
    /// The certificate cannot be used; a sentence.
    Certificate(String),
    /// The secret of TURN servers cannot be used; a sentence.
    Turn(String),
    /// The secret that is shared with a provider cannot be used; a sentence.
    Providers(String),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Passed(error) => write!(f, "cannot use the sockets in LISTEN_FDS: {error}"),
            Self::Undecided(address) => write!(
                f,
                "others than this machine can reach {address}: say --guests on, and whoever comes is let in, \
                 or --guests off, and only those with a token are"
            ),
            Self::Tokens(sentence) => f.write_str(sentence),
            Self::Store(error) => error.fmt(f),
            Self::Threads(error) => write!(f, "cannot start a thread: {error}"),
            Self::TooSmall(error) => error.fmt(f),
            Self::Certificate(sentence) | Self::Turn(sentence) | Self::Providers(sentence) => f.write_str(sentence),
        }
    }
}

impl std::error::Error for StartError {}
