//! A scenario, as a class writes it: a text file with a line for each client, and what comes before and is expected.
//!
//! ```text
//! # A client joins while the last member leaves.
//! A: join, leave
//! B: join
//! before: AA11A
//! expect: B joined and the room is open
//! ```
//!
//! Read once, before anything is tried; a mistake is told with its line and column, and so is an order before the others
//! that nobody can follow. `docs/races.md` has all of it. Everything that a text can make grow has its bound here.

use std::fmt;
use std::time::Duration;

use super::expectation::Expectation;
use super::mistakes::Mistake;
use super::moves::{Move, Whereabouts};
use super::rooms::Setup;
use super::servers::{SECOND, Servers};
use super::shared_store::Loss;

/// Bytes of a text, at most.
const BYTES_MAX: usize = 16 * 1024;
/// Steps of all clients, at most: fewer than fit into an inbox, so no step waits for room in it.
const STEPS_MAX: usize = 60;
/// Steps that may open the room, at most: rooms are digits, and one more client joins at the end.
const OPENINGS_MAX: usize = 8;
/// The same for each of two servers.
const OPENINGS_OF_TWO_MAX: usize = 3;

/// On whose thread the rounds of a room run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// On the room's own: what clients send waits in its inbox.
    Rooms,
    /// On that of a sender who finds the room free.
    Senders,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    /// What it is about, as its first lines say.
    pub about: String,
    /// The clients of each server.
    clients: Vec<Vec<(char, Vec<Move>)>>,
    /// Steps taken before all orders of the others are tried.
    before: String,
    fatal: Option<char>,
    stillborn: Option<usize>,
    losses: Vec<Loss>,
    /// Whether it is about what waits in an inbox.
    rooms_only: bool,
    expectations: Vec<Expectation>,
    /// How long a round takes for each client.
    pub takes: Duration,
}

/// A mistake in a text: its place counts from 1, a column is a character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// What is wrong there.
    pub why: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.why)
    }
}

impl std::error::Error for ScenarioError {}

/// What stands in a line behind the colon, and where.
#[derive(Clone, Copy)]
struct Value<'a> {
    line: usize,
    column: usize,
    text: &'a str,
}

impl Value<'_> {
    fn error(&self, why: impl Into<String>) -> ScenarioError {
        ScenarioError { line: self.line, column: self.column, why: why.into() }
    }

    /// An error at this byte of its text.
    fn error_at(&self, byte: usize, why: impl Into<String>) -> ScenarioError {
        ScenarioError { column: self.column + self.text[..byte].chars().count(), ..self.error(why) }
    }
}

