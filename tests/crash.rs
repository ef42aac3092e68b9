//! The books over a crash: servers are killed in the middle of their work, again and again.
//!
//! Publishers talk to a real server process that is killed (SIGKILL) at random moments and started
//! again on the same file, or to several on one PostgreSQL (`tests/cluster/run` starts it) of which one is; each comes
//! back, to another server if there is one, says again what was not acknowledged, and asks for what
//! it missed. At the end the history must hold every acknowledged message once, everything that
//! anybody saw, and no number twice. `ROOMD_SEED` and `ROOMD_CRASHES` choose another run. What a webhook is to be told
//! survives the same.
#![cfg(all(not(shuttle), feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

const PUBLISHERS: usize = 8;
/// Messages of a publisher that are under way at once.
const WINDOW: usize = 4;
const DEADLINE: Duration = Duration::from_secs(20);

/// What is said and not acknowledged may be said again; what is acknowledged may not be lost.
#[derive(Default)]
struct Record {
    /// The number of each `mid` that was acknowledged.
    acknowledged: BTreeMap<String, u64>,
    /// The `mid` of each number that was seen.
    seen: BTreeMap<u64, String>,
    reconnections: usize,
    repeats: usize,
}

/// Where the servers are now.
#[derive(Default)]
struct Place {
    addresses: Mutex<Vec<Option<SocketAddr>>>,
    moved: Condvar,
    /// Publishers say nothing new any more.
    closing: AtomicBool,
    acknowledged: AtomicUsize,
}

impl Place {
    fn put(&self, server: usize, address: Option<SocketAddr>) {
        let mut addresses = self.addresses.lock().unwrap();
        let count = addresses.len().max(server + 1);
        addresses.resize(count, None);
        addresses[server] = address;
        self.moved.notify_all();
    }

    /// A server that is there, another one at each try.
    fn find(&self, attempt: usize) -> SocketAddr {
        let addresses = self.addresses.lock().unwrap();
        let addresses = self.moved.wait_while(addresses, |all| all.iter().all(Option::is_none)).unwrap();
        let there: Vec<_> = addresses.iter().flatten().collect();
        *there[attempt % there.len()]
    }
}

struct Process(Child);

impl Process {
    /// Starts a server on this history; its address.
    fn start(data: &OsStr) -> (Self, SocketAddr) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_roomd"))
            .args(["--listen=127.0.0.1:0", "--lines=off", "--rate-per-s=0", "--webhook-allow=127.0.0.1", "--data"])
            .arg(data)
            .env("RUST_LOG", "error")
            .env_remove("ROOMD_TEST_POSTGRES")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).map(str::trim).and_then(|text| text.parse().ok());
        let address = address.unwrap_or_else(|| panic!("the server does not start: {line:?}"));
        (Self(child), address)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL: nothing of it runs any more when `wait` returns.
        _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

struct Publisher {
    number: usize,
    user: String,
    place: Arc<Place>,
    record: Record,
    /// Said, and not acknowledged.
    unacknowledged: VecDeque<String>,
    request: usize,
    /// The last message seen, and in which history.
    position: Option<(String, u64)>,
}

impl Publisher {
    fn run(mut self) -> Record {
        // An error is a connection that broke: it comes back.
        while self.converse(self.place.find(self.number + self.record.reconnections)).is_err() {
            self.record.reconnections += 1;
        }
        self.record
    }

    /// Talks until everything is said and acknowledged, or the connection breaks.
    fn converse(&mut self, address: SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let url = format!("ws://{address}/ws?user={}&format=json", self.user);
        let (mut socket, _) = tungstenite::client(url, stream)?;
        let since = self.position.as_ref().map(|(epoch, seq)| json!({"epoch": epoch, "seq": seq}));
        let join = json!({"type": "join", "room": "den", "since": since, "history": 0});
        socket.send(Message::text(join.to_string()))?;
        for mid in &self.unacknowledged {
            publish(&mut socket, mid)?;
        }
        loop {
            while self.unacknowledged.len() < WINDOW && !self.place.closing.load(Ordering::Relaxed) {
                self.request += 1;
                let mid = format!("{}-{}", self.user, self.request);
                publish(&mut socket, &mid)?;
                self.unacknowledged.push_back(mid);
            }
            if self.unacknowledged.is_empty() {
                socket.close(None)?;
                while socket.read().is_ok() {}
                return Ok(());
            }
            if let Message::Text(text) = socket.read()? {
                self.handle(&serde_json::from_str(&text)?);
            }
        }
    }

