//! One server under the load, from its start to its end, and the figures of several.

use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::arguments::Load;
use crate::clients::{Clients, Tag};
use crate::machine::{self, Usage};

const WARM_UP: Duration = Duration::from_millis(500);
/// This long without a delivery means that what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a trial found.
pub struct Figures {
    deliveries: f64,
    seconds: f64,
    server: f64,
    switches: f64,
    p50: f64,
    p99: f64,
    kib: f64,
    threads: usize,
    disordered: usize,
    pub others: f64,
    pub lost: u64,
}

/// The messages in flight in a room.
struct Window {
    members: Vec<usize>,
    published: u64,
    /// Of each slot: when its message was sent, and how many have not received it yet.
    slots: Vec<(Instant, usize)>,
}

/// Ends the server, however the trial ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Starts a server, and loads it.
pub fn run(name: &str, load: &Load) -> io::Result<Figures> {
    let mut server = Server(machine::start(name)?);
    let id = server.0.id();
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().expect("it was asked for")).read_line(&mut line)?;
    let address: Option<SocketAddr> = line.trim().rsplit(' ').next().and_then(|address| address.parse().ok());
    let address = address.ok_or_else(|| io::Error::other(format!("{name} does not listen: {line}")))?;
    let (empty, _) = machine::memory(id)?;
    let clients = Clients::connect(address, load.rooms, load.members)?;
    let (full, threads) = machine::memory(id)?;
    let mut trial = Trial::new(clients, load);
    trial.go_on(WARM_UP)?;
    trial.latencies.clear();
    let (delivered, usage, begin) = (trial.delivered, Usage::of(id)?, Instant::now());
    trial.go_on(load.measured)?;
    let (seconds, after) = (begin.elapsed().as_secs_f64(), Usage::of(id)?);
    let (lost, disordered) = trial.end()?;
    let (server, own) = (after.server - usage.server, after.load - usage.load);
    let mut latencies = std::mem::take(&mut trial.latencies);
    latencies.sort_unstable();
    let percentile = |part: f64| {
        let at = (latencies.len() as f64 * part) as usize;
        latencies.get(at.min(latencies.len().saturating_sub(1))).map_or(0.0, |us| f64::from(*us) / 1000.0)
    };
    Ok(Figures {
        deliveries: (trial.delivered_in_time - delivered) as f64,
        seconds,
        server,
        switches: (after.switches - usage.switches) as f64,
        p50: percentile(0.5),
        p99: percentile(0.99),
        kib: (full - empty) / (load.rooms * load.members) as f64,
        threads,
        disordered,
        others: ((after.machine - usage.machine - server - own) / seconds).max(0.0),
        lost,
    })
}

struct Trial {
    clients: Clients,
    windows: Vec<Window>,
    /// Slots that have become free: room and slot.
    free: Vec<(usize, usize)>,
    delivered: u64,
    /// Those until the measured time ended.
    delivered_in_time: u64,
    /// In microseconds, from the author's send to a member's read.
    latencies: Vec<u32>,
    publishes: bool,
}

impl Trial {
    fn new(clients: Clients, load: &Load) -> Self {
        let mut windows: Vec<_> = (0..load.rooms)
            .map(|_| Window { members: Vec::new(), published: 0, slots: vec![(Instant::now(), 0); load.window] })
            .collect();
        clients.all().iter().enumerate().for_each(|(number, client)| windows[client.room].members.push(number));
        let free = (0..load.rooms).flat_map(|room| (0..load.window).map(move |slot| (room, slot))).collect();
        Self { clients, windows, free, delivered: 0, delivered_in_time: 0, latencies: Vec::new(), publishes: true }
    }

    fn go_on(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn()?;
        }
        self.delivered_in_time = self.delivered;
        Ok(())
    }

    fn turn(&mut self) -> io::Result<()> {
        for (room, slot) in std::mem::take(&mut self.free) {
            if self.publishes {
                let window = &mut self.windows[room];
                // Eight of the members take turns.
                let authors = window.members.len().min(8) as u64;
                let author = window.members[(window.published % authors) as usize];
                let tag = Tag { number: window.published, slot };
                window.published += 1;
                window.slots[slot] = (Instant::now(), window.members.len());
                self.clients.say(author, tag)?;
            }
        }
        let Self { clients, windows, free, delivered, latencies, .. } = self;
        clients.receive(|room, tag, now| {
            let Some((sent, left)) = windows[room].slots.get_mut(tag.slot) else { return };
            *delivered += 1;
            *left = left.saturating_sub(1);
            latencies.push(u32::try_from(now.duration_since(*sent).as_micros()).unwrap_or(u32::MAX));
            if *left == 0 {
                free.push((room, tag.slot));
            }
        })
    }

    /// Waits for what is in flight; how many deliveries are missing, and in how many rooms two members saw different orders.
    fn end(&mut self) -> io::Result<(u64, usize)> {
        self.publishes = false;
        let mut seen = (self.delivered, Instant::now());
        let is_missing =
            |trial: &Self| trial.windows.iter().flat_map(|window| &window.slots).any(|(_, left)| *left > 0);
        while is_missing(self) && seen.1.elapsed() < PATIENCE {
            self.turn()?;
            if self.delivered > seen.0 {
                seen = (self.delivered, Instant::now());
            }
        }
        let (mut lost, mut disordered) = (0, 0);
        for window in &self.windows {
            let members = || window.members.iter().map(|number| &self.clients.all()[*number]);
            lost += members().map(|member| window.published.abs_diff(member.received)).sum::<u64>();
            let mut orders = members().map(|member| member.order);
            let first = orders.next();
            disordered += usize::from(orders.any(|order| Some(order) != first));
        }
        Ok((lost, disordered))
    }
}

/// The middle one.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The medians of several trials, with the least and the greatest CPU time, as cells of a table.
pub fn row(trials: &[Figures]) -> String {
    let each = |figure: &dyn Fn(&Figures) -> f64| trials.iter().map(figure).collect::<Vec<_>>();
    let cost = each(&|figures| 1e6 * figures.server / figures.deliveries);
    let least = cost.iter().copied().fold(f64::INFINITY, f64::min);
    let most = cost.iter().copied().fold(0.0, f64::max);
    format!(
        "| {:.2} ({least:.2}–{most:.2}) | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {:.0} | {} |",
        median(cost),
        median(each(&|figures| figures.deliveries / figures.seconds)),
        median(each(&|figures| figures.p50)),
        median(each(&|figures| figures.p99)),
        median(each(&|figures| figures.switches / figures.deliveries)),
        median(each(&|figures| figures.kib)),
        median(each(&|figures| figures.threads as f64)),
        trials.iter().map(|figures| figures.disordered).sum::<usize>(),
    )
}
