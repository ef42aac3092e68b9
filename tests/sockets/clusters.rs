//! Several servers on one PostgreSQL: what clients of each are shown, and what they are refused.
//!
//! On the server that `tests/cluster/run` has started; without one each test says that it is skipped.

mod bus;
mod calls;
mod example;
mod keys;
mod names;
mod presence;
mod private;
mod publishing;
mod sessions;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use roomd::chat::admin::BanTarget;
use roomd::chat::{AuthLevel, Identity, RoomName, UserName};
use roomd::engine::guards::address::ClientAddress;
use serde_json::{Value, json};

use crate::harness::issuer::claim;
use crate::harness::postgres::Database;
use crate::harness::{Http, TestServer, WebSocketClient, http, until};

/// Messages of each client.
const EACH: usize = 40;

/// A server on the database.
fn server(database: &Database) -> TestServer {
    TestServer::with(|settings| database.use_in(settings))
}

/// Registers a name on the first server, and returns its token when the others know of it.
fn claim_on(servers: &[TestServer], name: &str) -> String {
    let (token, user) = (claim(&servers[0], name), UserName::parse(name).unwrap());
    until("the others know", || servers.iter().all(|server| !server.engine().auth.devices().of(&user).is_empty()));
    token
}

/// A connection under the name that the token is for.
fn signed_in(server: &TestServer, token: &str) -> WebSocketClient {
    let mut client = WebSocketClient::open(server, &format!("/ws?format=json&token={token}"));
    client.event_of("welcome");
    client
}

/// The same as a member of the room `den`.
fn enter(server: &TestServer, token: &str) -> WebSocketClient {
    let mut client = signed_in(server, token);
    ok(&mut client, json!({"type": "join", "room": "den"}));
    client
}

fn ok(client: &mut WebSocketClient, command: Value) {
    let answer = client.ask(command);
    assert!(["ok", "created", "joined", "left", "sent"].contains(&answer["type"].as_str().unwrap()), "{answer}");
}

fn say(client: &mut WebSocketClient, text: &str) -> u64 {
    let sent = client.ask(json!({"type": "message", "room": "den", "message": text, "mid": text}));
    sent["seq"].as_u64().unwrap_or_else(|| panic!("{sent}"))
}

/// The next message that is shown.
fn shown(client: &mut WebSocketClient) -> (u64, String) {
    let event = client.wait_for_type("message");
    (event["seq"].as_u64().unwrap(), event["message"].as_str().unwrap().to_owned())
}

/// A room as a client knows it that reads events up to this message: `seq text` for each, as it is after the last edit.
fn reads_until(client: &mut WebSocketClient, last: &str) -> Vec<String> {
    let mut log: Vec<String> = Vec::new();
    loop {
        let event = client.event();
        let seq = || event["seq"].as_u64().unwrap();
        match event["type"].as_str().unwrap() {
            "message" => {
                assert_eq!(seq(), log.len() as u64 + 1, "each once, in one order: {event}");
                let text = event["message"].as_str().unwrap_or("-");
                log.push(format!("{} {text}", seq()));
                if text == last {
                    return log;
                }
            }
            "edit" => log[seq() as usize - 1] = format!("{} {}", seq(), event["message"].as_str().unwrap()),
            "delete" => log[seq() as usize - 1] = format!("{} -", seq()),
            _ => {}
        }
    }
}

#[test]
fn a_server_of_the_same_build_changes_no_table_and_one_of_another_build_does() {
    let Some(database) = Database::new() else { return };
    let _first = server(&database);
    // The transaction that has written each trigger and function last.
    let written = || {
        let sql = "SELECT string_agg(xmin::text, ' ' ORDER BY oid) FROM";
        let functions = format!("{sql} pg_proc WHERE pronamespace = current_schema()::regnamespace");
        database.psql(&format!("{sql} pg_trigger; {functions}"))
    };
    let before = written();
    let _second = server(&database);
    assert_eq!(written(), before);
    database.psql("COMMENT ON TABLE installation IS 'of another build'");
    let _third = server(&database);
    assert_ne!(written(), before);
    let now = written();
    let _fourth = server(&database);
    assert_eq!(written(), now);
}

