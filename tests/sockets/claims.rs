//! Registered names: claimed once, and refused to every other client over every protocol.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use roomd::Member;
use roomd::chat::{AuthLevel, Code, Identity, RoomName, UserName};
use roomd::engine::clients::recipient::ChannelRecipient;
use serde_json::json;

use crate::harness::issuer::{self, bearer, claim, connect, welcomed};
use crate::harness::{Answer, Http, LineClient, TestServer, WebSocketClient, until};

const JSON: &str = "Content-Type: application/json\r\n";

fn ask(server: &TestServer, name: &str, fields: &str) -> Answer {
    let mut http = Http::connect(server);
    http.request("POST /api/v1/claims", &format!("{JSON}{fields}"), &json!({"name": name}).to_string());
    http.answer()
}

fn me(server: &TestServer, fields: &str) -> Answer {
    let mut http = Http::connect(server);
    http.request("GET /api/v1/me", fields, "");
    http.answer()
}

#[test]
fn a_free_name_is_registered_to_the_first_client_that_claims_it() {
    let server = TestServer::start();
    let answer = ask(&server, "Alice", "");
    assert_eq!((answer.status, &answer.json()["user"]), (201, &json!("Alice")));
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let owner = me(&server, &bearer(&token));
    assert_eq!(
        (owner.status, owner.json()["user"].clone(), owner.json()["guest"].clone()),
        (200, json!("Alice"), json!(false))
    );
    for name in ["Alice", "aLICE", "Ａｌｉｃｅ"] {
        assert_eq!((ask(&server, name, "").status, &*ask(&server, name, "").error()), (409, "name_taken"), "{name}");
    }
    let anonymous = me(&server, "");
    assert_eq!((anonymous.status, anonymous.field("WWW-Authenticate")), (401, Some("Bearer")));
}

#[test]
fn a_client_can_ask_for_the_identity_that_it_would_have() {
    let server = TestServer::start();
    let token = ask(&server, "Alice", "").json()["token"].as_str().unwrap().to_owned();
    let strict = TestServer::with(|settings| settings.guests = Some(false));
    let asked = |server: &TestServer, user: &str, fields: &str| {
        let mut http = Http::connect(server);
        http.request(&format!("GET /api/v1/me?user={user}"), fields, "");
        http.answer()
    };
    let free = asked(&server, "Bob", "");
    assert_eq!(
        (free.status, free.json()),
        (200, json!({"user": "Bob", "guest": true, "rate": {"burst": 10, "per_s": 0}}))
    );
    assert_eq!(asked(&server, "Alice", &bearer(&token)).json()["guest"], false);
    for (server, user, fields, status, code) in [
        (&server, "Alice", String::new(), 409, "name_taken"),
        (&server, "Bob", bearer(&token), 403, "forbidden"),
        (&server, "Bob", bearer("nonsense"), 401, "unauthorized"),
        (&server, "a%3Ab", String::new(), 400, "bad_request"),
        (&strict, "Bob", String::new(), 401, "unauthorized"),
    ] {
        let answer = asked(server, user, &fields);
        assert_eq!((answer.status, &*answer.error()), (status, code), "{user} {fields}");
    }
}

#[test]
fn of_many_clients_that_claim_a_name_at_once_one_gets_it() {
    let server = TestServer::start();
    for round in 0..10 {
        let start = Barrier::new(4);
        let mut statuses = thread::scope(|scope| {
            let claims: Vec<_> = (0..4)
                .map(|number| {
                    let (server, start) = (&server, &start);
                    let name = if number % 2 == 0 { format!("Anna{round}") } else { format!("ANNA{round}") };
                    scope.spawn(move || {
                        start.wait();
                        ask(server, &name, "").status
                    })
                })
                .collect();
            claims.into_iter().map(|claim| claim.join().unwrap()).collect::<Vec<_>>()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409]);
    }
}

#[test]
fn a_name_that_is_in_use_is_not_free() {
    let server = TestServer::start();
    let guest = WebSocketClient::text(&server, "den", "Otto");
    assert_eq!(ask(&server, "OTTO", "").error(), "name_taken");
    guest.leave();
    until("the guest is gone", || !server.engine().directory.is_used(&UserName::parse("otto").unwrap()));
    assert_eq!(ask(&server, "OTTO", "").status, 201);
}

