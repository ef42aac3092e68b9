//! Webhooks and what is to be delivered to them: written with what it tells of, in order, until it is delivered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use roomd::chat::policy::ModerationChange;
use roomd::chat::webhook::{
    AfterAttempt, Attempt, BACKLOG_MAX, DELIVERED_MAX, DueDelivery, Movement, NewWebhook, REMOVED_MAX,
    ROOM_WEBHOOKS_MAX, USER_WEBHOOKS_MAX, WEBHOOKS_MAX, Webhook, WebhookEvent, WebhookEvents, WebhookOff, WebhookUrl,
};
use roomd::chat::{About, Body, Event, Mid, Operation, Outcome, Publication, Secret, StoreFailed, Time};
use roomd::store::{WebhookLease, WebhookStore};

use super::Promise::{Administration, Failures, History, Reopening};
use super::{backends, each};
use crate::drafts::{OnlyLog as _, delete, draft, edit, message, moderate, private_message, room, room_log, user};
use crate::harness::{TestStore, until};

type Webhooks<'a> = &'a dyn WebhookStore<Error = StoreFailed>;

fn secret() -> Secret {
    Secret::from("whsec_c2VjcmV0")
}

fn new(of: Option<&str>, events: &[WebhookEvent]) -> NewWebhook {
    let events = events.iter().copied().collect();
    let url = WebhookUrl::parse("https://bot.example/in").unwrap();
    NewWebhook { url, room: of.map(room), events, by: Some(user("Olga")), created: Time(7) }
}

fn add(webhooks: Webhooks<'_>, of: Option<&str>, events: &[WebhookEvent]) -> u64 {
    webhooks.add_webhook(&new(of, events), &secret()).unwrap().unwrap()
}

fn webhook(webhooks: Webhooks<'_>, number: u64) -> Webhook {
    webhooks.webhooks().unwrap().into_iter().find(|webhook| webhook.number == number).unwrap()
}

fn delivered(at: u64) -> Attempt {
    Attempt { at: Time(at), outcome: "200".to_owned(), after: AfterAttempt::Delivered }
}

/// Does this under the lease of the address that all of them have.
fn leased<T>(webhooks: Webhooks<'_>, work: impl FnOnce(WebhookLease) -> T) -> T {
    let lease = webhooks.take_lease("https://bot.example").unwrap().unwrap();
    let done = work(lease);
    webhooks.return_lease(lease).unwrap();
    done
}

fn next(webhooks: Webhooks<'_>, number: u64) -> Option<DueDelivery> {
    leased(webhooks, |lease| webhooks.next_delivery(number, lease).unwrap())
}

fn note(webhooks: Webhooks<'_>, number: u64, delivery: u64, attempt: &Attempt) {
    assert!(leased(webhooks, |lease| webhooks.note_attempt(number, delivery, attempt, lease).unwrap()));
}

/// Delivers all that waits.
fn drain(webhooks: Webhooks<'_>, number: u64) -> Vec<DueDelivery> {
    let mut all = Vec::new();
    while let Some(due) = next(webhooks, number) {
        note(webhooks, number, due.number, &delivered(50));
        all.push(due);
    }
    all
}

/// The events that wait, in a few words each.
fn told(webhooks: Webhooks<'_>, number: u64) -> Vec<String> {
    let words = |due: DueDelivery| {
        let what = match &due.event {
            Event::Message(message) => format!("{} {:?}", message.seq, message.body),
            Event::Edit { seq, body, .. } => format!("{seq} {body:?}"),
            Event::Join { user, .. } | Event::Leave { user, .. } => user.to_string(),
            Event::Moderated { action, .. } => action.change.as_str().to_owned(),
            other => panic!("{other:?}"),
        };
        format!("{} {what}", due.kind.as_str())
    };
    drain(webhooks, number).into_iter().map(words).collect()
}

