//! The settings: one row each, with name, field, what a reload changes, format, unit, bounds and help.
//!
//! To add a setting, add its field and default to `Settings` or `Limits`, and a row here; nothing else
//! in `cli` names it. The flag, the variable, the key of the file, the help, the errors and the output of
//! `roomd config` come from the row. A default is read out of `Settings::default()`, so help cannot
//! disagree with the code. Used on the main thread while settings are read or printed.

use std::sync::LazyLock;
use std::time::Duration;

use log::LevelFilter;
use toml::Value;

use crate::chat::{Slow, WriterStart};
use crate::cli::format::{
    self, Format, Print, address, auto_or_count, base_path, bus, bytes, choice, count, header_field, ice_servers,
    irc_name, irc_operators, mode, networks, optional_text, or_off, origins, path, providers, switch, time,
    webhook_targets,
};
use crate::settings::{LogFormat, Settings};
use crate::store::Durability;
use roomd_cli::value::{DAY, GIB, KIB, MIB, MILLISECOND};

const MANY: u32 = 1_000_000;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// What of a running server a reloaded setting changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// What the server does from now on.
    AtOnce,
    /// Connections that begin from now on; the others keep what they were told.
    NewConnections,
    /// Rooms that are opened from now on; one that stays open keeps what it was opened with.
    NewRooms,
    /// Nothing: the server has to be started again.
    Restart,
}

impl Reload {
    /// The same for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::AtOnce => "at once",
            Self::NewConnections => "new connections",
            Self::NewRooms => "new rooms",
            Self::Restart => "needs a restart",
        }
    }
}

