//! The table of listeners: one row for each port, with what is served there.
//!
//! `assemble` binds each row that the settings open and spawns its accept thread. A new port is a new row.
//! The functions of a row run on its accept thread and do not block, but for `serve`, which runs on a thread
//! of the pool.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::ServerContext;
use super::http;
use super::irc;
use super::lines;
use super::listening_socket::UNIX;
use super::remote_address::RemoteAddress;
use super::tcp::Tcp;
use crate::chat::Refusal;
use crate::settings::Settings;
use crate::wire::{Encoding, text};
use roomd_protocol::FIRST_ROOM;
use roomd_tls::Application;

/// A kind of port.
pub struct Listener {
    /// The name of its accept thread.
    pub thread: &'static str,
    /// The setting that says where it listens.
    pub setting: &'static str,
    /// Where it listens, `HOST:PORT` or `unix:PATH`; `None` when the settings do not open it.
    pub address: fn(&Settings) -> Option<String>,
    /// The permissions of its file, where it listens on a unix socket.
    pub mode: fn(&Settings) -> u32,
    /// Who serves its connections.
    pub served_by: ServedBy,
    /// Whether it takes connections while the server drains: one may be of a load balancer that asks how the server is.
    pub is_probed: bool,
    /// The protocol inside TLS.
    pub application: Application,
    /// Whether it speaks TLS where there is a certificate.
    pub tls: fn(&Settings) -> bool,
    /// Whether the kernel probes idle connections: for protocols in which the server cannot ask for a reply.
    pub tcp_keep_alive: bool,
    /// Whether clients may speak telnet.
    pub telnet: bool,
    /// The last bytes for a client that is refused.
    pub refusal: fn(&Refusal) -> Vec<u8>,
    /// The last bytes for a client that does not speak TLS where the server does.
    pub not_tls: fn() -> Vec<u8>,
    /// What a client is sent that waits to be served, with so many before it; `None` where the protocol
    /// has nothing for it.
    pub waiting: Option<fn(usize) -> String>,
    /// Serves a connection to its end; what it sends first is due at the deadline.
    pub serve: fn(&Arc<ServerContext>, &Arc<Tcp>, RemoteAddress, Instant),
}

/// Who serves the connections of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServedBy {
    /// A thread of the pool, once admission has a place. Its clients are users, for whom `--guests` decides.
    Pool,
    /// The accept thread, one after the other, each for at most [`INLINE_MAX`]: so it answers also when no
    /// place is free.
    AcceptThread,
}

/// How long one connection may occupy an accept thread.
pub const INLINE_MAX: Duration = Duration::from_secs(2);

/// HTTP and WebSocket.
pub static HTTP: Listener = Listener {
    thread: "accept-http",
    setting: "listen",
    address: |settings| Some(settings.listen.clone()),
    mode: |settings| settings.unix_mode,
    served_by: ServedBy::Pool,
    is_probed: true,
    application: Application::Http,
    tls: |_| true,
    tcp_keep_alive: false,
    telnet: false,
    refusal: http::response::last_refusal,
    not_tls: http::response::not_tls,
    waiting: None,
    serve: http::connection::serve,
};

/// The text dialect in plain lines.
pub static LINES: Listener = Listener {
    thread: "accept-lines",
    setting: "lines",
    address: |settings| settings.lines.clone(),
    mode: |settings| settings.unix_mode,
    served_by: ServedBy::Pool,
    is_probed: false,
    application: Application::Lines,
    tls: |_| true,
    tcp_keep_alive: true,
    telnet: true,
    refusal: lines::refusal,
    not_tls: || b"Error: This port speaks TLS\n".to_vec(),
    waiting: Some(text::waiting),
    serve: |context, socket, remote, _| lines::serve(context, socket, remote, Encoding::TextLines, FIRST_ROOM),
};

/// IRC.
pub static IRC: Listener = Listener {
    thread: "accept-irc",
    setting: "irc",
    address: |settings| settings.irc.clone(),
    mode: |settings| settings.unix_mode,
    served_by: ServedBy::Pool,
    is_probed: false,
    application: Application::Irc,
    tls: |settings| settings.irc_tls != Some(false),
    tcp_keep_alive: false,
    telnet: false,
    refusal: irc::refusal,
    not_tls: irc::not_tls,
    waiting: Some(irc::waiting),
    serve: irc::serve,
};

/// The figures of the server.
pub static METRICS: Listener = Listener {
    thread: "metrics",
    setting: "metrics",
    address: |settings| settings.metrics.clone(),
    mode: |settings| settings.unix_mode,
    served_by: ServedBy::AcceptThread,
    is_probed: true,
    application: Application::Http,
    tls: |_| true,
    tcp_keep_alive: false,
    telnet: false,
    refusal: http::response::last_refusal,
    not_tls: http::response::not_tls,
    waiting: None,
    serve: |context, socket, _, deadline| http::metrics::serve(context, socket, deadline),
};

/// What admins of this machine do.
pub static ADMIN: Listener = Listener {
    thread: "accept-admin",
    setting: "admin-socket",
    address: |settings| settings.admin_socket.as_ref().map(|path| format!("{UNIX}{path}")),
    mode: |_| http::operators::SOCKET_MODE,
    served_by: ServedBy::AcceptThread,
    is_probed: true,
    application: Application::Http,
    tls: |_| false,
    tcp_keep_alive: false,
    telnet: false,
    refusal: http::response::last_refusal,
    not_tls: http::response::not_tls,
    waiting: None,
    serve: |context, socket, _, deadline| http::operators::serve(context, socket, deadline),
};

/// Every listener there is; those that a service manager may open come first, in the order of `passed`.
pub static LISTENERS: [&Listener; 5] = [&HTTP, &LINES, &METRICS, &IRC, &ADMIN];
