//! The settings of a server: where it listens, who may connect, and its limits.
//!
//! The command line builds a [`Settings`] from flags, environment and file; a program that embeds
//! the crate builds one itself, from `Settings::default()`. A value is never changed: a running server exchanges it for
//! another (`Server::reload`), but for what [`Settings::in_place_of`] says. Such a program keeps the rules that the command
//! line checks: `ping` is shorter than `pong_timeout`, and an outbox holds at least one message.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use log::LevelFilter;

use std::time::Duration;

use crate::chat::{IRC_NAME, IceServer, IdentityProvider, Limits, UserName};
use crate::store::{BusUrl, Durability, Retention};

/// What webhooks may reach though it is not public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookTarget {
    /// A network, or an address alone.
    Network(IpNet),
    /// What a host's name resolves to.
    Host(String),
}

/// Who may become an operator on IRC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IrcOperator {
    /// The name, which need not be a nick.
    pub name: UserName,
    /// The SHA-256 of the password.
    pub digest: [u8; 32],
}

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// In lines for people.
    Text,
    /// In lines that are JSON objects.
    Json,
}

/// All settings of a server. `Settings::default()` is what `roomd` runs with when none is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The server's name, which the page shows; `None` is `roomd`.
    pub name: Option<String>,
    /// What who comes in is told, by the page before a name is chosen and on the line port; `None` is nothing.
    pub welcome: Option<String>,
    /// Where HTTP and WebSocket are served: `HOST:PORT`, an IPv6 address in brackets, a host name
    /// resolved when the listener is opened. Port 0 takes a free one. `unix:PATH` is a socket for programs on this
    /// machine; its clients count as 127.0.0.1.
    pub listen: String,
    /// The permissions of the file of a unix socket.
    pub unix_mode: u32,
    /// The path below which a proxy serves the server to its clients, such as `/chat`; empty for `/`. Requests are
    /// answered with it and without it.
    pub base_path: String,
    /// Where plain lines are served, in the same form; `None` opens no line port.
    pub lines: Option<String>,
    /// Where IRC is served, in the same form; `None` opens no such port.
    pub irc: Option<String>,
    /// The server's name on IRC: the source of its lines, and the host in those of users. It is a host name, and need not
    /// be one that anybody can look up.
    pub irc_name: String,
    /// Who may become an operator on IRC.
    pub irc_operators: Vec<IrcOperator>,
    /// Whether the IRC port speaks TLS. `None` is where there is a certificate; a server that is to and has none does
    /// not start.
    pub irc_tls: Option<bool>,
    /// Where the figures are served to a Prometheus, in the same form, to whoever can connect; `None` opens
    /// no such port.
    pub metrics: Option<String>,
    /// The path of a socket at which whoever may write to its file is an admin; `None` opens none.
    pub admin_socket: Option<String>,
    /// The server's certificate with its chain, a PEM file: then both ports speak TLS. `None` is no TLS.
    pub tls_cert: Option<String>,
    /// The key of that certificate, a PEM file. A server with one of the two does not start.
    pub tls_key: Option<String>,
    /// Web origins that may connect besides the server's own: `scheme://host[:port]` as browsers
    /// write it, in lower case, without the scheme's default port.
    pub origins: Vec<String>,
    /// STUN and TURN servers for calls, told to every client.
    pub ice_servers: Vec<IceServer>,
    /// A file with the secret that the TURN servers without a login share with this one; `None`: there is none.
    pub turn_secret_file: Option<String>,
    /// How long a login at such a TURN server is good.
    pub turn_for: Duration,
    /// Networks of proxies whose word on a client's address counts, in `X-Forwarded-For` and as below;
    /// from other peers it is ignored.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether those proxies begin each connection with a PROXY header, version 1 or 2.
    pub proxy_protocol: bool,
    /// Networks without a limit by address.
    pub address_exempt: Vec<IpNet>,
    /// Addresses of this machine and of private networks that webhooks may reach.
    pub webhook_allow: Vec<WebhookTarget>,
    /// Whether the WebSocket route `/echo` exists.
    pub echo_route: bool,
    /// The file that messages are kept in, also as `sqlite:PATH`, or `:memory:`, or `off`: see `store::open`. A relative
    /// path begins in the working directory. Without effect in a build without a database.
    pub data: String,
    /// What carries notes between the servers of one PostgreSQL database; `None`: the database itself. With a history of another
    /// kind the server does not start.
    pub bus: Option<BusUrl>,
    /// What an acknowledged message survives.
    pub durability: Durability,
    /// How much of each room's history is kept; a room may override it.
    pub retain: Retention,
    /// Whether a user without a token may connect. `None` allows it while only this machine can reach the
    /// server; where other machines can, the server does not start.
    pub guests: Option<bool>,
    /// Whether a free name is registered to the first user who asks. `None` is yes where guests may
    /// connect.
    pub claims: Option<bool>,
    /// How long the token of a claimed name is valid.
    pub claim_for: Duration,
    /// A file with the secret of an issuer of tokens, for HS256.
    pub jwt_secret_file: Option<String>,
    /// A file with the public key of an issuer of tokens, in PEM, or with a JSON Web Key Set.
    pub jwt_key: Option<String>,
    /// What the issuer's tokens must say in `iss`; `None` accepts anything.
    pub jwt_issuer: Option<String>,
    /// What the issuer's tokens must say in `aud`; `None` refuses a token that has one.
    pub jwt_audience: Option<String>,
    /// The claim of the issuer's tokens that names the user; `sub` is the identity behind the name then. `None` is
    /// `sub` itself.
    pub jwt_name_claim: Option<String>,
    /// OpenID Connect providers at which users of the page log in.
    pub oidc_providers: Vec<IdentityProvider>,
    /// How long somebody is let in who has logged in at a provider, or whom a proxy has named.
    pub login_for: Duration,
    /// The header field in which a proxy names the user whom it has authenticated; `None`: none does.
    pub user_header: Option<String>,
    /// Networks of the proxies whose word counts in that field; from other peers it is ignored.
    pub user_header_from: Vec<IpNet>,
    /// From which level on the command `roomd` logs, where `RUST_LOG` does not say it. A program that embeds the server has
    /// a logger of its own.
    pub log_level: LevelFilter,
    /// How the command `roomd` writes its log.
    pub log: LogFormat,
    /// Whether each request over HTTP is logged, in a line.
    pub log_requests: bool,
    /// The limits that can be set.
    pub limits: Limits,
}