/// Makes the table. Each row is its help, then the name of the flag, the field, what a reload changes, and the format.
macro_rules! settings {
    ($($heading:literal {
        $($(#[doc = $help:literal])+ $name:literal, $($field:ident).+, $reload:ident, $format:expr;)+
    })+) => {
        static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| vec![$($(
            Setting::new(
                ($heading, $name, &[$($help),+], Reload::$reload), $format, |s| &s.$($field).+, |s| &mut s.$($field).+,
            ),
        )+)+]);
    };
}

settings! {
    "Presentation" {
        /// The server's name, which the page shows. Without it, roomd.
        "name", name, AtOnce, optional_text("text");
        /// What who comes in is told: on the page before they choose a name, and on the line port.
        "welcome", welcome, AtOnce, optional_text("text");
    }

    "Listeners" {
        /// Where HTTP and WebSocket are served. Port 0 takes a free one; unix:PATH is a socket for
        /// programs on this machine, which count as 127.0.0.1. A service manager's sockets
        /// (LISTEN_FDS) go before it.
        "listen", listen, Restart, address();
        /// The permissions of the file of a unix socket. Connecting needs the right to write.
        "unix-mode", unix_mode, Restart, mode();
        /// The path below which a proxy serves all of this to its clients, such as /chat. What a
        /// trusted proxy says in X-Forwarded-Prefix goes before it.
        "base-path", base_path, AtOnce, base_path();
        /// Where plain lines are served. Port 0 takes a free one.
        "lines", lines, Restart, or_off(address());
        /// Where IRC is served. Port 0 takes a free one; 6697 is usual with TLS, 6667 without.
        "irc", irc, Restart, or_off(address());
        /// The server's name on IRC, a host name: the source of its lines, and the host of its users.
        "irc-name", irc_name, Restart, irc_name();
        /// Who may become an operator on IRC with OPER, who ends connections: each a name and the
        /// SHA-256 of a password that nobody can guess, as sha256sum prints it. Admins are without.
        "irc-operator", irc_operators, AtOnce, irc_operators();
        /// Whether the IRC port speaks TLS. auto is with a certificate.
        "irc-tls", irc_tls, NewConnections, choice([("on", Some(true)), ("off", Some(false)), ("auto", None)]);
        /// Where the server's figures are served as /metrics, for a Prometheus: without a token, to
        /// whoever can connect. Port 0 takes a free one.
        "metrics", metrics, Restart, or_off(address());
        /// A socket for roomd admin --socket on this machine: whoever may write to its file, which is
        /// for the server's user and group alone (0660), is an admin, without a token.
        "admin-socket", admin_socket, Restart, or_off(path("path"));

        /// The server's certificate with its chain, a PEM file: then both ports speak TLS, and
        /// nothing else. It is read again on SIGHUP, with its key.
        "tls-cert", tls_cert, NewConnections, or_off(path("path"));
        /// The key of that certificate, a PEM file.
        "tls-key", tls_key, NewConnections, or_off(path("path"));
        /// Web origins that may connect besides the server's own.
        "origin", origins, AtOnce, origins();
        /// STUN and TURN servers for calls, also stuns: and turns:, and ?transport=tcp behind TURN.
        /// Every client is told them. Write special characters as %XX. Other users of the machine
        /// can see a flag, so a credential is better in the file.
        "ice-server", ice_servers, NewConnections, ice_servers();
        /// The secret that TURN servers share with this one (coturn's static-auth-secret), the text
        /// of a file: each user is told a login of their own for those in --ice-server without one.
        "turn-secret-file", turn_secret_file, NewConnections, optional_text("path");
        /// How long such a login is good. A connection that lasts longer gets none but by resuming.
        "turn-for", turn_for, NewConnections, time(MINUTE..=366 * DAY);
        /// Proxies that say in X-Forwarded-For who their client is; nobody else is believed.
        "trusted-proxy", trusted_proxies, NewConnections, networks();
        /// Whether those proxies begin each connection with a PROXY header, version 1 or 2.
        "proxy-protocol", proxy_protocol, NewConnections, switch();
        /// Networks and hosts that webhooks may reach although they are of this machine or private,
        /// such as 127.0.0.1, 10.0.0.0/8 or bot.internal.
        "webhook-allow", webhook_allow, AtOnce, webhook_targets();
        /// Serve /echo, which returns each WebSocket message: for conformance suites.
        "echo-route", echo_route, AtOnce, switch();
    }

    "Identity" {
        /// Whether a user without a token may connect. auto is on, but a server that other machines
        /// can reach does not start until you choose.
        "guests", guests, NewConnections, choice([("on", Some(true)), ("off", Some(false)), ("auto", None)]);
        /// Whether a free name is registered to the first user who asks. auto is open where guests
        /// may connect.
        "claims", claims, AtOnce, choice([("open", Some(true)), ("closed", Some(false)), ("auto", None)]);
        /// How long the token of a claimed name is valid; its bearer may renew it before that.
        "claim-for", claim_for, AtOnce, time(HOUR..=100 * 366 * DAY);
        /// How long a registered name stays with its owner although nobody shows a token for it. Then
        /// it is free for whoever claims it, unless it owns rooms. 0 is forever.
        "retain-names", limits.retain_names, AtOnce, time(Duration::ZERO..=100 * 366 * DAY);
        /// Names that one address may claim in an hour, an IPv6 address being its /64. 0 is no
        /// limit. Beyond it a claim is refused with rate_limited.
        "address-claims-per-h", limits.address_claims_per_h, AtOnce, count("names an hour", 0..=MANY);
        /// The secret of an issuer whose tokens are accepted, for HS256: the bytes of a file.
        "jwt-secret-file", jwt_secret_file, AtOnce, optional_text("path");
        /// The public key of an issuer whose tokens are accepted: RSA (RS256), P-256 (ES256) or
        /// Ed25519 (EdDSA), in PEM, or several as a JSON Web Key Set; or the https:// URL of one,
        /// which is read at the start and each five minutes.
        "jwt-key", jwt_key, AtOnce, optional_text("path or URL");
        /// What the issuer's tokens must say in iss. Without it, anything is accepted.
        "jwt-issuer", jwt_issuer, AtOnce, optional_text("text");
        /// What the issuer's tokens must say in aud. Without it, a token that has one is refused.
        "jwt-audience", jwt_audience, AtOnce, optional_text("text");
        /// The claim of the issuer's tokens that names the user, such as preferred_username. A name
        /// belongs then to the first sub that comes with it. Without it, sub is the name.
        "jwt-name-claim", jwt_name_claim, AtOnce, optional_text("text");
        /// OpenID Connect providers at which users of the page log in: each a line of words with
        /// id, issuer and client, and, where they are needed, label, secret-file, scope,
        /// name-claim, groups-claim, admin-group, room-group=GROUP:ROOM and adopt-names=true (see
        /// docs/logins.md). Write a space or a comma as %XX.
        "oidc-provider", oidc_providers, AtOnce, providers();
        /// How long somebody is let in who has logged in at a provider, or whom a proxy has named.
        "login-for", login_for, AtOnce, time(MINUTE..=366 * DAY);
        /// The header field in which a proxy names the user whom it has authenticated, such as
        /// Remote-User: from the proxies of --user-header-from, and ignored from anybody else.
        "user-header", user_header, AtOnce, or_off(header_field());
        /// The proxies that may set it. Whoever can send requests from there can be any user.
        "user-header-from", user_header_from, AtOnce, networks();
        /// How long before a token expires its bearer is told.
        "token-warning", limits.token_warning, NewConnections, time(Duration::ZERO..=DAY);
    }

    "Admission" {
        /// Connections served at once; further ones wait. The machine may allow fewer.
        "connections-max", limits.connections_max, AtOnce, count("connections", 1..=MANY);
        /// Connections that may wait for a place. Beyond it: 503, or an error line.
        "waiting-max", limits.waiting_max, AtOnce, count("connections", 0..=100_000);
        /// How long a connection may wait for a place. Then 503, or an error line.
        "waiting-timeout", limits.waiting_timeout, AtOnce, time(MILLISECOND..=DAY);
    }

    "Limits by address" {
        /// Connections of one address at once. Beyond it: 429, or an error line. An IPv6 address
        /// counts by its /64.
        "address-connections-max", limits.address_connections_max, AtOnce, count("connections", 1..=MANY);
        /// New connections of one address in the long run, and ten times as many at once.
        /// Through a trusted proxy each request counts as one. 0 is no limit.
        "address-connects-per-s", limits.address_connects_per_s, AtOnce, count("connections a second", 0..=100_000);
        /// Invalid tokens that one address may present. Beyond it its tokens are refused unread,
        /// with rate_limited. 0 is no limit.
        "address-logins-per-min", limits.address_logins_per_min, AtOnce, count("failed logins a minute", 0..=MANY);
        /// Rooms that one address may create, or open for the first time by joining. Beyond it:
        /// rate_limited. 0 is no limit.
        "address-rooms-per-h", limits.address_rooms_per_h, AtOnce, count("rooms an hour", 0..=MANY);
        /// Open rooms that one address may have opened, private conversations included. Beyond it a
        /// join that would open another is refused with too_many_rooms. 0 is no limit.
        "address-rooms-max", limits.address_rooms_max, AtOnce, count("rooms", 0..=MANY);
        /// Addresses without any of these limits. A proxy on this machine needs --trusted-proxy.
        "address-exempt", address_exempt, NewConnections, networks();
    }

    "Rooms" {
        /// Rooms that are open at once. Beyond it a join is refused with too_many_rooms.
        "rooms-max", limits.rooms_max, AtOnce, count("rooms", 1..=MANY);
        /// Members of one room. Beyond it a join is refused with room_full.
        "room-members-max", limits.room_members_max, NewRooms, count("members", 1..=MANY);
        /// Rooms one connection may be in. Beyond it a join is refused with too_many_rooms.
        "rooms-per-connection", limits.rooms_per_connection, NewConnections, count("rooms", 1..=10_000);
        /// Messages that a room keeps in memory for joins and for history: at most 1MiB of them, or
        /// outbox-bytes if that is more.
        "history", limits.history, NewRooms, count("messages", 0..=10_000);
        /// Keys that the messages of one room may have. Beyond it: room_full.
        "keys-max", limits.keys_max, NewRooms, count("keys", 1..=MANY);
        /// Messages that may wait for one group of a room's members. Beyond it: room_full in a
        /// room that has an owner; elsewhere the oldest leaves the group.
        "group-messages-max", limits.group_messages_max, NewRooms, count("messages", 1..=MANY);
        /// The longest that a busy room waits for more messages to send at once. 0 is no wait.
        "linger", limits.linger, NewRooms, time(Duration::ZERO..=100 * MILLISECOND);
    }

    "Storage" {
        /// The file that messages are kept in; :memory: keeps them until the server stops, off
        /// only the newest of each room, while somebody is in it. Or the postgres:// URL of a
        /// database, in a build with that feature.
        "data", data, Restart, path("path, :memory:, off or postgres://...");
        /// What carries notes between servers of one database: the database itself, or the redis://
        /// URL of a Redis or Valkey (redis://USER:PASSWORD@HOST:PORT), which may be away. Other users
        /// of the machine can see a flag, so a password is better in the file.
        "bus", bus, Restart, bus();
        /// What an acknowledged message survives: a loss of power, the end of the process, or
        /// the same while a loss of power may also damage the file.
        "durability", durability, Restart,
            choice([("fsync", Durability::Fsync), ("os", Durability::Os), ("none", Durability::None)]);
        /// How old a stored message may get, such as 30days. 0 is any age. roomd retain sets it for
        /// one room.
        "retain-age", retain.age, AtOnce, time(Duration::ZERO..=100 * 366 * DAY);
        /// How many messages of each room are stored. 0 is all. Beyond it the oldest go.
        "retain-messages", retain.count, AtOnce, count("messages", 0..=u32::MAX);
    }

    "Rates and sizes" {
        /// Messages that a connection may send at once after a pause.
        "rate-burst", limits.rate_burst, NewConnections, count("messages", 1..=MANY);
        /// Messages a second that a connection may send in the long run. 0 is no limit.
        /// Beyond it a message is refused with rate_limited.
        "rate-per-s", limits.rate_per_s, NewConnections, count("messages a second", 0..=MANY);
        /// The same for a guest: messages a second that the connection may send. auto is rate-per-s.
        /// A token may say another rate for its user: roomd token --rate.
        "guest-rate-per-s", limits.guest_rate_per_s, NewConnections, auto_or_count("messages a second", 0..=MANY);
        /// Messages a second that a room takes from all of its clients together, and as many at once.
        /// Beyond it: rate_limited with the room. Users whose tokens say a rate are not counted.
        /// 0 is no limit.
        "room-rate-per-s", limits.room_rate_per_s, NewRooms, count("messages a second", 0..=MANY);
        /// Refusals for rate that close a connection with 4429, unless a pause between them is
        /// long enough for the whole burst to be allowed again.
        "rate-offences-max", limits.rate_offences_max, NewConnections, count("refusals", 1..=MANY);
        /// The longest text of a message. Beyond it: too_large. A WebSocket message or HTTP body of
        /// more than twice that and 4KiB: close 1009, or 413.
        "message-bytes", limits.message_bytes, NewConnections, bytes(1..=16 * MIB);
        /// The longest line on the line port, without its line feed. Beyond it: an error line.
        "line-bytes", limits.line_bytes, NewConnections, bytes(16..=64 * KIB);
    }

    "Slow clients" {
        /// Messages that may wait for a client whose socket is full. Beyond it: --slow.
        "outbox-messages", limits.outbox_messages, NewConnections, count("messages", 1..=MANY);
        /// Bytes that may wait for a client whose socket is full. Beyond it: --slow.
        "outbox-bytes", limits.outbox_bytes, NewConnections, bytes(2 * KIB..=GIB);
        /// Bytes that may wait for all clients together; what many wait for counts once. Beyond it
        /// the clients that have the most are cut, and may resume.
        "outbox-total", limits.outbox_total, NewConnections, bytes(64 * KIB..=1024 * GIB);
        /// What a room does with a client whose outbox is full: close it with 4450, drop the
        /// newest messages for it and tell it how many, or (latest) let a message that waits give
        /// its place to a newer one of its key; what has no key is dropped then.
        "slow", limits.slow, NewRooms, choice([("disconnect", Slow::Disconnect), ("drop", Slow::Drop), ("latest", Slow::Latest)]);
        /// When the thread starts that writes what waits for a client: with the first byte that its
        /// socket does not take (lazy), or with the connection, for which it then stays (eager).
        "writers", limits.writers, Restart, choice([("eager", WriterStart::Eager), ("lazy", WriterStart::Lazy)]);
        /// Members of a room beyond which it sends no receipts. 0 is no receipts at all.
        "receipts-members-max", limits.receipts_members_max, NewRooms, count("members", 0..=100_000);
        /// Whether a room that the bare topic form opens keeps its messages in memory only.
        "ephemeral-topics", limits.ephemeral_topics, NewConnections, switch();
        /// How long a write to a client may make no progress. Then the connection is cut.
        "write-timeout", limits.write_timeout, NewConnections, time(MILLISECOND..=DAY);
    }

    "Log" {
        /// How the log is written: in lines for people, or as JSON, one object a line, with time,
        /// level, module, message, and what else a line tells.
        "log", log, Restart, choice([("text", LogFormat::Text), ("json", LogFormat::Json)]);
        /// Whether each request over HTTP is logged: method, path, status, how long it took, address.
        /// Paths are without their queries and without tokens.
        "log-requests", log_requests, AtOnce, switch();
        /// From which level on it is logged what happens. RUST_LOG goes before it, and can name
        /// modules.
        "log-level", log_level, AtOnce,
            choice([("off", LevelFilter::Off), ("error", LevelFilter::Error), ("warn", LevelFilter::Warn),
                ("info", LevelFilter::Info), ("debug", LevelFilter::Debug), ("trace", LevelFilter::Trace)]);
    }

    "Times" {
        /// How long a client may take to send a whole request head. Then 408.
        "head-timeout", limits.head_timeout, AtOnce, time(MILLISECOND..=DAY);
        /// How often an idle WebSocket client is pinged. Less than --pong-timeout.
        "ping", limits.ping, NewConnections, time(MILLISECOND..=DAY);
        /// How long a client may answer nothing: no pong (then 4408), no acknowledgement of TCP.
        "pong-timeout", limits.pong_timeout, NewConnections, time(MILLISECOND..=DAY);
        /// How long a client whose connection is lost may resume its session. 0 is not at all.
        "grace", limits.grace, AtOnce, time(Duration::ZERO..=DAY);
        /// How long a stop may take before the remaining connections are cut.
        "drain", limits.drain, AtOnce, time(Duration::ZERO..=DAY);
    }
}

/// The settings in the order of the help.
pub fn settings() -> &'static [Setting] {
    &SETTINGS
}

