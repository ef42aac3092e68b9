//! `roomd load` against a real server, and against one that lies.
//!
//! Each test starts a server of its own on a free port. The real server must come out without a fault; each lie must
//! be reported as the fault that it is, and as an exit code. Nothing is asserted about time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod command;
mod history;
mod honest;
mod liar;
mod lies;
#[cfg(feature = "sqlite")]
mod restart;
#[cfg(feature = "tls")]
mod tls;

use std::time::Duration;

use roomd::{Server, Settings};
use roomd_load::{Plan, Report};

/// A server without a rate limit, with the settings that `change` makes.
fn server(change: impl FnOnce(&mut Settings)) -> Server {
    let free = || "127.0.0.1:0".to_owned();
    let data = ":memory:".to_owned();
    let mut settings = Settings { listen: free(), lines: Some(free()), data, ..Settings::default() };
    settings.limits.rate_per_s = 0;
    change(&mut settings);
    Server::start(settings, |error| panic!("a listener failed: {error}")).unwrap()
}

/// Ten messages, published in a tenth of a second.
fn plan(server: &Server) -> Plan {
    Plan {
        server: server.http_address().to_string(),
        lines: server.lines_address().map(|address| address.to_string()),
        clients: 6,
        rate: 100,
        duration: Duration::from_millis(100),
        ..Plan::default()
    }
}

fn run(plan: &Plan) -> Report {
    roomd_load::run(plan, &mut |_| ()).unwrap()
}
