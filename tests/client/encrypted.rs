//! Encrypted rooms in `roomd chat`: what scripts and people get, and what the server has of it.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use serde_json::{Value, json};

use crate::harness::home::{Home, roomd_of};
use crate::harness::terminal::Terminal;
use crate::harness::{TestServer, in_room, next_message};
use crate::script::{Script, chat_by};

const PASSPHRASE: &str = "eleven quiet lamps\n";

/// Somebody with the passphrase of the room in a file.
struct Person {
    home: Home,
    file: String,
    name: &'static str,
}

impl Person {
    /// `home` is another one in each test and for each device.
    fn new(home: &str, name: &'static str, passphrase: &str) -> Self {
        let home = Home::new(&format!("{home}-{name}"));
        let file = home.file("passphrase", passphrase);
        Self { home, file, name }
    }

    fn script(&self, url: &str, more: &[&str]) -> Script {
        let arguments = [&["--user", self.name, "--json"], more].concat();
        let mut script = Script::of(chat_by(roomd_of(&self.home), url, &arguments));
        script.hears("joined");
        script
    }

    fn with_passphrase(&self, url: &str) -> Script {
        self.script(url, &["--passphrase-file", &self.file])
    }

    /// Runs it to its end, without input.
    fn run(&self, url: &str, more: &[&str]) -> Output {
        let arguments = [&["--user", self.name], more].concat();
        chat_by(roomd_of(&self.home), url, &arguments).stdin(std::process::Stdio::null()).output().unwrap()
    }

    fn terminal(&self, url: &str) -> Terminal {
        let arguments = ["--room", "r", "--user", self.name, "--passphrase-file", &self.file];
        let mut terminal = Terminal::chat_of(&self.home, url, &arguments, 100);
        terminal.wait_for("* Messages are encrypted here");
        terminal
    }
}

/// The next message that is for people.
fn hears_text(script: &mut Script) -> Value {
    loop {
        let message = script.hears("message");
        if message["message"] != Value::Null {
            return message;
        }
    }
}

#[test]
fn who_has_the_passphrase_reads_and_the_server_has_nothing_but_ciphertext() {
    let server = TestServer::start();
    let url = server.url();
    let [ann, bob] = ["Ann", "Bob"].map(|name| Person::new("reads", name, PASSPHRASE));
    let mut eve = in_room(&url, "Eve", "r");
    let (mut anns, mut bobs) = (ann.with_passphrase(&url), bob.with_passphrase(&url));
    anns.says("meet at six");
    assert_eq!(anns.hears("sent")["duplicate"], false);
    let message = hears_text(&mut bobs);
    assert_eq!((&message["user"], &message["message"]), (&json!("Ann"), &json!("meet at six")));
    assert_eq!((&message["protection"], &message["cipher"]), (&json!("encrypted"), &Value::Null));
    let own = hears_text(&mut anns);
    assert_eq!((&own["protection"], &own["own"]), (&json!("verified"), &json!(true)));
    // A script says nothing there that would not be encrypted.
    for more in ["\"key\":\"k\"", "\"store\":false", "\"data\":\"AAE=\"", "\"reply_to\":1"] {
        anns.says(&format!("{{\"type\":\"message\",\"message\":\"\",{more}}}"));
        assert_eq!(anns.hears("error")["code"], "unavailable", "{more}");
    }
    // Two devices made themselves known, and one message was said.
    for _ in 0..3 {
        let seen = next_message(&mut eve);
        assert_eq!(seen.text, None);
        assert!(seen.cipher.is_some() && !format!("{seen:?}").contains("six"));
    }
    eve.publish("r", "in the clear").unwrap();
    let clear = hears_text(&mut bobs);
    assert_eq!((&clear["message"], &clear["protection"]), (&json!("in the clear"), &json!("not encrypted")));
    assert_eq!((anns.code(), bobs.code()), (Some(1), Some(0)), "what was refused is not said");
    drop(eve);
    // The key is kept, for its user alone, and the history reads on.
    let files: Vec<_> =
        std::fs::read_dir(ann.home.0.join("roomd")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.iter().any(|path| path.extension().is_some_and(|extension| extension == "json")), "{files:?}");
    for file in files {
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{file:?}");
    }
    let mut again = ann.script(&url, &[]);
    assert_eq!(hears_text(&mut again)["message"], "meet at six");
    again.says("later");
    let kept = hears_text(&mut again);
    assert_eq!(kept["message"], "in the clear");
    assert_eq!(again.code(), Some(0));
}

#[test]
fn who_has_no_key_writes_nothing_in_the_clear_unless_told_to() {
    let server = TestServer::start();
    let url = server.url();
    let [ann, eve] = ["Ann", "Eve"].map(|name| Person::new("keyless", name, PASSPHRASE));
    let mut anns = ann.with_passphrase(&url);
    anns.says("meet at six");
    anns.hears("sent");
    let mut eves = eve.script(&url, &[]);
    for _ in 0..2 {
        // The device of Ann, and what she said.
        assert_ne!(eves.hears("message")["cipher"], Value::Null);
    }
    for line in ["hello", r#"{"type":"publish","room":"r","message":"hello"}"#] {
        eves.says(line);
        let refused = eves.hears("error");
        assert_eq!(refused["code"], "forbidden", "{refused}");
        assert!(refused["message"].as_str().unwrap().contains("does not have the key"), "{refused}");
    }
    assert_eq!(eves.code(), Some(1));
    let mut plain = eve.script(&url, &["--plain"]);
    plain.hears("message");
    plain.says("hello");
    let said = hears_text(&mut plain);
    assert_eq!((&said["message"], &said["seq"]), (&json!("hello"), &json!(3)));
    assert_eq!((anns.code(), plain.code()), (Some(0), Some(0)));
}

