//! The claims of `claims.rs`, against the histories of SQLite; and that what was acknowledged is there
//! after every end that a process can have.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use roomd::chat::Span;
use roomd::store::Store as _;

use crate::claims::{ALL, request, room};
use crate::harness::{DEADLINE, Keeper, Place};
use crate::kept::{KEPT, page};

#[test]
fn a_history_in_a_file_keeps_every_promise() {
    for (claim, check) in ALL.into_iter().chain(KEPT) {
        println!("{claim}");
        let place = Place::new();
        check(&*Keeper::file(&place));
    }
}

#[test]
fn a_history_in_memory_keeps_every_promise() {
    for (claim, check) in ALL.into_iter().chain(KEPT) {
        println!("{claim}");
        check(&*Keeper::memory());
    }
}

#[test]
fn two_histories_in_memory_are_two() {
    let (one, other) = (Keeper::memory(), Keeper::memory());
    one.open(&room("den"), 0).unwrap().room_log.append(&[request("Anna", "one", "")]).unwrap();
    assert_eq!(other.open(&room("den"), 9).unwrap().past.seq, 0);
}

#[test]
fn rooms_that_write_at_once_each_get_their_own_numbers() {
    let place = Place::new();
    let keeper = Keeper::file(&place);
    std::thread::scope(|scope| {
        for number in 0..16 {
            let keeper = &keeper;
            scope.spawn(move || {
                let name = format!("room-{number}");
                let mut room_log = keeper.open(&room(&name), 0).unwrap().room_log;
                for count in 1..=50 {
                    room_log.append(&[request("Anna", &format!("{name}: {count}"), &format!("m{count}"))]).unwrap();
                }
            });
        }
    });
    for number in 0..16 {
        let name = format!("room-{number}");
        let page = page(&*keeper, &name, Span::After(0));
        assert_eq!((page.oldest, page.newest, page.messages.len()), (1, 50, 50));
    }
    drop(keeper);
    assert!(place.roomd(&["check"]).output().unwrap().status.success());
}

/// A process that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Publishes over lines until the server is killed; returns how many messages came back.
fn publish_until_killed(place: &Place, round: u64) -> u64 {
    let server = place.roomd(&["serve", "--listen=127.0.0.1:0", "--lines=127.0.0.1:0", "--rate-per-s=0"]);
    let mut server = Killed({ server }.stdout(Stdio::piped()).spawn().unwrap());
    let mut first = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let mut lines = TcpStream::connect(first.trim().rsplit(' ').next().unwrap()).unwrap();
    lines.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut heard = BufReader::new(lines.try_clone().unwrap());
    // On the line port one does not hear oneself, but a listener hears what was stored.
    let mut listener = TcpStream::connect(lines.peer_addr().unwrap()).unwrap();
    listener.set_read_timeout(Some(DEADLINE)).unwrap();
    listener.write_all(b"/nick Otto\n/join den\n").unwrap();
    let mut told = BufReader::new(listener).lines().map_while(Result::ok);
    // Leaving the lobby is the last that comes of the join.
    for line in ["* You are now Otto", "* You left lobby"] {
        told.find(|told| told == line).unwrap();
    }
    writeln!(lines, "/nick Anna\n/join den").unwrap();
    let mut line = String::new();
    for last in ["* You are now Anna\n", "* You left lobby\n"] {
        while line != last {
            line.clear();
            heard.read_line(&mut line).unwrap();
        }
    }
    let words: String = (0..400).map(|number| format!("{round}-{number}\n")).collect();
    lines.write_all(words.as_bytes()).unwrap();
    let mut count = 0;
    // In the middle: the rest is on its way, and some of it in a transaction.
    let ours = format!("Anna: {round}-");
    for line in told.by_ref().filter(|line| line.starts_with(&ours)) {
        assert_eq!(line, format!("Anna: {round}-{count}"));
        count += 1;
        if count == 10 + round * 13 {
            server.0.kill().unwrap();
            break;
        }
    }
    drop(server);
    // What was on its way to the listener counts too.
    count + told.filter(|line| line.starts_with(&ours)).count() as u64
}

#[test]
fn what_was_shown_is_there_after_a_kill_and_numbers_go_on_without_a_gap() {
    let place = Place::new();
    let mut before = 0;
    for round in 0..6 {
        let shown = publish_until_killed(&place, round);
        assert!(place.roomd(&["check"]).output().unwrap().status.success());
        let keeper = Keeper::file(&place);
        let page = page(&*keeper, "den", Span::After(before));
        assert!(page.messages.len() as u64 >= shown, "{shown} were shown, and {} are kept", page.messages.len());
        for (message, number) in page.messages.iter().zip(0..) {
            assert_eq!(message.seq, before + number + 1);
            assert_eq!(message.body, roomd::chat::Body::Text(format!("{round}-{number}").into()));
        }
        before = page.newest;
    }
}
