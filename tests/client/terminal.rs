//! `roomd chat` for a person: keys, a screen, a connection that breaks.

use rustix::process::{Signal, WaitOptions, kill_process, waitpid};

use crate::harness::home::Home;
use crate::harness::terminal::Terminal;
use crate::harness::{Proxy, TestServer, in_room, next_message, wait_for};
use roomd::chat::UserName;
use roomd_client::{Command, Event, Response};

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const UP: &str = "\x1b[A";

fn ann(server: &TestServer) -> Terminal {
    terminal(&server.url(), "Ann")
}

fn terminal(url: &str, user: &str) -> Terminal {
    let mut terminal = Terminal::chat(url, &["--room", "r", "--user", user], 80);
    terminal.wait_for("* You are in r with: ");
    terminal
}

#[test]
fn two_people_talk_and_each_word_is_on_each_screen_once() {
    let server = TestServer::start();
    let mut ann = ann(&server);
    let mut bob = terminal(&server.url(), "Bob");
    ann.wait_for("* Bob joined");
    ann.press("hello Bob\r");
    bob.wait_for("Ann: hello Bob");
    bob.press("hello Ann\r");
    ann.wait_for("Bob: hello Ann");
    ann.press("how are you?\r");
    bob.wait_for("Ann: how are you?");
    ann.wait_for("Ann: how are you?");
    for line in ["Ann: hello Bob", "Bob: hello Ann", "Ann: how are you?"] {
        assert_eq!((ann.count(line), bob.count(line)), (1, 1), "{line}\n{}\n{}", ann.shown(), bob.shown());
    }
    assert!(bob.is_coloured("Ann: hello"), "names have colours");
    bob.press(CTRL_D);
    assert!(bob.ended().success());
    ann.wait_for("* Bob left");
}

#[test]
fn what_is_being_typed_stays_below_what_arrives() {
    let server = TestServer::start();
    let mut ann = ann(&server);
    let mut bob = in_room(&server.url(), "Bob", "r");
    ann.press("half a li");
    ann.wait_for("Ann: half a li");
    bob.publish("r", "in between").unwrap();
    ann.wait_for("Bob: in between");
    ann.press("ne\r");
    let said = wait_for(&mut bob, |event| match event {
        Event::Message(message) if message.user == "Ann" => message.text,
        _ => None,
    });
    assert_eq!(said, "half a line");
    ann.wait_for("Ann: half a line");
    let shown = ann.shown();
    assert!(shown.find("Bob: in between").unwrap() < shown.find("Ann: half a li").unwrap(), "{shown}");
}

#[test]
fn commands_and_names_are_completed() {
    let server = TestServer::start();
    let mut ann = ann(&server);
    let mut bob = in_room(&server.url(), "Bobby", "r");
    ann.wait_for("* Bobby joined");
    ann.press("/ms\tBo\tpsst\r");
    ann.wait_for("Ann: /msg Bobby psst");
    let message = next_message(&mut bob);
    assert_eq!((message.to.as_deref(), message.text.as_deref()), (Some("Bobby"), Some("psst")));
    ann.press("/wh\t\r");
    ann.wait_for("* In r: Ann, Bobby");
}

#[test]
fn what_was_typed_can_be_gone_back_to_and_edited() {
    let server = TestServer::start();
    let mut ann = ann(&server);
    let mut bob = in_room(&server.url(), "Bob", "r");
    ann.press("one\r");
    assert_eq!(next_message(&mut bob).text.as_deref(), Some("one"));
    ann.press(&format!("{UP}\x7f\x7f\x7ftwo\r"));
    assert_eq!(next_message(&mut bob).text.as_deref(), Some("two"));
    ann.press(&format!("{UP}{UP}\x01n\r"));
    assert_eq!(next_message(&mut bob).text.as_deref(), Some("none"));
}

#[test]
fn what_is_typed_ahead_is_said_whole_and_in_order() {
    let server = TestServer::start();
    let mut ann = ann(&server);
    let mut bob = in_room(&server.url(), "Bob", "r");
    let keys: String = (0..500).map(|i| format!("line {i}\r")).collect();
    ann.press(&keys);
    for i in 0..500 {
        assert_eq!(next_message(&mut bob).text, Some(format!("line {i}")));
    }
}

