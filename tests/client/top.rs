//! `roomd top` under a pseudo-terminal, and as a script has it.

use std::process::Output;

use crate::harness::home::Home;
use crate::harness::terminal::Terminal;
use crate::harness::{TestServer, in_room, roomd};

/// A server with a history in this home, its address for `roomd top`, and the file of an admin's token.
fn server(home: &Home) -> (TestServer, String, String) {
    let data = home.0.join("roomd.db").to_str().unwrap().to_owned();
    let server = TestServer::with(|settings| {
        settings.data = data.clone();
        settings.metrics = Some("127.0.0.1:0".to_owned());
    });
    let signed = roomd().args(["token", "--user", "ops", "--admin", "--data", &data]).output().unwrap();
    assert!(signed.status.success(), "{signed:?}");
    let token = home.file("token", &String::from_utf8(signed.stdout).unwrap());
    let url = format!("http://{}", server.address());
    (server, url, token)
}

#[test]
fn a_server_is_shown_live_in_80_by_24_until_q_is_pressed() {
    let home = Home::new("top-live");
    let (server, url, token) = server(&home);
    let _ann = in_room(&server.url(), "Ann", "den");
    let _bob = in_room(&server.url(), "Bob", "den");
    let mut top = Terminal::top(&url, &["--token-file", &token, "--every", "100ms"]);
    let has_members =
        |count: usize| move |screen: &str| screen.lines().any(|line| line.trim() == format!("{count}  den"));
    top.wait_until("two are in the room", has_members(2));
    let shown = top.shown();
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines[0].starts_with(&format!("roomd {} at {url}, up ", env!("CARGO_PKG_VERSION"))), "{shown}");
    for name in ["connections", "doors", "messages", "deliveries", "queues", "journal", "process", "threads", "rooms"] {
        assert!(lines.iter().any(|line| line.starts_with(name)), "{name}: {shown}");
    }
    assert!(shown.contains("websocket-json 2") && shown.contains("reader"), "{shown}");
    let _cy = in_room(&server.url(), "Cy", "den");
    top.wait_until("a third is in the room", has_members(3));
    top.press("q");
    top.wait_until("the screen is as it was", |screen| !screen.contains("deliveries "));
    assert!(top.ended().success());
}

fn once(arguments: &[&str]) -> Output {
    roomd().arg("top").args(arguments).args(["--once", "--every", "100ms"]).output().unwrap()
}

#[test]
fn a_script_has_one_frame_without_control_characters() {
    let home = Home::new("top-once");
    let (server, url, token) = server(&home);
    let _ann = in_room(&server.url(), "Ann", "den");
    let output = once(&[&url, "--token-file", &token]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !text.contains('\u{1b}') && text.lines().count() <= 24, "{text}");
    assert!(text.contains("\ndeliveries ") && text.lines().any(|line| line.trim() == "1  den"), "{text}");
    // The port of the figures asks for no token, and has no rooms to tell of.
    let output = once(&[&format!("http://{}", server.metrics())]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("the server does not tell of rooms here"), "{text}");
    let output = once(&[&url]);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("--token-file"), "{complaint}");
}