#[test]
fn what_happens_is_told_in_order_to_those_who_want_to_know() {
    each(History, |fixture| {
        let store = fixture.open();
        let webhooks = store.webhooks();
        let all = add(webhooks, None, &WebhookEvent::ALL);
        let of_den = add(webhooks, Some("den"), &[WebhookEvent::Message, WebhookEvent::Delete]);
        let of_hall = add(webhooks, Some("hall"), &[WebhookEvent::Edit]);
        let mut den = room_log(&*store, "den");
        let mut hall = room_log(&*store, "hall");
        let kicked = ModerationChange::Kicked { user: user("Cy") };
        let created = ModerationChange::Created { private: false, owner: Some(user("Ann")), members: Vec::new() };
        den.outcomes(&[moderate("Ann", 1, created), message("Ann", "one", "m1"), message("Bob", "two", "")]).unwrap();
        den.outcomes(&[message("Ann", "one", "m1"), edit("Cy", 1, "no"), moderate("Ann", 4, kicked)]).unwrap();
        hall.outcomes(&[message("Ann", "elsewhere", ""), edit("Ann", 1, "there")]).unwrap();
        den.outcomes(&[edit("Ann", 1, "uno"), delete("Bob", 2), edit("Ann", 9, "none")]).unwrap();
        let mut private = room_log(&*store, "den");
        drop(std::mem::replace(
            &mut private,
            store.open(&roomd::chat::RoomName::private(&user("Ann"), &user("Bob")), 0).unwrap().room_log,
        ));
        private.outcomes(&[private_message("Ann", "Bob", "secret")]).unwrap();
        assert_eq!(
            told(webhooks, all),
            [
                "created founded",
                "message 1 Text(\"one\")",
                // It was deleted before it was delivered.
                "message 2 Deleted(None)",
                "moderated kicked",
                "message 1 Text(\"elsewhere\")",
                "edit 1 Text(\"there\")",
                "edit 1 Text(\"uno\")",
                "delete 2 Deleted(None)",
            ]
        );
        assert_eq!(
            told(webhooks, of_den),
            ["message 1 Text(\"one\")", "message 2 Deleted(None)", "delete 2 Deleted(None)"]
        );
        assert_eq!(told(webhooks, of_hall), ["edit 1 Text(\"there\")"]);
        assert_eq!(webhook(webhooks, all).waiting, 0);
    });
}

#[test]
fn an_event_has_one_id_and_all_that_a_member_is_told() {
    each(History, |fixture| {
        let store = fixture.open();
        let webhooks = store.webhooks();
        let (one, other) =
            (add(webhooks, None, &[WebhookEvent::Message]), add(webhooks, Some("den"), &[WebhookEvent::Message]));
        let opened = store.open(&room("den"), 0).unwrap();
        let mut den = opened.room_log;
        let (about, mid) = (Some(About::Reply(1)), Mid::parse("m\0").ok());
        let body = Body::Text("a\0b \u{1f600}".into());
        let publication = Publication { about, mid: mid.clone(), ..Publication::new(body.clone()) };
        let reply = Operation::Publish { to: None, publication };
        den.outcomes(&[message("Ann", "one", ""), draft("Bob", 5, reply)]).unwrap();
        let (first, second) = (drain(webhooks, one), drain(webhooks, other));
        assert_eq!(
            first.iter().map(|due| &due.id).collect::<Vec<_>>(),
            second.iter().map(|due| &due.id).collect::<Vec<_>>()
        );
        assert_ne!(first[0].id, first[1].id);
        assert!(first.iter().all(|due| due.id.starts_with("msg_") && due.epoch == opened.past.epoch));
        let Event::Message(message) = &first[1].event else { panic!("{:?}", first[1]) };
        let found = (&message.user, &message.body, message.about, &message.mid, message.at);
        assert_eq!(found, (&user("Bob"), &body, about, &mid, Time(5)));
    });
}

#[test]
fn a_message_that_is_not_stored_is_told_to_nobody() {
    each(Failures, |fixture| {
        let store = fixture.open();
        let number = add(store.webhooks(), None, &[WebhookEvent::Message]);
        let mut den = room_log(&*store, "den");
        den.outcomes(&[message("Ann", "one", "")]).unwrap();
        fixture.fail_appends();
        assert_eq!(den.outcomes(&[message("Ann", "two", ""), message("Ann", "fail", "")]), Err(StoreFailed));
        den.outcomes(&[message("Ann", "three", "")]).unwrap();
        assert_eq!(told(store.webhooks(), number), ["message 1 Text(\"one\")", "message 2 Text(\"three\")"]);
    });
}