type ParseInto = Box<dyn Fn(&mut Settings, &str) -> Result<(), String> + Send + Sync>;

/// One setting: what is known about it but its value.
pub struct Setting {
    /// Under which it stands in help.
    pub heading: &'static str,
    /// The flag without its dashes; key and variable are made from it.
    pub name: &'static str,
    /// Whole sentences, in lines of at most 100 bytes.
    pub help: String,
    /// What a reload changes.
    pub reload: Reload,
    /// What stands for the value in help.
    pub placeholder: String,
    /// Unit and bounds, or what else is allowed.
    expected: String,
    /// Whether a file may hold an integer in the place of a string.
    integers: bool,
    parse: ParseInto,
    print: Print<Settings>,
}

impl Setting {
    fn new<T: 'static>(
        (heading, name, help, reload): (&'static str, &'static str, &[&str], Reload),
        format: Format<T>,
        field: fn(&Settings) -> &T,
        field_mut: fn(&mut Settings) -> &mut T,
    ) -> Self {
        let help = help.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n");
        let Format { placeholder, expected, integers, parse, print } = format;
        let parse = Box::new(move |settings: &mut Settings, text: &str| {
            *field_mut(settings) = parse(text)?;
            Ok(())
        });
        let print = Box::new(move |settings: &Settings| print(field(settings)));
        Self { heading, name, help, reload, placeholder, expected, integers, parse, print }
    }

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

    /// Whether it holds several values.
    pub fn is_list(&self) -> bool {
        self.value(&Settings::default()).is_array()
    }

    /// Unit, bounds and default: `messages, 1 to 1000000; default 10`.
    pub fn facts(&self) -> String {
        let default = match format::text(&self.value(&Settings::default())) {
            text if text.is_empty() => "none".to_owned(),
            text => text,
        };
        format!("{}; default {default}", self.expected)
    }

    /// The setting's value in `settings`, as a file holds it.
    pub fn value(&self, settings: &Settings) -> Value {
        (self.print)(settings)
    }

    /// Parses `text` into `settings`. An error leaves them as they were, and is the second half of a
    /// sentence whose first half names the setting.
    pub fn parse(&self, settings: &mut Settings, text: &str) -> Result<(), String> {
        (self.parse)(settings, text)
    }

    /// The text of a file's value, if that has the type of this setting; otherwise an error as above.
    pub fn text_of(&self, value: &Value) -> Result<String, String> {
        let example = self.value(&Settings::default());
        let integers = if self.integers { " or an integer" } else { "" };
        let wrong = |found: String| {
            let (wanted, expected) = (named_type(&example), &self.expected);
            Err(format!("must be {wanted}{integers} ({expected}), not {found}"))
        };
        if !(example.same_type(value) || self.integers && value.is_integer()) {
            return wrong(named_type(value));
        }
        match value.as_array().and_then(|items| items.iter().find(|item| !item.is_str())) {
            Some(item) => wrong(format!("one with {}", named_type(item))),
            None => Ok(format::text(value)),
        }
    }
}

fn named_type(value: &Value) -> String {
    match value.type_str() {
        name @ ("array" | "integer") => format!("an {name}"),
        name => format!("a {name}"),
    }
}
