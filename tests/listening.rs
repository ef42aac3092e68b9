//! Where `roomd serve` listens, as a process: a unix socket, a socket that was passed, an address that is taken; and
//! what it says of its addresses and of its certificate.
//!
//! Each test starts the binary without a data file, on free ports and in a folder of its own. Waits are for a line of
//! output or for the end of the process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How long anything that must happen may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// A folder that is removed with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("roomd-listening-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("roomd.sock")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

struct Serve {
    child: Child,
    output: BufReader<ChildStdout>,
    errors: BufReader<ChildStderr>,
    line: String,
}

impl Serve {
    /// Starts the server on what the arguments say.
    fn start(arguments: &[&str]) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_roomd")), arguments)
    }

    /// Starts it as a service manager does, with this socket as its only one.
    fn start_on(socket: OwnedFd, environment: &str, arguments: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        let script = format!("exec 3<&0 0</dev/null\nLISTEN_FDS=1 LISTEN_PID=$$ {environment} exec \"$0\" \"$@\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_roomd")]).stdin(Stdio::from(socket));
        Self::spawn(shell, arguments)
    }

    fn spawn(mut command: Command, arguments: &[&str]) -> Self {
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROOMD_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--data=off"]).args(arguments).env("RUST_LOG", "info");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        Self { child, output, errors, line: line.trim_end().to_owned() }
    }

    /// Reads the log up to a line with `what`.
    fn log_says(&mut self, what: &str) -> String {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert!(self.errors.read_line(&mut line).unwrap() > 0, "the log ends before {what:?}");
        }
        line
    }

    /// Ends the server; what it said on standard output behind its first line.
    fn end(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        let mut said = String::new();
        self.output.read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        _ = self.child.kill();
    }
}

