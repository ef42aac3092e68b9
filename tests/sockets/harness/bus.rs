//! A Redis of a test's own, as the bus of several servers, behind a proxy that can fall silent.
//!
//! It is Debian's, or the program that `ROOMD_TEST_REDIS` names, on a socket in a folder that goes with it; the servers reach it
//! through the proxy, on a free port. One thread accepts, and two a connection carry its bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use roomd::store::BusUrl;

use super::until;

/// See the module.
pub struct TestBus {
    folder: PathBuf,
    redis: Mutex<Option<Child>>,
    port: u16,
    proxy: Arc<Proxy>,
    accept: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Proxy {
    is_silent: AtomicBool,
    is_over: AtomicBool,
    /// Connections that were made.
    accepted: AtomicUsize,
    /// What ends each that is there.
    sockets: Mutex<Vec<TcpStream>>,
}

/// The Redis that is started.
fn program() -> Command {
    Command::new(std::env::var_os("ROOMD_TEST_REDIS").unwrap_or_else(|| "redis-server".into()))
}

impl TestBus {
    /// `None`, and said so: there is no Redis.
    pub fn new() -> Option<Self> {
        if program().arg("--version").stdout(Stdio::null()).status().is_err() {
            println!("skipped: there is no redis-server; tests/run cluster installs one");
            return None;
        }
        let folder = std::env::temp_dir().join(format!("roomd-bus-{:016x}", getrandom::u64().unwrap()));
        std::fs::create_dir(&folder).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, proxy) = (listener.local_addr().unwrap().port(), Arc::<Proxy>::default());
        let (shared, path) = (Arc::clone(&proxy), folder.join("redis"));
        let accept = thread::spawn(move || shared.accept(&listener, &path));
        let bus = Self { folder, redis: Mutex::new(None), port, proxy, accept: Some(accept) };
        bus.start();
        Some(bus)
    }

    /// For `--bus`.
    pub fn url(&self) -> Option<BusUrl> {
        self.url_of("")
    }

    /// The same for somebody who logs in: `USER:PASSWORD@`.
    pub fn url_of(&self, login: &str) -> Option<BusUrl> {
        Some(BusUrl::parse(&format!("redis://{login}127.0.0.1:{}", self.port)).unwrap())
    }

    /// It is there, again.
    pub fn start(&self) {
        let redis = program()
            .args(["--port", "0", "--unixsocket"])
            .arg(self.folder.join("redis"))
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&self.folder)
            .stdout(Stdio::null())
            .spawn();
        *self.redis.lock().unwrap() = Some(redis.unwrap());
        until("the bus is there", || self.connect().is_ok());
    }

    /// It is killed.
    pub fn kill(&self) {
        let mut redis = self.redis.lock().unwrap().take().unwrap();
        redis.kill().unwrap();
        redis.wait().unwrap();
    }

    /// Has it do this, and returns the first line of the answer.
    pub fn command(&self, command: &str) -> String {
        let mut socket = self.connect().unwrap();
        write!(socket, "{command}\r\n").unwrap();
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(b"\r\n") {
            socket.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        String::from_utf8(answer).unwrap()
    }

    /// Nothing is carried any more, of connections that are there and that come; none is cut.
    pub fn fall_silent(&self) {
        self.proxy.is_silent.store(true, Ordering::SeqCst);
    }

    /// What comes is carried again; what is there is cut, since bytes of it are lost.
    pub fn heal(&self) {
        self.proxy.is_silent.store(false, Ordering::SeqCst);
        self.proxy.cut();
    }

    /// How many connections there were.
    pub fn accepted(&self) -> usize {
        self.proxy.accepted.load(Ordering::SeqCst)
    }

    fn connect(&self) -> std::io::Result<UnixStream> {
        UnixStream::connect(self.folder.join("redis"))
    }
}

impl Drop for TestBus {
    fn drop(&mut self) {
        self.proxy.is_over.store(true, Ordering::SeqCst);
        self.proxy.cut();
        // Wakes who blocks in `accept`.
        _ = TcpStream::connect(("127.0.0.1", self.port));
        _ = self.accept.take().unwrap().join();
        if let Some(mut redis) = self.redis.lock().unwrap().take() {
            _ = redis.kill();
            _ = redis.wait();
        }
        _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Proxy {
    fn accept(self: &Arc<Self>, listener: &TcpListener, redis: &std::path::Path) {
        let mut pumps = Vec::new();
        for client in listener.incoming() {
            let client = client.unwrap();
            let mut sockets = self.sockets.lock().unwrap();
            if self.is_over.load(Ordering::SeqCst) {
                break;
            }
            self.accepted.fetch_add(1, Ordering::SeqCst);
            // Where there is none, the client is refused.
            let Ok(server) = UnixStream::connect(redis) else { continue };
            sockets.push(client.try_clone().unwrap());
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let (up, down) = (Arc::clone(self), Arc::clone(self));
            pumps.push(thread::spawn(move || {
                up.pump(&mut from, &mut to);
                _ = to.shutdown(Shutdown::Both);
            }));
            let (mut from, mut to) = (server, client);
            pumps.push(thread::spawn(move || {
                down.pump(&mut from, &mut to);
                _ = to.shutdown(Shutdown::Both);
            }));
        }
        for pump in pumps {
            pump.join().unwrap();
        }
    }

    fn pump(&self, from: &mut impl Read, to: &mut impl Write) {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            if !self.is_silent.load(Ordering::SeqCst) && to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
    }

    fn cut(&self) {
        for socket in self.sockets.lock().unwrap().drain(..) {
            _ = socket.shutdown(Shutdown::Both);
        }
    }
}
