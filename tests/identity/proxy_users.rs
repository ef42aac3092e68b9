//! A proxy that has authenticated users and names them in a header field: whom the server believes, and what it means.

use std::io::{Read as _, Write as _};

use serde_json::json;

use crate::harness::{Place, Server, bearer};

const FIELD: &str = "--user-header=Remote-User";
const FROM_HERE: &str = "--user-header-from=127.0.0.1";
const HANDSHAKE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Who that is to the server; else the status and what it says.
fn me(server: &Server, fields: &str) -> Result<String, (u16, String)> {
    let (status, answer) = server.ask("GET", "/api/v1/me", fields, "");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    if status == 200 { Ok(text(&answer["user"])) } else { Err((status, text(&answer["error"]["message"]))) }
}

/// The status of the answer to who asks for a WebSocket.
fn upgrade(server: &Server, target: &str, fields: &str) -> u16 {
    let mut stream = server.http();
    let request = format!("GET {target} HTTP/1.1\r\nHost: chat.test\r\n{HANDSHAKE}{fields}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    std::str::from_utf8(&head[9..]).unwrap().parse().unwrap()
}

#[test]
fn whom_a_listed_proxy_names_is_the_user_everywhere() {
    let place = Place::new();
    let server = place.serve(&[FIELD, FROM_HERE]);
    assert_eq!(me(&server, "Remote-User: ann@example.org\r\n").as_deref(), Ok("ann@example.org"));
    assert_eq!(me(&server, "remote-user:  Bob Meyer \r\n").as_deref(), Ok("Bob-Meyer"));
    let (status, me) = server.ask("GET", "/api/v1/me", "Remote-User: ann\r\n", "");
    assert_eq!((status, &me["guest"], &me["admin"]), (200, &json!(false), &json!(null)));
    let message = "{\"message\":\"hello\"}";
    let sent = server.ask("POST", "/api/v1/rooms/den/messages", "Remote-User: ann\r\n", message);
    assert_eq!(sent.0, 201);
    let said = server.ask("GET", "/api/v1/rooms/den/messages", "Remote-User: ann\r\n", "").1;
    assert_eq!(said["messages"][0]["user"], "ann");
    assert_eq!(upgrade(&server, "/ws", "Remote-User: ann\r\n"), 101);
    assert_eq!(upgrade(&server, "/ws?room=den&format=text", "Remote-User: ann\r\n"), 101);
    assert_eq!(upgrade(&server, "/ws?user=bob&format=json", "Remote-User: ann\r\n"), 403);
    // The page gets a token for the name, without a word.
    let offered = server.ask("GET", "/api/v1/server", "Remote-User: ann\r\n", "").1;
    assert_eq!(offered["logins"], json!([{"id": "proxy", "at_once": true}]));
    let mut stream = server.http();
    let ask = "GET /login/proxy?to=/chat/den HTTP/1.1\r\nHost: a\r\nConnection: close\r\nRemote-User: ann\r\n\r\n";
    stream.write_all(ask.as_bytes()).unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let token = page.split_once("data-token=\"").unwrap().1.split('"').next().unwrap().to_owned();
    assert_eq!(server.me(&token).unwrap()["user"], "ann");
    assert!(!server.stop().contains(&token));
}

#[test]
fn a_new_users_requests_that_come_at_once_are_all_theirs() {
    let place = Place::new();
    let server = place.serve(&[FIELD, FROM_HERE]);
    for user in 0..10 {
        let fields = format!("Remote-User: user-{user}\r\n");
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..6).map(|_| scope.spawn(|| me(&server, &fields))).collect();
            for one in all {
                assert_eq!(one.join().unwrap(), Ok(format!("user-{user}")));
            }
        });
    }
    server.stop();
}

#[test]
fn a_header_of_anybody_else_is_ignored_and_logged_once() {
    let place = Place::new();
    let server = place.serve(&[FIELD, "--user-header-from=192.0.2.0/24"]);
    for _ in 0..3 {
        assert_eq!(me(&server, "Remote-User: ann\r\n").unwrap_err().0, 401);
    }
    // Also where the address in a header of another proxy lies in the network.
    assert_eq!(me(&server, "Remote-User: ann\r\nX-Forwarded-For: 192.0.2.7\r\n").unwrap_err().0, 401);
    assert_eq!(upgrade(&server, "/ws?user=eve&format=json", "Remote-User: ann\r\n"), 101, "eve is a guest");
    assert_eq!(server.ask("GET", "/api/v1/server", "Remote-User: ann\r\n", "").1["logins"], json!(null));
    let log = server.stop();
    assert_eq!(log.matches("ignored a user named by somebody").count(), 1, "{log}");
    let server = place.serve(&[FIELD]);
    assert_eq!(me(&server, "Remote-User: ann\r\n").unwrap_err().0, 401);
    assert!(server.stop().contains("--user-header has no effect without --user-header-from"));
}

#[test]
fn a_listed_proxy_that_names_nobody_or_wrongly_is_told_so() {
    let place = Place::new();
    let server = place.serve(&[FIELD, FROM_HERE, "--guests=on"]);
    for (fields, status, why) in [
        ("", 401, "The proxy names nobody: there is no Remote-User"),
        ("Remote-User: \r\n", 401, "The proxy names nobody: there is no Remote-User"),
        ("Remote-User: a\r\nRemote-User: b\r\n", 400, "The proxy sends Remote-User several times, or not as UTF-8"),
        ("Remote-User: ///\r\n", 400, "The proxy sends a Remote-User of which no name can be made"),
        ("Remote-User: guest-1\r\n", 400, "The proxy sends a Remote-User of which no name can be made"),
    ] {
        assert_eq!(me(&server, fields), Err((status, why.to_owned())), "{fields}");
        assert_eq!(
            upgrade(&server, "/ws?user=eve&format=json", fields),
            status,
            "{fields}: nobody is a guest through it"
        );
        let claim = server.ask("POST", "/api/v1/claims", fields, "{\"name\":\"eve\"}");
        assert_eq!(claim.0, status, "{fields}");
    }
    // What is nobody's is there for health checks.
    assert_eq!(server.ask("GET", "/healthz", "", "").0, 200);
    server.stop();
}

#[test]
fn a_token_beside_the_header_is_the_same_users_and_one_alone_is_as_good_as_ever() {
    let place = Place::new();
    let server = place.serve(&[FIELD, FROM_HERE]);
    assert_eq!(me(&server, "Remote-User: ann\r\n").as_deref(), Ok("ann"));
    let [ann, bob] = ["ann", "bob"].map(|user| place.token(&["--user", user, "--admin"]));
    let both = server.ask("GET", "/api/v1/me", &format!("Remote-User: Ann\r\n{}", bearer(&ann)), "").1;
    assert_eq!((&both["user"], &both["admin"]), (&json!("ann"), &json!(true)));
    let refused = me(&server, &format!("Remote-User: ann\r\n{}", bearer(&bob)));
    assert_eq!(refused, Err((403, "The proxy says that you are ann, and the token is bob's".to_owned())));
    assert_eq!(me(&server, &bearer(&bob)).as_deref(), Ok("bob"));
    // A name that was made by hand is not a proxy's to give.
    let taken = me(&server, "Remote-User: bob\r\n");
    assert_eq!(taken, Err((409, "The name bob is another user's here".to_owned())));
    server.stop();
}
