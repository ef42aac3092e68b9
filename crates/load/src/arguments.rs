//! The arguments of `roomd load`: the name, unit, meaning and bounds of each flag, and the plan that they make.
//!
//! Read once, on the main thread, before anything runs. The defaults in the help are those of the plan, so that no
//! text can disagree with the code. A scenario is another plan to begin with; flags override it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};

use roomd_cli::value::{DAY, MIB, MILLISECOND, bytes_bounds, bytes_text, time_bounds, time_text};
use roomd_cli::{address, parser, trust::TrustArguments};

use crate::command::LoadCommand;
use crate::message_tag::TAG_BYTES;
use crate::plan::Plan;
use crate::protocol::Protocol;

/// More than one process can open.
const CLIENTS_MAX: u32 = 1_000_000;
const WINDOW_MAX: u32 = 10_000;
const KEYS_MAX: u32 = 10_000;
const PER_SECOND_MAX: u32 = 100_000;
const SIZE_MIN: usize = TAG_BYTES;
const SIZE_MAX: usize = 16 * MIB;
const SLOW_BYTES_MAX: usize = 64 * MIB;

/// The subcommand, with its flags.
#[must_use]
pub fn command() -> Command {
    // After the flags, or the document of a group of them would be the command's.
    LoadArguments::augment_args(Command::new("load"))
        .about("Load a server, and prove what it promises")
        .next_line_help(true)
}

/// What the arguments ask for.
///
/// # Errors
/// A sentence: two of them do not fit together.
pub fn read(matches: &ArgMatches) -> Result<LoadCommand, String> {
    LoadArguments::from_arg_matches(matches).map_err(|error| error.to_string())?.into_command()
}

#[derive(clap::Args)]
struct LoadArguments {
    /// The server: ws://HOST:PORT
    #[arg(value_name = "URL", value_parser = parser::checked(server_url))]
    url: Option<ServerUrl>,
    /// Begin with this plan: topic-10k, 10 000 clients of the topic test that publish
    /// once a second each, with --probe 100ms and --bare 2s. The probe and newcomers
    /// come besides: give the server --connections-max 10200
    #[arg(long, value_name = "NAME", verbatim_doc_comment, value_parser = parser::checked(scenario))]
    scenario: Option<Plan>,
    /// The protocols that clients take in turn: json, topic, text, lines
    /// [default json]
    #[arg(long, value_name = "DOORS", verbatim_doc_comment, value_parser = parser::checked(protocols))]
    door: Option<Protocols>,
    /// Where the line port is
    /// [default the URL's host, its port and one]
    #[arg(long, value_name = "HOST:PORT", verbatim_doc_comment, value_parser = parser::checked(address::host_port))]
    lines: Option<String>,
    /// Another server of the same history, as often as there are: clients are spread over all of
    /// them, and reconnect to the next
    #[arg(long, value_name = "HOST:PORT", verbatim_doc_comment, value_parser = parser::checked(address::host_port))]
    also: Vec<String>,
    /// What the room is called, or its rooms before their number
    /// [default load]
    #[arg(long, value_name = "NAME", verbatim_doc_comment, value_parser = parser::checked(room))]
    room: Option<String>,
    #[command(flatten)]
    trust: TrustArguments,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Write the report with charts to this file, as HTML
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write what was asked and answered to this file, in the form that checkers of histories
    /// read (docs/history.md). Members who leave and rejoin then ask for what they missed
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    history: Option<PathBuf>,
    /// Print no progress
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    clients: ClientArguments,
    #[command(flatten)]
    messages: MessageArguments,
    #[command(flatten)]
    disturbances: DisturbanceArguments,
    #[command(flatten)]
    times: TimeArguments,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Clients")]
struct ClientArguments {
    #[arg(long = "clients", value_name = "N", allow_negative_numbers = true, value_parser = parser::count(1..=CLIENTS_MAX),
        help = count_help("Clients, each with a connection.", "connections", 1, CLIENTS_MAX, |plan| plan.clients))]
    clients: Option<u32>,
    #[arg(long = "rooms", value_name = "N", allow_negative_numbers = true, value_parser = parser::count(1..=CLIENTS_MAX),
        help = count_help("Rooms, among which the clients are distributed.", "rooms", 1, CLIENTS_MAX, |plan| plan.rooms))]
    rooms: Option<u32>,
    #[arg(long = "users", value_name = "N", allow_negative_numbers = true, value_parser = parser::count(0..=CLIENTS_MAX),
        help = count_help("Names that the clients share. 0: each has its own, and all members are told when it joins.",
            "names", 0, CLIENTS_MAX, |plan| plan.users))]
    users: Option<u32>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Messages")]