/// The error of a server that does not start.
fn refused(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_roomd")).args(["serve", "--data=off"]).args(arguments).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

/// The answer to a request.
fn answers(mut stream: impl Read + Write) -> String {
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn tcp(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn unix(path: &std::path::Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

#[test]
fn http_and_lines_are_served_on_unix_sockets_with_the_permissions_that_were_asked_for() {
    let folder = Folder::new();
    let (http, lines) = (folder.socket(), folder.0.join("lines.sock"));
    let flags = [format!("--listen=unix:{}", http.display()), format!("--lines=unix:{}", lines.display())];
    let serve = Serve::start(&[&flags[0], &flags[1], "--unix-mode=0600"]);
    assert!(serve.line.ends_with(&format!("listening on unix:{}, lines on unix:{}", http.display(), lines.display())));
    assert_eq!(fs::metadata(&http).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(answers(unix(&http)).starts_with("HTTP/1.1 200 "));
    let mut line = String::new();
    BufReader::new(unix(&lines)).read_line(&mut line).unwrap();
    assert!(!line.is_empty());
    // A WebSocket, whose first frame is the welcome.
    let mut socket = unix(&http);
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13";
    write!(socket, "GET /ws HTTP/1.1\r\nHost: a\r\n{upgrade}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        .unwrap();
    let mut received = Vec::new();
    while !String::from_utf8_lossy(&received).contains("\"welcome\"") {
        let mut bytes = [0; 1024];
        let count = socket.read(&mut bytes).unwrap();
        assert!(count > 0, "the connection ends");
        received.extend(&bytes[..count]);
    }
    drop(socket);
    serve.end();
    assert!(!http.exists() && !lines.exists(), "the files go with the server");
}

#[test]
fn the_socket_of_a_killed_server_is_replaced_and_that_of_a_running_one_is_not() {
    let folder = Folder::new();
    let flag = format!("--listen=unix:{}", folder.socket().display());
    let mut killed = Serve::start(&[&flag, "--lines=off"]);
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();
    assert!(folder.socket().exists());
    let serve = Serve::start(&[&flag, "--lines=off"]);
    assert!(answers(unix(&folder.socket())).starts_with("HTTP/1.1 200 "));
    let sentence = refused(&[&flag, "--lines=off"]);
    assert!(sentence.contains("another program listens there") && sentence.contains("--listen"), "{sentence}");
    assert!(answers(unix(&folder.socket())).starts_with("HTTP/1.1 200 "));
    serve.end();
    fs::write(folder.socket(), "precious").unwrap();
    assert!(refused(&[&flag, "--lines=off"]).contains("no socket"));
    assert_eq!(fs::read_to_string(folder.socket()).unwrap(), "precious");
}

#[test]
fn a_socket_that_was_passed_is_served_and_stays_open_for_the_next_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for _ in 0..2 {
        let serve = Serve::start_on(listener.try_clone().unwrap().into(), "", &["--lines=off"]);
        assert!(serve.line.ends_with(&format!("listening on http://{address}")), "{}", serve.line);
        assert!(answers(tcp(&address)).starts_with("HTTP/1.1 200 "));
        serve.end();
        // The connection waits for the next server.
        drop(tcp(&address));
    }
}

#[test]
fn a_passed_socket_is_for_the_listener_that_its_name_says() {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.socket()).unwrap();
    let serve = Serve::start_on(listener.into(), "LISTEN_FDNAMES=lines", &["--listen=127.0.0.1:0"]);
    assert!(serve.line.ends_with(&format!("lines on unix:{}", folder.socket().display())), "{}", serve.line);
    let mut line = String::new();
    BufReader::new(unix(&folder.socket())).read_line(&mut line).unwrap();
    assert!(!line.is_empty());
    serve.end();
    assert!(folder.socket().exists(), "the file of a passed socket is its manager's");
}

#[test]
fn what_was_passed_and_does_not_listen_is_refused_with_a_sentence() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut serve = Serve::start_on(connected.into(), "", &["--lines=off"]);
    assert!(serve.log_says("LISTEN_FDS").contains("does not listen"));
    assert_eq!(serve.child.wait().unwrap().code(), Some(2));
}

#[test]
fn the_error_of_an_address_in_use_names_the_flag_that_changes_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for flag in ["--listen", "--lines", "--metrics"] {
        let others = ["--listen=127.0.0.1:0", "--lines=off"].into_iter().filter(|other| !other.starts_with(flag));
        let asked = format!("{flag}={address}");
        let arguments: Vec<_> = others.chain([asked.as_str()]).collect();
        let sentence = refused(&arguments);
        assert!(sentence.contains(&format!("cannot listen on {address}: ")), "{sentence}");
        assert!(sentence.contains(&format!("choose another address with {flag}")), "{sentence}");
    }
}

#[test]
fn the_addresses_that_others_can_open_are_told() {
    let serve = Serve::start(&["--listen=0.0.0.0:0", "--lines=off", "--guests=on", "--base-path=/chat"]);
    let port = serve.line.split("http://0.0.0.0:").nth(1).unwrap().split(',').next().unwrap().to_owned();
    let said = serve.end();
    for line in said.lines() {
        let url = line.strip_prefix("Others can open http://").unwrap_or_else(|| panic!("{said}"));
        assert!(
            url.ends_with(&format!(":{port}/chat/")) && !url.starts_with("0.") && !url.starts_with("127."),
            "{url}"
        );
    }
    assert_eq!(Serve::start(&["--listen=127.0.0.1:0", "--lines=off"]).end(), "");
}

#[test]
fn a_page_of_another_origin_that_is_refused_is_in_the_log_once_a_connection() {
    let mut serve = Serve::start(&["--listen=127.0.0.1:0", "--lines=off"]);
    let address = serve.line.split("http://").nth(1).unwrap().to_owned();
    let mut stream = tcp(&address);
    let fields = "Host: chat.test\r\nOrigin: https://evil.test\r\n";
    for last in ["", "", "Connection: close\r\n"] {
        write!(stream, "GET /api/v1/rooms HTTP/1.1\r\n{fields}{last}\r\n").unwrap();
    }
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 403 ").count(), 3, "{answers}");
    let line = serve.log_says("another origin");
    assert!(line.contains("INFO") && line.contains("--origin"), "{line}");
    assert!(line.contains("https://evil.test") && line.contains("chat.test"), "{line}");
    kill_process(Pid::from_child(&serve.child), Signal::TERM).unwrap();
    let mut rest = String::new();
    serve.errors.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("another origin"), "{rest}");
    assert_eq!(serve.child.wait().unwrap().code(), Some(0));
}

/// What `roomd admin` prints through this socket, or the error.
#[cfg(feature = "chat")]
fn admin(socket: &std::path::Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomd"));
    let done = command.args(["admin", "--socket"]).arg(socket).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if done.status.success() { Ok(text(done.stdout)) } else { Err(text(done.stderr)) }
}

/// The answer at a socket to a request without a token.
fn asked(socket: &std::path::Path, request: &str, body: &str) -> String {
    let mut stream = unix(socket);
    let length = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    write!(stream, "{request} HTTP/1.1\r\nHost: a\r\n{length}\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn whoever_may_write_to_the_admin_socket_is_an_admin_and_nobody_in_a_room() {
    let folder = Folder::new();
    let (http, socket) = (folder.socket(), folder.0.join("admin.sock"));
    let flags = [format!("--listen=unix:{}", http.display()), format!("--admin-socket={}", socket.display())];
    let serve = Serve::start(&[&flags[0], &flags[1], "--lines=off", "--unix-mode=0666"]);
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660, "whatever --unix-mode says");
    let ok = |answer: &str| answer.starts_with("HTTP/1.1 2");
    assert!(ok(&asked(&socket, "POST /api/v1/admin/bans", r#"{"user":"mallory"}"#)));
    let audit = asked(&socket, "GET /api/v1/admin/audit", "");
    assert!(audit.contains(r#""by":"local:"#) && audit.contains(r#""what":"banned""#), "{audit}");
    assert!(asked(&socket, "GET /metrics", "").contains("\nroomd_connections"));
    assert!(ok(&asked(&socket, "GET /readyz", "")));
    // Elsewhere nobody is an admin without a token.
    assert!(asked(&http, "GET /api/v1/admin/audit", "").starts_with("HTTP/1.1 401 "));
    // An admin of the machine is no user.
    for request in ["POST /api/v1/rooms/den/messages", "GET /ws", "GET /", "GET /api/v1/rooms/den/events"] {
        assert!(asked(&socket, request, "").starts_with("HTTP/1.1 404 "), "{request}");
    }
    assert!(asked(&socket, "POST /api/v1/admin/rooms", r#"{"room":"den"}"#).starts_with("HTTP/1.1 400 "));
    // One who says nothing is given up, and others are served.
    let _silent = unix(&socket);
    assert!(ok(&asked(&socket, "GET /api/v1/admin/connections", "")));
    serve.end();
    assert!(!socket.exists());
}

#[cfg(feature = "chat")]
#[test]
fn roomd_admin_does_through_the_socket_what_it_does_with_a_token() {
    let folder = Folder::new();
    let (http, socket) = (folder.socket(), folder.0.join("admin.sock"));
    let flags = [format!("--listen=unix:{}", http.display()), format!("--admin-socket={}", socket.display())];
    let serve = Serve::start(&[&flags[0], &flags[1], "--lines=off"]);
    assert_eq!(admin(&socket, &["connections"]).unwrap(), "");
    let ban = admin(&socket, &["ban", "--user", "mallory", "--note", "spam"]).unwrap();
    assert!(ban.contains("mallory") && ban.contains("local:"), "{ban}");
    assert!(admin(&socket, &["audit"]).unwrap().contains("banned"));
    admin(&socket, &["announce", "Tea at noon"]).unwrap();
    assert!(admin(&socket, &["hooks", "den"]).unwrap_err().contains("no room den"));
    assert!(admin(&socket, &["webhooks"]).unwrap_err().contains("history"));
    assert!(admin(&socket, &["create", "den"]).unwrap_err().contains("owner"));
    let top = Command::new(env!("CARGO_BIN_EXE_roomd"))
        .args(["top", "--once", "--every=100ms", "--socket"])
        .arg(&socket)
        .output();
    let top = String::from_utf8(top.unwrap().stdout).unwrap();
    assert!(top.contains("\ndeliveries "), "{top}");
    serve.end();
    let gone = admin(&socket, &["connections"]).unwrap_err();
    assert!(gone.starts_with("roomd: ") && gone.contains("admin.sock"), "{gone}");
}

#[test]
fn a_log_in_json_has_each_request_without_its_token() {
    let mut serve = Serve::start(&["--listen=127.0.0.1:0", "--lines=off", "--log=json", "--log-requests"]);
    let address = serve.line.rsplit_once("http://").unwrap().1.to_owned();
    for (path, shown, status) in
        [("/api/v1/me?token=hush", "/api/v1/me", 401), ("/hooks/hush", "/hooks", 405), ("/healthz", "/healthz", 200)]
    {
        let mut stream = tcp(&address);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        stream.read_to_string(&mut String::new()).unwrap();
        let line = serve.log_says("\"message\":\"request\"");
        assert!(!line.contains("hush"), "{line}");
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&told["method"], &told["path"], &told["status"]), (&"GET".into(), &shown.into(), &status.into()));
        assert_eq!((&told["address"], &told["level"]), (&"127.0.0.1".into(), &"info".into()));
    }
}