#[test]
fn what_is_said_edited_and_deleted_on_three_servers_is_shown_on_each_once_and_in_one_order() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database), server(&database)];
    let users = ["Ann", "Bob", "Cy"];
    let mut readers: Vec<_> = servers.iter().map(|server| WebSocketClient::json(server, "den", "Reader")).collect();
    thread::scope(|scope| {
        for (server, user) in servers.iter().zip(users) {
            scope.spawn(move || {
                let mut client = WebSocketClient::json(server, "den", user);
                for number in 0..EACH {
                    let seq = say(&mut client, &format!("{user} {number}"));
                    match number % 5 {
                        1 => ok(&mut client, json!({"type": "edit", "room": "den", "seq": seq, "message": "better"})),
                        3 => ok(&mut client, json!({"type": "delete", "room": "den", "seq": seq})),
                        _ => {}
                    }
                }
            });
        }
    });
    say(&mut WebSocketClient::json(&servers[1], "den", "Dee"), "the end");
    let logs: Vec<_> = readers.iter_mut().map(|reader| reads_until(reader, "the end")).collect();
    assert_eq!(logs[0].len(), EACH * users.len() + 1);
    let texts: BTreeSet<_> = logs[0].iter().map(|line| line.split_once(' ').unwrap().1).collect();
    assert!(["better", "-", "Ann 0", "Bob 10", "Cy 35"].iter().all(|text| texts.contains(text)), "{texts:?}");
    assert_eq!(logs[0], logs[1]);
    assert_eq!(logs[0], logs[2]);
    let stored = http::get(&servers[2], "/api/v1/rooms/den/messages?limit=1000&user=Ann").json();
    let stored = stored["messages"].as_array().unwrap().iter().map(|message| {
        let text = message["message"].as_str().filter(|_| message["deleted"].is_null());
        format!("{} {}", message["seq"], text.unwrap_or("-"))
    });
    assert_eq!(stored.collect::<Vec<_>>(), logs[0]);
}

#[test]
fn the_figures_tell_how_many_servers_there_are() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    until("both know", || {
        servers.iter().all(|server| {
            let figures = String::from_utf8(server.server().figures()).unwrap();
            figures.contains("\nroomd_cluster_servers 2\n")
                && figures.contains("\nroomd_cluster_behind_messages 0\n")
                && figures.contains("\nroomd_cluster_heartbeat_age_seconds ")
        })
    });
}

#[test]
fn a_repeat_through_another_server_is_answered_with_the_first_number() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let mut clients = [0, 1].map(|at| WebSocketClient::json(&servers[at], "den", "Ann"));
    let command = |text: &str| json!({"type": "message", "room": "den", "message": text, "mid": "m1"});
    let first = clients[0].ask(command("once"));
    let again = clients[1].ask(command("once"));
    assert_eq!((&first["seq"], &again["seq"], &again["duplicate"]), (&json!(1), &json!(1), &json!(true)));
    assert_eq!(say(&mut clients[1], "two"), 2);
}

#[test]
fn who_comes_back_to_another_server_gets_exactly_what_was_missed() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    let mut other = WebSocketClient::json(&servers[1], "den", "Other");
    let epoch = ann.ask(json!({"type": "message", "room": "den", "message": "1"}))["epoch"].clone();
    (2..=9).for_each(|number| assert_eq!(say(&mut ann, &number.to_string()), number));
    assert_eq!(shown(&mut other).0, 1);
    // The other server may not have shown the last ones when a client comes that has seen all but one of them.
    let mut bob = WebSocketClient::multi(&servers[1], "Bob");
    let since = json!({"epoch": epoch, "seq": 8});
    let joined = bob.ask(json!({"type": "join", "room": "den", "since": since}));
    assert_eq!(joined["recovered"], json!(true), "{joined}");
    assert_eq!(shown(&mut bob), (9, "9".to_owned()));
    say(&mut ann, "10");
    assert_eq!(shown(&mut bob), (10, "10".to_owned()));
}

#[test]
fn a_ban_on_one_server_puts_out_on_the_others_and_keeps_out() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let [ann, bob] = ["Ann", "Bob"].map(|name| claim_on(&servers, name));
    let mut ann = signed_in(&servers[0], &ann);
    ok(&mut ann, json!({"type": "create", "room": "den", "private": true, "members": ["Bob"]}));
    ok(&mut ann, json!({"type": "join", "room": "den"}));
    let mut bob_there = enter(&servers[1], &bob);
    let mut gus = WebSocketClient::multi(&servers[1], "Gus");
    assert_eq!(gus.ask(json!({"type": "join", "room": "den"}))["code"], "forbidden", "the room is private there, too");
    assert_eq!(say(&mut bob_there, "hello"), 1);
    assert_eq!(shown(&mut ann), (1, "hello".to_owned()));
    ok(&mut ann, json!({"type": "ban", "room": "den", "user": "Bob", "note": "spam"}));
    let told = bob_there.wait_for_type("removed");
    assert_eq!((&told["by"], &told["note"]), (&json!("Ann"), &json!("spam")));
    assert_eq!(bob_there.ask(json!({"type": "message", "room": "den", "message": "x"}))["code"], "not_member");
    assert_eq!(bob_there.ask(json!({"type": "join", "room": "den"}))["code"], "forbidden");
    ok(&mut ann, json!({"type": "unban", "room": "den", "user": "Bob"}));
    ok(&mut ann, json!({"type": "invite", "room": "den", "user": "Bob"}));
    ok(&mut bob_there, json!({"type": "join", "room": "den"}));
    assert_eq!(say(&mut bob_there, "back"), 2);
    assert_eq!(shown(&mut ann), (2, "back".to_owned()));
}

