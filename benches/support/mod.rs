//! What a bench needs to load a server with thousands of WebSocket clients.
//!
//! `trial` runs one server under one scenario; the other files are its parts. Everything here runs on one thread of the
//! bench process, except `baseline`, which is a process of its own. A bench includes everything with `mod support;`.

#![allow(dead_code, reason = "each bench that includes it uses a part of it")]

pub mod arguments;
pub mod baseline;
pub mod churn;
pub mod clients;
pub mod environment;
pub mod generator;
pub mod limits;
pub mod message_tag;
pub mod option_values;
pub mod options;
pub mod page;
pub mod pinning;
pub mod protocol;
pub mod room_window;
pub mod scenario;
pub mod server;
pub mod table;
pub mod trial;
pub mod usage;

use std::fmt::Display;
use std::process::ExitCode;

/// The exit code of a bench; what went wrong is printed.
pub fn conclude(bench: &str, outcome: Result<(), impl Display>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{bench}: {error}");
            ExitCode::FAILURE
        }
    }
}
