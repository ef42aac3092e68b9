//! `roomd serve`: runs the server until a signal, or until a listener fails.
//!
//! The main thread waits in one place, for the first word that it should end. A second signal ends
//! the process at once, from the signal's own thread.

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::assemble::Server;
use crate::engine::sync::channel::bounded;
use crate::settings::Settings;

/// Why the server is to end.
enum Word {
    Signal,
    ListenerFailed,
}

/// Runs the server. Blocks until it has ended.
#[must_use]
pub fn run(settings: Settings) -> ExitCode {
    let (words, inbox) = bounded(4);
    let signals = words.clone();
    let signalled = AtomicBool::new(false);
    let handler = ctrlc::set_handler(move || {
        if signalled.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        // The main thread may be past listening: then the server ends already.
        _ = signals.try_send(Word::Signal);
    });
    if let Err(error) = handler {
        eprintln!("roomd: cannot wait for signals: {error}");
        return ExitCode::FAILURE;
    }
    // As above.
    let server = match Server::start(settings, move |_| _ = words.try_send(Word::ListenerFailed)) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("roomd: {error}");
            return ExitCode::from(2);
        }
    };
    announce(&server);
    let word = inbox.recv();
    log::info!("stopping");
    let report = server.stop();
    log::info!(
        enqueued = report.books.enqueued, written = report.books.written, dropped = report.books.dropped,
        panics = report.panics;
        "stopped"
    );
    for thread in &report.running {
        eprintln!("roomd: the thread {thread} is still running");
    }
    match word {
        Ok(Word::Signal) if report.running.is_empty() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn announce(server: &Server) {
    let capacity = server.capacity();
    if let Some(bound) = &capacity.bound {
        eprintln!("roomd: this machine holds {} connections: {bound}", capacity.connections);
    }
    let version = env!("CARGO_PKG_VERSION");
    let mut line = format!("roomd {version} listening on http://{}", server.http_address());
    if let Some(lines) = server.lines_address() {
        line.push_str(&format!(", lines on {lines}"));
    }
    if let Some(openness) = server.openness() {
        line.push_str(&format!(", {openness}"));
    }
    // Nobody may be reading; the server is no less ready.
    _ = writeln!(std::io::stdout(), "{line}");
}
