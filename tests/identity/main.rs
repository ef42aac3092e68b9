//! The binary and its tokens: what it prints and what it never prints, keys that change beside a server
//! that runs, and whom it lets in where others can reach it.
//!
//! Each test runs `roomd` in a directory of its own, on a free port.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod chatting;
mod harness;
mod issuer;
mod issuer_keys;
mod keys;
mod logins;
mod openness;
mod provider;
mod proxy_users;
mod silence;
