//! A second device and invitations: at the terminal, by the client library, and by `roomd invite`.

use roomd::chat::UserName;
use roomd_client::{Options, Secret, accept_invitation, claim_name, sign_in};

use crate::harness::home::{Home, roomd_of};
use crate::harness::terminal::Terminal;
use crate::harness::{TestServer, in_room};

fn claimed(server: &TestServer, name: &str) -> String {
    let engine = server.engine();
    engine.auth.claim(&UserName::parse(name).unwrap(), None, engine.clock.now().at, || false).unwrap().token
}

/// The word behind this one, on the screen.
fn word_after(terminal: &mut Terminal, before: &str) -> String {
    terminal.wait_until(before, |shown| shown.split(before).nth(1).is_some_and(|rest| rest.contains(['\n', ',', ' '])));
    let shown = terminal.shown();
    shown.split(before).nth(1).unwrap().split(['\r', '\n', ',', ' ']).next().unwrap().to_owned()
}

#[test]
fn another_terminal_is_signed_in_with_a_code_and_signed_out() {
    let (server, desk, phone) = (TestServer::start(), Home::new("desk"), Home::new("phone"));
    let token = desk.file("token", &claimed(&server, "Ann"));
    let arguments = ["--room", "r", "--user", "Ann", "--token-file", &token];
    let mut ann = Terminal::chat_of(&desk, &server.url(), &arguments, 200);
    ann.wait_for("* You are in r");
    ann.press("/device add\r");
    let code = word_after(&mut ann, "--device ");
    let link = format!("http://host/#device={code}");
    assert_eq!(code.len(), 32, "{}", ann.shown());
    let arguments = ["--room", "r", "--user", "Ann", "--device", &link];
    let mut second = Terminal::chat_of(&phone, &server.url(), &arguments, 200);
    second.wait_for("* You are in r");
    ann.press("/devices\r");
    ann.wait_until("the second device", |shown| shown.contains(": roomd chat on linux, since "));
    let shown = ann.shown();
    let line = shown.lines().find(|line| line.contains("roomd chat on linux")).unwrap();
    let id = line.trim_start_matches("* ").split(':').next().unwrap();
    ann.press(&format!("/device end {id}\r"));
    assert!(!second.ended().success());
    // The code is void.
    let refused = sign_in(&server.url(), &code.as_str().into(), &Options::default()).unwrap_err();
    assert!(refused.to_string().contains("not valid"), "{refused}");
    ann.press("/unread\r");
    ann.wait_for("* Nothing is unread");
}

#[test]
fn a_link_that_admits_is_made_on_the_command_line() {
    let (server, home) = (TestServer::start(), Home::new("inviting"));
    let (url, options) = (server.url(), Options::default());
    let token: Secret = claimed(&server, "Ann").as_str().into();
    let file = home.file("token", token.reveal());
    let mut ann = Terminal::chat_of(&home, &url, &["--room", "r", "--user", "Ann", "--token-file", &file], 200);
    ann.wait_for("* You are in r");
    ann.press("/create den private\r");
    ann.wait_for("* The room den was created");
    let invite = |more: &[&str]| roomd_of(&home).args(["invite", "den", "--server", &url]).args(more).output().unwrap();
    let made = invite(&["--token-file", &file, "--uses", "1", "--for", "1h"]);
    assert!(made.status.success(), "{made:?}");
    let link = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let code: Secret = link.split("#invite=").nth(1).unwrap().into();
    assert!(link.starts_with("http://127.0.0.1:") && link.contains("/chat/den#invite="), "{link}");
    let gus = claim_name(&url, "Gus", None, &options).unwrap();
    accept_invitation(&url, "den", &code, &gus, &options).unwrap();
    in_room(&url, "Vic", "r");
    let late = claim_name(&url, "Late", None, &options).unwrap();
    let refused = accept_invitation(&url, "den", &code, &late, &options).unwrap_err();
    assert!(refused.to_string().contains("not valid"), "it is used up: {refused}");
    for (more, sentence) in [
        (&[][..], "roomd: say who you are: --user as in roomd chat, or --token-file\n"),
        (&["--user", "Nobody"], "claims one\n"),
        (&["--uses", "0", "--user", "Ann"], "--uses must be a whole number from 1 to 10000"),
    ] {
        let refused = invite(more);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && said.contains(sentence), "{said}");
    }
}
