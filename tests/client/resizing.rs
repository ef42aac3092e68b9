//! `roomd chat` in a terminal that gets another width: the line that is being typed, and what was said.

use rustix::process::{Signal, kill_process};

use crate::harness::terminal::Terminal;
use crate::harness::{TestServer, in_room};

fn ann(server: &TestServer) -> Terminal {
    let mut terminal = Terminal::chat(&server.url(), &["--room", "r", "--user", "Ann"], 80);
    terminal.wait_for("* You are in r with: ");
    terminal
}

#[test]
fn a_signal_that_interrupts_the_wait_for_the_server_does_not_break_the_connection() {
    let server = TestServer::start();
    let mut ann = ann(&server);
    let mut bob = in_room(&server.url(), "Bob", "r");
    for round in 0..5 {
        // Of all threads, the one to which it is sent gets it first.
        kill_process(ann.thread("client-reader"), Signal::WINCH).unwrap();
        bob.publish("r", &format!("message {round}")).unwrap();
        ann.wait_for(&format!("Bob: message {round}"));
    }
    assert!(!ann.shown().contains("* The connection"), "{}", ann.shown());
}
