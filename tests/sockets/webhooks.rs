//! Webhooks: who makes them, what their receivers are told, and what happens when a receiver is not there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};
use roomd::settings::WebhookTarget;
use serde_json::{Value, json};

use crate::harness::issuer::{bearer, claim, connect, token};
use crate::harness::{Answer, DEADLINE, TestServer, http, issuer, until};

const JSON: &str = "Content-Type: application/json\r\n";
const WEBHOOKS: &str = "/api/v1/rooms/ops/webhooks";

/// What a receiver was sent.
struct Delivery {
    head: String,
    body: Value,
}

impl Delivery {
    fn field(&self, name: &str) -> &str {
        let field = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        field.unwrap_or_else(|| panic!("no {name}: {}", self.head))
    }

    fn text(&self) -> &str {
        self.body["data"]["message"].as_str().unwrap_or_else(|| panic!("{}", self.body))
    }
}

/// Other software: takes requests, one after the other, and answers each as it was told.
struct Bot {
    address: SocketAddr,
    deliveries: Receiver<Delivery>,
    /// The next answers; without one it answers 204.
    answers: Sender<String>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bot {
    fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let ((sent, deliveries), (answers, answer)) = (unbounded(), unbounded::<String>());
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            for stream in socket.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let mut stream = BufReader::new(stream.unwrap());
                let Some(delivery) = read(&mut stream) else { continue };
                sent.send(delivery).unwrap();
                let answer = answer.try_recv().unwrap_or_else(|_| "204 No Content\r\n".to_owned());
                let answer = format!("HTTP/1.1 {answer}Content-Length: 0\r\nConnection: close\r\n\r\n");
                // A server that stops does not wait for it.
                _ = stream.get_mut().write_all(answer.as_bytes());
            }
        });
        Self { address, deliveries, answers, is_over, thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }

    fn next(&self) -> Delivery {
        self.deliveries.recv_timeout(DEADLINE).unwrap()
    }

    fn answers(&self, answer: &str) {
        self.answers.send(format!("{answer}\r\n")).unwrap();
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes it; one that is gone needs no waking.
        _ = TcpStream::connect(self.address);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking());
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<Delivery> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.to_ascii_lowercase();
    let length = length.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    Some(Delivery { head, body: serde_json::from_slice(&body).unwrap() })
}

/// A room of Olga's.
struct Ops {
    server: TestServer,
    token: String,
}

impl Ops {
    fn new() -> Self {
        let network = WebhookTarget::Network("127.0.0.0/8".parse().unwrap());
        Self::allowing(vec![network])
    }

    fn allowing(targets: Vec<WebhookTarget>) -> Self {
        let server = issuer::server(|settings| settings.webhook_allow = targets);
        let token = claim(&server, "Olga");
        let ops = Self { server, token };
        assert_eq!(ops.ask("POST /api/v1/rooms", &json!({"room": "ops"})).status, 201);
        ops
    }

    fn ask(&self, line: &str, body: &Value) -> Answer {
        http::ask(&self.server, line, &format!("{JSON}{}", bearer(&self.token)), &body.to_string())
    }