impl Settings {
    /// These settings for a server that runs with others: what only a start can change is as it is there, that is where
    /// the server listens, with what permissions, how it logs, whether with TLS, where and how durably it keeps messages, and when
    /// writers start.
    #[must_use]
    pub fn in_place_of(mut self, running: &Self) -> Self {
        let Self { listen, unix_mode, lines, irc, irc_name, metrics, admin_socket, data, bus, durability, log, .. } =
            running.clone();
        if self.tls_cert.is_some() != running.tls_cert.is_some() {
            (self.tls_cert, self.tls_key) = (running.tls_cert.clone(), running.tls_key.clone());
        }
        let limits = Limits { writers: running.limits.writers, ..self.limits };
        Self {
            listen,
            unix_mode,
            lines,
            irc,
            irc_name,
            metrics,
            admin_socket,
            data,
            bus,
            durability,
            log,
            limits,
            ..self
        }
    }

    /// The settings of a server for an example or a test: on a free port of this machine and no other, with messages in
    /// memory alone, and without a limit of rate.
    #[must_use]
    pub fn ephemeral() -> Self {
        let (listen, data) = ("127.0.0.1:0".to_owned(), ":memory:".to_owned());
        let limits = Limits { rate_per_s: 0, ..Limits::default() };
        Self { listen, lines: None, data, limits, ..Self::default() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: None,
            welcome: None,
            listen: "127.0.0.1:8000".to_owned(),
            unix_mode: 0o660,
            base_path: String::new(),
            lines: Some("127.0.0.1:8001".to_owned()),
            irc: None,
            irc_name: IRC_NAME.to_owned(),
            irc_operators: Vec::new(),
            irc_tls: None,
            metrics: None,
            admin_socket: None,
            tls_cert: None,
            tls_key: None,
            origins: Vec::new(),
            ice_servers: Vec::new(),
            turn_secret_file: None,
            turn_for: Duration::from_secs(24 * 60 * 60),
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            address_exempt: loopback(),
            webhook_allow: Vec::new(),
            echo_route: false,
            data: "roomd.db".to_owned(),
            bus: None,
            durability: Durability::Fsync,
            retain: Retention::default(),
            guests: None,
            claims: None,
            claim_for: Duration::from_secs(365 * 24 * 60 * 60),
            jwt_secret_file: None,
            jwt_key: None,
            jwt_issuer: None,
            jwt_audience: None,
            jwt_name_claim: None,
            oidc_providers: Vec::new(),
            login_for: Duration::from_secs(12 * 60 * 60),
            user_header: None,
            user_header_from: Vec::new(),
            log_level: LevelFilter::Info,
            log: LogFormat::Text,
            log_requests: false,
            limits: Limits::default(),
        }
    }
}

