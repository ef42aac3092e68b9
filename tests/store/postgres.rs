//! What is PostgreSQL's own: several logs of one room, and connections that break.
//!
//! On the server that `tests/cluster/run` has started; without one each test says that it is skipped.

use std::thread;

use roomd::chat::policy::ModerationChange;
use roomd::chat::webhook::{AfterAttempt, Attempt, NewWebhook, WebhookEvents, WebhookUrl};
use roomd::chat::{Appended, Body, Outcome, RemoteEvent, Secret, Span, Time};
use roomd::store::administration::ExportStart;
use roomd::store::{self, ChangeFeed, PageQuery, RemotePart, RoomLog, StoreChange};

use crate::contract::postgres::{psql, server, url};
use crate::drafts::{
    OnlyLog as _, delete, edit, message, message_at, moderate, page, private_message, room, room_log, texts, user,
};
use crate::harness::{TestDirectory, TestStore, until};

fn with_store(test: impl FnOnce(&TestDirectory, &TestStore)) {
    if server().is_none() {
        println!("skipped: there is no PostgreSQL; tests/cluster/run starts one");
        return;
    }
    let directory = TestDirectory::new();
    let store = TestStore::with(&url(&directory), |_| ()).unwrap();
    test(&directory, &store);
}

/// What a log tells, in a few letters each.
fn told(events: &[RemoteEvent]) -> Vec<String> {
    let told = |event: &RemoteEvent| match event {
        RemoteEvent::Message(message) => match &message.body {
            Body::Text(text) => format!("{} {text}", message.seq),
            _ => format!("{} -", message.seq),
        },
        RemoteEvent::Edited { seq, body: Body::Text(text), by, .. } => format!("{by}: {seq} = {text}"),
        RemoteEvent::Edited { seq, by, .. } => format!("{by}: {seq} gone"),
        RemoteEvent::Moderated { by, action, .. } => format!("{by}: {}", action.change.as_str()),
        RemoteEvent::Ended { by, .. } => format!("{by}: ended"),
    };
    events.iter().map(told).collect()
}

fn caught_up(log: &mut dyn RoomLog) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let RemotePart { events, is_last } = log.catch_up().unwrap();
        all.extend(told(&events));
        if is_last {
            return all;
        }
    }
}

#[test]
fn a_log_tells_what_another_did_before_what_it_stores_itself_and_never_twice() {
    with_store(|_, store| {
        let [mut one, mut other] = [room_log(&**store, "den"), room_log(&**store, "den")];
        one.outcomes(&[message("Ann", "a", ""), message("Ann", "b", "")]).unwrap();
        one.outcomes(&[edit("Ann", 1, "A"), message("Ann", "c", ""), delete("Ann", 2)]).unwrap();
        let Appended { before, outcomes } = other.append(&[message("Bob", "d", "")]).unwrap();
        // What was edited is read as it is now; the edits follow where they were made.
        assert_eq!(told(&before), ["1 A", "2 -", "Ann: 1 = A", "3 c", "Ann: 2 gone"]);
        assert_eq!(outcomes, [Outcome::Stored { seq: 4 }]);
        assert_eq!(caught_up(&mut *other), [""; 0]);
        assert_eq!(caught_up(&mut *one), ["4 d"]);
        assert_eq!(caught_up(&mut *one), [""; 0]);
        let many: Vec<_> = (0..700).map(|number| message("Bob", &number.to_string(), "")).collect();
        other.append(&many).unwrap();
        assert_eq!(caught_up(&mut *one).len(), 700);
    });
}

/// Until the feed has left something for the log.
fn heard(feed: &mut dyn ChangeFeed, log: &mut dyn RoomLog) -> (Vec<String>, bool) {
    loop {
        if let Some(RemotePart { events, is_last }) = log.heard().messages {
            return (told(&events), is_last);
        }
        feed.wait().unwrap();
    }
}

