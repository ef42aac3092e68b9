//! `roomd load`: thousands of clients in one process that prove what a server promises.
//!
//! One thread drives all clients over one epoll: `phases` says when, `generator` what is due, `crowd`
//! holds the sockets, and `talk` is one client's conversation as a value. Each message carries its
//! sender and number (`label`), and each room's `ledger` knows every message and every member's
//! `account`, so nothing is estimated: what is lost, repeated or out of order is counted, by cause
//! (`faults`). With `probe` a second thread asks an untouched room, and with `loiterers` one more is a
//! nuisance; both end with the run.
//!
//! [`run`] blocks until the load is over. It opens sockets to the plan's server and to nobody else.

mod account;
mod bare;
mod client;
mod crowd;
mod door;
mod faults;
pub mod frames;
mod generator;
mod handshake;
mod heard;
mod html;
mod label;
mod ledger;
mod log;
mod loiterers;
mod meter;
mod pace;
mod phases;
mod plan;
mod plot;
mod probe;
mod process;
mod progress;
mod report;
mod settlement;
pub mod socket;
mod stop;
mod stream;
mod table;
mod talk;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Instant;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub use door::Door;
pub use faults::{Excuses, Faults};
pub use html::page;
pub use plan::Plan;
pub use progress::{Phase, Progress};
pub use report::Report;
pub use stop::Stop;

use bare::Bare;
use crowd::Crowd;
use generator::Generator;
use ledger::Ledger;
use loiterers::Loiterers;
use meter::Meter;
use probe::Probe;
use process::Process;
use progress::Watch;
use report::Findings;
use talk::World;

use roomd_tls::Dialer;

/// Files that the process opens besides one for each client.
const SPARE_FILES: u64 = 64;

