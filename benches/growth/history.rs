//! A room with a long history: what it costs to append to it, to read it at either end, to search it, and to rejoin it.
//!
//! One file grows from size to size, without waiting for the disk, and is read through the store as a server does. Then a
//! server is started on it, and a client joins that has missed the last thousand messages. Each reading is repeated with
//! other pages; the median is in the table.

use std::error::Error;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use roomd::chat::members::MemberId;
use roomd::chat::{AuthLevel, Draft, Mid, Operation, Publication, RoomName, Span, Speaker, Time, UserName};
use roomd::store::{self, BackendOptions, Durability, PageQuery, Retention, Store};
use roomd::{Server, Settings};
use serde_json::{Value, json};
use tungstenite::Message;

use crate::table::Table;

const ROOM: &str = "den";
/// Messages in a batch, as a busy room appends them.
const BATCH: u64 = 256;
/// Messages in a page, and results of a search, at most.
const PAGE_MESSAGES: usize = 300;
const FOUND_MESSAGES: usize = 50;
/// How often each reading is repeated.
const REPETITIONS: u64 = 21;
/// Messages that the client that rejoins has missed.
const MISSED: u64 = 1000;
/// One message in so many has the rare word; all have the common one.
const RARE_EVERY: u64 = 997;

pub fn measure(sizes: &[u64]) -> Result<String, Box<dyn Error>> {
    let directory = TemporaryDirectory::new()?;
    let mut table = Table::new(&[
        "messages",
        "stored a second",
        "file, MiB",
        "room opens, ms",
        "newest page, ms",
        "oldest page",
        "a page between",
        "search, rare word",
        "search, common word",
        "back after 1 000 missed, ms",
    ]);
    let mut stored = 0;
    for &size in sizes {
        let readings = with_store(&directory.file, |store| read(store, stored, size))?;
        let rejoin = time_rejoin(&directory.file, size)?;
        stored = size;
        let ms = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1e3);
        let Readings { per_s, times } = readings;
        let file = fs::metadata(&directory.file)?.len() as f64 / f64::from(1 << 20);
        let first = [size.to_string(), format!("{per_s:.0}"), format!("{file:.1}")];
        table.row(first.into_iter().chain(times.map(ms)).chain([ms(rejoin)]));
    }
    let sentence = "A page, a room's opening and a resume cost what they give, and not what lies before them; a search \
                    follows the words, from the newest message on.";
    Ok(table.render("The history of one room", sentence))
}

struct Readings {
    per_s: f64,
    /// In the order of the table's columns.
    times: [Duration; 6],
}

fn read(store: &dyn Store, stored: u64, size: u64) -> Result<Readings, Box<dyn Error>> {
    let room = RoomName::parse(ROOM)?;
    let per_s = append(store, &room, stored, size)?;
    let page = |span| {
        let page = store.page(&room, PageQuery { span, count: PAGE_MESSAGES, bytes: usize::MAX });
        let found = page.ok().flatten().map_or(0, |page| page.messages.len());
        assert_eq!(found as u64, size.min(PAGE_MESSAGES as u64), "a page is full");
    };
    // A page that begins at another message each time, if there are enough.
    let between = |turn: u64| size.saturating_sub(PAGE_MESSAGES as u64) * (turn + 1) / (REPETITIONS + 1);
    let search = |word: &str, least: u64| {
        let found = store.search(&room, word, u64::MAX, FOUND_MESSAGES).map_or(0, |found| found.messages.len());
        assert!(found as u64 >= least.min(FOUND_MESSAGES as u64), "{found} messages hold {word}");
    };
    let times = [
        median(|_| _ = store.open(&room, 200).map(drop)),
        median(|_| page(Span::Before(u64::MAX))),
        median(|_| page(Span::After(0))),
        median(|turn| page(Span::After(between(turn)))),
        median(|_| search("rare", size / RARE_EVERY)),
        median(|_| search("common", size)),
    ];
    Ok(Readings { per_s, times })
}

/// Appends up to `size` messages; returns how many a second.
fn append(store: &dyn Store, room: &RoomName, stored: u64, size: u64) -> Result<f64, Box<dyn Error>> {
    let failed = |_| "the store failed";
    let mut room_log = store.open(room, 0).map_err(failed)?.room_log;
    let user = UserName::parse("anna")?;
    let began = Instant::now();
    let mut next = stored + 1;
    while next <= size {
        let end = (next + BATCH).min(size + 1);
        let drafts: Vec<_> = (next..end).map(|seq| draft(seq, &user)).collect();
        room_log.append(&drafts).map_err(failed)?;
        next = end;
    }
    Ok((size - stored) as f64 / began.elapsed().as_secs_f64())
}

