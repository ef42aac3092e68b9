//! A proxy that cuts connections after a chosen number of bytes.
//!
//! Each connection takes the next cut of a list; when the list is empty it lives until it is cut by hand.
//! A cut shuts both sockets down, in the middle of whatever is on the way.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// Where a connection is cut.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// After so many bytes to the server.
    Up(usize),
    /// After so many bytes to the client.
    Down(usize),
}

/// See the module.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    accept: Option<JoinHandle<()>>,
}

struct Shared {
    /// Where the server is; `None` refuses.
    target: Option<SocketAddr>,
    cuts: VecDeque<Cut>,
    sockets: Vec<TcpStream>,
    /// Whether the connections that were made since it was changed are silent.
    silent: Arc<AtomicBool>,
    /// Connections that were accepted.
    accepted: usize,
    ended: bool,
}

impl Proxy {
    /// A proxy before this server, with these cuts.
    pub fn to(target: SocketAddr, cuts: impl IntoIterator<Item = Cut>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared {
            target: Some(target),
            cuts: cuts.into_iter().collect(),
            sockets: Vec::new(),
            silent: Arc::default(),
            accepted: 0,
            ended: false,
        };
        let shared = Arc::new(Mutex::new(shared));
        let mine = Arc::clone(&shared);
        let accept = thread::spawn(move || accept(&listener, &mine));
        Self { address, shared, accept: Some(accept) }
    }

    /// Its address for clients.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Cuts what is there now; what comes goes to this server, or is refused.
    pub fn turn_to(&self, target: Option<SocketAddr>) {
        let mut shared = self.shared.lock().unwrap();
        shared.target = target;
        for socket in shared.sockets.drain(..) {
            _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// What is there now carries nothing more, and is not cut: nobody notices.
    pub fn fall_silent(&self) {
        let mut shared = self.shared.lock().unwrap();
        std::mem::take(&mut shared.silent).store(true, Ordering::Release);
    }

    /// How many connections there were.
    pub fn accepted(&self) -> usize {
        self.shared.lock().unwrap().accepted
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.turn_to(None);
        self.shared.lock().unwrap().ended = true;
        // Wakes who blocks in `accept`.
        _ = TcpStream::connect(self.address);
        _ = self.accept.take().unwrap().join();
    }
}

fn accept(listener: &TcpListener, shared: &Mutex<Shared>) {
    let mut pumps = Vec::new();
    for client in listener.incoming() {
        let client = client.unwrap();
        let mut shared = shared.lock().unwrap();
        if shared.ended {
            break;
        }
        shared.accepted += 1;
        let Some(server) = shared.target.and_then(|target| TcpStream::connect(target).ok()) else { continue };
        let (up, down) = match shared.cuts.pop_front() {
            Some(Cut::Up(bytes)) => (bytes, usize::MAX),
            Some(Cut::Down(bytes)) => (usize::MAX, bytes),
            None => (usize::MAX, usize::MAX),
        };
        shared.sockets.extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let silent = Arc::clone(&shared.silent);
        pumps.push(thread::spawn(move || pump(&from, &to, up, &silent)));
        let silent = Arc::clone(&shared.silent);
        pumps.push(thread::spawn(move || pump(&server, &client, down, &silent)));
    }
    for pump in pumps {
        pump.join().unwrap();
    }
}

/// Carries at most so many bytes, then ends both sides.
fn pump(mut from: &TcpStream, mut to: &TcpStream, mut left: usize, silent: &AtomicBool) {
    let mut bytes = [0; 4096];
    while left > 0 {
        let most = left.min(bytes.len());
        match from.read(&mut bytes[..most]) {
            Ok(1..) if silent.load(Ordering::Acquire) => {}
            Ok(count) if count > 0 && to.write_all(&bytes[..count]).is_ok() => left -= count,
            _ => break,
        }
    }
    for socket in [from, to] {
        _ = socket.shutdown(Shutdown::Both);
    }
}
