//! Registration: CAP, PASS, SASL, NICK, USER, and what is said before and after it.

use std::time::Duration;

use crate::harness::{IrcClient, LineClient};

use super::{server, server_with};

#[test]
fn a_client_is_welcomed_with_its_nick_and_what_the_server_supports() {
    let server = server_with(|settings| {
        settings.name = Some("Our School".to_owned());
        settings.welcome = Some("Be kind\nand brief".to_owned());
    });
    let mut alice = IrcClient::connect(&server);
    alice.say("USER alice 0 * :Alice");
    alice.say("NICK alice");
    let lines = alice.settle();
    let of = |number: &str| -> Vec<&String> {
        lines.iter().filter(|line| line.starts_with(&format!(":irc.roomd {number} alice "))).collect()
    };
    assert_eq!(of("001"), [":irc.roomd 001 alice :Welcome to Our School, alice"]);
    for number in ["002", "003", "004", "251", "255", "375", "376"] {
        assert_eq!(of(number).len(), 1, "{number}: {lines:?}");
    }
    assert_eq!(of("372"), [":irc.roomd 372 alice :- Be kind", ":irc.roomd 372 alice :- and brief"]);
    let supported = of("005").iter().map(|line| line.as_str()).collect::<String>();
    for token in ["CASEMAPPING=ascii", "CHANTYPES=#", "NETWORK=Our\\x20School", "NICKLEN=32", "PREFIX=(qov)~@+"] {
        assert!(supported.contains(token), "{token}: {supported}");
    }
    assert!(of("005").iter().all(|line| line.split(' ').count() <= 3 + 13 + 5), "15 parameters: {supported}");
    alice.expect("USER a 0 * :b", &[":irc.roomd 462 alice :You may not reregister"]);
    alice.expect("PASS x", &[":irc.roomd 462 alice :You may not reregister"]);
}

#[test]
fn what_comes_before_the_registration_is_answered() {
    let server = server();
    let mut client = IrcClient::connect(&server);
    for (line, answer) in [
        ("JOIN #a", ":irc.roomd 451 * :You have not registered"),
        ("NICK", ":irc.roomd 431 * :No nickname given"),
        ("NICK :", ":irc.roomd 431 * :No nickname given"),
        ("NICK 1a", ":irc.roomd 432 * 1a :This cannot be a nick"),
        ("NICK a.b", ":irc.roomd 432 * a.b :This cannot be a nick"),
        ("NICK :a b", ":irc.roomd 432 * ab :This cannot be a nick"),
        ("USER a 0 *", ":irc.roomd 461 * USER :It needs four parameters"),
        ("PASS", ":irc.roomd 461 * PASS :It needs a token"),
        ("ping one two", ":irc.roomd PONG irc.roomd :one"),
        ("PING", ":irc.roomd 409 * :No origin specified"),
        ("CAP", ":irc.roomd 461 * CAP :It needs a subcommand: LS, LIST, REQ or END"),
        ("CAP X", ":irc.roomd 410 * X :There is no such subcommand: LS, LIST, REQ or END"),
        ("CAP LIST", ":irc.roomd CAP * LIST :"),
        ("CAP REQ :server-time nope", ":irc.roomd CAP * NAK :server-time nope"),
        ("CAP REQ :server-time -server-time", ":irc.roomd CAP * ACK :server-time -server-time"),
        ("CAP REQ :message-tags", ":irc.roomd CAP * ACK :message-tags"),
        ("CAP LIST", ":irc.roomd CAP * LIST :message-tags"),
    ] {
        client.expect(line, &[answer]);
    }
    client.expect(&"x".repeat(600), &[":irc.roomd 417 * :A line may have 512 bytes"]);
    client.send(b"NICK \xff\r\n");
    assert_eq!(client.settle(), [":irc.roomd FAIL * INVALID_UTF8 :A line must be UTF-8, without NUL"]);
    client.say("QUIT");
    assert_eq!(client.ending(), ["ERROR :Closing link: You left"].map(|line| format!(":irc.roomd {line}")));
}

#[test]
fn a_negotiation_holds_the_registration_open() {
    let server = server();
    let mut client = IrcClient::connect(&server);
    let listed = client.ask("CAP LS 302");
    assert!(listed[0].starts_with(":irc.roomd CAP * LS :"), "{listed:?}");
    assert!(listed[0].contains(" server-time") && listed[0].contains(" message-tags "), "{listed:?}");
    client.expect("NICK alice", &[]);
    client.expect("USER u 0 * :r", &[]);
    client.say("CAP END");
    client.wait_for(" 001 alice ");
    client.wait_for(" 422 ");
    client.expect("CAP LIST", &[":irc.roomd CAP alice LIST :cap-notify"]);
    client.expect("CAP REQ :server-time", &[":irc.roomd CAP alice ACK :server-time"]);
    client.ask("JOIN #a");
    client.expect("CAP REQ :-server-time", &[":irc.roomd CAP alice NAK :-server-time"]);
    client.expect("CAP REQ :echo-message", &[":irc.roomd CAP alice ACK :echo-message"]);
}

