//! `roomd cluster`: who is at work, and who is dead.

use std::process::Command;

use serde_json::Value;

use crate::postgres::{Folder, Postgres, until};
use crate::servers::{Engines, Server};

/// What the command says, as JSON.
fn listed(database: &Postgres) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomd"));
    let url = Postgres::url(database.port);
    let done = command.args(["cluster", "--json", "--data", &url]).env_remove("ROOMD_TEST_POSTGRES").output().unwrap();
    assert!(done.status.success(), "{done:?}");
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Waits until the servers are listed in these states, the latest heartbeat first.
fn until_listed(database: &Postgres, states: &[&str]) -> Value {
    let mut last = Value::Null;
    until("they are listed", || {
        last = listed(database);
        let servers = last["servers"].as_array().unwrap();
        let found: Vec<_> = servers.iter().map(|server| server["state"].as_str().unwrap()).collect();
        if found == states { Ok(()) } else { Err(last.to_string()) }
    });
    last
}

#[test]
fn a_server_that_was_killed_is_listed_as_dead_and_one_that_goes_on_as_alive() {
    let Some(database) = Postgres::start_new() else { return };
    let folder = Folder::new();
    let engines = || Engines::database(Postgres::url(database.port));
    let mut servers: Vec<_> = (0..2).map(|at| Server::start_new(at, engines(), &folder.0)).collect();
    let all = until_listed(&database, &["alive", "alive"]);
    assert_eq!((&all["database"]["timeline"], &all["database"]["synchronous"]), (&1.into(), &false.into()), "{all}");
    assert_ne!(all["servers"][0]["server"], all["servers"][1]["server"]);
    servers[0].kill();
    let all = until_listed(&database, &["alive", "dead"]);
    let about = all["servers"][1]["about"].as_str().unwrap();
    assert!(about.starts_with("roomd ") && about.contains(", process "), "{all}");
    assert!(all["servers"][1]["heartbeat_ms"].as_u64() >= Some(5_000), "{all}");
    servers[0].start();
    until_listed(&database, &["alive", "alive", "dead"]);
}
