//! The table of one scenario: for each server the median of its trials, and below it the least and the most.
//!
//! Ratios are of medians, to the bare loop in the same run. A goal is printed as met or missed, without consequences.

use super::scenario::Scenario;
use super::server::Kind;
use super::trial::Outcome;

type Figure = fn(&Outcome) -> f64;

/// Heading, width, digits after the point, and where the figure is.
const COLUMNS: [(&str, usize, usize, Figure); 8] = [
    ("cpu s/M", 15, 3, |outcome| outcome.cpu_s_per_million),
    ("k deliv./s", 15, 1, |outcome| outcome.deliveries_per_s / 1e3),
    ("p50 ms", 15, 2, |outcome| outcome.p50_ms),
    ("p99 ms", 15, 2, |outcome| outcome.p99_ms),
    ("k conn/s", 15, 2, |outcome| outcome.connections_per_s / 1e3),
    ("KiB/conn", 13, 1, |outcome| outcome.memory.resident),
    ("user %", 9, 0, |outcome| outcome.user_share * 100.0),
    ("gen. %", 9, 0, |outcome| outcome.generator_busy * 100.0),
];

pub const LEGEND: &str = "\
cpu s/M: the server's CPU seconds for a million deliveries. user %: its part outside the kernel. conn/s: handshakes.
KiB/conn: growth of resident memory. gen. %: how busy the load generator was, of one CPU. Second line: least–most.";

pub fn render(scenario: &Scenario, trials: &[(Kind, Vec<Outcome>)]) -> String {
    let mut lines = vec![format!("{scenario}: {}", scenario.description())];
    let headings = COLUMNS.map(|(heading, width, ..)| format!("{heading:>width$}")).concat();
    lines.push(format!("{:6}{headings}{:>9}", "", "of bare"));
    let base = trials.iter().find(|(kind, _)| *kind == Kind::Baseline).map(|(_, outcomes)| cpu(outcomes));
    for (kind, outcomes) in trials.iter().filter(|(_, outcomes)| !outcomes.is_empty()) {
        let medians = COLUMNS.map(|(_, width, digits, figure)| match median(outcomes.iter().map(figure).collect()) {
            none if none.is_nan() => format!("{:>width$}", "-"),
            middle => format!("{middle:>width$.digits$}"),
        });
        let ratio = match base.map(|base| cpu(outcomes) / base) {
            Some(ratio) if !ratio.is_nan() => format!("{ratio:.2}"),
            _ => "-".to_owned(),
        };
        lines.push(format!("{:6}{}{ratio:>9}", kind.name(), medians.concat()));
        let spreads = COLUMNS.map(|(_, width, digits, figure)| spread(outcomes, width, digits, figure));
        lines.push(format!("{:6}{}", "", spreads.concat()));
    }
    lines.extend(verdict(scenario, trials, base));
    lines.extend(trials.iter().flat_map(|(kind, outcomes)| faults(*kind, outcomes)));
    let busy = trials.iter().flat_map(|(_, outcomes)| outcomes).map(|outcome| outcome.other_cpus).fold(0.0, f64::max);
    lines.push(format!("Other work on the machine: at most {:.0} % of a CPU.", busy * 100.0));
    lines.join("\n")
}

fn verdict(scenario: &Scenario, trials: &[(Kind, Vec<Outcome>)], base: Option<f64>) -> Option<String> {
    let (goal, base) = (scenario.goal?, base?);
    let (_, outcomes) = trials.iter().find(|(kind, outcomes)| *kind == Kind::Roomd && !outcomes.is_empty())?;
    let ratio = cpu(outcomes) / base;
    let word = if ratio <= goal { "met" } else { "missed" };
    Some(format!("Goal: at most {goal:.2} of the bare loop's CPU a delivery. {ratio:.2}: {word}."))
}

/// What was wrong in any trial: always one line, and one for each trial in which connections broke.
fn faults(kind: Kind, outcomes: &[Outcome]) -> Vec<String> {
    let name = kind.name();
    let lost: u64 = outcomes.iter().map(|outcome| outcome.faults.lost).sum();
    let unexpected: u64 = outcomes.iter().map(|outcome| outcome.faults.unexpected).sum();
    let disordered: usize = outcomes.iter().map(|outcome| outcome.faults.disordered).sum();
    let mut lines =
        vec![format!("{name}: {lost} deliveries lost, {unexpected} unexpected, {disordered} rooms out of order.")];
    for (count, reason) in outcomes.iter().filter_map(|outcome| outcome.faults.broken.as_ref()) {
        lines.push(format!("{name}: {count} connections broke; the first: {reason}."));
    }
    lines
}

fn cpu(outcomes: &[Outcome]) -> f64 {
    median(outcomes.iter().map(|outcome| outcome.cpu_s_per_million).collect())
}

fn spread(outcomes: &[Outcome], width: usize, digits: usize, figure: Figure) -> String {
    let least = outcomes.iter().map(figure).fold(f64::INFINITY, f64::min);
    let most = outcomes.iter().map(figure).fold(f64::NEG_INFINITY, f64::max);
    let text = if least > most { String::new() } else { format!("{least:.digits$}–{most:.digits$}") };
    format!("{text:>width$}")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