impl Scenario {
    /// Reads a text.
    ///
    /// # Errors
    /// The first mistake in it.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let whole = Value { line: 1, column: 1, text };
        if text.len() > BYTES_MAX {
            return Err(whole.error(format!("a scenario has {BYTES_MAX} bytes at most, and this has {}", text.len())));
        }
        let mut scenario = Self { clients: vec![Vec::new()], ..Self::default() };
        let (mut before, mut expected): (Option<Value>, Vec<Value>) = (None, Vec::new());
        for (line, text) in (1..).zip(text.lines()) {
            let begin = Value { line, column: 1 + text.len() - text.trim_start().len(), text: text.trim() };
            let about = begin.text.strip_prefix('#').filter(|_| scenario.clients == [Vec::new()]);
            match about {
                Some(about) => scenario.about = format!("{} {}", scenario.about, about.trim()).trim().to_owned(),
                None if begin.text.is_empty() || begin.text.starts_with('#') => {}
                None => scenario.line(begin, &mut before, &mut expected)?,
            }
        }
        scenario.check_bounds(whole)?;
        for value in expected {
            let parsed = Expectation::parse(value.text, value.column, |name| scenario.has(name));
            let parsed = parsed.map_err(|(column, why)| ScenarioError { line: value.line, column, why })?;
            scenario.expectations.push(parsed);
        }
        if let Some(fatal) = scenario.fatal.filter(|fatal| !scenario.has(*fatal)) {
            return Err(whole.error(format!("there is no client {fatal}, which is to break a room")));
        }
        if let Some(value) = before {
            value.text.clone_into(&mut scenario.before);
            scenario.follow(&mut scenario.servers(Rounds::Rooms, None), Rounds::Rooms).map_err(|(at, why)| {
                let byte = value.text.char_indices().nth(at).map_or(value.text.len(), |(byte, _)| byte);
                value.error_at(byte, why)
            })?;
        }
        Ok(scenario)
    }

    fn has(&self, name: char) -> bool {
        self.clients.iter().flatten().any(|(other, _)| *other == name)
    }

    /// A line that is not empty.
    fn line<'a>(
        &mut self,
        line: Value<'a>,
        before: &mut Option<Value<'a>>,
        expected: &mut Vec<Value<'a>>,
    ) -> Result<(), ScenarioError> {
        if line.text == "second server" {
            if self.clients.len() == 2 {
                return Err(line.error("there are two servers at most"));
            }
            self.clients.push(Vec::new());
            return Ok(());
        }
        let Some((key, text)) = line.text.split_once(':') else {
            return Err(line.error(
                "a line is `A: join, leave`, `before: ORDER`, `expect: CLAIM`, `breaks: A`, `without history: 1`, `loses: stored`, \
                 `rounds: rooms`, `second server`, or begins with #",
            ));
        };
        let behind = line.text.len() - text.trim_start().len();
        let column = line.column + line.text[..behind].chars().count();
        let value = Value { line: line.line, column, text: text.trim() };
        match key.trim_end() {
            "before" if before.is_some() => return Err(line.error("`before` is there already")),
            "before" => *before = Some(value),
            "expect" => expected.push(value),
            "breaks" => {
                self.fatal = Some(letter(value.text).ok_or_else(|| value.error("one client breaks rooms: `A`"))?)
            }
            "without history" => {
                let number = value.text.parse().ok().filter(|number| (1..=9).contains(number));
                self.stillborn = Some(number.ok_or_else(|| value.error("rooms are numbered from 1 to 9"))?);
            }
            "loses" => self.losses.push(match value.text {
                "stored" => Loss::Stored,
                "late" => Loss::Late,
                _ => return Err(value.error("the store loses the answer to what is `stored`, or stored `late`")),
            }),
            "rounds" if value.text == "rooms" => self.rooms_only = true,
            "rounds" => {
                return Err(value.error("rounds are for the `rooms` alone, or for both, of which nothing is said"));
            }
            key => {
                let Some(name) = letter(key) else {
                    return Err(line.error(format!("{key:?} is neither a client, a letter from A to Y, nor a key")));
                };
                if self.has(name) {
                    return Err(line.error(format!("there is a client {name} already")));
                }
                let moves = moves(value)?;
                self.clients.last_mut().expect("there is a server").push((name, moves));
            }
        }
        Ok(())
    }

    fn check_bounds(&self, whole: Value) -> Result<(), ScenarioError> {
        let at_end = || {
            let lines = whole.text.lines().count().max(1);
            Value { line: lines, column: 1, text: "" }
        };
        if let Some(at) = self.clients.iter().position(Vec::is_empty) {
            let server = if at == 0 { "the server" } else { "the second server" };
            return Err(at_end().error(format!("{server} has no client: a line is `A: join, leave`")));
        }
        if !self.losses.is_empty() && self.clients.len() == 1 {
            return Err(at_end().error("the store loses answers where two servers share it"));
        }
        let most = if self.clients.len() == 1 { OPENINGS_MAX } else { OPENINGS_OF_TWO_MAX };
        for clients in &self.clients {
            let openings = clients.iter().flat_map(|(_, moves)| moves).filter(|next| next.may_open()).count();
            if openings > most {
                let why = format!("{openings} steps of a server may open the room, and {most} are the most here");
                return Err(at_end().error(why));
            }
        }
        let steps: usize = self.clients.iter().flatten().map(|(_, moves)| moves.len()).sum();
        if steps > STEPS_MAX {
            return Err(at_end().error(format!("{steps} steps are in it, and {STEPS_MAX} are the most")));
        }
        Ok(())
    }

    /// Where rounds may run.
    pub fn rounds(&self) -> &'static [Rounds] {
        if self.rooms_only { &[Rounds::Rooms] } else { &[Rounds::Rooms, Rounds::Senders] }
    }

    /// Whether it has two servers.
    pub fn has_two_servers(&self) -> bool {
        self.clients.len() == 2
    }

    /// The world after the steps that come before.
    ///
    /// # Panics
    /// Those steps cannot be taken, because of the mistake.
    pub fn world(&self, rounds: Rounds, mistake: Option<Mistake>) -> Servers {
        let mut servers = self.servers(rounds, mistake);
        if let Err((_, why)) = self.follow(&mut servers, rounds) {
            panic!("before the orders: {why}");
        }
        servers
    }

    fn servers(&self, rounds: Rounds, mistake: Option<Mistake>) -> Servers {
        let setup = |(at, clients): (usize, &Vec<(char, Vec<Move>)>)| Setup {
            clients: clients.clone(),
            fatal: self.fatal,
            stillborn: self.stillborn,
            is_shared: rounds == Rounds::Senders,
            takes: self.takes,
            rooms_after: at * SECOND,
            mistake,
        };
        let setups: Vec<_> = self.clients.iter().enumerate().map(setup).collect();
        Servers::new(&setups, &self.losses, &self.expectations)
    }

    /// Takes the steps that come before; what a sender has done already is no step of its room.
    fn follow(&self, servers: &mut Servers, rounds: Rounds) -> Result<(), (usize, String)> {
        use roomd_race::World as _;
        for (at, actor) in self.before.chars().enumerate() {
            let enabled = servers.enabled();
            if !enabled.contains(&actor) && rounds == Rounds::Senders && actor.is_ascii_digit() {
                continue;
            }
            if !enabled.contains(&actor) {
                let enabled: String = enabled.into_iter().collect();
                return Err((at, format!("{actor} can take no step here; these can: {enabled}")));
            }
            servers.step(actor).map_err(|why| (at, why))?;
        }
        Ok(())
    }
}

/// The client of this name.
fn letter(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|letter| ('A'..='Y').contains(letter) && chars.next().is_none())
}

/// The steps of a client.
fn moves(value: Value) -> Result<Vec<Move>, ScenarioError> {
    let (mut moves, mut standing, mut byte) = (Vec::new(), Whereabouts::default(), 0);
    for action in value.text.split(',') {
        let at = byte + action.len() - action.trim_start().len();
        byte += action.len() + 1;
        let action = action.trim();
        if action.is_empty() {
            return Err(value.error_at(at.min(value.text.len()), "an action is missing here"));
        }
        let steps = Move::of_action(action).map_err(|why| value.error_at(at, why))?;
        standing.go_on(&steps).map_err(|why| value.error_at(at, format!("`{action}` {why}")))?;
        moves.extend(steps);
    }
    Ok(moves)
}
