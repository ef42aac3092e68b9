//! The one table of settings: name, unit, meaning and bounds of each.
//!
//! Flags, variables, keys of the file, the help and the output of `roomd config` are all made
//! from it, on the main thread. Defaults do not stand here: they are read out of
//! `Settings::default()`, so that no text can disagree with the code.

use std::time::Duration;

use crate::cli::value::Slot;
use crate::settings::Settings;
use roomd_cli::value::{DAY, GIB, KIB, MIB, MILLISECOND};

/// One row: all that is known about a setting but its value.
pub struct Setting {
    /// The flag without its dashes; the key and the variable are made from it.
    pub name: &'static str,
    /// What the value counts.
    unit: &'static str,
    /// Whole sentences, the first of which says what the setting is for.
    pub help: &'static str,
    slot: fn(&mut Settings) -> Slot<'_>,
}

impl Setting {
    /// `--rate-burst`
    pub fn flag(&self) -> String {
        format!("--{}", self.name)
    }

    /// `ROOMD_RATE_BURST`
    pub fn variable(&self) -> String {
        format!("ROOMD_{}", self.key().to_ascii_uppercase())
    }

    /// `rate_burst`
    pub fn key(&self) -> String {
        self.name.replace('-', "_")
    }

    /// The setting's place in `settings`, to read or to write.
    pub fn slot<'a>(&self, settings: &'a mut Settings) -> Slot<'a> {
        (self.slot)(settings)
    }

    /// Unit, bounds and default, for people: `messages, 1 to 1000000; default 10`.
    pub fn facts(&self) -> String {
        let mut settings = Settings::default();
        let slot = self.slot(&mut settings);
        let bounds = slot.bounds().map(|bounds| format!(", {bounds}"));
        let default = match slot.text() {
            text if text.is_empty() => "none".to_owned(),
            text => text,
        };
        let unit = self.unit;
        format!("{unit}{}; default {default}", bounds.unwrap_or_default())
    }
}

/// All settings in the order of the help, under the headings of the help.
pub static GROUPS: &[(&str, &[Setting])] = &[
    ("Doors", DOORS),
    ("Who may come in", IDENTITY),
    ("Admission", ADMISSION),
    ("Limits by address", ADDRESSES),
    ("Rooms", ROOMS),
    ("Storing", STORING),
    ("Rates and sizes", RATES),
    ("Slow clients", SLOW),
    ("Times", TIMES),
];

/// All settings in the order of the help.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    GROUPS.iter().flat_map(|(_, group)| group.iter())
}

const MANY: u32 = 1_000_000;
const HOUR: Duration = Duration::from_secs(60 * 60);

const DOORS: &[Setting] = &[
    Setting {
        name: "listen",
        unit: "HOST:PORT",
        help: "Where HTTP and WebSocket are served. Port 0 takes a free one.",
        slot: |s| Slot::Address(&mut s.listen),
    },
    Setting {
        name: "lines",
        unit: "HOST:PORT or off",
        help: "Where plain lines are served. Port 0 takes a free one.",
        slot: |s| Slot::Lines(&mut s.lines),
    },
    Setting {
        name: "tls-cert",
        unit: "path or off",
        help: "The server's certificate with its chain, a PEM file: then both ports speak TLS, and\n\
               nothing else. It is read again on SIGHUP.",
        slot: |s| Slot::MaybePath(&mut s.tls_cert),
    },
    Setting {
        name: "tls-key",
        unit: "path or off",
        help: "The key of that certificate, a PEM file, read again with it.",
        slot: |s| Slot::MaybePath(&mut s.tls_key),
    },
    Setting {
        name: "origin",
        unit: "scheme://host[:port] each",
        help: "Web origins that may connect besides the server's own: repeat the flag, put commas\n\
               into the variable, write an array into the file.",
        slot: |s| Slot::Origins(&mut s.origins),
    },
    Setting {
        name: "ice-server",
        unit: "stun:HOST[:PORT] or turn:USER:CREDENTIAL@HOST[:PORT] each",
        help: "STUN and TURN servers for calls, also stuns: and turns:, and ?transport=tcp behind TURN.\n\
               Every client is told them. Write special characters as %XX; repeat the flag, put commas\n\
               into the variable, write an array into the file. A flag is seen by other users of\n\
               the machine, so a credential is better in the file.",
        slot: |s| Slot::IceServers(&mut s.ice_servers),
    },
    Setting {
        name: "trusted-proxy",
        unit: "network or address each",
        help: "Proxies that say in X-Forwarded-For who their client is; nobody else is believed.\n\
               Repeat the flag, put commas into the variable, write an array into the file.",
        slot: |s| Slot::Networks(&mut s.trusted_proxies),
    },
    Setting {
        name: "proxy-protocol",
        unit: "true or false",
        help: "Whether those proxies begin each connection with a PROXY header, version 2.",
        slot: |s| Slot::Switch(&mut s.proxy_protocol),
    },
    Setting {
        name: "echo-route",
        unit: "true or false",
        help: "Serve /echo, which returns each WebSocket message: for conformance suites.",
        slot: |s| Slot::Switch(&mut s.echo_route),
    },
];

