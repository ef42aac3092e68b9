//! Ways for arbitrary bytes into the server, one for libFuzzer and one thread each.
//!
//! A target feeds an input to the server's own code as a socket would, and asserts what must hold
//! whatever the bytes. Requests that come of it go to a `World`, which answers them; every event is
//! printed in every encoding and read back by `printed`. `run` beside this package starts them all.
#![forbid(unsafe_code)]

pub mod hook;
pub mod http;
pub mod irc;
pub mod json;
pub mod lines;
pub mod printed;
pub mod websocket;
pub mod world;