#[test]
fn who_enters_and_leaves_is_told_where_it_is_wanted() {
    each(History, |fixture| {
        let woken = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&woken);
        let store = TestStore::with(&fixture.url(), |options| {
            options.on_delivery = Box::new(move || _ = counted.fetch_add(1, Ordering::Relaxed));
        });
        let store = store.unwrap();
        let webhooks = store.webhooks();
        let mut den = room_log(&*store, "den");
        let moved = |joins, name: &str| Movement { joins, user: user(name), at: Time(4) };
        den.moved(moved(true, "Early"));
        let number = add(webhooks, Some("den"), &[WebhookEvent::Join, WebhookEvent::Message]);
        webhooks.webhooks().unwrap();
        den.moved(moved(true, "Ann"));
        den.moved(moved(false, "Ann"));
        den.outcomes(&[message("Ann", "one", "")]).unwrap();
        den.moved(moved(true, "Bob"));
        until("the movement is stored", || webhook(webhooks, number).waiting == 3);
        assert_eq!(told(webhooks, number), ["join Ann", "message 1 Text(\"one\")", "join Bob"]);
        assert!(woken.load(Ordering::Relaxed) > 0);
    });
}

#[test]
fn an_attempt_that_fails_keeps_its_place() {
    each(History, |fixture| {
        let store = fixture.open();
        let webhooks = store.webhooks();
        let number = add(webhooks, None, &[WebhookEvent::Message]);
        let mut den = room_log(&*store, "den");
        den.outcomes(&[message("Ann", "one", ""), message("Ann", "two", "")]).unwrap();
        let first = next(webhooks, number).unwrap();
        for (at, due) in [(10, 20), (20, 40)] {
            let outcome = "connection refused".to_owned();
            let attempt = Attempt { at: Time(at), outcome, after: AfterAttempt::Again(Time(due)) };
            note(webhooks, number, first.number, &attempt);
            assert_eq!(next(webhooks, number).as_ref(), Some(&first));
        }
        let failing = webhook(webhooks, number);
        assert_eq!((failing.failures, failing.failing, failing.due, failing.waiting), (2, Some(Time(10)), Time(40), 2));
        let log = webhooks.deliveries(number, 9).unwrap();
        let shown: Vec<_> =
            log.iter().map(|logged| (logged.attempts, logged.tried.clone(), logged.delivered)).collect();
        assert_eq!(shown, [(2, Some((Time(20), "connection refused".to_owned())), false), (0, None, false)]);
        note(webhooks, number, first.number, &delivered(50));
        // The same attempt, noted once more, changes nothing.
        note(webhooks, number, first.number, &delivered(51));
        let well = webhook(webhooks, number);
        assert_eq!((well.failures, well.failing, well.waiting), (0, None, 1));
        let second = next(webhooks, number).unwrap();
        let gone = Attempt { after: AfterAttempt::Off(WebhookOff::Gone), ..delivered(60) };
        note(webhooks, number, second.number, &gone);
        assert_eq!(webhook(webhooks, number).off, Some((Time(60), WebhookOff::Gone)));
        den.outcomes(&[message("Ann", "three", "")]).unwrap();
        assert_eq!(webhook(webhooks, number).waiting, 1, "it is told of nothing while it is off");
        assert!(webhooks.resume_webhook(number, Time(70)).unwrap());
        assert!(!webhooks.resume_webhook(99, Time(70)).unwrap());
        let on = webhook(webhooks, number);
        assert_eq!((on.off, on.failing, on.due), (None, None, Time(70)));
        assert_eq!(told(webhooks, number), ["message 2 Text(\"two\")"]);
    });
}

#[test]
fn what_is_delivered_is_noted_under_a_lease() {
    each(History, |fixture| {
        let store = fixture.open();
        let webhooks = store.webhooks();
        let number = add(webhooks, None, &[WebhookEvent::Message]);
        room_log(&*store, "den").outcomes(&[message("Ann", "one", "")]).unwrap();
        let lease = webhooks.take_lease("https://bot.example").unwrap().unwrap();
        let due = webhooks.next_delivery(number, lease).unwrap().unwrap();
        assert!(webhooks.take_lease("https://other.example").unwrap().is_some(), "each origin has a lease of its own");
        assert_eq!(webhooks.note_attempt(number, due.number, &delivered(50), lease), Ok(true));
        assert_eq!(webhooks.next_delivery(number, lease).unwrap(), None);
        webhooks.return_lease(lease).unwrap();
        assert!(webhooks.take_lease("https://bot.example").unwrap().is_some(), "it was given back");
    });
}

