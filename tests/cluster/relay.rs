//! A relay between a server and the database, or its bus, whose line can be cut: a partition of the network.
//!
//! Two threads a connection copy bytes. A stalled relay takes and gives nothing, and what is under way then arrives when
//! it goes on, as after a partition; one that refuses resets what there is and what comes.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Open,
    /// Nothing passes, and nobody is told.
    Stalled,
    /// Connections are reset.
    Refused,
}

/// See the module. Its threads end with the process.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    line: Mutex<Line>,
    changed: Condvar,
    /// Both ends of each connection.
    connections: Mutex<Vec<[TcpStream; 2]>>,
}

impl Relay {
    /// A relay to this port of this machine.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let line = Mutex::new(Line::Open);
        let shared = Arc::new(Shared { line, changed: Condvar::new(), connections: Mutex::default() });
        let relay = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                relay.accept(client, port);
            }
        });
        Self { address, shared }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn set(&self, line: Line) {
        *self.shared.line.lock().unwrap() = line;
        self.shared.changed.notify_all();
        if line == Line::Refused {
            self.reset();
        }
    }

    /// Each connection breaks.
    pub fn reset(&self) {
        self.shared.connections.lock().unwrap().drain(..).flatten().for_each(reset);
    }
}

impl Shared {
    fn wait_while_stalled(&self) -> Line {
        let line = self.line.lock().unwrap();
        *self.changed.wait_while(line, |line| *line == Line::Stalled).unwrap()
    }

    fn accept(self: &Arc<Self>, client: TcpStream, port: u16) {
        let this = Arc::clone(self);
        thread::spawn(move || {
            if this.wait_while_stalled() == Line::Refused {
                return reset(client);
            }
            // What is away refuses, and so does its relay.
            let Ok(engine) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return reset(client) };
            [&client, &engine].into_iter().for_each(|end| end.set_nodelay(true).unwrap());
            let both = [client, engine];
            let clone = || both.each_ref().map(|end| end.try_clone().unwrap());
            let mut connections = this.connections.lock().unwrap();
            connections.retain(|[end, _]| end.peer_addr().is_ok());
            connections.push(clone());
            drop(connections);
            let [from, to] = clone();
            let back = Arc::clone(&this);
            thread::spawn(move || back.copy(&to, &from));
            let [from, to] = both;
            this.copy(&from, &to);
        });
    }

    fn copy(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let mut buffer = [0; 16 * 1024];
        loop {
            self.wait_while_stalled();
            let read = from.read(&mut buffer).unwrap_or(0);
            // It came when the line was open, or waits.
            self.wait_while_stalled();
            if read == 0 || to.write_all(&buffer[..read]).is_err() {
                // Both directions end with either.
                [from, to].into_iter().for_each(|end| _ = end.shutdown(Shutdown::Both));
                return;
            }
        }
    }
}

fn reset(end: TcpStream) {
    // If it is gone already it need not be reset.
    _ = SockRef::from(&end).set_linger(Some(Duration::ZERO));
    _ = end.shutdown(Shutdown::Both);
}
