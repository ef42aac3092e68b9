//! An issuer whose keys are at a URL: fetched, renewed, and kept while it is away.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use crate::harness::{DEADLINE, Place, Server};

const ED: &str = include_str!("../tokens/keys/ed.pem");
const ED_PUBLIC: &str = include_str!("../tokens/keys/ed.pub.pem");

/// Serves a set of keys over HTTP, which can be exchanged; an empty one is answered with 503.
struct KeyServer {
    address: SocketAddr,
    keys: Arc<Mutex<String>>,
}

impl KeyServer {
    fn start(keys: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let keys = Arc::new(Mutex::new(keys));
        let served = Arc::clone(&keys);
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
                assert!(head.count() > 1);
                let keys = served.lock().unwrap().clone();
                let status = if keys.is_empty() { "503 Service Unavailable" } else { "200 OK" };
                let length = keys.len();
                _ = write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{keys}");
            }
        });
        Self { address, keys }
    }

    fn serve(&self, keys: String) {
        *self.keys.lock().unwrap() = keys;
    }

    fn flag(&self) -> String {
        format!("--jwt-key=http://{}/keys", self.address)
    }
}

/// The key of the tests as a set of keys, under this id.
fn key_set(kid: &str) -> String {
    let pem: String = ED_PUBLIC.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(pem).unwrap();
    let x = URL_SAFE_NO_PAD.encode(&der[der.len() - 32..]);
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x}]}).to_string()
}

/// A token of the issuer, by the key of this id.
fn token(kid: &str) -> String {
    let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(3_600);
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
    let claims = json!({"sub": "alice", "exp": end.as_secs()});
    encode(&header, &claims, &EncodingKey::from_ed_pem(ED.as_bytes()).unwrap()).unwrap()
}

/// Has the server read its settings and keys again, and waits until it answers so.
fn reload_until(server: &Server, token: &str, accepted: bool) {
    server.hang_up();
    let until = Instant::now() + DEADLINE;
    while server.me(token).is_ok() != accepted {
        assert!(Instant::now() < until, "the keys are not renewed");
    }
}

#[test]
fn the_keys_at_a_url_are_fetched_and_renewed_and_stay_while_the_issuer_is_away() {
    let place = Place::new();
    let issuer = KeyServer::start(key_set("one"));
    let server = place.serve(&[&issuer.flag()]);
    assert_eq!(server.me(&token("one")).unwrap()["user"], "alice");
    assert_eq!(server.me(&token("two")), Err(401));
    issuer.serve(key_set("two"));
    reload_until(&server, &token("two"), true);
    assert_eq!(server.me(&token("one")), Err(401));
    issuer.serve(String::new());
    server.hang_up();
    // It has tried when it says so; what it knew holds.
    assert_eq!(server.me(&token("two")).unwrap()["user"], "alice");
    issuer.serve("no keys".to_owned());
    reload_until(&server, &token("two"), true);
    server.stop();
}

#[test]
fn a_server_starts_while_the_issuer_is_away_and_has_its_keys_when_it_is_back() {
    let place = Place::new();
    let issuer = KeyServer::start(String::new());
    let server = place.serve(&[&issuer.flag()]);
    assert_eq!(server.me(&token("one")), Err(401));
    issuer.serve(key_set("one"));
    reload_until(&server, &token("one"), true);
    let log = server.stop();
    assert!(log.contains("the issuer's keys were not fetched") && log.contains("503"), "{log}");
    assert!(log.contains("the issuer's keys are there again"), "{log}");
}

#[test]
fn keys_that_anybody_on_the_way_could_replace_are_refused() {
    let place = Place::new();
    for url in ["http://issuer.example/keys", "http://127.0.0.1.example/keys", "http://127.0.0.1@issuer.example/keys"] {
        let refused =
            place.run(&["serve", "--data=off", "--listen=127.0.0.1:0", "--lines=off", &format!("--jwt-key={url}")]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && said.contains("has no TLS"), "{said}");
    }
}