#[test]
fn what_was_delivered_can_be_sent_again_and_is_forgotten_in_time() {
    each(History, |fixture| {
        let store = fixture.open();
        let webhooks = store.webhooks();
        let number = add(webhooks, None, &[WebhookEvent::Message]);
        let mut den = room_log(&*store, "den");
        den.outcomes(&[message("Ann", "one", "")]).unwrap();
        let waits = next(webhooks, number).unwrap();
        assert!(!webhooks.resend(number, waits.number).unwrap(), "it is not delivered yet");
        let first = drain(webhooks, number).remove(0);
        assert!(!webhooks.resend(number + 1, first.number).unwrap());
        assert!(webhooks.resend(number, first.number).unwrap());
        let again = drain(webhooks, number).remove(0);
        assert_eq!((&again.id, &again.event), (&first.id, &first.event));
        let drafts: Vec<_> = (0..DELIVERED_MAX + 5).map(|_| message("Ann", "more", "")).collect();
        den.outcomes(&drafts).unwrap();
        drain(webhooks, number);
        assert_eq!(webhooks.deliveries(number, 1_000).unwrap().len(), DELIVERED_MAX);
        den.outcomes(&[message("Ann", "waits", "")]).unwrap();
        webhooks.forget_deliveries(Time(50)).unwrap();
        assert_eq!(webhooks.deliveries(number, 1_000).unwrap().len(), DELIVERED_MAX + 1);
        webhooks.forget_deliveries(Time(51)).unwrap();
        assert_eq!(webhooks.deliveries(number, 1_000).unwrap().len(), 1);
    });
}

#[test]
fn a_webhook_for_which_too_much_waits_is_switched_off() {
    each(History, |fixture| {
        let store = fixture.open();
        let webhooks = store.webhooks();
        let (full, other) = (add(webhooks, None, &[WebhookEvent::Message]), add(webhooks, None, &[WebhookEvent::Edit]));
        let mut den = room_log(&*store, "den");
        let drafts: Vec<_> = (0..1_000).map(|_| message("Ann", "x", "")).collect();
        for _ in 0..BACKLOG_MAX / 1_000 {
            assert_eq!(webhook(webhooks, full).off, None);
            den.outcomes(&drafts).unwrap();
        }
        den.outcomes(&drafts).unwrap();
        let off = webhook(webhooks, full);
        assert_eq!((off.waiting, off.off), (BACKLOG_MAX, Some((Time(1), WebhookOff::Full))));
        let heavy = add(webhooks, None, &[WebhookEvent::Message]);
        let large = "x".repeat(1 << 20);
        for _ in 0..16 {
            let drafts: Vec<_> = (0..5).map(|_| message("Ann", &large, "")).collect();
            den.outcomes(&drafts).unwrap();
        }
        let off = webhook(webhooks, heavy);
        // A batch may go beyond it.
        assert!((64..69).contains(&off.waiting), "{off:?}");
        assert_eq!(off.off.map(|(_, reason)| reason), Some(WebhookOff::Full));
        assert_eq!(webhook(webhooks, other).off, None);
        assert!(webhooks.remove_webhook(full, None, Time(9)).unwrap());
        assert_eq!(webhook(webhooks, full).waiting, 0);
        assert_eq!(next(webhooks, full), None);
    });
}

