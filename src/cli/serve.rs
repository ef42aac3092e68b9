//! `roomd serve`: runs the server until a signal, or until a listener fails.
//!
//! The main thread waits in one place, for the first word that it should end. A second signal ends
//! the process at once, from the signals' own thread. With TLS, `SIGHUP` has the main thread read the
//! certificate again; without, it is a terminal that is gone, and ends the server.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::assemble::Server;
use crate::engine::sync::channel::{Receiver, bounded};
use crate::settings::Settings;
use roomd_cli::signals::{self, Signal};

/// What the main thread is told.
#[derive(Debug)]
enum Word {
    /// The server is to end.
    Signal,
    /// A file of the server's may have changed.
    HangUp,
    ListenerFailed,
}

/// Words that wait, at most: one end, one listener of each port, one hang-up and one that is being done.
const WORDS_MAX: usize = 8;

/// Runs the server. Blocks until it has ended.
#[must_use]
pub fn run(settings: Settings) -> ExitCode {
    let (words, inbox) = bounded(WORDS_MAX);
    let (signalled, hung_up) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
    let (heard, asked) = (words.clone(), Arc::clone(&hung_up));
    let listening = signals::listen(move |signal| match signal {
        Signal::End if signalled.swap(true, Ordering::Relaxed) => std::process::exit(130),
        // The main thread may be past listening: then the server ends already.
        Signal::End => _ = heard.try_send(Word::Signal),
        Signal::HangUp if asked.swap(true, Ordering::Relaxed) => {} // It has not got to the last one yet.
        Signal::HangUp => _ = heard.try_send(Word::HangUp),
    });
    let _listening = match listening {
        Ok(listening) => listening,
        Err(error) => {
            eprintln!("roomd: cannot wait for signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    // As above.
    let server = match Server::start(settings, move |_| _ = words.try_send(Word::ListenerFailed)) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("roomd: {error}");
            return ExitCode::from(2);
        }
    };
    announce(&server);
    let word = wait(&inbox, &server, &hung_up);
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
        Some(Word::Signal | Word::HangUp) if report.running.is_empty() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Waits for the word that ends the server, and loads the certificate anew as often as it is asked to.
fn wait(inbox: &Receiver<Word>, server: &Server, hung_up: &AtomicBool) -> Option<Word> {
    loop {
        match inbox.recv() {
            Ok(Word::HangUp) if server.has_certificate() => {
                hung_up.store(false, Ordering::Relaxed);
                match server.reload_certificate() {
                    Ok(()) => log::info!("certificate loaded anew"),
                    Err(sentence) => log::error!("the certificate stays as it was: {sentence}"),
                }
            }
            word => return word.ok(),
        }
    }
}

fn announce(server: &Server) {
    let capacity = server.capacity();
    if let Some(bound) = &capacity.bound {
        eprintln!("roomd: this machine holds {} connections: {bound}", capacity.connections);
    }
    let version = env!("CARGO_PKG_VERSION");
    let (scheme, secured) = if server.has_certificate() { ("https", " with TLS") } else { ("http", "") };
    let mut line = format!("roomd {version} listening on {scheme}://{}", server.http_address());
    if let Some(lines) = server.lines_address() {
        line.push_str(&format!(", lines{secured} on {lines}"));
    }
    if let Some(openness) = server.openness() {
        line.push_str(&format!(", {openness}"));
    }
    // Nobody may be reading; the server is no less ready.
    _ = writeln!(std::io::stdout(), "{line}");
}
