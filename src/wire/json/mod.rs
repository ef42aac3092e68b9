//! The JSON dialect, for programs: one object a command, one object an event.
//!
//! Also the bodies of the HTTP interface, which are made of the same objects.

pub mod admin;
pub mod devices;
mod field_names;
pub(super) mod fields;
mod hooks;
pub mod memberships;
pub mod moderation;
mod object;
mod only_object;
pub mod parse;
pub mod print;
pub mod problem;
mod relayed;
pub mod webhooks;
pub mod whole;

pub use admin::{
    accounts_body, ban_body, bans_body, connections_body, erased_body, key_body, keys_body, personal_data_body,
    retention_body, room_overviews_body, server_audit_body,
};
pub use devices::{code_body, described_code_body, devices_body};
pub use fields::message_body;
pub use hooks::{hook_body, hooks_body};
pub use memberships::{admitted_body, described_invitation_body, invitation_body, invitations_body, memberships_body};
pub use moderation::{audit_body, members_body, room_body};
pub use parse::{parse, parse_with_data};
pub use print::{
    LoginOffer, claimed_body, error_body, found_body, history_body, me_body, print, print_head, receipts_body,
    server_body, ticket_body, time_body,
};
pub use webhooks::{deliveries_body, webhook_body, webhook_payload, webhooks_body};

/// The names of all fields of commands, whatever the command.
#[must_use]
pub fn command_fields() -> &'static [&'static str] {
    field_names::of::<fields::Fields<'_>>()
}