struct MessageArguments {
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parser::count(0..=CLIENTS_MAX),
        help = count_help("Members of each room that publish, in turn.", "clients of each room", 0, CLIENTS_MAX,
            |plan| plan.publishers))]
    publishers: Option<u32>,
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parser::count(1..=CLIENTS_MAX),
        help = count_help("Messages of all publishers together, however fast they are answered.", "messages a second",
            1, CLIENTS_MAX, |plan| plan.rate as usize))]
    rate: Option<u32>,
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parser::count(0..=WINDOW_MAX),
        help = count_help("In place of a rate: messages in flight in each room. The next is published when all\n\
                members have received one. 0: the rate counts.", "messages", 0, WINDOW_MAX, |plan| plan.window))]
    window: Option<u32>,
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, value_parser = parser::bytes(SIZE_MIN..=SIZE_MAX),
        help = bytes_help(&format!("A message's text. Sender and number take {SIZE_MIN} bytes of it."), "bytes", SIZE_MIN, SIZE_MAX,
            |plan| plan.size))]
    size: Option<usize>,
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "10",
        allow_negative_numbers = true, value_parser = parser::count(0..=KEYS_MAX),
        help = count_help("Messages have one of so many keys (10, if it is not said), and members join for the newest\n\
                message of each, and have it in the end: for rooms whose slow members are served by\n\
                --slow latest. 0: messages have no key.", "keys of each room", 0, KEYS_MAX, |plan| plan.keys))]
    latest: Option<u32>,
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parser::count(0..=CLIENTS_MAX),
        help = count_help("Further clients, each subscribed by one pattern to all rooms, half of them before\n\
                the first is open: they get each message of each room. Rooms are called NAME.0, NAME.1 …",
            "connections", 0, CLIENTS_MAX, |plan| plan.patterns))]
    pattern: Option<u32>,
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = parser::switch(),
        help = switch_help("The members of each room that do not publish are a group: each message goes to\n\
                one of them, who says that it is done, and to another if that one is gone before.",
            |plan| plan.group))]
    group: Option<bool>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Disturbances")]
struct DisturbanceArguments {
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parser::count(0..=PER_SECOND_MAX),
        help = count_help("Members that leave their room and join it again at once.", "members a second", 0,
            PER_SECOND_MAX, |plan| plan.churn as usize))]
    churn: Option<u32>,
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parser::count(0..=PER_SECOND_MAX),
        help = count_help("Connections that are reset, and reconnect for what they missed.", "connections a second", 0,
            PER_SECOND_MAX, |plan| plan.breaks as usize))]
    breaks: Option<u32>,
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parser::count(0..=CLIENTS_MAX),
        help = count_help("Clients that read slowly.", "clients", 0, CLIENTS_MAX, |plan| plan.slow))]
    slow: Option<u32>,
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, value_parser = parser::bytes(1..=SLOW_BYTES_MAX),
        help = bytes_help("What a slow client reads.", "bytes a second", 1, SLOW_BYTES_MAX, |plan| plan.slow_bytes))]
    slow_bytes: Option<usize>,
    #[arg(long = "loiterers", value_name = "N", allow_negative_numbers = true, value_parser = parser::count(0..=CLIENTS_MAX),
        help = count_help("Further sockets that connect and stay idle, or begin a request or a handshake and send\n\
                a byte a second. One that the server disconnects connects again.", "sockets", 0, CLIENTS_MAX,
            |plan| plan.idle_sockets))]
    idle_sockets: Option<u32>,
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = parser::switch(),
        help = switch_help("A client that is closed because it is slow (4450) reconnects for what it missed.",
            |plan| plan.slow_return))]
    slow_return: Option<bool>,
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = parser::switch(),
        help = switch_help("The server may drain and be started again meanwhile: a client that it tells goodbye\n\
                comes back when it says, for what it missed, and sends again what was not\n\
                acknowledged.", |plan| plan.restart))]
    restart: Option<bool>,
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = parser::switch(),
        help = switch_help("Servers and their database may fail meanwhile: a client whose connection breaks or falls\n\
                silent goes to the next server (--also), for what it missed, and sends again what was\n\
                not acknowledged, also what was refused as unavailable.", |plan| plan.outages))]
    outages: Option<bool>,
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = parser::switch(),
        help = switch_help("Publishers leave and join, are reset and read slowly like all other clients.",
            |plan| plan.publishers_too))]
    publishers_too: Option<bool>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Times")]
