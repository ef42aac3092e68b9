//! The flags of `roomd load`: name, unit, meaning and bounds of each, and the plan that they make.
//!
//! The parser of the command line calls it on the main thread. As with the settings of a server, one
//! table makes the flags and the help, and the defaults are read out of the plan, so that no text can
//! disagree with the code. A scenario is another plan to begin with; flags go before it.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::OsStringValueParser;
use clap::builder::TypedValueParser as _;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::cli::value::Slot;
use roomd_cli::trust;
use roomd_cli::value::{DAY, MIB, MILLISECOND};
use roomd_load::{Door, Plan};

/// What `roomd load` is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub plan: Plan,
    /// Print the report as JSON.
    pub json: bool,
    /// Write the report as HTML to this file.
    pub report: Option<PathBuf>,
    /// Say nothing while it runs.
    pub quiet: bool,
}

/// One row: all that is known about a flag but its value.
struct Flag {
    name: &'static str,
    /// What the value counts.
    unit: &'static str,
    help: &'static str,
    slot: fn(&mut Plan) -> Slot<'_>,
}

impl Flag {
    fn facts(&self) -> String {
        let mut plan = Plan::default();
        let slot = (self.slot)(&mut plan);
        let bounds = slot.bounds().map(|bounds| format!(", {bounds}")).unwrap_or_default();
        format!("{}{bounds}; default {}", self.unit, slot.text())
    }
}

const MANY: u32 = 1_000_000;

const GROUPS: &[(&str, &[Flag])] =
    &[("Clients", CLIENTS), ("Messages", MESSAGES), ("Trouble", TROUBLE), ("Times", TIMES)];

const CLIENTS: &[Flag] = &[
    Flag {
        name: "clients",
        unit: "connections",
        help: "Clients, each with a connection.",
        slot: |p| Slot::Count(&mut p.clients, 1..=MANY),
    },
    Flag {
        name: "rooms",
        unit: "rooms",
        help: "Rooms, among which the clients are dealt out.",
        slot: |p| Slot::Count(&mut p.rooms, 1..=MANY),
    },
    Flag {
        name: "users",
        unit: "names",
        help: "Names that the clients share. 0: each has its own, and all hear of its coming.",
        slot: |p| Slot::Count(&mut p.users, 0..=MANY),
    },
];

const MESSAGES: &[Flag] = &[
    Flag {
        name: "publishers",
        unit: "clients of each room",
        help: "Members of each room that publish, in turn.",
        slot: |p| Slot::Count(&mut p.publishers, 0..=MANY),
    },
    Flag {
        name: "rate",
        unit: "messages a second",
        help: "Messages of all publishers together, however fast they are answered.",
        slot: |p| Slot::Count32(&mut p.rate, 1..=MANY),
    },
    Flag {
        name: "window",
        unit: "messages",
        help: "In place of a rate: messages in flight in each room. The next goes when all\n\
               members have one. 0: the rate counts.",
        slot: |p| Slot::Count(&mut p.window, 0..=10_000),
    },
    Flag {
        name: "size",
        unit: "bytes",
        help: "A message's text. Sender and number take 22 bytes of it.",
        slot: |p| Slot::Bytes(&mut p.size, 22..=16 * MIB),
    },
];

const TROUBLE: &[Flag] = &[
    Flag {
        name: "churn",
        unit: "members a second",
        help: "Members that leave their room and come back at once.",
        slot: |p| Slot::Count32(&mut p.churn, 0..=100_000),
    },
    Flag {
        name: "breaks",
        unit: "connections a second",
        help: "Connections that are reset, and come back for what they missed.",
        slot: |p| Slot::Count32(&mut p.breaks, 0..=100_000),
    },
    Flag {
        name: "slow",
        unit: "clients",
        help: "Clients that read slowly.",
        slot: |p| Slot::Count(&mut p.slow, 0..=MANY),
    },
    Flag {
        name: "slow-bytes",
        unit: "bytes a second",
        help: "What a slow client reads.",
        slot: |p| Slot::Bytes(&mut p.slow_bytes, 1..=64 * MIB),
    },
    Flag {
        name: "loiterers",
        unit: "sockets",
        help: "Further sockets that connect and say nothing, or begin a request or a handshake and go\n\
               on with a byte a second. Who is sent away comes back.",
        slot: |p| Slot::Count(&mut p.loiterers, 0..=MANY),
    },
    Flag {
        name: "slow-return",
        unit: "switch",
        help: "A client that is closed because it is slow (4450) comes back for what it missed.",
        slot: |p| Slot::Switch(&mut p.slow_return),
    },
    Flag {
        name: "publishers-too",
        unit: "switch",
        help: "Publishers come and go, break and read slowly like all others.",
        slot: |p| Slot::Switch(&mut p.publishers_too),
    },
];

const TIMES: &[Flag] = &[
    Flag {
        name: "ramp",
        unit: "time",
        help: "From the first connection to the last. 0: as fast as they are taken.",
        slot: |p| Slot::Time(&mut p.ramp, Duration::ZERO..=DAY),
    },
    Flag {
        name: "duration",
        unit: "time",
        help: "How long messages are published.",
        slot: |p| Slot::Time(&mut p.duration, MILLISECOND..=DAY),
    },
    Flag {
        name: "drain",
        unit: "time",
        help: "How long what is under way may take to arrive after that.",
        slot: |p| Slot::Time(&mut p.drain, Duration::ZERO..=DAY),
    },
    Flag {
        name: "probe",
        unit: "time",
        help: "Ask a room without load five times a second, and let newcomers in: 99 of 100\n\
               answers may take so long, or the load fails. 0: nobody asks.",
        slot: |p| Slot::Time(&mut p.probe, Duration::ZERO..=DAY),
    },
    Flag {
        name: "bare",
        unit: "time",
        help: "How long a bare loop of writes is measured before, to compare. 0: not at all.",
        slot: |p| Slot::Time(&mut p.bare, Duration::ZERO..=DAY),
    },
];

