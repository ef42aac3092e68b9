//! A real server under load: no faults are found, and what is missing is explained.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use roomd::chat::Slow;
use roomd::{Server, Settings};
use roomd_load::{AllowedLosses, Faults, Phase, Plan, Progress, Protocol, Report, StopToken};

use crate::{plan, run, server};

/// Runs a load against a server, which must stop in good order afterwards.
fn loaded(settings: impl FnOnce(&mut Settings), change: impl FnOnce(&mut Plan)) -> Report {
    let server = server(settings);
    let mut plan = plan(&server);
    change(&mut plan);
    let report = run(&plan);
    stopped(server);
    report
}

/// The same, for as long as it takes.
fn loaded_until(
    settings: impl FnOnce(&mut Settings),
    change: impl FnOnce(&mut Plan),
    is_over: impl Fn(&Progress) -> bool,
) -> Report {
    let server = server(settings);
    let (mut plan, stop) = (plan(&server), StopToken::new().unwrap());
    plan.duration = Duration::from_secs(3600);
    change(&mut plan);
    let report = roomd_load::run_until(&stop, &plan, &mut |progress| {
        if is_over(progress) {
            stop.request();
        }
    });
    stopped(server);
    report.unwrap()
}

fn stopped(server: Server) {
    let end = server.stop();
    assert_eq!((end.running, end.panics), (Vec::new(), 0));
    assert!(end.deliveries.balance(), "{}", end.deliveries);
}

#[test]
fn every_protocol_delivers_every_message_to_every_member() {
    for protocols in [&[Protocol::Json][..], &[Protocol::Topic], &[Protocol::Text], &[Protocol::Lines], &Protocol::ALL]
    {
        let report = loaded(|_| (), |plan| (plan.protocols, plan.publishers, plan.rooms) = (protocols.to_vec(), 2, 2));
        assert!(report.kept, "{protocols:?}\n{report}");
        assert_eq!((report.messages.published, report.messages.withheld), (10, 0), "{protocols:?}");
        assert_eq!(report.allowed_losses, AllowedLosses::default(), "{protocols:?}");
        assert!(report.deliveries.delivered >= report.deliveries.asked - 10, "{protocols:?}\n{report}");
    }
}

#[test]
fn every_member_of_a_room_receives_every_message() {
    let report = loaded(|_| (), |_| ());
    assert_eq!((report.deliveries.asked, report.deliveries.delivered), (60, 60));
    assert_eq!((report.connections.wanted, report.connections.arrived), (6, 6));
    assert!(report.latency.max_ms > 0.0 && report.bytes_in > 6_000 && report.bytes_out > 1_000);
    assert!(report.server.is_none(), "the server is this process");
}

#[test]
fn a_closed_loop_goes_on_while_members_leave_and_rejoin() {
    let disturbed = |plan: &mut Plan| (plan.window, plan.churn, plan.breaks, plan.publishers) = (4, 100, 100, 2);
    let report = loaded_until(|_| (), disturbed, |progress| progress.published > 4);
    assert!(report.kept, "{report}");
    assert!(report.messages.published > 4, "{report}");
    assert!(report.connections.rejoined > 0 && report.connections.returned > 0, "{report}");
}

#[test]
fn members_that_leave_and_rejoin_by_protocols_without_numbers_miss_nothing_that_they_must_receive() {
    for protocol in [Protocol::Topic, Protocol::Text, Protocol::Lines] {
        let report = loaded(|_| (), |plan| (plan.protocols, plan.churn, plan.breaks) = (vec![protocol], 50, 50));
        assert!(report.kept, "{protocol}\n{report}");
        assert!(report.connections.rejoined + report.connections.returned > 0, "{protocol}\n{report}");
    }
}