#[test]
fn nothing_of_the_banned_is_numbered_behind_a_ban_whatever_server_it_comes_through() {
    const ROUNDS: usize = 40;
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let [ann, bob] = ["Ann", "Bob"].map(|name| claim_on(&servers, name));
    let mut ann = signed_in(&servers[0], &ann);
    ok(&mut ann, json!({"type": "create", "room": "den"}));
    let mut watcher = WebSocketClient::json(&servers[0], "den", "Watcher");
    let is_over = AtomicBool::new(false);
    let (said, refused) = thread::scope(|scope| {
        let talking = scope.spawn(|| {
            let (mut said, mut refused) = (0, 0);
            let mut client = signed_in(&servers[1], &bob);
            while !is_over.load(Ordering::Relaxed) {
                let answer = client.ask(json!({"type": "message", "room": "den", "message": "again"}));
                match answer["code"].as_str() {
                    None => said += 1,
                    Some("not_member") => {
                        let joined = client.ask(json!({"type": "join", "room": "den"}));
                        refused += usize::from(joined["type"] == "error");
                    }
                    Some(_) => refused += 1,
                }
            }
            (said, refused)
        });
        for _ in 0..ROUNDS {
            while !watcher.settle("den").iter().any(|event| event["type"] == "message") {}
            ok(&mut ann, json!({"type": "ban", "room": "den", "user": "Bob"}));
            ok(&mut ann, json!({"type": "unban", "room": "den", "user": "Bob"}));
        }
        is_over.store(true, Ordering::Relaxed);
        talking.join().unwrap()
    });
    assert!(said >= ROUNDS && refused > 0, "{said} messages, {refused} refusals");
    let behind = database.psql(
        "SELECT count(*) FROM messages m WHERE usr = 'Bob' AND (SELECT what FROM audit a WHERE a.room = m.room
            AND about = 'Bob' AND after < m.seq ORDER BY number DESC LIMIT 1) = 'banned'",
    );
    assert_eq!(behind, "0", "messages of the banned behind their ban");
}

#[test]
fn a_note_that_is_lost_delays_what_it_tells_of_and_nothing_else() {
    let Some(database) = Database::new() else { return };
    database.lose_notes();
    let servers = [server(&database), server(&database)];
    let mut clients = [("Ann", 0), ("Bob", 1)].map(|(user, at)| WebSocketClient::json(&servers[at], "den", user));
    let mut readers = [0, 1].map(|at| WebSocketClient::json(&servers[at], "den", "Reader"));
    for number in 1..=3 {
        for (client, at) in clients.iter_mut().zip(0_u64..) {
            let (seq, text) = (number * 2 - 1 + at, format!("{number} {at}"));
            assert_eq!(say(client, &text), seq);
            // Nobody goes on before it is shown on both servers: no append brings it there.
            readers.iter_mut().for_each(|reader| assert_eq!(shown(reader), (seq, text.clone())));
        }
    }
}

#[test]
fn a_database_that_is_away_refuses_and_ends_no_connection_and_is_found_again() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let mut clients = [("Ann", 0), ("Bob", 1)].map(|(user, at)| WebSocketClient::json(&servers[at], "den", user));
    assert_eq!(say(&mut clients[0], "before"), 1);
    assert_eq!(shown(&mut clients[1]).0, 1);
    database.stop();
    let message = json!({"type": "message", "room": "den", "message": "x"});
    for client in &mut clients {
        // The first may be in doubt for some seconds: its connection broke under it.
        assert_eq!(client.ask(message.clone())["code"], "unavailable");
        assert_eq!(client.ask(message.clone())["code"], "unavailable");
        let members = client.ask(json!({"type": "members", "room": "den"}));
        assert_eq!(members["type"], "members", "what needs no database is answered");
    }
    until("the load balancer is told", || http::get(&servers[0], "/readyz").status == 503);
    assert_eq!(http::get(&servers[0], "/healthz").status, 200);
    database.start();
    let mut said = 0;
    until("messages are stored again", || {
        let sent = clients[0].ask(json!({"type": "message", "room": "den", "message": "after", "mid": "after"}));
        said = sent["seq"].as_u64().unwrap_or(0);
        said > 0
    });
    assert_eq!(said, 2, "what was refused is not stored");
    assert_eq!(shown(&mut clients[1]), (2, "after".to_owned()));
    until("it is ready again", || http::get(&servers[0], "/readyz").status == 200);
}

