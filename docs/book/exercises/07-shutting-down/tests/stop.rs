//! A pool that is stopped has run what it was given, survives a panic, and does not wait for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use shutting_down::{Pool, Report};

/// How long the tests wait for something that has to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Stops a pool with this deadline. A stop that does not come back is a failure, and not a test that hangs.
fn stop(pool: Pool, deadline: Instant) -> Report {
    let (report, reports) = bounded(1);
    thread::spawn(move || report.send(pool.stop(deadline)));
    reports.recv_timeout(PATIENCE).expect("the pool stops in time, and does not panic")
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

#[test]
fn what_the_pool_was_given_is_run_before_it_stops() {
    let pool = Pool::start(2).unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..50 {
        let done = Arc::clone(&done);
        pool.run(move || _ = done.fetch_add(1, Ordering::Relaxed));
    }
    assert_eq!(stop(pool, soon()), Report { running: Vec::new(), panics: 0 });
    assert_eq!(done.load(Ordering::Relaxed), 50);
}

#[test]
fn a_panic_ends_one_job() {
    let pool = Pool::start(1).unwrap();
    let (done, is_done) = bounded(1);
    pool.run(|| panic!("as a job may"));
    pool.run(move || done.send(()).unwrap());
    is_done.recv_timeout(PATIENCE).expect("the thread goes on with the next job");
    assert_eq!(stop(pool, soon()), Report { running: Vec::new(), panics: 1 });
}

#[test]
fn a_job_that_does_not_end_delays_the_stop_until_the_deadline_and_is_named() {
    let pool = Pool::start(3).unwrap();
    let (begun, has_begun) = bounded(1);
    let (end, may_end) = bounded::<()>(0);
    pool.run(move || {
        begun.send(thread::current().name().unwrap().to_owned()).unwrap();
        // Until the test is over.
        _ = may_end.recv();
    });
    let busy = has_begun.recv_timeout(PATIENCE).unwrap();
    let report = stop(pool, Instant::now() + Duration::from_millis(200));
    assert_eq!(report, Report { running: vec![busy], panics: 0 });
    drop(end);
}