/// Why there is no report.
#[derive(Debug)]
pub enum LoadError {
    /// The plan cannot be carried out, as a sentence.
    Plan(String),
    /// Not one client got in, as the first was told.
    Nobody(String),
    /// The machine refused what every load needs.
    Machine(io::Error),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plan(sentence) => f.write_str(sentence),
            Self::Nobody(reason) => write!(f, "no client got in: {reason}"),
            Self::Machine(error) => write!(f, "this machine does not carry the load: {error}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Carries out a plan, and tells `tell` once a second how far it is. Blocks for as long as the plan
/// says, and while connections come and go before and after.
///
/// # Errors
/// If the plan cannot be carried out at all; what the server does wrong is in the report.
pub fn run(plan: &Plan, tell: &mut dyn FnMut(&Progress)) -> Result<Report, LoadError> {
    run_until(&Stop::new().map_err(LoadError::Machine)?, plan, tell)
}

/// As [`run`], and ends early when `stop` is asked: with the report so far.
///
/// # Errors
/// As [`run`]; [`LoadError::Nobody`] if it was stopped before anybody got in.
pub fn run_until(stop: &Stop, plan: &Plan, tell: &mut dyn FnMut(&Progress)) -> Result<Report, LoadError> {
    plan.check().map_err(LoadError::Plan)?;
    let http = resolve(&plan.server)?;
    let dialer = plan.tls.as_ref().map(Dialer::new).transpose().map_err(LoadError::Plan)?;
    let lines = if plan.doors.contains(&Door::Lines) { Some(lines_address(plan, http)?) } else { None };
    can_open(plan)?;
    // Before the load, while the machine is quiet: after it a server may be busy for long.
    let bare = if plan.bare.is_zero() { None } else { Some(Bare::measure(plan).map_err(LoadError::Machine)?) };
    let began = Instant::now();
    let world = World {
        plan,
        run: run_number().map_err(LoadError::Machine)?,
        began,
        ledgers: (0..plan.rooms).map(|_| Ledger::default()).collect(),
        audience: vec![0; plan.rooms],
        free: Vec::new(),
        faults: Faults::default(),
        excuses: Excuses::default(),
        meter: Meter::default(),
    };
    let server = Process::listening(&http).filter(|server| *server != Process::own());
    let crowd = Crowd::gather(plan, dialer.clone(), (http, lines), stop.clone()).map_err(LoadError::Machine)?;
    let mut generator = Generator::new(world, crowd, server);
    let mut watch = Watch::new(tell);
    generator.gather(&mut watch).map_err(LoadError::Machine)?;
    if generator.world.meter.arrived == 0 {
        return Err(LoadError::Nobody(why_nobody(generator)));
    }
    carry_out(generator, (http, dialer), bare, &mut watch).map_err(LoadError::Machine)
}

/// What the first was told: why its connection ended, or why it was refused.
fn why_nobody(generator: Generator<'_>) -> String {
    let Generator { trouble, world, crowd, .. } = generator;
    let refused = || Some(format!("refused with {}", world.meter.errors.keys().next()?));
    let stopped = || (crowd.stops > 0).then(|| "it was stopped before".to_owned());
    trouble.or_else(refused).or_else(stopped).unwrap_or_else(|| "nobody answered".to_owned())
}

/// The load itself, once everybody is there.
fn carry_out(
    mut generator: Generator<'_>,
    (http, dialer): (SocketAddr, Option<Dialer>),
    bare: Option<Bare>,
    watch: &mut Watch<'_>,
) -> io::Result<Report> {
    let plan = generator.world.plan;
    let loiterers = match plan.loiterers {
        0 => None,
        count => Some(Loiterers::start(http, plan.tls.is_some(), count)?),
    };
    let probe = if plan.probe.is_zero() { None } else { Some(Probe::start(http, dialer, plan)?) };
    let server = generator.server;
    let before = server.and_then(|server| Some((server.usage()?, server.switches())));
    let own_cpu_s = || Process::own().usage().map_or(0.0, |usage| usage.cpu_s);
    let (begin, own_before) = (generator.now(), own_cpu_s());
    let whole = generator.publish_all(watch)?;
    let (end, delivered) = (generator.now(), generator.world.meter.delivered);
    let settled = generator.drain(watch)?;
    let probe = probe.map(Probe::stop);
    let loiterers = loiterers.map(Loiterers::stop);
    generator.sample();
    let server = server.zip(before).and_then(|(server, (before, switches))| {
        let switched: f64 = server
            .switches()
            .into_iter()
            .map(|(thread, count)| count - switches.get(&thread).copied().unwrap_or(0.0))
            .sum();
        Some((server.pid(), before, server.usage()?, switched))
    });
    let own_cpu_s = own_cpu_s() - own_before;
    generator.finish(settled)?;
    let published = (begin, end);
    Ok(Report::new(generator, Findings { published, delivered, whole, server, own_cpu_s, probe, loiterers, bare }))
}

fn resolve(address: &str) -> Result<SocketAddr, LoadError> {
    let problem = |what: &str| LoadError::Plan(format!("cannot find {address}: {what}"));
    let mut found = address.to_socket_addrs().map_err(|error| problem(&error.to_string()))?;
    found.next().ok_or_else(|| problem("it has no address"))
}

fn lines_address(plan: &Plan, http: SocketAddr) -> Result<SocketAddr, LoadError> {
    match &plan.lines {
        Some(lines) => resolve(lines),
        None => {
            let port = http.port().checked_add(1);
            let port = port.ok_or_else(|| LoadError::Plan("--lines must say where the line port is".to_owned()))?;
            Ok(SocketAddr::new(http.ip(), port))
        }
    }
}

/// Lets this process open as many files as it may, and looks whether that is enough.
fn can_open(plan: &Plan) -> Result<(), LoadError> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // A refusal leaves the limit as it is, which is looked at next.
    _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let needed = (plan.clients + plan.loiterers) as u64 + SPARE_FILES;
    if files >= needed {
        return Ok(());
    }
    let clients = plan.clients;
    Err(LoadError::Plan(format!(
        "{clients} clients need {needed} open files, and this process may open {files}: raise `ulimit -n`"
    )))
}

/// A number that no other run has, most likely.
fn run_number() -> io::Result<u16> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u16::from_be_bytes(bytes))
}
