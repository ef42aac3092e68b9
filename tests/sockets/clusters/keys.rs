//! The keys that sign the server's tokens, of which several servers have one set.

use std::time::Duration;

use roomd::chat::{AuthLevel, Identity, UserName};
use serde_json::json;

use super::{claim_on, ok, server, signed_in};
use crate::harness::http::ask;
use crate::harness::issuer::bearer;
use crate::harness::postgres::Database;
use crate::harness::{TestServer, WebSocketClient, until};

fn root() -> Identity {
    Identity { auth_level: AuthLevel::Admin, ..Identity::guest(UserName::parse("Root").unwrap()) }
}

/// The ids of the keys, the one that signs first.
fn ids(server: &TestServer) -> Vec<String> {
    server.engine().keys(&root()).unwrap().iter().map(|key| key.key.to_string()).collect()
}

fn me(server: &TestServer, token: &str) -> u16 {
    ask(server, "GET /api/v1/me", &bearer(token), "").status
}

#[test]
fn the_connections_of_a_key_that_is_revoked_on_one_server_end_on_all() {
    let Some(database) = Database::new() else { return };
    let servers = [server(&database), server(&database)];
    let old = claim_on(&servers, "Ann");
    let mut ann = [0, 1].map(|at| signed_in(&servers[at], &old));
    let key = ids(&servers[0]).remove(0);
    servers[0].engine().rotate_keys(&root()).unwrap();
    let new = claim_on(&servers, "Bob");
    let mut bob = [0, 1].map(|at| signed_in(&servers[at], &new));
    ann.iter_mut().for_each(|client| ok(client, json!({"type": "join", "room": "den"})));
    servers[0].engine().revoke_key(&root(), &key).unwrap();
    for client in &mut ann {
        assert_eq!(client.ending().goodbye()["reason"], "signed_out");
    }
    assert_eq!([0, 1].map(|at| me(&servers[at], &old)), [401, 401]);
    assert_eq!([0, 1].map(|at| me(&servers[at], &new)), [200, 200]);
    bob.iter_mut().for_each(|client| assert_eq!(client.ask(json!({"type": "ping"}))["type"], "pong"));
    // So it is whoever takes it out of the database, as `roomd keys revoke` does; also the one that signs.
    let key = ids(&servers[1]).remove(0);
    database.psql(&format!("DELETE FROM keys WHERE kid = '{key}'"));
    for client in &mut bob {
        assert_eq!(client.ending().goodbye()["reason"], "signed_out");
    }
    assert_eq!([0, 1].map(|at| me(&servers[at], &new)), [401, 401]);
}

#[test]
fn a_session_of_a_key_that_is_revoked_goes_on_through_no_server() {
    let Some(database) = Database::new() else { return };
    let keeping = || {
        TestServer::with(|settings| {
            database.use_in(settings);
            settings.limits.grace = Duration::from_secs(60);
        })
    };
    let servers = [keeping(), keeping()];
    let token = claim_on(&servers, "Ann");
    let [first, second] = servers;
    let sessions = [(); 2].map(|()| {
        let mut ann = WebSocketClient::open(&first, &format!("/ws?format=json&token={token}"));
        ann.event_of("welcome")["resume"].clone()
    });
    until("the sessions are known", || database.psql("SELECT count(*) FROM sessions") == "2");
    first.stop();
    let key = ids(&second).remove(0);
    second.engine().rotate_keys(&root()).unwrap();
    second.engine().revoke_key(&root(), &key).unwrap();
    // The third has never known the key.
    for (server, session) in [second, keeping()].iter().zip(&sessions) {
        let mut client = WebSocketClient::open(server, "/ws?format=json");
        client.event_of("welcome");
        let refused = client.ask(json!({"type": "resume", "resume": session}));
        assert_eq!(refused["code"], "session_expired", "{refused}");
    }
}
