//! `roomd race`: tries the orders of a scenario, replays one, and draws what fails.
//!
//! Called by `main` on the main thread; it starts no server, opens no socket and writes no file but the page that is asked
//! for. What it tries is in `crate::race`. The exit code is 1 if an order fails, 2 for a mistake in the arguments or in the
//! scenario. A panic in a world is a failure that is reported, so it is not printed beside that; nor is what a room that
//! fails in a scenario writes to the log.

mod compare;
mod ways;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use compare::CompareOptions;
use roomd_race::{Failure, Search, Trace, Tree, diagram, page, shrink};
use ways::Way;

use crate::race::mistakes::{self, Described, MISTAKES};
use crate::race::{self, Rounds, SCENARIOS, Scenario};

/// Orders that are tried to make one short.
const SHORTER_MAX: usize = 10_000;
/// Orders in the tree of a page.
const TREE_MAX: usize = 500;
/// Columns of what is explained.
const WIDTH: usize = 100;

/// Try every order of a race of the real hub and rooms
#[derive(Debug, Parser)]
#[command(name = "race", arg_required_else_help = false)]
pub struct RaceArguments {
    #[command(subcommand)]
    pub command: RaceCommand,
}

/// The commands below `roomd race`. Help is made of the comments.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum RaceCommand {
    /// List the scenarios that come with roomd, and the mistakes
    List,
    /// Run a scenario in every order, or in random ones; exits with 1 if one fails
    Run(RunOptions),
    /// Show one order of a scenario, step by step; exits with 1 if it fails
    Replay(ReplayOptions),
    /// Say how often each way of choosing the order finds one that fails
    Compare(CompareOptions),
}

/// What is run.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The name of a scenario, or a file with one: a path with a . or a / in it
    #[arg(value_name = "SCENARIO")]
    scenario: String,
    /// Put what is wrong in the place of the hub, of connections or of the store
    #[arg(long, value_name = "NAME")]
    mistake: Option<String>,
}

/// The page with an order.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct PageOption {
    /// Write a page that shows the order step by step
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// How a scenario is run.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    page: PageOption,
    #[command(flatten)]
    way: Way,
}

/// Which order is shown.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct ReplayOptions {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    page: PageOption,
    /// An actor for each step, such as ABA1; behind its end the first that can take a step does
    #[arg(value_name = "ORDER", default_value = "")]
    order: String,
    /// On whose thread the rounds of a room run
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = Where::Rooms)]
    rounds: Where,
}

/// See [`Rounds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Where {
    /// On the room's own thread
    Rooms,
    /// On the thread of a sender who finds the room free
    Senders,
}

impl From<Where> for Rounds {
    fn from(place: Where) -> Self {
        match place {
            Where::Rooms => Self::Rooms,
            Where::Senders => Self::Senders,
        }
    }
}

/// Runs the command. Blocks until it has ended.
#[must_use]
pub fn run(command: &RaceCommand) -> ExitCode {
    log::set_max_level(log::LevelFilter::Off);
    std::panic::set_hook(Box::new(|_| {}));
    let done = match command {
        RaceCommand::List => print(&list()).map(|()| false),
        RaceCommand::Run(options) => run_orders(options),
        RaceCommand::Replay(options) => replay(options),
        RaceCommand::Compare(options) => compare::compare(options),
    };
    match done {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::FAILURE,
        Err(sentence) => {
            eprintln!("roomd: {sentence}");
            ExitCode::from(2)
        }
    }
}

fn print(text: &str) -> Result<(), String> {
    // A reader that has left, as `head` does, is no failure of the command.
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(()),
    }
}

fn list() -> String {
    let mut text = "Scenarios\n".to_owned();
    for entry in SCENARIOS {
        let about = Scenario::parse(entry.text).map_or_else(|error| error.to_string(), |scenario| scenario.about);
        _ = writeln!(text, "  {:24}{about}", entry.name);
    }
    text.push_str("\nMistakes, each with a scenario in which it shows\n");
    for Described { name, about, scenario, .. } in &MISTAKES {
        _ = writeln!(text, "  {name:24}{about}\n  {:24}roomd race run {scenario} --mistake {name}", "");
    }
    text
}

/// A scenario that was read, with its mistake.
struct Subject<'a> {
    chosen: &'a Chosen,
    scenario: Scenario,
    is_file: bool,
    mistake: Option<&'static Described>,
}

impl<'a> Subject<'a> {
    fn read(chosen: &'a Chosen) -> Result<Self, String> {
        let name = &chosen.scenario;
        let is_file = name.contains(['.', '/']);
        let text = match race::find(name) {
            Some(text) => text.to_owned(),
            None if is_file => std::fs::read_to_string(name).map_err(|error| format!("cannot read {name}: {error}"))?,
            None => {
                return Err(format!(
                    "there is no scenario {name}: roomd race list lists them, and a file has a . or a / in its path"
                ));
            }
        };
        let scenario =
            Scenario::parse(&text).map_err(|error| format!("{name}:{}:{}: {}", error.line, error.column, error.why))?;
        let mistake = chosen.mistake.as_deref().map(|mistake| {
            mistakes::find(mistake).ok_or_else(|| {
                let known: Vec<_> = MISTAKES.iter().map(|described| described.name).collect();
                format!("there is no mistake {mistake}; there are: {}", known.join(", "))
            })
        });
        let mistake = mistake.transpose()?;
        if let Some(described) = mistake.filter(|described| !described.applies_to(scenario.has_two_servers())) {
            let Described { name: mistake, scenario: better, .. } = described;
            return Err(format!("{mistake} cannot be made in {name}: it shows in {better}"));
        }
        Ok(Self { chosen, scenario, is_file, mistake })
    }

