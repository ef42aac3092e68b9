//! A report as lines for people, and the verdict in one sentence.
//!
//! Printed by the command line when the run is over. What did not happen is not printed; faults always are.

use std::fmt::{self, Write as _};

use crate::latency::Latency;
use crate::plan::Plan;
use crate::report::Report;
use crate::returns::ReturnReport;
use roomd_cli::figures::{grouped, sized};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocols: Vec<_> = self.protocols.iter().map(|protocol| protocol.name()).collect();
        let (rooms, each) = match self.rooms {
            1 => ("1 room".to_owned(), ""),
            rooms => (format!("{rooms} rooms"), " in each"),
        };
        write!(f, "{} clients in {rooms} by {}; ", self.clients, protocols.join(", "))?;
        let rate = match self.window {
            0 => format!("{} messages a second", self.rate),
            window => format!("{window} messages in flight{each}"),
        };
        write!(f, "{} publish{each}, {rate} of {} bytes", self.publishers, self.text_bytes(0))?;
        if self.keys > 0 {
            write!(f, " with {} keys", self.keys)?;
        }
        if self.group {
            write!(f, "; the others are a group{each}")?;
        }
        if self.patterns > 0 {
            write!(f, "; {} hear all rooms by a pattern", self.patterns)?;
        }
        for (count, words) in
            [(self.churn, "leave and rejoin a second"), (self.breaks, "connections are reset a second")]
        {
            if count > 0 {
                write!(f, "; {count} {words}")?;
            }
        }
        if self.slow > 0 {
            write!(f, "; {} read {} bytes a second", self.slow, self.slow_bytes)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, text) in rows(self) {
            writeln!(f, "{name:14}{text}")?;
        }
        write!(f, "{}", verdict(self))
    }
}

/// The rows of the report: a name and a text.
#[must_use]
pub fn rows(report: &Report) -> Vec<(&'static str, String)> {
    let Report { connections, messages, deliveries, .. } = report;
    let mut rows = vec![("load", report.load.clone()), ("server", report.server_address.clone())];
    let arrival = &connections.arrival;
    rows.push((
        "connections",
        format!(
            "{} of {} in, {:.0} a second; until in: {}",
            grouped(connections.arrived as f64),
            grouped(connections.wanted as f64),
            connections.arrivals_per_s,
            times(arrival)
        ),
    ));
    if connections.rejoined + connections.returned > 0 {
        let text =
            format!("{} left and rejoined, {} broke and reconnected", connections.rejoined, connections.returned);
        rows.push(("reconnects", text));
    }
    if let Some(returns) = &report.returns {
        let ReturnReport { goodbyes, cut_off, back, back_after_s, in_vain, most_in_1_s, resent } = returns;
        let cut_off = if *cut_off > 0 { format!("{} cut off, ", grouped(*cut_off as f64)) } else { String::new() };
        let text = format!(
            "{} told goodbye, {cut_off}{} back after {back_after_s:.1} s; at most {most_in_1_s} attempts in a second, \
             {in_vain} in vain; {resent} messages sent again",
            grouped(*goodbyes as f64),
            grouped(*back as f64)
        );
        rows.push(("restart", text));
    }
    let mut text = format!(
        "{} published in {:.1} s ({:.0} a second)",
        grouped(messages.published as f64),
        report.published_for_s,
        messages.published as f64 / report.published_for_s
    );
    if messages.withheld > 0 {
        _ = write!(text, ", {} due and withheld: the server took no more", grouped(messages.withheld as f64)); // Writing to a string cannot fail.
    }
    if messages.given_again > 0 {
        _ = write!(text, ", {} given again in their groups", grouped(messages.given_again as f64)); // To a string.
    }
    rows.push(("messages", text));
    rows.push((
        "deliveries",
        format!(
            "{} ({} a second), {:.2} % of {} asked ({} a second)",
            grouped(deliveries.delivered as f64),
            grouped(deliveries.per_s),
            deliveries.share * 100.0,
            grouped(deliveries.asked as f64),
            grouped(deliveries.asked_per_s)
        ),
    ));
    let slow = if report.slow > 0 { "; slow clients excluded" } else { "" };
    rows.push(("latency", format!("{} (from when a message was due{slow})", times(&report.latency))));
    rows.push(("bytes", format!("{} in, {} out", sized(report.bytes_in as f64), sized(report.bytes_out as f64))));
    rows.extend(report.history.as_ref().map(|history| {
        let problem = history.incomplete.as_ref().map(|why| format!(", and it is not whole: {why}"));
        ("history", format!("{} lines{}", grouped(history.lines as f64), problem.unwrap_or_default()))
    }));
    rows.extend(costs(report));
    rows.extend(exceptions(report));
    rows
}

