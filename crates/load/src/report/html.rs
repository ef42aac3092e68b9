//! A report as one HTML file: the table, and charts of what happened over time.
//!
//! Called by the command line for `--report`. The file has no script and loads nothing, so it can be mailed; it follows
//! the reader's light or dark theme.

use std::fmt::Write as _;

use crate::metrics::Sample;
use crate::report::Report;
use crate::report::chart::{Axis, Chart, Series};
use crate::report::text::{rows, verdict};

/// The report as a complete HTML document.
#[must_use]
pub fn page(report: &Report) -> String {
    let mut page = format!("<!doctype html>\n<html lang=\"en\">\n<head>\n{HEAD}</head>\n<body>\n");
    let class = if report.kept { "kept" } else { "broken" };
    // Writing to a string cannot fail.
    _ = write!(page, "<h1>roomd load</h1>\n<p class=\"{class}\">{}</p>\n<table>\n", escaped(&verdict(report)));
    for (name, text) in rows(report) {
        _ = writeln!(page, "<tr><th>{name}</th><td>{}</td></tr>", escaped(&text));
    }
    page.push_str("</table>\n");
    for (title, chart) in charts(report) {
        _ = writeln!(page, "<figure><figcaption>{title}{}</figcaption>{}</figure>", chart.legend(), chart.svg());
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn charts(report: &Report) -> Vec<(&'static str, Chart<'static>)> {
    let samples = &report.samples;
    let mut charts = Vec::new();
    if samples.len() > 1 {
        charts.push(("Deliveries a second", over_time(samples, &[("delivered", |s| s.delivered_per_s)])));
        charts.push(("Messages a second", over_time(samples, &[("published", |s| s.published_per_s)])));
        charts.push((
            "Latency over time, ms",
            over_time(samples, &[("p50", |s| s.p50_ms), ("p99", |s| s.p99_ms), ("max", |s| s.max_ms)]),
        ));
    }
    charts.extend(distribution(&report.percentiles).map(|chart| ("Latency by percentile, ms", chart)));
    if samples.len() > 1 {
        charts.push(("Connections", over_time(samples, &[("connections", |s| s.connections as f64)])));
        if report.server.is_some() {
            charts.push(("CPUs of the server", over_time(samples, &[("CPUs", |s| s.server_cpus)])));
            charts.push(("Memory of the server, MiB", over_time(samples, &[("resident", |s| s.server_mib)])));
        }
    }
    charts
}

type SampleValue = fn(&Sample) -> f64;

fn over_time(samples: &[Sample], figures: &[(&'static str, SampleValue)]) -> Chart<'static> {
    let times = || samples.iter().map(|sample| sample.at_s);
    let values = figures.iter().flat_map(|(_, figure)| samples.iter().map(figure));
    let series = figures.iter().enumerate().map(|(colour, (name, figure))| Series {
        name,
        colour: colour + 1,
        points: times().zip(samples.iter().map(figure)).collect(),
    });
    Chart {
        x: Axis::from_zero(times()),
        y: Axis::from_zero(values),
        x_marks: Vec::new(),
        x_name: "s",
        series: series.collect(),
    }
}

/// The distribution, with as much space for each further nine of the percentile as for the one before.
fn distribution(percentiles: &[(f64, f64)]) -> Option<Chart<'static>> {
    let nines = |percentile: f64| 1.0 / (1.0 - percentile / 100.0).max(1e-6);
    let points: Vec<_> = percentiles.iter().map(|(percentile, ms)| (nines(*percentile), *ms)).collect();
    let before_last = points.iter().rev().map(|(nines, _)| *nines).find(|nines| *nines < 1e6)?;
    let end = (before_last * 2.0).max(10.0);
    let marks = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999];
    let marks = marks.into_iter().filter(|mark| nines(*mark) <= end);
    let least = points.iter().map(|(_, ms)| *ms).fold(f64::INFINITY, f64::min).max(0.001);
    let greatest = points.iter().map(|(_, ms)| *ms).fold(0.0, f64::max);
    let power = |value: f64| 10_f64.powf(value);
    Some(Chart {
        x: Axis::Logarithmic(1.0, end),
        y: Axis::Logarithmic(power(least.log10().floor()), power((greatest * 1.01).log10().ceil())),
        x_marks: marks.map(|mark| (nines(mark), mark.to_string())).collect(),
        x_name: "%",
        series: vec![Series { name: "latency", colour: 1, points }],
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const HEAD: &str = "\
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>roomd load</title>
<style>
:root { color-scheme: light dark; --ink: #1c2430; --dim: #697586; --rule: #d9dee5; --paper: #fff;
  --c1: #2563c9; --c2: #c2570c; --c3: #7a3fb5; --good: #18794e; --bad: #c4232b }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --dim: #93a0b2; --rule: #2c3542; --paper: #12161c;
  --c1: #6ea8ff; --c2: #f0965a; --c3: #c095f0; --good: #4cc38a; --bad: #ff7b7b } }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.4rem; margin: 0 }
p { margin: .2rem 0 1rem; font-weight: 600 }
.kept { color: var(--good) } .broken { color: var(--bad) }
table { border-collapse: collapse; width: 100% }
th, td { border-top: 1px solid var(--rule); padding: .35rem .5rem; text-align: left; vertical-align: top }
th { color: var(--dim); font-weight: 500; white-space: nowrap }
td { font-variant-numeric: tabular-nums }
figure { margin: 1.5rem 0 0 }
figcaption { font-weight: 600; margin-bottom: .3rem }
figcaption span { font-weight: 400; margin-left: 1rem; color: var(--colour) }
figcaption span::before { content: '\\2014\\a0' }
svg { display: block; width: 100%; height: auto }
svg text { font: 11px system-ui, sans-serif; fill: var(--dim) }
.grid { stroke: var(--rule) }
.line { fill: none; stroke: var(--colour); stroke-width: 1.6; stroke-linejoin: round }
.c1 { --colour: var(--c1) } .c2 { --colour: var(--c2) } .c3 { --colour: var(--c3) }
</style>
";
