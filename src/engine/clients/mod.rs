//! Clients: a connection, what waits to be written to it, and the session that outlives it.
//!
//! A `connection` runs on its reader's thread and owns a `session`; its `outbox` is written to by
//! brokers and, when the socket is full, by a `writer`, which `writers` starts. A session without a connection waits in
//! `session_table`; its patterns are a `pattern_subscription`; `replay` and a gate give a client what it missed,
//! and a program.

pub mod backlog;
pub mod conflating_queue;
pub mod conflation_key;
pub mod connection;
pub mod delivery_counts;
pub mod farewell;
pub mod gate;
pub mod history;
pub mod member;
pub mod outbox;
pub mod outbox_total;
pub mod pattern_member;
pub mod pattern_subscription;
pub mod program_gate;
pub mod recipient;
pub mod replay;
pub mod session;
pub mod session_table;
pub mod writer;
pub mod writers;