    fn handle(&mut self, event: &Value) {
        match event["type"].as_str().unwrap() {
            "joined" => {
                assert_eq!(event["recovered"], true, "{event}");
                let epoch = event["epoch"].as_str().unwrap().to_owned();
                self.position.get_or_insert((epoch, event["seq"].as_u64().unwrap()));
            }
            "message" => {
                let (seq, mid) = (event["seq"].as_u64().unwrap(), event["mid"].as_str().unwrap());
                assert_eq!(event["message"], mid, "a message says its own name");
                let position = self.position.as_mut().unwrap();
                assert_eq!(seq, position.1 + 1, "{} missed something, or sees it twice", self.user);
                position.1 = seq;
                self.record.seen.insert(seq, mid.to_owned());
            }
            "sent" => {
                let (seq, mid) = (event["seq"].as_u64().unwrap(), event["mid"].as_str().unwrap());
                // They are acknowledged in the order in which they were said.
                assert_eq!(self.unacknowledged.pop_front().as_deref(), Some(mid));
                self.record.repeats += usize::from(event["duplicate"] == true);
                assert_eq!(self.record.acknowledged.insert(mid.to_owned(), seq), None);
                self.place.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            "error" => panic!("{event}"),
            _ => {}
        }
    }
}

fn publish(socket: &mut WebSocket<TcpStream>, mid: &str) -> tungstenite::Result<()> {
    let message = json!({"type": "message", "room": "den", "message": mid, "mid": mid});
    socket.send(Message::text(message.to_string()))
}

/// The whole history, over HTTP: the `mid` of each number.
fn history(address: SocketAddr) -> BTreeMap<u64, String> {
    let (mut all, mut after) = (BTreeMap::new(), 0);
    loop {
        let mut stream = TcpStream::connect(address).unwrap();
        let path = format!("/api/v1/rooms/den/messages?after={after}&limit=300");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let page: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        for message in page["messages"].as_array().unwrap() {
            let (seq, mid) = (message["seq"].as_u64().unwrap(), message["mid"].as_str().unwrap().to_owned());
            assert_eq!(all.insert(seq, mid), None, "the number {seq} is there twice");
        }
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => return all,
        }
    }
}

/// Marsaglia's xorshift64*: the moments need variety, not quality.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn nothing_acknowledged_or_seen_is_lost_when_the_server_is_killed_fifty_times() {
    let folder = Folder(std::env::temp_dir().join(format!("roomd-crash-{:x}", getrandom::u64().unwrap())));
    std::fs::create_dir(&folder.0).unwrap();
    crash(folder.0.join("roomd.db").as_os_str(), 1, 50);
}

#[cfg(feature = "postgres")]
#[test]
fn nothing_acknowledged_or_seen_is_lost_when_servers_on_one_database_are_killed() {
    let Some(url) = database() else { return };
    crash(OsStr::new(&url), 3, 15);
}

/// The URL of a database of its own; `None`, and said so: there is no PostgreSQL.
#[cfg(feature = "postgres")]
fn database() -> Option<String> {
    let Ok(server) = std::env::var("ROOMD_TEST_POSTGRES") else {
        println!("skipped: there is no PostgreSQL; tests/cluster/run starts one");
        return None;
    };
    let name = format!("k{:016x}", getrandom::u64().unwrap());
    psql(&format!("{server}postgres"), &format!("CREATE DATABASE {name}"));
    Some(format!("{server}{name}"))
}

