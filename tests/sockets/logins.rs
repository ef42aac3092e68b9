//! Invalid tokens: how often an address may show them.

use serde_json::json;

use crate::harness::http::{self, ask};
use crate::harness::{LineClient, TestServer, WebSocketClient};

/// A server that exempts no address, and allows two failures a minute.
fn strict(offences: u32) -> TestServer {
    TestServer::with(|settings| {
        settings.address_exempt = Vec::new();
        settings.limits.address_logins_per_min = 2;
        settings.limits.rate_offences_max = offences;
        settings.limits.rate_per_s = 1;
        settings.limits.rate_burst = 100;
    })
}

fn me(server: &TestServer) -> http::Answer {
    ask(server, "GET /api/v1/me", "Authorization: Bearer nonsense\r\n", "")
}

#[test]
fn tokens_cannot_be_tried_without_limit_over_any_protocol() {
    let server = strict(1000);
    assert_eq!(me(&server).status, 401);
    let mut client = WebSocketClient::multi(&server, "Ann");
    assert_eq!(client.ask(json!({"type": "auth", "token": "nonsense"}))["code"], "unauthorized");
    let answer = me(&server);
    assert_eq!((answer.status, answer.error()), (429, "rate_limited".to_owned()));
    assert!(answer.field("Retry-After").is_some());
    let refused = client.ask(json!({"type": "auth", "token": "nonsense"}));
    assert_eq!(refused["code"], "rate_limited");
    assert!(refused["retry_after_ms"].as_u64().unwrap() > 0, "{refused}");
    let (upgrade, _) = crate::harness::Http::connect(&server).upgrade("/ws?token=nonsense", "");
    assert_eq!(upgrade.status, 429);
    let mut line = LineClient::guest(&server);
    line.say("/auth nonsense");
    line.wait_for("Error: Too many logins from this address have failed");
    // A client without a token is served as before.
    assert_eq!(http::get(&server, "/api/v1/rooms").status, 200);
}

#[test]
fn a_client_that_keeps_trying_tokens_is_closed_with_4429() {
    let server = strict(5);
    let mut client = WebSocketClient::multi(&server, "Ann");
    for _ in 0..8 {
        client.command(&json!({"type": "auth", "token": "nonsense"}));
    }
    assert_eq!(client.ending().code, Some(4429));
}