/// What stands in the place of a provider in the address at which a user logs in whom a proxy has named.
pub const PROXY_LOGIN: &str = "proxy";

/// Whether nobody on the way can change what is at this URL: it begins with `https://`, or stays on this machine.
#[must_use]
pub fn is_safe_url(url: &str) -> bool {
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let host = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    if let Some(rest) = url.strip_prefix("https://") {
        return !host(rest).is_empty();
    }
    let Some(host) = url.strip_prefix("http://").map(host) else { return false };
    let after = ["[::1]", "127.0.0.1", "localhost"].iter().find_map(|own| host.strip_prefix(own));
    after.is_some_and(|port| {
        port.is_empty() || port.starts_with(':') && port[1..].bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The name of a header field, from what an operator writes: a token (RFC 9110 §5.6.2) that has no meaning of its own here.
///
/// # Errors
/// A problem that reads on after the name of the setting.
pub fn header_field(text: &str) -> Result<String, String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let own = ["authorization", "connection", "content-length", "content-type", "cookie", "host", "origin", "upgrade"];
    if text.is_empty() || text.len() > 64 || !text.bytes().all(is_token) || own.contains(&&*text.to_ascii_lowercase()) {
        return Err(format!("must be the name of a header field such as Remote-User, not {text:?}"));
    }
    Ok(text.to_owned())
}

/// Characters of a base path, at most.
const BASE_PATH_MAX: usize = 256;
/// Characters of the server's name on IRC, at most: it stands in each line (RFC 2812 §2.3.1).
const IRC_NAME_MAX: usize = 63;

/// A base path as the settings hold it, from what an operator or a proxy writes: `/chat/` is `/chat`, `/` is empty.
///
/// # Errors
/// A problem that reads on after the name of the setting.
pub fn base_path(text: &str) -> Result<String, String> {
    let path = text.strip_suffix('/').unwrap_or(text);
    // It stands in the page and in `Location`, where nothing of it may have another meaning.
    let is_segment = |segment: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~%@:+=".contains(c);
        !matches!(segment, "" | "." | "..") && segment.chars().all(is_plain)
    };
    let is_path = path.is_empty() || path.strip_prefix('/').is_some_and(|path| path.split('/').all(is_segment));
    if is_path && path.len() <= BASE_PATH_MAX {
        Ok(path.to_owned())
    } else {
        Err(format!("must be a path such as /chat, not {text:?}"))
    }
}

/// The server's name on IRC, from what an operator writes: a host name (RFC 952) with a dot, by which clients tell it
/// from a nick.
///
/// # Errors
/// A problem that reads on after the name of the setting.
pub fn irc_name(text: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        let is_plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_plain && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    if text.len() <= IRC_NAME_MAX && text.contains('.') && text.split('.').all(is_label) {
        Ok(text.to_owned())
    } else {
        Err(format!("must be a host name such as irc.example.org, of at most {IRC_NAME_MAX} characters, not {text:?}"))
    }
}

/// An operator on IRC, from what another one writes: `NAME:DIGEST`.
#[must_use]
pub fn irc_operator(text: &str) -> Option<IrcOperator> {
    let (name, digits) = text.rsplit_once(':')?;
    let digits: Vec<_> = digits.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let bytes = digits.chunks_exact(2).map(|pair| u8::try_from(16 * pair[0] + pair[1]));
    let digest = <[u8; 32]>::try_from(bytes.collect::<Result<Vec<_>, _>>().ok()?).ok()?;
    (digits.len() == 64).then_some(IrcOperator { name: UserName::parse(name).ok()?, digest })
}

/// The addresses of this machine: load generators, and proxies that are not trusted by name.
fn loopback() -> Vec<IpNet> {
    let four = Ipv4Net::new_assert(std::net::Ipv4Addr::new(127, 0, 0, 0), 8);
    let six = Ipv6Net::new_assert(std::net::Ipv6Addr::LOCALHOST, 128);
    vec![four.into(), six.into()]
}
