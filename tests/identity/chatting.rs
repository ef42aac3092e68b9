//! `roomd chat` claims its name by itself, and keeps the token.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use crate::harness::{Place, Server};

fn chat(place: &Place, server: &Server, arguments: &[&str]) -> Output {
    let url = format!("ws://{}", server.address());
    let mut command = place.roomd(&[&["chat", &url, "--room", "den", "--json"], arguments].concat());
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // One that has ended reads nothing.
    _ = child.stdin.take().unwrap().write_all(b"hello\n");
    child.wait_with_output().unwrap()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_name_is_claimed_by_itself_and_kept_for_its_owners_eyes() {
    let place = Place::new();
    let server = place.serve(&[]);
    for _ in 0..2 {
        let output = chat(&place, &server, &["--user", "Ann", "--claim"]);
        assert!(output.status.success(), "{output:?}");
    }
    let kept = files(&place.0.join("state"));
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(fs::metadata(&kept[0]).unwrap().permissions().mode() & 0o777, 0o600);
    let token = fs::read_to_string(&kept[0]).unwrap();
    assert_eq!(server.me(token.trim()).unwrap()["user"], "Ann");
    // Somebody else, at another machine, cannot talk as Ann; nor can one who claims nothing.
    let elsewhere = Place::new();
    for arguments in [&["--user", "ann"][..], &["--user", "Ann", "--no-claim"]] {
        let output = chat(&elsewhere, &server, arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("is taken"), "{arguments:?}");
    }
    assert_eq!(files(&elsewhere.0.join("state")), Vec::<PathBuf>::new());
    // With the token it is no matter where.
    fs::copy(&kept[0], elsewhere.0.join("token")).unwrap();
    assert!(chat(&elsewhere, &server, &["--token-file", "token"]).status.success());
    server.stop();
}

#[test]
fn a_script_claims_no_name_unless_it_is_told_to() {
    let place = Place::new();
    let server = place.serve(&[]);
    assert!(chat(&place, &server, &["--user", "Ann"]).status.success());
    assert_eq!(files(&place.0.join("state")), Vec::<PathBuf>::new());
    let claimed = server.ask("POST", "/api/v1/claims", "", "{\"name\":\"Ann\"}");
    assert_eq!(claimed.0, 201, "the name is free: {claimed:?}");
    server.stop();
}

#[test]
fn a_token_of_a_server_that_is_no_more_is_replaced() {
    let place = Place::new();
    let server = place.serve(&["--data=:memory:"]);
    let path = place.0.join("token");
    fs::write(&path, "not.a.token\n").unwrap();
    let output = chat(&place, &server, &["--user", "Ann", "--token-file", path.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(server.me(fs::read_to_string(&path).unwrap().trim()).unwrap()["user"], "Ann");
    server.stop();
}

#[test]
fn where_nothing_can_be_claimed_one_talks_as_a_guest() {
    let place = Place::new();
    let server = place.serve(&["--claims=closed"]);
    assert!(chat(&place, &server, &["--user", "Ann"]).status.success());
    assert!(chat(&place, &server, &[]).status.success());
    let output = chat(&place, &server, &["--token-file", "nothing"]);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "roomd: there is no token in nothing\n");
    assert_eq!(files(&place.0.join("state")), Vec::<PathBuf>::new());
    server.stop();
}
