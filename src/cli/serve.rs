//! `roomd serve`: runs the server until a signal ends it, or until a listener fails.
//!
//! The main thread waits in one place, for a message from the thread of signals or of a listener. `SIGTERM` and `SIGUSR1`
//! drain the server and end it, `SIGINT` ends it without a drain; `SIGINT` or `SIGTERM` after any of them ends the process
//! at once, on the signals' own thread. `SIGHUP` never ends it: the main thread reads the settings and the files that they name again (`reload.rs`). Once a
//! day it looks whether the certificate is about to expire. A service manager is told what happens (`service_manager.rs`).

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::announcement::announce;
use super::certificate_check::complaint;
use super::reload::reload;
use super::service_manager;
use crate::assemble::{DrainProgress, Server};
use crate::engine::base::sync::channel::{Receiver, RecvTimeoutError, bounded};
use crate::settings::Settings;
use roomd_cli::signals::{self, Signal};

/// What the main thread is told.
#[derive(Debug)]
enum Message {
    /// End the server.
    Stop,
    /// Drain the server, and end it then.
    Drain,
    /// Read files again that may have changed.
    Reload,
    ListenerFailed,
}

/// Messages that wait, at most: one stop, one failure of each port, one reload and one in progress.
const MESSAGES_MAX: usize = 8;
/// How often the certificate is looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs the server. Blocks until it has ended.
#[must_use]
pub fn run(settings: Settings) -> ExitCode {
    let (sender, inbox) = bounded(MESSAGES_MAX);
    let (stopping, reloading) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
    let (on_signal, pending) = (sender.clone(), Arc::clone(&reloading));
    let listening = signals::listen_as_server(move |signal| match signal {
        Signal::Drain if stopping.swap(true, Ordering::Relaxed) => {} // It ends already.
        Signal::Interrupt | Signal::Terminate if stopping.swap(true, Ordering::Relaxed) => std::process::exit(130),
        // The main thread may have left its loop: then the server ends already.
        Signal::Interrupt => _ = on_signal.try_send(Message::Stop),
        Signal::Drain | Signal::Terminate => _ = on_signal.try_send(Message::Drain),
        Signal::HangUp if pending.swap(true, Ordering::Relaxed) => {} // The last one waits, and covers this one.
        Signal::HangUp => _ = on_signal.try_send(Message::Reload),
    });
    let _listening = match listening {
        Ok(listening) => listening,
        Err(error) => {
            eprintln!("roomd: cannot wait for signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    let base_path = settings.base_path.clone();
    // As above.
    let server = match Server::start_activated(settings, move |_| _ = sender.try_send(Message::ListenerFailed)) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("roomd: {error}");
            return ExitCode::from(2);
        }
    };
    announce(&server, &base_path);
    if let Some(sentence) = check_certificate(&server) {
        eprintln!("roomd: warning: {sentence}");
    }
    service_manager::tell_ready(&status(&server));
    let why = wait(&inbox, &server, &reloading);
    service_manager::tell_stopping(server.settings().limits.drain);
    if why == Ending::Drained {
        drain(&inbox, &server);
    }
    log::info!("stopping");
    service_manager::tell_alive("telling the clients goodbye");
    let report = server.stop();
    log::info!(
        enqueued = report.deliveries.enqueued, written = report.deliveries.written, dropped = report.deliveries.dropped,
        conflated = report.deliveries.conflated, panics = report.panics;
        "stopped"
    );
    for thread in &report.running {
        eprintln!("roomd: the thread {thread} is still running");
    }
    if why != Ending::Failed && report.running.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Why the server ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// A signal asks for it, after a drain.
    Drained,
    /// A signal asks for it now.
    Now,
    /// A listener has failed.
    Failed,
}

/// Waits until the server is to end, and reloads whenever it is asked to.
fn wait(inbox: &Receiver<Message>, server: &Server, reloading: &AtomicBool) -> Ending {
    let interval = service_manager::interval();
    let mut check_at = Instant::now() + CHECK_INTERVAL;
    loop {
        let left = check_at.saturating_duration_since(Instant::now());
        match inbox.recv_timeout(interval.map_or(left, |interval| interval.min(left))) {
            Err(RecvTimeoutError::Timeout) if Instant::now() >= check_at => {
                check_at += CHECK_INTERVAL;
                check_certificate(server);
            }
            // The status takes the lock of the rooms: a server that hangs there is not alive.
            Err(RecvTimeoutError::Timeout) => service_manager::tell_alive(&status(server)),
            Ok(Message::Reload) => {
                reloading.store(false, Ordering::Relaxed);
                service_manager::tell_reloading();
                let status = match reload(server) {
                    Ok(()) => status(server),
                    Err(sentence) => format!("{}; the settings stay as they were: {sentence}", status(server)),
                };
                _ = check_certificate(server);
                service_manager::tell_ready(&status);
            }
            Ok(Message::Stop) => return Ending::Now,
            Ok(Message::Drain) => return Ending::Drained,
            Ok(Message::ListenerFailed) | Err(RecvTimeoutError::Disconnected) => return Ending::Failed,
        }
    }
}

/// Drains the server, and tells the log and the service manager how far it is. What else the main thread is told
/// meanwhile has no effect: the server ends.
fn drain(inbox: &Receiver<Message>, server: &Server) {
    let began = Instant::now();
    log::info!(connections = server.connections(); "draining");
    let mut last = None;
    server.drain(|progress, pause| {
        let DrainProgress { clients, ended, connections } = progress;
        if last.replace(progress) != Some(progress) {
            service_manager::tell_alive(&match ended {
                0 => format!("draining: {connections} connections are told"),
                _ => format!("draining: {ended} of {clients} connections told goodbye, {connections} are left"),
            });
            if ended > 0 {
                log::info!(ended, of = clients, left = connections; "goodbyes");
            }
        }
        let until = Instant::now() + pause;
        while inbox.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {}
        true
    });
    log::info!(took:? = began.elapsed(); "drained");
}

/// How the server is, in a few words.
fn status(server: &Server) -> String {
    format!("{} connections, {} rooms", server.connections(), server.engine().hub.len())
}

/// Logs what is wrong with the certificate, and returns it.
fn check_certificate(server: &Server) -> Option<String> {
    let sentence = complaint(server.certificate_validity()?, SystemTime::now())?;
    log::warn!("{sentence}");
    Some(sentence)
}