/// Floods a client that hardly reads, until it was sent more than sockets hold; the others are never more
/// than one message behind.
fn flooded(settings: impl FnOnce(&mut Settings), change: impl FnOnce(&mut Plan)) -> Report {
    let settings = |all: &mut Settings| {
        // A reader of ten bytes a second takes next to nothing while the flood lasts; the write timeout is not tested here.
        all.limits.write_timeout = Duration::from_secs(3600);
        settings(all);
    };
    let change = |plan: &mut Plan| {
        (plan.slow, plan.slow_bytes, plan.size, plan.window, plan.clients) = (1, 10, FLOOD_BYTES, 1, 3);
        change(plan);
    };
    loaded_until(settings, change, |progress| {
        progress.phase == Phase::Publishing && progress.published * FLOOD_BYTES as u64 > SOCKETS_HOLD
    })
}

const FLOOD_BYTES: usize = 60_000;
/// More than Linux buffers for a connection on both sides, with its defaults.
const SOCKETS_HOLD: u64 = 16 << 20;

#[test]
fn what_is_dropped_for_a_slow_reader_is_announced_to_the_last_message() {
    let slow = |settings: &mut Settings| {
        (settings.limits.slow, settings.limits.outbox_messages) = (Slow::Drop, 4);
    };
    for protocol in [Protocol::Json, Protocol::Text] {
        let report = flooded(slow, |plan| plan.protocols = vec![protocol]);
        assert!(report.kept, "{protocol}\n{report}");
        assert!(report.allowed_losses.dropped > 0, "{protocol}\n{report}");
        assert_eq!(
            report.allowed_losses.dropped + report.deliveries.delivered,
            report.deliveries.asked,
            "{protocol}\n{report}"
        );
    }
}

#[test]
fn a_slow_reader_has_the_newest_message_of_every_key_in_the_end() {
    let slow = |settings: &mut Settings| {
        // Three values at a time, and the notices.
        (settings.limits.slow, settings.limits.outbox_bytes) = (Slow::Latest, 8 * FLOOD_BYTES);
    };
    let report = flooded(slow, |plan| plan.keys = 3);
    assert!(report.kept && report.allowed_losses.dropped > 0, "{report}");
    assert_eq!(report.allowed_losses.dropped + report.deliveries.delivered, report.deliveries.asked, "{report}");
}

#[test]
fn who_rejoins_or_returns_has_the_newest_message_of_every_key() {
    for (churn, breaks) in [(50, 0), (0, 50), (50, 50)] {
        let report = loaded(|_| (), |plan| (plan.keys, plan.churn, plan.breaks) = (10, churn, breaks));
        assert!(report.kept && report.connections.rejoined + report.connections.returned > 0, "{report}");
    }
}

#[test]
fn a_slow_reader_whose_values_are_dropped_is_stale() {
    // What a server of another policy does.
    let slow = |settings: &mut Settings| {
        (settings.limits.slow, settings.limits.outbox_messages) = (Slow::Drop, 4);
    };
    // A key of its own for each message: the last that were dropped have no newer value.
    let report = flooded(slow, |plan| plan.keys = 10_000);
    assert_eq!(report.faults, Faults { stale: report.allowed_losses.dropped, ..Faults::default() }, "{report}");
    assert!(report.faults.stale > 0, "{report}");
}

#[test]
fn each_message_of_a_group_is_done_by_one_member_whoever_leaves_or_breaks() {
    for (churn, breaks, rooms) in [(0, 0, 2), (50, 0, 1), (0, 50, 1), (100, 100, 2)] {
        let report = loaded(
            |_| (),
            |plan| {
                (plan.group, plan.churn, plan.breaks, plan.rooms) = (true, churn, breaks, rooms);
                (plan.clients, plan.publishers) = (6 * rooms, 2);
            },
        );
        assert!(report.kept, "{churn} {breaks}\n{report}");
        assert_eq!(churn + breaks > 0, report.connections.rejoined + report.connections.returned > 0, "{report}");
        // Two publishers, and one of the group.
        assert_eq!((report.deliveries.asked, report.deliveries.delivered), (30, 30), "{report}");
    }
}