    fn get(&self, path: &str) -> Value {
        let answer = http::ask(&self.server, &format!("GET {path}"), &bearer(&self.token), "");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    fn add(&self, url: &str, events: &[&str]) -> u64 {
        let made = self.ask(&format!("POST {WEBHOOKS}"), &json!({"url": url, "events": events}));
        assert_eq!(made.status, 201, "{made:?}");
        assert!(made.json()["secret"].as_str().unwrap().starts_with("whsec_"));
        made.json()["webhook"].as_u64().unwrap()
    }

    fn say(&self, text: &str) -> Value {
        let said = self.ask("POST /api/v1/rooms/ops/messages", &json!({"message": text}));
        assert_eq!(said.status, 201, "{said:?}");
        said.json()
    }

    /// A webhook as the list has it.
    fn webhook(&self, number: u64) -> Value {
        let listed = self.get(WEBHOOKS);
        let found = listed["webhooks"].as_array().unwrap().iter().find(|webhook| webhook["webhook"] == number);
        found.unwrap_or_else(|| panic!("{listed}")).clone()
    }

    fn log(&self, number: u64) -> Vec<Value> {
        self.get(&format!("{WEBHOOKS}/{number}/deliveries"))["deliveries"].as_array().unwrap().clone()
    }

    /// Waits until the last delivery was tried; what came of it.
    fn outcome(&self, number: u64) -> Value {
        let tried = || self.log(number).last().is_some_and(|last| last["outcome"].is_string());
        until("a delivery is tried", tried);
        self.log(number).last().unwrap()["outcome"].clone()
    }
}

#[test]
fn a_receiver_is_told_what_happens_as_a_member_is() {
    let ops = Ops::new();
    let bot = Bot::start();
    let events = ["message", "edit", "delete", "join", "leave", "moderated"];
    let number = ops.add(&bot.url(), &events);
    assert_eq!(ops.webhook(number)["events"], json!(events));
    let mut client = connect(&ops.server, "/ws?format=json&room=ops", &ops.token);
    client.wait_for_type("joined");
    let joined = bot.next().body;
    assert_eq!((&joined["type"], &joined["data"]["user"]), (&json!("join"), &json!("Olga")));
    client.command(&json!({"type": "message", "room": "ops", "message": "h\u{e9}", "mid": "m1"}));
    let sent = client.wait_for_type("sent");
    let told = bot.next();
    assert!(told.head.starts_with("POST /in HTTP/1.1\r\n"), "{}", told.head);
    let stamp: u64 = told.field("webhook-timestamp").parse().unwrap();
    let id = told.field("webhook-id");
    assert!(stamp > 1_700_000_000 && id.starts_with("msg_") && told.field("webhook-signature").starts_with("v1,"));
    let seen = client.wait_for_type("message");
    assert_eq!(told.body["data"], seen, "what a member is told");
    assert_eq!((&told.body["epoch"], &told.body["timestamp"]), (&sent["epoch"], &seen["at"]));
    client.command(&json!({"type": "edit", "room": "ops", "seq": 1, "message": "two"}));
    client.command(&json!({"type": "delete", "room": "ops", "seq": 1}));
    client.command(&json!({"type": "describe", "room": "ops", "subject": "Tea"}));
    let kinds = [bot.next(), bot.next(), bot.next()].map(|told| told.body["type"].clone());
    assert_eq!(kinds, ["edit", "delete", "moderated"]);
    drop(client);
    assert_eq!(bot.next().body["type"], "leave");
}

#[test]
fn what_waits_for_a_receiver_that_is_down_comes_in_order_when_it_is_back() {
    let ops = Ops::new();
    let bot = Bot::start();
    let number = ops.add(&bot.url(), &["message"]);
    bot.answers("503 Service Unavailable");
    ops.say("one");
    let first = bot.next();
    assert_eq!(ops.outcome(number), "503");
    ops.say("two");
    ops.say("three");
    let failing = ops.webhook(number);
    assert_eq!((&failing["waiting"], &failing["failures"]), (&json!(3), &json!(1)));
    assert!(failing["failing_since"].is_string() && failing["next_attempt"].is_string(), "{failing}");
    assert_eq!(ops.ask(&format!("POST {WEBHOOKS}/{number}/deliveries"), &json!({})).status, 204);
    let again = [bot.next(), bot.next(), bot.next()];
    assert_eq!(again.each_ref().map(Delivery::text), ["one", "two", "three"]);
    assert_eq!(again[0].field("webhook-id"), first.field("webhook-id"));
    until("all is delivered", || ops.webhook(number)["waiting"] == 0);
    let log = ops.log(number);
    let shown: Vec<_> = log.iter().map(|one| (&one["attempts"], &one["outcome"], &one["delivered"])).collect();
    assert_eq!(shown[0], (&json!(2), &json!("204"), &json!(true)));
    let resent = log[1]["delivery"].as_u64().unwrap();
    let path = format!("POST {WEBHOOKS}/{number}/deliveries");
    assert_eq!(ops.ask(&format!("{path}/{resent}"), &json!({})).status, 204);
    let resent = bot.next();
    assert_eq!((resent.text(), resent.field("webhook-id")), ("two", again[1].field("webhook-id")));
    assert_eq!(ops.ask(&format!("{path}/999"), &json!({})).status, 404);
    assert_eq!(ops.ask(&format!("POST {WEBHOOKS}/999/deliveries"), &json!({})).status, 404);
    assert_eq!(ops.ask(&format!("{path}/x"), &json!({})).status, 400);
}

#[test]
fn a_receiver_that_does_not_answer_holds_up_no_other() {
    let ops = Ops::new();
    let silent: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    for socket in &silent {
        ops.add(&format!("http://{}", socket.local_addr().unwrap()), &["message"]);
    }
    let bot = Bot::start();
    ops.add(&bot.url(), &["message"]);
    for text in ["one", "two"] {
        ops.say(text);
        assert_eq!(bot.next().text(), text);
    }
    // The stop does not wait for them either: the harness has the server end in time.
    ops.server.stop();
}

#[test]
fn addresses_of_this_machine_are_refused_by_number_and_by_name() {
    let ops = Ops::allowing(Vec::new());
    let bot = Bot::start();
    let add = |url: &str| ops.ask(&format!("POST {WEBHOOKS}"), &json!({"url": url}));
    for url in
        [&bot.url(), "http://[::1]:9", "http://169.254.169.254/latest", "http://10.0.0.1", "http://[::ffff:7f00:1]/"]
    {
        let refused = add(url);
        assert_eq!((refused.status, refused.error()), (400, "bad_request".to_owned()), "{url}");
        assert!(refused.body.contains("--webhook-allow"), "{refused:?}");
    }
    // What a name stands for is known when it is told.
    let by_name = format!("http://localhost:{}/", bot.address.port());
    let number = ops.add(&by_name, &["message"]);
    ops.say("hello");
    let outcome = ops.outcome(number);
    assert!(outcome.as_str().unwrap().contains("--webhook-allow"), "{outcome}");
    assert!(bot.deliveries.is_empty());
}

#[test]
fn a_host_that_is_allowed_is_reached_under_its_name_alone() {
    let ops = Ops::allowing(vec![WebhookTarget::Host("localhost".to_owned())]);
    let bot = Bot::start();
    let number = ops.ask(&format!("POST {WEBHOOKS}"), &json!({"url": bot.url()}));
    assert_eq!(number.status, 400);
    // The bot is at one of the addresses that the name has.
    ops.add(&format!("http://localhost:{}/", bot.address.port()), &["message"]);
    ops.say("hello");
    assert_eq!(bot.next().text(), "hello");
}

#[test]
fn a_redirect_is_not_followed() {
    let ops = Ops::new();
    let (bot, other) = (Bot::start(), Bot::start());
    let number = ops.add(&bot.url(), &["message"]);
    bot.answers(&format!("307 Temporary Redirect\r\nLocation: {}", other.url()));
    ops.say("one");
    assert_eq!((bot.next().text(), ops.outcome(number)), ("one", json!("307")));
    assert!(other.deliveries.is_empty());
}

#[test]
fn a_receiver_that_is_gone_is_told_nothing_more_and_who_made_it_is_told_that() {
    let ops = Ops::new();
    let bot = Bot::start();
    let mut olga = connect(&ops.server, "/ws?format=json", &ops.token);
    let number = ops.add(&bot.url(), &["message"]);
    bot.answers("410 Gone");
    ops.say("one");
    bot.next();
    let told = olga.wait_for_type("private");
    assert_eq!(told["user"], "webhooks");
    let text = told["message"].as_str().unwrap();
    assert!(text.starts_with(&format!("The webhook {number} of the room ops to http://127.0.0.1:")), "{text}");
    let off = ops.webhook(number);
    assert_eq!((&off["off_because"], &off["waiting"]), (&json!("gone"), &json!(1)));
    ops.say("two");
    assert_eq!(ops.webhook(number)["waiting"], 1);
    assert_eq!(ops.ask(&format!("POST {WEBHOOKS}/{number}/deliveries"), &json!({})).status, 204);
    assert_eq!(bot.next().text(), "one");
    until("the figures are counted", || {
        let figures = String::from_utf8(ops.server.server().figures()).unwrap();
        let has = |line: &str| figures.lines().any(|found| found == line);
        has("roomd_webhook_attempts_total{outcome=\"delivered\"} 1")
            && has("roomd_webhook_attempts_total{outcome=\"refused\"} 1")
            && has("roomd_webhook_backlog 0")
            && has("roomd_webhooks_off 0")
    });
}

#[test]
fn a_webhook_that_was_removed_is_told_nothing_and_stays_in_the_list() {
    let ops = Ops::new();
    let bot = Bot::start();
    let (first, second) = (ops.add(&bot.url(), &["message"]), ops.add(&bot.url(), &["message"]));
    assert_eq!(ops.ask(&format!("DELETE {WEBHOOKS}/{first}"), &json!({})).status, 204);
    assert_eq!(ops.ask(&format!("DELETE {WEBHOOKS}/{first}"), &json!({})).status, 404);
    ops.say("one");
    assert_eq!(bot.next().text(), "one");
    until("it is delivered", || ops.webhook(second)["waiting"] == 0);
    assert!(bot.deliveries.is_empty(), "the first is told nothing");
    let removed = ops.webhook(first);
    assert_eq!((&removed["by"], &removed["removed_by"]), (&json!("Olga"), &json!("Olga")));
    let listed = ops.get(WEBHOOKS).to_string();
    assert!(!listed.contains("whsec_"), "a secret is shown once: {listed}");
    // A room of the same name is another one.
    assert_eq!(ops.ask("DELETE /api/v1/rooms/ops", &json!({})).status, 204);
    assert_eq!(ops.ask("POST /api/v1/rooms", &json!({"room": "ops"})).status, 201);
    assert_eq!(ops.get(WEBHOOKS)["webhooks"], json!([]));
    ops.say("new");
    assert_eq!(ops.log_of_all(), 0);
}

impl Ops {
    /// Deliveries that wait, of all webhooks.
    fn log_of_all(&self) -> u64 {
        let figures = String::from_utf8(self.server.server().figures()).unwrap();
        let backlog = figures.lines().find_map(|line| line.strip_prefix("roomd_webhook_backlog ")?.parse().ok());
        backlog.unwrap()
    }
}

#[test]
fn an_admin_hears_of_every_room_and_nobody_else_does() {
    let ops = Ops::new();
    let bot = Bot::start();
    let admin = bearer(&token(json!({"sub": "Root", "exp": 4_000_000_000_u64, "admin": true})));
    let bound = bearer(&token(json!({"sub": "Root", "exp": 4_000_000_000_u64, "admin": true, "rooms": ["ops"]})));
    let add = |fields: &str, path: &str| {
        let body = json!({"url": bot.url(), "events": ["created", "message", "ended"]}).to_string();
        http::ask(&ops.server, &format!("POST {path}"), &format!("{JSON}{fields}"), &body)
    };
    for (fields, path, status) in [
        ("", "/api/v1/webhooks", 403),
        (&*bearer(&ops.token), "/api/v1/webhooks", 403),
        (&*bound, "/api/v1/webhooks", 403),
        (&*bound, "/api/v1/rooms/hall/webhooks", 403),
        (&*admin, "/api/v1/rooms/nowhere/webhooks", 404),
    ] {
        assert_eq!(add(fields, path).status, status, "{fields}{path}");
    }
    let made = add(&admin, "/api/v1/webhooks");
    assert_eq!((made.status, made.json().get("room")), (201, None));
    assert_eq!(ops.ask("POST /api/v1/rooms", &json!({"room": "den", "private": true})).status, 201);
    ops.say("one");
    assert_eq!(ops.ask("DELETE /api/v1/rooms/den", &json!({})).status, 204);
    let told = [bot.next(), bot.next(), bot.next()];
    let shown = told.each_ref().map(|told| (told.body["type"].clone(), told.body["data"]["room"].clone()));
    assert_eq!(shown, [("created", "den"), ("message", "ops"), ("ended", "den")].map(|(a, b)| (json!(a), json!(b))));
}

#[test]
fn what_is_no_webhook_is_refused() {
    let ops = Ops::new();
    for (body, status) in [
        (json!({}), 400),
        (json!({"url": "ftp://example.org"}), 400),
        (json!({"url": "http://me:secret@127.0.0.1/"}), 400),
        (json!({"url": "http://127.0.0.1/", "events": []}), 400),
        (json!({"url": "http://127.0.0.1/", "events": ["typing"]}), 400),
        (json!({"url": format!("http://127.0.0.1/{}", "x".repeat(2_000))}), 400),
    ] {
        assert_eq!(ops.ask(&format!("POST {WEBHOOKS}"), &body).status, status, "{body}");
    }
    for _ in 0..5 {
        ops.add("http://127.0.0.1:9/", &["message"]);
    }
    let full = ops.ask(&format!("POST {WEBHOOKS}"), &json!({"url": "http://127.0.0.1:9/"}));
    assert_eq!((full.status, full.error()), (409, "conflict".to_owned()));
    let mut none = TestServer::with(|settings| settings.data = "off".to_owned());
    none.created = 1;
    let token = claim(&none, "Olga");
    let fields = format!("{JSON}{}", bearer(&token));
    let room = json!({"room": "ops"}).to_string();
    assert_eq!(http::ask(&none, "POST /api/v1/rooms", &fields, &room).status, 201);
    let refused = http::ask(&none, &format!("POST {WEBHOOKS}"), &fields, &json!({"url": "http://1.1.1.1"}).to_string());
    assert_eq!((refused.status, refused.error()), (503, "unavailable".to_owned()));
}
