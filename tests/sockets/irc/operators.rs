//! OPER and KILL: who ends connections, and who is told that they may.

use sha2::{Digest as _, Sha256};

use super::{server, server_with};
use crate::harness::{IrcClient, TestServer, WebSocketClient};
use roomd::chat::{AuthLevel, Identity, UserName};
use roomd::settings::IrcOperator;

fn with_operator() -> TestServer {
    let digest = Sha256::digest(b"a long password").into();
    let operator = IrcOperator { name: UserName::parse("olga").unwrap(), digest };
    server_with(|settings| settings.irc_operators = vec![operator])
}

#[test]
fn who_shows_the_password_is_an_operator_until_they_resign() {
    let server = with_operator();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    for wrong in ["OPER olga x", "OPER olgb a", "OPER alice :a long password"] {
        alice.expect(wrong, &[":irc.roomd 464 alice :Password incorrect"]);
    }
    alice.expect("KILL bob :why", &[":irc.roomd 481 alice :Permission Denied: you are not an operator of the server"]);
    alice.expect(
        "OPER olga :a long password",
        &[":irc.roomd 381 alice :You are now an IRC operator", ":alice!~u@irc.roomd MODE alice :+o"],
    );
    alice.expect("MODE alice", &[":irc.roomd 221 alice +io"]);
    bob.expect(
        "WHO alice o",
        &[":irc.roomd 352 bob * ~u irc.roomd * alice H* :0 Somebody", ":irc.roomd 315 bob alice :End of /WHO list"],
    );
    bob.expect("WHO bob o", &[":irc.roomd 315 bob bob :End of /WHO list"]);
    assert!(bob.ask("WHOIS alice").contains(&":irc.roomd 313 bob alice :is an operator of this server".to_owned()));
    assert!(bob.ask("LUSERS").contains(&":irc.roomd 252 bob 1 :operator(s) online".to_owned()));
    bob.expect("USERHOST alice", &[":irc.roomd 302 bob :alice*=+~u@irc.roomd"]);
    // Under another name too.
    alice.expect("NICK anna", &[":alice!~u@irc.roomd NICK :anna"]);
    assert!(bob.ask("LUSERS").contains(&":irc.roomd 252 bob 1 :operator(s) online".to_owned()));
    alice.expect("MODE anna -o", &[":anna!~u@irc.roomd MODE anna :-o"]);
    assert!(bob.ask("LUSERS").contains(&":irc.roomd 252 bob 0 :operator(s) online".to_owned()));
    alice.expect("KILL bob :why", &[":irc.roomd 481 anna :Permission Denied: you are not an operator of the server"]);
}

#[test]
fn an_operator_ends_the_connections_of_a_user_on_every_door() {
    let server = with_operator();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    let mut page = WebSocketClient::open(&server, "/ws?format=json&room=a&user=bob");
    page.wait_for_type("joined");
    alice.ask("OPER olga :a long password");
    alice.expect("KILL zz :why", &[":irc.roomd 401 alice zz :No such nick/channel"]);
    alice.expect("KILL bob :why", &[]);
    let root = Identity { auth_level: AuthLevel::Admin, ..Identity::guest(UserName::parse("Root").unwrap()) };
    let audit = server.engine().server_audit(&root, None, 9).unwrap().entries;
    let said: Vec<_> = audit.iter().map(|entry| (&*entry.what, entry.by.as_str())).collect();
    assert_eq!(said, [("connection_ended", "olga"), ("connection_ended", "olga"), ("operator_signed_in", "olga")]);
    assert_eq!(audit[2].about.as_deref(), Some("alice"));
    let ending = bob.ending();
    assert!(ending.last().unwrap().contains("An admin of the server has ended this connection"), "{ending:?}");
    assert_eq!(page.wait_for_type("goodbye")["reason"], "ended_by_admin");
}

#[test]
fn without_operators_there_are_none() {
    let server = server();
    IrcClient::named(&server, "alice").expect("OPER olga x", &[":irc.roomd 464 alice :Password incorrect"]);
}
