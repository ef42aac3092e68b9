//! How soon an end is noticed: a server's, by another one, and the database's, by a server that stores again behind it.
//!
//! The server that ends is a process, which is killed; a member of its room leaves in the eyes of the others when they have noticed. The
//! database is stopped as by a crash and started again.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use roomd::channel::{self, Receiver};
use roomd::chat::{Event, Identity, Publication, RoomName, RoomRequest, UserName};
use roomd::{ChannelRecipient, Member, Server, Settings};

use super::Failure;
use super::engines::Postgres;

/// How long an end, or the way back, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Seconds until a member leaves whose server was killed.
pub fn of_a_server(postgres: &Postgres) -> Result<f64, Failure> {
    let database = postgres.database()?;
    let (server, _member, events) = member(&database.url)?;
    let socket = std::env::temp_dir().join(format!("roomd-bench-{}.sock", std::process::id()));
    let mut process = Killed(
        Command::new(env!("CARGO_BIN_EXE_roomd"))
            .args([
                "serve",
                "--lines",
                "off",
                "--guests",
                "on",
                "--log-level",
                "error",
                "--data",
                &database.url,
                "--listen",
            ])
            .arg(format!("unix:{}", socket.display()))
            .stdout(Stdio::null())
            .spawn()?,
    );
    let client = connect(&socket)?;
    wait_for(&events, |event| matches!(event, Event::Join { user, .. } if user.as_str() == "Zoe"))?;
    process.0.kill()?;
    let killed = Instant::now();
    process.0.wait()?;
    wait_for(&events, |event| matches!(event, Event::Leave { user, .. } if user.as_str() == "Zoe"))?;
    let took = killed.elapsed().as_secs_f64();
    drop(client);
    // It was killed, so its file is still there.
    std::fs::remove_file(&socket)?;
    server.stop();
    Ok(took)
}

/// Seconds from when the database is back after a crash until a message is acknowledged.
pub fn of_the_database(postgres: &Postgres) -> Result<f64, Failure> {
    let database = postgres.database()?;
    let (server, _member, _events) = member(&database.url)?;
    let (room, user) = (RoomName::parse("den")?, Identity::guest(UserName::parse("Ann")?));
    let say = || server.engine().hub.ask(&room, user.clone(), RoomRequest::from(Publication::text("again")));
    if !matches!(say(), Ok(Event::Sent { .. })) {
        return Err("a message was refused before the crash".into());
    }
    let back = thread::scope(|scope| {
        let crashing = scope.spawn(|| postgres.crash());
        let mut stored = None;
        // Whoever publishes does so all the time, also while the database is away.
        while !crashing.is_finished() {
            stored = matches!(say(), Ok(Event::Sent { .. })).then(Instant::now);
            thread::sleep(Duration::from_millis(5));
        }
        let ready = crashing.join().expect("it does not panic")?;
        while stored.is_none() && ready.elapsed() < PATIENCE {
            stored = matches!(say(), Ok(Event::Sent { .. })).then(Instant::now);
            thread::sleep(Duration::from_millis(5));
        }
        let stored = stored.ok_or("nothing is stored after the crash")?;
        Ok::<_, Failure>(stored.saturating_duration_since(ready).as_secs_f64())
    })?;
    server.stop();
    Ok(back)
}

/// A server with a member in the room den, and what that is told.
fn member(database: &str) -> Result<(Server, Member, Receiver<Arc<Event>>), Failure> {
    let mut settings = Settings { data: database.to_owned(), ..Settings::ephemeral() };
    settings.limits.grace = Duration::ZERO;
    let server = Server::start(settings, |error| eprintln!("cluster: {error}"))?;
    let (sender, events) = channel::bounded(4_096);
    let (room, user) = (RoomName::parse("den")?, UserName::parse("Watcher")?);
    let member = Member::join(server.engine(), &room, user, Arc::new(ChannelRecipient::new(sender)), 0);
    Ok((server, member.map_err(|refusal| format!("{refusal:?}"))?, events))
}

/// A WebSocket of Zoe's in the room den, once its server is there.
fn connect(socket: &Path) -> Result<UnixStream, Failure> {
    let until = Instant::now() + PATIENCE;
    let mut client = loop {
        match UnixStream::connect(socket) {
            Ok(client) => break client,
            Err(error) if until < Instant::now() => return Err(error.into()),
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    };
    client.set_read_timeout(Some(PATIENCE))?;
    client.write_all(
        b"GET /ws?room=den&user=Zoe HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )?;
    let mut status = [0; 12];
    client.read_exact(&mut status)?;
    if &status != b"HTTP/1.1 101" {
        return Err(format!("no WebSocket: {}", String::from_utf8_lossy(&status)).into());
    }
    Ok(client)
}

fn wait_for(events: &Receiver<Arc<Event>>, is_it: impl Fn(&Event) -> bool) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        let event = events.recv_deadline(until).map_err(|_| "what was waited for did not come")?;
        if is_it(&event) {
            return Ok(());
        }
    }
}

/// A process that does not outlive the bench.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It has ended if this fails.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
