//! A program with the server inside: each argument is a job, a message in a room that is not stored, and goes to one of two
//! workers, which are threads of the program.
//!
//! `cargo run --example embedded -- "resize cat.png" "resize dog.png"` prints each job with its number when it is done. Other
//! programs and people could work too: `/work jobs agents` in a client that is connected to the server.

use std::sync::Arc;
use std::{process, thread};

use roomd::channel::{self, Receiver};
use roomd::chat::{Body, Event, GroupOptions, Refusal, RoomName, UserName};
use roomd::{ChannelRecipient, Member, MemberOptions, Server, Settings};

/// Jobs that are given out before one has to be done, and events that may wait for a member: the room ends the channel of
/// one that takes too long.
const WAITING_MAX: usize = 256;

fn main() {
    let jobs: Vec<String> = std::env::args().skip(1).collect();
    let settings =
        Settings { listen: "127.0.0.1:0".into(), lines: None, data: ":memory:".into(), ..Settings::default() };
    let server = Server::start(settings, |error| eprintln!("embedded: {error}")).unwrap_or_else(|error| {
        eprintln!("embedded: {error}");
        process::exit(1)
    });
    if let Err(refusal) = share(&server, &jobs) {
        eprintln!("embedded: {refusal}");
        process::exit(1);
    }
    server.stop();
}

/// Has the workers do the jobs; returns when all are done.
fn share(server: &Server, jobs: &[String]) -> Result<(), Refusal> {
    // The first who joins opens the room, and says that it is not stored.
    let (boss, _events) = join(server, "boss", MemberOptions { durable: false, ..MemberOptions::default() })?;
    let (done, results) = channel::bounded(WAITING_MAX);
    for name in ["worker-1", "worker-2"] {
        let group = Some(GroupOptions::parse("agents", None, None)?);
        let (worker, events) = join(server, name, MemberOptions { group, ..MemberOptions::default() })?;
        let done = done.clone();
        // It ends when its channel does: the server removes its members when it stops.
        thread::spawn(move || {
            for event in events {
                let Event::Assigned { message, .. } = &*event else { continue };
                let Body::Text(job) = &message.body else { continue };
                // Here the work would be. Who does not get to this line has another worker do it.
                if worker.done(message.seq).is_ok() {
                    _ = done.send(format!("{} {job}", message.seq));
                }
            }
        });
    }
    drop(done);
    for (given, job) in jobs.iter().enumerate() {
        if given >= WAITING_MAX {
            results.iter().take(1).for_each(|result| println!("{result}"));
        }
        boss.say(&**job)?;
    }
    results.iter().take(jobs.len().min(WAITING_MAX)).for_each(|result| println!("{result}"));
    Ok(())
}

/// A member with a channel of its own.
fn join(server: &Server, name: &str, options: MemberOptions) -> Result<(Member, Receiver<Arc<Event>>), Refusal> {
    let (sender, events) = channel::bounded(WAITING_MAX);
    let user = UserName::parse(name).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let room = RoomName::parse("jobs").map_err(|error| Refusal::bad_request(error.to_string()))?;
    let recipient = Arc::new(ChannelRecipient::new(sender));
    Member::join_with(server.engine(), &room, user, recipient, options).map(|member| (member, events))
}
