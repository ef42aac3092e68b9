//! The store under load: threads that publish, each in a room of its own, and wait for each acknowledgement.
//!
//! They call the store as a room's broker does, with one draft at a time: the worst case, since a broker appends at once
//! all that has arrived meanwhile.

use std::sync::Barrier;
use std::thread;
use std::time::{Instant, SystemTime};

use hdrhistogram::Histogram;
use roomd::chat::draft::{Draft, Operation, Outcome as Stored};
use roomd::chat::members::MemberId;
use roomd::chat::{AuthLevel, Mid, Publication, RoomName, Speaker, Time, UserName};
use roomd::store::{self, BackendOptions, Durability, Retention, Store};

use super::Trial;
use super::arguments::Arguments;
use super::message_text::text;
use super::table::Outcome;

pub fn run(data: &str, durability: Durability, publishers: usize, arguments: &Arguments) -> Trial {
    let mut journal = None;
    let options = BackendOptions {
        bus: None,
        durability,
        retention: Box::new(Retention::default),
        now: Box::new(|| SystemTime::now().into()),
        on_commit: Box::new(|_| ()),
        on_delivery: Box::new(|| ()),
        on_panic: Box::new(|| ()),
        spawn: &mut |name, body| {
            journal = Some(thread::Builder::new().name(name.to_owned()).spawn(body)?);
            Ok(())
        },
    };
    let backend = store::open(data, options).map_err(|error| error.to_string())?;
    let store = &*backend.rooms;
    let start = Barrier::new(publishers);
    let latencies = thread::scope(|scope| {
        let publish = |number| {
            let start = &start;
            scope.spawn(move || publisher(number, store, start, arguments))
        };
        let threads: Vec<_> = (1..=publishers).map(publish).collect();
        threads.into_iter().map(|thread| thread.join().expect("a publisher does not panic")).collect::<Vec<_>>()
    });
    store.close();
    if let Some(journal) = journal {
        journal.join().expect("the journal does not panic");
    }
    let mut latency = Histogram::<u64>::new(3)?;
    for one in latencies {
        latency.add(one)?;
    }
    Ok(Outcome { per_s: latency.len() as f64 / arguments.measuring.as_secs_f64(), latency })
}

/// The times of its acknowledgements, in nanoseconds.
fn publisher(number: usize, store: &dyn Store, start: &Barrier, arguments: &Arguments) -> Histogram<u64> {
    let name = RoomName::parse(&format!("room-{number}")).expect("it is a name");
    let user = UserName::parse(&format!("user-{number}")).expect("it is a name");
    let mut room_log = store.open(&name, 0).expect("it was opened").room_log;
    let mut latency = Histogram::new(3).expect("three digits are few");
    start.wait();
    let began = Instant::now();
    for seq in 1.. {
        let mid = Mid::parse(&format!("mid-{seq}")).ok();
        let publication = Publication { mid, ..Publication::text(&text(seq)) };
        let operation = Operation::Publish { to: None, publication };
        let speaker =
            Speaker { member: MemberId(1), user: user.clone(), auth_level: AuthLevel::Guest, has_own_rate: false };
        let draft = Draft::new(speaker, operation, Time(seq));
        let asked = Instant::now();
        let appended = room_log.append(&[draft]).expect("it was stored");
        assert_eq!(appended.outcomes, [Stored::Stored { seq }]);
        let passed = began.elapsed();
        if passed > arguments.warm_up + arguments.measuring {
            break;
        }
        if passed > arguments.warm_up {
            latency.record(u64::try_from(asked.elapsed().as_nanos()).unwrap_or(u64::MAX)).expect("it resizes");
        }
    }
    latency
}
