//! A server that drains and is started again under load: all come back, and nothing is lost.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;

use roomd::{Server, Settings};
use roomd_load::{AllowedLosses, Phase, Plan, Progress, StopToken};

use crate::{plan, server};

/// What the load has seen of the restart.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Nothing,
    Restart,
    Absence,
}

/// Drains the server and starts it again, on the same file and at the same address.
fn started_again(server: Server, settings: &Settings) -> Server {
    let address = server.http_address().to_string();
    server.drain(|_, _| true);
    let end = server.stop();
    assert_eq!((end.running, end.panics), (Vec::new(), 0));
    Server::start(Settings { listen: address, lines: None, ..settings.clone() }, |_| ()).unwrap()
}

#[test]
fn clients_come_back_from_a_restart_and_nothing_is_lost_or_doubled() {
    let data = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("load-restart-{}.db", std::process::id()));
    let first = server(|settings| settings.data = data.display().to_string());
    let settings = (*first.settings()).clone();
    let minute = std::time::Duration::from_secs(60);
    let plan = Plan { restart: true, rooms: 2, duration: minute, drain: minute, ..plan(&first) };
    let stop = StopToken::new().unwrap();
    let (running, seen) = (RefCell::new(Some(first)), RefCell::new(Seen::Nothing));
    // The generator waits meanwhile, so what it is told when is decided.
    let mut look = |progress: &Progress| {
        let all = progress.connections == plan.clients;
        let next = match *seen.borrow() {
            Seen::Nothing if progress.phase == Phase::Publishing && progress.published > 0 => {
                let server = running.take().unwrap();
                running.replace(Some(started_again(server, &settings)));
                Seen::Restart
            }
            Seen::Restart if !all => Seen::Absence,
            Seen::Absence if all => {
                stop.request();
                return;
            }
            seen => seen,
        };
        seen.replace(next);
    };
    let report = roomd_load::run_until(&stop, &plan, &mut look).unwrap();
    assert!(report.kept, "{report}");
    let returns = report.returns.as_ref().unwrap();
    assert_eq!((returns.goodbyes, returns.back), (6, 6), "{report}");
    assert_eq!(report.allowed_losses, AllowedLosses::default(), "{report}");
    assert!(report.to_string().contains("6 told goodbye, 6 back after "), "{report}");
    _ = running.take().unwrap().stop();
    for suffix in ["db", "db.lock"] {
        fs::remove_file(data.with_extension(suffix)).unwrap();
    }
}

#[test]
fn without_the_flag_a_server_that_ends_is_gone() {
    let server = server(|_| ());
    let plan = Plan { duration: std::time::Duration::from_secs(60), ..plan(&server) };
    let running = RefCell::new(Some(server));
    let mut look = |progress: &Progress| {
        if progress.phase == Phase::Publishing {
            running.take().map(Server::stop);
        }
    };
    let report = roomd_load::run(&plan, &mut look).unwrap();
    assert!(!report.kept && report.cut_short && report.returns.is_none(), "{report}");
}