#[test]
fn messages_of_many_rooms_come_with_the_news_and_what_a_log_has_told_is_not_told_again() {
    with_store(|directory, store| {
        let rooms = ["den", "hall", "yard"];
        let mut there = rooms.map(|room| room_log(&**store, room));
        let here = TestStore::with(&url(directory), |_| ()).unwrap();
        let (mut feed, mut logs) = (here.change_feed().unwrap(), rooms.map(|room| room_log(&*here, room)));
        there.iter_mut().for_each(|log| _ = log.append(&[message("Ann", "a", "")]).unwrap());
        // It listens from now on.
        feed.wait().unwrap();
        logs.iter_mut().for_each(|log| assert_eq!(caught_up(&mut **log), ["1 a"]));
        there.iter_mut().for_each(|log| {
            log.append(&[message("Ann", "b", ""), message("Ann", "c", "")]).unwrap();
        });
        let [den, hall, yard] = &mut logs;
        // The room that was noted last: of the others it is known by then.
        assert_eq!(heard(&mut *feed, &mut **yard), (vec!["2 b".to_owned(), "3 c".to_owned()], true));
        assert_eq!(heard(&mut *feed, &mut **den), (vec!["2 b".to_owned(), "3 c".to_owned()], true));
        assert_eq!(told(&hall.append(&[message("Bob", "d", "")]).unwrap().before), ["2 b", "3 c"]);
        assert_eq!(heard(&mut *feed, &mut **hall), (vec![], true));
        for log in [&mut *den, &mut *hall, &mut *yard] {
            assert_eq!(caught_up(&mut **log), [""; 0]);
        }
        // An edit is among it: the log reads for itself.
        there[2].append(&[edit("Ann", 1, "A"), message("Ann", "d", "")]).unwrap();
        let is_yard = |change: &StoreChange| matches!(change, StoreChange::Room(room) if room.as_str() == "yard");
        while !feed.wait().unwrap().iter().any(is_yard) {}
        assert_eq!(yard.heard().messages, None);
        assert_eq!(caught_up(&mut **yard), ["Ann: 1 = A", "4 d"]);
        // More than one statement reads.
        let large = "x".repeat(1024 * 1024);
        there[0].append(&[(); 6].map(|()| message("Ann", &large, ""))).unwrap();
        let (told, is_last) = heard(&mut *feed, &mut **den);
        assert_eq!((told.len(), is_last, caught_up(&mut **den).len()), (4, false, 2));
    });
}

#[test]
fn what_was_read_before_the_database_failed_is_told_all_the_same() {
    with_store(|directory, store| {
        let mut there = room_log(&**store, "den");
        let here = TestStore::with(&url(directory), |_| ()).unwrap();
        let (mut feed, mut log) = (here.change_feed().unwrap(), room_log(&*here, "den"));
        there.append(&[message("Ann", "a", "")]).unwrap();
        // It listens from now on.
        feed.wait().unwrap();
        assert_eq!(caught_up(&mut *log), ["1 a"]);
        there.append(&[message("Ann", "b", "")]).unwrap();
        // What comes with the news is left to the log.
        feed.wait().unwrap();
        there.append(&[edit("Ann", 1, "A"), message("Ann", "c", "")]).unwrap();
        psql(&url(directory), "ALTER TABLE audit RENAME TO lost");
        // It is stored, and what lies before it cannot be read to its end, since that is not messages alone.
        assert!(log.append(&[message("Bob", "d", "")]).is_err());
        psql(&url(directory), "ALTER TABLE lost RENAME TO audit");
        assert_eq!(caught_up(&mut *log), ["2 b", "Ann: 1 = A", "3 c", "4 d"]);
    });
}

#[test]
fn drafts_are_decided_alike_as_a_set_and_one_by_one() {
    with_store(|_, store| {
        let [mut set, mut single] = ["den", "hall"].map(|name| room_log(&**store, name));
        for batch in 0..60 {
            // Mids come again, also within a batch, and some messages have none.
            let drafts = (0..batch % 9 + 1).map(|place| {
                let (author, mid) = (["Ann", "Bob"][place % 2], (batch * 7 + place * 5) % 90);
                let mid = if mid % 4 == 0 { String::new() } else { format!("m{mid}") };
                message_at(author, batch as u64, &format!("{batch}.{place}"), &mid)
            });
            let mut drafts: Vec<_> = drafts.collect();
            let as_set = set.outcomes(&drafts).unwrap();
            // An edit has to be decided, and what comes before it with it.
            drafts.push(edit("Ann", 10_000, "nothing"));
            let mut one_by_one = single.outcomes(&drafts).unwrap();
            assert_eq!(one_by_one.pop(), Some(Outcome::Missing));
            assert_eq!(as_set, one_by_one, "{drafts:?}");
        }
        let [one, other] = ["den", "hall"].map(|name| texts(&page(&**store, name, Span::After(0)).messages));
        assert_eq!(one, other);
        assert!(one.len() > 100, "{}", one.len());
    });
}