#[test]
fn each_command_does_what_it_says() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    bob.publish("r", "first").unwrap();
    let mut ann = ann(&server);
    ann.wait_for("Bob: first");
    ann.press("/history 1\r");
    ann.wait_until("it is shown again", |screen| screen.matches("Bob: first").count() == 2);
    ann.press("/rooms\r");
    ann.wait_for("* Rooms: r (2)");
    ann.press("/away at lunch\r");
    let note = wait_for(&mut bob, |event| match event {
        Event::Presence(presence) => presence.note,
        _ => None,
    });
    assert_eq!(note, "at lunch");
    ann.press("/back\r");
    wait_for(&mut bob, |event| matches!(event, Event::Presence(presence) if presence.status == "online").then_some(()));
    ann.press("/dance\r");
    ann.wait_for("Error: There is no such command");
    ann.press("//shrug\r");
    assert_eq!(next_message(&mut bob).text.as_deref(), Some("/shrug"));
    ann.press("/msg Nobody hi\r");
    ann.wait_for("Error: not sent: hi (");
    ann.press("/help\r");
    ann.wait_for("* /who");
    ann.press("/join other\r");
    ann.wait_for("* You left r");
    wait_for(&mut bob, |event| matches!(event, Event::Leave { .. }).then_some(()));
    let mut cleo = in_room(&server.url(), "Cleo", "other");
    ann.press("in here\r");
    assert_eq!(next_message(&mut cleo).text.as_deref(), Some("in here"));
    ann.press("/quit\r");
    assert!(ann.ended().success());
}

#[test]
fn a_room_is_ruled_from_the_terminal_and_what_is_changed_is_told() {
    let (server, home) = (TestServer::start(), Home::new("ruling"));
    let engine = server.engine();
    let claimed = engine.auth.claim(&UserName::parse("Ann").unwrap(), None, engine.clock.now().at, || false).unwrap();
    let token = home.file("token", &claimed.token);
    let mut ann = Terminal::chat(&server.url(), &["--room", "r", "--user", "Ann", "--token-file", &token], 80);
    ann.wait_for("* You are in r with: ");
    ann.press("/create den\r");
    ann.wait_for("* The room den was created");
    ann.press("/join den\r");
    ann.wait_for("* You are in den");
    let mut bob = in_room(&server.url(), "Bob", "den");
    ann.wait_for("* Bob joined");
    ann.press("/mute Bob 10m too loud\r");
    ann.wait_for("* Ann muted Bob (too loud)");
    assert!(bob.publish("den", "hello?").is_err());
    ann.press("/unmute Bob\r");
    ann.wait_for("* Ann unmuted Bob");
    let sent = bob.publish("den", "a mistke").unwrap();
    ann.wait_for("Bob: a mistke");
    let object = |value: serde_json::Value| Command::Other(value.as_object().unwrap().clone());
    let edit = serde_json::json!({"type": "edit", "room": "den", "seq": sent.seq, "message": "a mistake"});
    bob.send(object(edit)).unwrap();
    ann.wait_for("* Bob edited a message: a mistake");
    let answered = wait_for(&mut bob, |event| match event {
        Event::Response(_, Ok(Response::Other(value))) => Some(value["type"].clone()),
        _ => None,
    });
    assert_eq!(answered, "ok");
    ann.press("/kick Bob\r");
    ann.wait_for("* Ann kicked Bob");
    wait_for(&mut bob, |event| matches!(event, Event::Removed { .. }).then_some(()));
    ann.press("/role Nobody moderator\r");
    ann.wait_for("Error: ");
    ann.press("/ban Bob 10\r");
    ann.wait_for("Error: Usage: /ban USER [TIME] [WHY]");
}

#[test]
fn ctrl_c_leaves_and_gives_the_terminal_back() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    let mut ann = ann(&server);
    ann.press("half typed");
    ann.wait_for("Ann: half typed");
    ann.press(CTRL_C);
    assert!(ann.ended().success());
    wait_for(&mut bob, |event| matches!(event, Event::Leave { user, .. } if user == "Ann").then_some(()));
}

