//! The command `roomd load`: its exit code, its output and the file of its report.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Command, Output, Stdio};

use rustix::net::{AddressFamily, SocketType, getsockname};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::liar::{Liar, Lie};

fn roomd(url: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomd"));
    command.args(["load", url, "--clients", "3", "--rate", "100", "--duration", "100ms", "--drain", "1s"]);
    command.args(more).output().unwrap()
}

fn against(lie: Lie, more: &[&str]) -> Output {
    let liar = Liar::start(lie);
    roomd(&format!("ws://{}", liar.address), more)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_promise_that_is_kept_is_exit_code_0() {
    let output = against(Lie::None, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).ends_with("faults        none\nThe server kept its promises.\n"), "{output:?}");
}

#[test]
fn a_promise_that_is_broken_is_exit_code_1() {
    for (lie, word) in [(Lie::Lose, "1 lost"), (Lie::Repeat, "1 repeated"), (Lie::Swap, "1 out of order")] {
        let output = against(lie, &["--quiet"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stdout).contains(&format!("faults        {word}\n")), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn the_report_is_json_on_standard_output_and_html_in_a_file() {
    let file = tempfile();
    let output = against(Lie::Lose, &["--json", "--report", &file]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["faults"]["lost"], &report["kept"]), (&1.into(), &false.into()));
    assert_eq!(report["deliveries"]["asked"], 30);
    // The server is another process on this machine, so its cost is known.
    assert_eq!(report["server"]["pid"], std::process::id());
    let page = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(page.contains("The server broke a promise") && page.contains("<svg"), "{page}");
}

#[test]
fn what_cannot_be_loaded_is_a_sentence_and_exit_code_2() {
    // Bound, but not listened on: connections are refused, and no other program can take the port.
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("ws://{}", SocketAddrV4::try_from(getsockname(&socket).unwrap()).unwrap());
    for (output, sentence) in [
        (roomd(&url, &[]), "roomd: no client got in: cannot connect: Connection refused (os error 111)\n"),
        (roomd("ws://127.0.0.1:1", &["--rooms", "4"]), "roomd: --rooms is 4 and --clients only 3\n"),
        (roomd("ws://127.0.0.1:1", &["--report", "/"]), "roomd: --report cannot be /: Is a directory (os error 21)\n"),
        (
            roomd("ws://127.0.0.1:1", &["--history", "/"]),
            "roomd: --history cannot be /: Is a directory (os error 21)\n",
        ),
        (
            roomd("ws://127.0.0.1:1", &["--history", "/nowhere/h"]),
            "roomd: --history cannot be /nowhere/h: No such file or directory (os error 2)\n",
        ),
    ] {
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!((text(&output.stdout), text(&output.stderr)), ("", sentence));
    }
}

#[test]
fn a_history_that_the_disk_does_not_take_is_told_and_the_report_comes_all_the_same() {
    let output = against(Lie::None, &["--quiet", "--history", "/dev/full"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let why = "No space left on device (os error 28)";
    assert_eq!(text(&output.stderr), format!("roomd: the history is not whole: {why}\n"), "{output:?}");
    let report = text(&output.stdout);
    assert!(report.contains(&format!(" lines, and it is not whole: {why}\n")), "{report}");
    assert!(report.ends_with("The server kept its promises.\n"), "{report}");
}

#[test]
fn a_signal_ends_a_load_with_the_report_so_far() {
    let liar = Liar::start(Lie::None);
    let mut command = Command::new("env");
    // The load leaves a signal ignored that is ignored here, as in a shell's background.
    command.args(["--default-signal=INT", env!("CARGO_BIN_EXE_roomd")]);
    command.args(["load", &format!("ws://{}", liar.address), "--clients", "3", "--duration", "1h"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut progress = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("publishing") {
        line.clear();
        assert_ne!(progress.read_line(&mut line).unwrap(), 0, "it ended by itself");
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = text(&output.stdout);
    assert!(report.contains("faults        none\n"), "{report}");
    assert!(report.ends_with("The server kept its promises until the load was stopped.\n"), "{report}");
}

fn tempfile() -> String {
    let name = format!("load-{}.html", std::process::id());
    format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"))
}
