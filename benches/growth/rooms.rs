//! Rooms of one member each: what a room costs, and whether the thousandth costs as much as the first.
//!
//! An open room has a thread, so a client in a room of its own has three. After all have joined, each room has one
//! message in flight for a while: the closed loop of the fan-out bench.

use std::io;
use std::time::Duration;

use crate::support::pinning::Pinning;
use crate::support::scenario::{Load, Scenario};
use crate::support::server::Kind;
use crate::support::trial::{self, Conditions};
use crate::table::Table;

pub fn measure(sizes: &[usize], pinning: Option<Pinning>) -> io::Result<String> {
    let mut table = Table::new(&[
        "rooms",
        "rooms opened a second",
        "KiB a room and its client",
        "with kernel stacks",
        "CPU s a million deliveries",
        "deliveries a second",
        "p99 ms",
    ]);
    let moment = Duration::from_secs(1);
    let conditions = Conditions { warm_up: moment, measuring: 2 * moment, pinning, sleep: false, more: Vec::new() };
    for &rooms in sizes {
        let scenario = Scenario { rooms, clients_per_room: 1, window: 1, load: Load::FanOut, goal: None, usual: false };
        let outcome = trial::run(Kind::Roomd, &scenario, &conditions)?;
        if let Some(faults) = outcome.faults.description() {
            return Err(io::Error::other(format!("{rooms} rooms: {faults}")));
        }
        table.row([
            rooms.to_string(),
            format!("{:.0}", outcome.joins_per_s),
            format!("{:.1}", outcome.memory.resident),
            format!("{:.1}", outcome.memory.resident + outcome.memory.kernel),
            format!("{:.1}", outcome.cpu_s_per_million),
            format!("{:.0}", outcome.deliveries_per_s),
            format!("{:.1}", outcome.p99_ms),
        ]);
    }
    let sentence = "Each client opens a room of its own. Neither time nor memory of a room may grow with their number; \
                    latency does, since all rooms have a message in flight at once.";
    Ok(table.render("Rooms of one member", sentence))
}
