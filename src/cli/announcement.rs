//! What `roomd serve` says when it is ready: where it listens, and how others open it.
//!
//! Called on the main thread, once. The first line is for programs as well; the lines behind it are for people, and
//! the code for a telephone's camera is drawn only where standard output is a terminal.

use std::io::{self, IsTerminal as _, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::qr::code;
use crate::assemble::{ListenAddress, Server};

/// Addresses of this machine that are told, at most.
const ADDRESSES_MAX: usize = 4;

/// Says that the server is ready. It is so also when standard output is closed.
pub fn announce(server: &Server, base_path: &str) {
    let out = &mut io::stdout();
    let capacity = server.capacity();
    if let Some(bound) = &capacity.bound {
        let (connections, waiting, rooms) = (capacity.connections, capacity.waiting, capacity.rooms);
        eprintln!("roomd: this machine holds {connections} connections, {waiting} that wait, {rooms} rooms: {bound}");
    }
    let scheme = if server.has_certificate() { "https" } else { "http" };
    _ = writeln!(out, "{}", first_line(server, scheme));
    let Some(&ListenAddress::Tcp(address)) = server.listens().http else { return };
    let urls: Vec<_> = reachable(address, &own_addresses())
        .iter()
        .map(|address| format!("{scheme}://{address}{base_path}/"))
        .collect();
    for url in &urls {
        _ = writeln!(out, "Others can open {url}");
    }
    if !out.is_terminal() {
        return;
    }
    match urls.first() {
        Some(url) => _ = writeln!(out, "{}", code(url)),
        None if base_path.is_empty() => {
            let port = address.port();
            _ = writeln!(
                out,
                "Only this machine can open it; --listen 0.0.0.0:{port} --guests on lets others of your network in"
            );
        }
        // A proxy stands before it.
        None => {}
    }
}

fn first_line(server: &Server, scheme: &str) -> String {
    let listens = server.listens();
    let at = |address: &ListenAddress| match address {
        ListenAddress::Tcp(address) => format!("{scheme}://{address}"),
        unix @ ListenAddress::Unix(_) => unix.to_string(),
    };
    let version = env!("CARGO_PKG_VERSION");
    let mut line = format!("roomd {version} listening on {}", listens.http.map(at).unwrap_or_default());
    if let Some(lines) = listens.lines {
        let secured = if server.has_certificate() { " with TLS" } else { "" };
        line.push_str(&format!(", lines{secured} on {lines}"));
    }
    if let Some(irc) = listens.irc {
        let secured = if server.has_irc_tls() { " with TLS" } else { "" };
        line.push_str(&format!(", IRC{secured} on {irc}"));
    }
    match listens.metrics {
        Some(metrics @ ListenAddress::Tcp(_)) => line.push_str(&format!(", figures on {}/metrics", at(metrics))),
        Some(metrics) => line.push_str(&format!(", figures on {metrics}")),
        None => {}
    }
    if let Some(openness) = server.openness() {
        line.push_str(&format!(", {openness}"));
    }
    line
}

/// The addresses at which other machines reach a socket that listens at `address`; `own` are this machine's.
fn reachable(address: SocketAddr, own: &[IpAddr]) -> Vec<SocketAddr> {
    let ip = address.ip().to_canonical();
    if ip.is_loopback() {
        return Vec::new();
    }
    if !ip.is_unspecified() {
        return vec![SocketAddr::new(ip, address.port())];
    }
    // A socket at [::] serves IPv4 as well.
    let fits = own.iter().filter(|own| address.is_ipv6() || own.is_ipv4());
    fits.map(|own| SocketAddr::new(*own, address.port())).take(ADDRESSES_MAX).collect()
}

/// The addresses of this machine's interfaces, that of the way to the network first; none where they cannot be read.
fn own_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let usable = interfaces.iter().filter(|interface| !interface.is_loopback() && !interface.is_link_local());
    let mut all: Vec<_> = usable.map(if_addrs::Interface::ip).collect();
    let first = outward();
    all.sort_by_key(|ip| (Some(*ip) != first, ip.is_ipv6()));
    all.dedup();
    all
}

/// The address from which this machine would reach others. Nothing is sent: a UDP socket only chooses its address.
fn outward() -> Option<IpAddr> {
    // TEST-NET-1 (RFC 5737): nobody's address.
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(at: &str) -> Vec<String> {
        let own = ["192.168.1.5", "10.0.0.7", "2001:db8::5"].map(|ip| ip.parse().unwrap());
        reachable(at.parse().unwrap(), &own).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn others_reach_every_address_unless_the_socket_has_one() {
        assert_eq!(addresses("0.0.0.0:80"), ["192.168.1.5:80", "10.0.0.7:80"]);
        assert_eq!(addresses("[::]:80"), ["192.168.1.5:80", "10.0.0.7:80", "[2001:db8::5]:80"]);
        assert_eq!(addresses("192.168.1.9:80"), ["192.168.1.9:80"]);
        for local in ["127.0.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            assert_eq!(addresses(local), [""; 0], "{local}");
        }
    }
}