struct TimeArguments {
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = parser::time(Duration::ZERO..=DAY),
        help = time_help("From the first connection to the last. 0: as fast as they are accepted.", Duration::ZERO,
            |plan| plan.ramp))]
    ramp: Option<Duration>,
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = parser::time(MILLISECOND..=DAY),
        help = time_help("How long messages are published.", MILLISECOND, |plan| plan.duration))]
    duration: Option<Duration>,
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = parser::time(Duration::ZERO..=DAY),
        help = time_help("How long messages in flight may take to arrive after that.", Duration::ZERO,
            |plan| plan.drain))]
    drain: Option<Duration>,
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = parser::time(Duration::ZERO..=DAY),
        help = time_help("Query a room without load five times a second, and let newcomers in: 99 of 100\n\
                answers may take so long, or the load fails. 0: no queries.", Duration::ZERO, |plan| plan.probe))]
    probe: Option<Duration>,
    #[arg(long = "bare", value_name = "TIME", allow_negative_numbers = true, value_parser = parser::time(Duration::ZERO..=DAY),
        help = time_help("How long a bare loop of writes is measured before, to compare. 0: not at all.", Duration::ZERO,
            |plan| plan.baseline))]
    baseline: Option<Duration>,
}

fn count_help(text: &str, unit: &str, least: u32, most: u32, default: fn(&Plan) -> usize) -> String {
    parser::help(text, unit, &format!("{least} to {most}"), default(&Plan::default()))
}

fn bytes_help(text: &str, unit: &str, least: usize, most: usize, default: fn(&Plan) -> usize) -> String {
    parser::help(text, unit, &bytes_bounds(&(least..=most)), bytes_text(default(&Plan::default())))
}

fn time_help(text: &str, least: Duration, default: fn(&Plan) -> Duration) -> String {
    parser::help(text, "time", &time_bounds(&(least..=DAY)), time_text(default(&Plan::default())))
}

fn switch_help(text: &str, default: fn(&Plan) -> bool) -> String {
    parser::help(text, "switch", "", default(&Plan::default()))
}

impl LoadArguments {
    fn into_command(self) -> Result<LoadCommand, String> {
        let mut plan = self.scenario.unwrap_or_default();
        let url = self.url.ok_or("load needs the URL of a server, such as ws://127.0.0.1:8000")?;
        let trust = self.trust.trust(&url.text)?;
        (plan.server, plan.tls) = (url.address, url.secure.then_some(trust));
        if self.messages.window.is_some_and(|window| window > 0) && self.messages.rate.is_some() {
            return Err("--window and --rate are two ways to say how much: give one".to_owned());
        }
        self.clients.apply(&mut plan);
        self.messages.apply(&mut plan);
        self.disturbances.apply(&mut plan);
        self.times.apply(&mut plan);
        if let Some(Protocols(protocols)) = self.door {
            plan.protocols = protocols;
        }
        if self.lines.is_some() && !plan.protocols.contains(&Protocol::Lines) {
            return Err("--lines needs --door lines".to_owned());
        }
        plan.lines = self.lines;
        plan.also = self.also;
        plan.history = self.history;
        set(&mut plan.room, self.room);
        plan.check()?;
        if plan.history.is_some() && plan.history == self.report {
            return Err("--history and --report are two files".to_owned());
        }
        Ok(LoadCommand { plan, json: self.json, report: self.report, quiet: self.quiet })
    }
}

impl ClientArguments {
    fn apply(self, plan: &mut Plan) {
        set_count(&mut plan.clients, self.clients);
        set_count(&mut plan.rooms, self.rooms);
        set_count(&mut plan.users, self.users);
    }
}

impl MessageArguments {
    fn apply(self, plan: &mut Plan) {
        set_count(&mut plan.publishers, self.publishers);
        set(&mut plan.rate, self.rate);
        set_count(&mut plan.window, self.window);
        set(&mut plan.size, self.size);
        set_count(&mut plan.keys, self.latest);
        set_count(&mut plan.patterns, self.pattern);
        set(&mut plan.group, self.group);
    }
}

