//! Authorization: each privilege, command, protocol and path, from one table.
//!
//! And to an outsider a private room does not exist: its responses are those of a name that is not taken,
//! to the byte.

mod cast;
mod irc;
mod table;

use std::collections::BTreeSet;

use cast::{Cast, RANKS, Rank, bearer};
use roomd::chat::{Command, RoomName};
use roomd::engine::clients::member::Member;
use roomd::engine::clients::recipient::Absent;
use roomd::net::http::routes;
use roomd::wire::{json, text};
use serde_json::{Value, json};
use table::{JSON, ROWS, TEXT, row};

use crate::harness::{Answer, LineClient, WebSocketClient, http};

/// A client that speaks text.
trait Talk {
    fn send(&mut self, line: &str);
    fn receive(&mut self) -> String;
}

impl Talk for WebSocketClient {
    fn send(&mut self, line: &str) {
        self.say(line);
    }

    fn receive(&mut self) -> String {
        self.receive()
    }
}

impl Talk for LineClient {
    fn send(&mut self, line: &str) {
        self.say(line);
    }

    fn receive(&mut self) -> String {
        self.receive()
    }
}

fn parsed(sample: &str) -> Command {
    match sample.starts_with('{') {
        true => json::parse(sample).unwrap().command,
        false => text::parse(sample).unwrap().unwrap().command,
    }
}

/// The table's result for a command; `None`: it does not concern a room.
fn fate(command: &Command, private: bool, rank: usize) -> Option<&'static str> {
    let (in_private, in_public) = row(command).fates?;
    Some(if private { in_private[rank] } else { in_public[rank] })
}

fn enters(private: bool, rank: usize) -> bool {
    fate(&parsed(JSON[0]), private, rank) == Some("ok")
}

#[test]
fn each_command_is_tried() {
    let tried: BTreeSet<_> = JSON.iter().chain(&TEXT).map(|sample| row(&parsed(sample)).number).collect();
    let all: BTreeSet<_> = (0..ROWS).collect();
    assert_eq!(tried, all, "a row of the table has no command in JSON or TEXT, or ROWS is wrong");
}

#[test]
fn each_rank_may_do_over_json_what_the_table_says() {
    let cast = Cast::new();
    for (column, rank) in RANKS.into_iter().enumerate() {
        let mut client = cast.json(rank);
        for (private, sample) in [true, false].into_iter().flat_map(|private| JSON.map(|sample| (private, sample))) {
            let command = parsed(sample);
            let Some(expected) = fate(&command, private, column) else { continue };
            let trial = cast.trial(private);
            let room = trial.room.as_str();
            let enters = !matches!(command, Command::Join { .. } | Command::Topic { .. }) && enters(private, column);
            if enters {
                let joined = client.ask(json!({"type": "join", "room": room}));
                assert_eq!(joined["type"], "joined", "{rank:?} enters: {joined}");
            }
            let command: Value = serde_json::from_str(&sample.replace("\"R\"", &format!("{room:?}"))).unwrap();
            let outcome = outcome(&mut client, command);
            assert_eq!(outcome, expected, "{rank:?}, {sample}, private: {private}");
        }
    }
}

/// The result of a command, whether or not it has a reply.
fn outcome(client: &mut WebSocketClient, mut command: Value) -> String {
    command["id"] = json!("tried");
    client.command(&command);
    client.command(&json!({"type": "ping", "id": "fence"}));
    let mut outcome = "ok".to_owned();
    loop {
        let event = client.event();
        if event["id"] == "tried" && event["type"] == "error" {
            outcome = event["code"].as_str().unwrap().to_owned();
        }
        if event["id"] == "fence" {
            // A room's refusal may come after the fence, since it comes from the room.
            let room = command["room"].as_str().or(command["topic"].as_str());
            let late = room.map(|room| client.settle(room)).unwrap_or_default();
            let refused = late.iter().find(|event| event["id"] == "tried" && event["type"] == "error");
            return refused.map_or(outcome, |event| event["code"].as_str().unwrap().to_owned());
        }
    }
}

