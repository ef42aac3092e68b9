//! `roomd load`: loads a server, says how it went, and exits with what came of it.
//!
//! Runs on the main thread. The report goes to standard output and everything else to standard error:
//! a line that renews itself on a terminal, and one line in ten seconds elsewhere. Exit code 0 when the
//! server kept its promises, 1 when it did not, 2 when there was nothing to load. A signal ends the load,
//! with the report so far; a second ends the process, with exit code 130.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use crate::cli::flags::Order;
use roomd_cli::signals::{self, Listening};
use roomd_load::{Progress, Report, Stop};

/// One of so many lines is printed where they cannot renew each other.
const PRINTED_OF: u64 = 10;

/// Carries out the order. Blocks until the load is over.
#[must_use]
pub fn run(order: &Order) -> ExitCode {
    if let Some(path) = &order.report
        && let Err(error) = can_write(path)
    {
        eprintln!("roomd: --report cannot be {}: {error}", path.display());
        return ExitCode::from(2);
    }
    let mut line = ProgressLine { quiet: order.quiet, renews: io::stderr().is_terminal(), told: 0 };
    let (stop, _listening) = match stop_at_a_signal() {
        Ok(listening) => listening,
        Err(error) => {
            eprintln!("roomd: cannot wait for signals: {error}");
            return ExitCode::from(2);
        }
    };
    let report = roomd_load::run_until(&stop, &order.plan, &mut |progress| line.tell(progress));
    line.end();
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            eprintln!("roomd: {error}");
            return ExitCode::from(2);
        }
    };
    if let Some(path) = &order.report
        && let Err(error) = fs::write(path, roomd_load::page(&report))
    {
        eprintln!("roomd: cannot write {}: {error}", path.display());
        return ExitCode::from(2);
    }
    if let Err(error) = print(&report, order.json) {
        eprintln!("roomd: cannot write to standard output: {error}");
        return ExitCode::FAILURE;
    }
    if report.kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The wish that the first signal has, for as long as signals are listened to.
fn stop_at_a_signal() -> io::Result<(Stop, Listening)> {
    let stop = Stop::new()?;
    let (asked, mut signalled) = (stop.clone(), false);
    let listening = signals::listen(move |_| {
        if std::mem::replace(&mut signalled, true) {
            std::process::exit(130);
        }
        asked.ask();
    })?;
    Ok((stop, listening))
}

/// Whether the report can be written, before an hour is spent on it.
fn can_write(path: &Path) -> io::Result<()> {
    fs::OpenOptions::new().create(true).append(true).open(path).map(|_| ())
}

fn print(report: &Report, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)
    } else {
        writeln!(out, "{report}")
    }
}

struct ProgressLine {
    quiet: bool,
    /// Whether a line can be written over.
    renews: bool,
    told: u64,
}

impl ProgressLine {
    fn tell(&mut self, progress: &Progress) {
        self.told += 1;
        if self.quiet {
            return;
        }
        if self.renews {
            eprint!("\r\x1b[K{progress}");
        } else if self.told % PRINTED_OF == 1 {
            eprintln!("{progress}");
        }
    }

    /// Takes the line away, where it can be.
    fn end(&self) {
        if self.renews && !self.quiet && self.told > 0 {
            eprint!("\r\x1b[K");
        }
    }
}