const IDENTITY: &[Setting] = &[
    Setting {
        name: "guests",
        unit: "on, off or auto",
        help: "Whether one without a token may come in. auto is on, but a server that others than this\n\
               machine can reach starts only when it is said.",
        slot: |s| Slot::Choice(&mut s.guests, ["on", "off"]),
    },
    Setting {
        name: "claims",
        unit: "open, closed or auto",
        help: "Whether a free name is registered to whoever asks first. auto is open where guests may\n\
               come in.",
        slot: |s| Slot::Choice(&mut s.claims, ["open", "closed"]),
    },
    Setting {
        name: "claim-for",
        unit: "time",
        help: "How long the token of a claimed name is good for; its bearer may renew it before.",
        slot: |s| Slot::Time(&mut s.claim_for, HOUR..=100 * 366 * DAY),
    },
    Setting {
        name: "address-claims-per-h",
        unit: "names an hour",
        help: "Names that one address may claim in an hour, an IPv6 address being its /64. 0 is no\n\
               limit. Beyond it a claim is refused with rate_limited.",
        slot: |s| Slot::Count32(&mut s.limits.address_claims_per_h, 0..=MANY),
    },
    Setting {
        name: "jwt-secret-file",
        unit: "path",
        help: "The secret of an issuer whose tokens are accepted, for HS256: the bytes of a file.",
        slot: |s| Slot::Text(&mut s.jwt_secret_file),
    },
    Setting {
        name: "jwt-key",
        unit: "path",
        help: "The public key of an issuer whose tokens are accepted: RSA (RS256), P-256 (ES256) or\n\
               Ed25519 (EdDSA), in PEM, or several as a JSON Web Key Set.",
        slot: |s| Slot::Text(&mut s.jwt_key),
    },
    Setting {
        name: "jwt-issuer",
        unit: "text",
        help: "What the issuer's tokens must say in iss. Without it: anything.",
        slot: |s| Slot::Text(&mut s.jwt_issuer),
    },
    Setting {
        name: "jwt-audience",
        unit: "text",
        help: "What the issuer's tokens must say in aud. Without it, a token that has one is refused.",
        slot: |s| Slot::Text(&mut s.jwt_audience),
    },
    Setting {
        name: "token-warning",
        unit: "time",
        help: "How long before its end the bearer of a token is told of it.",
        slot: |s| Slot::Time(&mut s.limits.token_warning, Duration::ZERO..=DAY),
    },
];

const ADMISSION: &[Setting] = &[
    Setting {
        name: "connections-max",
        unit: "connections",
        help: "Connections served at once; further ones wait. The machine may allow fewer.",
        slot: |s| Slot::Count(&mut s.limits.connections_max, 1..=MANY),
    },
    Setting {
        name: "waiting-max",
        unit: "connections",
        help: "Connections that may wait for a place. Beyond it: 503, or an error line.",
        slot: |s| Slot::Count(&mut s.limits.waiting_max, 0..=100_000),
    },
    Setting {
        name: "waiting-timeout",
        unit: "time",
        help: "How long one may wait for a place. Then 503, or an error line.",
        slot: |s| Slot::Time(&mut s.limits.waiting_timeout, MILLISECOND..=DAY),
    },
];

