//! What `roomd serve` tells a service manager: the datagrams of sd_notify(3), and the life that a watchdog waits for.
//!
//! The manager is a socket of the test. Waits are for a datagram or for the end of the process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How long anything that must happen may take.
const DEADLINE: Duration = Duration::from_secs(20);

struct Managed {
    child: Child,
    socket: UnixDatagram,
    path: PathBuf,
}

impl Managed {
    fn start(name: &str, watchdog: Option<Duration>) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("notify-{name}-{}", std::process::id()));
        _ = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        // A signal that is ignored here, as under nohup, has its default there.
        let mut command = Command::new("env");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROOMD_")) {
            command.env_remove(name);
        }
        command.args(["--default-signal=HUP,INT", env!("CARGO_BIN_EXE_roomd")]);
        command.args(["serve", "--listen=127.0.0.1:0", "--lines=off", "--data=off"]).env("NOTIFY_SOCKET", &path);
        command.env_remove("WATCHDOG_PID").env_remove("WATCHDOG_USEC");
        if let Some(within) = watchdog {
            command.env("WATCHDOG_USEC", within.as_micros().to_string());
        }
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, socket, path }
    }

    /// The lines of the next datagram.
    fn told(&self) -> Vec<String> {
        let mut datagram = [0; 4096];
        let length = self.socket.recv(&mut datagram).unwrap();
        String::from_utf8_lossy(&datagram[..length]).lines().map(str::to_owned).collect()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        _ = fs::remove_file(&self.path);
    }
}

#[test]
fn the_manager_is_told_of_start_reload_and_end() {
    let mut server = Managed::start("life", None);
    assert_eq!(server.told(), ["READY=1", "STATUS=0 connections, 0 rooms"]);
    server.signal(Signal::HUP);
    let reloading = server.told();
    assert_eq!(reloading[0], "RELOADING=1");
    let at = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap();
    assert!(at.parse::<u64>().unwrap() > 0);
    assert_eq!(server.told()[0], "READY=1");
    server.signal(Signal::TERM);
    assert_eq!(server.told(), ["STOPPING=1", "EXTEND_TIMEOUT_USEC=15000000"]);
    assert_eq!(server.told(), ["WATCHDOG=1", "STATUS=telling the clients goodbye"]);
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn a_watchdog_hears_that_the_server_lives() {
    let server = Managed::start("watchdog", Some(Duration::from_millis(200)));
    assert_eq!(server.told()[0], "READY=1");
    for _ in 0..3 {
        assert_eq!(server.told(), ["WATCHDOG=1", "STATUS=0 connections, 0 rooms"]);
    }
}
