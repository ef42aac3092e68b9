//! The HTTP port: the head of a request, its body's length, and what is answered.
//!
//! Exercises `net::http::head::parse`, `BodyLength::of` and `body::read_from`, and then `net::http::upgrade` and `net::http::routes` (their
//! addresses, queries and JSON bodies) on a server without sockets that opens no room. What is
//! accepted is read a second time by simple code of this file: two readers must not see two requests
//! in the same bytes.

use std::io;
use std::sync::{Arc, LazyLock};

use roomd::auth::Auth;
use roomd::chat::{Allowance, Limits, Rate};
use roomd::engine::Engine;
use roomd::engine::base::clock::Clock;
use roomd::engine::base::threads::Threads;
use roomd::engine::guards::address::{Address, ClientAddress};
use roomd::engine::guards::admission::Admission;
use roomd::net::context::ServerContext;
use roomd::net::http::api_request::ApiRequest;
use roomd::net::http::body::{self, BodyLength};
use roomd::net::http::head::{self, FIELDS_MAX, HEAD_BYTES_MAX, HeadError, RequestHead};
use roomd::net::http::origin::Origin;
use roomd::net::http::response::{Persistence, Response};
use roomd::net::http::routes::{self, Place};
use roomd::net::http::upgrade;
use roomd::net::proxies;
use roomd::settings::Settings;
use roomd::store::Memory;
use roomd::sync::ArcCell;

/// Heads up to this length are cut at every byte.
const CUT_BYTES_MAX: usize = 256;
/// Bytes of a body, at most.
const BODY_BYTES_MAX: usize = 1024;

static CONTEXT: LazyLock<ServerContext> = LazyLock::new(|| {
    let limits = Limits { rate_per_s: 0, ..Limits::default() };
    let settings = Settings { echo_route: true, limits: limits.clone(), ..Settings::default() };
    let threads = Threads::new();
    let opener = Box::new(|_, _| Err(io::ErrorKind::Unsupported.into()));
    let engine = Engine::new(
        Arc::new(ArcCell::new(limits.clone())),
        Arc::clone(&threads),
        Clock::start(),
        Arc::new(Memory),
        Auth::guests_only(),
        Arc::default(),
        opener,
    );
    let admission = Admission::open(&threads, &limits, 1).expect("the machine gives a thread");
    let settings = Arc::new(ArcCell::new(settings));
    ServerContext {
        engine,
        admission,
        settings,
        registering: Default::default(),
        certificate: None,
        logins: Default::default(),
        has_ignored_user: Default::default(),
    }
});

/// Feeds one input.
///
/// # Panics
/// When something does not hold that must.
pub fn run(input: &[u8]) {
    let mut space = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let (request, length) = match head::parse(input, &mut space) {
        Ok(Some(parsed)) => parsed,
        Ok(None) => return assert!(input.len() < HEAD_BYTES_MAX, "a head is not waited for without end"),
        Err(HeadError::Status(400 | 431 | 505, _)) => return,
        Err(other) => panic!("{other:?} for a head"),
    };
    let (head, rest) = input.split_at(length);
    does_not_depend_on_what_follows(head, &request);
    let fields = fields(head);
    for (name, _) in &fields {
        let same = fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        assert!(request.values(name).eq(same.map(|(_, value)| *value)), "{name} in {request:?}");
    }
    let length = match BodyLength::of(&request) {
        Ok(length) => length,
        Err(HeadError::Status(400 | 501, _)) => return,
        Err(other) => panic!("{other:?} for a length"),
    };
    for (name, value) in &fields {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        let bytes = || std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).map(BodyLength::Bytes);
        assert!(!is("transfer-encoding") || length == BodyLength::Chunked, "{request:?} with {length:?}");
        assert!(!is("content-length") || bytes() == Some(length), "{request:?} with {length:?}");
    }
    if let Some(body) = body(length, rest) {
        answer(&request, body);
    }
}

