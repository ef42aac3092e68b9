//! What a scenario expects at the end of each order, as a class writes it: `B joined and the room is open`.
//!
//! Alternatives are joined by `or`, of which each is one or more claims joined by `and`; `not` stands before a claim. What
//! does not hold is said in the words of the scenario. A mistake in one is told with the column.

use super::rooms::{JoinOutcome, Rooms};
use super::stepped_client::SteppedClient;
use crate::chat::{Code, End, Event, Recovery};

/// What is expected: one of these, each of which is claims that all hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    text: String,
    alternatives: Vec<Vec<Claim>>,
}

/// Something that is true or not at the end of an order.
#[derive(Clone, Debug, PartialEq)]
struct Claim {
    is_negated: bool,
    fact: Fact,
}

#[derive(Clone, Debug, PartialEq)]
enum Fact {
    /// All joins were accepted.
    EverybodyJoined,
    /// The hub has the room, or has not.
    RoomIs { open: bool },
    /// So many rooms were opened in all.
    Opened(usize),
    /// Something of one client.
    Of(char, ClientFact),
}

#[derive(Clone, Debug, PartialEq)]
enum ClientFact {
    Joined,
    Created,
    Banned,
    Resumed,
    /// It was removed from the room while its connection was lost.
    Removed,
    /// Its join, creation or ban was refused, perhaps with this code.
    Refused(Option<String>),
    /// Its join got no answer.
    Unanswered,
    /// Its connection ends because the room failed.
    ToldOfFailure,
    /// The messages, bans and leaves that it was shown.
    Saw(Vec<Shown>),
    /// So many of its messages were stored, or refused, or either.
    Stored(usize),
    Denied(usize),
    Answered(usize),
    /// So many had an answer when it was sent the goodbye.
    AnsweredBeforeGoodbye(usize),
}

/// What a client is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shown {
    Message,
    Ban,
    Leave,
}

/// What can be claimed, for who has written something else.
const CLAIMS: &str = "`everybody joined`, `the room is open`, `the room is closed`, `1 room was opened`, and of a client \
                      `A joined`, `A created`, `A banned`, `A resumed`, `A was removed`, `A was refused [CODE]`, \
                      `A was unanswered`, `A was told of the failure`, `A saw message ban leave` (or `nothing`), \
                      `A had 2 stored`, `A had 2 refused`, `A had 2 answers [before the goodbye]`";

/// The codes of refusals.
const CODES: [Code; 8] = [
    Code::Forbidden,
    Code::NotFound,
    Code::NotMember,
    Code::NameTaken,
    Code::TooManyRooms,
    Code::Conflict,
    Code::Unavailable,
    Code::Draining,
];

/// A word, and the column where it begins.
type Word<'a> = (usize, &'a str);

impl Expectation {
    /// Reads one. `column` is that of its first character; `is_client` knows the clients.
    ///
    /// # Errors
    /// The column, and what is wrong there.
    pub fn parse(text: &str, column: usize, is_client: impl Fn(char) -> bool) -> Result<Self, (usize, String)> {
        let words = words(text, column);
        let Some((_, _)) = words.first() else {
            return Err((column, format!("what does it expect? There are: {CLAIMS}")));
        };
        let end = column + text.trim_end().chars().count();
        let mut alternatives = Vec::new();
        for alternative in words.split(|(_, word)| *word == "or") {
            let claims = alternative.split(|(_, word)| *word == "and");
            let claims = claims.map(|claim| self::claim(claim, end, &is_client)).collect::<Result<_, _>>()?;
            alternatives.push(claims);
        }
        Ok(Self { text: text.trim().to_owned(), alternatives })
    }

    /// Whether it holds at the end of an order of these servers.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self, servers: &[Rooms]) -> Result<(), String> {
        let holds = |claim: &Claim| claim.fact.holds(servers) != claim.is_negated;
        if self.alternatives.iter().any(|claims| claims.iter().all(holds)) {
            return Ok(());
        }
        Err(format!("it is expected that {}, and that is not so", self.text))
    }
}

fn words(text: &str, column: usize) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = text;
    let mut at = column;
    loop {
        let trimmed = rest.trim_start();
        at += rest[..rest.len() - trimmed.len()].chars().count();
        let Some(word) = trimmed.split_whitespace().next() else { return words };
        words.push((at, word));
        at += word.chars().count();
        rest = &trimmed[word.len()..];
    }
}

fn claim(words: &[Word], end: usize, is_client: &impl Fn(char) -> bool) -> Result<Claim, (usize, String)> {
    let (is_negated, words) = match words {
        [(_, "not"), rest @ ..] => (true, rest),
        _ => (false, words),
    };
    let Some((column, first)) = words.first().copied() else {
        return Err((end, "a claim is missing beside `and`, `or` or `not`".to_owned()));
    };
    let rest: Vec<_> = words[1..].iter().map(|(_, word)| *word).collect();
    let unknown = || (column, format!("this cannot be claimed; there are: {CLAIMS}"));
    let fact = match (first, &rest[..]) {
        ("everybody", ["joined"]) => Fact::EverybodyJoined,
        ("the", ["room", "is", "open"]) => Fact::RoomIs { open: true },
        ("the", ["room", "is", "closed"]) => Fact::RoomIs { open: false },
        (count, ["room", "was", "opened"] | ["rooms", "were", "opened"]) => {
            Fact::Opened(count.parse().map_err(|_| unknown())?)
        }
        (client, of_it) => {
            let mut chars = client.chars();
            let (Some(name), None) = (chars.next(), chars.next()) else { return Err(unknown()) };
            if !is_client(name) {
                return Err((column, format!("there is no client {name}")));
            }
            let fact = ClientFact::parse(of_it).ok_or_else(unknown)?;
            if let ClientFact::Refused(Some(code)) = &fact
                && !CODES.iter().any(|known| known.as_str() == code)
            {
                let at = words.last().map_or(column, |(at, _)| *at);
                let codes: Vec<_> = CODES.iter().map(|code| code.as_str()).collect();
                return Err((at, format!("there is no such code; there are: {}", codes.join(", "))));
            }
            Fact::Of(name, fact)
        }
    };
    Ok(Claim { is_negated, fact })
}

