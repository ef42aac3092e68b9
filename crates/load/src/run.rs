//! A load from its plan to its report.
//!
//! [`run`] is called by the command and by benches, on a thread of theirs, and blocks until the load is over. It
//! opens sockets to the plan's server and to no other. Side loads (the probe, idle sockets) have threads of their
//! own, which end with the run.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};

use roomd_tls::Dialer;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::baseline::Baseline;
use crate::clients::{Clients, ServerAddresses};
use crate::generator::Generator;
use crate::history::History;
use crate::idle_sockets::IdleSockets;
use crate::plan::Plan;
use crate::probe::Probe;
use crate::process::{Process, UsageMeter};
use crate::progress::Progress;
use crate::progress::ProgressReporter;
use crate::protocol::Protocol;
use crate::report::Report;
use crate::report::RunOutcome;
use crate::run_state::RunState;
use crate::stop::StopToken;

/// Files that the process opens besides one for each client.
const SPARE_FILES: u64 = 64;

/// Why there is no report.
#[derive(Debug)]
pub enum LoadError {
    /// The plan cannot be carried out, as a sentence.
    Plan(String),
    /// No client became a member; what the first one was told.
    NoClient(String),
    /// The system refused something that every load needs.
    System(io::Error),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plan(sentence) => f.write_str(sentence),
            Self::NoClient(reason) => write!(f, "no client got in: {reason}"),
            Self::System(error) => write!(f, "this machine does not carry the load: {error}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Carries out a plan, and calls `report_progress` once a second. Blocks for the plan's duration, and while
/// connections are opened before it and closed after it.
///
/// # Errors
/// If the plan cannot be carried out at all; what the server does wrong is in the report.
pub fn run(plan: &Plan, report_progress: &mut dyn FnMut(&Progress)) -> Result<Report, LoadError> {
    run_until(&StopToken::new().map_err(LoadError::System)?, plan, report_progress)
}

/// As [`run`], and ends early, with the report so far, when a stop is requested.
///
/// # Errors
/// As [`run`]; [`LoadError::NoClient`] if it was stopped before any client became a member.
pub fn run_until(
    stop: &StopToken,
    plan: &Plan,
    report_progress: &mut dyn FnMut(&Progress),
) -> Result<Report, LoadError> {
    plan.check().map_err(LoadError::Plan)?;
    let addresses = addresses(plan)?;
    let dialer = plan.tls.as_ref().map(Dialer::new).transpose().map_err(LoadError::Plan)?;
    check_open_files(plan)?;
    let history = history(plan)?;
    // Before the load, while the machine is quiet: after it a server may be busy for long.
    let baseline =
        if plan.baseline.is_zero() { None } else { Some(Baseline::measure(plan).map_err(LoadError::System)?) };
    let mut state = RunState::new(plan, random_run_id().map_err(LoadError::System)?);
    state.history = history;
    let server = Process::listening(&addresses.http).filter(|server| *server != Process::own());
    let http = addresses.http;
    let clients = Clients::new(plan, dialer.clone(), addresses, stop.clone()).map_err(LoadError::System)?;
    let mut generator = Generator::new(state, clients, server);
    let mut progress = ProgressReporter::new(report_progress);
    generator.ramp_up(&mut progress).map_err(LoadError::System)?;
    if generator.state.metrics.arrived == 0 {
        return Err(LoadError::NoClient(why_no_client(generator)));
    }
    let side_loads = SideLoads::start(plan, http, dialer).map_err(LoadError::System)?;
    publish_and_reconcile(generator, side_loads, baseline, &mut progress).map_err(LoadError::System)
}

/// What the first client was told: why its connection ended, or why it was refused.
fn why_no_client(generator: Generator<'_>) -> String {
    let Generator { first_failure, state, clients, .. } = generator;
    let refused = || Some(format!("refused with {}", state.metrics.errors.keys().next()?));
    let stopped = || (clients.stop_requests > 0).then(|| "it was stopped before".to_owned());
    first_failure.or_else(refused).or_else(stopped).unwrap_or_else(|| "nobody answered".to_owned())
}

/// What runs on threads of its own beside the clients.
struct SideLoads {
    idle_sockets: Option<IdleSockets>,
    probe: Option<Probe>,
}

impl SideLoads {
    fn start(plan: &Plan, http: SocketAddr, dialer: Option<Dialer>) -> io::Result<Self> {
        let idle_sockets = match plan.idle_sockets {
            0 => None,
            count => Some(IdleSockets::start(http, plan.tls.is_some(), count)?),
        };
        let probe = if plan.probe.is_zero() { None } else { Some(Probe::start(http, dialer, plan)?) };
        Ok(Self { idle_sockets, probe })
    }
}

/// The load itself, once all clients are members.
fn publish_and_reconcile(
    mut generator: Generator<'_>,
    side_loads: SideLoads,
    baseline: Option<Baseline>,
    progress: &mut ProgressReporter<'_>,
) -> io::Result<Report> {
    let server_before = generator.server.and_then(UsageMeter::begin);
    let own_cpu_s = || Process::own().usage().map_or(0.0, |usage| usage.cpu_s);
    let (began, own_before) = (generator.now(), own_cpu_s());
    let complete = generator.publish_for_duration(progress)?;
    let (ended, delivered) = (generator.now(), generator.state.metrics.delivered);
    let drained = generator.drain(progress)?;
    let probe = side_loads.probe.map(Probe::stop);
    let idle_sockets = side_loads.idle_sockets.map(IdleSockets::stop);
    generator.sample();
    let server = server_before.and_then(UsageMeter::end);
    let own_cpu_s = own_cpu_s() - own_before;
    generator.tear_down(drained)?;
    let history = generator.state.history.take().map(History::close);
    let published_for = ended - began;
    let outcome =
        RunOutcome { published_for, delivered, complete, server, own_cpu_s, probe, idle_sockets, baseline, history };
    Ok(Report::new(generator, outcome))
}

/// The history, if it is asked for, in a file that is opened.
fn history(plan: &Plan) -> Result<Option<History>, LoadError> {
    let Some(path) = &plan.history else { return Ok(None) };
    let refused = |error| LoadError::Plan(format!("--history cannot be {}: {error}", path.display()));
    History::create(path, plan).map(Some).map_err(refused)
}

/// Where the server's ports are.
fn addresses(plan: &Plan) -> Result<ServerAddresses, LoadError> {
    let http = resolve(&plan.server)?;
    let lines = match &plan.lines {
        _ if !plan.protocols.contains(&Protocol::Lines) => http,
        Some(lines) => resolve(lines)?,
        None => {
            let port = http.port().checked_add(1);
            let port = port.ok_or_else(|| LoadError::Plan("--lines must say where the line port is".to_owned()))?;
            SocketAddr::new(http.ip(), port)
        }
    };
    let also = plan.also.iter().map(|address| resolve(address)).collect::<Result<_, _>>()?;
    Ok(ServerAddresses { http, also, lines })
}

fn resolve(address: &str) -> Result<SocketAddr, LoadError> {
    let problem = |what: &str| LoadError::Plan(format!("cannot find {address}: {what}"));
    let mut found = address.to_socket_addrs().map_err(|error| problem(&error.to_string()))?;
    found.next().ok_or_else(|| problem("it has no address"))
}

/// Raises this process' limit of open files as far as it may, and checks that it is enough.
fn check_open_files(plan: &Plan) -> Result<(), LoadError> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // A refusal leaves the limit as it is, which is checked next.
    _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let needed = (plan.connections() + plan.idle_sockets) as u64 + SPARE_FILES;
    if files >= needed {
        return Ok(());
    }
    let clients = plan.connections();
    Err(LoadError::Plan(format!(
        "{clients} clients need {needed} open files, and this process may open {files}: raise `ulimit -n`"
    )))
}

/// A number that most likely no other run has.
fn random_run_id() -> io::Result<u16> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u16::from_be_bytes(bytes))
}