impl DisturbanceArguments {
    fn apply(self, plan: &mut Plan) {
        set(&mut plan.churn, self.churn);
        set(&mut plan.breaks, self.breaks);
        set_count(&mut plan.slow, self.slow);
        set(&mut plan.slow_bytes, self.slow_bytes);
        set_count(&mut plan.idle_sockets, self.idle_sockets);
        set(&mut plan.slow_return, self.slow_return);
        set(&mut plan.restart, self.restart);
        set(&mut plan.outages, self.outages);
        set(&mut plan.publishers_too, self.publishers_too);
    }
}

impl TimeArguments {
    fn apply(self, plan: &mut Plan) {
        set(&mut plan.ramp, self.ramp);
        set(&mut plan.duration, self.duration);
        set(&mut plan.drain, self.drain);
        set(&mut plan.probe, self.probe);
        set(&mut plan.baseline, self.baseline);
    }
}

/// What is not given leaves the plan as it was.
fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *field = value;
    }
}

fn set_count(field: &mut usize, given: Option<u32>) {
    set(field, given.map(|count| count as usize));
}

/// A URL, taken apart.
#[derive(Clone, Debug)]
struct ServerUrl {
    /// As it was given.
    text: String,
    /// `HOST:PORT`.
    address: String,
    /// Whether it is with TLS.
    secure: bool,
}

fn server_url(url: &str) -> Result<ServerUrl, String> {
    let problem = |what: &str| Err(format!("the URL must be ws://HOST:PORT, not {url:?}{what}"));
    let (rest, secure) = match url.split_once("://") {
        Some(("ws" | "http", rest)) => (rest, false),
        Some(("wss" | "https", rest)) => (rest, true),
        _ => return problem(""),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#']) {
        return problem(" (it has no path)");
    }
    let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    let address = if has_port { rest.to_owned() } else { format!("{rest}:{}", if secure { 443 } else { 80 }) };
    match address::host_port(&address) {
        Ok(address) => Ok(ServerUrl { text: url.to_owned(), address, secure }),
        Err(_) => problem(""),
    }
}

fn scenario(name: &str) -> Result<Plan, String> {
    match name {
        "topic-10k" => Ok(Plan::topic_10k()),
        other => Err(format!("must be topic-10k, not {other:?}")),
    }
}

/// What `--door` names; a type of its own because clap takes a `Vec` for a flag that is repeated.
#[derive(Clone)]
struct Protocols(Vec<Protocol>);

fn protocols(names: &str) -> Result<Protocols, String> {
    let protocol = |name: &str| {
        let found = Protocol::ALL.into_iter().find(|protocol| protocol.name() == name.trim());
        found.ok_or_else(|| format!("must be some of json, topic, text and lines, not {name:?}"))
    };
    names.split(',').map(protocol).collect::<Result<_, _>>().map(Protocols)
}

