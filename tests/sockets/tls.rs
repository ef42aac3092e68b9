//! TLS at both ports: the same rooms, for clients that verify the server.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use roomd::Settings;
use roomd_tls::{Application, Dialer, Trust, Tunnel, self_signed};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use serde_json::json;

use crate::harness::{DEADLINE, Http, LineClient, TestServer, WebSocketClient, http, until};

/// A certificate in a directory of its own, which is removed with it.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let files = Self(folder);
        files.renew();
        files
    }

    /// Another key and another certificate, under the same names.
    fn renew(&self) {
        let pair = self_signed(&["localhost".to_owned()]).unwrap();
        fs::write(self.0.join("cert.pem"), pair.certificate).unwrap();
        fs::write(self.0.join("key.pem"), pair.key).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// A client that trusts the certificate that is in the file now.
    fn dialer(&self) -> Dialer {
        Dialer::new(&Trust::Only(self.0.join("cert.pem"))).unwrap()
    }

    fn server(&self, change: impl FnOnce(&mut Settings)) -> TestServer {
        let mut server = TestServer::with(|settings| {
            (settings.tls_cert, settings.tls_key) = (Some(self.path("cert.pem")), Some(self.path("key.pem")));
            change(settings);
        });
        server.dialer = Some(self.dialer());
        server
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // It is in the build directory, where a leftover does no harm.
        _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_protocol_leads_to_the_same_room_over_tls() {
    let files = Files::new();
    let server = files.server(|_| ());
    let mut text = WebSocketClient::text(&server, "lobby", "Tess");
    let mut line = LineClient::named(&server, "Lina");
    text.wait_for("Lina joined the room");
    let sent = http::post(&server, "/api/v1/rooms/lobby/messages", &json!({"user": "cron", "message": "done"}));
    assert_eq!(sent.status, 201);
    text.receives("cron: done");
    line.receives("cron: done");
    line.say("hello");
    text.receives("Lina: hello");
    text.say("hi");
    line.receives("Tess: hi");
}

#[test]
fn a_client_without_tls_is_told_so_in_its_own_protocol() {
    let files = Files::new();
    let server = files.server(|_| ());
    let mut http = Http::over(server.http_socket());
    http.request("GET /", "", "");
    let answer = http.answer();
    assert_eq!((answer.status, answer.field("Connection")), (400, Some("close")));
    assert!(answer.body.contains("This port speaks TLS"), "{}", answer.body);
    let mut lines = server.lines_socket();
    lines.write_all(b"hello\n").unwrap();
    let mut request = String::new();
    lines.read_to_string(&mut request).unwrap();
    assert_eq!(request, "Error: This port speaks TLS\n");
}

#[test]
fn browsers_are_told_to_use_tls_only_over_tls() {
    const HSTS: &str = "Strict-Transport-Security";
    let files = Files::new();
    let server = files.server(|_| ());
    assert_eq!(http::get(&server, "/").field(HSTS), Some("max-age=31536000"));
    assert_eq!(http::get(&server, "/nothing").field(HSTS), Some("max-age=31536000"));
    let plain = TestServer::start();
    assert_eq!(http::get(&plain, "/").field(HSTS), None);
}

#[test]
fn over_tls_a_page_without_tls_is_of_another_origin() {
    let files = Files::new();
    let server = files.server(|_| ());
    let status = |origin: &str| Http::connect(&server).upgrade("/ws", &format!("Origin: {origin}\r\n")).0.status;
    assert_eq!((status("https://roomd.test"), status("http://roomd.test")), (101, 403));
}

/// The error of a handshake that fails.
fn no_handshake(tunnel: &Tunnel, socket: &TcpStream) -> std::io::Error {
    tunnel.shake_hands(socket, Instant::now() + DEADLINE, || tunnel.compute()).unwrap_err()
}

/// Makes a handshake with rustls itself; the version that the two agree on.
fn agree(server: &TestServer, files: &Files, versions: &[&'static SupportedProtocolVersion]) -> ProtocolVersion {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(files.path("cert.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_protocol_versions(versions).unwrap().with_root_certificates(roots).with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut socket = server.http_socket();
    while client.is_handshaking() {
        client.complete_io(&mut socket).unwrap();
    }
    let version = client.protocol_version().unwrap();
    let mut stream = rustls::Stream::new(&mut client, &mut socket);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    version
}

#[test]
fn tls_1_2_and_1_3_are_spoken() {
    let files = Files::new();
    let server = files.server(|_| ());
    assert_eq!(agree(&server, &files, &[&rustls::version::TLS12]), ProtocolVersion::TLSv1_2);
    assert_eq!(agree(&server, &files, &[&rustls::version::TLS13]), ProtocolVersion::TLSv1_3);
    assert_eq!(agree(&server, &files, rustls::ALL_VERSIONS), ProtocolVersion::TLSv1_3);
}

#[test]
fn a_certificate_is_reloaded_without_affecting_connected_clients() {
    let files = Files::new();
    let mut server = files.server(|_| ());
    let mut early = WebSocketClient::text(&server, "den", "Ella");
    let old = files.dialer();
    let ends = |server: &TestServer| {
        let ends = server.server().certificate_validity().unwrap().ends;
        let seconds = ends.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let line = format!("\nroomd_certificate_expiry_timestamp_seconds {seconds}\n");
        String::from_utf8(server.server().figures()).unwrap().contains(&line)
    };
    assert!(ends(&server), "when the certificate ends is a figure");
    files.renew();
    server.server().reload((*server.server().settings()).clone()).unwrap();
    assert!(ends(&server));
    let refused = old.dial("localhost", Application::Http).unwrap();
    let refused = no_handshake(&refused, &server.http_socket());
    assert!(refused.to_string().contains("certificate"), "{refused}");
    server.dialer = Some(files.dialer());
    let mut late = WebSocketClient::text(&server, "den", "Lena");
    early.wait_for("Lena joined the room");
    late.say("hi");
    early.receives("Lena: hi");
    fs::write(files.path("key.pem"), "no key").unwrap();
    let sentence = server.server().reload((*server.server().settings()).clone()).unwrap_err();
    assert!(sentence.starts_with("cannot read the key "), "{sentence}");
    early.say("still here");
    late.wait_for("Ella: still here");
    assert_eq!(http::get(&server, "/healthz").status, 200);
}

#[test]
fn an_unusable_certificate_is_an_error_in_a_sentence() {
    let files = Files::new();
    let start = |cert: &str, key: &str| {
        let settings =
            Settings { tls_cert: Some(files.path(cert)), tls_key: Some(files.path(key)), ..Settings::default() };
        let Err(error) = roomd::Server::start(settings, |_| ()) else { panic!("it starts") };
        error.to_string()
    };
    assert!(start("absent.pem", "key.pem").starts_with("cannot read the certificate "));
    assert!(start("key.pem", "key.pem").starts_with("there is no certificate in "));
    assert!(start("cert.pem", "cert.pem").starts_with("cannot read the key "));
    fs::write(files.path("other.pem"), self_signed(&["localhost".to_owned()]).unwrap().key).unwrap();
    assert!(start("cert.pem", "other.pem").contains(" is not the key of the certificate "));
    let half = Settings { tls_cert: Some(files.path("cert.pem")), ..Settings::default() };
    let Err(error) = roomd::Server::start(half, |_| ()) else { panic!("it starts") };
    assert_eq!(error.to_string(), "a certificate (tls-cert) needs its key (tls-key)");
}

#[test]
fn a_browser_at_the_line_port_fails_in_the_handshake() {
    let files = Files::new();
    let server = files.server(|_| ());
    for (socket, application) in
        [(server.lines_socket(), Application::Http), (server.http_socket(), Application::Lines)]
    {
        let tunnel = files.dialer().dial("localhost", application).unwrap();
        let refused = no_handshake(&tunnel, &socket);
        assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
    }
}

/// Has a member receive more than its socket holds, so that it falls behind.
fn behind(server: &TestServer, read: impl FnOnce(&mut WebSocketClient)) {
    let mut reader = WebSocketClient::text(server, "den", "Rita");
    let mut publisher = WebSocketClient::open(server, "/ws?room=den&user=Paul&format=json&echo=false");
    publisher.wait_for_type("joined");
    reader.wait_for("Paul joined the room");
    for number in 0..400 {
        let message = format!("{number} {}", "x".repeat(30_000 + 7 * number));
        let sent = publisher.ask(json!({"type": "message", "room": "den", "message": message}));
        assert_eq!(sent["type"], "sent", "{sent}");
    }
    read(&mut reader);
}

#[test]
fn bytes_that_do_not_fit_into_the_socket_follow_whole_and_in_order() {
    let files = Files::new();
    let server = files.server(|settings| {
        settings.limits.outbox_bytes = 64 * 1024 * 1024;
        settings.limits.outbox_messages = 1_000;
    });
    behind(&server, |reader| {
        for number in 0..400 {
            let received = reader.receive();
            let expected = format!("Paul: {number} {}", "x".repeat(30_000 + 7 * number));
            assert!(received == expected, "{number}: {} bytes of {}", received.len(), expected.len());
        }
    });
}

#[test]
fn a_client_that_never_reads_is_too_slow_over_tls_as_well() {
    let files = Files::new();
    let server = files.server(|settings| {
        settings.limits.outbox_bytes = 256 * 1024;
        settings.limits.write_timeout = Duration::from_millis(500);
    });
    behind(&server, |reader| {
        let ending = reader.ending();
        assert!(matches!(ending.code, Some(4450) | None), "{:?}", ending.code);
    });
}

#[test]
fn a_line_client_that_closes_tls_leaves_and_one_that_is_cut_off_may_resume() {
    let files = Files::new();
    let server = files.server(|settings| settings.limits.grace = DEADLINE);
    let mut witness = WebSocketClient::text(&server, "lobby", "Wim");
    let mut polite = LineClient::named(&server, "Polly");
    let name = "Polly joined the room";
    witness.wait_for(name);
    polite.finish();
    witness.receives("Polly left the room");
    polite.ending();
    assert_eq!(server.engine().sessions.detached(), 0);
    let cut = LineClient::named(&server, "Curt");
    witness.wait_for("Curt joined the room");
    cut.stream().shutdown(std::net::Shutdown::Write).unwrap();
    until("the session that was cut off is parked", || server.engine().sessions.detached() == 1);
}

#[test]
fn a_stop_is_a_goodbye_a_close_and_the_end_of_tls() {
    let files = Files::new();
    let server = files.server(|_| ());
    let mut socket = WebSocketClient::json(&server, "den", "Gil");
    let mut line = LineClient::guest(&server);
    let ended = std::thread::spawn(move || {
        let ending = socket.ending();
        // Not a reset: the tunnel was closed cleanly.
        let rest = socket.stream().read(&mut [0]).unwrap();
        (ending, rest, line.ending())
    });
    server.stop();
    let (ending, rest, lines) = ended.join().unwrap();
    assert_eq!((ending.code, ending.goodbye()["reason"].as_str(), rest), (Some(1001), Some("closing"), 0));
    assert_eq!(lines.last().map(String::as_str), Some("* The server is shutting down"));
}

#[test]
fn a_client_that_is_slow_with_the_handshake_loses_its_place_at_the_deadline() {
    let files = Files::new();
    let server = files.server(|settings| {
        settings.limits.connections_max = 2;
        settings.limits.head_timeout = Duration::from_millis(200);
    });
    // A record that is announced and does not come, and a client that sends nothing.
    let mut half = server.http_socket();
    half.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
    let mute = server.lines_socket();
    until("both have a place", || server.server().connections() == 2);
    let mut client = WebSocketClient::text(&server, "den", "Hana");
    client.say("in");
    client.receives("Hana: in");
    for mut socket in [half, mute] {
        match socket.read(&mut [0; 16]) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_invalid_handshake_ends_with_an_alert() {
    let files = Files::new();
    let server = files.server(|_| ());
    for (bytes, alert) in [
        // A record of an unknown version, one that is too long, and an invalid handshake.
        (&[22, 9, 9, 0, 5, 1, 0, 0, 1, 0][..], true),
        (&[22, 3, 1, 255, 255, 1], true),
        (&[22, 3, 1, 0, 4, 99, 0, 0, 0], true),
        (&[22], false),
    ] {
        let mut socket: TcpStream = server.http_socket();
        socket.write_all(bytes).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        _ = socket.read_to_end(&mut answer);
        assert_eq!(answer.first(), alert.then_some(&21), "{bytes:?}: {answer:?}");
    }
    assert_eq!(http::get(&server, "/healthz").status, 200);
}

#[test]
fn a_client_that_is_turned_away_before_the_handshake_gets_an_alert() {
    let files = Files::new();
    let server = files.server(|settings| {
        settings.limits.connections_max = 1;
        settings.limits.waiting_max = 0;
    });
    let _first = WebSocketClient::text(&server, "den", "Una");
    for socket in [server.http_socket(), server.lines_socket()] {
        let tunnel = files.dialer().dial("localhost", Application::Http).unwrap();
        let refused = no_handshake(&tunnel, &socket);
        assert!(refused.to_string().contains("InternalError"), "{refused}");
    }
}

#[test]
fn keys_are_updated_during_a_conversation() {
    let files = Files::new();
    let server = files.server(|_| ());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(files.path("cert.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = rustls::StreamOwned::new(client, server.lines_socket());
    // The handshake first, and the greeting, and the notice of its own join.
    stream.write_all(b"/join lobby\n").unwrap();
    let mut entered = String::new();
    while !entered.contains(" joined the room\n") {
        let mut bytes = [0; 256];
        let count = stream.read(&mut bytes).unwrap();
        entered.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    let mut witness = WebSocketClient::text(&server, "lobby", "Wim");
    for number in 0..20 {
        stream.conn.refresh_traffic_keys().unwrap();
        stream.write_all(format!("message {number}\n").as_bytes()).unwrap();
        let received = witness.receive();
        assert!(received.ends_with(&format!(": message {number}")), "{received}");
        witness.say(&format!("answer {number}"));
        witness.receives(&format!("Wim: answer {number}"));
    }
    stream.write_all(b"/quit\n").unwrap();
    let mut received = String::new();
    stream.read_to_string(&mut received).unwrap();
    assert!((0..20).all(|number| received.contains(&format!("Wim: answer {number}\n"))), "{received}");
}
