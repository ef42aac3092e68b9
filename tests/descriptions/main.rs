//! The descriptions for machines, docs/asyncapi.yaml and docs/openapi.yaml, and the server as it is: the same commands
//! and events with the same fields, the same routes, the same bodies.
//!
//! A description that lacks something is found out as well as one that has too much. What generated requests of the
//! described shape do to a running server is seen by tests/openapi/run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bodies;
mod commands;
mod document;
mod events;
mod routes;
mod samples;
