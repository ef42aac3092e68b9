//! Server processes, each with an address that it keeps when it is started again.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::postgres::{DEADLINE, free_port, until};

/// Lines of a server's log that are shown when a test fails.
const LOG_LINES: usize = 60;

/// What a server is given to work on.
pub struct Engines {
    /// For `--data`.
    pub database: String,
    /// For `--bus`.
    pub bus: Option<String>,
}

impl Engines {
    /// A database, over which servers also send their notes.
    pub fn database(url: String) -> Self {
        Self { database: url, bus: None }
    }
}

/// See the module.
pub struct Server {
    /// Where its HTTP port is.
    pub address: String,
    engines: Engines,
    log: PathBuf,
    process: Option<Child>,
}

impl Server {
    /// Starts the server of this number; its log is in `folder`.
    pub fn start_new(number: usize, engines: Engines, folder: &Path) -> Self {
        let log = folder.join(format!("server-{number}"));
        let address = format!("127.0.0.1:{}", free_port());
        let mut server = Self { address, engines, log, process: None };
        server.start();
        server
    }

    /// Starts it, again if it was killed. It does not start while the database is away, so it is tried until it does.
    pub fn start(&mut self) {
        until("the server starts", || if self.try_start() { Ok(()) } else { Err(self.log()) });
    }

    fn try_start(&mut self) -> bool {
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_roomd"))
            .args([&format!("--listen={}", self.address), "--lines=off", "--rate-per-s=0"])
            .args(["--data", &self.engines.database])
            .args(self.engines.bus.iter().flat_map(|url| ["--bus", url]))
            .env("RUST_LOG", "info")
            .env_remove("ROOMD_TEST_POSTGRES")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let is_there = line.contains("http://");
        self.process = Some(child);
        if !is_there {
            self.kill();
        }
        is_there
    }

    /// SIGKILL: nothing of it runs any more afterwards.
    pub fn kill(&mut self) {
        kill(&mut self.process);
    }

    /// Whether it runs, as far as the kernel knows.
    pub fn runs(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.try_wait().unwrap().is_none())
    }

    /// Stops it where it is, or lets it go on.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.process.as_ref().unwrap()), signal).unwrap();
    }

    /// What it answers to a request over HTTP; `None`: nothing that is JSON.
    pub fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        let mut text = String::new();
        _ = File::open(&self.log).and_then(|mut file| file.read_to_string(&mut text));
        let lines: Vec<_> = text.lines().collect();
        format!("{}:\n{}\n", self.log.display(), lines[lines.len().saturating_sub(LOG_LINES)..].join("\n"))
    }

    /// Whether its log has this.
    pub fn says(&self, words: &str) -> bool {
        fs::read_to_string(&self.log).unwrap().contains(words)
    }

    /// It runs, and has caught no panic.
    pub fn assert_healthy(&mut self) {
        assert!(self.runs() && !self.says("panicked"), "{}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            println!("{}", self.log());
        }
    }
}

/// Kills a process that may have ended by itself.
pub fn kill(process: &mut Option<Child>) {
    if let Some(mut process) = process.take() {
        _ = process.kill();
        process.wait().unwrap();
    }
}
