//! A room, from its first join to its last leave: what each input brings about, and for whom.

mod asked_receipts;
mod attendance;
mod groups;
mod history;
mod joins_and_leaves;
mod keys;
mod messages;
mod moderation;
mod operators;
mod rate;
mod receipts;
mod remote;
mod resuming;
mod typing;
mod voices;
