//! The tables: medians of the trials, and in brackets the least and the most.
//!
//! Ratios are of medians in the same run. A goal is printed as met or missed, without consequences.

use super::Outcome;
use super::servers::Scenario;

/// Of what the bare loop inserts, the servers acknowledge at least so much.
const OF_BARE: f64 = 0.6;
/// 99 of 100 messages are shown by another server so many milliseconds after their acknowledgement.
const SHOWN_MS: f64 = 5.0;
/// So many seconds after its end at the latest a server is noticed to be gone.
const SERVER_S: f64 = 6.0;
/// So many seconds after the database is back at the latest a server stores again.
const DATABASE_S: f64 = 1.0;

pub fn heading() -> String {
    "\n### Acknowledged messages a second\n\n\
     | rooms | servers | publishers | acknowledged/s | p50 ms | p99 ms | messages a batch | bare loop/s | of bare |\n\
     |---|---|---|---|---|---|---|---|---|"
        .to_owned()
}

pub fn line(scenario: Scenario, shared: &[Outcome], bare: &[Outcome], batches: &[f64]) -> String {
    let Scenario { servers, rooms, publishers } = scenario;
    let per_s = |outcome: &Outcome| outcome.per_s;
    let ms = |quantile: f64| move |outcome: &Outcome| outcome.latency.value_at_quantile(quantile) as f64 / 1e6;
    let ratio = median(shared.iter().map(per_s)) / median(bare.iter().map(per_s));
    format!(
        "| {rooms} | {servers} | {publishers} | {} | {} | {} | {:.1} | {} | {ratio:.2}: goal {} |",
        cell(shared.iter().map(per_s), 0),
        cell(shared.iter().map(ms(0.5)), 2),
        cell(shared.iter().map(ms(0.99)), 2),
        median(batches.iter().copied()),
        cell(bare.iter().map(per_s), 0),
        verdict(ratio >= OF_BARE),
    )
}

pub fn shown_heading() -> String {
    "\n### From the acknowledgement until the other server shows it, at half load\n\n\
     | notes through | rooms | servers | publishers | at full load/s | at half load/s | p50 ms | p99 ms | most ms |\n\
     |---|---|---|---|---|---|---|---|---|"
        .to_owned()
}

pub fn shown_line(bus: &str, scenario: Scenario, full: &Outcome, half: &Outcome) -> String {
    let Scenario { servers, rooms, publishers } = scenario;
    let begin = format!("| {bus} | {rooms} | {servers} | {publishers} | {:.0} | {:.0}", full.per_s, half.per_s);
    match &half.shown {
        Some(shown) => {
            let ms = |quantile: f64| shown.value_at_quantile(quantile) as f64 / 1e6;
            let is_met = verdict(ms(0.99) <= SHOWN_MS);
            format!("{begin} | {:.2} | {:.2}: goal {is_met} | {:.1} |", ms(0.5), ms(0.99), shown.max() as f64 / 1e6)
        }
        None => format!("{begin} | - | - | - |"),
    }
}

/// What the end of a server, and of the database, took, in seconds.
pub fn ends(servers: &[f64], databases: &[f64]) -> String {
    let line = |what: &str, times: &[f64], goal: f64| {
        let most = times.iter().copied().fold(0.0, f64::max);
        format!("| {what} | {} | {goal:.0} s at most: {} |", cell(times.iter().copied(), 2), verdict(most <= goal))
    };
    format!(
        "\n### Ends\n\n| what | seconds | goal |\n|---|---|---|\n{}\n{}",
        line("a server is killed, until its member leaves", servers, SERVER_S),
        line("the database is back after a crash, until a message is acknowledged", databases, DATABASE_S),
    )
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

fn cell(values: impl Iterator<Item = f64>, digits: usize) -> String {
    let values: Vec<_> = values.collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:.digits$} [{least:.digits$}, {most:.digits$}]", median(values.into_iter()))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
