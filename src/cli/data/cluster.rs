//! `roomd cluster`: the servers that have one history together, for people or as JSON.
//!
//! Called by `execute.rs`, on the main thread.

use std::time::Duration;

use serde_json::{Value, json};

use super::execute::{counted, print};
use crate::store::administration::{Administration, AdministrationError};
use crate::store::cluster::{Cluster, ClusterDatabase, ClusterServer, ServerState};
use roomd_cli::value::time_text;

/// What stands above the columns.
const HEAD: [&str; 8] = ["SERVER", "STATE", "HEARTBEAT", "UP", "USERS", "ROOMS", "BEHIND", "ANSWER"];

/// Prints the servers. Blocks on the database.
pub fn list(history: &dyn Administration, as_json: bool) -> Result<(), AdministrationError> {
    let cluster = history.cluster()?;
    if as_json {
        print(&to_json(&cluster).to_string());
    } else {
        lines(&cluster).iter().for_each(|line| print(line));
    }
    Ok(())
}

/// One object: the database, and the servers.
fn to_json(cluster: &Cluster) -> Value {
    let ClusterDatabase { version, timeline, generation, is_synchronous } = &cluster.database;
    let servers = cluster.servers.iter().map(|server| {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let ClusterServer { number, state, silent_for, up_for, users, rooms, behind, answer, about } = server;
        json!({
            "server": format!("{number:016x}"), "state": state.as_str(), "heartbeat_ms": ms(*silent_for), "up_ms": ms(*up_for),
            "users": users, "rooms": rooms, "behind": behind, "answer_ms": ms(*answer), "about": about,
        })
    });
    let servers: Vec<_> = servers.collect();
    json!({
        "database": {
            "version": version, "timeline": timeline, "generation": generation, "synchronous": is_synchronous,
        },
        "servers": servers,
    })
}

/// The database, and a table of the servers.
fn lines(cluster: &Cluster) -> Vec<String> {
    let ClusterDatabase { version, timeline, generation, is_synchronous } = &cluster.database;
    let waits = if *is_synchronous { "commits wait for a standby" } else { "commits wait for no standby" };
    let epochs = match generation {
        0 => String::new(),
        times => format!("; all rooms have begun new epochs {}", counted(*times, "time")),
    };
    let alive = cluster.servers.iter().filter(|server| server.state == ServerState::Alive).count();
    let mut lines = vec![
        format!("PostgreSQL {version}, timeline {timeline}; {waits}{epochs}"),
        format!("{} alive of {}", alive, counted(cluster.servers.len(), "server")),
    ];
    if cluster.servers.is_empty() {
        return lines;
    }
    let rows: Vec<_> = cluster.servers.iter().map(cells).collect();
    let widths: Vec<_> = (0..HEAD.len())
        .map(|column| rows.iter().map(|(cells, _)| cells[column].len()).chain([HEAD[column].len()]).max().unwrap_or(0))
        .collect();
    let line = |cells: &[String], about: &str| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  "));
        format!("{}{about}", cells.collect::<String>())
    };
    lines.push(line(&HEAD.map(str::to_owned), "ABOUT"));
    lines.extend(rows.iter().map(|(cells, about)| line(cells, about)));
    lines
}

fn cells(server: &ClusterServer) -> ([String; HEAD.len()], &str) {
    let ClusterServer { number, state, silent_for, up_for, users, rooms, behind, answer, about } = server;
    let whole = |time: Duration| time_text(Duration::from_secs(time.as_secs()));
    let heartbeat = match state {
        ServerState::Stopped => "-".to_owned(),
        ServerState::Alive if silent_for.as_secs() == 0 => "now".to_owned(),
        _ => format!("{} ago", whole(*silent_for)),
    };
    let cells = [
        format!("{number:016x}"),
        state.as_str().to_owned(),
        heartbeat,
        whole(*up_for),
        users.to_string(),
        rooms.to_string(),
        behind.to_string(),
        time_text(*answer),
    ];
    (cells, about)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Cluster {
        let ms = Duration::from_millis;
        let server = |number, state, silent: u64, about: &str| ClusterServer {
            number,
            state,
            silent_for: ms(silent),
            up_for: ms(61_500),
            users: 12,
            rooms: 3,
            behind: 40,
            answer: ms(2),
            about: about.to_owned(),
        };
        Cluster {
            database: ClusterDatabase { version: "15.4".to_owned(), timeline: 2, generation: 1, is_synchronous: true },
            servers: vec![
                server(10, ServerState::Alive, 300, "roomd on a"),
                server(11, ServerState::Dead, 95_000, "roomd on b"),
            ],
        }
    }

    #[test]
    fn a_table_has_a_line_for_each_server() {
        let wanted = [
            "PostgreSQL 15.4, timeline 2; commits wait for a standby; all rooms have begun new epochs 1 time",
            "1 alive of 2 servers",
            "SERVER            STATE  HEARTBEAT  UP   USERS  ROOMS  BEHIND  ANSWER  ABOUT",
            "000000000000000a  alive  now        61s  12     3      40      2ms     roomd on a",
            "000000000000000b  dead   95s ago    61s  12     3      40      2ms     roomd on b",
        ];
        assert_eq!(lines(&cluster()), wanted);
        let nobody = Cluster { servers: Vec::new(), ..cluster() };
        assert_eq!(lines(&nobody)[1..], ["0 alive of 0 servers"]);
    }

    #[test]
    fn json_is_one_object() {
        let json = to_json(&cluster());
        assert_eq!(json["database"]["timeline"], 2);
        assert_eq!(
            (&json["servers"][1]["state"], &json["servers"][1]["heartbeat_ms"]),
            (&json!("dead"), &json!(95_000))
        );
        assert_eq!(json["servers"][0]["server"], "000000000000000a");
    }
}
