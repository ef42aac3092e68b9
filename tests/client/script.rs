//! `roomd chat` for a script: pipes and exit codes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{Proxy, TestServer, in_room, next_message, roomd, wait_for};
use roomd_client::Event;

/// A script's end of the pipes.
pub struct Script {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

fn chat(url: &str, arguments: &[&str]) -> Command {
    chat_by(roomd(), url, arguments)
}

/// The conversation of a script in the room `r`.
pub fn chat_by(mut command: Command, url: &str, arguments: &[&str]) -> Command {
    command.args(["chat", url, "--room", "r"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it with this input, to its end.
fn run(url: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = chat(url, arguments).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // One that has ended reads nothing.
        scope.spawn(move || _ = pipe.write_all(input));
        child.wait_with_output().unwrap()
    })
}

impl Script {
    fn start(url: &str, arguments: &[&str]) -> Self {
        Self::of(chat(url, arguments))
    }

    /// One that runs this command.
    pub fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    /// Says a line.
    pub fn says(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next object of this type.
    pub fn hears(&mut self, kind: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "ended before {kind}");
            let value: Value = serde_json::from_str(&line).unwrap();
            if value["type"] == kind {
                return value;
            }
        }
    }

    /// Ends its input, and gives back its exit code.
    pub fn code(mut self) -> Option<i32> {
        self.input = None;
        self.child.wait().unwrap().code()
    }
}

fn objects(output: &Output, kind: &str) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let values = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    values.filter(|value| value["type"] == kind).collect()
}

#[test]
fn each_line_is_a_message_as_it_is_and_the_end_comes_when_all_are_sent() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    let output = run(&server.url(), &["--user", "Ann", "--json"], b"one\n/who\n{\"x\":1}\n\nlast");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for text in ["one", "/who", "{\"x\":1}", "last"] {
        assert_eq!(next_message(&mut bob).text.as_deref(), Some(text));
    }
    assert_eq!(objects(&output, "sent").len(), 4);
    let texts: Vec<_> = objects(&output, "message").iter().map(|message| message["message"].clone()).collect();
    assert_eq!(texts, ["one", "/who", "{\"x\":1}", "last"], "also the last one's own message");
    assert_eq!(objects(&output, "joined")[0]["members"], serde_json::json!(["Ann", "Bob"]));
}

#[test]
fn a_line_that_is_an_object_with_a_type_is_a_command_and_its_response_has_its_id() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    let seq = bob.publish("r", "a question").unwrap().seq;
    let input = [
        json!({"type": "message", "message": "an answer", "reply_to": seq, "id": "a"}),
        json!({"type": "edit", "seq": seq + 1, "message": "the answer", "id": 2}),
        json!({"type": "members", "id": 3}),
        json!({"type": "history", "limit": 1, "id": 4}),
        json!({"type": "time", "id": 5}),
        json!({"type": "read", "seq": seq}),
        json!({"type": "delete", "seq": 99, "id": 6}),
        json!({"type": "no such command", "id": 7}),
        json!({"type": "auth", "token": "x"}),
        json!({"a": "message, since it has no type"}),
    ];
    let input: Vec<u8> = input.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
    let output = run(&server.url(), &["--user", "Ann", "--json"], &input);
    assert_eq!(output.status.code(), Some(1), "some were refused: {output:?}");
    let one = |kind: &str| objects(&output, kind).into_iter().find(|value| value.get("id").is_some()).unwrap();
    assert_eq!((&one("sent")["id"], &one("sent")["seq"]), (&json!("a"), &json!(seq + 1)));
    assert_eq!(one("ok")["id"], 2);
    assert_eq!((&one("members")["id"], &one("members")["count"]), (&json!(3), &json!(2)));
    assert_eq!((&one("history")["id"], &one("history")["messages"][0]["room"]), (&json!(4), &json!("r")));
    assert_eq!(one("time")["id"], 5);
    let errors: Vec<_> = objects(&output, "error").iter().map(|e| (e["id"].clone(), e["code"].clone())).collect();
    for error in
        [(json!(6), json!("not_found")), (json!(7), json!("unknown_type")), (Value::Null, json!("bad_request"))]
    {
        assert!(errors.contains(&error), "{errors:?}");
    }
    let read = wait_for(&mut bob, |event| match event {
        Event::Other(value) if value["type"] == "receipt" && value["status"] == "read" => value["seq"].as_u64(),
        _ => None,
    });
    assert_eq!(read, seq);
}

#[test]
fn many_lines_through_a_line_that_breaks_are_all_there_once_and_in_order() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    let cuts =
        (0..3).map(|i| if i % 2 == 0 { crate::harness::Cut::Up(9_000) } else { crate::harness::Cut::Down(9_000) });
    let proxy = Proxy::to(server.address(), cuts);
    let input: String = (0..600).map(|i| format!("line {i}\n")).collect();
    let url = proxy.url();
    let script = std::thread::spawn(move || run(&url, &["--user", "Ann", "--json"], input.as_bytes()));
    for i in 0..600 {
        assert_eq!(next_message(&mut bob).text, Some(format!("line {i}")));
    }
    let output = script.join().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(objects(&output, "sent").len(), 600);
    assert_eq!(objects(&output, "offline").len(), 3);
}

