//! The measured part of `docs/performance.md`: the machine, a table for each scenario, the goals, the chart.
//!
//! It replaces what is between two marks; the text around them stays. Written by `benches/compare/run --write`.

use std::fmt::Write as _;
use std::fs;
use std::io;

use crate::chart;
use crate::goals;
use crate::records::Records;
use crate::summary::{
    CONNECTION_CPU, CONNECTIONS, CPU, DISTURBANCE_MAX, Figure, GENERATOR, JOINS, MACHINE, P50, P99, RATE, RESIDENT,
    SERVER, Summary, WITH_KERNEL,
};
use crate::support::page;
use crate::support::scenario::{Load, Scenario};
use crate::support::server::Kind;

const PICTURE: &str = "performance.svg";

/// Writes the page's measured part, and its chart.
///
/// # Errors
/// If the page cannot be read or written, or has no marks.
pub fn write(records: &Records) -> io::Result<()> {
    fs::write(page::path("docs").join(PICTURE), chart::render(records))?;
    page::replace("compare", &table(records))
}

/// Everything that was measured, as Markdown.
pub fn table(records: &Records) -> String {
    let mut text = String::new();
    put(&mut text, format_args!("\n```\n{}\n```\n", records.conditions.join("\n")));
    put(&mut text, format_args!("\n![CPU time a delivery, of the bare loop's]({PICTURE})\n"));
    put(&mut text, format_args!("\n| server | version |\n|---|---|\n"));
    for kind in Kind::ALL {
        if let Some(trial) = records.trials.iter().find(|trial| trial.server == kind.name()) {
            put(&mut text, format_args!("| {} | {} |\n", trial.server, trial.title));
        }
    }
    for scenario in records.scenarios() {
        section(&mut text, &Summary::named(records, scenario, &Kind::ALL));
    }
    let verdicts = goals::verdicts(records);
    if !verdicts.is_empty() {
        put(&mut text, format_args!("\n### Goals\n\n| scenario | goal | found | |\n|---|---|---|---|\n"));
    }
    for verdict in verdicts {
        let word = if verdict.met { "met" } else { "**missed**" };
        put(&mut text, format_args!("| {} | {} | {} | {word} |\n", verdict.scenario, verdict.goal, verdict.found));
    }
    text.push('\n');
    text
}

/// Heading, digits after the point, figure.
type Column = (&'static str, usize, Figure);

const LOADED: [Column; 6] = [
    ("CPU s a million", 3, CPU),
    ("deliveries a second", 0, RATE),
    ("p50 ms", 2, P50),
    ("p99 ms", 2, P99),
    ("server % of a CPU", 0, SERVER),
    ("generator %", 0, GENERATOR),
];
const IDLE: [Column; 7] = [
    ("connections a second", 0, CONNECTIONS),
    ("until all are in, a second", 0, JOINS),
    ("CPU ms a connection", 3, CONNECTION_CPU),
    ("KiB resident", 1, RESIDENT),
    ("with kernel stacks", 1, WITH_KERNEL),
    ("whole machine", 1, MACHINE),
    ("server % of a CPU", 1, SERVER),
];

const CHURN: [Column; 6] = [
    ("CPU ms a cycle", 3, CONNECTION_CPU),
    ("cycles a second", 0, RATE),
    ("p50 ms", 2, P50),
    ("p99 ms", 2, P99),
    ("server % of a CPU", 0, SERVER),
    ("generator %", 0, GENERATOR),
];
const STORED: [Column; 5] = [
    ("CPU s a million", 3, CPU),
    ("acknowledged a second", 0, RATE),
    ("p50 ms", 2, P50),
    ("p99 ms", 2, P99),
    ("server % of a CPU", 0, SERVER),
];

fn section(text: &mut String, summary: &Summary<'_>) {
    let scenario: Option<Scenario> = summary.scenario.parse().ok();
    let (name, words) = (&summary.scenario, scenario.map_or(String::new(), |scenario| scenario.description()));
    let load = scenario.map_or(Load::FanOut, |scenario| scenario.load);
    let idle = load == Load::FanOut && scenario.is_some_and(|scenario| scenario.window == 0);
    let columns: &[Column] = match load {
        Load::Churn => &CHURN,
        Load::Stored(_) => &STORED,
        Load::FanOut if idle => &IDLE,
        Load::FanOut => &LOADED,
    };
    put(text, format_args!("\n### {name}: {words}\n\n| |"));
    columns.iter().for_each(|(heading, ..)| put(text, format_args!(" {heading} |")));
    put(
        text,
        format_args!(
            "{}\n|---|{}{}\n",
            if idle { "" } else { " of bare |" },
            "---|".repeat(columns.len()),
            if idle { "" } else { "---|" }
        ),
    );
    for (server, _) in &summary.servers {
        put(text, format_args!("| {server} |"));
        for &(_, digits, figure) in columns {
            match summary.spread(server, figure) {
                Some(spread) => put(
                    text,
                    format_args!(
                        " {} ({}–{}) |",
                        number(spread.median, digits),
                        number(spread.least, digits),
                        number(spread.most, digits)
                    ),
                ),
                None => put(text, format_args!(" – |")),
            }
        }
        if !idle {
            let ratio = summary.of_bare(server).map_or("–".to_owned(), |ratio| format!("**{ratio:.2}**"));
            put(text, format_args!(" {ratio} |"));
        }
        text.push('\n');
    }
    for faults in summary.faults() {
        put(text, format_args!("\nNot as it should be: {faults}.\n"));
    }
    let disturbance = summary.disturbance();
    let warning = if disturbance > DISTURBANCE_MAX { ", also when its trials were repeated" } else { "" };
    put(text, format_args!("\nOther work on the machine: at most {:.0} % of a CPU{warning}.\n", disturbance * 100.0));
}

/// A number with a space between each three digits.
fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let count = whole.len();
    let blank = |i: usize| i > 0 && count > 4 && (count - i).is_multiple_of(3);
    let grouped = whole.chars().enumerate().flat_map(|(i, digit)| blank(i).then_some(' ').into_iter().chain([digit]));
    grouped.collect::<String>() + rest
}

/// Writing to a string cannot fail.
fn put(text: &mut String, words: std::fmt::Arguments<'_>) {
    _ = text.write_fmt(words);
}
