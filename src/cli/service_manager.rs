//! What a service manager is told of the server, where one listens: sd_notify(3), as systemd has it for `Type=notify`.
//!
//! Called by the main thread. Without `NOTIFY_SOCKET` in the environment nothing is told. A manager that cannot be reached
//! is no reason to end: it is logged, and the manager decides by itself.

use std::time::Duration;

use sd_notify::NotifyState;

/// How much longer than its drain the server may take to end.
const STOP_MARGIN: Duration = Duration::from_secs(5);
/// How often the manager is told how it goes, at least.
const STATUS_INTERVAL: Duration = Duration::from_secs(60);

/// The server takes connections: it has started, or has read its files again.
pub fn tell_ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The server reads its files again; [`tell_ready`] ends that.
pub fn tell_reloading() {
    // Without the time systemd takes the state for one of before the reload was asked for.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => log::warn!(error:%; "the service manager is not told of the reload"),
    }
}

/// The server ends, within this time and a few seconds: what the manager allows for a stop may be less.
pub fn tell_stopping(within: Duration) {
    let within = u32::try_from((within + STOP_MARGIN).as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(within)]);
}

/// The server goes on, and this is how: also what a watchdog waits for.
pub fn tell_alive(status: &str) {
    tell(&[NotifyState::Watchdog, NotifyState::Status(status)]);
}

/// How often [`tell_alive`] is to be called; `None`: nobody listens.
pub fn interval() -> Option<Duration> {
    std::env::var_os("NOTIFY_SOCKET")?;
    // Twice in the time of the watchdog, as sd_watchdog_enabled(3) advises.
    Some(sd_notify::watchdog_enabled().map_or(STATUS_INTERVAL, |within| (within / 2).min(STATUS_INTERVAL)))
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!(error:%; "the service manager cannot be told");
    }
}
