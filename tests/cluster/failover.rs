//! The database is killed under load, and a standby takes its place.
//!
//! A standby that each commit waits for has all that was acknowledged. One that lags does not: then the loss is announced, as another
//! epoch, and no number of one epoch has two contents, which the load's accounting proves.

use roomd_load::AllowedLosses;

use crate::postgres::{Folder, Postgres, until};
use crate::servers::{Engines, Server};
use crate::under_load::{SERVERS, everybody_is_there, plan, stored, under_load};

/// Deliveries that the standby does not hear of before the primary is killed.
const BEHIND: u64 = 500;

/// Servers that know of both databases.
fn servers(primary: &Postgres, standby: &Postgres, folder: &Folder) -> Vec<Server> {
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", primary.port, standby.port);
    let url = format!("postgres://roomd@{hosts}/roomd?target_session_attrs=read-write");
    (0..SERVERS).map(|at| Server::start_new(at, Engines::database(url.clone()), &folder.0)).collect()
}

fn epochs(database: &Postgres) -> String {
    database.psql("roomd", "SELECT string_agg(epoch, ' ' ORDER BY name) FROM rooms WHERE name LIKE 'load-%'")
}

/// Waits until this is what the database answers.
fn wait_for(database: &Postgres, sql: &str, wanted: &str) {
    until(sql, || {
        let found = database.psql("roomd", sql);
        if found == wanted { Ok(()) } else { Err(found) }
    });
}

/// Servers on a database whose commits wait for its standby, once they know that.
fn servers_that_wait(primary: &Postgres, standby: &Postgres, folder: &Folder) -> Vec<Server> {
    primary.change_settings("synchronous_standby_names", "standby");
    wait_for(primary, "SELECT sync_state FROM pg_stat_replication", "sync");
    let servers = servers(primary, standby, folder);
    wait_for(primary, "SELECT synchronous FROM installation", "t");
    servers
}

/// The standby takes the place of the database, which is killed.
fn fail_over(primary: &Postgres, standby: &Postgres) {
    primary.kill();
    standby.promote();
}

#[test]
fn nothing_is_lost_when_a_synchronous_standby_takes_the_place_of_the_database() {
    let Some(primary) = Postgres::start_new() else { return };
    let (standby, folder) = (primary.standby(), Folder::new());
    let mut servers = servers_that_wait(&primary, &standby, &folder);
    let mut before = String::new();
    let report = under_load(&plan(&servers), |watch| {
        before = epochs(&primary);
        fail_over(&primary, &standby);
        watch.until_served();
        servers.iter().for_each(everybody_is_there);
    });
    println!("{report}");
    assert!(report.kept, "{report}");
    assert_eq!(stored(&standby), (report.messages.published, true), "{report}");
    assert_eq!(report.allowed_losses, AllowedLosses::default(), "{report}");
    assert_eq!(epochs(&standby), before);
    servers.iter_mut().for_each(Server::assert_healthy);
}

#[test]
fn a_heartbeat_that_comes_before_all_messages_makes_no_loss_of_a_failover() {
    let Some(primary) = Postgres::start_new() else { return };
    let (standby, folder) = (primary.standby(), Folder::new());
    let mut servers = servers_that_wait(&primary, &standby, &folder);
    let first = under_load(&plan(&servers), |_| {});
    let before = epochs(&primary);
    fail_over(&primary, &standby);
    wait_for(&standby, "SELECT count(*) FROM servers", &SERVERS.to_string());
    let second = under_load(&plan(&servers), |_| {});
    println!("{first}\n{second}");
    assert!(first.kept && second.kept, "{first}\n{second}");
    assert_eq!(epochs(&standby), before);
    servers.iter_mut().for_each(Server::assert_healthy);
}

#[test]
fn what_a_standby_that_lags_has_lost_is_announced_as_another_epoch() {
    let Some(primary) = Postgres::start_new() else { return };
    let (standby, folder) = (primary.standby(), Folder::new());
    let mut servers = servers(&primary, &standby, &folder);
    let (mut before, mut acknowledged) = (String::new(), 0);
    let report = under_load(&plan(&servers), |watch| {
        before = epochs(&primary);
        standby.change_settings("primary_conninfo", "");
        let behind = watch.until("it falls behind", |_| true).delivered + BEHIND;
        watch.until("it has fallen behind", |progress| progress.delivered > behind);
        acknowledged = stored(&primary).0;
        fail_over(&primary, &standby);
        watch.until_served();
        servers.iter().for_each(everybody_is_there);
    });
    println!("{report}");
    assert!(report.kept, "{report}");
    let (kept, is_dense) = stored(&standby);
    println!("{acknowledged} were stored by the primary at least, and {} are lost", report.messages.published - kept);
    assert!(is_dense && kept < report.messages.published, "{kept} are kept: {report}");
    let after = epochs(&standby);
    assert!(before.split(' ').zip(after.split(' ')).all(|(before, after)| before != after), "{before} {after}");
    assert!(servers.iter().any(|server| server.says("all rooms begin new epochs")));
    servers.iter_mut().for_each(Server::assert_healthy);
}
