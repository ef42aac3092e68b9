//! One frame of `roomd top`, as lines of text that fit a terminal.
//!
//! Pure: from two scrapes, the rooms and the size of the terminal. What does not fit is cut, the rooms first. Names of rooms and
//! whatever else others chose is escaped, as all that `roomd` writes to a terminal.

use std::time::Duration;

use unicode_width::UnicodeWidthChar as _;

use super::figures::{Change, Figures};
use crate::output::escape::escape;
use roomd_cli::figures::{grouped, sized};

/// Lines between the heading and the rooms, with the line above them.
const ROOMS_HEADING: [&str; 2] = ["", "MEMBERS  ROOM"];

/// What is shown.
pub struct Shown<'a> {
    /// Where the server is.
    pub url: &'a str,
    pub change: Change<'a>,
    /// The rooms with the number of their members; a sentence where they are not told.
    pub rooms: Result<&'a [(String, u64)], &'a str>,
    /// Since the epoch.
    pub now_s: f64,
}

/// The lines of a frame, at most `rows` of at most `columns` cells.
#[must_use]
pub fn frame(shown: &Shown<'_>, (columns, rows): (usize, usize)) -> Vec<String> {
    let mut lines = vec![heading(shown), String::new()];
    let figures = of_clients(&shown.change).into_iter().chain(of_server(&shown.change));
    lines.extend(figures.map(|(name, text)| format!("{name:<12} {text}")));
    let left = rows.saturating_sub(lines.len() + ROOMS_HEADING.len());
    if left > 0 {
        lines.extend(ROOMS_HEADING.map(str::to_owned));
        lines.extend(rooms(shown.rooms, left));
    }
    lines.truncate(rows);
    lines.iter().map(|line| cut(line, columns)).collect()
}

fn heading(shown: &Shown<'_>) -> String {
    let now = shown.change.now;
    let version = now.by("roomd_build_info", "version").first().map_or("?", |(version, _)| version);
    let up = now.sum("process_start_time_seconds").map_or("?".to_owned(), |start| age(shown.now_s - start));
    let panics = now.sum("roomd_panics_total").filter(|panics| *panics > 0.0);
    let panics = panics.map_or(String::new(), |panics| format!(", {panics:.0} PANICS"));
    format!("roomd {} at {}, up {up}{panics}", escape(version), escape(shown.url))
}

/// The figures of a change as text; `?` for one that the server does not have.
#[derive(Clone, Copy)]
struct Texts<'a>(&'a Change<'a>);

impl Texts<'_> {
    fn count(self, name: &str) -> String {
        self.0.now.sum(name).map_or("?".to_owned(), grouped)
    }

    fn rate(self, name: &str) -> String {
        self.0.per_s(name).map_or("?".to_owned(), |per_s| format!("{}/s", rounded(per_s)))
    }

    fn size(self, name: &str) -> String {
        self.0.now.sum(name).map_or("?".to_owned(), sized)
    }

    /// How long transactions of the journal took.
    fn took(self, quantile: f64) -> String {
        let took = self.0.quantile("roomd_journal_transaction_seconds", quantile);
        took.map_or("-".to_owned(), |s| format!("{} ms", rounded(s * 1e3)))
    }
}

/// The figures of clients and what they are sent: a name and a text each.
fn of_clients(change: &Change<'_>) -> Vec<(&'static str, String)> {
    let (now, texts) = (change.now, Texts(change));
    let connections = format!(
        "{} of {} places, {} waiting, {} detached; {} opened, {}/s closed",
        texts.count("roomd_connections_served"),
        texts.count("roomd_connections_served_max"),
        texts.count("roomd_connections_waiting"),
        texts.count("roomd_sessions_detached"),
        texts.rate("roomd_connections_opened_total"),
        // Its labels are not known before the first.
        rounded(change.per_s("roomd_connections_closed_total").unwrap_or(0.0)),
    );
    let (said, delivered) = (texts.rate("roomd_messages_total"), texts.rate("roomd_deliveries_written_total"));
    let queues = format!(
        "{} deliveries, {} of {} wait for clients",
        texts.count("roomd_deliveries_pending"),
        texts.size("roomd_outbox_bytes"),
        texts.size("roomd_outbox_bytes_max"),
    );
    let refused = listed(&now.by("roomd_refusals_total", "code"));
    vec![
        ("connections", connections),
        ("doors", listed(&now.by("roomd_connections", "door"))),
        ("messages", format!("{said}, {delivered} delivered")),
        ("deliveries", delivery_counts(now)),
        ("queues", queues),
        ("refused", format!("{}: {refused}", texts.rate("roomd_refusals_total"))),
    ]
}

/// The figures of the rest.
fn of_server(change: &Change<'_>) -> Vec<(&'static str, String)> {
    let texts = Texts(change);
    let journal = format!(
        "{} in {} transactions, p50 {}, p99 {}, {} failed",
        texts.rate("roomd_journal_drafts_total"),
        texts.rate("roomd_journal_transaction_seconds_count"),
        texts.took(0.5),
        texts.took(0.99),
        texts.count("roomd_journal_failures_total"),
    );
    let webhooks = format!(
        "{} deliveries wait, {} attempts, {} are off",
        texts.count("roomd_webhook_backlog"),
        texts.rate("roomd_webhook_attempts_total"),
        texts.count("roomd_webhooks_off"),
    );
    let cpu = change.per_s("process_cpu_seconds_total").map_or("?".to_owned(), |cpus| format!("{:.0} %", cpus * 100.0));
    let process = format!(
        "CPU {cpu}, memory {}, {} files of {}",
        texts.size("process_resident_memory_bytes"),
        texts.count("process_open_fds"),
        texts.count("process_max_fds"),
    );
    let roles = listed(&change.now.by("roomd_threads", "role"));
    let (open, most) = (texts.count("roomd_rooms"), texts.count("roomd_rooms_max"));
    vec![
        ("journal", journal),
        ("webhooks", webhooks),
        ("process", process),
        ("threads", format!("{}: {roles}", texts.count("roomd_threads"))),
        ("rooms", format!("{open} open of {most}, {} opened", texts.rate("roomd_rooms_opened_total"))),
    ]
}