fn over_text(cast: &Cast, client: &mut dyn Talk, column: usize) {
    let rank = RANKS[column];
    for (private, sample) in [true, false].into_iter().flat_map(|private| TEXT.map(|sample| (private, sample))) {
        let Some(expected) = fate(&parsed(sample), private, column) else { continue };
        let named = sample.ends_with(" R");
        let enters = !sample.starts_with("/join") && enters(private, column);
        // Commands about the current room are for users who can be in it.
        if !named && !enters {
            continue;
        }
        let trial = cast.trial(private);
        if enters {
            client.send(&format!("/join {}", trial.room));
            while client.receive() != format!("{} joined the room", rank.name()) {}
        }
        let command = sample.replace(" R", &format!(" {}", trial.room));
        if sample.starts_with("/end ") {
            // Whoever asks is asked, and confirms.
            client.send(&command);
        }
        client.send(&command);
        client.send("/who");
        client.send("/rooms");
        // `/who` is answered by the room, after the command, and `/rooms` by the server: in either order.
        let (mut errors, mut room_answered, mut server_answered) = (Vec::new(), false, false);
        while !(room_answered && server_answered) {
            let line = client.receive();
            server_answered |= line.starts_with("* Rooms:") || line == "* No rooms";
            room_answered |= line.starts_with("* In ") || line.starts_with("Error: Join a room");
            errors.extend(
                line.strip_prefix("Error: ").filter(|error| !error.starts_with("Join a room")).map(str::to_owned),
            );
        }
        assert_eq!(errors.is_empty(), expected == "ok", "{rank:?}, {sample}, private: {private}: {errors:?}");
    }
}

#[test]
fn each_rank_may_do_over_text_what_the_table_says() {
    let cast = Cast::new();
    for (column, rank) in RANKS.into_iter().enumerate() {
        over_text(&cast, &mut cast.text(rank), column);
    }
}

#[test]
fn each_rank_may_do_over_lines_what_the_table_says() {
    let cast = Cast::new();
    for (column, rank) in RANKS.into_iter().enumerate() {
        over_text(&cast, &mut cast.line(rank), column);
    }
}

#[test]
fn each_rank_may_do_in_process_what_the_table_says() {
    let cast = Cast::new();
    let engine = cast.server.engine();
    for (column, rank) in RANKS.into_iter().enumerate() {
        for (private, sample) in [true, false].into_iter().flat_map(|private| JSON.map(|sample| (private, sample))) {
            let command = parsed(sample);
            let Some(expected) = fate(&command, private, column) else { continue };
            let trial = cast.trial(private);
            let room = RoomName::parse(&trial.room).unwrap();
            let outcome = match command {
                Command::Join { .. } => {
                    Member::join(engine, &room, rank.identity(), std::sync::Arc::new(Absent), 0).map(drop)
                }
                Command::Moderate { request, .. } => engine.moderate(&rank.identity(), &room, request, None).map(drop),
                _ => continue,
            };
            let outcome = outcome.map_or_else(|refusal| refusal.code.as_str(), |()| "ok");
            assert_eq!(outcome, expected, "{rank:?}, {sample}, private: {private}");
        }
    }
}

#[test]
fn each_rank_may_do_over_http_what_the_table_says() {
    let cast = Cast::new();
    for (address, methods) in routes::addresses() {
        for method in methods.split(", ") {
            let answers = table::answers(&address, method);
            let answers = answers.unwrap_or_else(|| panic!("{method} {address} has no row in the table"));
            let Some((in_private, in_public)) = answers.statuses else { continue };
            for (private, statuses) in [(true, in_private), (false, in_public)] {
                for (rank, expected) in RANKS.into_iter().zip(statuses) {
                    let trial = cast.trial(private);
                    let user = if method == "PUT" { "Ivy" } else { "Tim" };
                    let answer = request(&cast, rank, method, &address, (&trial.room, user), answers.body);
                    assert_eq!(answer.status, expected, "{rank:?}, {method} {address}, private: {private}: {answer:?}");
                }
            }
        }
    }
}