/// What the database answers.
#[cfg(feature = "postgres")]
fn psql(url: &str, sql: &str) -> String {
    let done = Command::new("psql").args(["-X", "-q", "-A", "-t", "-c", sql, url]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// Runs this many servers on the history, and kills one so many times.
fn crash(data: &OsStr, servers: usize, crashes: u64) {
    let seed = number("ROOMD_SEED").unwrap_or_else(|| getrandom::u64().unwrap()).max(1);
    let crashes = number("ROOMD_CRASHES").unwrap_or(crashes);
    println!("ROOMD_SEED={seed} ROOMD_CRASHES={crashes}");
    let mut dice = Dice(seed);
    let place = Arc::new(Place::default());
    let mut processes = Vec::new();
    for server in 0..servers {
        let (process, address) = Process::start(data);
        processes.push(Some(process));
        place.put(server, Some(address));
    }
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|number| {
            let (user, place) = (format!("user-{number}"), Arc::clone(&place));
            let (record, unacknowledged) = (Record::default(), VecDeque::new());
            let publisher = Publisher { number, user, place, record, unacknowledged, request: 0, position: None };
            thread::spawn(move || publisher.run())
        })
        .collect();
    for _ in 0..crashes {
        // A crash comes after some more acknowledgements, and not at a time on a clock.
        let target = place.acknowledged.load(Ordering::Relaxed) + dice.below(400) as usize;
        while place.acknowledged.load(Ordering::Relaxed) < target {
            assert!(publishers.iter().all(|publisher| !publisher.is_finished()), "a publisher has failed");
            thread::yield_now();
        }
        let server = dice.below(servers as u64) as usize;
        place.put(server, None);
        processes[server] = None;
        let (restarted, address) = Process::start(data);
        processes[server] = Some(restarted);
        place.put(server, Some(address));
    }
    place.closing.store(true, Ordering::Relaxed);
    let records: Vec<_> = publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect();
    let history = history(place.find(0));
    drop(processes);
    check(&history, &records, crashes);
}

/// What the publishers were told is what is in the history.
fn check(history: &BTreeMap<u64, String>, records: &[Record], crashes: u64) {
    let numbers: Vec<_> = history.keys().copied().collect();
    assert_eq!(numbers, (1..=history.len() as u64).collect::<Vec<_>>(), "the numbers are dense");
    let (mut acknowledged, mut seen, mut reconnections, mut repeats) = (0, 0, 0, 0);
    for record in records {
        for (mid, seq) in &record.acknowledged {
            assert_eq!(history.get(seq), Some(mid), "acknowledged, and not in the history");
        }
        for (seq, mid) in &record.seen {
            assert_eq!(history.get(seq), Some(mid), "seen, and not in the history");
        }
        let order: Vec<_> = history.values().filter(|mid| record.acknowledged.contains_key(*mid)).collect();
        assert_eq!(order.len(), record.acknowledged.len(), "each is there once");
        let request = |mid: &str| mid.rsplit('-').next().unwrap().parse::<u64>().unwrap();
        assert!(order.windows(2).all(|pair| request(pair[0]) < request(pair[1])), "they are in order");
        acknowledged += record.acknowledged.len();
        seen += record.seen.len();
        reconnections += record.reconnections;
        repeats += record.repeats;
    }
    assert_eq!(acknowledged, history.len(), "everything in the history was acknowledged in the end");
    println!(
        "{crashes} crashes, {reconnections} connections broken, {acknowledged} messages acknowledged, {repeats} of \
         them as repeats, {seen} sightings: nothing lost, nothing twice"
    );
}

/// A receiver of webhooks. Its address is taken from the beginning; until it listens it is down.
struct Bot {
    socket: TcpListener,
    address: SocketAddr,
}

impl Bot {
    fn down() -> Self {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let socket = TcpListener::from(socket);
        let address = socket.local_addr().unwrap();
        Self { socket, address }
    }

    /// Is told of the messages in the room `den` of this history.
    fn add(&self, data: &OsStr) {
        let added = Command::new(env!("CARGO_BIN_EXE_roomd"))
            .args(["webhook", "add", &format!("http://{}/", self.address), "--room=den", "--data"])
            .arg(data)
            .output()
            .unwrap();
        assert!(added.status.success() && added.stdout.starts_with(b"whsec_"), "{added:?}");
    }

    /// Listens from now on; what it takes, as the `webhook-id` and the text of each. It answers at once, or where there is
    /// a gate only when that is opened.
    fn up(self, gate: Option<mpsc::Receiver<()>>) -> mpsc::Receiver<(String, String)> {
        rustix::net::listen(&self.socket, 16).unwrap();
        let (sender, log) = mpsc::channel();
        thread::spawn(move || {
            for stream in self.socket.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let Some(told) = take(&mut stream) else { continue };
                if sender.send(told).is_err() {
                    return;
                }
                if gate.as_ref().is_some_and(|gate| gate.recv().is_err()) {
                    return;
                }
                // The server may be gone before it hears that.
                _ = stream.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
            }
        });
        log
    }
}

