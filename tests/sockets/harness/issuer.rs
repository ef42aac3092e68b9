//! An issuer of tokens that a server of the tests accepts, and names that are claimed.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use jsonwebtoken::{EncodingKey, Header, encode};
use roomd::Settings;
use roomd::chat::{Time, UserName};
use serde_json::{Value, json};

use super::{Http, TestServer, WebSocketClient};

const SECRET: &str = "the secret of the issuer of the tests";

/// Has a server accept the tokens of the issuer.
pub fn accept(settings: &mut Settings) {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("issuer.secret");
    // Each process writes the same file, and writes it whole.
    let draft = path.with_extension(format!("{:?}", std::thread::current().id()));
    fs::write(&draft, SECRET).unwrap();
    fs::rename(draft, &path).unwrap();
    settings.jwt_secret_file = Some(path.to_str().unwrap().to_owned());
}

/// A server that accepts the issuer's tokens.
pub fn server(change: impl FnOnce(&mut Settings)) -> TestServer {
    TestServer::with(|settings| {
        accept(settings);
        change(settings);
    })
}

/// A token of the issuer.
pub fn token(says: Value) -> String {
    encode(&Header::default(), &says, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// A token of this user that lasts so long.
pub fn lasting(user: &str, life: Duration) -> String {
    let end = SystemTime::now() + life;
    token(json!({"sub": user, "exp": Time::from(end).0 / 1_000}))
}

/// A token of this user that outlasts any test.
pub fn good(user: &str) -> String {
    lasting(user, Duration::from_secs(3_600))
}

/// The header field with a token.
pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// Registers a name, and returns its token.
pub fn claim(server: &TestServer, name: &str) -> String {
    server.engine().claim(&UserName::parse(name).unwrap(), None).unwrap_or_else(|refusal| panic!("{refusal}")).token
}

/// A connection that sends a token in its head, and has received nothing yet.
pub fn connect(server: &TestServer, path: &str, token: &str) -> WebSocketClient {
    let (answer, http) = Http::connect(server).upgrade(path, &bearer(token));
    assert_eq!(answer.status, 101, "no WebSocket: {answer:?}");
    WebSocketClient::after(http)
}

/// A connection of the user that the token names, in no room; and its welcome.
pub fn welcomed(server: &TestServer, token: &str) -> (WebSocketClient, Value) {
    let mut client = connect(server, "/ws", token);
    let welcome = client.event_of("welcome");
    (client, welcome)
}
