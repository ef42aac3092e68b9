//! A session, scripted in its client's dialect: what it may do next, and what it is refused.

mod json;
mod rate;
mod resuming;
mod text;
