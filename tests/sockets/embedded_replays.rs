//! Programs that join for what was said before: the newest message of each key, or all that they missed.

use std::sync::Arc;
use std::thread;

use roomd::channel::{Receiver, bounded, unbounded};
use roomd::chat::{Body, Code, Event, GroupOptions, Key, Position, Publication, Recovery, Refusal, RoomName, UserName};
use roomd::{ChannelRecipient, Member, MemberOptions};

use crate::harness::{TestServer, WebSocketClient};

type Events = Receiver<Arc<Event>>;

fn join(server: &TestServer, user: &str, options: MemberOptions) -> Result<(Member, Events), Refusal> {
    join_with(server, user, options, unbounded())
}

fn join_with(
    server: &TestServer,
    user: &str,
    options: MemberOptions,
    (sender, events): (roomd::channel::Sender<Arc<Event>>, Events),
) -> Result<(Member, Events), Refusal> {
    let (room, user) = (RoomName::parse("den").unwrap(), UserName::parse(user).unwrap());
    let recipient = Arc::new(ChannelRecipient::new(sender));
    Member::join_with(server.engine(), &room, user, recipient, options).map(|member| (member, events))
}

fn say(member: &Member, key: &str, text: &str) -> Position {
    let key = Some(Key::parse(key).unwrap());
    let sent = member.say(Publication { key, ..Publication::text(text) }).unwrap();
    Position { epoch: sent.epoch, seq: sent.seq }
}

/// What a program was given: how its join went, and the messages.
fn given(events: &Events) -> (Recovery, Vec<String>) {
    let (mut recovery, mut texts) = (None, Vec::new());
    for event in events.try_iter() {
        match &*event {
            Event::Joined { recovery: told, .. } => {
                assert!(texts.is_empty(), "the answer comes first");
                recovery = Some(*told);
            }
            Event::Message(message) => match &message.body {
                Body::Text(text) => texts.push(text.to_string()),
                other => texts.push(format!("{other:?}")),
            },
            Event::Edit { seq, .. } => texts.push(format!("edit of {seq}")),
            _ => {}
        }
    }
    (recovery.expect("a join is answered"), texts)
}

fn latest() -> MemberOptions {
    MemberOptions { latest: true, ..MemberOptions::default() }
}

fn since(position: Position) -> MemberOptions {
    MemberOptions { since: Some(position), ..MemberOptions::default() }
}

#[test]
fn who_joins_for_the_last_values_or_for_what_it_missed_is_given_that_whether_or_not_the_room_is_stored() {
    for durable in [true, false] {
        let server = TestServer::start();
        let (game, _events) = join(&server, "game", MemberOptions { durable, ..MemberOptions::default() }).unwrap();
        say(&game, "a", "a1");
        let second = say(&game, "b", "b1");
        say(&game, "a", "a2");
        let (_late, events) = join(&server, "late", latest()).unwrap();
        assert_eq!(given(&events), (Recovery::Whole, vec!["b1".to_owned(), "a2".to_owned()]), "{durable}");
        let (_back, events) = join(&server, "back", since(second)).unwrap();
        assert_eq!(given(&events), (Recovery::Whole, vec!["a2".to_owned()]), "{durable}");
        say(&game, "b", "b2");
        assert_eq!(events.iter().find(|event| event.is_message()).map(|event| event.is_message()), Some(true));
    }
}

#[test]
fn a_position_of_another_history_is_answered_with_the_reason_and_the_newest_messages() {
    let server = TestServer::start();
    let (game, _events) = join(&server, "game", MemberOptions::default()).unwrap();
    (1..=3).for_each(|number| _ = say(&game, "k", &number.to_string()));
    let elsewhere = || Position { epoch: "e0".into(), seq: 1 };
    let (_back, events) = join(&server, "back", MemberOptions { history: 2, ..since(elsewhere()) }).unwrap();
    assert_eq!(given(&events), (Recovery::EpochChanged, vec!["2".to_owned(), "3".to_owned()]));
    let (_late, events) = join(&server, "late", MemberOptions { latest: true, ..since(elsewhere()) }).unwrap();
    assert_eq!(given(&events), (Recovery::EpochChanged, vec!["3".to_owned()]));
}

#[test]
fn a_channel_that_has_no_space_for_it_is_refused_and_in_no_room() {
    let server = TestServer::start();
    let (game, _events) = join(&server, "game", MemberOptions::default()).unwrap();
    let first = say(&game, "0", "0");
    (1..20).for_each(|number| _ = say(&game, &number.to_string(), "x"));
    for options in [latest(), since(first)] {
        let refusal = join_with(&server, "late", options, bounded(10)).map(drop).unwrap_err();
        assert_eq!(refusal.code, Code::TooLarge);
    }
    let mut jo = WebSocketClient::json(&server, "den", "Jo");
    let members = jo.ask(serde_json::json!({"type": "members", "room": "den"}));
    assert_eq!(members["count"], 2, "{members}");
    let (_late, events) = join_with(&server, "late", latest(), bounded(100)).unwrap();
    assert_eq!(given(&events).1.len(), 20);
}

#[test]
fn a_member_of_a_group_is_given_nothing_earlier() {
    let server = TestServer::start();
    let (game, _events) = join(&server, "game", MemberOptions::default()).unwrap();
    let position = say(&game, "k", "1");
    for options in [latest(), since(position), MemberOptions { history: 1, ..MemberOptions::default() }] {
        let group = Some(GroupOptions::parse("agents", None, None).unwrap());
        let refusal = join(&server, "agent", MemberOptions { group, ..options }).map(drop).unwrap_err();
        assert_eq!(refusal.code, Code::BadRequest);
    }
}

#[test]
fn what_is_said_while_somebody_joins_comes_behind_what_they_missed_once_and_without_a_gap() {
    let server = TestServer::start();
    let (game, _events) = join(&server, "game", MemberOptions::default()).unwrap();
    let first = say(&game, "k", "1");
    say(&game, "k", "2");
    for number in 0..20 {
        thread::scope(|scope| {
            // Of all that is said fewer than a room without a store has in memory.
            scope.spawn(|| (0..9).for_each(|_| _ = say(&game, "k", "x")));
            let (member, events) = join(&server, &format!("late-{number}"), since(first.clone())).unwrap();
            drop(member);
            let seqs: Vec<_> = events
                .iter()
                .filter_map(|event| match &*event {
                    Event::Message(message) => Some(message.seq),
                    _ => None,
                })
                .collect();
            assert!(!seqs.is_empty() && (2..).zip(&seqs).all(|(expected, seq)| expected == *seq), "{seqs:?}");
        });
    }
}