#[test]
fn words_are_sorted_into_the_index_behind_their_messages_and_found_at_once() {
    with_store(|directory, store| {
        let mut log = room_log(&**store, "den");
        let found = |text: &str| {
            let found = store.search(&room("den"), text, u64::MAX, 10).unwrap();
            found.messages.iter().map(|message| message.seq).collect::<Vec<_>>()
        };
        for batch in 0..4 {
            let drafts: Vec<_> =
                (0..500).map(|place| message("Ann", &format!("word{}", batch * 500 + place), "")).collect();
            log.outcomes(&drafts).unwrap();
            assert_eq!(found(&format!("word{}", batch * 500 + 499)), [batch * 500 + 500]);
        }
        let url = url(directory);
        psql(&url, "CREATE EXTENSION pgstattuple");
        until("nothing waits to be sorted in", || {
            psql(&url, "SELECT pending_tuples FROM pgstatginindex('messages_words')") == "0"
        });
        assert_eq!((found("word0"), found("word1999")), (vec![1], vec![2_000]));
    });
}

#[test]
fn a_draft_is_stale_when_another_has_changed_the_policy() {
    with_store(|_, store| {
        let [mut one, mut other] = [room_log(&**store, "den"), room_log(&**store, "den")];
        one.outcomes(&[message("Ann", "a", "")]).unwrap();
        assert_eq!(caught_up(&mut *other), ["1 a"], "a room that had no row when its log was opened");
        other.append(&[message("Bob", "b", "")]).unwrap();
        let ban = ModerationChange::Banned { user: user("Bob"), until: None };
        assert_eq!(told(&one.append(&[moderate("Ann", 1, ban)]).unwrap().before), ["2 b"]);
        let Appended { before, outcomes } = other.append(&[message("Bob", "c", ""), message("Cy", "d", "")]).unwrap();
        assert_eq!((told(&before), outcomes), (vec!["Ann: banned".to_owned()], vec![Outcome::Stale; 2]));
        assert_eq!(other.outcomes(&[message("Cy", "d", "")]).unwrap(), [Outcome::Stored { seq: 3 }]);
        assert_eq!(page(&**store, "den", Span::After(0)).messages.len(), 3);
        one.append(&[moderate("Ann", 2, ModerationChange::Ended)]).unwrap();
        let Appended { before, outcomes } = other.append(&[message("Cy", "e", "")]).unwrap();
        assert_eq!((told(&before), outcomes), (vec!["Ann: ended".to_owned()], vec![Outcome::Stale]));
        assert_eq!(other.outcomes(&[message("Cy", "e", "")]).unwrap(), [Outcome::Stored { seq: 1 }]);
        assert_eq!(caught_up(&mut *one), ["1 e"]);
    });
}

#[test]
fn connections_that_are_ended_lose_nothing_and_store_nothing_twice() {
    with_store(|directory, store| {
        let url = url(directory);
        let logs = ["den", "hall"].map(|name| room_log(&**store, name));
        thread::scope(|scope| {
            for mut log in logs {
                scope.spawn(move || {
                    for number in 1..=100 {
                        let draft = message("Ann", &number.to_string(), &format!("m{number}"));
                        // What is refused may be stored: it is said again under its mid.
                        while log.append(std::slice::from_ref(&draft)).is_err() {
                            thread::yield_now();
                        }
                    }
                });
            }
            for _ in 0..10 {
                let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
                psql(&url, sql);
            }
        });
        for name in ["den", "hall"] {
            let page = || store.page(&room(name), PageQuery { span: Span::After(0), count: 1_000, bytes: 1 << 20 });
            until("a connection is made again", || page().is_ok());
            let texts: Vec<_> = page().unwrap().unwrap().messages.into_iter().map(|message| message.body).collect();
            let said: Vec<_> = (1..=100).map(|number| Body::Text(number.to_string().into())).collect();
            assert_eq!(texts, said, "{name}");
        }
    });
}

