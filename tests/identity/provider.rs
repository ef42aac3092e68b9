//! An OpenID Connect provider of the tests, which says what it is told to say, true or not.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::DEADLINE;

const ED: &str = include_str!("../tokens/keys/ed.pem");
const ED_PUBLIC: &str = include_str!("../tokens/keys/ed.pub.pem");
const SECRET: &str = "a secret & more";

/// What it says of the user who logs in, and of itself.
#[derive(Clone)]
pub struct Says {
    /// The claims of its ID tokens, over those that are right.
    pub claims: Value,
    /// What its userinfo endpoint says.
    pub userinfo: Value,
    /// Its metadata, over those that are right.
    pub metadata: Value,
    /// Signs with a key that is not in its set.
    pub by_another_key: bool,
    /// Answers nothing until it is told otherwise.
    pub is_silent: bool,
}

struct State {
    says: Mutex<Says>,
    changed: Condvar,
    /// The nonce and the challenge of the login that it has seen last.
    login: Mutex<(String, String)>,
}

/// See the module.
pub struct Provider {
    address: SocketAddr,
    state: Arc<State>,
}

impl Provider {
    /// One that names this user.
    pub fn start(subject: &str, name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let says = Says {
            claims: json!({"sub": subject, "preferred_username": name}),
            userinfo: json!({"sub": subject}),
            metadata: json!({}),
            by_another_key: false,
            is_silent: false,
        };
        let state = Arc::new(State { says: Mutex::new(says), changed: Condvar::new(), login: Mutex::default() });
        let served = Arc::clone(&state);
        // They end with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state) = (stream.unwrap(), Arc::clone(&served));
                std::thread::spawn(move || serve(stream, &state, address));
            }
        });
        Self { address, state }
    }

    /// The words of the setting, with these behind them; its secret is in a file of that folder.
    pub fn setting(&self, id: &str, place: &std::path::Path, more: &str) -> String {
        let secret = place.join("provider.secret");
        std::fs::write(&secret, SECRET).unwrap();
        format!("id={id} issuer={} client=roomd secret-file={} {more}", self.issuer(), secret.display())
    }

    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has it say something else.
    pub fn change(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.state.says.lock().unwrap());
        self.state.changed.notify_all();
    }

    /// Sees a browser with these parameters, and lets its user in.
    pub fn see(&self, parameters: &HashMap<String, String>) {
        assert_eq!(parameters["response_type"], "code");
        assert_eq!(parameters["client_id"], "roomd");
        assert_eq!(parameters["code_challenge_method"], "S256");
        assert!(parameters["scope"].split(' ').any(|scope| scope == "openid"));
        *self.state.login.lock().unwrap() = (parameters["nonce"].clone(), parameters["code_challenge"].clone());
    }
}

fn serve(mut stream: TcpStream, state: &State, address: SocketAddr) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    for line in reader.by_ref().lines().map_while(Result::ok) {
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)).map(str::to_owned) else { return };
    let field = |name: &str| {
        head.iter().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let mut body = vec![0; field("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    let says = {
        let says = state.says.lock().unwrap();
        let (says, late) = state.changed.wait_timeout_while(says, DEADLINE, |says| says.is_silent).unwrap();
        assert!(!late.timed_out(), "the provider is never told to answer");
        says.clone()
    };
    let (status, answer) = match &*path {
        "/.well-known/openid-configuration" => (200, metadata(address, &says)),
        "/jwks" => (200, keys()),
        "/token" => {
            tokens(&parameters(&String::from_utf8(body).unwrap()), field("authorization"), state, &says, address)
        }
        "/userinfo" if field("authorization").as_deref() == Some("Bearer opaque") => (200, says.userinfo),
        _ => (404, json!({})),
    };
    let answer = answer.to_string();
    let length = answer.len();
    _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{answer}"
    );
}

fn metadata(address: SocketAddr, says: &Says) -> Value {
    let issuer = format!("http://{address}");
    let mut metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/auth?tenant=a"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
    });
    over(&mut metadata, &says.metadata);
    metadata
}

fn keys() -> Value {
    let pem: String = ED_PUBLIC.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(pem).unwrap();
    let x = URL_SAFE_NO_PAD.encode(&der[der.len() - 32..]);
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "one", "x": x}]})
}

/// The answer to who has a code, as RFC 6749 §4.1.4 and RFC 7636 §4.6 say.
fn tokens(
    form: &HashMap<String, String>,
    authorization: Option<String>,
    state: &State,
    says: &Says,
    address: SocketAddr,
) -> (u16, Value) {
    let (nonce, challenge) = state.login.lock().unwrap().clone();
    let encoded: String = percent_encoding::utf8_percent_encode(SECRET, percent_encoding::NON_ALPHANUMERIC).to_string();
    let expected = format!("Basic {}", STANDARD.encode(format!("roomd:{encoded}")));
    if authorization.as_deref() != Some(&expected) {
        return (401, json!({"error": "invalid_client"}));
    }
    let verifier = form.get("code_verifier").map(String::as_str).unwrap_or_default();
    let is_its = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge;
    let is_code = form.get("code").is_some_and(|code| code == "good") && form["grant_type"] == "authorization_code";
    if !is_its || !is_code || !form["redirect_uri"].ends_with("/callback") {
        return (400, json!({"error": "invalid_grant"}));
    }
    let mut claims = json!({
        "iss": format!("http://{address}"),
        "aud": "roomd",
        "exp": 4_000_000_000_u64,
        "iat": 1_700_000_000,
        "nonce": nonce,
    });
    over(&mut claims, &says.claims);
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::EdDSA) };
    let token = if says.by_another_key {
        let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &EncodingKey::from_secret(ED_PUBLIC.as_bytes())).unwrap()
    } else {
        encode(&header, &claims, &EncodingKey::from_ed_pem(ED.as_bytes()).unwrap()).unwrap()
    };
    (200, json!({"id_token": token, "access_token": "opaque", "token_type": "Bearer"}))
}

/// Puts each field in its place; null removes it.
fn over(object: &mut Value, other: &Value) {
    let object = object.as_object_mut().unwrap();
    for (name, value) in other.as_object().unwrap() {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
}

/// Names and values of a query or a form.
pub fn parameters(text: &str) -> HashMap<String, String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}
