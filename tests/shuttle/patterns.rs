//! A subscription to a pattern while a topic opens and closes: from its answer to its end each message once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use roomd::chat::{Authors, Body, End, Event, LeaveReason, Pattern, Time, Visibility};
use roomd::engine::base::sync::channel::bounded;
use roomd::engine::base::sync::{Mutex, thread};
use roomd::engine::clients::pattern_subscription::PatternSubscription;
use roomd::engine::clients::recipient::{Delivery, DeliveryMode, Form, Recipient, Undelivered};
use roomd::engine::guards::address::ClientAddress;
use roomd::engine::rooms::hub::RoomKind;
use roomd::engine::users::endpoint::Endpoint;
use roomd::engine::users::user_connection::{ConnectionOrigin, UserConnection};
use roomd::wire::Encoding;
use roomd::{ChannelRecipient, PatternMember};

use super::{all, check, engine, member, name, publish, spawn, user, wind_up};

/// How far the subscriber is.
const SUBSCRIBED: usize = 1;
const UNSUBSCRIBING: usize = 2;
const UNSUBSCRIBED: usize = 3;

#[test]
fn from_the_answer_to_the_end_of_a_subscription_each_message_of_a_topic_comes_once_and_in_order() {
    check(|| {
        let engine = engine(|_| false);
        let (phase, published) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (events, heard) = bounded(64);
        let subscriber = spawn(&engine, {
            let phase = Arc::clone(&phase);
            move |engine| {
                let recipient = Arc::new(ChannelRecipient::new(events));
                let mut program = PatternMember::new(engine, user("P"), recipient).unwrap();
                let pattern = Pattern::parse("r.*").unwrap();
                program.subscribe(pattern.clone()).unwrap();
                phase.store(SUBSCRIBED, Ordering::SeqCst);
                thread::yield_now();
                phase.store(UNSUBSCRIBING, Ordering::SeqCst);
                program.unsubscribe(&pattern).unwrap();
                phase.store(UNSUBSCRIBED, Ordering::SeqCst);
            }
        });
        // Each opens the topic, unless somebody is in it, and it closes behind it.
        let publisher = spawn(&engine, {
            let (phase, published) = (Arc::clone(&phase), Arc::clone(&published));
            move |engine| {
                for number in ["1", "2", "3"] {
                    let before = phase.load(Ordering::SeqCst);
                    let answer = engine.hub.ask(&name("r.a"), user("V").into(), publish(number));
                    assert!(matches!(answer, Ok(Event::Sent { .. })), "{answer:?}");
                    published.lock().push((number, before, phase.load(Ordering::SeqCst)));
                }
            }
        });
        let visitor = spawn(&engine, |engine| {
            let (guest, _events) = member("A");
            let handle = engine.hub.join(&name("r.a"), &RoomKind::USUAL, guest).expect("it is let in");
            handle.leave(LeaveReason::Left(None), None).expect("the room lives");
        });
        all([subscriber, publisher, visitor]);
        wind_up(&engine, 0);
        let mut texts = Vec::new();
        while let Ok(event) = heard.try_recv() {
            if let Event::Message(message) = &*event
                && let Body::Text(text) = &message.body
            {
                texts.push(text.to_string());
            }
        }
        assert!(texts.is_sorted_by(|a, b| a < b), "each once, in order: {texts:?}");
        for (number, before, after) in published.lock().iter() {
            let is_heard = texts.iter().any(|text| text == number);
            let is_due = *before == SUBSCRIBED && *after == SUBSCRIBED;
            assert!(is_heard || !is_due, "{number} is lost: {texts:?}");
            assert!(!is_heard || *before != UNSUBSCRIBED, "{number} came after the end: {texts:?}");
        }
    });
}

/// A client that counts what it is given.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Recipient for Counting {
    fn deliver(&self, delivery: Delivery<'_>, _: DeliveryMode) -> Result<(), Undelivered> {
        if let Delivery::Segments(segments) = delivery {
            self.0.fetch_add(segments.len(), Ordering::SeqCst);
        }
        Ok(())
    }

    fn is_prompt(&self) -> bool {
        true
    }

    fn end(&self, _: End) {}
}

#[test]
fn who_comes_back_with_another_client_is_in_the_open_topics_again() {
    check(|| {
        let engine = engine(|_| false);
        let (guest, _events) = member("A");
        let open = engine.hub.join(&name("r.a"), &RoomKind::USUAL, guest).expect("it is let in");
        let [lost, back] = [(); 2].map(|()| Arc::new(Counting::default()));
        let form = Form::Bytes(Encoding::Json);
        let endpoint = Endpoint { recipient: Arc::clone(&lost) as _, form, authors: Authors::default() };
        let origin = ConnectionOrigin::in_process(Time(0));
        let connection = UserConnection::new(user("P").into(), 7, origin, true, Visibility::Announced, endpoint);
        let mut subscription = PatternSubscription::default();
        subscription.add(&engine.hub, &connection, 8, Pattern::parse("r.*").unwrap()).unwrap();
        // The topic may not have let it out yet when it is back.
        subscription.detach();
        connection.detach();
        connection.resume(Arc::clone(&back) as _, Encoding::Json, ClientAddress::IN_PROCESS);
        subscription.resume(&engine.hub, &connection, 8);
        let answer = engine.hub.ask(&name("r.a"), user("V").into(), publish("1"));
        assert!(matches!(answer, Ok(Event::Sent { .. })), "{answer:?}");
        assert_eq!([&lost, &back].map(|client| client.0.load(Ordering::SeqCst)), [0, 1]);
        drop((subscription, open));
        wind_up(&engine, 0);
    });
}