#[test]
fn an_import_waits_for_a_server_that_has_just_ended() {
    const KEPT: &str = "SELECT pg_advisory_lock_shared(1919905645, hashtext(current_schema())); SELECT pg_sleep(0.3)";
    const UNTIL_KEPT: &str = "DO $$ BEGIN
        WHILE NOT EXISTS (SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database
            WHERE locktype = 'advisory' AND classid = 1919905645 AND datname = current_database()) LOOP
            PERFORM pg_sleep(0.01);
        END LOOP;
    END $$";
    with_store(|_, store| {
        room_log(&**store, "den").outcomes(&[message("Ann", "a", "")]).unwrap();
        let mut lines = Vec::new();
        store.administration().export(&room("den"), ExportStart::Seq(0), &mut lines).unwrap();
        let directory = TestDirectory::new();
        let url = url(&directory);
        drop(TestStore::with(&url, |_| ()).unwrap());
        thread::scope(|scope| {
            scope.spawn(|| psql(&url, KEPT));
            psql(&url, UNTIL_KEPT);
            let imported = store::administration(&url).unwrap().import(&mut &lines[..]).unwrap();
            assert_eq!(imported.added, 1);
        });
    });
}

#[test]
fn one_server_at_a_time_delivers_to_an_origin_and_one_that_slept_records_nothing() {
    const ORIGIN: &str = "http://bot.example";
    with_store(|directory, one| {
        let other = TestStore::with(&url(directory), |_| ()).unwrap();
        let made = NewWebhook {
            url: WebhookUrl::parse("http://bot.example/in").unwrap(),
            room: None,
            events: WebhookEvents::default(),
            by: None,
            created: Time(7),
        };
        let number = one.webhooks().add_webhook(&made, &Secret::from("whsec_c2VjcmV0")).unwrap().unwrap();
        room_log(&**one, "den").outcomes(&[message("Ann", "a", ""), message("Ann", "b", "")]).unwrap();
        let (one, other) = (one.webhooks(), other.webhooks());
        let delivered = Attempt { at: Time(9), outcome: "200".to_owned(), after: AfterAttempt::Delivered };
        let slept = one.take_lease(ORIGIN).unwrap().unwrap();
        let first = one.next_delivery(number, slept).unwrap().unwrap();
        assert_eq!(other.take_lease(ORIGIN).unwrap(), None, "another has it");
        // As after five seconds without a heartbeat.
        psql(&url(directory), "UPDATE webhook_leases SET until = clock_timestamp() - interval '1 ms'");
        let taken = other.take_lease(ORIGIN).unwrap().unwrap();
        assert_eq!(one.take_lease(ORIGIN).unwrap(), None, "and now the other has it");
        assert_eq!(one.note_attempt(number, first.number, &delivered, slept), Ok(false));
        assert_eq!(one.next_delivery(number, slept).unwrap(), None);
        assert_eq!(other.next_delivery(number, taken).unwrap().as_ref(), Some(&first));
        assert_eq!(other.note_attempt(number, first.number, &delivered, taken), Ok(true));
        one.return_lease(slept).unwrap();
        let second = other.next_delivery(number, taken).unwrap().unwrap();
        assert_eq!(other.note_attempt(number, second.number, &delivered, taken), Ok(true));
        let attempts: Vec<_> = other.deliveries(number, 9).unwrap().iter().map(|logged| logged.attempts).collect();
        assert_eq!(attempts, [1, 1]);
        other.return_lease(taken).unwrap();
        assert!(one.take_lease(ORIGIN).unwrap().is_some(), "it was given back");
    });
}

#[test]
fn a_name_of_a_user_is_no_sql() {
    with_store(|_, store| {
        let mut log = room_log(&**store, "den");
        let name = "O'Neil\\;--$$";
        log.outcomes(&[message(name, "it's '; DROP TABLE rooms; --", "m'"), private_message("Ann", name, "\\'")])
            .unwrap();
        assert_eq!(store.search(&room("den"), "drop table", u64::MAX, 9).unwrap().messages.len(), 1);
    });
}