/// Takes one delivery; `None`: the server was killed before it was there.
fn take(stream: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let (mut id, mut length, mut line) = (String::new(), 0, String::new());
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.to_ascii_lowercase().trim_end().split_once(": ") {
            Some(("webhook-id", value)) => value.clone_into(&mut id),
            Some(("content-length", value)) => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let body: Value = serde_json::from_slice(&body).unwrap();
    Some((id, body["data"]["message"].as_str().unwrap().to_owned()))
}

/// Publishes over HTTP, and waits for the acknowledgement.
fn publish_over_http(address: SocketAddr, text: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = text.len();
    let fields = format!("Host: {address}\r\nContent-Length: {length}\r\nConnection: close");
    write!(stream, "POST /api/v1/rooms/den/messages?user=Ann HTTP/1.1\r\n{fields}\r\n\r\n{text}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}

#[test]
fn a_webhook_is_told_each_message_in_order_though_receiver_and_server_were_down() {
    let folder = Folder(std::env::temp_dir().join(format!("roomd-webhook-{:x}", getrandom::u64().unwrap())));
    std::fs::create_dir(&folder.0).unwrap();
    let data = folder.0.join("roomd.db");
    let bot = Bot::down();
    let (process, address) = Process::start(data.as_os_str());
    bot.add(data.as_os_str());
    let texts: Vec<_> = (0..60).map(|number| format!("message {number}")).collect();
    texts[..20].iter().for_each(|text| publish_over_http(address, text));
    drop(process);
    let (process, address) = Process::start(data.as_os_str());
    texts[20..40].iter().for_each(|text| publish_over_http(address, text));
    drop(process);
    let told = bot.up(None);
    let (mut process, address) = Process::start(data.as_os_str());
    texts[40..].iter().for_each(|text| publish_over_http(address, text));
    let mut log: Vec<(String, String)> = Vec::new();
    let mut kills = 0;
    while log.iter().all(|(_, text)| *text != texts[59]) {
        log.push(told.recv_timeout(DEADLINE).expect("a delivery in time"));
        if log.len().is_multiple_of(9) && kills < 5 {
            drop(process);
            kills += 1;
            process = Process::start(data.as_os_str()).0;
        }
    }
    assert_eq!(kills, 5);
    // A delivery that was under way comes again, under the same id.
    let mut ids = BTreeSet::new();
    let repeats = log.len();
    log.retain(|(id, _)| ids.insert(id.clone()));
    assert_eq!(log.iter().map(|(_, text)| text).collect::<Vec<_>>(), texts.iter().collect::<Vec<_>>());
    println!("{} deliveries, {} of them repeats, over 7 kills", repeats, repeats - log.len());
}

#[cfg(feature = "postgres")]
#[test]
fn a_webhook_of_servers_on_one_database_is_told_each_message_once_and_in_order_though_one_is_killed() {
    let Some(url) = database() else { return };
    let data = OsStr::new(&url);
    let bot = Bot::down();
    let mut servers: Vec<_> = (0..2).map(|_| Process::start(data)).collect();
    bot.add(data);
    let texts: Vec<_> = (0..60).map(|number| format!("message {number}")).collect();
    let (answer, gate) = mpsc::channel();
    let told = bot.up(Some(gate));
    let mut log = Vec::new();
    let publish = |servers: &[(Process, SocketAddr)], range: std::ops::Range<usize>| {
        for number in range {
            publish_over_http(servers[number % servers.len()].1, &texts[number]);
        }
    };
    publish(&servers, 0..40);
    while log.len() < 40 {
        log.push(told.recv_timeout(DEADLINE).expect("a delivery in time"));
        answer.send(()).unwrap();
    }
    publish(&servers, 40..50);
    let under_way = told.recv_timeout(DEADLINE).expect("a delivery in time");
    let holder = "SELECT about FROM webhook_leases JOIN servers USING (server)";
    let holder = psql(&url, holder);
    let is_holder = |process: &Process| holder.ends_with(&format!("process {}", process.0.id()));
    assert_eq!(servers.iter().filter(|(process, _)| is_holder(process)).count(), 1, "{holder}");
    servers.retain(|(process, _)| !is_holder(process));
    publish(&servers, 50..60);
    answer.send(()).unwrap();
    let again = told.recv_timeout(DEADLINE).expect("the other goes on");
    assert_eq!(again, under_way, "it was not noted, and comes again under the same id");
    log.push(again);
    answer.send(()).unwrap();
    while log.len() < texts.len() {
        log.push(told.recv_timeout(DEADLINE).expect("a delivery in time"));
        answer.send(()).unwrap();
    }
    assert_eq!(log.iter().map(|(_, text)| text).collect::<Vec<_>>(), texts.iter().collect::<Vec<_>>());
    assert_eq!(log.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len(), texts.len());
}
