//! A scenario: rooms, clients and messages in flight of one row of the table, and the bytes that all servers agree on.
//!
//! A scenario is written `ROOMSxCLIENTS/WINDOW`, as in `100x100/W4`: in each of 100 rooms 100 clients, and 4 messages
//! in flight. `1000/W16` is one room, and `1000/idle` one in which nothing is published. In `10x10/churn` clients come
//! and go: see `churn`. In `64x1/fsync` and `64x1/os` each message is stored before it is acknowledged. Those in `LISTED`
//! have goals; any other may be asked for.

use std::fmt;
use std::str::FromStr;

/// What a delivery has besides its payload: the author, as in the text dialect.
pub const AUTHOR: &[u8] = b"load: ";
/// The first frame that a client gets when it has joined.
pub const WELCOME: &[u8] = b"load joined the room";
/// Bytes of a message as published.
pub const PAYLOAD_BYTES: usize = 100;
/// Members of a room that take turns in publishing.
pub const PUBLISHERS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    pub rooms: usize,
    pub clients_per_room: usize,
    /// Messages in flight in each room: the next is published when every member has received one. 0: all are idle.
    pub window: usize,
    pub load: Load,
    /// The most that the server may cost, as a ratio to the bare loop.
    pub goal: Option<f64>,
    /// Measured by default.
    pub usual: bool,
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// They stay, and what one publishes all get.
    FanOut,
    /// They come, say something, hear it, and go.
    Churn,
    /// They stay, and wait for the acknowledgement of what they publish; it survives this.
    Stored(Durability),
}

/// What an acknowledged message survives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Durability {
    Fsync,
    Os,
}

impl Durability {
    /// The value of roomd's `--durability`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fsync => "fsync",
            Self::Os => "os",
        }
    }
}

pub const LISTED: [Scenario; 6] = [
    Scenario { rooms: 1, clients_per_room: 1000, window: 16, load: Load::FanOut, goal: Some(1.0), usual: true },
    Scenario { rooms: 1, clients_per_room: 1000, window: 1, load: Load::FanOut, goal: Some(1.25), usual: true },
    Scenario { rooms: 100, clients_per_room: 100, window: 4, load: Load::FanOut, goal: Some(2.0), usual: true },
    Scenario { rooms: 1, clients_per_room: 10, window: 1, load: Load::FanOut, goal: None, usual: false },
    Scenario { rooms: 1, clients_per_room: 10_000, window: 1, load: Load::FanOut, goal: None, usual: false },
    Scenario { rooms: 1, clients_per_room: 10_000, window: 16, load: Load::FanOut, goal: None, usual: false },
];

impl Scenario {
    pub fn clients(&self) -> usize {
        self.rooms * self.clients_per_room
    }

    /// The scenario as a phrase, for the heading of its table.
    pub fn description(&self) -> String {
        let rooms = match self.rooms {
            1 => format!("{} clients in 1 room", self.clients_per_room),
            rooms if self.clients_per_room == 1 => format!("{rooms} rooms of one client"),
            rooms => format!("{rooms} rooms of {} clients", self.clients_per_room),
        };
        match self.load {
            Load::Churn => return format!("{rooms}, where clients come, say something, hear it, and go"),
            Load::Stored(Durability::Fsync) => {
                return format!(
                    "{rooms}, each waits for the acknowledgement of a message that survives a loss of power"
                );
            }
            Load::Stored(Durability::Os) => {
                return format!("{rooms}, each waits for the acknowledgement of a message that survives the process");
            }
            Load::FanOut => {}
        }
        if self.window == 0 {
            return format!("{rooms}, idle");
        }
        let each = if self.rooms == 1 { "" } else { " per room" };
        let plural = if self.window == 1 { "" } else { "s" };
        format!("{rooms}, {} message{plural} of {PAYLOAD_BYTES} bytes in flight{each}", self.window)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rooms != 1 {
            write!(f, "{}x", self.rooms)?;
        }
        let clients = self.clients_per_room;
        match (self.load, self.window) {
            (Load::Churn, _) => write!(f, "{clients}/churn"),
            (Load::Stored(durability), _) => write!(f, "{clients}/{}", durability.name()),
            (Load::FanOut, 0) => write!(f, "{clients}/idle"),
            (Load::FanOut, window) => write!(f, "{clients}/W{window}"),
        }
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(clients, window)| {
            let (rooms, clients) = clients.split_once('x').unwrap_or(("1", clients));
            let number = |text: &str| text.parse().ok().filter(|&number: &usize| number > 0);
            let (window, load) = match window {
                "idle" => (0, Load::FanOut),
                "churn" => (0, Load::Churn),
                "fsync" => (1, Load::Stored(Durability::Fsync)),
                "os" => (1, Load::Stored(Durability::Os)),
                window => (number(window.strip_prefix('W')?)?, Load::FanOut),
            };
            Some((number(rooms)?, number(clients)?, window, load))
        });
        let (rooms, clients_per_room, window, load) = parsed.ok_or(
            "a scenario is written ROOMSxCLIENTS/WINDOW, for example 100x100/W4, 1000/W16, 1000/idle, 10x10/churn or \
             64x1/fsync",
        )?;
        let free = Self { rooms, clients_per_room, window, load, goal: None, usual: true };
        Ok(LISTED.into_iter().find(|listed| listed.to_string() == free.to_string()).unwrap_or(free))
    }
}
