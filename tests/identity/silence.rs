//! No token is ever printed: not in a log at its loudest, not in an error, not in a list of keys.

use std::io::{BufRead, BufReader, Read, Write};

use crate::harness::{Place, Server, bearer};

/// Asks for a WebSocket, and says something over it if there is one; what came back first.
fn upgrade(server: &Server, target: &str, fields: &str, first: &str) -> String {
    let mut stream = server.http();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: roomd.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    // A frame that is masked with zeros.
    let length = u16::try_from(first.len()).unwrap().to_be_bytes();
    let frame = [&[0x81, 0x80 | 126, length[0], length[1], 0, 0, 0, 0], first.as_bytes()].concat();
    stream.write_all(&frame).unwrap();
    stream.write_all(&[0x88, 0x80, 0, 0, 0, 0]).unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    String::from_utf8_lossy(&heard).into_owned()
}

#[test]
fn no_token_is_in_the_log_or_in_an_answer() {
    let place = Place::new();
    let server = place.serve(&[]);
    let good = place.token(&["--user", "alice"]);
    let other = Place::new();
    other.serve(&[]).stop();
    let foreign = other.token(&["--user", "alice"]);
    let (head, _) = good.rsplit_once('.').unwrap();
    let bad = format!("{head}.AAAA");
    let claimed = server.ask("POST", "/api/v1/claims", "", "{\"name\":\"Bob\"}").1;
    let claimed = claimed["token"].as_str().unwrap().to_owned();
    let mut answers = Vec::new();
    for token in [&good, &bad, &foreign, &claimed] {
        answers.push(format!("{:?}", server.me(token)));
        for (target, fields) in [
            ("/api/v1/rooms".to_owned(), bearer(token)),
            (format!("/api/v1/rooms?token={token}"), String::new()),
            (format!("/no/such/place?token={token}"), String::new()),
        ] {
            answers.push(format!("{:?}", server.ask("GET", &target, &fields, "")));
        }
        for kind in ["auth", "refresh", token] {
            let command = format!("{{\"type\":\"{kind}\",\"token\":\"{token}\"}}");
            answers.push(upgrade(&server, "/ws", "", &command));
            answers.push(upgrade(&server, "/ws", &bearer(token), &command));
        }
        // What is no command is told where it is wrong, and not what it was.
        answers.push(upgrade(&server, "/ws", "", &format!("{{\"type\":\"auth\",\"token\":{token}")));
        answers.push(upgrade(&server, &format!("/ws?token={token}&user=Mallory"), "", "{}"));
        answers.push(upgrade(
            &server,
            "/ws",
            &format!("Sec-WebSocket-Protocol: bearer.{token}, roomd.v1.json\r\n"),
            "{}",
        ));
        let mut lines = server.lines();
        write!(lines, "/auth {token}\n/refresh {token}\n/auth {token} again\n/quit\n").unwrap();
        answers.push(BufReader::new(lines).lines().map(Result::unwrap).collect::<Vec<_>>().join("\n"));
    }
    let log = server.stop();
    assert!(log.contains("session identified") && log.contains("name claimed"), "{log}");
    for token in [&good, &bad, &foreign, &claimed] {
        // Nor a part of one: what it says, or its signature.
        for part in token.split('.').skip(1).filter(|part| part.len() > 8) {
            assert!(!log.contains(part), "a token is in the log:\n{log}");
            for answer in &answers {
                assert!(!answer.contains(part), "a token is in the answer {answer}");
            }
        }
    }
}
