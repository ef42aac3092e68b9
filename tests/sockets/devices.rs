//! The devices of a name: signed in with a code, listed, and ended one by one.

use std::time::Duration;

use roomd::auth::Claims;
use roomd::auth::jwt::Jwt;
use roomd::chat::device::{DEVICES_MAX, Device, DeviceId};
use roomd::chat::{Time, UserName};
use serde_json::{Value, json};

use crate::harness::http::ask;
use crate::harness::issuer::{self, bearer, claim, welcomed};
use crate::harness::{Answer, LineClient, TestServer, WebSocketClient, until};

const JSON: &str = "Content-Type: application/json\r\n";

fn api(server: &TestServer, request: &str, token: &str, body: Option<Value>) -> Answer {
    let bearer = if token.is_empty() { String::new() } else { bearer(token) };
    let (media, body) = body.map_or((String::new(), String::new()), |body| (JSON.to_owned(), body.to_string()));
    ask(server, request, &format!("{bearer}{media}"), &body)
}

fn code(server: &TestServer, token: &str) -> String {
    let answer = api(server, "POST /api/v1/devices/codes", token, None);
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(answer.json()["expires"].is_string());
    answer.json()["code"].as_str().unwrap().to_owned()
}

fn redeem(server: &TestServer, code: &str, label: &str) -> Answer {
    api(server, "POST /api/v1/devices", "", Some(json!({"code": code, "label": label})))
}

fn second(server: &TestServer, token: &str, label: &str) -> String {
    let answer = redeem(server, &code(server, token), label);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["token"].as_str().unwrap().to_owned()
}

fn devices(server: &TestServer, token: &str) -> Vec<Value> {
    api(server, "GET /api/v1/devices", token, None).json()["devices"].as_array().unwrap().clone()
}

#[test]
fn a_second_device_is_signed_in_with_a_code_that_is_good_once() {
    let server = TestServer::start();
    let first = claim(&server, "Ann");
    let given = code(&server, &first);
    let described = api(&server, "POST /api/v1/codes", "", Some(json!({"code": given})));
    assert_eq!((described.status, &described.json()["user"]), (200, &json!("Ann")));
    let answer = redeem(&server, &given, "Firefox on Android");
    assert_eq!((answer.status, &answer.json()["user"]), (201, &json!("Ann")));
    let second = answer.json()["token"].as_str().unwrap().to_owned();
    assert_eq!((redeem(&server, &given, "").status, &*redeem(&server, &given, "").error()), (401, "unauthorized"));
    assert_eq!(redeem(&server, "0123", "").status, 401);
    assert_eq!(api(&server, "POST /api/v1/codes", "", Some(json!({"code": given}))).status, 401);
    let (_, welcome) = welcomed(&server, &second);
    assert_eq!((&welcome["user"], &welcome["device"]), (&json!("Ann"), &answer.json()["device"]));
    let listed = devices(&server, &second);
    let labels: Vec<_> = listed.iter().map(|device| (device["label"].clone(), device["current"].clone())).collect();
    assert_eq!(labels, [(Value::Null, Value::Null), (json!("Firefox on Android"), json!(true))]);
    // It renews its own token, and stays itself.
    let renewed = api(&server, "POST /api/v1/claims", &second, Some(json!({"name": "Ann"})));
    assert_eq!((renewed.status, &renewed.json()["device"]), (201, &answer.json()["device"]));
    assert_eq!(devices(&server, &first).len(), 2);
}

#[test]
fn a_device_that_is_ended_is_out_at_once_and_the_others_stay() {
    let server = TestServer::with(|settings| settings.limits.grace = Duration::from_secs(60));
    let first = claim(&server, "Ann");
    let other = second(&server, &first, "phone");
    let (mut ann, _) = welcomed(&server, &first);
    let (mut phone, _) = welcomed(&server, &other);
    let (lost, welcome) = welcomed(&server, &other);
    drop(lost);
    until("its session waits", || server.engine().sessions.detached() == 1);
    let id = devices(&server, &first)[1]["device"].as_str().unwrap().to_owned();
    assert_eq!(devices(&server, &first)[1]["connections"], 2);
    assert_eq!(api(&server, &format!("DELETE /api/v1/devices/{id}"), &first, None).status, 204);
    assert_eq!(phone.event_of("goodbye")["reason"], "signed_out");
    let ending = phone.ending();
    assert_eq!((ending.code, &*ending.reason), (Some(4401), "signed_out"));
    assert_eq!(api(&server, "GET /api/v1/me", &other, None).status, 401);
    assert_eq!(api(&server, "POST /api/v1/claims", &other, Some(json!({"name": "Ann"}))).status, 401);
    assert_eq!(ann.ask(json!({"type": "resume", "resume": welcome["resume"]}))["code"], "session_expired");
    assert_eq!(ann.ask(json!({"type": "ping"}))["type"], "pong");
    let again = api(&server, &format!("DELETE /api/v1/devices/{id}"), &first, None);
    assert_eq!((again.status, &*again.error()), (404, "not_found"));
}