#[test]
fn connections_that_break_lose_nothing_that_others_say_and_show_nothing_twice() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let mut reader = WebSocketClient::json(&servers[1], "den", "Reader");
    let mut ann = WebSocketClient::json(&servers[0], "den", "Ann");
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=EACH {
                let text = number.to_string();
                let command = json!({"type": "message", "room": "den", "message": text, "mid": text});
                // What is refused may be stored: it is said again under its mid.
                while ann.ask(command.clone())["seq"].is_null() {}
            }
        });
        for _ in 0..8 {
            database.end_connections();
        }
    });
    let log = reads_until(&mut reader, &EACH.to_string());
    assert_eq!(log, (1..=EACH).map(|number| format!("{number} {number}")).collect::<Vec<_>>());
}

#[test]
fn a_room_that_ends_on_one_server_ends_on_the_others_and_begins_again_with_one_history() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let mut ann = signed_in(&servers[0], &claim_on(&servers, "Ann"));
    ok(&mut ann, json!({"type": "create", "room": "den"}));
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    say(&mut bob, "old");
    ok(&mut ann, json!({"type": "end", "room": "den"}));
    assert_eq!(bob.wait_for_type("ended")["by"], "Ann");
    ok(&mut bob, json!({"type": "join", "room": "den"}));
    let mut cy = WebSocketClient::json(&servers[0], "den", "Cy");
    assert_eq!(say(&mut bob, "new"), 1);
    assert_eq!(shown(&mut cy), (1, "new".to_owned()));
}

#[test]
fn a_ban_from_the_server_holds_on_all_servers_until_it_is_lifted_on_any() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let root = Identity { auth_level: AuthLevel::Admin, ..Identity::guest(UserName::parse("Root").unwrap()) };
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    let mut ann = WebSocketClient::json(&servers[1], "den", "Ann");
    let target = || BanTarget::User(UserName::parse("bob").unwrap());
    let ban = servers[0].engine().ban(&root, ClientAddress::IN_PROCESS, target(), (None, None)).unwrap();
    assert_eq!(bob.ending().goodbye()["reason"], "banned");
    for server in &servers {
        let (refused, _) = Http::connect(server).upgrade("/ws?room=den&user=Bob", "");
        assert_eq!((refused.status, refused.error().as_str()), (403, "forbidden"));
    }
    let third = self::server(&database);
    let (refused, _) = Http::connect(&third).upgrade("/ws?room=den&user=Bob", "");
    assert_eq!(refused.status, 403, "a server that starts later knows of it");
    servers[1].engine().lift_ban(&root, ban.number).unwrap();
    until("the others hear of it", || {
        [&servers[0], &third].iter().all(|server| server.engine().bans(&root, 0, 9).unwrap().entries.is_empty())
    });
    for server in servers.iter().chain([&third]) {
        let _bob = WebSocketClient::json(server, "den", "Bob");
    }
    assert_eq!(ann.ask(json!({"type": "ping"}))["type"], "pong");
    let entries = servers[0].engine().server_audit(&root, None, 9).unwrap().entries;
    assert_eq!(entries.iter().map(|entry| &*entry.what).collect::<Vec<_>>(), ["unbanned", "banned"]);
}

#[test]
fn an_announcement_is_told_once_on_all_servers() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let root = Identity { auth_level: AuthLevel::Admin, ..Identity::guest(UserName::parse("Root").unwrap()) };
    let mut clients = [0, 1].map(|at| WebSocketClient::multi(&servers[at], "Ann"));
    for text in ["one", "two"] {
        servers[0].engine().announce(&root, text).unwrap();
        clients.iter_mut().for_each(|client| assert_eq!(client.event_of("announcement")["text"], text));
    }
    clients.iter_mut().for_each(|client| assert_eq!(client.ask(json!({"type": "ping"}))["type"], "pong"));
}