#[test]
fn bytes_are_base64_in_json_and_their_size_for_people() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    let mut ann = Script::start(&server.url(), &["--user", "Ann", "--json"]);
    ann.hears("joined");
    bob.publish_data("r", &[0, 1, 0xff]).unwrap();
    assert_eq!(next_message(&mut bob).data, Some(vec![0, 1, 0xff]));
    let message = ann.hears("message");
    assert_eq!((&message["data"], message.get("message")), (&"AAH/".into(), None));
    for (command, data) in [
        (r#"{"type":"message","data":"CQ=="}"#, Some(vec![9])),
        (r#"{"type":"message","data":"CAk=","reply_to":1}"#, Some(vec![8, 9])),
    ] {
        ann.says(command);
        assert_eq!(next_message(&mut bob).data, data);
    }
    ann.says(r#"{"type":"message","data":"CQ"}"#);
    assert_eq!(ann.hears("error")["code"], "bad_request");
    ann.says("behind it");
    assert_eq!(next_message(&mut bob).text.as_deref(), Some("behind it"));
    drop(ann);
    let plain = run(&server.url(), &["--user", "Cem"], b"/history\n");
    let shown = String::from_utf8(plain.stdout).unwrap();
    assert!(shown.contains("Bob: (binary, 3 bytes)\n"), "{shown}");
}

#[test]
fn a_room_goes_to_standard_output_as_it_happens() {
    let server = TestServer::start();
    let mut ann = Script::start(&server.url(), &["--user", "Ann", "--json"]);
    ann.hears("joined");
    let mut bob = in_room(&server.url(), "Bob", "r");
    assert_eq!(ann.hears("join")["user"], "Bob");
    bob.publish("r", "hi \u{9b}\u{202e}").unwrap();
    let message = ann.hears("message");
    assert_eq!((&message["user"], &message["message"]), (&"Bob".into(), &"hi \u{9b}\u{202e}".into()));
    ann.says("answer");
    assert_eq!(ann.hears("sent")["duplicate"], false);
    bob.private("Ann", "psst").unwrap();
    assert_eq!(ann.hears("private")["from"], "Bob");
    drop(bob);
    assert_eq!(ann.hears("leave")["user"], "Bob");
    assert_eq!(ann.code(), Some(0));
}

#[test]
fn without_json_lines_are_typed_and_the_room_is_for_people() {
    let server = TestServer::start();
    let output = run(&server.url(), &["--user", "Ann"], b"hi\n/who\n//slash\n/quit\nnever said\n");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["* In r: Ann", "* You are in r with: Ann", "Ann: /slash", "Ann: hi"]);
}

#[test]
fn what_is_typed_behind_a_join_is_said_in_that_room() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    bob.join("other").unwrap();
    let output = run(&server.url(), &["--user", "Ann"], b"one\n/join other\ntwo\n/join r\nthree\n");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for (room, text) in [("r", "one"), ("other", "two"), ("r", "three")] {
        let message = next_message(&mut bob);
        assert_eq!((&*message.room, message.text.as_deref()), (room, Some(text)));
    }
    let output = run(&server.url(), &["--user", "Ann"], b"/join r\n");
    assert_eq!(output.status.code(), Some(1), "it is there already");
}

#[test]
fn it_stays_when_it_is_told_to_until_it_is_told_to_leave() {
    let server = TestServer::start();
    let mut ann = Script::start(&server.url(), &["--user", "Ann", "--json", "--stay"]);
    ann.input = None;
    ann.hears("joined");
    let mut bob = in_room(&server.url(), "Bob", "r");
    bob.publish("r", "still there?").unwrap();
    assert_eq!(ann.hears("message")["message"], "still there?");
    kill_process(Pid::from_child(&ann.child), Signal::TERM).unwrap();
    assert_eq!(ann.code(), Some(0));
}

#[test]
fn a_signal_ends_it_while_its_input_is_open() {
    let server = TestServer::start();
    for signal in [Signal::INT, Signal::TERM] {
        let mut ann = Script::start(&server.url(), &["--json"]);
        ann.hears("joined");
        kill_process(Pid::from_child(&ann.child), signal).unwrap();
        assert_eq!(ann.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn what_cannot_be_sent_is_told_by_the_exit_code() {
    let server = TestServer::start();
    for (input, code) in [(&b"bad \xff\n"[..], "bad_request"), (&[b'x'; 70_000][..], "too_large")] {
        let output = run(&server.url(), &["--json"], input);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(objects(&output, "error")[0]["code"], code);
    }
}

#[test]
fn a_connection_that_cannot_be_made_or_is_given_up_is_told_by_the_exit_code() {
    let server = TestServer::start();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = run(&format!("ws://{nobody}"), &[], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("roomd: cannot connect to 127.0.0.1:"));

    let proxy = Proxy::to(server.address(), []);
    let mut ann = Script::start(&proxy.url(), &["--json", "--retry-for", "10ms"]);
    ann.hears("joined");
    proxy.turn_to(None);
    assert_eq!(ann.child.wait().unwrap().code(), Some(1));

    let full = TestServer::with(|settings| settings.limits.room_members_max = 1);
    let _bob = in_room(&full.url(), "Bob", "r");
    let output = run(&full.url(), &["--json"], b"hi\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("roomd: cannot join r: "));
}

#[test]
fn bad_arguments_are_told_by_the_exit_code() {
    for arguments in [&["chat"][..], &["chat", "nowhere", "--room", "r"], &["chat", "ws://a:1", "--room", "a b"]] {
        let output = roomd().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stderr.starts_with(b"roomd: "), "{output:?}");
    }
    let help = roomd().args(["chat", "--help"]).output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8(help.stdout).unwrap().contains("Exit codes: 0 a clean end; 1 "));
}
