//! The programs of `examples/`, as their users run them, against real servers.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use roomd_client::{Client, Event};
use serde_json::{Value, json};

use crate::harness::{DEADLINE, Proxy, TestServer, in_room, next_message, wait_for};

/// A running program, which ends with the test.
struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(built(name));
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// What it prints, to its end, which is a success.
    fn output(mut self) -> Vec<String> {
        let until = Instant::now() + DEADLINE;
        let mut all = Vec::new();
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => all.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the program has not ended within the deadline: {all:?}"),
            }
        }
        assert!(self.child.wait().unwrap().success());
        all
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The program, as cargo built it before the tests. `cargo test --test client` alone does not build it.
fn built(name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_roomd")).with_file_name("examples").join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.rs"));
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    assert!(modified(&program) >= modified(&source), "{name} is not built: run `cargo build --examples` first");
    program
}

fn wait_for_join(client: &mut Client, name: &str) {
    wait_for(client, |event| matches!(event, Event::Join { user, .. } if user == name).then_some(()));
}

/// The text of the next message that a program of this name says.
fn said_by(client: &mut Client, name: &str) -> String {
    wait_for(client, |event| match event {
        Event::Message(message) if message.user == name => message.text,
        _ => None,
    })
}

#[test]
fn the_bot_greets_and_counts_also_over_a_lost_connection() {
    let server = TestServer::start();
    let proxy = Proxy::to(server.address(), []);
    let mut ann = in_room(&server.url(), "Ann", "general");
    let _bot = Program::start("bot", &[&proxy.url(), "general"]);
    wait_for_join(&mut ann, "bot");
    let _bob = in_room(&server.url(), "Bob", "general");
    assert_eq!(said_by(&mut ann, "bot"), "Welcome, Bob!");
    ann.publish("general", "hello").unwrap();
    ann.publish("general", "!count").unwrap();
    assert_eq!(said_by(&mut ann, "bot"), "2 messages");
    proxy.turn_to(None);
    wait_for(&mut ann, |event| match event {
        Event::Presence(presence) => (presence.user == "bot").then_some(()),
        _ => None,
    });
    // It counts, and is too old to be answered when the bot is back.
    ann.publish("general", "!count").unwrap();
    proxy.turn_to(Some(server.address()));
    wait_for(&mut ann, |event| match event {
        Event::Presence(presence) => (presence.user == "bot").then_some(()),
        _ => None,
    });
    ann.publish("general", "!count").unwrap();
    assert_eq!(said_by(&mut ann, "bot"), "4 messages");
}

#[test]
fn the_bridge_says_in_each_room_what_is_said_in_the_other_and_nothing_twice() {
    let servers = [TestServer::start(), TestServer::start()];
    let mut ann = in_room(&servers[0].url(), "Ann", "lobby");
    let mut bob = in_room(&servers[1].url(), "Bob", "hall");
    let urls = servers.each_ref().map(TestServer::url);
    let arguments = [&*urls[0], "lobby", &*urls[1], "hall"];
    let bridge = Program::start("bridge", &arguments);
    wait_for_join(&mut ann, "bridge");
    wait_for_join(&mut bob, "bridge");
    ann.publish("lobby", "is anybody there?").unwrap();
    assert_eq!(said_by(&mut bob, "bridge"), "<Ann> is anybody there?");
    bob.publish("hall", "I am").unwrap();
    assert_eq!(said_by(&mut ann, "bridge"), "<Bob> I am");
    drop(bridge);
    ann.publish("lobby", "and now?").unwrap();
    // It reads both histories again.
    let _bridge = Program::start("bridge", &arguments);
    assert_eq!(said_by(&mut bob, "bridge"), "<Ann> and now?");
    bob.publish("hall", "still").unwrap();
    assert_eq!(said_by(&mut ann, "bridge"), "<Bob> still");
    let said = ann.history("lobby", 10).unwrap().messages.into_iter().map(|message| message.text.unwrap());
    assert_eq!(said.collect::<Vec<_>>(), ["is anybody there?", "<Bob> I am", "and now?", "<Bob> still"]);
}

#[test]
fn the_embedded_server_has_its_workers_do_each_job_once() {
    let mut done = Program::start("embedded", &["wash", "dry", "fold"]).output();
    done.sort_unstable();
    assert_eq!(done, ["1 wash", "2 dry", "3 fold"]);
}

#[test]
fn the_backup_reader_prints_every_message_and_goes_on_behind_a_number() {
    let server = TestServer::with(|settings| settings.limits.history = 400);
    let mut ann = in_room(&server.url(), "Ann", "lobby");
    // More than one page.
    for number in 1..=301 {
        ann.publish("lobby", &format!("message {number}")).unwrap();
    }
    let read = |arguments: &[&str]| -> Vec<Value> {
        let output = Program::start("backup_reader", arguments).output();
        output.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = read(&[&server.url(), "lobby"]);
    let seqs: Vec<_> = all.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=301).collect::<Vec<_>>());
    assert_eq!((&all[6]["user"], &all[6]["message"]), (&json!("Ann"), &json!("message 7")));
    let rest = read(&[&server.url(), "lobby", "300"]);
    assert_eq!(rest, all[300..]);
}

#[test]
fn the_publisher_prints_the_number_of_each_message() {
    let server = TestServer::start();
    let mut ann = in_room(&server.url(), "Ann", "lobby");
    let output = Program::start("publish", &[&server.url(), "lobby", "build", "it is green", "for once"]).output();
    assert_eq!(output, ["lobby 1", "lobby 2"]);
    assert_eq!(next_message(&mut ann).text.as_deref(), Some("it is green"));
    assert_eq!(next_message(&mut ann).text.as_deref(), Some("for once"));
}
