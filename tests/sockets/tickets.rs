//! Tickets: each stands for a token once. And streams whose user is known by a token.

use std::time::Duration;

use serde_json::json;

use crate::harness::issuer::{self, bearer, claim};
use crate::harness::{Answer, EventClient, Http, TestServer, WebSocketClient, http};

fn ticket(server: &TestServer, token: &str) -> String {
    let answer = http::ask(server, "POST /api/v1/tickets", &bearer(token), "");
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["expires_in_ms"], 30_000);
    answer.json()["ticket"].as_str().unwrap().to_owned()
}

fn get(server: &TestServer, path: &str) -> Answer {
    http::get(server, path)
}

#[test]
fn a_ticket_opens_one_stream_as_the_user_of_its_token() {
    let server = TestServer::start();
    let token = claim(&server, "Alice");
    let path = format!("/api/v1/rooms/den/events?announce=true&ticket={}", ticket(&server, &token));
    let mut bob = WebSocketClient::json(&server, "den", "Bob");
    let mut stream = EventClient::open(&server, &path);
    assert_eq!(stream.event_of("joined")["members"], json!(["Alice", "Bob"]));
    assert_eq!(bob.wait_for_type("join")["user"], "Alice");
    let again = get(&server, &path);
    assert_eq!((again.status, &*again.error()), (401, "unauthorized"));
}

#[test]
fn a_ticket_opens_a_websocket_too() {
    let server = TestServer::start();
    let token = claim(&server, "Alice");
    let mut socket = WebSocketClient::open(&server, &format!("/ws?format=json&ticket={}", ticket(&server, &token)));
    let welcome = socket.event_of("welcome");
    assert_eq!((&welcome["user"], &welcome["guest"]), (&json!("Alice"), &json!(false)));
}

#[test]
fn a_ticket_is_for_whoever_shows_a_token_and_for_nobody_else() {
    let server = TestServer::start();
    let token = claim(&server, "Alice");
    assert_eq!(http::ask(&server, "POST /api/v1/tickets", "", "").status, 401);
    assert_eq!(http::ask(&server, "POST /api/v1/tickets", &bearer("x"), "").status, 401);
    let both = format!("/api/v1/events?room=den&token={token}&ticket={}", ticket(&server, &token));
    assert_eq!(get(&server, &both).status, 400);
    let other = format!("/api/v1/events?room=den&user=Bob&ticket={}", ticket(&server, &token));
    assert_eq!(get(&server, &other).status, 403);
    let held = ticket(&server, &token);
    let given_up = http::ask(&server, "DELETE /api/v1/claims/Alice", &bearer(&token), "");
    assert_eq!(given_up.status, 204);
    assert_eq!(get(&server, &format!("/api/v1/events?room=den&ticket={held}")).status, 401);
}

#[test]
fn an_address_is_issued_so_many_tickets() {
    let server = TestServer::with(|settings| settings.address_exempt = Vec::new());
    let token = claim(&server, "Alice");
    let mut status = Vec::new();
    for _ in 0..3 {
        let mut http = Http::connect(&server);
        for _ in 0..100 {
            http.request("POST /api/v1/tickets", &bearer(&token), "");
            status.push(http.answer().status);
        }
    }
    assert_eq!(status, [[201; 200].as_slice(), &[429; 100]].concat());
}

#[test]
fn a_registered_name_streams_with_a_token_alone() {
    let server = TestServer::start();
    let token = claim(&server, "Alice");
    let path = "/api/v1/rooms/den/events?user=Alice";
    assert_eq!((get(&server, path).status, &*get(&server, path).error()), (409, "name_taken"));
    let mut stream = EventClient::open_with(&server, path, &bearer(&token));
    stream.event_of("joined");
}

#[test]
fn a_stream_ends_with_its_token_or_when_its_name_is_registered() {
    let server = issuer::server(|settings| settings.limits.token_warning = Duration::from_secs(2));
    let token = issuer::lasting("Alice", Duration::from_secs(6));
    let mut stream = EventClient::open_with(&server, "/api/v1/rooms/den/events", &bearer(&token));
    stream.event_of("joined");
    stream.event_of("token_expiring");
    let goodbye = stream.event_of("goodbye");
    assert_eq!((&goodbye["reason"], &goodbye["reconnect"]), (&json!("token_expired"), &json!(false)));
    assert_eq!(stream.next(), None);
    let mut guest = EventClient::open(&server, "/api/v1/rooms/den/events?user=Carl");
    guest.event_of("joined");
    let owner = http::ask(&server, "GET /api/v1/me", &bearer(&issuer::good("Carl")), "");
    assert_eq!(owner.status, 200);
    assert_eq!(guest.event_of("goodbye")["reason"], "name_taken");
    assert_eq!(guest.next(), None);
}
