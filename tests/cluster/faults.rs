//! What fails, for how long: servers, their lines to the database and to the bus, the database, and the bus.

use std::time::Duration;

use rustix::process::Signal;

use crate::bus::Bus;
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
    pub bus: Option<BusLines>,
}

/// A bus, and what is between it and each server.
pub struct BusLines {
    pub bus: Bus,
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
    /// The server's line to the bus swallows what is sent, and delivers it in the end.
    StallBus(usize),
    /// The server's connections to the bus are reset, and new ones refused.
    RefuseBus(usize),
    /// The bus is killed, and started again.
    KillBus,
}

/// One of each kind but those of a bus, with servers that are drawn.
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

/// One of each kind of a bus, and some of the others meanwhile.
pub fn one_of_each_of_a_bus(dice: &mut Dice, servers: usize) -> Vec<Fault> {
    let mut server = || dice.below(servers);
    let mut all = vec![
        Fault::StallBus(server()),
        Fault::RefuseBus(server()),
        Fault::KillBus,
        Fault::Kill(server()),
        Fault::StallAndReset(server()),
        Fault::KillDatabase,
    ];
    dice.shuffle(&mut all);
    all
}

impl BusLines {
    /// A new bus, which runs, and lines to it for so many servers.
    pub fn start_new(servers: usize) -> Self {
        let bus = Bus::start_new();
        let relays = (0..servers).map(|_| Relay::to(bus.port)).collect();
        Self { bus, relays }
    }
}

impl Cluster {
    fn bus(&mut self) -> &mut BusLines {
        self.bus.as_mut().expect("the fault is of a cluster with a bus")
    }
}

impl Fault {
    pub fn begin(self, cluster: &mut Cluster) {
        let Cluster { database, servers, relays, .. } = cluster;
        match self {
            Self::Kill(server) => servers[server].kill(),
            Self::Stop(server) => servers[server].signal(Signal::STOP),
            Self::Stall(server) | Self::StallAndReset(server) => relays[server].set(Line::Stalled),
            Self::Refuse(server) => relays[server].set(Line::Refused),
            Self::EndConnections => database.end_connections(),
            Self::StopDatabase(mode) => database.stop(mode),
            Self::KillDatabase => database.kill(),
            Self::StallBus(server) => cluster.bus().relays[server].set(Line::Stalled),
            Self::RefuseBus(server) => cluster.bus().relays[server].set(Line::Refused),
            Self::KillBus => cluster.bus().bus.kill(),
        }
    }

    pub fn end(self, cluster: &mut Cluster) {
        let Cluster { database, servers, relays, .. } = cluster;
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
            Self::StallBus(server) | Self::RefuseBus(server) => cluster.bus().relays[server].set(Line::Open),
            Self::KillBus => cluster.bus().bus.start(),
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
