//! Three servers under load, while one thing after the other fails.

use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use roomd_load::{AllowedLosses, Phase, Plan, Progress, Report, StopToken};

use crate::bus::Bus;
use crate::dice::{Dice, number};
use crate::faults::{BusLines, Cluster, Fault, one_of_each, one_of_each_of_a_bus};
use crate::postgres::{DEADLINE, Folder, Postgres, until};
use crate::relay::Relay;
use crate::servers::{Engines, Server};

pub const SERVERS: usize = 3;
const CLIENTS: usize = 24;
const ROOMS: usize = 2;
/// How long a fault lasts at most, in seconds; and for a night.
const SECONDS_MAX: (usize, usize) = (7, 30);
/// Deliveries after a fault by which clients are taken to be served again: some to each.
const DELIVERIES: u64 = 20 * CLIENTS as u64;

/// How the load stands, as it says once a second.
#[derive(Default)]
pub struct Watch {
    progress: Mutex<Option<Progress>>,
    told: Condvar,
}

impl Watch {
    fn tell(&self, progress: &Progress) {
        *self.progress.lock().unwrap() = Some(*progress);
        self.told.notify_all();
    }

    /// Waits until the load stands as wanted.
    pub fn until(&self, what: &str, is_so: impl Fn(&Progress) -> bool) -> Progress {
        let progress = self.progress.lock().unwrap();
        let is_not = |progress: &mut Option<Progress>| !progress.as_ref().is_some_and(&is_so);
        let (progress, waited) = self.told.wait_timeout_while(progress, DEADLINE, is_not).unwrap();
        assert!(!waited.timed_out(), "{what}: {:?}", *progress);
        progress.unwrap()
    }

    /// Waits until all clients are served, from now on.
    pub fn until_served(&self) {
        let before = self.until("the load has begun", |progress| progress.phase == Phase::Publishing).delivered;
        self.until("all are served", |progress| {
            progress.connections == progress.clients && progress.delivered >= before + DELIVERIES
        });
    }
}

/// Clients of all servers, of which some publish and all hop between the servers.
pub fn plan(servers: &[Server]) -> Plan {
    let mut addresses = servers.iter().map(|server| server.address.clone());
    Plan {
        server: addresses.next().unwrap(),
        also: addresses.collect(),
        clients: CLIENTS,
        rooms: ROOMS,
        publishers: 3,
        rate: 60,
        breaks: 6,
        publishers_too: true,
        outages: true,
        duration: Duration::from_secs(24 * 60 * 60),
        drain: DEADLINE,
        ..Plan::default()
    }
}

/// Runs the load of this plan while `disturb` does what it does; its report.
pub fn under_load(plan: &Plan, disturb: impl FnOnce(&Watch)) -> Report {
    let (watch, stop) = (Watch::default(), StopToken::new().unwrap());
    thread::scope(|scope| {
        let load = scope.spawn(|| roomd_load::run_until(&stop, plan, &mut |progress| watch.tell(progress)));
        // The load ends also when that fails.
        let _stop = StopAtEnd(&stop);
        watch.until_served();
        disturb(&watch);
        drop(_stop);
        load.join().unwrap().unwrap()
    })
}

struct StopAtEnd<'a>(&'a StopToken);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.request();
    }
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order_while_servers_lines_and_the_database_fail() {
    let Some(database) = Postgres::start_new() else { return };
    fail_and_lose_nothing(database, None, one_of_each);
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order_while_the_bus_and_its_lines_fail() {
    let Some(database) = Postgres::start_new() else { return };
    fail_and_lose_nothing(database, Some(BusLines::start_new(SERVERS)), one_of_each_of_a_bus);
}

/// Has one thing after the other fail under load, and sees that nothing is lost.
fn fail_and_lose_nothing(database: Postgres, bus: Option<BusLines>, faults: fn(&mut Dice, usize) -> Vec<Fault>) {
    let (folder, mut dice) = (Folder::new(), Dice::new());
    let relays: Vec<_> = (0..SERVERS).map(|_| Relay::to(database.port)).collect();
    let servers = relays.iter().enumerate().map(|(at, relay)| {
        let bus = bus.as_ref().map(|lines| Bus::url(lines.relays[at].port()));
        Server::start_new(at, Engines { database: Postgres::url(relay.port()), bus }, &folder.0)
    });
    let servers: Vec<_> = servers.collect();
    let (plan, mut cluster) = (plan(&servers), Cluster { database, servers, relays, bus });
    let mut count = 0;
    let report = under_load(&plan, |watch| {
        let wanted = number("ROOMD_FAULTS");
        let seconds_max = if wanted.is_some() { SECONDS_MAX.1 } else { SECONDS_MAX.0 };
        while count == 0 || count < wanted.unwrap_or(0) {
            for fault in faults(&mut dice, SERVERS) {
                count += 1;
                fail(fault, fault.duration(&mut dice, seconds_max), &mut cluster);
                watch.until_served();
            }
        }
        cluster.servers.iter().for_each(everybody_is_there);
    });
    println!("{count} faults\n{report}");
    assert!(report.kept, "{report}");
    assert_eq!(report.allowed_losses, AllowedLosses::default(), "{report}");
    assert_eq!(stored(&cluster.database), (report.messages.published, true), "{report}");
    cluster.servers.iter_mut().for_each(Server::assert_healthy);
}

/// Something fails for so long.
fn fail(fault: Fault, duration: Duration, cluster: &mut Cluster) {
    let began = Instant::now();
    fault.begin(cluster);
    thread::sleep(duration);
    fault.end(cluster);
    println!("{fault:?} for {:.1} s", began.elapsed().as_secs_f64());
}

/// The server shows each client in its room, and nobody else.
pub fn everybody_is_there(server: &Server) {
    for room in 0..ROOMS {
        let mut wanted: Vec<_> = (room..CLIENTS).step_by(ROOMS).map(|client| format!("load-{client}")).collect();
        wanted.sort();
        until("everybody is there, and nobody else", || {
            let listed = server.get(&format!("/api/v1/rooms/load-{room}/members")).unwrap_or_default();
            let users = listed["members"].as_array().into_iter().flatten();
            let mut users: Vec<_> = users.filter_map(|member| Some(member["user"].as_str()?.to_owned())).collect();
            users.sort();
            if users == wanted { Ok(()) } else { Err(format!("{} of {}", listed, server.address)) }
        });
    }
}

/// How many messages are in the database, and whether their numbers have no gap.
pub fn stored(database: &Postgres) -> (u64, bool) {
    let sql = "SELECT coalesce(sum(n), 0), bool_and(n = newest) FROM rooms JOIN
        (SELECT room, count(*) AS n FROM messages GROUP BY room) m USING (room) WHERE name LIKE 'load-%'";
    let found = database.psql("roomd", sql);
    let (count, is_dense) = found.split_once('|').unwrap();
    (count.parse().unwrap(), is_dense == "t")
}