#[test]
fn a_name_that_is_registered_on_one_server_is_its_owners_on_the_others() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let token = claim_on(&servers, "Ann");
    let (refused, _) = Http::connect(&servers[1]).upgrade("/ws?room=den&user=ann", "");
    assert_eq!((refused.status, refused.error().as_str()), (409, "name_taken"));
    let mut devices = [0, 1].map(|at| signed_in(&servers[at], &token));
    ok(&mut devices[0], json!({"type": "display_name", "name": "Ann B."}));
    let user = UserName::parse("Ann").unwrap();
    until("it is called so there, too", || {
        servers[1].engine().auth.display_names().of(&user).is_some_and(|name| name.as_str() == "Ann B.")
    });
    let listed = devices[0].ask(json!({"type": "devices"}));
    // It is the device of both connections, and what ends the first may come before the answer.
    devices[0].command(&json!({"type": "end_device", "device": listed["devices"][0]["device"]}));
    for device in &mut devices {
        assert_eq!(device.ending().goodbye()["code"], json!(4401));
    }
    let (refused, _) = Http::connect(&servers[1]).upgrade(&format!("/ws?format=json&token={token}"), "");
    assert_eq!(refused.status, 401);
}

#[test]
fn a_room_that_nobody_has_open_is_as_private_as_another_server_has_made_it() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let mut ann = signed_in(&servers[0], &claim_on(&servers, "Ann"));
    ok(&mut ann, json!({"type": "create", "room": "den", "private": true}));
    ok(&mut ann, json!({"type": "join", "room": "den"}));
    say(&mut ann, "secret");
    let is_private = || {
        let policy = servers[1].engine().policies.policy(&RoomName::parse("den").unwrap());
        policy.is_some_and(|policy| policy.is_private())
    };
    until("the other server knows", is_private);
    assert_eq!(http::get(&servers[1], "/api/v1/rooms/den/messages?user=Gus").status, 404);
    let rooms = http::get(&servers[1], "/api/v1/rooms?user=Gus").json();
    assert_eq!(rooms["rooms"], json!([]));
    ok(&mut ann, json!({"type": "end", "room": "den"}));
    until("it has ended there, too", || !is_private());
}

#[test]
fn a_person_who_is_erased_on_one_server_is_deleted_on_the_others() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let tokens = ["Root", "Ann", "Bob"].map(|name| claim_on(&servers, name));
    let mut ann = enter(&servers[1], &tokens[1]);
    let mut bob = enter(&servers[1], &tokens[2]);
    let seq = say(&mut ann, "secret");
    ann.leave();
    let root = Identity { auth_level: AuthLevel::Admin, ..Identity::guest(UserName::parse("Root").unwrap()) };
    let ann = UserName::parse("Ann").unwrap();
    let engine = servers[0].engine();
    until("she is erased", || engine.erase(&root, &ann).is_ok_and(|erased| erased.complete));
    assert_eq!(bob.wait_for_type("delete")["seq"], seq);
    until("the others know that the name is free", || !servers[1].engine().registered(&ann));
    let left = http::get(&servers[1], "/api/v1/rooms/den/messages").body;
    assert!(!left.contains("secret"), "{left}");
    assert_eq!(database.psql("SELECT count(*) FROM messages WHERE usr = 'Ann'").trim(), "0");
    // What her last server had yet to store of how far she had got comes behind, and goes with the next request.
    until("no receipt is left", || {
        _ = engine.erase(&root, &ann);
        database.psql("SELECT count(*) FROM marks WHERE usr = 'Ann'").trim() == "0"
    });
}

#[test]
fn a_room_that_is_to_keep_nothing_is_one_room_on_all_servers() {
    let Some(database) = Database::new() else { return };
    let mut servers = [server(&database), server(&database)];
    servers[0].created = 1;
    let mut ann = WebSocketClient::multi(&servers[0], "Ann");
    ok(&mut ann, json!({"type": "create", "room": "den", "durable": false}));
    ok(&mut ann, json!({"type": "join", "room": "den"}));
    let mut readers = [0, 1].map(|at| WebSocketClient::json(&servers[at], "den", "Reader"));
    let mut bob = WebSocketClient::json(&servers[1], "den", "Bob");
    assert_eq!((say(&mut ann, "one"), say(&mut bob, "two"), say(&mut ann, "end")), (1, 2, 3));
    for reader in &mut readers {
        assert_eq!(reads_until(reader, "end"), ["1 one", "2 two", "3 end"]);
    }
}

#[test]
fn servers_know_of_each_other_while_they_run() {
    let Some(database) = Database::new() else { return };
    let first = server(&database);
    let count = || database.psql("SELECT count(*) FROM servers");
    until("one is registered", || count() == "1");
    let second = server(&database);
    until("two are registered", || count() == "2");
    drop(second);
    until("a server that ends says so", || count() == "1");
    drop(first);
    until("so does the last", || count() == "0");
}
