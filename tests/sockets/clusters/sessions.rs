//! Sessions that are resumed through another server than the one that had them.

use std::time::Duration;

use serde_json::{Value, json};

use super::presence::told;
use super::{claim_on, ok, say, shown, signed_in};
use crate::harness::postgres::Database;
use crate::harness::{TestServer, WebSocketClient, http, until};

/// A server on the database that keeps sessions for a minute.
fn server(database: &Database) -> TestServer {
    keeping_sessions_for(Duration::from_secs(60), database)
}

fn keeping_sessions_for(grace: Duration, database: &Database) -> TestServer {
    TestServer::with(|settings| {
        database.use_in(settings);
        settings.limits.grace = grace;
    })
}

fn two() -> Option<(Database, [TestServer; 2])> {
    let database = Database::new()?;
    let servers = [server(&database), server(&database)];
    Some((database, servers))
}

/// A connection under this name, and the token that resumes its session.
fn open(server: &TestServer, user: &str) -> (WebSocketClient, Value) {
    let mut client = WebSocketClient::open(server, &format!("/ws?format=json&user={user}"));
    let token = client.event_of("welcome")["resume"].clone();
    (client, token)
}

/// The database knows what all sessions are that are in so many rooms altogether.
fn is_known(database: &Database, rooms: usize) {
    let sql = "SELECT coalesce(sum(jsonb_array_length(coalesce(state::jsonb->'rooms', '[]'))), 0) FROM sessions";
    until("the sessions are known", || database.psql(sql) == rooms.to_string());
}

/// A new connection to a server that resumes the session.
fn resume(server: &TestServer, token: &Value, rooms: Value) -> (WebSocketClient, Value) {
    let mut client = WebSocketClient::open(server, "/ws?format=json");
    client.event_of("welcome");
    let resumed = client.ask(json!({"type": "resume", "resume": token, "rooms": rooms}));
    (client, resumed)
}

fn publish(server: &TestServer, topic: &str, message: &str) {
    let path = format!("/api/v1/rooms/{topic}/messages?user=Feed");
    assert_eq!(http::post(server, &path, &json!({"message": message})).status, 201);
}

fn join(client: &mut WebSocketClient, room: &str) -> Value {
    client.ask(json!({"type": "join", "room": room}))
}