#[test]
fn of_a_claim_and_a_guest_at_once_one_gets_the_name() {
    let server = TestServer::start();
    for round in 0..20 {
        let name = format!("Rita{round}");
        let start = Barrier::new(2);
        // The guest's connection, if it stays, so that it lives until the claim is answered.
        let (claimed, stays) = thread::scope(|scope| {
            let claim = scope.spawn(|| {
                start.wait();
                ask(&server, &name, "").status == 201
            });
            start.wait();
            let (answer, http) = Http::connect(&server).upgrade(&format!("/ws?user={name}&format=json"), "");
            let mut guest = (answer.status == 101).then(|| WebSocketClient::after(http));
            let stays = guest.as_mut().is_some_and(|guest| {
                guest.event_of("welcome");
                guest.command(&json!({"type": "ping"}));
                // A guest that connected in the same moment is disconnected instead of answered.
                guest.event()["type"] == "pong"
            });
            (claim.join().unwrap(), stays)
        });
        assert!(!(claimed && stays), "{name} has an owner and a guest");
    }
}

#[test]
fn a_registered_name_is_refused_to_guests_over_every_protocol() {
    let server = TestServer::start();
    let token = claim(&server, "Alice");
    for name in ["Alice", "alice", "ALICE"] {
        for query in [format!("room=den&user={name}"), format!("user={name}&format=json")] {
            let (answer, _) = Http::connect(&server).upgrade(&format!("/ws?{query}"), "");
            assert_eq!((answer.status, &*answer.error()), (409, "name_taken"), "{query}");
        }
        let mut http = Http::connect(&server);
        let body = json!({"message": "hi", "user": name}).to_string();
        http.request("POST /api/v1/rooms/den/messages", JSON, &body);
        assert_eq!(http.answer().error(), "name_taken");
        let join = |identity: Identity| {
            let (sender, _) = crossbeam_channel::bounded(16);
            let room = RoomName::parse("den").unwrap();
            Member::join(server.engine(), &room, identity, Arc::new(ChannelRecipient::new(sender)), 0).map(drop)
        };
        let user = UserName::parse(name).unwrap();
        assert_eq!(join(user.clone().into()).unwrap_err().code, Code::NameTaken);
        // A program in this process is trusted.
        assert!(join(Identity { user, auth_level: AuthLevel::Registered, claims: None }).is_ok());
    }
    // With the token each of them works.
    let mut text = connect(&server, "/ws?room=den&user=Alice", &token);
    text.wait_for("Alice joined the room");
    let mut http = Http::connect(&server);
    http.request("POST /api/v1/rooms/den/messages", &format!("{JSON}{}", bearer(&token)), "{\"message\":\"hi\"}");
    assert_eq!(http.answer().status, 201);
    text.wait_for("Alice: hi");
}

#[test]
fn a_guest_that_is_refused_another_name_keeps_its_own() {
    let server = TestServer::start();
    claim(&server, "Alice");
    let mut guest = LineClient::guest(&server);
    guest.say("/nick ALICE");
    guest.receives("Error: The name ALICE is taken");
    guest.say("/who");
    guest.receives(&format!("* In lobby: {}", guest.name));
    guest.say("/nick Bob");
    guest.wait_for("Bob joined the room");
}

#[test]
fn what_cannot_be_claimed_is_refused_with_a_sentence() {
    let server = TestServer::start();
    for name in ["", "a b", "Error", "guest-123abc", "GUEST-x", "guest-"] {
        let answer = ask(&server, name, "");
        assert_eq!((answer.status, &*answer.error()), (400, "bad_request"), "{name}");
    }
    let mut http = Http::connect(&server);
    http.request("GET /api/v1/claims", "", "");
    assert_eq!((http.answer().status, ask(&server, "Alice", "Origin: https://evil.example\r\n").status), (405, 403));
    let closed = TestServer::with(|settings| settings.claims = Some(false));
    assert_eq!((ask(&closed, "Alice", "").status, &*ask(&closed, "Alice", "").error()), (403, "forbidden"));
}

