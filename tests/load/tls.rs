//! Load through TLS: the same checks as without.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use roomd_load::{Plan, Protocol, Report};
use roomd_tls::{Trust, self_signed};

use crate::{plan, run, server};

/// Runs a load through TLS against a server, which must stop in good order afterwards.
fn loaded(change: impl FnOnce(&mut Plan)) -> Report {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("load-tls-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let pair = self_signed(&["127.0.0.1".to_owned()]).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs::write(&cert, pair.certificate).unwrap();
    fs::write(&key, pair.key).unwrap();
    let text = |path: &PathBuf| Some(path.to_str().unwrap().to_owned());
    let server = server(|settings| (settings.tls_cert, settings.tls_key) = (text(&cert), text(&key)));
    let mut plan = plan(&server);
    plan.tls = Some(Trust::Only(cert));
    change(&mut plan);
    let report = run(&plan);
    let end = server.stop();
    assert_eq!((end.running, end.panics), (Vec::new(), 0));
    assert!(end.deliveries.balance(), "{}", end.deliveries);
    fs::remove_dir_all(&folder).unwrap();
    report
}

#[test]
fn every_protocol_delivers_every_message_through_tls() {
    for protocols in [&[Protocol::Json][..], &[Protocol::Lines], &Protocol::ALL] {
        let report = loaded(|plan| (plan.protocols, plan.publishers, plan.rooms) = (protocols.to_vec(), 2, 2));
        assert!(report.kept, "{protocols:?}\n{report}");
        assert_eq!((report.messages.published, report.messages.withheld), (10, 0), "{protocols:?}");
    }
}

#[test]
fn large_messages_pass_while_connections_break() {
    let report = loaded(|plan| {
        (plan.window, plan.breaks, plan.publishers) = (4, 50, 2);
        (plan.size, plan.probe) = (40_000, std::time::Duration::from_secs(60));
    });
    assert!(report.kept, "{report}");
    assert!(report.connections.returned > 0, "{report}");
    let probed = report.probe.as_ref().unwrap();
    assert_eq!(probed.answered, probed.asked);
}

#[test]
fn a_slow_reader_through_tls_receives_everything_in_the_end() {
    let report = loaded(|plan| (plan.slow, plan.slow_bytes, plan.size) = (2, 500, 3_000));
    assert!(report.kept, "{report}");
    assert_eq!((report.deliveries.asked, report.deliveries.delivered), (60, 60), "{report}");
}

#[test]
fn idle_sockets_keep_no_client_from_publishing() {
    let report = loaded(|plan| (plan.idle_sockets, plan.duration) = (50, std::time::Duration::from_secs(1)));
    assert!(report.kept, "{report}");
    assert_eq!(report.idle_sockets.map(|counts| (counts.sockets, counts.kept_out)), Some((50, 0)));
}