#[test]
fn messages_are_answered_changed_and_deleted_by_the_one_that_is_meant() {
    let server = TestServer::start();
    let mut ann = Terminal::chat(&server.url(), &["--room", "r", "--user", "Ann", "--times"], 80);
    ann.wait_for("* You are in r with: ");
    let mut bob = in_room(&server.url(), "Bob", "r");
    bob.publish("r", "who is there?").unwrap();
    ann.wait_until("a message with its time and number", |screen| screen.contains(" #1 Bob: who is there?"));
    ann.press("/reply me\r");
    let reply_to = wait_for(&mut bob, |event| match event {
        Event::Message(message) if message.user == "Ann" => Some(message.reply_to),
        _ => None,
    });
    assert_eq!(reply_to, Some(1));
    // Whoever sees this has heard that the reply was stored.
    bob.publish("r", "and who is it?").unwrap();
    ann.wait_until("what follows the reply", |screen| screen.contains(" #3 Bob: and who is it?"));
    ann.press("/edit it is me\r");
    ann.wait_for("* Ann edited a message: it is me");
    ann.press("/edit #1 not mine\r");
    ann.wait_for("Error: ");
    ann.press("/delete\r");
    ann.wait_for("* Ann deleted a message");
    let shown: Vec<_> = bob.history("r", 9).unwrap().messages.into_iter().map(|message| message.text).collect();
    assert_eq!(shown, [Some("who is there?".to_owned()), None, Some("and who is it?".to_owned())]);
}

#[test]
fn a_room_can_be_left_for_none_and_the_session_told() {
    let server = TestServer::with(|settings| settings.limits.grace = std::time::Duration::from_secs(30));
    let mut ann = ann(&server);
    ann.press("/session\r");
    ann.wait_for("* To resume this session: /resume ");
    ann.press("/leave\r");
    ann.wait_for("* You left r");
    for line in ["hello?\r", "/who\r", "/reply x\r", "/leave\r"] {
        ann.press(line);
    }
    ann.wait_until("each is refused", |screen| screen.matches("You are in no room").count() == 4);
    ann.press("/join den\r");
    ann.wait_for("* You are in den with: Ann");
    ann.press("now\r/who\r");
    ann.wait_for("* In den: Ann");
}

#[test]
fn a_long_line_is_folded_between_words() {
    let server = TestServer::start();
    let mut ann = Terminal::chat(&server.url(), &["--room", "r", "--user", "Ann"], 40);
    ann.wait_for("* You are in r with: ");
    let mut bob = in_room(&server.url(), "Bob", "r");
    bob.publish("r", "a word that is too long to stand here must go on the next line").unwrap();
    ann.wait_for("Bob: a word that is too long to stand");
    ann.wait_for("    here must go on the next line");
}

#[test]
fn the_day_and_the_time_stand_before_the_first_message() {
    let server = TestServer::start();
    let mut ann = ann(&server);
    let mut bob = in_room(&server.url(), "Bob", "r");
    for text in ["one", "two"] {
        bob.publish("r", text).unwrap();
    }
    ann.wait_for("Bob: two");
    let screen = ann.shown();
    let lines: Vec<_> = screen.lines().collect();
    let first = lines.iter().position(|line| line.starts_with("Bob: one")).unwrap();
    assert!(lines[first - 1].starts_with("* ") && lines[first - 1].contains(':'), "{screen}");
    assert!(lines[first + 1].starts_with("Bob: two"), "{screen}");
}

#[test]
fn a_program_that_was_stopped_and_continues_edits_lines_again() {
    let server = TestServer::start();
    let mut ann = ann(&server);
    let mut bob = in_room(&server.url(), "Bob", "r");
    ann.press("half a li");
    ann.wait_for("Ann: half a li");
    for turn in 1..=3 {
        kill_process(ann.process(), Signal::STOP).unwrap();
        waitpid(Some(ann.process()), WaitOptions::UNTRACED).unwrap();
        // The shell has the terminal meanwhile.
        ann.take_back();
        kill_process(ann.process(), Signal::CONT).unwrap();
        ann.wait_until("the line is shown again", |screen| {
            screen.matches("* Continued").count() == turn && screen.trim_end().ends_with("Ann: half a li")
        });
        assert!(!ann.has_first_mode(), "keys are not read one by one");
    }
    ann.press("nx\x7fe\r");
    let said = wait_for(&mut bob, |event| match event {
        Event::Message(message) if message.user == "Ann" => message.text,
        _ => None,
    });
    assert_eq!(said, "half a line");
    ann.press(CTRL_D);
    assert!(ann.ended().success());
}