fn costs(report: &Report) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(cost) = &report.server {
        rows.push((
            "server cost",
            format!(
                "{:.2} CPU s ({:.3} a million deliveries), {} resident ({} before, {} at most), {} threads, {} context switches",
                cost.cpu_s,
                cost.cpu_s_per_million,
                sized(cost.resident_after_kib * 1024.0),
                sized(cost.resident_before_kib * 1024.0),
                sized(cost.resident_max_kib * 1024.0),
                cost.threads,
                grouped(cost.context_switches)
            ),
        ));
    }
    let own = &report.generator;
    let (late, pause) = (times(&own.lateness), digits(own.pause_max_ms));
    rows.push(("generator", format!("{:.2} CPU s; late by {late}; longest pause {pause} ms", own.cpu_s)));
    if let Some(counts) = &report.idle_sockets {
        let text = format!(
            "{} connect and send next to nothing; {} disconnected by the server, {} not accepted",
            grouped(counts.sockets as f64),
            grouped(counts.sent_away as f64),
            grouped(counts.kept_out as f64)
        );
        rows.push(("idle sockets", text));
    }
    if let Some(probe) = &report.probe {
        rows.push((
            "other room",
            format!(
                "{} of {} answered; {}; at most {:.0} ms for 99 of 100: {}",
                probe.answered,
                probe.asked,
                times(&probe.latency),
                probe.limit_ms,
                if probe.kept { "kept" } else { "exceeded" }
            ),
        ));
        let text = format!("{} of {} in; {}", probe.newcomers_in, probe.newcomers, times(&probe.arrival));
        rows.push(("newcomers", text));
    }
    if let Some(bare) = &report.baseline {
        let share = |per_s: f64| report.deliveries.per_s / per_s;
        rows.push((
            "bare loop",
            format!(
                "{} deliveries a second of {} bytes to {} sockets, one in a write: the server made {:.2} of that; \
                 {} with {} in a write: {:.2}",
                grouped(bare.per_s),
                bare.bytes,
                grouped(bare.sockets as f64),
                share(bare.per_s),
                grouped(bare.gathered_per_s),
                bare.gathered,
                share(bare.gathered_per_s)
            ),
        ));
    }
    rows
}

fn exceptions(report: &Report) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    let counted = |items: Vec<String>| items.join(", ");
    if !report.errors.is_empty() {
        rows.push(("refusals", counted(report.errors.iter().map(|(code, count)| format!("{count} {code}")).collect())));
    }
    if !report.closes.is_empty() {
        rows.push((
            "closes",
            counted(report.closes.iter().map(|(code, count)| format!("{count} with {code}")).collect()),
        ));
    }
    let some = |list: &[(&'static str, u64)]| {
        list.iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{} {name}", grouped(*count as f64)))
            .collect::<Vec<_>>()
    };
    let allowed = some(&report.allowed_losses.list());
    if !allowed.is_empty() {
        rows.push(("missing", counted(allowed)));
    }
    let faults = some(&report.faults.list());
    rows.push(("faults", if faults.is_empty() { "none".to_owned() } else { counted(faults) }));
    rows
}

/// One sentence: whether the server kept its promises.
#[must_use]
pub fn verdict(report: &Report) -> String {
    if report.kept {
        let until = if report.stopped { " until the load was stopped" } else { "" };
        return format!("The server kept its promises{until}.");
    }
    let mut text = if report.cut_short {
        "The server was gone before the load was over".to_owned()
    } else {
        "The server broke a promise".to_owned()
    };
    if let Some(trouble) = &report.trouble {
        _ = write!(text, " (first: {trouble})"); // Writing to a string cannot fail.
    }
    text.push('.');
    text
}

fn times(latency: &Latency) -> String {
    let Latency { p50_ms, p90_ms, p99_ms, p999_ms, max_ms } = latency;
    format!(
        "p50 {}, p90 {}, p99 {}, p99.9 {}, max {} ms",
        digits(*p50_ms),
        digits(*p90_ms),
        digits(*p99_ms),
        digits(*p999_ms),
        digits(*max_ms)
    )
}

/// Three significant digits, or the whole number.
fn digits(value: f64) -> String {
    match value {
        10.0.. if value < 100.0 => format!("{value:.1}"),
        100.0.. => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        assert_eq!([digits(0.123), digits(12.34), digits(1234.5)], ["0.12", "12.3", "1234"]);
    }

    #[test]
    fn a_plan_is_said_in_words() {
        assert_eq!(
            Plan::topic_10k().to_string(),
            "10000 clients in 1 room by topic; 10000 publish, 10000 messages a second of 44 bytes"
        );
    }
}