#[test]
fn a_nick_is_used_once_in_whatever_spelling_and_on_whatever_door() {
    let server = server();
    let _alice = IrcClient::named(&server, "alice");
    let _bob = LineClient::named(&server, "Bob");
    let mut client = IrcClient::connect(&server);
    client.expect("NICK ALICE", &[":irc.roomd 433 * ALICE :This nick is in use"]);
    client.expect("USER u 0 * :r", &[]);
    client.expect("NICK bob", &[":irc.roomd 433 * bob :This nick is in use"]);
    client.say("NICK carol");
    client.wait_for(" 422 ");
    client.expect("NICK Alice", &[":irc.roomd 433 carol Alice :This nick is in use"]);
    client.expect("NICK", &[":irc.roomd 431 carol :No nickname given"]);
    client.expect("NICK #a", &[":irc.roomd 432 carol #a :This cannot be a nick"]);
    client.expect("NICK carol", &[]);
    client.expect("NICK Carol", &[":carol!~u@irc.roomd NICK :Carol"]);
    client.expect(
        "JOIN #a",
        &[
            ":Carol!~u@irc.roomd JOIN #a",
            ":irc.roomd 353 Carol = #a :@Carol",
            ":irc.roomd 366 Carol #a :End of /NAMES list",
        ],
    );
    client.expect("NICK carla", &[":Carol!~u@irc.roomd NICK :carla"]);
    client.expect("NAMES #a", &[":irc.roomd 353 carla = #a :@carla", ":irc.roomd 366 carla #a :End of /NAMES list"]);
    client.ask("PRIVMSG #a :hi");
    client.expect("NICK other", &[":irc.roomd 484 carla other :A name can be taken before the first message only"]);
}

#[test]
fn a_client_that_does_not_register_in_time_is_told() {
    let server = server_with(|settings| settings.limits.head_timeout = Duration::from_millis(100));
    let mut client = IrcClient::connect(&server);
    client.say("NICK alice");
    assert_eq!(client.ending(), [":irc.roomd ERROR :Closing link: Registration timed out"]);
}

#[test]
fn a_registration_has_so_many_lines_and_a_browser_none() {
    let server = server();
    let mut client = IrcClient::connect(&server);
    client.send("NICK a\r\n".repeat(200).as_bytes());
    let ending = client.ending();
    assert_eq!(ending, ["ERROR :Closing link: 128 lines, and you are not registered"]);
    let mut browser = IrcClient::connect(&server);
    browser.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nNICK a\r\nUSER a b c d\r\n");
    assert_eq!(browser.ending(), [":irc.roomd ERROR :Closing link: This port speaks IRC"]);
}

#[test]
fn an_idle_client_is_pinged_and_one_that_does_not_answer_is_gone() {
    let server = server_with(|settings| {
        settings.limits.ping = Duration::from_millis(20);
        settings.limits.pong_timeout = Duration::from_millis(400);
    });
    let mut client = IrcClient::named(&server, "alice");
    client.wait_for("PING :roomd");
    let ending = client.ending();
    assert_eq!(ending.last().unwrap(), ":irc.roomd ERROR :Closing link: Nothing was heard in time");
}

#[test]
fn of_two_who_want_a_nick_at_once_one_has_it() {
    let server = server();
    for round in 0..20 {
        let nick = format!("nick{round}");
        let mut clients = [IrcClient::connect(&server), IrcClient::connect(&server)];
        for client in &mut clients {
            client.say(&format!("NICK {nick}"));
            client.settle();
        }
        // Whoever is first, the other is refused: a client answers once it is registered, or is not.
        clients.iter_mut().for_each(|client| client.say("USER u 0 * :Somebody"));
        let answers = clients.each_mut().map(|client| client.settle());
        let has = |lines: &Vec<String>, number: &str| lines.iter().any(|line| line.contains(number));
        let welcomed = answers.iter().filter(|lines| has(lines, " 001 ")).count();
        let refused = answers.iter().filter(|lines| has(lines, " 433 ")).count();
        assert_eq!((welcomed, refused), (1, 1), "{answers:?}");
    }
}

#[cfg(feature = "jwt")]
mod with_tokens {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::*;
    use crate::harness::{TestServer, free, issuer};

