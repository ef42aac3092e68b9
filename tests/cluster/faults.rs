//! What fails, for how long: servers, their lines to the database, and the database.

use std::time::Duration;

use rustix::process::Signal;

use crate::dice::Dice;
use crate::postgres::Postgres;
use crate::relay::{Line, Relay};
use crate::servers::Server;

/// What may fail.
pub struct Cluster {
    pub database: Postgres,
    pub servers: Vec<Server>,
    /// Between each server and the database.
    pub relays: Vec<Relay>,
}

/// A fault, from its beginning to its end. Those of a server have its number.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The server is killed, and started again.
    Kill(usize),
    /// The server is stopped where it is, and goes on.
    Stop(usize),
    /// The server's line to the database swallows what is sent, and delivers it in the end.
    Stall(usize),
    /// The same, and in the end the connections are reset: what was under way is lost.
    StallAndReset(usize),
    /// The server's connections to the database are reset, and new ones refused.
    Refuse(usize),
    /// Each connection to the database is ended.
    EndConnections,
    /// The database is stopped in this of its modes, and started again.
    StopDatabase(&'static str),
    /// All processes of the database are killed, and it is started again.
    KillDatabase,
}

/// One of each kind, with servers that are drawn.
pub fn one_of_each(dice: &mut Dice, servers: usize) -> Vec<Fault> {
    let mut server = || dice.below(servers);
    let mut all = vec![
        Fault::Kill(server()),
        Fault::Stop(server()),
        Fault::Stall(server()),
        Fault::StallAndReset(server()),
        Fault::Refuse(server()),
        Fault::EndConnections,
        Fault::StopDatabase("fast"),
        Fault::StopDatabase("immediate"),
        Fault::KillDatabase,
    ];
    dice.shuffle(&mut all);
    all
}

impl Fault {
    pub fn begin(self, cluster: &mut Cluster) {
        let Cluster { database, servers, relays } = cluster;
        match self {
            Self::Kill(server) => servers[server].kill(),
            Self::Stop(server) => servers[server].signal(Signal::STOP),
            Self::Stall(server) | Self::StallAndReset(server) => relays[server].set(Line::Stalled),
            Self::Refuse(server) => relays[server].set(Line::Refused),
            Self::EndConnections => database.end_connections(),
            Self::StopDatabase(mode) => database.stop(mode),
            Self::KillDatabase => database.kill(),
        }
    }

    pub fn end(self, cluster: &mut Cluster) {
        let Cluster { database, servers, relays } = cluster;
        match self {
            Self::Kill(server) => servers[server].start(),
            Self::Stop(server) => servers[server].signal(Signal::CONT),
            Self::Stall(server) | Self::Refuse(server) => relays[server].set(Line::Open),
            Self::StallAndReset(server) => {
                relays[server].reset();
                relays[server].set(Line::Open);
            }
            Self::EndConnections => {}
            Self::StopDatabase(_) | Self::KillDatabase => database.start(),
        }
    }

    /// How long it lasts, within so many seconds.
    pub fn duration(self, dice: &mut Dice, seconds_max: usize) -> Duration {
        match self {
            Self::EndConnections => Duration::ZERO,
            // It is away as long as it takes to start.
            Self::StopDatabase(_) | Self::KillDatabase => dice.seconds(seconds_max.min(4)),
            _ => dice.seconds(seconds_max),
        }
    }
}
