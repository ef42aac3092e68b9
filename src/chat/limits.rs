//! The bounds that a server can be configured with: unit, default, and what happens when one is reached.
//!
//! Built once at start by the command line (or by a program that embeds the crate) and then only
//! read. Bounds that are fixed, such as a queue's length or a name's, are constants beside their use.

use std::time::Duration;

// ANCHOR: slow
/// What a room does with a member whose outbox is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// The connection is closed with 4450.
    Disconnect,
    /// The newest messages are dropped for that member, counted, and announced as `lagged`.
    Drop,
    /// A message that waits for that member gives its place to a newer one of its key, so what comes is the newest of
    /// each key; both counts are announced as `lagged` when nothing waits any more. What has no key is dropped as with
    /// `Drop`; more keys than fit close the connection with 4450.
    Latest,
}
// ANCHOR_END: slow

/// When the writer thread of a client starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriterStart {
    /// With the connection, for which it stays.
    Eager,
    /// With the first byte that the client's socket does not take; it ends when nothing has waited for a while.
    Lazy,
}

/// The bounds in force. `Limits::default()` is what `roomd` runs with unless it is configured otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Connections served at once; further ones wait. The machine may allow fewer: see
    /// [`crate::net::capacity`].
    pub connections_max: usize,
    /// Connections that may wait for a place; beyond it: `503`, or an error line.
    pub waiting_max: usize,
    /// How long a connection may wait for a place; then `503`, or an error line.
    pub waiting_timeout: Duration,
    /// Connections of one address at once; beyond it `429`, or an error line. An IPv6 address counts by
    /// its /64; so in all that follows.
    pub address_connections_max: usize,
    /// New connections a second of one address in the long run, and ten seconds' worth at once; beyond
    /// it the same. 0: no limit.
    pub address_connects_per_s: u32,
    /// Invalid tokens that one address may send in a minute; beyond it none of its tokens is
    /// checked, `rate_limited`. 0: no limit.
    pub address_logins_per_min: u32,
    /// Rooms that one address may create in an hour, or open for the first time by joining; beyond it
    /// `rate_limited`. 0: no limit.
    pub address_rooms_per_h: u32,
    /// How long a registered name stays its owner's who does not use it; after that it is free for whoever
    /// claims it. 0: forever.
    pub retain_names: Duration,
    /// Live rooms that one address may have opened, private conversations included; beyond it a join
    /// that would open a room is refused with `too_many_rooms`. 0: no limit.
    pub address_rooms_max: usize,
    /// Names that one address may claim in an hour; beyond it `rate_limited`. 0: no limit.
    pub address_claims_per_h: u32,
    /// Rooms that live at once; beyond it a join is refused with `too_many_rooms`.
    pub rooms_max: usize,
    /// Members of one room; beyond it a join is refused with `room_full`.
    pub room_members_max: usize,
    /// Rooms one connection may be in; beyond it a join is refused with `too_many_rooms`.
    pub rooms_per_connection: usize,
    /// Messages a connection may send at once after a pause (a token bucket's size).
    pub rate_burst: u32,
    /// Messages a second a connection may send in the long run; beyond it `rate_limited`. 0: no limit.
    pub rate_per_s: u32,
    /// The same of a guest's connection; `None`: as of any other.
    pub guest_rate_per_s: Option<u32>,
    /// Messages a second that a room takes from all clients together, and as many at once; beyond it `rate_limited` with
    /// the room. Those of users whose tokens say their rate are not counted. 0: no limit.
    pub room_rate_per_s: u32,
    /// Refusals for rate, without a pause long enough to fill both buckets between them, that close
    /// a connection with 4429.
    pub rate_offences_max: u32,
    /// Bytes of one message's text; a longer one is refused with `too_large`. A frame or a body may
    /// be twice that and 4 KiB: see [`Limits::frame_bytes`].
    pub message_bytes: usize,
    /// Bytes of one line on the line port, without its end; a longer one is an error line.
    pub line_bytes: usize,
    /// Events that may wait for a client whose socket is full; beyond it `slow` decides.
    pub outbox_messages: usize,
    /// Bytes that may wait for a client whose socket is full; beyond it `slow` decides.
    pub outbox_bytes: usize,
    /// Bytes that may wait for all clients together, what they share counted once; beyond it the
    /// clients that have the most are cut.
    pub outbox_total: usize,
    /// What a room does with a slow member, unless the room was opened by the topic form.
    pub slow: Slow,
    /// When the thread starts that writes what waits for a client.
    pub writers: WriterStart,
    /// Members of a room beyond which receipts are not sent; 0: never.
    pub receipts_members_max: usize,
    /// Whether a room that the bare topic form opens first keeps no history beyond its ring.
    pub ephemeral_topics: bool,
    /// How often an idle WebSocket client is pinged.
    pub ping: Duration,
    /// How long a WebSocket client may be silent (no pong either), then close 4408; and how long any client may
    /// acknowledge nothing of what was sent to it, then its connection is cut.
    pub pong_timeout: Duration,
    /// How long a write to a client may make no progress; then the connection is cut.
    pub write_timeout: Duration,
    /// How long a client has to send a request head whole; then `408`, and the connection ends.
    pub head_timeout: Duration,
    /// How long the session of a lost connection can be resumed; 0: not at all.
    pub grace: Duration,
    /// How long before a token expires its connection is told.
    pub token_warning: Duration,
    /// How long a stop may take before connections that still live are cut.
    pub drain: Duration,
    /// The longest wait of a busy room for more messages to send at once. 0: none.
    pub linger: Duration,
    /// Messages that a room keeps in memory for `history` and for joins.
    pub history: usize,
    /// Keys that the messages of a room may have, tombstones not counted; beyond it `room_full`.
    pub keys_max: usize,
    /// Messages that wait for the members of a group; beyond it a message is refused with `room_full`, or the oldest is
    /// taken from the group: see `chat/room/groups.rs`.
    pub group_messages_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            waiting_max: 1_000,
            waiting_timeout: Duration::from_secs(30),
            address_connections_max: 256,
            address_connects_per_s: 20,
            address_logins_per_min: 60,
            address_rooms_per_h: 100,
            address_rooms_max: 250,
            retain_names: Duration::from_secs(365 * 24 * 60 * 60),
            address_claims_per_h: 60,
            rooms_max: 1_000,
            room_members_max: 20_000,
            rooms_per_connection: 128,
            rate_burst: 10,
            rate_per_s: 10,
            guest_rate_per_s: None,
            room_rate_per_s: 0,
            rate_offences_max: 100,
            message_bytes: 64 * 1024,
            line_bytes: 4 * 1024,
            outbox_messages: 256,
            outbox_bytes: 1024 * 1024,
            outbox_total: 128 * 1024 * 1024,
            slow: Slow::Disconnect,
            writers: WriterStart::Lazy,
            ping: Duration::from_secs(54),
            pong_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            receipts_members_max: 50,
            ephemeral_topics: false,
            grace: Duration::from_secs(30),
            token_warning: Duration::from_secs(60),
            drain: Duration::from_secs(10),
            linger: Duration::from_millis(2),
            history: 200,
            keys_max: 1_000,
            group_messages_max: 1_000,
        }
    }
}

impl Limits {
    /// Bytes of one WebSocket message, or of one HTTP body: a message with room for its escapes and
    /// the object around it. Beyond it the connection ends (1009, 413); a message that is too large
    /// and comes in less is refused alone.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        2 * self.message_bytes + 4 * 1024
    }
}