/// The body in these bytes, or their beginning if they are only a part of it; it is the same however it arrives.
fn body(length: BodyLength, bytes: &[u8]) -> Option<Vec<u8>> {
    let read = |at_once: usize| {
        let (mut buffer, mut rest) = (Vec::new(), bytes);
        let body = body::read_from(&mut buffer, length, BODY_BYTES_MAX, &mut |buffer, most| {
            let (part, after) = rest.split_at(at_once.min(most).min(rest.len()));
            rest = after;
            buffer.extend_from_slice(part);
            if part.is_empty() { Err(HeadError::Gone) } else { Ok(()) }
        });
        body.map(|body| {
            assert!(body.len() <= BODY_BYTES_MAX, "a body has a greatest length");
            buffer.extend_from_slice(rest);
            (body, buffer)
        })
    };
    let whole = read(bytes.len().max(1));
    assert_eq!(whole, read(1), "a body does not depend on how it arrives");
    match whole {
        Ok((body, _)) => Some(body),
        Err(HeadError::Gone) if length != BodyLength::Chunked => Some(bytes.to_vec()),
        Err(HeadError::Gone | HeadError::Status(400 | 413 | 431, _)) => None,
        Err(other) => panic!("{other:?} for a body"),
    }
}

/// The same head is accepted alone, and waited for while it is not whole.
fn does_not_depend_on_what_follows(head: &[u8], request: &RequestHead<'_>) {
    let mut space = [httparse::EMPTY_HEADER; FIELDS_MAX];
    assert_eq!(head::parse(head, &mut space), Ok(Some((*request, head.len()))));
    if head.len() <= CUT_BYTES_MAX {
        for length in 0..head.len() {
            let mut space = [httparse::EMPTY_HEADER; FIELDS_MAX];
            let cut = head::parse(&head[..length], &mut space);
            assert_eq!(cut, Ok(None), "after {length} bytes of {request:?}");
        }
    }
}

/// Reads a head as the simplest reader would: lines that end with CR LF, names before the colon.
fn fields(head: &[u8]) -> Vec<(&str, &[u8])> {
    let mut rest = head;
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        rest = after;
    }
    let first = line(&mut rest);
    assert_eq!(first.iter().filter(|byte| **byte == b' ').count(), 2, "{first:?} is a request line");
    let mut fields = Vec::new();
    loop {
        let field = line(&mut rest);
        if field.is_empty() {
            assert!(rest.is_empty(), "a head ends with its first empty line");
            return fields;
        }
        let colon = field.iter().position(|byte| *byte == b':').expect("a field has a colon");
        let name = std::str::from_utf8(&field[..colon]).expect("a name is ASCII");
        assert!(!name.is_empty() && !name.contains([' ', '\t']), "{name:?}");
        fields.push((name, field[colon + 1..].trim_ascii()));
    }
}

/// Takes the first line off `rest`, without its end.
fn line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.windows(2).position(|two| two == b"\r\n").expect("a line ends with CR LF");
    let (line, after) = rest.split_at(end);
    *rest = &after[2..];
    assert!(!line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0')), "{line:?}");
    line
}

fn answer(request: &RequestHead<'_>, body: Vec<u8>) {
    let request = &match routes::place(&CONTEXT, request, "/chat") {
        Place::Here(request) => request,
        Place::Moved(response) => return well_formed(&response),
    };
    let origin = Origin::of(&CONTEXT, request, &[request.host], false);
    let ip = proxies::forwarded(request, &CONTEXT.settings.load().trusted_proxies);
    let from = ClientAddress { ip, counted: ip.map(Address::from) };
    if request.method == "GET" && upgrade::is_path(&CONTEXT, request.path) {
        return match upgrade::grant(&CONTEXT, request, origin, from) {
            Ok(_) => {}
            Err(response) => well_formed(&response),
        };
    }
    let mut allowance = Allowance::full(Rate { burst: 1, per_s: 0 });
    let mut visit = ApiRequest {
        head: request,
        body,
        allowance: &mut allowance,
        origin,
        address: from,
        base_path: "",
        host: request.host,
        is_secure: false,
        operator: None,
        authenticated: None,
    };
    well_formed(&routes::answer(&CONTEXT, &mut visit));
    assert!(CONTEXT.engine.hub.is_empty(), "a room that does not open is no room");
}

fn well_formed(response: &Response) {
    let bytes = response.bytes(Persistence::Persist, false);
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut fields);
    let length = match head.parse(&bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        other => panic!("{other:?}"),
    };
    assert!(head.code.is_some_and(|code| (200..600).contains(&code)));
    let announced = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let announced = announced.and_then(|field| std::str::from_utf8(field.value).ok()?.parse().ok());
    assert_eq!(announced.unwrap_or(0), bytes.len() - length, "a body is as long as it is announced");
}
