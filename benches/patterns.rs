//! `cargo bench --bench patterns`: what 1 000 patterns cost the opening of a topic, and a message where none matches.
//!
//! Each condition is a server of its own in this process, without sockets: a program publishes to a topic and waits for
//! the answer. They take turns, every second time in the reverse order, so that other work on the machine affects all.
//! Without `--bench`, as
//! `cargo test --benches` runs it, each does a little once.

#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use roomd::chat::{End, Event, Identity, Pattern, Refusal, RoomName, RoomRequest, UserName};
use roomd::engine::Engine;
use roomd::engine::rooms::hub::RoomKind;
use roomd::{Delivery, DeliveryMode, PatternMember, Recipient, Server, Settings, Undelivered};
use support::environment;

/// Patterns in force.
const PATTERNS: usize = 1_000;
/// Patterns of one connection, at most.
const OF_ONE: usize = roomd::chat::pattern::PATTERNS_MAX;

/// What is subscribed to before the topic is opened.
#[derive(Clone, Copy, PartialEq)]
enum Condition {
    /// Nothing.
    None,
    /// 1 000 patterns, of which none matches.
    NoneMatches,
    /// The same, of which one matches.
    OneMatches,
    /// One pattern, that matches, by 1 000 connections.
    AllMatch,
}

impl Condition {
    const ALL: [Self; 4] = [Self::None, Self::NoneMatches, Self::OneMatches, Self::AllMatch];

    fn name(self) -> &'static str {
        match self {
            Self::None => "no pattern",
            Self::NoneMatches => "1 000 patterns, none matches",
            Self::OneMatches => "1 000 patterns, one matches",
            Self::AllMatch => "1 pattern of 1 000 connections, matches",
        }
    }

    /// The patterns of each connection.
    fn patterns(self) -> Vec<Vec<String>> {
        let others: Vec<_> = (0..PATTERNS).map(|number| format!("instruments.{number}.*")).collect();
        let others = others.chunks(OF_ONE).map(<[_]>::to_vec);
        match self {
            Self::None => Vec::new(),
            Self::NoneMatches => others.collect(),
            Self::OneMatches => {
                let mut all: Vec<_> = others.collect();
                all[0][0] = "topics.*".to_owned();
                all
            }
            Self::AllMatch => vec![vec!["topics.*".to_owned()]; PATTERNS],
        }
    }
}

/// Counts the messages that it is given.
#[derive(Default)]
struct Counter(AtomicU64);

impl Recipient for Counter {
    fn deliver(&self, delivery: Delivery<'_>, _: DeliveryMode) -> Result<(), Undelivered> {
        if let Delivery::Event(event) = delivery {
            self.0.fetch_add(u64::from(event.is_message()), Ordering::Relaxed);
        }
        Ok(())
    }

    fn is_prompt(&self) -> bool {
        true
    }

    fn end(&self, _: End) {}
}

/// A server under one condition.
struct Subject {
    condition: Condition,
    subscribers: Vec<PatternMember>,
    counter: Arc<Counter>,
    server: Server,
    opened: u64,
    /// Microseconds of each opening with its message, and of each message in an open topic: one for each turn.
    openings: Vec<f64>,
    messages: Vec<f64>,
}

fn main() -> ExitCode {
    let is_rehearsal = std::env::args_os().len() == 1;
    let outcome = if is_rehearsal { run(1, 20) } else { run(11, 2_000) };
    support::conclude("patterns", outcome)
}