#[test]
fn a_signal_from_outside_leaves_and_gives_the_terminal_back() {
    let server = TestServer::start();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut ann = ann(&server);
        ann.press("half typed");
        ann.wait_for("Ann: half typed");
        kill_process(ann.process(), signal).unwrap();
        assert!(ann.ended().success(), "{signal:?}");
    }
}

#[test]
fn an_end_that_nobody_typed_gives_the_terminal_back_and_says_why() {
    let server = TestServer::start();
    let proxy = Proxy::to(server.address(), []);
    let mut ann = Terminal::chat(&proxy.url(), &["--room", "r", "--user", "Ann", "--retry-for", "10ms"], 80);
    ann.wait_for("* You are in r with: ");
    ann.press("half typed");
    ann.wait_for("Ann: half typed");
    proxy.turn_to(None);
    ann.wait_for("roomd: ");
    assert_eq!(ann.ended().code(), Some(1));
}

#[test]
fn ctrl_c_leaves_while_a_room_is_not_entered_yet() {
    let server = TestServer::start();
    let proxy = Proxy::to(server.address(), []);
    let mut ann = terminal(&proxy.url(), "Ann");
    proxy.turn_to(None);
    ann.wait_for("* The connection is lost");
    ann.press("/join other\r/quit\r");
    // Until the next prompt is there: a key that comes between two lines meets no editor.
    ann.wait_until("a prompt below what was typed", |screen| {
        let mut lines = screen.lines().skip_while(|line| !line.starts_with("Ann: /quit")).skip(1);
        lines.any(|line| line.trim_end() == "Ann:")
    });
    ann.press(CTRL_C);
    assert_eq!(ann.ended().code(), Some(0));
}

#[test]
fn a_line_that_breaks_in_the_middle_loses_and_doubles_nothing_on_the_screen() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    let proxy = Proxy::to(server.address(), []);
    let mut ann = terminal(&proxy.url(), "Ann");
    ann.press("before\r");
    assert_eq!(next_message(&mut bob).text.as_deref(), Some("before"));
    bob.publish("r", "seen").unwrap();
    ann.wait_for("Bob: seen");
    proxy.turn_to(None);
    ann.wait_for("* The connection is lost");
    ann.press("typed without a line\r");
    ann.wait_for("* Not sent yet");
    bob.publish("r", "missed").unwrap();
    proxy.turn_to(Some(server.address()));
    ann.wait_for("* The connection is back");
    ann.wait_for("* This was missed:");
    ann.wait_for("Bob: missed");
    let heard = |bob: &mut roomd_client::Client| {
        wait_for(bob, |event| match event {
            Event::Message(message) if message.user == "Ann" => message.text,
            _ => None,
        })
    };
    assert_eq!(heard(&mut bob), "typed without a line");
    ann.press("after\r");
    assert_eq!(heard(&mut bob), "after", "nothing is doubled");
    for line in ["Ann: before", "Bob: seen", "Ann: typed without a line", "Bob: missed"] {
        assert_eq!(ann.count(line), 1, "{line}\n{}", ann.shown());
    }
}

#[test]
fn a_server_that_is_started_again_is_told_as_a_gap() {
    let server = TestServer::start();
    let proxy = Proxy::to(server.address(), []);
    let mut ann = terminal(&proxy.url(), "Ann");
    proxy.turn_to(None);
    ann.wait_for("* The connection is lost");
    drop(server);
    let server = TestServer::start();
    proxy.turn_to(Some(server.address()));
    ann.wait_for("* Messages may have been missed: the history of the room began anew");
    ann.press("still here\r");
    let mut bob = in_room(&server.url(), "Bob", "r");
    assert_eq!(next_message(&mut bob).text.as_deref(), Some("still here"));
}