    /// What makes its world.
    fn make(&self, rounds: Rounds) -> impl Fn() -> race::Servers + Clone + Send + Sync + use<> {
        let (scenario, mistake) = (self.scenario.clone(), self.mistake.map(|described| described.mistake));
        move || scenario.world(rounds, mistake)
    }

    /// Where rounds may run; with a mistake the rooms' own threads show it.
    fn rounds(&self) -> &'static [Rounds] {
        if self.mistake.is_some() { &[Rounds::Rooms] } else { self.scenario.rounds() }
    }

    fn title(&self) -> String {
        let with = self.mistake.map_or(String::new(), |described| format!(", with the mistake {}", described.name));
        format!("{}{with}", self.chosen.scenario)
    }

    fn explanation(&self) -> String {
        let about = &self.scenario.about;
        match self.mistake {
            Some(Described { about: mistake, why, .. }) => format!("{about} The mistake: {mistake}. {why}"),
            None => about.clone(),
        }
    }

    /// The diagram of an order, why it fails, and how it is run again; and the page, if it is asked for. Whether it fails.
    fn show(&self, rounds: Rounds, order: &str, html: Option<&Path>) -> Result<bool, String> {
        let make = self.make(rounds);
        let trace = Trace::of(&make, order);
        let whole: String = trace.steps.iter().map(|traced| traced.actor).collect();
        let mut text = diagram(&trace);
        if let Some(described) = self.mistake.filter(|_| trace.result.is_err()) {
            _ = writeln!(text, "\n{}", wrapped(described.why));
        }
        if trace.result.is_err() {
            _ = writeln!(
                text,
                "\nAgain:     {}\nAs a test: {}",
                self.command(rounds, &whole),
                self.test(rounds, &whole)
            );
        }
        print(&text)?;
        if let Some(file) = html {
            let tree = Tree::of(&Search::default(), &make, TREE_MAX);
            let text = page(&self.title(), &self.explanation(), &trace, Some(&tree));
            std::fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
            print(&format!("\n{} shows it step by step.\n", file.display()))?;
        }
        Ok(trace.result.is_err())
    }

    fn command(&self, rounds: Rounds, order: &str) -> String {
        let mistake = self.mistake.map_or(String::new(), |described| format!(" --mistake {}", described.name));
        let rounds = if rounds == Rounds::Senders { " --rounds senders" } else { "" };
        let name = &self.chosen.scenario;
        let quoted = |text: &str| {
            let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
            if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
        };
        format!("roomd race replay {} {}{mistake}{rounds}", quoted(name), quoted(order))
    }

    fn test(&self, rounds: Rounds, order: &str) -> String {
        let mistake = self.mistake.map(|described| described.name);
        if self.is_file {
            let file = Path::new(&self.chosen.scenario);
            let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
            let mistake = mistake.map(|name| format!("mistakes::find({name:?}).map(|found| found.mistake)"));
            let mistake = mistake.unwrap_or_else(|| "None".to_owned());
            return format!(
                "let s = Scenario::parse(include_str!({file:?})).unwrap(); \
                 roomd_race::replay(|| s.world(Rounds::{rounds:?}, {mistake}), {order:?}).unwrap();"
            );
        }
        format!("replay({:?}, Rounds::{rounds:?}, {mistake:?}, {order:?}).unwrap();", self.chosen.scenario)
    }
}

fn run_orders(options: &RunOptions) -> Result<bool, String> {
    options.way.check()?;
    let subject = Subject::read(&options.chosen)?;
    print(&format!("{}\n{}\n\n", subject.title(), wrapped(&subject.scenario.about)))?;
    let mut shown_at = Rounds::Rooms;
    for rounds in subject.rounds().iter().copied() {
        let make = subject.make(rounds);
        let place = match rounds {
            Rounds::Rooms => "rounds on the rooms' threads",
            Rounds::Senders => "rounds on the senders' threads",
        };
        match options.way.tries(&make)? {
            Ok(tried) => print(&format!("{place}: {}\n", options.way.line(tried, make)))?,
            Err(failure) => {
                shown_at = rounds;
                return failed(&subject, (shown_at, place), &failure, options.page.html.as_deref());
            }
        }
    }
    if let Some(Described { name, scenario, .. }) = subject.mistake {
        print(&format!("\nThe mistake {name} does not show here: it does in {scenario}.\n"))?;
    }
    if let Some(html) = &options.page.html {
        print("\nOne of the orders:\n")?;
        subject.show(shown_at, "", Some(html))?;
    }
    Ok(false)
}

/// An order fails: the shortest is shown.
fn failed(
    subject: &Subject,
    (rounds, place): (Rounds, &str),
    failure: &Failure,
    html: Option<&Path>,
) -> Result<bool, String> {
    let shrunk = shrink(subject.make(rounds), failure, SHORTER_MAX);
    let length = shrunk.failure.order.chars().count();
    let shortest = if shrunk.is_shortest { ", and no shorter one does" } else { "" };
    print(&format!("{place}: an order of {length} steps fails{shortest}\n\n"))?;
    subject.show(rounds, &shrunk.failure.order, html)?;
    Ok(true)
}

fn replay(options: &ReplayOptions) -> Result<bool, String> {
    let subject = Subject::read(&options.chosen)?;
    print(&format!("{}\n{}\n\n", subject.title(), wrapped(&subject.scenario.about)))?;
    subject.show(options.rounds.into(), &options.order, options.page.html.as_deref())
}

/// In lines that a terminal has room for.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a line");
        if line.is_empty() || line.chars().count() + word.chars().count() < WIDTH {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}