impl ClientFact {
    fn parse(words: &[&str]) -> Option<Self> {
        let shown = |word: &&str| match *word {
            "message" => Some(Shown::Message),
            "ban" => Some(Shown::Ban),
            "leave" => Some(Shown::Leave),
            _ => None,
        };
        Some(match words {
            ["joined"] => Self::Joined,
            ["created"] => Self::Created,
            ["banned"] => Self::Banned,
            ["resumed"] => Self::Resumed,
            ["was", "removed"] => Self::Removed,
            ["was", "refused"] => Self::Refused(None),
            ["was", "refused", code] => Self::Refused(Some((*code).to_owned())),
            ["was", "unanswered"] => Self::Unanswered,
            ["was", "told", "of", "the", "failure"] => Self::ToldOfFailure,
            ["saw", "nothing"] => Self::Saw(Vec::new()),
            ["saw", seen @ ..] if !seen.is_empty() => Self::Saw(seen.iter().map(shown).collect::<Option<_>>()?),
            ["had", count, "stored"] => Self::Stored(count.parse().ok()?),
            ["had", count, "refused"] => Self::Denied(count.parse().ok()?),
            ["had", count, "answer" | "answers"] => Self::Answered(count.parse().ok()?),
            ["had", count, "answer" | "answers", "before", "the", "goodbye"] => {
                Self::AnsweredBeforeGoodbye(count.parse().ok()?)
            }
            _ => return None,
        })
    }
}

impl Fact {
    fn holds(&self, servers: &[Rooms]) -> bool {
        match self {
            Self::EverybodyJoined => {
                servers.iter().flat_map(|rooms| &rooms.answers).all(|(_, answer)| *answer == JoinOutcome::Joined)
            }
            Self::RoomIs { open } => servers.iter().any(Rooms::has_room) == *open,
            Self::Opened(count) => servers.iter().map(|rooms| rooms.brokers.len()).sum::<usize>() == *count,
            Self::Of(name, fact) => servers.iter().any(|rooms| {
                let client = rooms.clients.iter().find(|client| client.name == *name);
                client.is_some_and(|client| fact.holds(client, rooms))
            }),
        }
    }
}

/// What is noted of this client.
fn of<T>(noted: &[(char, T)], name: char) -> impl Iterator<Item = &T> {
    noted.iter().filter(move |(other, _)| *other == name).map(|(_, outcome)| outcome)
}

impl ClientFact {
    fn holds(&self, client: &SteppedClient, rooms: &Rooms) -> bool {
        let (name, events) = (client.name, client.recorder.events.lock());
        let count = |is: fn(&Event) -> bool, upto: usize| events[..upto].iter().filter(|event| is(event)).count();
        let all = events.len();
        match self {
            Self::Joined => of(&rooms.answers, name).any(|answer| *answer == JoinOutcome::Joined),
            Self::Unanswered => of(&rooms.answers, name).any(|answer| *answer == JoinOutcome::Failed),
            Self::Created => of(&rooms.creations, name).any(Result::is_ok),
            Self::Banned => of(&rooms.moderations, name).any(Result::is_ok),
            Self::Resumed => of(&rooms.resumes, name).any(|recovery| *recovery == Some(Recovery::Whole)),
            Self::Removed => of(&rooms.resumes, name).any(|recovery| *recovery == Some(Recovery::Removed)),
            Self::Refused(code) => {
                let is = |refused: &Code| code.as_ref().is_none_or(|code| code == refused.as_str());
                let join = of(&rooms.answers, name)
                    .any(|answer| matches!(answer, JoinOutcome::Refused(refused) if is(refused)));
                let others = of(&rooms.creations, name).chain(of(&rooms.moderations, name));
                join || others.into_iter().any(|outcome| outcome.as_ref().is_err_and(is))
            }
            Self::ToldOfFailure => *client.recorder.end.lock() == Some(End::Internal),
            Self::Saw(expected) => events.iter().filter_map(|event| shown(event)).eq(expected.iter().copied()),
            Self::Stored(expected) => count(is_stored, all) == *expected,
            Self::Denied(expected) => count(is_denied, all) == *expected,
            Self::Answered(expected) => count(is_answer, all) == *expected,
            Self::AnsweredBeforeGoodbye(expected) => {
                client.before_goodbye.is_some_and(|upto| count(is_answer, upto) == *expected)
            }
        }
    }
}

fn is_stored(event: &Event) -> bool {
    matches!(event, Event::Sent { .. })
}

fn is_denied(event: &Event) -> bool {
    matches!(event, Event::Refused(_))
}

fn is_answer(event: &Event) -> bool {
    is_stored(event) || is_denied(event)
}

fn shown(event: &Event) -> Option<Shown> {
    match event {
        Event::Message(_) => Some(Shown::Message),
        Event::Moderated { .. } => Some(Shown::Ban),
        Event::Leave { .. } => Some(Shown::Leave),
        _ => None,
    }
}
