//! What an admin sees of the server, and does with it.

mod accounts;
mod announcements;
mod bans;
mod connections;
mod keys;
mod rooms;

use serde_json::{Value, json};

use crate::harness::http::ask;
use crate::harness::issuer::{self, bearer, good, welcomed};
use crate::harness::{Answer, TestServer, WebSocketClient, free, until};

const JSON: &str = "Content-Type: application/json\r\n";

/// A server with every door, that accepts the tokens of the issuer.
fn server() -> TestServer {
    issuer::server(|settings| settings.irc = Some(free()))
}

/// A token of an admin.
fn admin() -> String {
    issuer::token(json!({"sub": "Root", "exp": 4_000_000_000_u64, "admin": true}))
}

/// A request below `/api/v1/admin/`, such as `GET connections`, of an admin.
fn api(server: &TestServer, request: &str, body: Option<Value>) -> Answer {
    let (method, path) = request.split_once(' ').unwrap();
    let fields = format!("{}{}", bearer(&admin()), if body.is_some() { JSON } else { "" });
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    ask(server, &format!("{method} /api/v1/admin/{path}"), &fields, &body)
}

/// The list that a path gives.
fn list(server: &TestServer, path: &str) -> Vec<Value> {
    let answer = api(server, &format!("GET {path}"), None);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    let name = path.split('?').next().unwrap();
    answer.json()[name].as_array().unwrap().clone()
}

/// Bob, who is in `den`, and what Ann was welcomed with, who was there too and has lost her connection: her session waits.
fn bob_and_a_lost_session(server: &TestServer) -> (WebSocketClient, Value) {
    let (mut bob, _) = welcomed(server, &good("Bob"));
    bob.ask(json!({"type": "join", "room": "den"}));
    let (mut ann, welcome) = welcomed(server, &good("Ann"));
    ann.ask(json!({"type": "join", "room": "den"}));
    drop(ann);
    until("its session waits", || server.engine().sessions.detached() == 1);
    (bob, welcome)
}
