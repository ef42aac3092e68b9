//! The bare loop: one connection for each server that is published through, which inserts batches of messages, with nobody to answer
//! and nothing to decide.
//!
//! Its tables hold what the store's hold of a message, and its batches have as many as the servers' had in the trial before. No
//! room's row is locked and nothing is searched for: the least that PostgreSQL has to do for the same messages.

use std::thread;
use std::time::Instant;

use hdrhistogram::Histogram;
use tokio::runtime::Builder;
use tokio_postgres::{Client, NoTls};

use super::arguments::Arguments;
use super::message_text::text;
use super::{Failure, Outcome};

const TABLES: &str = "
CREATE TABLE bare_messages (
    room bigint, seq bigint, kind smallint, at bigint, usr text COLLATE \"C\", mid text, body bytea, PRIMARY KEY (room, seq));
CREATE TABLE bare_mids (room bigint, usr text COLLATE \"C\", mid text COLLATE \"C\", seq bigint, at bigint, PRIMARY KEY (room, usr, mid))";

const INSERT: &str = "
WITH drafts AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bytea[]) AS d (room, seq, usr, mid, body)),
mids AS (INSERT INTO bare_mids SELECT room, usr, mid, seq, 0 FROM drafts)
INSERT INTO bare_messages SELECT room, seq, 0, 0, usr, mid, body FROM drafts";

/// One trial with so many connections, and messages in a batch.
pub fn run(database: &str, (servers, batch): (usize, usize), arguments: &Arguments) -> Result<Outcome, Failure> {
    connected(database, |client, runtime| Ok(runtime.block_on(client.batch_execute(TABLES))?))?;
    let counts = thread::scope(|scope| {
        let each = (0..servers).map(|number| scope.spawn(move || insert(database, number, batch, arguments)));
        let each: Vec<_> = each.collect();
        each.into_iter().map(|thread| thread.join().expect("a loop does not panic")).collect::<Result<Vec<_>, _>>()
    })?;
    let mut latency = Histogram::<u64>::new(3)?;
    for one in &counts {
        latency.add(one)?;
    }
    let messages = latency.len() as f64 * batch as f64;
    Ok(Outcome { per_s: messages / arguments.measuring.as_secs_f64(), latency, shown: None })
}

fn insert(database: &str, number: usize, batch: usize, arguments: &Arguments) -> Result<Histogram<u64>, Failure> {
    let (mut latency, user) = (Histogram::new(3)?, format!("user-{number}"));
    connected(database, |client, runtime| {
        let insert = runtime.block_on(client.prepare(INSERT))?;
        let (rooms, users) = (vec![i64::try_from(number)?; batch], vec![user.as_str(); batch]);
        let (began, mut seq) = (Instant::now(), 0_i64);
        while began.elapsed() < arguments.warm_up + arguments.measuring {
            let numbers: Vec<_> = (seq + 1..).take(batch).collect();
            seq += i64::try_from(batch)?;
            let mids: Vec<_> = numbers.iter().map(|seq| format!("mid-{seq}")).collect();
            let bodies: Vec<_> = numbers.iter().map(|seq| text(seq.cast_unsigned()).into_bytes()).collect();
            let asked = Instant::now();
            runtime.block_on(client.execute(&insert, &[&rooms, &numbers, &users, &mids, &bodies]))?;
            if began.elapsed() > arguments.warm_up {
                latency.record(u64::try_from(asked.elapsed().as_nanos())?)?;
            }
        }
        Ok(())
    })?;
    Ok(latency)
}

/// Does something with a connection that waits for the disk, as the server's does.
fn connected(
    database: &str,
    work: impl FnOnce(&Client, &tokio::runtime::Runtime) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (client, connection) = runtime.block_on(tokio_postgres::connect(database, NoTls))?;
    runtime.spawn(connection);
    runtime.block_on(client.batch_execute("SET synchronous_commit = on"))?;
    work(&client, &runtime)
}