/// The names of rooms are put into addresses and JSON unescaped.
fn room(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=48).contains(&name.len()) && name.chars().all(plain) && name != "." && name != ".." {
        return Ok(name.to_owned());
    }
    Err(format!("must be 1 to 48 letters, digits, dots, dashes and underscores, not {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use roomd_tls::Trust;

    /// What the arguments ask for, or the sentence that refuses them.
    fn ask(arguments: &[&str]) -> Result<LoadCommand, String> {
        let refusal = |error: clap::Error| {
            let text = error.to_string();
            text.lines().next().and_then(|line| line.strip_prefix("error: ")).unwrap_or_default().to_owned()
        };
        let found = command().try_get_matches_from([&["load"], arguments].concat()).map_err(refusal)?;
        read(&found)
    }

    const URL: &str = "ws://127.0.0.1:8000";

    #[test]
    fn the_command_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn nothing_said_is_the_default_and_a_scenario_another_beginning() {
        assert_eq!(ask(&[URL]).unwrap().plan, Plan::default());
        let plan = ask(&[URL, "--scenario", "topic-10k", "--duration", "1s"]).unwrap().plan;
        assert_eq!(plan, Plan { duration: Duration::from_secs(1), ..Plan::topic_10k() });
    }

    #[test]
    fn each_flag_changes_the_plan() {
        for (name, value) in [
            ("clients", "200"),
            ("rooms", "2"),
            ("users", "3"),
            ("publishers", "2"),
            ("rate", "11"),
            ("window", "1"),
            ("size", "1KiB"),
            ("latest", "7"),
            ("pattern", "2"),
            ("group", "true"),
            ("churn", "1"),
            ("breaks", "1"),
            ("slow", "1"),
            ("slow-bytes", "10"),
            ("loiterers", "3"),
            ("slow-return", "true"),
            ("publishers-too", "true"),
            ("ramp", "1s"),
            ("duration", "1s"),
            ("drain", "1s"),
            ("probe", "1s"),
            ("bare", "1s"),
            ("door", "lines,text"),
            ("room", "hall"),
            ("history", "h.edn"),
        ] {
            let asked = ask(&[URL, &format!("--{name}={value}")]).unwrap();
            assert_ne!(asked.plan, Plan::default(), "{name}");
        }
        let asked = ask(&[URL, "--json", "--quiet", "--report", "r.html"]).unwrap();
        assert_eq!((asked.json, asked.quiet, asked.report), (true, true, Some("r.html".into())));
        let lines = ask(&[URL, "--door=lines", "--lines=127.0.0.1:9"]).unwrap().plan.lines;
        assert_eq!(lines.as_deref(), Some("127.0.0.1:9"));
    }

    #[test]
    fn help_states_unit_bounds_and_default_of_each_flag() {
        let help = command().render_long_help().to_string();
        for facts in [
            "[connections, 1 to 1000000; default 100]",
            "[messages, 0 to 10000; default 0]",
            "[bytes, 22 to 16MiB; default 100]",
            "[bytes a second, 1 to 64MiB; default 1KiB]",
            "[switch; default false]",
            "[time, 1ms to 1day; default 10s]",
        ] {
            assert!(help.contains(facts), "{facts} is not in {help}");
        }
        assert!(help.lines().all(|line| line.len() <= 100), "{help}");
    }

    #[test]
    fn a_server_is_named_by_its_url() {
        let plan = ask(&["wss://chat.example", "--insecure"]).unwrap().plan;
        assert_eq!((&*plan.server, plan.tls), ("chat.example:443", Some(Trust::Anybody)));
        let plan = ask(&["https://[::1]:1", "--ca=c.pem"]).unwrap().plan;
        assert_eq!((plan.host(), &plan.tls), ("::1", &Some(Trust::Only("c.pem".into()))));
        for (url, server) in [
            ("ws://127.0.0.1:8000", "127.0.0.1:8000"),
            ("http://localhost:1/", "localhost:1"),
            ("ws://localhost", "localhost:80"),
            ("ws://[::1]:8000", "[::1]:8000"),
            ("ws://[::1]", "[::1]:80"),
        ] {
            assert_eq!(ask(&[url]).unwrap().plan.server, server);
        }
    }

    #[test]
    fn a_mistake_is_a_sentence() {
        for (arguments, sentence) in [
            (&[][..], "load needs the URL of a server, such as ws://127.0.0.1:8000"),
            (&["localhost:8000"], "the URL must be ws://HOST:PORT, not \"localhost:8000\""),
            (&[URL, "--insecure"], "--insecure is for TLS, and \"ws://127.0.0.1:8000\" is without: wss://…"),
            (&["ws://a:1/ws"], "the URL must be ws://HOST:PORT, not \"ws://a:1/ws\" (it has no path)"),
            (&["ws://a:99999"], "the URL must be ws://HOST:PORT, not \"ws://a:99999\""),
            (&[URL, "--clients", "0"], "--clients must be a whole number from 1 to 1000000, not \"0\""),
            (&[URL, "--size", "21"], "--size must be bytes from 22 to 16MiB, such as 65536, 64KiB or 1MiB, not \"21\""),
            (&[URL, "--door", "tcp"], "--door must be some of json, topic, text and lines, not \"tcp\""),
            (&[URL, "--lines", "a:1"], "--lines needs --door lines"),
            (&[URL, "--scenario", "x"], "--scenario must be topic-10k, not \"x\""),
            (&[URL, "--window=1", "--rate=1"], "--window and --rate are two ways to say how much: give one"),
            (&[URL, "--slow", "100"], "--slow is 100 and only 99 clients do not publish"),
            (&[URL, "--history=a", "--report=a"], "--history and --report are two files"),
        ] {
            assert_eq!(ask(arguments).unwrap_err(), sentence);
        }
        assert!(ask(&[URL, "--room", "a b"]).unwrap_err().starts_with("--room must be 1 to 48 letters"));
    }
}
