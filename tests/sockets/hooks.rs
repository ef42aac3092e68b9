//! Hooks that come in: who makes them, what they say, and how they end.

use serde_json::{Value, json};

use crate::harness::issuer::{bearer, claim};
use crate::harness::{Answer, Http, TestServer, WebSocketClient, http};

const JSON: &str = "Content-Type: application/json\r\n";
const HOOKS: &str = "/api/v1/rooms/ops/hooks";

/// A room of Olga's, of which a member has the events.
struct Ops {
    server: TestServer,
    token: String,
}

impl Ops {
    fn new(private: bool) -> Self {
        let server = TestServer::start();
        let token = claim(&server, "Olga");
        let ops = Self { server, token };
        let made = ops.ask("POST /api/v1/rooms", &json!({"room": "ops", "private": private}));
        assert_eq!(made.status, 201);
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

    /// A hook of the room: its number and its path.
    fn hook(&self, name: &str) -> (u64, String) {
        let made = self.ask(&format!("POST {HOOKS}"), &json!({"name": name}));
        assert_eq!((made.status, &made.json()["name"]), (201, &json!(name)), "{made:?}");
        (made.json()["hook"].as_u64().unwrap(), made.json()["path"].as_str().unwrap().to_owned())
    }

    fn says(&self, path: &str, body: &str) -> Answer {
        http::ask(&self.server, &format!("POST {path}"), JSON, body)
    }

    fn listener(&self) -> WebSocketClient {
        let (_, http) = Http::connect(&self.server).upgrade("/ws?format=json&room=ops", &bearer(&self.token));
        let mut client = WebSocketClient::after(http);
        client.event_of("welcome");
        client.event_of("joined");
        client
    }
}

#[test]
fn other_software_speaks_by_a_hook_in_either_form() {
    let ops = Ops::new(false);
    let mut listener = ops.listener();
    let (_, path) = ops.hook("CI");
    for (fields, body, user, text) in [
        (JSON, r#"{"text":"Build <https://ci/7|7> failed"}"#, "CI", "Build 7 (https://ci/7) failed"),
        ("", r#"payload=%7B%22text%22%3A%22in+a+form%22%7D"#, "CI", "in a form"),
        (JSON, r#"{"text":"x","username":"Release Bot"}"#, "Release-Bot", "x"),
        // Nobody speaks as the owner of a name.
        (JSON, r#"{"text":"x","username":"Olga"}"#, "CI", "x"),
        (JSON, r#"{"attachments":[{"title":"T","text":"body","fallback":"f"}]}"#, "CI", "T\nbody"),
    ] {
        let answer = http::ask(&ops.server, &format!("POST {path}"), fields, body);
        assert_eq!((answer.status, &*answer.body), (200, "ok"), "{body}");
        let message = listener.event_of("message");
        assert_eq!((&message["user"], &message["message"]), (&json!(user), &json!(text)));
    }
    let key = format!("{JSON}Idempotency-Key: k\r\n");
    for _ in 0..2 {
        assert_eq!(http::ask(&ops.server, &format!("POST {path}"), &key, r#"{"text":"once"}"#).status, 200);
    }
    assert_eq!(ops.says(&path, r#"{"text":"twice"}"#).status, 200);
    assert_eq!(
        [listener.event_of("message"), listener.event_of("message")].map(|event| event["message"].clone()),
        ["once", "twice"]
    );
}

#[test]
fn a_hook_speaks_where_its_room_lets_nobody_else_in_or_speak() {
    let ops = Ops::new(true);
    let (_, path) = ops.hook("CI");
    let mut listener = ops.listener();
    let settings = listener.ask(json!({"type": "settings", "room": "ops", "announcement": true, "slow_mode_s": 60}));
    assert_eq!(settings["type"], "ok");
    for _ in 0..2 {
        assert_eq!(ops.says(&path, r#"{"text":"hi"}"#).status, 200);
        assert_eq!(listener.wait_for_type("message")["user"], "CI");
    }
}

#[test]
fn a_hook_that_was_revoked_leads_nowhere_and_stays_in_the_list() {
    let ops = Ops::new(false);
    let (first, path) = ops.hook("CI");
    let (second, other) = ops.hook("backup");
    assert_eq!(ops.ask(&format!("DELETE {HOOKS}/{first}"), &json!({})).status, 204);
    assert_eq!(ops.ask(&format!("DELETE {HOOKS}/{first}"), &json!({})).status, 404);
    assert_eq!(ops.ask(&format!("DELETE {HOOKS}/x"), &json!({})).status, 400);
    assert_eq!((ops.says(&path, r#"{"text":"hi"}"#).status, ops.says(&other, r#"{"text":"hi"}"#).status), (404, 200));
    let listed = ops.get(HOOKS);
    let shown =
        |hook: &Value| (hook["hook"].as_u64(), hook["name"].clone(), hook["by"].clone(), hook["revoked_by"].clone());
    let hooks: Vec<_> = listed["hooks"].as_array().unwrap().iter().map(shown).collect();
    let expected = [
        (Some(first), json!("CI"), json!("Olga"), json!("Olga")),
        (Some(second), json!("backup"), json!("Olga"), Value::Null),
    ];
    assert_eq!(hooks, expected);
    let text = listed.to_string();
    assert!(!text.contains(path.trim_start_matches("/hooks/")), "the token is not kept: {text}");
}

#[test]
fn the_hooks_of_a_room_end_with_it() {
    let ops = Ops::new(false);
    let (_, path) = ops.hook("CI");
    assert_eq!(ops.ask("DELETE /api/v1/rooms/ops", &json!({})).status, 204);
    assert_eq!(ops.says(&path, r#"{"text":"hi"}"#).status, 404);
}

#[test]
fn who_does_not_moderate_a_room_makes_no_hook_of_it() {
    let ops = Ops::new(false);
    let other = claim(&ops.server, "Stan");
    let add = |fields: &str, name: &str| {
        let body = json!({"name": name}).to_string();
        let answer = http::ask(&ops.server, &format!("POST {HOOKS}"), &format!("{JSON}{fields}"), &body);
        (answer.status, answer.error())
    };
    assert_eq!(add("", "CI"), (403, "forbidden".to_owned()));
    assert_eq!(add(&bearer(&other), "CI"), (403, "forbidden".to_owned()));
    assert_eq!(add(&bearer(&ops.token), "Stan"), (409, "name_taken".to_owned()));
    assert_eq!(add(&bearer(&ops.token), "a b"), (400, "bad_request".to_owned()));
    for number in 0..20 {
        ops.hook(&format!("hook-{number}"));
    }
    assert_eq!(add(&bearer(&ops.token), "CI"), (409, "conflict".to_owned()));
}

#[test]
fn a_name_that_is_registered_later_is_not_spoken_under() {
    let ops = Ops::new(false);
    let (_, path) = ops.hook("CI");
    claim(&ops.server, "CI");
    let refused = ops.says(&path, r#"{"text":"hi"}"#);
    assert_eq!((refused.status, &*refused.error()), (409, "name_taken"));
    assert_eq!(ops.says(&path, r#"{"text":"hi","username":"build"}"#).status, 200);
}

#[test]
fn what_is_no_message_is_refused() {
    let ops = Ops::new(false);
    let (_, path) = ops.hook("CI");
    for (body, status) in [("hello", 400), ("{}", 400), (r#"{"text":" "}"#, 400), (r#"{"text":7}"#, 400), ("[]", 400)] {
        assert_eq!(ops.says(&path, body).status, status, "{body}");
    }
    assert_eq!(ops.says(&path, &json!({"text": "x".repeat(70_000)}).to_string()).status, 413);
    assert_eq!(http::get(&ops.server, &path).status, 405);
    assert_eq!(http::ask(&ops.server, "POST /hooks/", "", "").status, 404);
}

#[test]
fn a_hook_says_sixty_things_a_minute() {
    let ops = Ops::new(false);
    let ((_, path), (_, other)) = (ops.hook("CI"), ops.hook("backup"));
    let mut http = Http::connect(&ops.server);
    // One more with each second that this takes.
    let mut said = 0;
    let refused = loop {
        http.request(&format!("POST {path}"), JSON, r#"{"text":"hi"}"#);
        let answer = http.answer();
        if answer.status != 200 {
            break answer;
        }
        said += 1;
        assert!(said < 1_000, "a hook has no limit");
    };
    assert_eq!((refused.status, refused.field("Retry-After").is_some()), (429, true));
    assert!(said >= 60, "refused after {said}");
    assert_eq!(ops.says(&other, r#"{"text":"hi"}"#).status, 200);
}

#[test]
fn the_token_of_a_hook_is_not_guessed_without_limit() {
    let server = TestServer::with(|settings| {
        settings.address_exempt = Vec::new();
        settings.limits.address_logins_per_min = 2;
    });
    let guess = |number: usize| http::post(&server, &format!("/hooks/{number:032x}"), &json!({"text": "hi"})).status;
    assert_eq!((0..4).map(guess).collect::<Vec<_>>(), [404, 404, 429, 429]);
}
