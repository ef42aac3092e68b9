//! Clients that join one room as fast as they can, each as a user of its own, so that each join is announced to every member.
//!
//! N joins make N²/2 notices, which no server that announces joins can avoid; what is measured is the cost of one. The
//! clients count them: if one is missing or too many, the figures are meaningless, and the bench fails.

use std::io;

use crate::support::clients::{Clients, WaitStrategy};
use crate::support::pinning::Pinning;
use crate::support::protocol::Protocol;
use crate::support::scenario::{Load, Scenario};
use crate::support::server::{Kind, Server};
use crate::support::usage::Usage;
use crate::table::Table;

pub fn measure(sizes: &[usize], pinning: Option<Pinning>) -> io::Result<String> {
    let mut table = Table::new(&[
        "clients, dialect",
        "all are in after, s",
        "all notices told after, s",
        "notices",
        "MiB of frames",
        "server CPU s",
        "µs a notice",
        "CPU ms a join",
    ]);
    for (protocol, name) in [(Protocol::OwnText, "text"), (Protocol::OwnJson, "json")] {
        for &clients in sizes {
            let scenario = Scenario {
                rooms: 1,
                clients_per_room: clients,
                window: 0,
                load: Load::FanOut,
                goal: None,
                usual: false,
            };
            let server = Server::start(Kind::Roomd, &scenario, &[], pinning)?;
            let before = Usage::now(server.pid())?;
            let (connected, join_times) =
                Clients::connect_all(protocol, server.address, &scenario, WaitStrategy::of(pinning))?;
            let used = (Usage::now(server.pid())? - before).server();
            let (notices, owed) = (connected.received.notices, (clients * (clients - 1) / 2) as u64);
            if notices != owed {
                return Err(io::Error::other(format!("{clients} clients received {notices} notices, and not {owed}")));
            }
            table.row([
                format!("{clients}, {name}"),
                format!("{:.2}", join_times.joined.as_secs_f64()),
                format!("{:.2}", join_times.settled.as_secs_f64()),
                notices.to_string(),
                format!("{:.0}", connected.received.bytes as f64 / (1 << 20) as f64),
                format!("{used:.2}"),
                format!("{:.3}", used / notices as f64 * 1e6),
                format!("{:.3}", used / clients as f64 * 1e3),
            ]);
        }
    }
    let sentence = "Each newcomer is told to each member, and each newcomer is told the members: a join costs O(N), and \
                    N joins O(N²), of which the factor is what matters. The time of a notice must not grow.";
    Ok(table.render("Joins into one room", sentence))
}