/// Adds the flags.
pub fn with_flags(command: Command) -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let mut command = command
        .next_line_help(true)
        .arg(Arg::new("URL").help("The server: ws://HOST:PORT"))
        .arg(text(
            "scenario",
            "NAME",
            "Begin with this plan: topic-10k, 10 000 clients of the topic test that publish\n\
             once a second each, with --probe 100ms and --bare 2s. The probe and newcomers\n\
             come besides: give the server --connections-max 10200",
        ))
        .arg(text("door", "DOORS", "The ways in that clients take in turn: json, topic, text, lines\n[default json]"))
        .arg(text("lines", "HOST:PORT", "Where the line port is\n[default the URL's host, its port and one]"))
        .arg(text("room", "NAME", "What the room is called, or its rooms before their number\n[default load]"))
        .args(trust::flags())
        .arg(switch("json", "Print the report as JSON"))
        .arg(
            text("report", "FILE", "Write the report with plots to this file, as HTML")
                .value_parser(OsStringValueParser::new().map(PathBuf::from)),
        )
        .arg(switch("quiet", "Say nothing while it runs"));
    for (heading, group) in GROUPS {
        command = command.next_help_heading(*heading);
        command = command.args(group.iter().map(|flag| {
            let placeholder = (flag.slot)(&mut Plan::default()).placeholder();
            let help = format!("{}\n[{}]", flag.help, flag.facts());
            let arg = Arg::new(flag.name).long(flag.name).value_name(placeholder).help(help);
            match (flag.slot)(&mut Plan::default()) {
                Slot::Switch(_) => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
                _ => arg.allow_negative_numbers(true),
            }
        }));
    }
    command
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// What the flags ask for. An error is a sentence.
pub fn gather(found: &ArgMatches) -> Result<Order, String> {
    let text = |name: &str| found.get_one::<String>(name).map(String::as_str);
    let mut plan = match text("scenario") {
        None => Plan::default(),
        Some("topic-10k") => Plan::topic_10k(),
        Some(other) => return Err(format!("--scenario must be topic-10k, not {other:?}")),
    };
    let url = text("URL").ok_or("load needs the URL of a server, such as ws://127.0.0.1:8000")?;
    let secure;
    (plan.server, secure) = server(url)?;
    let trust = trust::read(found, url)?;
    plan.tls = secure.then_some(trust);
    for flag in GROUPS.iter().flat_map(|(_, group)| *group) {
        if let Some(value) = text(flag.name) {
            (flag.slot)(&mut plan).set(value).map_err(|problem| format!("--{} {problem}", flag.name))?;
        }
    }
    if let Some(doors) = text("door") {
        plan.doors = doors.split(',').map(door).collect::<Result<_, _>>()?;
    }
    if let Some(lines) = text("lines") {
        if !plan.doors.contains(&Door::Lines) {
            return Err("--lines needs --door lines".to_owned());
        }
        plan.lines = Some(roomd_cli::address::host_port(lines).map_err(|problem| format!("--lines {problem}"))?);
    }
    if let Some(room) = text("room") {
        plan.room = self::room(room)?;
    }
    if plan.window > 0 && text("rate").is_some() {
        return Err("--window and --rate are two ways to say how much: give one".to_owned());
    }
    plan.check()?;
    let (json, quiet) = (found.get_flag("json"), found.get_flag("quiet"));
    Ok(Order { plan, json, report: found.get_one("report").cloned(), quiet })
}

/// `HOST:PORT` of a URL, and whether it is with TLS.
fn server(url: &str) -> Result<(String, bool), String> {
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
    roomd_cli::address::host_port(&address).map(|address| (address, secure)).or_else(|_| problem(""))
}

fn door(name: &str) -> Result<Door, String> {
    let found = Door::ALL.into_iter().find(|door| door.name() == name.trim());
    found.ok_or_else(|| format!("--door must be some of json, topic, text and lines, not {name:?}"))
}

/// The names of rooms go into addresses and JSON as they are.
fn room(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=48).contains(&name.len()) && name.chars().all(plain) && name != "." && name != ".." {
        return Ok(name.to_owned());
    }
    Err(format!("--room must be 1 to 48 letters, digits, dots, dashes and underscores, not {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use roomd_tls::Trust;

    fn ask(arguments: &[&str]) -> Result<Order, String> {
        let command = with_flags(Command::new("load"));
        let found = command.try_get_matches_from([&["load"], arguments].concat()).map_err(|error| error.to_string())?;
        gather(&found)
    }

    const URL: &str = "ws://127.0.0.1:8000";

    #[test]
    fn the_command_is_well_formed() {
        with_flags(Command::new("load")).debug_assert();
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
        ] {
            let order = ask(&[URL, &format!("--{name}={value}")]).unwrap();
            assert_ne!(order.plan, Plan::default(), "{name}");
        }
        let order = ask(&[URL, "--json", "--quiet", "--report", "r.html"]).unwrap();
        assert_eq!((order.json, order.quiet, order.report), (true, true, Some("r.html".into())));
        let lines = ask(&[URL, "--door=lines", "--lines=127.0.0.1:9"]).unwrap().plan.lines;
        assert_eq!(lines.as_deref(), Some("127.0.0.1:9"));
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
        ] {
            assert_eq!(ask(arguments).unwrap_err(), sentence);
        }
        assert!(ask(&[URL, "--room", "a b"]).unwrap_err().starts_with("--room must be 1 to 48 letters"));
    }
}
