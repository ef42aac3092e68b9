//! `roomd serve` and its signals, as a process: what ends it, what does not, and what stays ignored.
//!
//! Each test starts the binary without a data file and without a certificate, on free ports. Waits are
//! for a line of output or for the end of the process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How long anything that must happen may take.
const DEADLINE: Duration = Duration::from_secs(20);

struct Serve {
    child: Child,
    errors: BufReader<ChildStderr>,
    address: String,
}

impl Serve {
    /// Starts the server from a shell that first does `trap`.
    fn start(trap: &str) -> Self {
        Self::start_with(trap, &["--data=off"])
    }

    /// The same, with further arguments.
    fn start_with(trap: &str, arguments: &[&str]) -> Self {
        // A signal that is ignored here, as under nohup, has its default there.
        let mut command = Command::new("env");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROOMD_")) {
            command.env_remove(name);
        }
        command.args([
            "--default-signal=HUP,INT",
            "sh",
            "-c",
            &format!("{trap}\nexec \"$0\" \"$@\""),
            env!("CARGO_BIN_EXE_roomd"),
        ]);
        command.args(["serve", "--listen=127.0.0.1:0", "--lines=off"]).args(arguments);
        command.env("RUST_LOG", "info").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().rsplit_once("http://").unwrap_or_else(|| panic!("{line:?}")).1.to_owned();
        let errors = BufReader::new(child.stderr.take().unwrap());
        Self { child, errors, address }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether the process ignores the signal, as the kernel has it.
    fn ignores(&self, signal: Signal) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
        u64::from_str_radix(set.trim(), 16).unwrap() & (1 << (signal.as_raw() - 1)) != 0
    }

    /// The server answers a request.
    fn answers(&self) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let address = &self.address;
        write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
    }

    /// A client opens a WebSocket and goes away.
    fn has_a_session(&self) {
        drop(self.session());
    }

    /// A client opens a WebSocket.
    fn session(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13";
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        write!(stream, "GET /ws HTTP/1.1\r\nHost: {}\r\n{upgrade}\r\n{key}\r\n\r\n", self.address).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 101");
        stream
    }

    /// Reads the log up to a line with `what`, and returns the line.
    fn log_says(&mut self, what: &str) -> String {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert!(self.errors.read_line(&mut line).unwrap() > 0, "the log ends before {what:?}");
        }
        line
    }

    /// Ends the server with `signal`, and looks at how it ended.
    fn ends_with(mut self, signal: Signal) {
        self.signal(signal);
        self.log_says("stopped");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        _ = self.child.kill();
    }
}

#[test]
fn a_hang_up_without_a_change_is_logged_and_ends_nothing() {
    let mut serve = Serve::start(":");
    for _ in 0..2 {
        serve.signal(Signal::HUP);
        serve.log_says("settings loaded anew");
        serve.answers();
    }
    serve.ends_with(Signal::TERM);
}

#[test]
fn a_hang_up_reads_the_file_again_and_the_log_names_what_changed_and_what_could_not() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("reloaded-{}.toml", std::process::id()));
    fs::write(&path, "name = \"Before\"").unwrap();
    let mut serve = Serve::start_with(":", &["--data=off", &format!("--config={}", path.display())]);
    let mut hang_up = |file: &str, lines: &[&str]| {
        fs::write(&path, file).unwrap();
        serve.signal(Signal::HUP);
        lines.iter().map(|line| serve.log_says(line)).collect::<Vec<_>>()
    };
    let told = hang_up("name = \"After\"\nrate_burst = 7", &["settings loaded anew"]);
    assert!(told[0].contains("changed=name rate-burst"), "{told:?}");
    // A mistake is told with its line, and nothing of the file counts.
    let told = hang_up("name = \"Later\"\n\nhistory = -1", &["the settings stay as they were: "]);
    let sentence = format!("history in {}, line 3, must be a whole number", path.display());
    assert!(told[0].contains(&sentence), "{told:?}");
    hang_up("name = \"Later\"\ntls_key = \"key.pem\"", &["the settings stay as they were: "]);
    let lines = ["settings loaded anew", "only when the server is started again"];
    let told =
        hang_up("name = \"After\"\nrate_burst = 7\nlinger = 0\nunix_mode = \"0600\"\nwriters = \"eager\"", &lines);
    assert!(told[0].contains("changed=linger") && told[1].contains("settings=unix-mode writers"), "{told:?}");
    // Back to what was, and again: nothing is left of what could not be changed.
    let told = hang_up("name = \"After\"\nrate_burst = 7\nlinger = 0", &["settings loaded anew"]);
    assert!(told[0].contains("changed=none"), "{told:?}");
    serve.answers();
    serve.ends_with(Signal::TERM);
    fs::remove_file(path).unwrap();
}