#[test]
fn who_has_another_passphrase_is_told_that_nothing_can_be_read() {
    let server = TestServer::start();
    let url = server.url();
    let (ann, eve) = (Person::new("other", "Ann", PASSPHRASE), Person::new("other", "Eve", "eleven loud lamps"));
    let (mut anns, mut eves) = (ann.with_passphrase(&url), eve.with_passphrase(&url));
    anns.says("secret");
    loop {
        let message = eves.hears("message");
        if message["user"] == "Ann" {
            assert_eq!((&message["protection"], &message["reason"]), (&json!("unreadable"), &json!("no-key")));
            assert_eq!(message["message"], Value::Null);
            break;
        }
    }
    assert_eq!((anns.code(), eves.code()), (Some(0), Some(0)));
}

#[test]
fn a_key_that_is_none_or_is_another_one_is_refused_with_a_sentence() {
    let server = TestServer::start();
    let url = server.url();
    let ann = Person::new("refused", "Ann", PASSPHRASE);
    let short = ann.home.file("short", "1234567\n");
    let other = ann.home.file("other", "twelve quiet lamps");
    assert_eq!(ann.run(&url, &["--passphrase-file", &ann.file]).status.code(), Some(0));
    for (arguments, sentence) in [
        (&["--passphrase-file", &short][..], "must have at least 8 characters"),
        (&["--passphrase-file", "/nonexistent"], "cannot read /nonexistent: No such file"),
        (&["--key", "x"], "--key must be a link to an encrypted room, or its part from #key= on"),
        (&["--passphrase-file", &other], "r has another key: --replace-key takes this one in its place"),
    ] {
        let output = ann.run(&url, arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with("roomd: ") && said.contains(sentence), "{said}");
    }
    assert_eq!(ann.run(&url, &["--passphrase-file", &other, "--replace-key"]).status.code(), Some(0));
    let older = ann.run(&url, &["--passphrase-file", &ann.file]);
    assert!(String::from_utf8(older.stderr).unwrap().contains("was replaced by another since"));
    let link = format!("http://example.org/chat/r#key=1.{}", "A".repeat(43));
    assert_eq!(ann.run(&url, &["--key", &link, "--replace-key"]).status.code(), Some(0));
}

#[test]
fn people_see_how_a_message_is_protected_and_compare_numbers() {
    let server = TestServer::start();
    let url = server.url();
    let [ann, bob] = ["Ann", "Bob"].map(|name| Person::new("people", name, PASSPHRASE));
    let mallory = Person::new("impostor", "Ann", PASSPHRASE);
    let (mut anns, mut bobs) = (ann.terminal(&url), bob.terminal(&url));
    anns.wait_for("* Bob joined");
    anns.press("hello\r");
    bobs.wait_for("Ann (encrypted): hello");
    bobs.press("hello Ann\r");
    anns.wait_for("Bob (encrypted): hello Ann");
    let number = |terminal: &mut Terminal, user: &str| {
        terminal.press(&format!("/safety {user}\r"));
        let is_number =
            |line: &&str| line.starts_with("* ") && line[2..].chars().all(|c| c.is_ascii_digit() || c == ' ');
        terminal
            .wait_until("a number", |screen| screen.lines().any(|line| is_number(&line.trim_end()) && line.len() > 60));
        terminal.shown().lines().find(|line| is_number(&line.trim_end()) && line.len() > 60).unwrap().trim().to_owned()
    };
    assert_eq!(number(&mut anns, "Bob"), number(&mut bobs, "Ann"));
    bobs.press("/verify Ann\r");
    bobs.wait_for("* Ann is verified");
    anns.press("again\r");
    bobs.wait_for("Ann (verified): again");
    let mut impostor = mallory.terminal(&url);
    impostor.press("I am Ann\r");
    bobs.wait_for("Ann (new device): I am Ann");
    bobs.press("/safety Nobody\r");
    bobs.wait_for("* No device of Nobody has written in an encrypted room here");
}

#[test]
fn replies_and_edits_are_encrypted_too() {
    let server = TestServer::start();
    let url = server.url();
    let [ann, bob] = ["Ann", "Bob"].map(|name| Person::new("edits", name, PASSPHRASE));
    let mut eve = in_room(&url, "Eve", "r");
    let (mut anns, mut bobs) = (ann.terminal(&url), bob.terminal(&url));
    anns.wait_for("* Bob joined");
    anns.press("at six\r");
    bobs.wait_for("Ann (encrypted): at six");
    bobs.press("/reply fine by me\r");
    anns.wait_for("Bob (encrypted): fine by me");
    anns.press("/edit at seven\r");
    bobs.wait_for("* Ann edited a message (encrypted): at seven");
    anns.wait_for("* Ann edited a message (verified): at seven");
    // An edit of a message that was said before this conversation: its id is known from the history.
    anns.press("/quit\r");
    anns.ended();
    let mut anns = ann.terminal(&url);
    anns.wait_for("Ann (verified): at seven");
    anns.press("/edit at eight\r");
    bobs.wait_for("* Ann edited a message (encrypted): at eight");
    // The server knows which message is answered, and not what is said.
    let reply = loop {
        let message = next_message(&mut eve);
        if message.reply_to.is_some() {
            break message;
        }
    };
    assert!(reply.text.is_none() && reply.cipher.is_some());
    assert!(!format!("{reply:?}").contains("fine"));
}
