//! A server that is killed: what it has shown is there afterwards, and numbers go on without a gap.
//!
//! The server is a process of its own, killed while messages are on their way.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use roomd::chat::Span;

use crate::drafts::page;
use crate::harness::{DEADLINE, TestDirectory, TestStore};

/// A process that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Publishes over lines until the server is killed; returns how many messages a listener received.
fn publish_until_killed(directory: &TestDirectory, round: u64) -> u64 {
    let server = directory.roomd(&["serve", "--listen=127.0.0.1:0", "--lines=127.0.0.1:0", "--rate-per-s=0"]);
    let mut server = Killed({ server }.stdout(Stdio::piped()).spawn().unwrap());
    let mut first = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let mut lines = TcpStream::connect(first.trim().rsplit(' ').next().unwrap()).unwrap();
    lines.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut replies = BufReader::new(lines.try_clone().unwrap());
    // A line client does not receive its own messages; a listener receives what was stored.
    let mut listener = TcpStream::connect(lines.peer_addr().unwrap()).unwrap();
    listener.set_read_timeout(Some(DEADLINE)).unwrap();
    listener.write_all(b"/nick Otto\n/join den\n").unwrap();
    let mut received = BufReader::new(listener).lines().map_while(Result::ok);
    // Leaving the lobby is the last line of the join.
    for line in ["* You are now Otto", "* You left lobby"] {
        received.find(|received| received == line).unwrap();
    }
    writeln!(lines, "/nick Anna\n/join den").unwrap();
    let mut line = String::new();
    for last in ["* You are now Anna\n", "* You left lobby\n"] {
        while line != last {
            line.clear();
            replies.read_line(&mut line).unwrap();
        }
    }
    let words: String = (0..400).map(|number| format!("{round}-{number}\n")).collect();
    lines.write_all(words.as_bytes()).unwrap();
    let mut count = 0;
    // The rest is on its way, and some of it in a transaction.
    let prefix = format!("Anna: {round}-");
    for line in received.by_ref().filter(|line| line.starts_with(&prefix)) {
        assert_eq!(line, format!("Anna: {round}-{count}"));
        count += 1;
        if count == 10 + round * 13 {
            server.0.kill().unwrap();
            break;
        }
    }
    drop(server);
    // Lines on their way to the listener count too.
    count + received.filter(|line| line.starts_with(&prefix)).count() as u64
}

#[test]
fn messages_that_were_shown_survive_a_kill_and_numbers_continue_without_a_gap() {
    let directory = TestDirectory::new();
    let mut before = 0;
    for round in 0..6 {
        let shown = publish_until_killed(&directory, round);
        assert!(directory.roomd(&["check"]).output().unwrap().status.success());
        let store = TestStore::file(&directory);
        let page = page(&*store, "den", Span::After(before));
        assert!(page.messages.len() as u64 >= shown, "{shown} were shown, and {} are stored", page.messages.len());
        for (message, number) in page.messages.iter().zip(0..) {
            assert_eq!(message.seq, before + number + 1);
            assert_eq!(message.body, roomd::chat::Body::Text(format!("{round}-{number}").into()));
        }
        before = page.newest;
    }
}
