//! Names of users who are connected to other servers: in use there, and so in use here.

use roomd::chat::UserName;
use serde_json::json;

use super::signed_in;
use crate::harness::irc::IrcClient;
use crate::harness::issuer;
use crate::harness::postgres::Database;
use crate::harness::{TestServer, WebSocketClient, free, http, until};

/// Two servers with a port for IRC.
fn two() -> Option<(Database, [TestServer; 2])> {
    let database = Database::new()?;
    let open = || {
        TestServer::with(|settings| {
            database.use_in(settings);
            settings.irc = Some(free());
        })
    };
    let servers = [open(), open()];
    Some((database, servers))
}

fn is_used(server: &TestServer, name: &str) -> bool {
    server.engine().directory.is_used(&UserName::parse(name).unwrap())
}

/// What the attempt to claim a name is answered with.
fn claim(server: &TestServer, name: &str) -> u16 {
    http::post(server, "/api/v1/claims", &json!({"name": name})).status
}

#[test]
fn a_name_that_a_guest_uses_on_one_server_cannot_be_claimed_on_another_until_the_guest_has_gone() {
    let Some((_database, servers)) = two() else { return };
    let guest = WebSocketClient::multi(&servers[1], "Zoe");
    until("it is known", || is_used(&servers[0], "zoe"));
    assert_eq!(claim(&servers[0], "ZOE"), 409);
    guest.leave();
    until("it is free", || !is_used(&servers[0], "Zoe"));
    assert_eq!(claim(&servers[0], "Zoe"), 201);
}

#[test]
fn a_nick_is_in_use_on_all_servers_and_free_when_its_server_dies() {
    let Some((database, servers)) = two() else { return };
    let mut ann = IrcClient::named(&servers[0], "ann");
    let _bob = WebSocketClient::multi(&servers[1], "Bob");
    until("it is known", || is_used(&servers[0], "bob"));
    ann.expect("NICK bob", &[":irc.roomd 433 ann bob :This nick is in use"]);
    let mut other = IrcClient::connect(&servers[0]);
    other.say("NICK bob");
    other.say("USER u 0 * :Somebody");
    other.wait_for(" 433 ");
    // What a server leaves behind whose process is gone. Its last heartbeat is to come, for a machine that is busy.
    database.psql(
        "INSERT INTO servers VALUES (7, clock_timestamp() + interval '8 seconds', 'a process that was killed');
        INSERT INTO attendance (server, stamp, room, usr, connections, announced, registered, detached, kind, set_at,
            last_seen, has_written, has_received, has_read)
            VALUES (7, 1, '', 'zoe', 1, true, false, false, 0, 0, 0, 0, 0, 0)",
    );
    until("it is known", || is_used(&servers[0], "Zoe"));
    ann.expect("NICK zoe", &[":irc.roomd 433 ann zoe :This nick is in use"]);
    until("it is free", || !is_used(&servers[0], "Zoe"));
    ann.say("NICK zoe");
    ann.wait_for(" NICK :zoe");
}

#[test]
fn who_watches_a_user_is_told_when_they_come_to_another_server_and_go() {
    let Some((_database, servers)) = two() else { return };
    let mut ann = IrcClient::named(&servers[0], "ann");
    ann.expect("MONITOR + bob", &[":irc.roomd 731 ann :bob"]);
    let bob = WebSocketClient::multi(&servers[1], "bob");
    ann.wait_for(" 730 ann :bob!");
    ann.expect("ISON bob zoe", &[":irc.roomd 303 ann :bob"]);
    ann.say("PRIVMSG bob :hello");
    bob.leave();
    ann.wait_for(" 731 ann :bob");
}

#[test]
fn a_guest_loses_a_name_when_its_owner_comes_to_another_server() {
    let Some(database) = Database::new() else { return };
    let servers = [(), ()].map(|()| issuer::server(|settings| database.use_in(settings)));
    let mut guest = WebSocketClient::multi(&servers[1], "Ann");
    let _owner = signed_in(&servers[0], &issuer::good("Ann"));
    assert_eq!(guest.ending().code, Some(4403));
}