#[test]
fn an_address_claims_so_many_names_an_hour() {
    let server = TestServer::with(|settings| {
        settings.limits.address_claims_per_h = 2;
        settings.address_exempt = Vec::new();
    });
    assert_eq!([ask(&server, "a", "").status, ask(&server, "b", "").status], [201, 201]);
    let refused = ask(&server, "c", "");
    assert_eq!((refused.status, &*refused.error()), (429, "rate_limited"));
    let wait: u64 = refused.field("Retry-After").unwrap().parse().unwrap();
    assert!((1..=1_800).contains(&wait), "{wait}");
}

#[test]
fn the_owner_of_a_name_gets_another_token_for_it() {
    let server = issuer::server(|_| ());
    let token = claim(&server, "Alice");
    let again = ask(&server, "Alice", &bearer(&token));
    assert_eq!(again.status, 201);
    let new = again.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(me(&server, &bearer(&new)).json()["user"], "Alice");
    // The token is for one name, and a token of an issuer is renewed by that issuer.
    assert_eq!(ask(&server, "Bob", &bearer(&token)).error(), "forbidden");
    assert_eq!(ask(&server, "Carl", &bearer(&issuer::good("Carl"))).error(), "forbidden");
}

#[test]
fn a_guest_whose_name_is_registered_meanwhile_is_disconnected() {
    let server = issuer::server(|settings| settings.limits.grace = Duration::from_secs(60));
    let mut guest = WebSocketClient::multi(&server, "alice");
    let mut detached = WebSocketClient::open(&server, "/ws?user=ALICE&format=json");
    let session = detached.event_of("welcome")["resume"].clone();
    rustix::net::sockopt::set_socket_linger(&**detached.stream(), Some(Duration::ZERO)).unwrap();
    drop(detached);
    until("it is parked", || server.engine().sessions.detached() == 1);
    let (mut owner, welcome) = welcomed(&server, &issuer::good("Alice"));
    assert_eq!((&welcome["user"], &welcome["guest"]), (&json!("Alice"), &json!(false)));
    let ending = guest.ending();
    assert_eq!((ending.code, &*ending.reason), (Some(4403), "name_taken"));
    let mut other = WebSocketClient::open(&server, "/ws");
    assert_eq!(other.ask(json!({"type": "resume", "resume": session}))["code"], "session_expired");
    // Another spelling of the name is refused as well.
    let (answer, _) = Http::connect(&server).upgrade("/ws", &bearer(&issuer::good("alice")));
    assert_eq!((answer.status, &*answer.error()), (401, "unauthorized"));
    assert_eq!(owner.ask(json!({"type": "ping"}))["type"], "pong");
}

fn give_up(server: &TestServer, name: &str, token: &str) -> Answer {
    let mut http = Http::connect(server);
    let fields = if token.is_empty() { String::new() } else { bearer(token) };
    http.request(&format!("DELETE /api/v1/claims/{name}"), &fields, "");
    http.answer()
}

fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_name_that_its_owner_gives_up_is_free_and_nothing_of_the_owner_stays_with_it() {
    let server = TestServer::start();
    let token = token_of(&ask(&server, "Alice", ""));
    let (mut alice, _) = welcomed(&server, &token);
    assert_eq!(give_up(&server, "Alice", "").status, 401);
    let other = token_of(&ask(&server, "Bob", ""));
    assert_eq!((give_up(&server, "Alice", &other).status, give_up(&server, "Nobody", &other).status), (403, 403));
    assert_eq!(give_up(&server, "Alice", &token).status, 204);
    let ending = alice.ending();
    assert_eq!((ending.code, &*ending.reason), (Some(4401), "unauthorized"));
    // The token is void, and does not bring the name back by being shown.
    assert_eq!(me(&server, &bearer(&token)).status, 401);
    let guest = WebSocketClient::multi(&server, "Alice");
    assert_eq!(ask(&server, "Alice", "").status, 409, "somebody uses it");
    guest.leave();
    until("nobody uses it", || server.server().connections() == 0);
    let new = token_of(&ask(&server, "alice", ""));
    assert_eq!((me(&server, &bearer(&token)).status, me(&server, &bearer(&new)).status), (401, 200));
    assert_eq!(give_up(&server, "alice", &token).status, 401);
}

