//! Searching all rooms that a client may read: which they are, and how one goes on.

use serde_json::{Value, json};

use crate::harness::issuer::{bearer, claim, connect};
use crate::harness::{Http, TestServer, WebSocketClient, http};

/// The answer to a search, with a token or as a guest.
fn search(server: &TestServer, token: Option<&str>, query: &str) -> Value {
    let fields = token.map(bearer).unwrap_or_default();
    let answer = http::ask(server, &format!("GET /api/v1/search?{query}"), &fields, "");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// Where the messages of an answer stand, as `room/seq`.
fn places(answer: &Value) -> Vec<String> {
    let messages = answer["messages"].as_array().unwrap();
    messages.iter().map(|message| format!("{}/{}", message["room"].as_str().unwrap(), message["seq"])).collect()
}

fn sorted(mut places: Vec<String>) -> Vec<String> {
    places.sort();
    places
}

fn say(client: &mut WebSocketClient, room: &str, text: &str) {
    let sent = client.ask(json!({"type": "message", "room": room, "message": text}));
    assert_eq!(sent["type"], "sent", "{sent}");
}

#[test]
fn a_search_of_all_rooms_finds_what_the_client_may_read_and_nothing_else() {
    let server = TestServer::start();
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| claim(&server, name));
    let mut anna = connect(&server, "/ws", &alice);
    assert_eq!(anna.ask(json!({"type": "create", "room": "den", "private": true}))["type"], "created");
    for room in ["den", "hall", "yard"] {
        assert_eq!(anna.ask(json!({"type": "join", "room": room}))["type"], "joined");
    }
    say(&mut anna, "hall", "the zebra in the hall");
    say(&mut anna, "den", "the zebra in the den");
    say(&mut anna, "yard", "今日は天気がいいですね zebra");
    say(&mut anna, "hall", "a horse");
    let told = anna.ask(json!({"type": "private", "to": "Bob", "message": "a zebra for Bob"}));
    assert_eq!(told["type"], "sent", "{told}");
    // Messages of one millisecond have no order among different rooms.
    let of = |token: Option<&str>, query: &str| sorted(places(&search(&server, token, query)));
    let dm = "dm:Alice:Bob/1";
    assert_eq!(of(Some(&alice), "q=zebra"), ["den/1", dm, "hall/1", "yard/1"]);
    assert_eq!(of(Some(&bob), "q=zebra"), [dm, "hall/1", "yard/1"]);
    assert_eq!(of(Some(&carol), "q=zebra"), ["hall/1", "yard/1"]);
    assert_eq!(of(None, "q=zebra"), ["hall/1", "yard/1"]);
    assert_eq!(of(None, "q=ZEB+hall"), ["hall/1"]);
    assert_eq!(of(None, "q=%E5%A4%A9%E6%B0%97"), ["yard/1"]);
    // What has no word in it is found nowhere, and that at once.
    for nothing in ["q=unicorn", "q=", "q=-"] {
        assert_eq!(of(Some(&alice), nothing), Vec::<String>::new(), "{nothing}");
        assert_eq!(search(&server, Some(&alice), nothing)["complete"], true, "{nothing}");
    }
    // Over a WebSocket as well.
    let over_socket = |token: &str, search: Value| connect(&server, "/ws", token).ask(search);
    let found = over_socket(&bob, json!({"type": "search", "q": "zebra", "limit": 2}));
    assert_eq!((&found["type"], &found["complete"]), (&json!("found"), &json!(false)), "{found}");
    let rest = over_socket(&bob, json!({"type": "search", "q": "zebra", "next": found["next"]}));
    assert_eq!(sorted([places(&found), places(&rest)].concat()), [dm, "hall/1", "yard/1"]);
    assert_eq!((&rest["complete"], rest.get("next")), (&json!(true), None));
    let den = json!({"type": "search", "q": "zebra", "room": "den"});
    assert_eq!(places(&over_socket(&alice, den.clone())), ["den/1"]);
    assert_eq!(over_socket(&carol, den)["code"], "not_found");
    for wrong in [json!({"type": "search"}), json!({"type": "search", "q": "a", "next": "b"})] {
        assert_eq!(over_socket(&bob, wrong)["code"], "bad_request");
    }
    // Who is put on the list reads it, and who is removed reads it no more.
    assert_eq!(anna.ask(json!({"type": "invite", "room": "den", "user": "Carol"}))["type"], "ok");
    assert_eq!(of(Some(&carol), "q=zebra"), ["den/1", "hall/1", "yard/1"]);
    assert_eq!(anna.ask(json!({"type": "remove", "room": "den", "user": "Carol"}))["type"], "ok");
    assert_eq!(of(Some(&carol), "q=zebra"), ["hall/1", "yard/1"]);
}

#[test]
fn a_search_of_all_rooms_goes_on_where_it_stood() {
    let server = TestServer::start();
    let mut anna = WebSocketClient::multi(&server, "Anna");
    for room in ["den", "hall"] {
        assert_eq!(anna.ask(json!({"type": "join", "room": room}))["type"], "joined");
    }
    let mut said = Vec::new();
    for seq in 1..=4 {
        for room in ["den", "hall"] {
            say(&mut anna, room, &format!("zebra number {seq}"));
            said.push(format!("{room}/{seq}"));
        }
    }
    said.reverse();
    let (mut found, mut query) = (Vec::new(), "q=zebra&limit=3".to_owned());
    let mut pages = 0;
    loop {
        let page = search(&server, None, &query);
        found.extend(places(&page));
        pages += 1;
        assert_eq!(page["complete"] == true, page.get("next").is_none(), "{page}");
        let Some(next) = page["next"].as_str() else { break };
        query = format!("q=zebra&limit=3&before={next}");
    }
    assert_eq!((sorted(found), pages), (sorted(said), 3));
    for query in ["before=1.2", "q=a&before=x", "q=a&before=1", "q=%ff"] {
        assert_eq!(http::get(&server, &format!("/api/v1/search?{query}")).status, 400, "{query}");
    }
}

#[test]
fn questions_over_http_have_a_bucket_of_their_own_and_a_search_takes_ten() {
    let server = TestServer::with(|settings| {
        settings.limits.rate_burst = 2;
        settings.limits.rate_per_s = 1;
    });
    let mut anna = WebSocketClient::multi(&server, "Anna");
    assert_eq!(anna.ask(json!({"type": "join", "room": "den"}))["type"], "joined");
    say(&mut anna, "den", "zebra");
    let mut connection = Http::connect(&server);
    let mut ask = |path: &str| {
        connection.request(&format!("GET {path}"), "", "");
        connection.answer()
    };
    assert_eq!(ask("/api/v1/rooms/den/messages?q=zebra").status, 200);
    for _ in 0..5 {
        assert_eq!(ask("/api/v1/rooms/den/messages").status, 200);
    }
    let refused = ask("/api/v1/rooms/den/messages?q=zebra");
    assert_eq!(refused.status, 429);
    assert!(refused.field("Retry-After").is_some());
    // Others are not concerned.
    assert_eq!(http::get(&server, "/api/v1/rooms/den/messages?q=zebra").status, 200);
}
