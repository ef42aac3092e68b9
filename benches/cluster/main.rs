//! `cargo bench --features postgres --bench cluster`: several servers on one PostgreSQL.
//!
//! How many messages a second they acknowledge, beside a bare loop that inserts the same batches in the same run; how long after its
//! acknowledgement a message is shown by the other servers, at half of that load, with notes through the database and through a
//! Redis; how soon the end of a server and of the database is noticed. Servers and loop take turns, each on a database of its own, on a
//! PostgreSQL of the run. Without `--bench`, as `cargo test --benches` runs it, it makes one short trial of each.

#[path = "../support/environment.rs"]
mod environment;
#[path = "../support/message_text.rs"]
mod message_text;
#[path = "../support/option_values.rs"]
mod option_values;
#[path = "../support/page.rs"]
mod page;

mod arguments;
mod bare;
mod ends;
mod engines;
mod servers;
mod table;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use hdrhistogram::Histogram;

use arguments::Arguments;
use engines::{Postgres, Redis};
use message_text::MESSAGE_BYTES;
use servers::{Cluster, Scenario};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The result of a trial.
struct Outcome {
    /// Messages acknowledged a second.
    per_s: f64,
    /// Times from publishing to acknowledgement, in nanoseconds; of a batch, for the bare loop.
    latency: Histogram<u64>,
    /// Times from the acknowledgement until another server has shown it, in nanoseconds, if they were noted.
    shown: Option<Histogram<u64>>,
}

fn main() -> ExitCode {
    match run(&Arguments::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cluster: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(postgres) = Postgres::start(&arguments.directory)? else {
        println!("skipped: there is no PostgreSQL (Debian's postgresql)");
        return Ok(());
    };
    let Some(redis) = Redis::start()? else {
        println!("skipped: there is no Redis (Debian's redis-server)");
        return Ok(());
    };
    let Arguments { warm_up, measuring, reps, .. } = arguments;
    let conditions = environment::description(Path::new(env!("CARGO_BIN_EXE_roomd")));
    let engine = postgres.psql("postgres", "SELECT 'PostgreSQL ' || current_setting('server_version')")?;
    let trials = format!(
        "{reps} of each, in turn: {warm_up:?} of warm-up, {measuring:?} measured; {MESSAGE_BYTES} bytes, each with a mid"
    );
    let mut text = format!("\n```\n{conditions}\nengine    {engine}\ntrials    {trials}\n```\n");
    println!("{text}");
    let mut tell = |part: String| {
        println!("{part}");
        text.push_str(&part);
        text.push('\n');
    };
    tell(table::heading());
    for &rooms in &arguments.rooms {
        for &servers in &arguments.servers {
            for &publishers in &arguments.publishers {
                tell(compare(&postgres, Scenario { servers, rooms, publishers }, arguments)?);
            }
        }
    }
    tell(table::shown_heading());
    for &rooms in &arguments.rooms {
        let most = arguments.publishers.iter().copied().max().unwrap_or(1).min(64);
        let scenario = Scenario { servers: 2, rooms, publishers: most };
        for (name, bus) in [("PostgreSQL", None), ("Redis", Some(&*redis.url))] {
            let (full, half) = at_half_load(&postgres, bus, scenario, arguments)?;
            tell(table::shown_line(name, scenario, &full, &half));
        }
    }
    let servers = (0..arguments.ends).map(|_| ends::of_a_server(&postgres)).collect::<Result<Vec<_>, _>>()?;
    let databases = (0..arguments.ends).map(|_| ends::of_the_database(&postgres)).collect::<Result<Vec<_>, _>>()?;
    tell(table::ends(&servers, &databases));
    if arguments.write {
        page::replace("cluster", &text)?;
    }
    Ok(())
}

/// A line of the table: the servers, and the bare loop with batches as large as theirs were.
fn compare(postgres: &Postgres, scenario: Scenario, arguments: &Arguments) -> Result<String, Failure> {
    let (mut shared, mut bare, mut batches) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.reps {
        let database = postgres.database()?;
        let cluster = Cluster::start(&database.url, None, scenario, false)?;
        shared.push(cluster.publish(scenario.publishers, Duration::ZERO, arguments)?);
        cluster.stop();
        let sizes = "SELECT (SELECT count(*) FROM messages)::float8 / greatest((SELECT sum(batch) FROM journals), 1)";
        let batch: f64 = database.psql(sizes)?.parse()?;
        batches.push(batch);
        let size = (batch.round() as usize).max(1);
        let busy = scenario.servers.min(scenario.publishers);
        bare.push(bare::run(&postgres.database()?.url, (busy, size), arguments)?);
    }
    Ok(table::line(scenario, &shared, &bare, &batches))
}

/// As many messages as two servers take, and then half as many, of which it is noted when the other server shows them.
fn at_half_load(
    postgres: &Postgres,
    bus: Option<&str>,
    scenario: Scenario,
    arguments: &Arguments,
) -> Result<(Outcome, Outcome), Failure> {
    let publishers = scenario.publishers;
    let database = postgres.database()?;
    let cluster = Cluster::start(&database.url, bus, scenario, false)?;
    let full = cluster.publish(publishers, Duration::ZERO, arguments)?;
    cluster.stop();
    let database = postgres.database()?;
    let cluster = Cluster::start(&database.url, bus, scenario, true)?;
    let pause = Duration::from_secs_f64(2.0 * publishers as f64 / full.per_s.max(1.0));
    let half = cluster.publish(publishers, pause, arguments)?;
    cluster.stop();
    Ok((full, half))
}