#[test]
fn a_room_and_a_server_have_so_many_webhooks_and_remember_so_many() {
    each(History, |fixture| {
        let store = fixture.open();
        let webhooks = store.webhooks();
        let message = [WebhookEvent::Message];
        let made = |of: Option<&str>| NewWebhook { by: None, ..new(of, &message) };
        let try_add = |of: Option<&str>| webhooks.add_webhook(&made(of), &secret()).unwrap();
        let own: Vec<_> = (0..USER_WEBHOOKS_MAX).map(|_| add(webhooks, None, &message)).collect();
        assert_eq!(webhooks.add_webhook(&new(None, &message), &secret()).unwrap(), None);
        own.iter().for_each(|number| assert!(webhooks.remove_webhook(*number, None, Time(8)).unwrap()));
        let first: Vec<_> = (0..ROOM_WEBHOOKS_MAX).map(|_| try_add(Some("den")).unwrap()).collect();
        assert_eq!(try_add(Some("den")), None);
        let by = user("Mod");
        assert!(webhooks.remove_webhook(first[0], Some(&by), Time(9)).unwrap());
        assert!(!webhooks.remove_webhook(first[0], Some(&by), Time(9)).unwrap());
        assert_eq!(webhook(webhooks, first[0]).removed, Some((Time(9), Some(by))));
        assert!(try_add(Some("den")).is_some());
        for _ in ROOM_WEBHOOKS_MAX..WEBHOOKS_MAX {
            assert!(try_add(None).is_some());
        }
        assert_eq!((try_add(None), try_add(Some("hall"))), (None, None));
        for _ in 0..REMOVED_MAX + 3 {
            let in_force = webhooks.webhooks().unwrap().into_iter().find(|webhook| webhook.removed.is_none()).unwrap();
            assert!(webhooks.remove_webhook(in_force.number, None, Time(9)).unwrap());
            assert!(try_add(None).is_some());
        }
        let all = webhooks.webhooks().unwrap();
        assert!(all.iter().filter(|webhook| webhook.removed.is_some()).count() <= REMOVED_MAX + 1);
        assert!(all.iter().all(|webhook| webhook.number != first[0]));
    });
}

#[test]
fn the_webhooks_of_a_room_end_with_it_and_the_last_thing_they_are_told_is_that() {
    each(History, |fixture| {
        let store = fixture.open();
        let webhooks = store.webhooks();
        let number = add(webhooks, Some("den"), &WebhookEvent::ALL);
        let all = add(webhooks, None, &WebhookEvent::ALL);
        let mut den = room_log(&*store, "den");
        den.outcomes(&[message("Ann", "one", "")]).unwrap();
        let ended = den.outcomes(&[moderate("Ann", 4, ModerationChange::Ended), message("Bob", "new", "")]).unwrap();
        assert!(matches!(ended[..], [Outcome::Ended { .. }, Outcome::Stored { seq: 1 }]), "{ended:?}");
        let over = webhook(webhooks, number);
        assert_eq!((over.ended, over.removed), (true, Some((Time(4), Some(user("Ann"))))));
        assert_eq!(told(webhooks, number), ["message 1 Text(\"one\")", "ended ended"]);
        let told_all = drain(webhooks, all);
        assert_eq!(told_all.len(), 3);
        assert_ne!(told_all[0].epoch, told_all[2].epoch);
        let other = add(webhooks, Some("den"), &WebhookEvent::ALL);
        webhooks.end_webhooks(&room("den"), &user("Ann"), Time(5)).unwrap();
        assert!(webhook(webhooks, other).ended);
    });
}

#[test]
fn what_waits_is_kept() {
    each(Reopening, |fixture| {
        let number = {
            let store = fixture.open();
            let number = add(store.webhooks(), Some("den"), &[WebhookEvent::Message]);
            room_log(&*store, "den").outcomes(&[message("Ann", "one", "")]).unwrap();
            number
        };
        let store = fixture.open();
        let kept = webhook(store.webhooks(), number);
        assert_eq!((kept.made, kept.secret), (new(Some("den"), &[WebhookEvent::Message]), secret()));
        assert_eq!(told(store.webhooks(), number), ["message 1 Text(\"one\")"]);
    });
}

