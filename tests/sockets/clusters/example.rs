//! `examples/cluster/run`: two servers on one database behind nginx, of which one is killed.

use std::io::{BufRead, BufReader, Lines};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{ok, say, shown};
use crate::harness::{Http, WebSocketClient, connected, until};

struct Example {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
    /// The processes of the servers one and two.
    servers: [i32; 2],
    folder: PathBuf,
}

impl Example {
    /// `None`, and said so: what it needs is not here.
    fn start() -> Option<Self> {
        if std::env::var_os("ROOMD_TEST_POSTGRES").is_none() || !Path::new("/usr/sbin/nginx").exists() {
            println!("skipped: there is no PostgreSQL, or no nginx; tests/run cluster installs them");
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cluster/run");
        let mut command = Command::new(script);
        let mut process = command.env("ROOMD", env!("CARGO_BIN_EXE_roomd")).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut said = String::new();
        while !said.contains("Ctrl-C stops everything") {
            said += &lines.next().expect("it starts").unwrap();
        }
        let after = |what: &str| said.split_once(what).unwrap().1;
        let number =
            |what: &str| after(what).split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<i32>().unwrap();
        let port = number("http://127.0.0.1:").try_into().unwrap();
        let servers = ["server one (process ", "server two (process "].map(number);
        let folder = after("psql -h ").split(' ').next().unwrap().into();
        Some(Self { process, lines, port, servers, folder })
    }

    fn http(&self) -> Http {
        Http::over(connected(TcpStream::connect(("127.0.0.1", self.port)).unwrap()))
    }

    /// A connection, and which server it is served by.
    fn open(&self, path: &str) -> (WebSocketClient, usize) {
        let (answer, http) = self.http().upgrade(path, "");
        assert_eq!(answer.status, 101, "{answer:?}");
        let server = usize::from(answer.field("x-served-by").unwrap().ends_with("two.sock"));
        (WebSocketClient::after(http), server)
    }

    fn psql(&self, sql: &str) -> String {
        let done =
            Command::new("psql").arg("-h").arg(&self.folder).args(["-U", "roomd", "-XqAtc", sql, "roomd"]).output();
        String::from_utf8(done.unwrap().stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // Where the test has failed it runs still.
        _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        _ = self.process.wait();
    }
}

#[test]
fn who_is_connected_to_a_server_that_is_killed_goes_on_through_the_other_one() {
    let Some(mut example) = Example::start() else { return };
    let mut http = example.http();
    http.request("GET /", "", "");
    let page = http.answer();
    assert!(page.status == 200 && page.body.contains("<title>roomd"), "{page:?}");

    let (mut ann, server) = example.open("/ws?format=json&user=Ann");
    let token = ann.event_of("welcome")["resume"].clone();
    ok(&mut ann, json!({"type": "join", "room": "den"}));
    let mut bob = loop {
        let (client, other) = example.open("/ws?format=json&room=den&user=Bob");
        if other != server {
            break client;
        }
    };
    bob.event_of("welcome");
    assert_eq!(say(&mut ann, "hello"), 1);
    assert_eq!(shown(&mut bob), (1, "hello".to_owned()));
    let known = "SELECT count(*) FROM sessions WHERE state LIKE '%den%'";
    until("the sessions are known", || example.psql(known) == "2");

    kill_process(Pid::from_raw(example.servers[server]).unwrap(), Signal::KILL).unwrap();
    assert_eq!(ann.ending().code, None);
    assert_eq!(say(&mut bob, "meanwhile"), 2);
    let (mut ann, now) = example.open("/ws?format=json");
    assert_ne!(now, server);
    ann.event_of("welcome");
    let resumed = ann.ask(json!({"type": "resume", "resume": token, "rooms": {}}));
    assert_eq!(resumed["user"], "Ann", "{resumed}");
    assert_eq!([shown(&mut ann), shown(&mut ann)], [(1, "hello".to_owned()), (2, "meanwhile".to_owned())]);
    assert_eq!(say(&mut ann, "back"), 3);
    loop {
        let event = bob.event();
        assert_ne!(event["type"], "leave", "{event}");
        if event["message"] == "back" {
            break;
        }
    }

    let name = ["one", "two"][server];
    let said: Vec<_> = (0..2).map(|_| example.lines.next().unwrap().unwrap()).collect();
    assert_eq!(said[0], format!("Server {name} has ended."));
    assert!(said[1].starts_with(&format!("Server {name} runs again (process ")), "{said:?}");
    // Ctrl-C does the same; but in a shell's background it is ignored, by the tests and all that they start.
    kill_process(Pid::from_child(&example.process), Signal::TERM).unwrap();
    assert!(example.process.wait().unwrap().success());
    assert!(!example.folder.exists(), "nothing is left behind");
}
