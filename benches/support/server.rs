//! A server under test, as a child process: started, found by the address that it prints, and killed when dropped.
//!
//! The bare loop is this same program started with another argument, roomd is the real binary, and the others are peers
//! that `benches/compare/run` has built. CPU time and memory are read from /proc by process id, in the same way for all.

use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddrV4;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::str::FromStr;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::pinning::Pinning;
use super::protocol::Protocol;
use super::scenario::{Load, Scenario};

/// The hidden argument that makes this program the bare loop.
pub const BARE_ARGUMENT: &str = "--serve-bare";
/// Connections that the server may have beyond those of the load.
const SPARE_CONNECTIONS: usize = 16;
const START_LIMIT: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

/// Where the peers are, from the package's directory.
const PEERS: &str = "target/compare";
const NATS_CONFIGURATION: &str = "benches/compare/peers/nats/nats.conf";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Baseline,
    Roomd,
    Go,
    Axum,
    Tungstenite,
    FastWebSockets,
    NodeWs,
    SocketIo,
    Nats,
}

pub struct Server {
    child: Child,
    /// Kept open, so that the server can go on writing to it.
    _output: BufReader<ChildStdout>,
    pub address: SocketAddrV4,
    /// The name and version that it prints.
    pub title: String,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Baseline,
        Self::Roomd,
        Self::Go,
        Self::Axum,
        Self::Tungstenite,
        Self::FastWebSockets,
        Self::NodeWs,
        Self::SocketIo,
        Self::Nats,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "bare",
            Self::Roomd => "roomd",
            Self::Go => "go",
            Self::Axum => "axum",
            Self::Tungstenite => "tungstenite",
            Self::FastWebSockets => "fastwebsockets",
            Self::NodeWs => "node-ws",
            Self::SocketIo => "socketio",
            Self::Nats => "nats",
        }
    }

    /// Whether it does what the scenario is about. The bare loop stores nothing; see `compare/stored.rs`.
    pub fn takes_part(self, scenario: &Scenario) -> bool {
        !matches!(scenario.load, Load::Stored(_)) || self == Self::Roomd
    }

    /// How clients speak to it in a scenario.
    pub fn protocol_in(self, scenario: &Scenario) -> Protocol {
        match scenario.load {
            Load::Stored(_) => Protocol::Stored,
            Load::FanOut | Load::Churn => self.protocol(),
        }
    }

    pub fn protocol(self) -> Protocol {
        match self {
            Self::Baseline | Self::Roomd => Protocol::Named,
            Self::Go | Self::Axum | Self::Tungstenite | Self::FastWebSockets | Self::NodeWs => Protocol::Relayed,
            Self::SocketIo => Protocol::SocketIo,
            Self::Nats => Protocol::Nats,
        }
    }

    /// The command that starts it; `more` is added for roomd.
    fn command(self, scenario: &Scenario, more: &[String]) -> io::Result<Command> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let peer = |path: &str| package.join(PEERS).join(path);
        let mut command = match self {
            Self::Baseline => Command::new(std::env::current_exe()?),
            Self::Roomd => Command::new(env!("CARGO_BIN_EXE_roomd")),
            Self::Go => Command::new(peer("go-peer")),
            Self::Axum => Command::new(peer("rust/release/axum-peer")),
            Self::Tungstenite => Command::new(peer("rust/release/tungstenite-peer")),
            Self::FastWebSockets => Command::new(peer("rust/release/fastwebsockets-peer")),
            Self::NodeWs | Self::SocketIo => Command::new("node"),
            Self::Nats => Command::new("sh"),
        };
        match self {
            Self::Baseline => _ = command.arg(BARE_ARGUMENT),
            Self::Roomd => as_roomd(&mut command, scenario, more),
            Self::NodeWs => _ = command.arg(peer("node-ws/server.js")),
            Self::SocketIo => _ = command.arg(peer("socketio/server.js")),
            // It prints its address on standard error.
            Self::Nats => {
                command.args(["-c", "exec nats-server -c \"$1\" 2>&1", "sh"]).arg(package.join(NATS_CONFIGURATION));
            }
            Self::Go | Self::Axum | Self::Tungstenite | Self::FastWebSockets => {}
        }
        Ok(command)
    }
}

fn as_roomd(command: &mut Command, scenario: &Scenario, more: &[String]) {
    let connections = (scenario.clients() + SPARE_CONNECTIONS).to_string();
    // Not more than are needed, since the server keeps a thread for each; of which it keeps a quarter for rooms of another kind.
    let rooms = (scenario.rooms + scenario.rooms / 3 + 2 * SPARE_CONNECTIONS).to_string();
    command.args(["serve", "--listen", "127.0.0.1:0", "--lines", "off", "--rate-per-s", "0", "--history", "0"]);
    command.args(["--connections-max", &connections, "--rooms-max", &rooms]).args(more);
    if !more.iter().any(|argument| argument == "--data") {
        command.args(["--data", "off"]);
    }
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROOMD_")) {
        command.env_remove(name);
    }
    command.env("RUST_LOG", "error");
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| format!("no server {name}"))
    }
}

impl Server {
    /// Starts the server on its CPU and waits for its address.
    ///
    /// # Errors
    /// If it cannot be started, or does not print an address.
    pub fn start(kind: Kind, scenario: &Scenario, more: &[String], pinning: Option<Pinning>) -> io::Result<Self> {
        let mut command = kind.command(scenario, more)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = match pinning {
            Some(pinning) => pinning.spawn(&mut command)?,
            None => command.spawn()?,
        };
        let output = child.stdout.take().expect("stdout is piped");
        match announced(output) {
            Ok((output, address, title)) => Ok(Self { child, _output: output, address, title }),
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
    // Both fail only if the process has already ended and been waited for.
    _ = child.kill();
    _ = child.wait();
}

/// Reads what a server prints until it is ready: `TITLE listening on http://127.0.0.1:PORT…`; NATS has its version in
/// a line before, and its address behind `ws://`.
fn announced(output: ChildStdout) -> io::Result<(BufReader<ChildStdout>, SocketAddrV4, String)> {
    let mut output = BufReader::new(output);
    let mut printed = String::new();
    loop {
        let waiting = output.buffer().is_empty();
        if waiting && rustix::event::poll(&mut [PollFd::new(output.get_ref(), PollFlags::IN)], Some(&START_LIMIT))? == 0
        {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let begin = printed.len();
        if output.read_line(&mut printed)? == 0 {
            return Err(io::Error::other(format!("no address in `{}`", printed.trim_end())));
        }
        if let Some((before, address)) = address(&printed[begin..]) {
            let version = printed.lines().find_map(|line| line.split_once("Version:"));
            let title = match (before.split_once(" listening on"), version) {
                (_, Some((_, version))) => format!("NATS {}", version.trim()),
                (Some((title, _)), None) => title.to_owned(),
                (None, None) => before.to_owned(),
            };
            return Ok((output, address, title));
        }
    }
}

fn address(line: &str) -> Option<(&str, SocketAddrV4)> {
    let (before, rest) = line.split_once("http://").or_else(|| line.split_once("ws://"))?;
    let address = rest.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').next()?.parse().ok()?;
    Some((before, address))
}