fn draft(seq: u64, user: &UserName) -> Draft {
    let word = if seq.is_multiple_of(RARE_EVERY) { "rare" } else { "usual" };
    let text = format!("message {seq} has a common word, a {word} one, and some more to be as long as people write");
    let mid = Mid::parse(&format!("mid-{seq}")).ok();
    let operation = Operation::Publish { to: None, publication: Publication { mid, ..Publication::text(&text) } };
    let speaker =
        Speaker { member: MemberId(1), user: user.clone(), auth_level: AuthLevel::Guest, has_own_rate: false };
    Draft::new(speaker, operation, Time(seq))
}

fn median(mut read: impl FnMut(u64)) -> Duration {
    let mut times: Vec<_> = (0..REPETITIONS)
        .map(|turn| {
            let began = Instant::now();
            read(turn);
            began.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

/// Opens the store for `work`, and closes it.
fn with_store<T>(file: &Path, work: impl FnOnce(&dyn Store) -> T) -> T {
    let mut journal: Option<JoinHandle<()>> = None;
    let options = BackendOptions {
        bus: None,
        durability: Durability::None,
        retention: Box::new(Retention::default),
        now: Box::new(|| SystemTime::now().into()),
        on_commit: Box::new(|_| ()),
        on_delivery: Box::new(|| ()),
        on_panic: Box::new(|| ()),
        spawn: &mut |name, body| {
            journal = Some(thread::Builder::new().name(name.to_owned()).spawn(body)?);
            Ok(())
        },
    };
    let backend = store::open(&file.display().to_string(), options).expect("a fresh file can be opened");
    let outcome = work(&*backend.rooms);
    backend.rooms.close();
    if let Some(journal) = journal {
        journal.join().expect("the journal does not panic");
    }
    outcome
}

/// How long a client that has all but the last `MISSED` messages takes to join and receive them.
fn time_rejoin(file: &Path, size: u64) -> Result<Duration, Box<dyn Error>> {
    let data = file.display().to_string();
    let settings = Settings { listen: "127.0.0.1:0".to_owned(), lines: None, data, ..Settings::default() };
    let server = Server::start(settings, |error| panic!("a listener failed: {error}"))?;
    let stream = TcpStream::connect(server.http_address())?;
    stream.set_nodelay(true)?;
    let url = format!("ws://{}/ws?user=Ben&format=json", server.http_address());
    let (mut socket, _) = tungstenite::client(url, stream).map_err(|error| error.to_string())?;
    let mut request_and_wait =
        |request: Option<Value>, until: &dyn Fn(&Value) -> bool| -> Result<Value, Box<dyn Error>> {
            if let Some(request) = request {
                socket.send(Message::text(request.to_string()))?;
            }
            loop {
                if let Message::Text(text) = socket.read()? {
                    let event: Value = serde_json::from_str(&text)?;
                    if until(&event) {
                        return Ok(event);
                    }
                }
            }
        };
    // The first join tells the epoch of the history.
    let history = request_and_wait(Some(json!({"type": "join", "room": ROOM, "history": 0})), &|event| {
        event["type"] == "joined"
    })?;
    let epoch = history["epoch"].clone();
    request_and_wait(Some(json!({"type": "leave", "room": ROOM})), &|event| event["type"] == "left")?;
    let mut times = Vec::new();
    for _ in 0..REPETITIONS {
        let since = json!({"epoch": epoch, "seq": size.saturating_sub(MISSED)});
        let began = Instant::now();
        let join = json!({"type": "join", "room": ROOM, "since": since});
        let joined = request_and_wait(Some(join), &|event| event["type"] == "joined")?;
        assert_eq!(joined["recovered"], true, "{joined}");
        request_and_wait(None, &|event| event["type"] == "message" && event["seq"] == size)?;
        times.push(began.elapsed());
        request_and_wait(Some(json!({"type": "leave", "room": ROOM})), &|event| event["type"] == "left")?;
    }
    drop(socket);
    server.stop();
    times.sort();
    Ok(times[times.len() / 2])
}

/// A directory that is deleted when the bench is over.
struct TemporaryDirectory {
    folder: PathBuf,
    file: PathBuf,
}

impl TemporaryDirectory {
    fn new() -> std::io::Result<Self> {
        let folder = crate::support::page::path("target").join(format!("growth-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self { file: folder.join("history.db"), folder })
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // It is below target/, where it may be left.
        _ = fs::remove_dir_all(&self.folder);
    }
}