    fn plain(authorized: &str, name: &str, token: &str) -> String {
        BASE64_STANDARD.encode(format!("{authorized}\0{name}\0{token}"))
    }

    /// What a client is answered that sends a SASL response.
    fn authenticate(client: &mut IrcClient, response: &str) -> Vec<String> {
        assert_eq!(client.ask("AUTHENTICATE PLAIN"), ["AUTHENTICATE +"]);
        let mut rest = response;
        while rest.len() >= 400 {
            client.say(&format!("AUTHENTICATE {}", &rest[..400]));
            rest = &rest[400..];
        }
        client.ask(&format!("AUTHENTICATE {}", if rest.is_empty() { "+" } else { rest }))
    }

    fn server() -> TestServer {
        super::server_with(issuer::accept)
    }

    #[test]
    fn a_token_is_the_password_of_sasl_and_names_its_user() {
        let server = server();
        let token = issuer::good("Ann");
        let mut client = IrcClient::connect(&server);
        client.ask("CAP LS 302");
        client.expect("AUTHENTICATE PLAIN", &[":irc.roomd 904 * :Ask for the capability sasl first"]);
        client.expect("CAP REQ sasl", &[":irc.roomd CAP * ACK :sasl"]);
        client.expect("NICK ann", &[]);
        client.expect("USER u 0 * :r", &[]);
        client.expect(
            "AUTHENTICATE EXTERNAL",
            &[
                ":irc.roomd 908 ann PLAIN :are available SASL mechanisms",
                ":irc.roomd 904 ann :There is no such mechanism",
            ],
        );
        client.expect("AUTHENTICATE PLAIN", &["AUTHENTICATE +"]);
        client.expect("AUTHENTICATE *", &[":irc.roomd 906 ann :SASL authentication aborted"]);
        for wrong in ["!!!!", &plain("", "Ann", "no token"), &plain("", "Bob", &token), &plain("Bob", "Ann", &token)] {
            let answer = authenticate(&mut client, wrong);
            assert!(answer.len() == 1 && answer[0].starts_with(":irc.roomd 904 ann :"), "{wrong}: {answer:?}");
        }
        let answer = authenticate(&mut client, &plain("", "ann", &token));
        assert_eq!(
            answer,
            [
                ":irc.roomd 900 ann Ann!~u@irc.roomd Ann :You are now logged in as Ann",
                ":irc.roomd 903 ann :SASL authentication successful",
            ]
        );
        client.expect("AUTHENTICATE PLAIN", &[":irc.roomd 907 ann :You have authenticated already"]);
        client.say("CAP END");
        client.wait_for(" 001 Ann ");
        client.wait_for(" 422 Ann ");
        let whois = client.ask("WHOIS ann");
        assert!(whois.contains(&":irc.roomd 330 Ann Ann Ann :is logged in as".to_owned()), "{whois:?}");
    }

    #[test]
    fn a_token_is_the_password_of_pass_also_behind_a_name() {
        let server = server();
        for password in [issuer::good("Ann"), format!("Ann:{}", issuer::good("Ann"))] {
            let mut client = IrcClient::with_token(&server, &password);
            client.expect("MODE Ann", &[":irc.roomd 221 Ann +i"]);
        }
        let mut client = IrcClient::connect(&server);
        client.say("PASS wrong");
        client.say("NICK ann");
        client.say("USER u 0 * :r");
        let ending = client.ending();
        assert!(ending[0].starts_with(":irc.roomd 464 ann :"), "{ending:?}");
        assert!(ending[1].starts_with(":irc.roomd ERROR :Closing link: "), "{ending:?}");
    }

    #[test]
    fn a_registered_nick_is_its_owners() {
        let server = super::server();
        let _token = issuer::claim(&server, "Ann");
        let mut client = IrcClient::connect(&server);
        let answer = client.ask("NICK ANN");
        assert!(answer[0].starts_with(":irc.roomd 433 * ANN :This nick is registered"), "{answer:?}");
        let mut client = IrcClient::named(&server, "bob");
        let answer = client.ask("NICK ann");
        assert!(answer[0].starts_with(":irc.roomd 433 bob ann :"), "{answer:?}");
    }

    #[test]
    fn where_guests_are_not_admitted_a_token_is_needed() {
        let server = TestServer::with(|settings| {
            issuer::accept(settings);
            (settings.guests, settings.irc) = (Some(false), Some(free()));
        });
        let mut client = IrcClient::connect(&server);
        client.say("NICK ann");
        client.say("USER u 0 * :r");
        let ending = client.ending();
        assert_eq!(ending.last().unwrap(), ":irc.roomd ERROR :Closing link: Only those with a token may come in");
        IrcClient::with_token(&server, &issuer::good("Ann"));
    }
}