#[test]
fn a_name_can_be_given_up_over_a_websocket_and_taken_back() {
    let server = TestServer::start();
    let token = token_of(&ask(&server, "Alice", ""));
    let (mut alice, _) = welcomed(&server, &token);
    let (mut second, _) = welcomed(&server, &token);
    assert_eq!(alice.ask(json!({"type": "unclaim", "user": "Bob"}))["code"], "forbidden");
    assert_eq!(alice.ask(json!({"type": "unclaim"}))["code"], "bad_request");
    assert_eq!(alice.ask(json!({"type": "unclaim", "user": "Alice"}))["type"], "ok");
    for ended in [&mut alice, &mut second] {
        assert_eq!(ended.ending().code, Some(4401));
    }
    let mut guest = WebSocketClient::multi(&server, "Gus");
    assert_eq!(guest.ask(json!({"type": "unclaim", "user": "Gus"}))["code"], "forbidden");
    until("nobody uses it", || server.server().connections() == 1);
    // Whoever gave it up may still show the old token, and gets a new one as anybody would.
    let back = token_of(&ask(&server, "Alice", &bearer(&token)));
    assert_eq!((me(&server, &bearer(&token)).status, me(&server, &bearer(&back)).status), (401, 200));
}

#[test]
fn a_session_of_a_name_that_was_given_up_is_not_resumed() {
    let server = TestServer::with(|settings| settings.limits.grace = Duration::from_secs(60));
    let token = token_of(&ask(&server, "Alice", ""));
    let (alice, welcome) = welcomed(&server, &token);
    drop(alice);
    until("its session waits", || server.engine().sessions.detached() == 1);
    assert_eq!(give_up(&server, "Alice", &token).status, 204);
    assert_eq!(ask(&server, "Alice", "").status, 409, "the session still uses it");
    let mut thief = WebSocketClient::multi(&server, "nobody");
    let answer = thief.ask(json!({"type": "resume", "resume": welcome["resume"]}));
    assert_eq!(answer["code"], "session_expired");
    assert_eq!(ask(&server, "Alice", "").status, 201);
}

#[cfg(feature = "sqlite")]
#[test]
fn a_name_that_owns_rooms_stays_and_one_on_a_list_leaves_it() {
    let server = TestServer::start();
    let [ann, bob] = ["Ann", "Bob"].map(|name| token_of(&ask(&server, name, "")));
    let (mut owner, _) = welcomed(&server, &ann);
    let plans = json!({"type": "create", "room": "plans", "private": true, "members": ["Bob"]});
    assert_eq!(owner.ask(plans)["type"], "created");
    let refused = give_up(&server, "Ann", &ann);
    assert_eq!((refused.status, refused.error()), (403, "forbidden".to_owned()));
    let (mut member, _) = welcomed(&server, &bob);
    assert_eq!(member.ask(json!({"type": "join", "room": "plans"}))["type"], "joined");
    assert_eq!(give_up(&server, "Bob", &bob).status, 204);
    member.ending();
    until("nobody uses it", || server.server().connections() == 1);
    let (mut stranger, _) = welcomed(&server, &token_of(&ask(&server, "Bob", "")));
    assert_eq!(stranger.ask(json!({"type": "join", "room": "plans"}))["code"], "forbidden");
    // Once the room has ended, its owner is free to go.
    assert_eq!(owner.ask(json!({"type": "end", "room": "plans"}))["type"], "ok");
    assert_eq!(owner.ask(json!({"type": "unclaim", "user": "Ann"}))["type"], "ok");
}

#[test]
fn a_name_that_nobody_uses_can_be_claimed_when_it_has_lapsed() {
    let server = TestServer::with(|settings| settings.limits.retain_names = Duration::from_millis(1));
    let first = token_of(&ask(&server, "Alice", ""));
    let (alice, _) = welcomed(&server, &first);
    assert_eq!(ask(&server, "Alice", "").status, 409, "its owner is here");
    alice.leave();
    until("its owner has left", || server.server().connections() == 0);
    let second = token_of(&ask(&server, "alice", ""));
    assert_eq!((me(&server, &bearer(&first)).status, me(&server, &bearer(&second)).status), (401, 200));
}