#[test]
fn a_session_goes_on_through_another_server_and_back_and_nobody_sees_its_user_leave() {
    let Some((database, servers)) = two() else { return };
    let mut watchers = [0, 1].map(|at| WebSocketClient::json(&servers[at], "den", "Watcher"));
    let (mut ann, token) = open(&servers[0], "Ann");
    let joined = join(&mut ann, "den");
    join(&mut ann, "yard");
    watchers.iter_mut().for_each(|watcher| assert_eq!(told(watcher), "join Ann"));
    let mut talker = WebSocketClient::json(&servers[0], "den", "Talker");
    watchers.iter_mut().for_each(|watcher| assert_eq!(told(watcher), "join Talker"));
    is_known(&database, 5);
    for number in 1..=5 {
        assert_eq!(say(&mut talker, &format!("m{number}")), number);
    }
    let seen = json!({"den": {"epoch": joined["epoch"], "seq": 2}});
    // Its first connection is open all the time.
    let (mut there, resumed) = resume(&servers[1], &token, seen);
    assert_eq!(resumed["user"], "Ann", "{resumed}");
    assert_eq!((&resumed["rooms"]["den"]["recovered"], &resumed["rooms"]["den"]["missed"]), (&json!(true), &json!(3)));
    assert_eq!(resumed["rooms"]["yard"]["missed"], 0);
    assert_eq!((3..=5).map(|_| shown(&mut there).0).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(ann.ending().code, Some(4409));
    assert_eq!(say(&mut there, "m6"), 6);
    // It goes back, and says from nothing on what it has seen.
    let (mut here, resumed) = resume(&servers[0], &resumed["resume"], json!({}));
    assert_eq!(resumed["rooms"]["den"]["missed"], 6, "since it joined: {resumed}");
    assert_eq!((1..=6).map(|_| shown(&mut here).0).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(there.ending().code, Some(4409));
    assert_eq!(say(&mut here, "m7"), 7);
    for watcher in &mut watchers {
        let events: Vec<_> = (1..=7).map(|_| told(watcher)).collect();
        let users = ["Talker", "Talker", "Talker", "Talker", "Talker", "Ann", "Ann"];
        assert_eq!(events, users.map(|user| format!("message {user}")));
    }
    here.leave();
    watchers.iter_mut().for_each(|watcher| assert_eq!(told(watcher), "leave Ann"));
}

#[test]
fn a_session_whose_line_is_lost_is_resumed_through_another_server() {
    let Some((database, servers)) = two() else { return };
    let mut bob = WebSocketClient::json(&servers[0], "den", "Bob");
    let (mut ann, token) = open(&servers[0], "Ann");
    join(&mut ann, "den");
    assert_eq!(told(&mut bob), "join Ann");
    is_known(&database, 2);
    drop(ann);
    assert_eq!(told(&mut bob), "away Ann");
    say(&mut bob, "are you there?");
    let (mut ann, resumed) = resume(&servers[1], &token, json!({}));
    assert_eq!(resumed["rooms"]["den"]["missed"], 1, "{resumed}");
    assert_eq!(shown(&mut ann), (1, "are you there?".to_owned()));
    assert_eq!(["message Bob", "online Ann"].map(|_| told(&mut bob)), ["message Bob", "online Ann"]);
    until("the first server has let it go", || servers[0].engine().sessions.detached() == 0);
    say(&mut ann, "yes");
    assert_eq!(told(&mut bob), "message Ann");
    // A session that has ended is nobody's.
    ann.leave();
    assert_eq!(told(&mut bob), "leave Ann");
    until("its row is gone", || database.psql("SELECT count(*) FROM sessions") == "1");
    assert_eq!(resume(&servers[0], &token, json!({})).1["code"], "session_expired");
}

#[test]
fn without_notes_a_session_is_let_go_all_the_same() {
    let Some(database) = Database::new() else { return };
    database.lose_notes();
    let servers = [server(&database), server(&database)];
    let (mut ann, token) = open(&servers[0], "Ann");
    join(&mut ann, "den");
    is_known(&database, 1);
    let (mut there, resumed) = resume(&servers[1], &token, json!({}));
    assert_eq!(resumed["type"], "resumed", "{resumed}");
    assert_eq!(ann.ending().code, Some(4409));
    say(&mut there, "here");
    until("it is nobody else's", || database.psql("SELECT count(*) FROM handovers") == "0");
}

#[test]
fn a_server_that_stops_hands_its_sessions_on_and_nobody_sees_a_leave() {
    let Some((database, [first, second])) = two() else { return };
    let mut watcher = WebSocketClient::json(&second, "den", "Watcher");
    let tokens = ["Ann", "Bob"].map(|user| {
        let (mut client, token) = open(&first, user);
        join(&mut client, "den");
        assert_eq!(told(&mut watcher), format!("join {user}"));
        (client, token)
    });
    is_known(&database, 3);
    first.stop();
    say(&mut watcher, "meanwhile");
    assert_eq!(told(&mut watcher), "message Watcher");
    let third = server(&database);
    for ((mut old, token), server) in tokens.into_iter().zip([&second, &third]) {
        assert_eq!(old.ending().code, Some(1001));
        let (mut client, resumed) = resume(server, &token, json!({}));
        assert_eq!(resumed["rooms"]["den"]["missed"], 1, "{resumed}");
        assert_eq!(shown(&mut client), (1, "meanwhile".to_owned()));
        // Who leaves now is in the room no longer, though the server that stopped is still counted.
        let user = resumed["user"].as_str().unwrap();
        client.leave();
        let events = [format!("leave {user}"), format!("offline {user}")];
        assert_eq!(events.each_ref().map(|_| told(&mut watcher)), events);
    }
}

#[test]
fn who_does_not_come_back_from_a_server_that_stopped_leaves_after_the_grace() {
    let Some(database) = Database::new() else { return };
    let [first, second] = [0, 1].map(|_| keeping_sessions_for(Duration::from_secs(1), &database));
    let mut watcher = WebSocketClient::json(&second, "den", "Watcher");
    let (mut ann, token) = open(&first, "Ann");
    join(&mut ann, "den");
    assert_eq!(told(&mut watcher), "join Ann");
    is_known(&database, 2);
    first.stop();
    assert_eq!(told(&mut watcher), "leave Ann");
    assert_eq!(resume(&second, &token, json!({})).1["code"], "session_expired");
}

#[test]
fn a_session_is_what_it_was_and_what_was_lost_meanwhile_is_told() {
    let Some((database, servers)) = two() else { return };
    let names = ["Ann", "Mod"].map(|name| claim_on(&servers, name));
    let mut ann = WebSocketClient::open(&servers[0], &format!("/ws?format=json&token={}", names[0]));
    let token = ann.event_of("welcome")["resume"].clone();
    let mut moderator = signed_in(&servers[1], &names[1]);
    for room in ["plans", "club"] {
        ok(&mut moderator, json!({"type": "create", "room": room, "private": true, "members": ["Ann"]}));
        until("Ann may enter", || join(&mut ann, room)["type"] == "joined");
    }
    for topics in [json!({"topic": "prices.tea"}), json!({"pattern": "news.*"})] {
        let mut command = json!({"type": "subscribe"});
        command.as_object_mut().unwrap().extend(topics.as_object().unwrap().clone());
        let answer = ann.ask(command);
        assert!(["joined", "subscribed"].contains(&answer["type"].as_str().unwrap()), "{answer}");
    }
    ok(&mut ann, json!({"type": "join", "room": "jobs", "group": "agents"}));
    ann.command(&json!({"type": "presence", "status": "away", "note": "lunch"}));
    ann.ask(json!({"type": "ping"}));
    is_known(&database, 4);
    drop(ann);
    ok(&mut moderator, json!({"type": "remove", "room": "club", "user": "Ann"}));
    publish(&servers[1], "prices.tea", "3.20");
    let (mut ann, resumed) = resume(&servers[1], &token, json!({}));
    assert_eq!(resumed["user"], "Ann", "{resumed}");
    assert_eq!(resumed["rooms"]["club"], json!({"recovered": false, "missed": 0, "reason": "removed"}));
    assert_eq!(resumed["rooms"]["jobs"]["reason"], "room_failed", "its work is that of others");
    assert_eq!(resumed["rooms"]["plans"]["recovered"], true);
    let price = ann.wait_for_type("message");
    assert_eq!((&price["topic"], &price["message"]), (&json!("prices.tea"), &json!("3.20")));
    // Behind the patterns, which come last.
    ann.ask(json!({"type": "ping"}));
    publish(&servers[1], "news.local", "rain");
    assert_eq!(ann.wait_for_type("message")["topic"], "news.local");
    // It is Ann's: she may do what her token allows.
    ok(&mut ann, json!({"type": "message", "room": "plans", "message": "still here"}));
    let devices = ann.ask(json!({"type": "devices"}));
    assert_eq!(devices["type"], "devices", "{devices}");
    let members = ann.ask(json!({"type": "members", "room": "plans"}));
    assert_eq!(
        (&members["members"][0]["user"], &members["members"][0]["note"]),
        (&json!("Ann"), &json!("lunch")),
        "{members}"
    );
}

#[test]
fn what_was_said_in_private_meanwhile_is_delivered_through_another_server() {
    let Some((database, servers)) = two() else { return };
    let mut bob = WebSocketClient::multi(&servers[0], "Bob");
    let (mut ann, token) = open(&servers[0], "Ann");
    let tell = |from: &mut WebSocketClient, text: &str| {
        from.ask(json!({"type": "private", "to": "Ann", "message": text}))["seq"].clone()
    };
    assert_eq!(tell(&mut bob, "one"), 1);
    assert_eq!(ann.wait_for_type("private")["message"], "one");
    drop(ann);
    let knows = "SELECT count(*) FROM sessions WHERE state::jsonb ? 'conversations' AND state::jsonb->>'user' = 'Ann'";
    until("the conversation is known", || database.psql(knows) == "1");
    assert_eq!(tell(&mut bob, "two"), 2);
    let (mut ann, resumed) = resume(&servers[1], &token, json!({}));
    assert_eq!(resumed["rooms"]["dm:Ann:Bob"]["recovered"], true, "{resumed}");
    let mut heard = Vec::new();
    while heard.last() != Some(&2) {
        heard.push(ann.wait_for_type("private")["seq"].as_u64().unwrap());
    }
    assert_eq!(heard, [1, 2], "from where it was entered");
    assert_eq!(tell(&mut bob, "three"), 3);
    assert_eq!(ann.wait_for_type("private")["message"], "three");
}

#[test]
fn while_the_database_is_away_a_session_is_resumed_where_it_was_and_nowhere_else() {
    let Some((database, servers)) = two() else { return };
    let (mut ann, token) = open(&servers[0], "Ann");
    join(&mut ann, "den");
    is_known(&database, 1);
    drop(ann);
    until("the session is detached", || servers[0].engine().sessions.detached() == 1);
    database.stop();
    assert_eq!(resume(&servers[1], &token, json!({})).1["code"], "unavailable");
    let (_ann, resumed) = resume(&servers[0], &token, json!({}));
    assert_eq!(resumed["user"], "Ann", "{resumed}");
    database.start();
}

#[test]
fn a_replay_that_the_database_breaks_off_ends_no_session() {
    let Some((database, servers)) = two() else { return };
    let mut bob = WebSocketClient::json(&servers[0], "den", "Bob");
    let (mut ann, token) = open(&servers[0], "Ann");
    join(&mut ann, "den");
    assert_eq!(told(&mut bob), "join Ann");
    is_known(&database, 2);
    drop(ann);
    assert_eq!(told(&mut bob), "away Ann");
    say(&mut bob, "are you there?");
    assert_eq!(told(&mut bob), "message Bob");
    // What was edited cannot be read, and the rest can.
    database.psql("ALTER FUNCTION news_1 OWNER TO postgres; ALTER FUNCTION news_1 SECURITY DEFINER");
    let owner = database.psql("SELECT current_database()");
    database.psql(&format!(
        "REVOKE SELECT ON messages FROM {owner};
         GRANT SELECT (room, seq, kind, at, edited, usr, recipient, mid, body, reply, reaction, key) ON messages TO {owner}"
    ));
    let (mut ann, resumed) = resume(&servers[1], &token, json!({}));
    assert_eq!(resumed["rooms"]["den"]["missed"], 1, "{resumed}");
    assert_eq!(ann.ending().code, Some(1011));
    database.psql(&format!("GRANT SELECT ON messages TO {owner}"));
    let (mut ann, resumed) = resume(&servers[1], &resumed["resume"], json!({}));
    assert_eq!(resumed["rooms"]["den"]["missed"], 1, "{resumed}");
    assert_eq!(shown(&mut ann), (1, "are you there?".to_owned()));
    say(&mut ann, "yes");
    loop {
        match told(&mut bob).as_str() {
            "message Ann" => break,
            event => assert!(["away Ann", "online Ann"].contains(&event), "{event}"),
        }
    }
}

#[test]
fn a_server_that_is_behind_while_the_database_is_away_does_not_speak_of_another_epoch() {
    let Some((database, servers)) = two() else { return };
    database.lose_notes();
    let (mut ann, _) = open(&servers[0], "Ann");
    let joined = join(&mut ann, "den");
    let _watcher = WebSocketClient::json(&servers[1], "den", "Watcher");
    let seq = say(&mut ann, "seen here alone");
    // The other has yet to look for it.
    database.stop();
    let since = json!({"epoch": joined["epoch"], "seq": seq});
    let come_back = || {
        let (mut back, _) = open(&servers[1], "Bob");
        back.command(&json!({"type": "join", "room": "den", "since": since, "id": "back"}));
        back.answer("back")
    };
    match come_back() {
        Ok(answer) => assert!(answer["code"] == "unavailable" || answer["recovered"] == true, "{answer}"),
        // It was on its way to what was missed.
        Err(code) => assert_eq!(code, 1011),
    }
    database.start();
    until("it is known", || come_back().is_ok_and(|answer| answer["recovered"] == true));
}

#[test]
fn of_two_servers_that_are_asked_at_once_one_has_the_session_in_the_end() {
    let Some((database, servers)) = two() else { return };
    let (mut ann, token) = open(&servers[0], "Ann");
    join(&mut ann, "den");
    is_known(&database, 1);
    let mut watcher = WebSocketClient::json(&servers[0], "den", "Watcher");
    let connections = "SELECT sum(connections) FROM attendance WHERE room = 'den' AND usr = 'Ann'";
    for _ in 0..20 {
        let mut clients = servers.each_ref().map(|server| {
            let mut client = WebSocketClient::open(server, "/ws?format=json");
            client.event_of("welcome");
            client
        });
        // Either may be replaced before it has its answer.
        clients.iter_mut().for_each(|client| client.command(&json!({"type": "resume", "resume": token, "rooms": {}})));
        until("one of them is in the room", || database.psql(connections) == "1");
    }
    say(&mut watcher, "done");
    loop {
        match told(&mut watcher).as_str() {
            "message Watcher" => break,
            event => assert!(["away Ann", "online Ann"].contains(&event), "{event}"),
        }
    }
}

#[test]
fn who_has_not_said_who_they_are_is_let_in_nowhere() {
    let Some(database) = Database::new() else { return };
    let servers = [0, 1].map(|_| {
        TestServer::with(|settings| {
            database.use_in(settings);
            (settings.guests, settings.claims) = (Some(false), Some(true));
            settings.limits.grace = Duration::from_secs(60);
        })
    });
    let [(_stranger, token), (mut known, known_token)] = [0, 1].map(|_| {
        let mut client = WebSocketClient::open(&servers[0], "/ws?format=json");
        let token = client.event_of("welcome")["resume"].clone();
        (client, token)
    });
    let bob = claim_on(&servers, "Bob");
    assert_eq!(known.ask(json!({"type": "auth", "token": bob}))["type"], "welcome");
    until("Bob's session is known", || database.psql("SELECT count(*) FROM sessions") == "1");
    let resume_there = |token: &Value| {
        let mut client = WebSocketClient::open(&servers[1], "/ws?format=json");
        client.event_of("welcome");
        client.ask(json!({"type": "resume", "resume": token, "rooms": {}}))
    };
    assert_eq!(resume_there(&token)["code"], "session_expired");
    assert_eq!(resume_there(&known_token)["user"], "Bob");
}

#[cfg(feature = "load")]
#[test]
fn clients_that_go_from_server_to_server_all_the_time_miss_nothing_and_get_nothing_twice() {
    let Some(database) = Database::new() else { return };
    let servers = [0; 3].map(|_| server(&database));
    let [first, others @ ..] = servers.each_ref().map(|server| server.http_socket().peer_addr().unwrap().to_string());
    let plan = roomd_load::Plan {
        server: first,
        also: others.to_vec(),
        clients: 30,
        rooms: 2,
        rate: 50,
        breaks: 40,
        duration: Duration::from_secs(3),
        ..roomd_load::Plan::default()
    };
    let report = roomd_load::run(&plan, &mut |_| ()).unwrap();
    assert!(report.kept, "{report}");
    assert!(report.connections.returned > 20, "{report}");
}