#[test]
fn who_hears_rooms_by_a_pattern_gets_each_message_also_of_rooms_that_open_later_and_again() {
    // Rooms of one member each, who leaves now and then: they close, and open again.
    let report = loaded(
        |_| (),
        |plan| {
            (plan.clients, plan.rooms, plan.patterns, plan.churn) = (4, 4, 3, 50);
            (plan.publishers_too, plan.duration) = (true, Duration::from_millis(500));
        },
    );
    assert!(report.kept && report.connections.rejoined > 0, "{report}");
    // The bare form opens a room with its first message.
    let report = loaded(
        |_| (),
        |plan| {
            (plan.clients, plan.rooms, plan.patterns) = (4, 4, 2);
            plan.protocols = vec![Protocol::Topic];
        },
    );
    assert!(report.kept && (report.deliveries.asked, report.deliveries.delivered) == (30, 30), "{report}");
}

#[test]
fn a_slow_reader_that_is_closed_is_no_fault_of_the_server() {
    let report = flooded(|settings| settings.limits.outbox_messages = 4, |_| ());
    assert!(report.kept, "{report}");
    assert_eq!(report.closes.get(&4450), Some(&1));
    assert!(report.allowed_losses.gone > 0, "{report}");
}

#[test]
fn refusals_are_counted_by_code_and_are_no_loss() {
    for protocol in [Protocol::Json, Protocol::Topic, Protocol::Text, Protocol::Lines] {
        let limit = |settings: &mut Settings| (settings.limits.rate_per_s, settings.limits.rate_burst) = (1, 3);
        let report = loaded(limit, |plan| plan.protocols = vec![protocol]);
        assert!(report.kept, "{protocol}\n{report}");
        assert!(report.errors["rate_limited"] > 0, "{protocol}\n{report}");
        assert_eq!(report.faults, Faults::default());
    }
}

#[test]
fn a_client_beyond_the_limit_of_connections_is_kept_out() {
    let small = |settings: &mut Settings| {
        (settings.limits.connections_max, settings.limits.waiting_max) = (2, 0);
    };
    let report = loaded(small, |plan| plan.clients = 3);
    assert_eq!(report.faults, Faults { kept_out: 1, ..Faults::default() }, "{report}");
    assert_eq!((report.errors["HTTP 503"], report.kept), (1, false));
}

#[test]
fn clients_that_are_refused_their_room_are_kept_out_and_delay_no_other() {
    // A topic client publishes without having joined.
    for protocol in [Protocol::Json, Protocol::Text] {
        // More clients than connect at one time.
        let report = loaded(
            |settings| settings.limits.rooms_max = 10,
            |plan| (plan.clients, plan.rooms, plan.protocols) = (200, 200, vec![protocol]),
        );
        assert_eq!(report.faults.kept_out, 200 - report.connections.arrived, "{protocol}\n{report}");
        assert!((1..=10).contains(&report.connections.arrived), "{protocol}\n{report}");
    }
}

#[test]
fn a_server_that_stops_cuts_the_load_short() {
    let server = server(|_| ());
    let plan = Plan { duration: Duration::from_secs(3600), ..plan(&server) };
    let (phases, inbox) = mpsc::channel();
    let load = thread::spawn(move || {
        // Once the server has stopped, the receiver is gone.
        roomd_load::run(&plan, &mut |progress| _ = phases.send(progress.phase)).unwrap()
    });
    while inbox.recv().unwrap() != Phase::Publishing {}
    stopped(server);
    let report = load.join().unwrap();
    assert!(report.cut_short && !report.kept, "{report}");
    assert_eq!(report.closes.get(&1001), Some(&6), "{report}");
    assert_eq!(report.faults, Faults::default(), "{report}");
}

/// Stops a load at its first progress report of this phase.
fn stopped_while(phase: Phase, change: impl FnOnce(&mut Plan)) -> Report {
    loaded_until(|_| (), change, |progress| progress.phase == phase)
}

