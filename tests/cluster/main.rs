//! Several servers on one PostgreSQL while servers, connections and the database fail, under `roomd load`.
//!
//! Each test starts a PostgreSQL of its own in a folder for temporary files, and server processes that reach it through
//! relays, with a Redis between the servers where it is said. Clients are spread over all servers and hop between them; the load's accounting proves, over all servers at
//! once, that nothing is lost, doubled or out of order, and the database is asked for the same. `tests/cluster/run` starts
//! them; without it they say that they are skipped. `ROOMD_SEED` chooses another run, and `ROOMD_FAULTS` so many faults in
//! place of one of each kind: for a night.
#![cfg(not(shuttle))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bus;
mod dice;
mod failover;
mod faults;
mod listing;
mod postgres;
mod relay;
mod servers;
mod under_load;