#[test]
fn a_command_makes_and_removes_webhooks_beside_the_server() {
    each(Administration, |fixture| {
        let store = fixture.open();
        let administration = fixture.administration();
        let command = administration.webhooks().unwrap();
        let number = command.add_webhook(&new(None, &[WebhookEvent::Message]), &secret()).unwrap().unwrap();
        let mut den = room_log(&*store, "den");
        den.outcomes(&[message("Ann", "one", "")]).unwrap();
        assert_eq!(command.deliveries(number, 9).unwrap().len(), 1);
        let first = drain(store.webhooks(), number).remove(0);
        assert!(command.resend(number, first.number).unwrap());
        assert!(command.resume_webhook(number, Time(3)).unwrap());
        assert_eq!(drain(store.webhooks(), number).len(), 1);
        assert!(command.remove_webhook(number, None, Time(9)).unwrap());
        den.outcomes(&[message("Ann", "two", "")]).unwrap();
        assert_eq!(command.webhooks().unwrap()[0].waiting, 0);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Each message is told once and in order, whatever the batches, the failures and the attempts between them.
    #[test]
    fn each_message_is_told_once(steps in prop::collection::vec((0_usize..4, any::<bool>()), 1..16)) {
        for backend in backends(History) {
            let fixture = super::Fixture::new(backend);
            let store = fixture.open();
            let webhooks = store.webhooks();
            let number = add(webhooks, None, &[WebhookEvent::Message]);
            let mut den = room_log(&*store, "den");
            let (mut published, mut seen) = (0_u64, Vec::new());
            let mut attempt = |fails: bool| {
                let Some(due) = next(webhooks, number) else { return };
                let Event::Message(message) = &due.event else { panic!("{due:?}") };
                if !fails {
                    seen.push(message.seq);
                }
                let after = if fails { AfterAttempt::Again(Time(1)) } else { AfterAttempt::Delivered };
                note(webhooks, number, due.number, &Attempt { after, ..delivered(1) });
            };
            for (count, fails) in &steps {
                let drafts: Vec<_> = (0..*count).map(|_| message("Ann", "x", "")).collect();
                published += den.outcomes(&drafts).unwrap().len() as u64;
                attempt(*fails);
            }
            for _ in 0..published {
                attempt(false);
            }
            prop_assert_eq!(seen, (1..=published).collect::<Vec<_>>());
            prop_assert_eq!(webhook(webhooks, number).waiting, 0);
        }
    }
}

#[test]
fn events_keep_their_numbers() {
    assert_eq!(WebhookEvent::ALL.map(|event| event as u8), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(WebhookEvents(0b1001).names(), ["message", "join"]);
}

#[test]
fn bytes_are_told_as_they_are_count_while_they_wait_and_go_with_their_deletion() {
    each(History, |fixture| {
        let store = fixture.open();
        let webhooks = store.webhooks();
        let number = add(webhooks, None, &[WebhookEvent::Message, WebhookEvent::Edit]);
        let mut den = room_log(&*store, "den");
        let data = |byte: u8| Body::Data([byte; 100].as_slice().into());
        let publish = |body| draft("Ann", 1, Operation::Publish { to: None, publication: Publication::new(body) });
        let edited = draft("Ann", 2, Operation::Edit { seq: 1, body: data(2), as_moderator: false });
        den.outcomes(&[publish(data(1)), edited, publish(data(3)), delete("Ann", 2)]).unwrap();
        assert_eq!(webhook(webhooks, number).waiting, 3);
        let told = told(webhooks, number);
        let expected = [(1, "message", data(1)), (1, "edit", data(2)), (2, "message", Body::Deleted(None))];
        assert_eq!(told, expected.map(|(seq, kind, body)| format!("{kind} {seq} {body:?}")));
        // What is delivered counts no more, nor what is deleted before, and what is sent again counts again.
        let large = || publish(Body::Data(vec![7; 33 << 20].into()));
        for deletes in [false, true, false] {
            let Outcome::Stored { seq } = den.outcomes(&[large()]).unwrap()[0] else { panic!() };
            assert_eq!(webhook(webhooks, number).off, None);
            if deletes {
                den.outcomes(&[delete("Ann", seq)]).unwrap();
            }
            drain(webhooks, number);
        }
        let delivered = webhooks.deliveries(number, 1).unwrap()[0].number;
        assert!([(); 2].iter().all(|()| webhooks.resend(number, delivered).unwrap()));
        den.outcomes(&[publish(data(4))]).unwrap();
        assert_eq!(webhook(webhooks, number).off.map(|(_, reason)| reason), Some(WebhookOff::Full));
    });
}
