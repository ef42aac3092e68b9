//! A session, in the words of its client: what it may do next, and what it is refused.

mod json;
mod rate;
mod resuming;
mod text;
