//! Each server lets everybody in and loses nothing; those that promise one order keep it.

use std::process::Command;

const SERVERS: [&str; 7] = ["mutex", "rwlock", "sharded", "actor", "tasks", "epoll", "uring"];

/// Whether the system has io_uring for this process.
fn has_ring() -> bool {
    io_uring::IoUring::new(2).is_ok()
}

#[test]
fn no_server_loses_anything_and_each_room_has_one_order_but_where_readers_share_the_lock() {
    let servers = SERVERS.into_iter().filter(|server| *server != "uring" || has_ring());
    let servers: Vec<_> = servers.collect();
    let mut load = Command::new(env!("CARGO_BIN_EXE_load"));
    load.args(["--rooms", "3", "--members", "10", "--window", "4", "--ms", "200", "--runs", "1"]);
    let output = load.args(&servers).output().expect("the load starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for server in servers {
        let row = text.lines().find(|line| line.starts_with(&format!("| {server} |"))).expect("each has a row");
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let rate: f64 = cells[3].parse().expect("deliveries a second");
        assert!(rate > 0.0, "{row}");
        assert!(server == "rwlock" || cells[9] == "0", "more than one order: {row}");
    }
}

#[test]
fn what_the_load_does_not_understand_is_said() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_load")).arg("--window").arg("none").output().expect("the load starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--window"));
}