const ADDRESSES: &[Setting] = &[
    Setting {
        name: "address-connections-max",
        unit: "connections",
        help: "Connections of one address at once. Beyond it: 429, or an error line. An IPv6 address\n\
               counts by its /64.",
        slot: |s| Slot::Count(&mut s.limits.address_connections_max, 1..=MANY),
    },
    Setting {
        name: "address-connects-per-s",
        unit: "connections a second",
        help: "New connections of one address in the long run, and ten times as many at once.\n\
               Through a trusted proxy each request counts as one. 0 is no limit.",
        slot: |s| Slot::Count32(&mut s.limits.address_connects_per_s, 0..=100_000),
    },
    Setting {
        name: "address-logins-per-min",
        unit: "failed logins a minute",
        help: "Tokens that name nobody which one address may show. Beyond it none of its tokens is\n\
               looked at: rate_limited. 0 is no limit.",
        slot: |s| Slot::Count32(&mut s.limits.address_logins_per_min, 0..=MANY),
    },
    Setting {
        name: "address-rooms-per-h",
        unit: "rooms an hour",
        help: "Rooms that one address may create. Beyond it: rate_limited. 0 is no limit.",
        slot: |s| Slot::Count32(&mut s.limits.address_rooms_per_h, 0..=MANY),
    },
    Setting {
        name: "address-exempt",
        unit: "network or address each",
        help: "Who has no limit by address: repeat the flag, put commas into the variable, write an\n\
               array into the file. A proxy on this machine needs --trusted-proxy.",
        slot: |s| Slot::Networks(&mut s.address_exempt),
    },
];

const ROOMS: &[Setting] = &[
    Setting {
        name: "rooms-max",
        unit: "rooms",
        help: "Rooms that live at once. Beyond it a join is refused with too_many_rooms.",
        slot: |s| Slot::Count(&mut s.limits.rooms_max, 1..=MANY),
    },
    Setting {
        name: "room-members-max",
        unit: "members",
        help: "Members of one room. Beyond it a join is refused with room_full.",
        slot: |s| Slot::Count(&mut s.limits.room_members_max, 1..=MANY),
    },
    Setting {
        name: "rooms-per-connection",
        unit: "rooms",
        help: "Rooms one connection may be in. Beyond it a join is refused with too_many_rooms.",
        slot: |s| Slot::Count(&mut s.limits.rooms_per_connection, 1..=10_000),
    },
    Setting {
        name: "history",
        unit: "messages",
        help: "Messages that a room keeps in memory for joins and for history.",
        slot: |s| Slot::Count(&mut s.limits.history, 0..=10_000),
    },
    Setting {
        name: "linger",
        unit: "time",
        help: "The longest wait of a busy room for more messages to send at once. 0 is none.",
        slot: |s| Slot::Time(&mut s.limits.linger, Duration::ZERO..=100 * MILLISECOND),
    },
];

const STORING: &[Setting] = &[
    Setting {
        name: "data",
        unit: "path, :memory: or off",
        help: "The file that messages are kept in; :memory: keeps them until the server stops, off\n\
               only the newest of each room, while somebody is in it.",
        slot: |s| Slot::Path(&mut s.data),
    },
    Setting {
        name: "durability",
        unit: "fsync, os or none",
        help: "What an acknowledged message survives: a loss of power, the end of the process, or\n\
               the same while a loss of power may also damage the file.",
        slot: |s| Slot::Durability(&mut s.durability),
    },
    Setting {
        name: "retain-age",
        unit: "time",
        help: "How old a stored message may get, such as 30days. 0 is any age. A room may have its\n\
               own word on it: roomd retain.",
        slot: |s| Slot::Time(&mut s.retain.age, Duration::ZERO..=100 * 366 * DAY),
    },
    Setting {
        name: "retain-messages",
        unit: "messages",
        help: "How many messages of each room are stored. 0 is all. Beyond it the oldest go.",
        slot: |s| Slot::Count(&mut s.retain.count, 0..=u32::MAX),
    },
];