#[cfg(feature = "sqlite")]
#[test]
fn reload_and_drain_find_the_server_by_its_data_file() {
    let data = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("operated-{}.db", std::process::id()));
    let data_flag = format!("--data={}", data.display());
    let command = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomd"));
        command.args([name, &data_flag]).env_remove("ROOMD_CONFIG").stdin(Stdio::null());
        command
    };
    let said = |name: &str| {
        let output = command(name).output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (output.status.code(), text)
    };
    let none = (Some(1), "roomd: no server has the data file open\n".to_owned());
    assert_eq!((said("reload"), said("drain")), (none.clone(), none.clone()));
    let mut serve = Serve::start_with(":", &[&data_flag, "--drain=500ms"]);
    let (code, text) = said("reload");
    assert!(code == Some(0) && text.contains(&format!("process {}", serve.child.id())), "{code:?} {text}");
    serve.log_says("settings loaded anew");
    let mut client = serve.session();
    let (code, text) = said("drain");
    assert!(code == Some(0) && text.ends_with("the server has ended\n"), "{code:?} {text}");
    for line in ["draining connections=1", "goodbyes ended=1 of=1", "drained", "stopped"] {
        serve.log_says(line);
    }
    assert_eq!(serve.child.wait().unwrap().code(), Some(0));
    let mut told = Vec::new();
    client.read_to_end(&mut told).unwrap();
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("\"type\":\"draining\"") && told.contains("\"reason\":\"closing\""), "{told}");
    assert_eq!(said("drain"), none);
    // A stale id, and a process that has not the file open, are no server.
    let lock = data.with_extension("db.lock");
    let held = fs::OpenOptions::new().read(true).write(true).open(&lock).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
    fs::write(&lock, format!("{}\n", other.id())).unwrap();
    let (code, text) = said("drain");
    assert!(code == Some(1) && text.contains("is not the server"), "{code:?} {text}");
    assert!(other.try_wait().unwrap().is_none(), "it was not signalled");
    other.kill().unwrap();
    other.wait().unwrap();
    for suffix in ["db", "db.lock"] {
        fs::remove_file(data.with_extension(suffix)).unwrap();
    }
}

#[cfg(feature = "jwt")]
#[test]
fn a_login_that_fails_is_logged_in_the_form_that_is_promised() {
    let mut serve = Serve::start_with(":", &["--data=off", "--address-exempt=192.0.2.1"]);
    let mut stream = TcpStream::connect(&serve.address).unwrap();
    write!(stream, "GET /api/v1/me HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer wrong\r\n\r\n", serve.address)
        .unwrap();
    let line = serve.log_says("login failed");
    let filter =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/fail2ban/filter.d/roomd.conf")).unwrap();
    // The example of the filter, whose regular expression tests/packaging/run has fail2ban try.
    let example = filter.lines().find_map(|line| line.strip_prefix("#   [")).unwrap();
    let form = |line: &str| {
        let (time, words) = line.trim_end().split_once("Z ").unwrap();
        let (words, address) = words.rsplit_once('=').unwrap();
        (time.len(), words.to_owned(), address.to_owned())
    };
    let ((time, words, address), (example_time, example_words, _)) = (form(&line[1..]), form(example));
    assert_eq!((time, words, &*address), (example_time, example_words, "127.0.0.1"), "{line}");
    drop(stream);
    serve.ends_with(Signal::TERM);
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let serve = Serve::start("trap '' HUP INT");
    assert!(serve.ignores(Signal::HUP) && serve.ignores(Signal::INT) && !serve.ignores(Signal::TERM));
    for signal in [Signal::HUP, Signal::INT, Signal::INT] {
        serve.signal(signal);
        serve.answers();
    }
    serve.ends_with(Signal::TERM);
}

#[test]
fn a_log_that_nobody_reads_holds_up_neither_clients_nor_the_end() {
    let mut serve = Serve::start(":");
    // More log than a pipe holds: each session is a line.
    for _ in 0..2_000 {
        serve.has_a_session();
    }
    serve.signal(Signal::TERM);
    let mut child = std::mem::replace(&mut serve.child, Command::new("true").spawn().unwrap());
    let (ended, status) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || ended.send(child.wait().unwrap().code()).unwrap());
    assert_eq!(status.recv_timeout(DEADLINE).expect("the server ends"), Some(0));
    waiting.join().unwrap();
}