/// The delivery accounting, and whether it balances.
fn delivery_counts(now: &Figures) -> String {
    let of = |name: &str| now.sum(&format!("roomd_deliveries_{name}"));
    let parts = [of("enqueued_total"), of("written_total"), of("dropped_total"), of("conflated_total"), of("pending")];
    let [Some(enqueued), Some(written), Some(dropped), Some(conflated), Some(pending)] = parts else {
        return "?".to_owned();
    };
    let sign = if enqueued == written + dropped + conflated + pending { "=" } else { "IS NOT" };
    let [enqueued, written, dropped, conflated, pending] =
        [enqueued, written, dropped, conflated, pending].map(grouped);
    format!("{enqueued} {sign} {written} written + {dropped} dropped + {conflated} conflated + {pending} pending")
}

fn rooms(rooms: Result<&[(String, u64)], &str>, left: usize) -> Vec<String> {
    match rooms {
        Ok([]) => vec!["         none that this token may see".to_owned()],
        Ok(rooms) => {
            let some = rooms.iter().take(left);
            some.map(|(name, members)| format!("{:>7}  {}", grouped(*members as f64), escape(name))).collect()
        }
        Err(why) => vec![format!("         {}", escape(why))],
    }
}

fn listed(values: &[(&str, f64)]) -> String {
    let each = values.iter().map(|(name, value)| format!("{} {}", escape(name), grouped(*value)));
    let all = each.collect::<Vec<_>>().join(", ");
    if all.is_empty() { "none".to_owned() } else { all }
}

/// A line of at most so many cells; what does not fit is shown as missing.
fn cut(line: &str, columns: usize) -> String {
    let width = |text: &str| text.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>();
    if width(line) <= columns {
        return line.to_owned();
    }
    let mut cells = 1;
    let fits = line.chars().take_while(|c| {
        cells += c.width().unwrap_or(0);
        cells <= columns
    });
    fits.chain(['…']).collect()
}

/// A rate or a time: with a digit behind the point where it is small.
fn rounded(value: f64) -> String {
    if value > 0.0 && value < 10.0 { format!("{value:.1}") } else { grouped(value) }
}

/// A time in its two greatest units: `3d 4h`, `12s`.
fn age(seconds: f64) -> String {
    let whole = Duration::from_secs_f64(seconds.max(0.0)).as_secs();
    match (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60) {
        (0, 0, 0, seconds) => format!("{seconds}s"),
        (0, 0, minutes, seconds) => format!("{minutes}m {seconds}s"),
        (0, hours, minutes, _) => format!("{hours}h {minutes}m"),
        (days, hours, ..) => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(size: (usize, usize), rooms: Result<&[(String, u64)], &str>) -> Vec<String> {
        let now = Figures::parse(
            "roomd_build_info{version=\"0.1.0\"} 1\nprocess_start_time_seconds 100\nroomd_messages_total 30\n\
             roomd_deliveries_enqueued_total 1200\nroomd_deliveries_written_total 1190\nroomd_deliveries_dropped_total 1\n\
             roomd_deliveries_conflated_total 0\nroomd_deliveries_pending 9\nroomd_outbox_bytes 2048\n\
             roomd_connections{door=\"lines\"} 2\nroomd_connections{door=\"sse\"} 0\nroomd_threads{role=\"reader\"} 2\n",
        );
        let before = Figures::parse("roomd_messages_total 10\n");
        let change = Change { before: &before, now: &now, took: Duration::from_secs(2) };
        frame(&Shown { url: "http://a:1", change, rooms, now_s: 190.0 }, size)
    }

    #[test]
    fn a_frame_fits_and_has_the_figures() {
        let rooms: Vec<_> = (0..99).map(|at| (format!("room-{at}"), 100 - at)).collect();
        let all = lines((80, 24), Ok(&rooms));
        assert_eq!((all.len(), &*all[0]), (24, "roomd 0.1.0 at http://a:1, up 1m 30s"));
        assert!(all.iter().all(|line| line.chars().count() <= 80), "{all:#?}");
        for line in [
            "doors        lines 2",
            "messages     10/s, 595/s delivered",
            "deliveries   1 200 = 1 190 written + 1 dropped + 0 conflated + 9 pending",
            "queues       9 deliveries, 2.0 KiB of ? wait for clients",
            "MEMBERS  ROOM",
            "    100  room-0",
        ] {
            assert!(all.iter().any(|shown| shown == line), "{line} in {all:#?}");
        }
        assert_eq!(lines((20, 3), Ok(&rooms)), ["roomd 0.1.0 at http…", "", "connections  ? of ?…"]);
        assert!(lines((80, 24), Err("not told")).last().unwrap().ends_with("  not told"));
        assert!(lines((80, 24), Ok(&[])).last().unwrap().contains("none"));
    }

    #[test]
    fn names_that_others_chose_cannot_move_the_cursor() {
        let all = lines((80, 24), Ok(&[("a\u{1b}[2Jb".to_owned(), 1)]));
        assert!(all.iter().all(|line| !line.contains('\u{1b}')), "{all:#?}");
    }

    #[test]
    fn times_have_their_greatest_units() {
        assert_eq!([9.0, 61.0, 3_700.0, 200_000.0].map(age), ["9s", "1m 1s", "1h 1m", "2d 7h"].map(str::to_owned));
    }
}