#[test]
fn a_load_that_is_stopped_while_it_publishes_reports_what_was_done_until_then() {
    let report = stopped_while(Phase::Publishing, |_| ());
    assert!(report.stopped && report.kept && !report.cut_short, "{report}");
    assert!(report.messages.published > 0 && report.published_for_s < 3600.0, "{report}");
    assert_eq!(report.deliveries.delivered, report.deliveries.asked, "{report}");
    assert_eq!(report.allowed_losses, AllowedLosses::default(), "{report}");
}

#[test]
fn a_load_that_is_stopped_while_it_connects_publishes_nothing() {
    let report = stopped_while(Phase::Connecting, |plan| plan.ramp = Duration::from_secs(3600));
    assert!(report.stopped && report.kept, "{report}");
    assert!(report.connections.arrived < report.connections.wanted as u64, "{report}");
    assert_eq!((report.messages.due, &report.faults), (0, &Faults::default()), "{report}");
}

#[test]
fn publishers_that_break_leave_and_rejoin_like_others_lose_nothing() {
    for protocols in [&[Protocol::Json][..], &[Protocol::Topic], &[Protocol::Text], &[Protocol::Json, Protocol::Text]] {
        for window in [0, 2] {
            let report = loaded(
                |_| (),
                |plan| {
                    (plan.publishers, plan.publishers_too, plan.window) = (6, true, window);
                    (plan.breaks, plan.churn, plan.protocols) = (60, 60, protocols.to_vec());
                    plan.duration = Duration::from_millis(300);
                },
            );
            assert!(report.kept, "{protocols:?} {window}\n{report}");
            assert!(
                report.connections.returned > 0 && report.messages.published > 0,
                "{protocols:?} {window}\n{report}"
            );
        }
    }
}

#[test]
fn a_publisher_that_reads_slowly_is_told_what_was_dropped_for_it() {
    let small = |settings: &mut Settings| {
        (settings.limits.slow, settings.limits.outbox_bytes) = (Slow::Drop, 4 * FLOOD_BYTES);
    };
    let report = flooded(small, |plan| (plan.publishers, plan.publishers_too) = (3, true));
    assert!(report.kept && report.allowed_losses.dropped > 0, "{report}");
    assert_eq!(report.allowed_losses.dropped + report.deliveries.delivered, report.deliveries.asked, "{report}");
}

#[test]
fn a_slow_reader_that_is_closed_reconnects_and_receives_everything_in_the_end() {
    let report = flooded(|settings| settings.limits.outbox_messages = 4, |plan| plan.slow_return = true);
    assert!(report.kept, "{report}");
    assert!(report.closes[&4450] > 0 && report.connections.returned == report.closes[&4450], "{report}");
    assert_eq!(
        (&report.allowed_losses, report.deliveries.delivered),
        (&AllowedLosses::default(), report.deliveries.asked),
        "{report}"
    );
}

#[test]
fn the_topic_scenario_queries_a_room_without_load_and_lets_newcomers_in() {
    let report = loaded(
        |_| (),
        |plan| {
            let Plan { server, .. } = plan.clone();
            let limit = Duration::from_secs(3600);
            *plan = Plan { server, clients: 20, publishers: 20, rate: 200, probe: limit, ..Plan::topic_10k() };
            (plan.duration, plan.baseline) = (Duration::from_secs(1), Duration::from_millis(10));
        },
    );
    assert!(report.kept, "{report}");
    let probe = report.probe.as_ref().unwrap();
    assert!(probe.asked > 0 && probe.answered == probe.asked, "{report}");
    assert!(probe.newcomers > 0 && probe.newcomers_in == probe.newcomers, "{report}");
    assert!(report.baseline.unwrap().per_s > 0.0, "{report}");
    assert_eq!(report.messages.published, 200);
    let page = roomd_load::page(&report);
    assert!(page.contains("Latency by percentile") && page.contains("kept its promises"), "{page}");
}
