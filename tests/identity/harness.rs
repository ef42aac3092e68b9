//! A server as a process, with its directory, and plain HTTP to it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long anything that must happen may take.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A directory that goes with the test.
pub struct Place(pub PathBuf);

impl Place {
    pub fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("identity-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// `roomd` in the directory, with nothing of the tester's own.
    pub fn roomd(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomd"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROOMD_")) {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(&self.0).env("XDG_STATE_HOME", self.0.join("state"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.roomd(arguments).output().unwrap()
    }

    /// Mints a token on the history in the directory.
    pub fn token(&self, arguments: &[&str]) -> String {
        let output = self.run(&[&["token"][..], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Starts a server there.
    pub fn serve(&self, arguments: &[&str]) -> Server {
        let mut all = vec!["serve", "--lines=127.0.0.1:0"];
        if !arguments.iter().any(|argument| argument.starts_with("--listen")) {
            all.push("--listen=127.0.0.1:0");
        }
        all.extend(arguments);
        let mut command = self.roomd(&all);
        let mut child = command.env("RUST_LOG", "trace").spawn().unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        // Whatever is logged is read at once, so that nothing waits for it.
        let mut log = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            log.read_to_string(&mut text).unwrap();
            text
        });
        Server { child, line: line.trim().to_owned(), log: Some(log) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // What is left lies below target.
            _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// A server that runs.
pub struct Server {
    child: Child,
    /// What it said when it was ready.
    pub line: String,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Server {
    fn between(&self, before: &str) -> String {
        let rest = self.line.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {:?}", self.line)).1;
        rest.split([',', ' ']).next().unwrap().to_owned()
    }

    /// Where HTTP is.
    pub fn address(&self) -> String {
        self.between("http://")
    }

    /// A connection to HTTP.
    pub fn http(&self) -> TcpStream {
        connected(&self.address())
    }

    /// A connection to lines.
    pub fn lines(&self) -> TcpStream {
        connected(&self.between("lines on "))
    }

    /// One request, and its status and body.
    pub fn ask(&self, method: &str, target: &str, fields: &str, body: &str) -> (u16, Value) {
        let mut stream = self.http();
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: roomd.test\r\nConnection: close\r\n{fields}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// Whom a token names here; else the status.
    pub fn me(&self, token: &str) -> Result<Value, u16> {
        match self.ask("GET", "/api/v1/me", &bearer(token), "") {
            (200, who) => Ok(who),
            (status, _) => Err(status),
        }
    }

    /// Has it read its settings again.
    pub fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }

    /// Ends it; all that it has logged.
    pub fn stop(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        self.log.take().unwrap().join().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.log.is_some() {
            // A test that failed leaves no process.
            _ = self.child.kill();
            _ = self.child.wait();
        }
    }
}

pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn connected(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}