/// Measures so many turns, with so many openings and messages in each.
fn run(turns: usize, count: u32) -> Result<(), Box<dyn std::error::Error>> {
    println!("{}", environment::description(Path::new(env!("CARGO_BIN_EXE_roomd"))));
    println!(
        "{turns} turns of {count} openings and {count} messages; the first turn is not counted where there are several"
    );
    let mut subjects =
        Condition::ALL.iter().map(|condition| Subject::new(*condition)).collect::<Result<Vec<_>, _>>()?;
    for _ in 0..turns {
        for subject in &mut subjects {
            subject.turn(count)?;
        }
        subjects.reverse();
    }
    subjects.sort_by_key(|subject| Condition::ALL.iter().position(|condition| *condition == subject.condition));
    println!("\n{:<40} {:>24} {:>24}", "µs: median (least–most)", "opening and a message", "a message");
    for subject in subjects {
        let [openings, messages] = [&subject.openings, &subject.messages].map(|times| spread(times));
        println!("{:<40} {openings:>24} {messages:>24}", subject.condition.name());
        subject.check()?;
    }
    Ok(())
}

fn spread(times: &[f64]) -> String {
    let mut times = times[usize::from(times.len() > 1)..].to_vec();
    times.sort_by(f64::total_cmp);
    format!("{:.1} ({:.1}–{:.1})", times[times.len() / 2], times[0], times[times.len() - 1])
}

fn topic(name: &str) -> RoomName {
    RoomName::parse(name).expect("a name of a bench is valid")
}

fn publish(engine: &Arc<Engine>, room: &RoomName, who: &Identity) -> Result<(), Refusal> {
    match engine.hub.ask(room, who.clone(), RoomRequest::message("1.0842"))? {
        Event::Refused(refusal) => Err(refusal),
        _ => Ok(()),
    }
}

/// Microseconds of each of so many calls.
fn time(count: u32, mut call: impl FnMut(u32) -> Result<(), Refusal>) -> Result<f64, Box<dyn std::error::Error>> {
    let began = Instant::now();
    for number in 0..count {
        call(number).map_err(|refusal| refusal.message.into_owned())?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(count))
}

impl Subject {
    fn new(condition: Condition) -> Result<Self, Box<dyn std::error::Error>> {
        let server = Server::start(Settings::ephemeral(), |_| ())?;
        let counter = Arc::new(Counter::default());
        let mut subscribers = Vec::new();
        for (number, patterns) in condition.patterns().into_iter().enumerate() {
            let who = UserName::parse(&format!("board-{number}")).expect("a name of a bench is valid");
            let recipient = Arc::clone(&counter) as Arc<dyn Recipient>;
            let refused = |refusal: Refusal| refusal.message.into_owned();
            let mut subscriber = PatternMember::new(server.engine(), who, recipient).map_err(refused)?;
            for pattern in patterns {
                Pattern::parse(&pattern).and_then(|pattern| subscriber.subscribe(pattern)).map_err(refused)?;
            }
            subscribers.push(subscriber);
        }
        Ok(Self { condition, subscribers, counter, server, opened: 0, openings: Vec::new(), messages: Vec::new() })
    }

    fn turn(&mut self, count: u32) -> Result<(), Box<dyn std::error::Error>> {
        let engine = self.server.engine();
        let who = Identity::guest(UserName::parse("feed").expect("a name of a bench is valid"));
        let opened = self.opened;
        let openings =
            time(count, |number| publish(engine, &topic(&format!("topics.{}", opened + u64::from(number))), &who))?;
        self.openings.push(openings);
        self.opened += u64::from(count);
        // Another name: none of the patterns matches it.
        let open = topic("open");
        let seat =
            engine.hub.keep(&open, &RoomKind::USUAL, false, None).map_err(|refusal| refusal.message.into_owned())?;
        self.messages.push(time(count, |_| publish(engine, &open, &who))?);
        seat.close();
        Ok(())
    }

    /// Whether each subscriber was given each message that its pattern matches, and no other.
    fn check(self) -> Result<(), Box<dyn std::error::Error>> {
        let each = match self.condition {
            Condition::None | Condition::NoneMatches => 0,
            Condition::OneMatches => 1,
            Condition::AllMatch => self.subscribers.len() as u64,
        };
        let (due, given) = (each * self.opened, self.counter.0.load(Ordering::Relaxed));
        if due == given { Ok(()) } else { Err(format!("{}: {given} of {due} messages", self.condition.name()).into()) }
    }
}