#[test]
fn nobody_controls_the_terminal_of_another() {
    let server = TestServer::start();
    let mut ann = ann(&server);
    let mut eve = in_room(&server.url(), "Eve", "r");
    eve.publish("r", "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}5A\u{202e}drawkcab\rAnn: I owe Eve\nBob: me too").unwrap();
    ann.wait_for("Eve: ␛[2J␛]0;title␇<U+009B>5A<U+202E>drawkcab␍Ann: I owe Eve");
    ann.wait_for("    Bob: me too");
    ann.wait_for("* You are in r with");
}

#[test]
fn long_lines_are_shown_whole_in_a_narrow_terminal() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    let mut ann = Terminal::chat(&server.url(), &["--room", "r", "--user", "Ann"], 20);
    ann.wait_for("* You are in r with");
    ann.press("abcdefghijklmnopqrstuvwxyz 0123456789");
    ann.wait_until("all that is typed is there", |screen| screen.replace('\n', "").contains("xyz 0123456789"));
    bob.publish("r", "ABCDEFGHIJKLMNOPQRSTUVWXYZ 部屋 9876543210").unwrap();
    ann.wait_until("both are there", |screen| {
        let all = screen.replace('\n', "");
        all.contains("Bob: ABCDEFGHIJKLMNOPQRSTUVWXYZ 部屋 9876543210Ann: abcdefghijklmnopqrstuvwxyz 0123456789")
    });
    ann.press("\r");
    wait_for(&mut bob, |event| matches!(event, Event::Message(message) if message.user == "Ann").then_some(()));
}

#[test]
fn what_was_typed_can_be_gone_back_to_in_the_next_conversation() {
    let server = TestServer::start();
    let home = Home::new("typed");
    let begin = || {
        let arguments = ["--room", "r", "--user", "Ann"];
        let mut terminal = Terminal::chat_of(&home, &server.url(), &arguments, 80);
        terminal.wait_for("* You are in r with: ");
        terminal
    };
    let mut bob = in_room(&server.url(), "Bob", "r");
    let mut first = begin();
    first.press("something to repeat\r");
    assert_eq!(next_message(&mut bob).text.as_deref(), Some("something to repeat"));
    first.press("/msg Bob psst\r");
    assert_eq!(next_message(&mut bob).text.as_deref(), Some("psst"));
    first.press(CTRL_D);
    assert!(first.ended().success());
    let kept = std::fs::read_to_string(home.0.join("roomd/typed")).unwrap();
    assert_eq!(kept, "something to repeat\n");
    let mut second = begin();
    second.press(UP);
    second.press("\r");
    assert_eq!(next_message(&mut bob).text.as_deref(), Some("something to repeat"));
}

#[test]
fn another_name_is_taken_and_stands_before_the_next_line() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    let mut ann = ann(&server);
    ann.press("/nick a b\r");
    ann.wait_for("Error: the name of a user must not hold the character ' '");
    ann.press("/nick Cleo\r");
    ann.wait_for("* You are Cleo now");
    ann.press("hi\r");
    let said = next_message(&mut bob);
    assert_eq!((&*said.user, said.text.as_deref()), ("Cleo", Some("hi")));
    ann.press("again");
    ann.wait_for("Cleo: again");
}

#[test]
fn what_is_typed_ahead_of_another_name_has_the_old_one_and_what_follows_the_new_one() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    let mut ann = ann(&server);
    ann.press("one\rtwo\r/nick Cleo\rthree\r/nick Dora\rfour\r");
    for (user, text) in [("Ann", "one"), ("Ann", "two"), ("Cleo", "three"), ("Dora", "four")] {
        let said = next_message(&mut bob);
        assert_eq!((&*said.user, said.text.as_deref()), (user, Some(text)));
    }
}

#[test]
fn who_has_asked_is_told_who_has_received_and_read_the_last_line() {
    let server = TestServer::start();
    let mut ann = ann(&server);
    let mut bob = terminal(&server.url(), "Bob");
    ann.wait_for("* Bob joined");
    ann.press("/receipts on\r");
    ann.wait_for("* You are told who has received and read your last message");
    ann.press("hello\r");
    bob.wait_for("Ann: hello");
    ann.wait_for("* Bob has received it");
    bob.press("hi\r");
    ann.wait_for("* Bob has read it");
    ann.press("/msg Bob psst\r");
    bob.wait_for("[private] Ann: psst");
    bob.press("yes?\r");
    ann.wait_for("* Bob has read your private message");
}
