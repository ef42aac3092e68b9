//! Clients of several addresses, for servers that limit each.
//!
//! Every machine has the addresses 127.0.0.1 to 127.0.0.255 for itself, so one test can be several clients.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use roomd::Settings;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use super::{TestServer, WebSocketClient, connected};

/// A server that exempts no address from limits.
pub fn strict(change: impl FnOnce(&mut Settings)) -> TestServer {
    TestServer::with(|settings| {
        settings.address_exempt = Vec::new();
        change(settings);
    })
}

/// A connection from 127.0.0.`host`.
pub fn from(host: u8, address: SocketAddr) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0))).unwrap();
    connect(&socket, &address).unwrap();
    connected(TcpStream::from(socket))
}

/// A JSON client at that address, in no room.
pub fn client_from(host: u8, server: &TestServer, user: &str) -> WebSocketClient {
    let path = format!("/ws?user={user}&format=json");
    let mut client = WebSocketClient::over(from(host, server.server().http_address()), &path);
    client.wait_for_type("welcome");
    client
}
