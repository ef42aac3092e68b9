//! Bookmarks: a registered user's own, on every connection.

use serde_json::{Value, json};

use crate::harness::issuer::{claim, welcomed};
use crate::harness::{TestServer, WebSocketClient, until};

fn bookmarks(client: &mut WebSocketClient) -> Value {
    client.ask(json!({"type": "bookmarks"}))["bookmarks"].clone()
}

#[test]
fn a_users_connections_share_the_bookmarks_and_hear_of_changes() {
    let server = TestServer::start();
    let (ann, bob) = (claim(&server, "Ann"), claim(&server, "Bob"));
    let ((mut desk, _), (mut phone, _)) = (welcomed(&server, &ann), welcomed(&server, &ann));
    let (mut bob, _) = welcomed(&server, &bob);
    assert_eq!(bookmarks(&mut phone), json!([]));
    assert_eq!(desk.ask(json!({"type": "bookmark", "room": "den"}))["type"], "ok");
    assert_eq!(phone.event(), json!({"type": "bookmark", "room": "den", "notify": "all"}));
    assert_eq!(phone.ask(json!({"type": "bookmark", "room": "den", "notify": "mentions"}))["type"], "ok");
    assert_eq!(desk.event(), json!({"type": "bookmark", "room": "den", "notify": "mentions"}));
    // Without a level, the level stays.
    assert_eq!(desk.ask(json!({"type": "bookmark", "room": "den"}))["type"], "ok");
    assert_eq!(desk.ask(json!({"type": "bookmark", "room": "dm:Ann:Bob", "notify": "nothing"}))["type"], "ok");
    let all = json!([{"room": "den", "notify": "mentions"}, {"room": "dm:Ann:Bob", "notify": "nothing"}]);
    assert_eq!((bookmarks(&mut desk), bookmarks(&mut phone)), (all.clone(), all));
    assert_eq!(bookmarks(&mut bob), json!([]));
    phone.ask(json!({"type": "unbookmark", "room": "den"}));
    assert_eq!(desk.event(), json!({"type": "unbookmark", "room": "den"}));
    // Nothing is told of a bookmark that was not there.
    phone.ask(json!({"type": "unbookmark", "room": "den"}));
    phone.ask(json!({"type": "bookmark", "room": "hall"}));
    assert_eq!(desk.event(), json!({"type": "bookmark", "room": "hall", "notify": "all"}));
}

#[cfg(feature = "sqlite")]
#[test]
fn a_new_connection_is_told_what_was_read_in_a_private_conversation() {
    let server = TestServer::with(|settings| settings.data = ":memory:".to_owned());
    let (ann, bob) = (claim(&server, "Ann"), claim(&server, "Bob"));
    let ((mut desk, _), (mut bob, _)) = (welcomed(&server, &ann), welcomed(&server, &bob));
    for text in ["one", "two"] {
        assert_eq!(bob.ask(json!({"type": "private", "to": "Ann", "message": text}))["type"], "sent");
    }
    desk.ask(json!({"type": "bookmark", "room": "dm:Ann:Bob"}));
    desk.command(&json!({"type": "read", "room": "dm:Ann:Bob", "seq": 1}));
    // The mark is stored after the author was told.
    let read = json!([{"room": "dm:Ann:Bob", "notify": "all", "read": 1}]);
    until("the mark is stored", || {
        let (mut phone, _) = welcomed(&server, &ann);
        bookmarks(&mut phone) == read
    });
}

#[test]
fn a_bookmark_is_refused_to_guests_for_conversations_of_others_and_with_another_level() {
    let server = TestServer::start();
    let mut guest = WebSocketClient::multi(&server, "Guest");
    for command in ["bookmarks", "bookmark", "unbookmark"] {
        assert_eq!(guest.ask(json!({"type": command, "room": "den"}))["code"], "unauthorized", "{command}");
    }
    let token = claim(&server, "Ann");
    let (mut ann, _) = welcomed(&server, &token);
    for (command, code) in [
        (json!({"type": "bookmark", "room": "dm:Bob:Cleo"}), "not_member"),
        (json!({"type": "bookmark", "room": "den", "notify": "loud"}), "bad_request"),
        (json!({"type": "bookmark"}), "bad_request"),
        (json!({"type": "bookmark", "room": "a b"}), "bad_request"),
        (json!({"type": "unbookmark"}), "bad_request"),
    ] {
        assert_eq!(ann.ask(command.clone())["code"], code, "{command}");
    }
    assert_eq!(bookmarks(&mut ann), json!([]));
}
