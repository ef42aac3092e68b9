//! `roomd load`: carries out a plan, prints the report, and exits with what came of it.
//!
//! Runs on the main thread. The report goes to standard output and everything else to standard error: a progress
//! line that is rewritten on a terminal, and one line in ten seconds elsewhere. Exit code 0 when the server kept its
//! promises, 1 when it did not, 2 when there was nothing to load or a file could not be written. A signal ends the
//! load, with the report so far; a second one ends the process, with exit code 130.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use roomd_cli::signals::{self, Listening};

use crate::history::HistoryReport;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::Report;
use crate::report::html;
use crate::stop::StopToken;

/// Where progress lines cannot be rewritten, one in so many is printed.
const PRINTED_OF: u64 = 10;

/// What `roomd load` is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadCommand {
    pub plan: Plan,
    /// Print the report as JSON.
    pub json: bool,
    /// Write the report as HTML to this file.
    pub report: Option<PathBuf>,
    /// Print no progress.
    pub quiet: bool,
}

impl LoadCommand {
    /// Carries it out. Blocks until the load is over.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        match self.carry_out() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(Failure { sentence, code }) => {
                eprintln!("roomd: {sentence}");
                code
            }
        }
    }

    /// Whether the server kept its promises.
    fn carry_out(&self) -> Result<bool, Failure> {
        if let Some(path) = &self.report {
            check_writable(path).map_err(|error| not_run(format!("--report cannot be {}: {error}", path.display())))?;
        }
        let (stop, _listening) =
            stop_at_a_signal().map_err(|error| not_run(format!("cannot wait for signals: {error}")))?;
        let mut line = ProgressLine { quiet: self.quiet, rewritten: io::stderr().is_terminal(), printed: 0 };
        let report = crate::run_until(&stop, &self.plan, &mut |progress| line.print(progress));
        line.clear();
        let report = report.map_err(|error| not_run(error.to_string()))?;
        if let Some(path) = &self.report {
            fs::write(path, html::page(&report))
                .map_err(|error| not_run(format!("cannot write {}: {error}", path.display())))?;
        }
        print(&report, self.json).map_err(|error| Failure {
            sentence: format!("cannot write to standard output: {error}"),
            code: ExitCode::FAILURE,
        })?;
        if let Some(HistoryReport { incomplete: Some(why), .. }) = &report.history {
            return Err(not_run(format!("the history is not whole: {why}")));
        }
        Ok(report.kept)
    }
}

/// Why there is no report, and the exit code that says so.
struct Failure {
    sentence: String,
    code: ExitCode,
}

fn not_run(sentence: String) -> Failure {
    Failure { sentence, code: ExitCode::from(2) }
}

/// A stop that the first signal requests, for as long as signals are listened to.
fn stop_at_a_signal() -> io::Result<(StopToken, Listening)> {
    let stop = StopToken::new()?;
    let (requested, mut signalled) = (stop.clone(), false);
    let listening = signals::listen(move |_| {
        if std::mem::replace(&mut signalled, true) {
            std::process::exit(130);
        }
        requested.request();
    })?;
    Ok((stop, listening))
}

/// Finds out before the load whether the report can be written.
fn check_writable(path: &Path) -> io::Result<()> {
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
    /// Whether standard error is a terminal, on which a line can be rewritten.
    rewritten: bool,
    printed: u64,
}

impl ProgressLine {
    fn print(&mut self, progress: &Progress) {
        self.printed += 1;
        if self.quiet {
            return;
        }
        if self.rewritten {
            eprint!("\r\x1b[K{progress}");
        } else if self.printed % PRINTED_OF == 1 {
            eprintln!("{progress}");
        }
    }

    /// Erases the line, where that is possible.
    fn clear(&self) {
        if self.rewritten && !self.quiet && self.printed > 0 {
            eprint!("\r\x1b[K");
        }
    }
}