fn request(cast: &Cast, rank: Rank, method: &str, address: &str, (room, user): (&str, &str), body: &str) -> Answer {
    let path = address.replace("{room}", room).replace("{user}", user).replace("{seq}", "1");
    // There is none of this number.
    let path = path.replace("{webhook}", "9999").replace("{delivery}", "9999");
    let path = path.replace("{connection}", "999999").replace("{ban}", "999999");
    let path = path.replace("{account}", "Nobody").replace("{person}", "Nobody").replace("{key}", "nokey");
    let json = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let fields = format!("{}{json}", bearer(rank));
    http::ask(&cast.server, &format!("{method} {path}"), &fields, &body.replace("\"R\"", &format!("{room:?}")))
}

/// A name that is not taken, as long as that of a trial.
const NOWHERE: &str = "nowhere-00";

#[test]
fn to_an_outsider_a_private_room_answers_over_http_like_a_room_that_does_not_exist() {
    let cast = Cast::new();
    let trial = cast.trial(true);
    for rank in [Rank::Outsider, Rank::Guest] {
        for (address, methods) in routes::addresses() {
            for method in methods.split(", ") {
                let answers = table::answers(&address, method).unwrap();
                // A request that would create a room of that name is told that the name is taken.
                if answers.statuses.is_none() || method == "POST" || address.contains("/events") {
                    continue;
                }
                for more in ["", "?q=hello", "?after=0&limit=9", "?before=x"] {
                    let address = format!("{address}{more}");
                    let ask = |room| request(&cast, rank, method, &address, (room, "Tim"), "");
                    let (one, other) = (ask(&trial.room), ask(NOWHERE));
                    let shown = |answer: &Answer, room: &str| {
                        let fields = ["Content-Type", "Content-Length", "Allow", "Retry-After"].map(|name| {
                            answer
                                .field(name)
                                .map(|value| if name == "Content-Length" { "" } else { value })
                                .map(str::to_owned)
                        });
                        (answer.status, fields, answer.body.replace(room, "R"))
                    };
                    assert_eq!(shown(&one, &trial.room), shown(&other, NOWHERE), "{rank:?} {method} {address}");
                }
            }
        }
    }
}

#[test]
fn to_an_outsider_a_private_room_answers_over_sockets_like_a_room_that_does_not_exist() {
    let cast = Cast::new();
    let trial = cast.trial(true);
    for rank in [Rank::Outsider, Rank::Guest] {
        let mut client = cast.json(rank);
        for sample in JSON {
            let command = parsed(sample);
            // A request that would create a room of that name is told that the name is taken.
            let makes = matches!(command, Command::Join { .. } | Command::Topic { .. } | Command::Create { .. });
            if makes || row(&command).fates.is_none() {
                continue;
            }
            let mut ask = |room: &str| {
                let mut command: Value = serde_json::from_str(&sample.replace("\"R\"", &format!("{room:?}"))).unwrap();
                command["id"] = json!(7);
                client.command(&command);
                client.receive().replace(room, "R")
            };
            assert_eq!(ask(&trial.room), ask(NOWHERE), "{rank:?} {sample}");
        }
        assert!(!client.ask(json!({"type": "rooms"})).to_string().contains(&trial.room));
        for talk in [&mut cast.text(rank) as &mut dyn Talk, &mut cast.line(rank)] {
            let mut ask = |room: &str| {
                talk.send(&format!("/end {room}"));
                let asked = talk.receive();
                talk.send(&format!("/end {room}"));
                format!("{asked} {}", talk.receive()).replace(room, "R")
            };
            assert_eq!(ask(&trial.room), ask(NOWHERE), "{rank:?}");
            talk.send("/rooms");
            assert!(!talk.receive().contains(&trial.room));
        }
    }
    let listed = |rank| request(&cast, rank, "GET", "/api/v1/rooms", ("", ""), "").body.contains(&trial.room);
    assert_eq!(RANKS.map(listed), [false, false, true, true, true, true]);
}
