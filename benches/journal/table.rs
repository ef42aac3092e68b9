//! The table: one line for each number of publishers, with medians of the trials, and in brackets the least and the most.
//!
//! The ratio is of medians in the same run. A goal is printed as met or missed, without consequences.

use hdrhistogram::Histogram;
use roomd::store::Durability;

/// The number of publishers that wait for the disk for which there are goals.
const GOAL_AT: usize = 64;

/// The result of a trial.
pub struct Outcome {
    /// Messages acknowledged a second.
    pub per_s: f64,
    /// Times from publishing to acknowledgement, in nanoseconds; of a batch, for the bare loop.
    pub latency: Histogram<u64>,
}

pub fn heading(durability: Durability) -> String {
    let name = match durability {
        Durability::Fsync => "fsync",
        Durability::Os => "os",
        Durability::None => "none",
    };
    let columns = ["store /s", "p50 ms", "p99 ms", "p99.9 ms", "bare /s", "batch p50 ms"];
    let columns: String = columns.iter().map(|name| format!("{name:>24}")).collect();
    format!("durability {name}\n{:>10}{columns}{:>9}", "publishers", "of bare")
}

pub fn line(publishers: usize, bare: &[Outcome], store: &[Outcome]) -> String {
    let per_s = |outcome: &Outcome| outcome.per_s;
    let ms = |quantile: f64| move |outcome: &Outcome| outcome.latency.value_at_quantile(quantile) as f64 / 1e6;
    let ratio = median(store, per_s) / median(bare, per_s);
    let mut line = format!(
        "{publishers:>10}{}{}{}{}{}{}{ratio:>9.2}",
        cell(store, 0, per_s),
        cell(store, 2, ms(0.5)),
        cell(store, 2, ms(0.99)),
        cell(store, 2, ms(0.999)),
        cell(bare, 0, per_s),
        cell(bare, 2, ms(0.5)),
    );
    if publishers == GOAL_AT {
        line.push_str(if ratio >= 0.5 { "  goal of half: met" } else { "  goal of half: missed" });
    }
    line
}

fn cell(outcomes: &[Outcome], digits: usize, figure: impl Fn(&Outcome) -> f64) -> String {
    let values: Vec<_> = outcomes.iter().map(&figure).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:>24}", format!("{:.digits$} ({least:.digits$}–{most:.digits$})", median(outcomes, figure)))
}

fn median(outcomes: &[Outcome], figure: impl Fn(&Outcome) -> f64) -> f64 {
    let mut values: Vec<_> = outcomes.iter().map(figure).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
