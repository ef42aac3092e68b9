//! The database is killed under load, and a standby takes its place.
//!
//! A standby that each commit waits for has all that was acknowledged. One that lags does not: then the loss is announced, as another
//! epoch, and no number of one epoch has two contents, which the load's accounting proves.

use roomd_load::AllowedLosses;

use crate::postgres::{Folder, Postgres, until};
use crate::servers::Server;
use crate::under_load::{SERVERS, everybody_is_there, plan, stored, under_load};

/// Deliveries that the standby does not hear of before the primary is killed.
const BEHIND: u64 = 500;

/// Servers that know of both databases.
fn servers(primary: &Postgres, standby: &Postgres, folder: &Folder) -> Vec<Server> {
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", primary.port, standby.port);
    let url = format!("postgres://roomd@{hosts}/roomd?target_session_attrs=read-write");
    (0..SERVERS).map(|at| Server::start_new(at, url.clone(), &folder.0)).collect()
}

fn epochs(database: &Postgres) -> String {
    database.psql("roomd", "SELECT string_agg(epoch, ' ' ORDER BY name) FROM rooms WHERE name LIKE 'load-%'")
}

#[test]
fn nothing_is_lost_when_a_synchronous_standby_takes_the_place_of_the_database() {
    let Some(primary) = Postgres::start_new() else { return };
    let standby = primary.standby();
    primary.change_settings("synchronous_standby_names", "standby");
    let (folder, is) = (Folder::new(), |sql: &str, wanted: &str| {
        let found = primary.psql("roomd", sql);
        if found == wanted { Ok(()) } else { Err(found) }
    });
    until("the standby is waited for", || is("SELECT sync_state FROM pg_stat_replication", "sync"));
    let mut servers = servers(&primary, &standby, &folder);
    until("the servers know", || is("SELECT synchronous FROM installation", "t"));
    let mut before = String::new();
    let report = under_load(&plan(&servers), |watch| {
        before = epochs(&primary);
        primary.kill();
        standby.promote();
        watch.until_served();
        servers.iter().for_each(everybody_is_there);
    });
    println!("{report}");
    assert!(report.kept, "{report}");
    assert_eq!(stored(&standby), (report.messages.published, true), "{report}");
    // A server that cannot tell whether something was lost begins new epochs all the same, and then who was away is told so.
    if epochs(&standby) == before {
        assert_eq!(report.allowed_losses, AllowedLosses::default(), "{report}");
    }
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
        primary.kill();
        standby.promote();
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
