//! A room, from its first join to its last leave: what each input brings about, and for whom.

mod comings;
mod history;
mod messages;
mod moderation;
mod receipts;
mod resuming;
mod typing;
