//! A server under test, as a child process: started, found by the address it prints, and killed when dropped.
//!
//! Two kinds: the bare loop, which is this same program started with another argument, and the real binary.
//! Its CPU and memory are read from /proc by its process id, for both alike.

use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddrV4;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::str::FromStr;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::placement::Placement;

/// The hidden argument that makes this program the bare loop.
pub const BARE_ARGUMENT: &str = "--serve-bare";
/// Connections that the server may have beyond those of the load.
const SPARE_CONNECTIONS: usize = 16;
const START_LIMIT: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bare,
    Roomd,
}

pub struct Server {
    child: Child,
    /// Kept open, so that the server can go on writing to it.
    _output: BufReader<ChildStdout>,
    pub address: SocketAddrV4,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Roomd => "roomd",
        }
    }

    /// What it is started with; `more` is added for roomd.
    fn command(self, clients: usize, more: &[String]) -> io::Result<Command> {
        let mut command = match self {
            Self::Bare => Command::new(std::env::current_exe()?),
            Self::Roomd => Command::new(env!("CARGO_BIN_EXE_roomd")),
        };
        if self == Self::Bare {
            command.arg(BARE_ARGUMENT);
            return Ok(command);
        }
        let connections = (clients + SPARE_CONNECTIONS).to_string();
        command.args(["serve", "--listen", "127.0.0.1:0", "--lines", "off", "--rate-per-s", "0", "--history", "0"]);
        command.args(["--connections-max", &connections]).args(more);
        if !more.iter().any(|argument| argument == "--data") {
            command.args(["--data", "off"]);
        }
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROOMD_")) {
            command.env_remove(name);
        }
        command.env("RUST_LOG", "error");
        Ok(command)
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Bare, Self::Roomd]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| format!("no server {name}"))
    }
}

impl Server {
    /// Starts the server on its CPU and waits for its address.
    ///
    /// # Errors
    /// If it cannot be started, or ends or stays silent instead of printing an address.
    pub fn start(kind: Kind, clients: usize, more: &[String], placement: Option<Placement>) -> io::Result<Self> {
        let mut command = kind.command(clients, more)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = match placement {
            Some(placement) => placement.spawn(&mut command)?,
            None => command.spawn()?,
        };
        let output = child.stdout.take().expect("stdout is piped");
        match announced(output) {
            Ok((output, address)) => Ok(Self { child, _output: output, address }),
            Err(error) => {
                end(&mut child);
                Err(io::Error::new(error.kind(), format!("{} did not start: {error}", kind.name())))
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // Both fail only if the process has ended and been waited for, which is what is wanted.
    _ = child.kill();
    _ = child.wait();
}

/// Reads the line that a server prints when it is ready: `… listening on http://127.0.0.1:PORT…`.
fn announced(output: ChildStdout) -> io::Result<(BufReader<ChildStdout>, SocketAddrV4)> {
    if rustix::event::poll(&mut [PollFd::new(&output, PollFlags::IN)], Some(&START_LIMIT))? == 0 {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let mut output = BufReader::new(output);
    let mut line = String::new();
    output.read_line(&mut line)?;
    let address = line
        .split_once("http://")
        .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').next()?.parse().ok());
    let address = address.ok_or_else(|| io::Error::other(format!("no address in `{}`", line.trim_end())))?;
    Ok((output, address))
}
