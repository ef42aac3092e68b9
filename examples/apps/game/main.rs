//! Snake for up to four, in the process of the server: a tick 20 times a second, whose state goes to everybody as bytes that
//! nobody keeps, and the inputs of players who send theirs 60 times a second.
//!
//! `examples/apps/game/run` starts it with its page. The rules are in `arena.rs`, the bytes in `wire.rs`. Alone it takes
//! `--listen ADDR`, `--data PATH`, `--origin ORIGIN` of a page, `--robots N` (0 to 4; 3 by default) and `--ticks-per-s N`.

mod arena;
mod inputs;
mod random;
mod records;
mod robot;
mod tick;
mod wire;

use std::convert::Infallible;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use std::{env, process};

use roomd::chat::policy::{ModerationRequest, RoomSettings};
use roomd::chat::{AuthLevel, Body, Identity, Key, Limits, Pattern, Publication, Refusal, RoomName, Slow, UserName};
use roomd::engine::Engine;
use roomd::{Member, MemberOptions, PatternMember, Server, Settings};

use arena::{Arena, PLACES};
use inputs::{Deaf, Inputs};
use random::Random;
use records::Records;
use tick::{Lateness, Ticker};

const TICKS_PER_S: u32 = 20;
const TICKS_PER_S_MAX: u32 = 1_000;
/// Where the state is said, which nobody but the arena may do.
const ROOM: &str = "snake";
/// Where players speak, each in a room of their own: nobody else has to hear it.
const INPUTS: &str = "snake.input.>";
/// What a player may send in a second: 60 inputs, and some that were late.
const PLAYER_RATE_PER_S: u32 = 75;
/// What guests may, who watch.
const GUEST_RATE_PER_S: u32 = 10;

fn main() {
    let Options { settings, robots, every } = Options::parse(env::args().skip(1)).unwrap_or_else(|error| fail(&error));
    // Its rooms are open before anybody comes in: who opens a room decides what it is, and speaks there.
    let started = Server::start_prepared(settings, Lines::open, |error| eprintln!("game: {error}"));
    let (server, lines) = started.unwrap_or_else(|error| fail(&error.to_string()));
    println!("listening on http://{}", server.http_address());
    let Err(refusal) = lines.and_then(|lines| play(&lines, robots, every));
    fail(&refusal.to_string())
}

fn fail(error: &str) -> ! {
    eprintln!("game: {error}");
    process::exit(1)
}

struct Options {
    settings: Settings,
    robots: usize,
    /// The time between two ticks.
    every: Duration,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let limits = Limits {
            rate_per_s: PLAYER_RATE_PER_S,
            rate_burst: PLAYER_RATE_PER_S / 2,
            guest_rate_per_s: Some(GUEST_RATE_PER_S),
            ..Limits::default()
        };
        let (listen, data) = ("127.0.0.1:0".to_owned(), ":memory:".to_owned());
        let mut settings = Settings { listen, lines: None, data, limits, ..Settings::default() };
        let (mut robots, mut ticks_per_s) = (PLACES - 1, TICKS_PER_S);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name}: a value is missing"))?;
            match &*name {
                "--listen" => settings.listen = value,
                "--data" => settings.data = value,
                "--origin" => settings.origins.push(value),
                "--robots" => robots = number(&name, &value, 0..=PLACES)?,
                "--ticks-per-s" => ticks_per_s = number(&name, &value, 1..=TICKS_PER_S_MAX)?,
                _ => return Err(format!("{name}: there is no such flag")),
            }
        }
        Ok(Self { settings, robots, every: Duration::from_secs(1) / ticks_per_s })
    }
}

fn number<T: FromStr + PartialOrd + Display>(name: &str, value: &str, range: RangeInclusive<T>) -> Result<T, String> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{name}: a number from {} to {}", range.start(), range.end()))
}

/// What leads out of the game and into it.
struct Lines {
    state: Member,
    records: Records,
    inputs: Arc<Inputs>,
    /// Subscribed for `inputs` as long as it is there.
    _heard: PatternMember,
}

impl Lines {
    fn open(engine: &Arc<Engine>) -> Result<Self, Refusal> {
        let state = open_room(engine)?;
        let records = Records::open(engine, arena_identity()?)?;
        let inputs = Arc::new(Inputs::default());
        let mut heard = PatternMember::new(engine, arena_identity()?, Arc::clone(&inputs) as _)?;
        heard.subscribe(Pattern::parse(INPUTS).map_err(|error| Refusal::bad_request(error.to_string()))?)?;
        Ok(Self { state, records, inputs, _heard: heard })
    }
}

/// The game. It ends when a room does: whoever has started it starts it again.
fn play(lines: &Lines, robots: usize, every: Duration) -> Result<Infallible, Refusal> {
    let Lines { state, records, inputs, .. } = lines;
    let key = Key::parse("state")?;
    let mut arena = Arena::new(robots, Random::from_clock());
    let mut ticker = Ticker::new(every);
    let mut lateness = Lateness::default();
    loop {
        lateness.add(ticker.wait());
        arena.take(&inputs.take());
        for (player, score) in arena.step() {
            records.claim(&player, score)?;
        }
        let body = Body::Data(wire::state(&arena, every, &lateness, inputs.malformed()).into());
        // Said and forgotten: to wait for its number would make the tick depend on the room.
        let newest = Publication { store: false, key: Some(key.clone()), ..Publication::new(body) };
        state.publish(newest).map_err(|_| Refusal::room_failed(state.room()))?;
    }
}

/// Opens the room of the state: nothing of it is stored, who is slow is given the newest, and only the arena speaks.
fn open_room(engine: &Arc<Engine>) -> Result<Member, Refusal> {
    let options = MemberOptions { durable: false, slow: Some(Slow::Latest), ..MemberOptions::default() };
    let member = Member::join_with(engine, &room(ROOM)?, arena_identity()?, Arc::new(Deaf), options)?;
    only_the_arena_speaks(&member)?;
    Ok(member)
}

/// An admin's decision lasts, and nobody who comes under the same name has it.
fn only_the_arena_speaks(member: &Member) -> Result<(), Refusal> {
    let settings = RoomSettings { announcement: Some(true), ..RoomSettings::default() };
    member.moderate(ModerationRequest::Settings(settings)).map(drop)
}

fn arena_identity() -> Result<Identity, Refusal> {
    let user = UserName::parse("arena").map_err(|error| Refusal::bad_request(error.to_string()))?;
    Ok(Identity { user, auth_level: AuthLevel::Admin, claims: None })
}

fn room(name: &str) -> Result<RoomName, Refusal> {
    RoomName::parse(name).map_err(|error| Refusal::bad_request(error.to_string()))
}