const RATES: &[Setting] = &[
    Setting {
        name: "rate-burst",
        unit: "messages",
        help: "Messages that a connection may send at once after a pause.",
        slot: |s| Slot::Count32(&mut s.limits.rate_burst, 1..=MANY),
    },
    Setting {
        name: "rate-per-s",
        unit: "messages a second",
        help: "Messages a second that a connection may send in the long run. 0 is no limit.\n\
               Beyond it a message is refused with rate_limited.",
        slot: |s| Slot::Count32(&mut s.limits.rate_per_s, 0..=MANY),
    },
    Setting {
        name: "rate-offences-max",
        unit: "refusals",
        help: "Refusals for rate that close a connection with 4429, unless there is a pause\n\
               between them in which the whole burst is earned again.",
        slot: |s| Slot::Count32(&mut s.limits.rate_offences_max, 1..=MANY),
    },
    Setting {
        name: "message-bytes",
        unit: "bytes",
        help: "The longest WebSocket message or HTTP body. Beyond it: close 1009, or 413.",
        slot: |s| Slot::Bytes(&mut s.limits.message_bytes, 1..=16 * MIB),
    },
    Setting {
        name: "line-bytes",
        unit: "bytes",
        help: "The longest line on the line port, without its end. Beyond it: an error line.",
        slot: |s| Slot::Bytes(&mut s.limits.line_bytes, 16..=64 * KIB),
    },
];

const SLOW: &[Setting] = &[
    Setting {
        name: "outbox-messages",
        unit: "messages",
        help: "Messages that may wait for a client whose socket is full. Beyond it: --slow.",
        slot: |s| Slot::Count(&mut s.limits.outbox_messages, 1..=MANY),
    },
    Setting {
        name: "outbox-bytes",
        unit: "bytes",
        help: "Bytes that may wait for a client whose socket is full. Beyond it: --slow.",
        slot: |s| Slot::Bytes(&mut s.limits.outbox_bytes, 2 * KIB..=GIB),
    },
    Setting {
        name: "slow",
        unit: "disconnect or drop",
        help: "What a room does with a client whose outbox is full: close it with 4450, or\n\
               drop the newest messages for it and tell it how many.",
        slot: |s| Slot::Slow(&mut s.limits.slow),
    },
    Setting {
        name: "receipts-members-max",
        unit: "members",
        help: "Members of a room beyond which nobody is told who has got a message. 0 is never.",
        slot: |s| Slot::Count(&mut s.limits.receipts_members_max, 0..=100_000),
    },
    Setting {
        name: "ephemeral-topics",
        unit: "true or false",
        help: "Whether a room that the bare topic form opens keeps its messages in memory only.",
        slot: |s| Slot::Switch(&mut s.limits.ephemeral_topics),
    },
    Setting {
        name: "write-timeout",
        unit: "time",
        help: "How long a write to a client may make no progress. Then it is cut off.",
        slot: |s| Slot::Time(&mut s.limits.write_timeout, MILLISECOND..=DAY),
    },
];

const TIMES: &[Setting] = &[
    Setting {
        name: "head-timeout",
        unit: "time",
        help: "How long a client has to send a request head whole. Then 408.",
        slot: |s| Slot::Time(&mut s.limits.head_timeout, MILLISECOND..=DAY),
    },
    Setting {
        name: "ping",
        unit: "time",
        help: "How often an idle WebSocket client is pinged. Less than --pong-timeout.",
        slot: |s| Slot::Time(&mut s.limits.ping, MILLISECOND..=DAY),
    },
    Setting {
        name: "pong-timeout",
        unit: "time",
        help: "How long a WebSocket client may be silent, without even a pong. Then 4408.",
        slot: |s| Slot::Time(&mut s.limits.pong_timeout, MILLISECOND..=DAY),
    },
    Setting {
        name: "grace",
        unit: "time",
        help: "How long the place of a client whose connection broke is kept for it. 0 is not at all.",
        slot: |s| Slot::Time(&mut s.limits.grace, Duration::ZERO..=DAY),
    },
    Setting {
        name: "drain",
        unit: "time",
        help: "How long a stop may take before the connections that still live are cut.",
        slot: |s| Slot::Time(&mut s.limits.drain, Duration::ZERO..=DAY),
    },
];