#[test]
fn devices_are_asked_for_over_json() {
    let server = TestServer::start();
    let (mut ann, _) = welcomed(&server, &claim(&server, "Ann"));
    let added = ann.ask(json!({"type": "add_device"}));
    assert_eq!(added["type"], "device_code");
    assert_eq!(redeem(&server, added["code"].as_str().unwrap(), "phone").status, 201);
    let listed = ann.ask(json!({"type": "devices"}))["devices"].clone();
    assert_eq!((&listed[0]["current"], &listed[1]["label"]), (&json!(true), &json!("phone")));
    assert_eq!(ann.ask(json!({"type": "end_device", "device": "phone"}))["code"], "bad_request");
    assert_eq!(ann.ask(json!({"type": "end_device"}))["code"], "bad_request");
    assert_eq!(ann.ask(json!({"type": "end_device", "device": listed[1]["device"]}))["type"], "ok");
    // Its own is ended last.
    assert_eq!(ann.ask(json!({"type": "end_device", "device": listed[0]["device"]}))["type"], "ok");
    assert_eq!(ann.ending().code, Some(4401));
    let mut guest = WebSocketClient::multi(&server, "Gus");
    for command in ["devices", "add_device"] {
        assert_eq!(guest.ask(json!({"type": command}))["code"], "unauthorized");
    }
}

#[test]
fn devices_are_asked_for_in_text() {
    let server = TestServer::start();
    let token = claim(&server, "Ann");
    let other = second(&server, &token, "phone");
    let id = devices(&server, &other)[1]["device"].as_str().unwrap().to_owned();
    let mut line = LineClient::guest(&server);
    line.say(&format!("/auth {token}"));
    line.wait_for("Ann joined the room");
    line.say("/devices");
    assert!(line.receive().ends_with(", this one"));
    assert!(line.receive().starts_with(&format!("* {id}: phone, since ")));
    line.say("/device add");
    let said = line.receive();
    let code = said.rsplit(' ').next().unwrap();
    assert_eq!(redeem(&server, code, "").status, 201, "{said}");
    line.say("/device remove");
    line.receives("Error: Usage: /device add|end ID");
    line.say(&format!("/device end {id}"));
    line.say("/device end 0123456789abcdef");
    line.receives("Error: There is no device 0123456789abcdef");
    assert_eq!(api(&server, "GET /api/v1/me", &other, None).status, 401);
}

#[test]
fn what_signs_in_no_device_is_refused() {
    let server = issuer::server(|_| ());
    claim(&server, "Ann");
    // Whoever gave a token decides who else has one, and a guest has no name to give.
    let foreign = issuer::good("Ann");
    assert_eq!(api(&server, "POST /api/v1/devices/codes", &foreign, None).error(), "forbidden");
    for request in ["POST /api/v1/devices/codes", "GET /api/v1/devices", "DELETE /api/v1/devices/0000000000000001"] {
        assert_eq!(api(&server, request, "", None).status, 401, "{request}");
    }
    // It is the owner's all the same.
    let id = devices(&server, &foreign)[0]["device"].as_str().unwrap().to_owned();
    assert_eq!(api(&server, &format!("DELETE /api/v1/devices/{id}"), &foreign, None).status, 204);
    for body in [json!({}), json!({"code": "x", "label": "a\nb"}), json!({"code": "x", "label": "x".repeat(65)})] {
        assert_eq!(api(&server, "POST /api/v1/devices", "", Some(body.clone())).status, 400, "{body}");
    }
}

#[test]
fn an_address_tries_so_many_codes_and_a_name_has_so_many_devices() {
    let server = TestServer::with(|settings| {
        settings.limits.address_logins_per_min = 3;
        settings.address_exempt = Vec::new();
    });
    let token = claim(&server, "Ann");
    for _ in 1..DEVICES_MAX {
        second(&server, &token, "");
    }
    assert_eq!(api(&server, "POST /api/v1/devices/codes", &token, None).error(), "forbidden");
    for _ in 0..3 {
        assert_eq!(redeem(&server, "wrong", "").status, 401);
    }
    assert_eq!(redeem(&server, "wrong", "").status, 429);
}

#[test]
fn a_token_from_before_devices_is_that_of_the_first() {
    let server = TestServer::start();
    let name = UserName::parse("Ann").unwrap();
    claim(&server, "Ann");
    let accounts = server.engine().auth.accounts();
    let key = accounts.keys().unwrap().remove(0);
    let now = Time(server.engine().clock.now().at.0);
    let claims =
        Claims { device: Some(DeviceId::FIRST), ..Claims::of(name.clone(), now.after(Duration::from_secs(900))) };
    let old = Jwt::signed_by(&key, &claims, now).unwrap();
    assert_eq!(api(&server, "GET /api/v1/me", &old, None).status, 401, "this name never had it");
    let first = Device { id: DeviceId::FIRST, label: None, created: now, seen: None };
    server.engine().auth.devices().stored(&name, first);
    assert_eq!(api(&server, "GET /api/v1/me", &old, None).json()["device"], "0000000000000000");
    assert_eq!(devices(&server, &old)[1]["current"], true);
}
