//! Logging in at an OpenID Connect provider: what it takes, and each lie of a provider.

use std::io::{Read as _, Write as _};
use std::sync::mpsc;

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Place, Server, bearer};
use crate::provider::{Provider, Says, parameters};

/// An answer as text.
struct Page {
    status: u16,
    head: String,
    body: String,
}

impl Page {
    fn field(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split_once(": ").is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        self.head.lines().find(named).and_then(|line| Some(line.split_once(": ")?.1))
    }

    /// What stands in the page as this attribute.
    fn data(&self, name: &str) -> Option<&str> {
        let rest = self.body.split_once(&format!("data-{name}=\""))?.1;
        Some(rest.split_once('"')?.0)
    }

    /// The cookie that it sets, as a browser sends it back.
    fn cookie(&self) -> String {
        self.field("Set-Cookie").unwrap().split(';').next().unwrap().to_owned()
    }
}

fn get(server: &Server, target: &str, fields: &str) -> Page {
    let mut stream = server.http();
    let request = format!("GET {target} HTTP/1.1\r\nHost: chat.test:8000\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Page { status, head: head.to_owned(), body: body.to_owned() }
}

/// A login that has begun: its cookie, and what the provider was sent.
fn begin(server: &Server, provider: &Provider, id: &str) -> (String, String) {
    let page = get(server, &format!("/login/{id}?to=/chat/den"), "");
    assert_eq!(page.status, 303, "{} {}", page.head, page.body);
    let location = page.field("Location").unwrap();
    assert!(location.starts_with(&format!("{}/auth?tenant=a&response_type=code&", provider.issuer())), "{location}");
    let sent = parameters(location.split_once('?').unwrap().1);
    assert_eq!(sent["redirect_uri"], format!("http://chat.test:8000/login/{id}/callback"));
    provider.see(&sent);
    (page.cookie(), sent["state"].clone())
}

fn finish(server: &Server, id: &str, cookie: &str, answer: &str) -> Page {
    get(server, &format!("/login/{id}/callback?{answer}"), &format!("Cookie: a=b; {cookie}\r\n"))
}

/// The page at the end of a login.
fn log_in(server: &Server, provider: &Provider, id: &str) -> Page {
    let (cookie, state) = begin(server, provider, id);
    finish(server, id, &cookie, &format!("code=good&state={state}"))
}

/// A server with this provider, whom the rest of its setting is for.
fn serve(place: &Place, provider: &Provider, more: &str) -> Server {
    place.serve(&[&format!("--oidc-provider={}", provider.setting("sso", &place.0, more))])
}

#[test]
fn who_logs_in_at_a_provider_gets_a_token_of_the_server_for_the_name_there() {
    let (place, provider) = (Place::new(), Provider::start("17", "Ann Meyer"));
    let server = serve(&place, &provider, "label=Example%20Inc.");
    let offered = server.ask("GET", "/api/v1/server", "", "").1;
    assert_eq!(offered["logins"], json!([{"id": "sso", "label": "Example Inc."}]));
    let begun = get(&server, "/login/sso", "");
    let cookie = begun.field("Set-Cookie").unwrap();
    assert!(cookie.contains("; Path=/login/; Max-Age=600; HttpOnly; SameSite=Lax"), "{cookie}");
    let page = log_in(&server, &provider, "sso");
    assert_eq!((page.status, page.data("name"), page.data("to")), (200, Some("Ann-Meyer"), Some("/chat/den")));
    assert_eq!(page.field("Cache-Control"), Some("no-store"));
    assert!(page.field("Set-Cookie").unwrap().contains("Max-Age=0"));
    let token = page.data("token").unwrap().to_owned();
    let me = server.me(&token).unwrap();
    assert_eq!((&me["user"], &me["expires"]), (&json!("Ann-Meyer"), &json!(page.data("expires").unwrap())));
    assert_eq!((&me["admin"], &me["allowed_rooms"]), (&Value::Null, &Value::Null));
    // The same person comes again, and nobody renews such a token.
    assert_eq!(log_in(&server, &provider, "sso").data("name"), Some("Ann-Meyer"));
    assert_eq!(server.ask("POST", "/api/v1/claims", &bearer(&token), "{\"name\":\"Ann-Meyer\"}").0, 403);
    // A name that is given up does not come back with it.
    assert_eq!(server.ask("DELETE", "/api/v1/claims/Ann-Meyer", &bearer(&token), "").0, 204);
    assert_eq!(server.me(&token), Err(401));
    let log = server.stop();
    assert!(log.contains("logged in"), "{log}");
    for secret in [&*token, "opaque", "a secret & more"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret:?} is in the log");
    }
}

#[test]
fn a_login_is_of_the_browser_and_the_provider_where_it_began() {
    let (place, provider) = (Place::new(), Provider::start("17", "ann"));
    let other = Provider::start("18", "bob");
    let settings = [provider.setting("sso", &place.0, ""), other.setting("other", &place.0, "")]
        .map(|it| format!("--oidc-provider={it}"));
    let server = place.serve(&[&settings[0], &settings[1]]);
    let (cookie, state) = begin(&server, &provider, "sso");
    let (stranger, _) = begin(&server, &provider, "sso");
    for (cookie, answer) in [
        ("x=y", format!("code=good&state={state}")),
        (&*stranger, format!("code=good&state={state}")),
        (&*cookie, "code=good&state=x".to_owned()),
        (&*cookie, "code=good".to_owned()),
        ("roomd-login=", format!("code=good&state={state}")),
    ] {
        let page = finish(&server, "sso", cookie, &answer);
        assert_eq!((page.status, page.data("token")), (400, None), "{cookie} {answer}");
        assert!(page.body.contains("not begun in this browser"), "{}", page.body);
    }
    // What has begun at one provider does not end at another.
    let page = finish(&server, "other", &cookie, &format!("code=good&state={state}"));
    assert_eq!((page.status, page.data("token")), (400, None));
    // The verifier is the browser's, so a code that was stolen is of no use in another.
    let (own, own_state) = begin(&server, &provider, "sso");
    _ = begin(&server, &provider, "sso");
    let page = finish(&server, "sso", &own, &format!("code=good&state={own_state}"));
    assert_eq!((page.status, page.data("token")), (502, None));
    let (cookie, state) = begin(&server, &provider, "sso");
    let denied =
        finish(&server, "sso", &cookie, &format!("error=access_denied&error_description=%3Cscript%3E&state={state}"));
    assert_eq!((denied.status, denied.body.contains("<script>")), (403, false));
    assert!(denied.body.contains("did not let you in"));
    assert!(server.stop().contains("invalid_grant"));
}

#[test]
fn a_login_leads_to_a_page_of_this_server_alone() {
    let (place, provider) = (Place::new(), Provider::start("17", "ann"));
    let server = serve(&place, &provider, "");
    for to in [
        "//evil.example",
        "https://evil.example/",
        "/%5Cevil.example",
        "/api/v1/me",
        "/chat/den%22%3E",
        "javascript:x",
        "",
        "/chat/a/b",
    ] {
        assert_eq!(get(&server, &format!("/login/sso?to={to}"), "").status, 400, "{to}");
    }
    for to in ["/", "/chat/den", "/chat/den/7", "/chat/ann's", "/?with=Bob%2B"] {
        assert_eq!(get(&server, &format!("/login/sso?to={to}"), "").status, 303, "{to}");
    }
    let (cookie, state) = begin(&server, &provider, "sso");
    let denied = finish(&server, "sso", &cookie, &format!("error=access_denied&state={state}"));
    assert_eq!(denied.status, 403);
    for link in ["/login/sso?to=%2Fchat%2Fden", "/chat/den"] {
        assert!(denied.body.contains(&format!("<a href=\"{link}\">")), "{}", denied.body);
    }
    // Whoever has put it there, a cookie leads nowhere else: this one would to //evil.example.
    let (secret, _) = cookie.split_once('.').unwrap();
    let elsewhere = format!("{secret}.Ly9ldmlsLmV4YW1wbGU");
    let refused = finish(&server, "sso", &elsewhere, &format!("code=good&state={state}"));
    assert_eq!(refused.status, 400);
    assert!(!refused.body.contains("evil"), "{}", refused.body);
    assert_eq!(get(&server, "/login/none", "").status, 404);
    assert_eq!(get(&server, "/login/proxy", "Remote-User: ann\r\n").status, 401, "no proxy names anybody here");
    server.stop();
}

#[test]
fn each_lie_of_a_provider_is_found_out_and_its_reason_is_in_the_log() {
    type Lie = fn(&mut Says);
    let lies: [(Lie, &str); 13] = [
        (|says| says.claims["iss"] = json!("http://another.example"), "another issuer"),
        (|says| says.claims["aud"] = json!("another"), "another client"),
        (|says| says.claims["aud"] = json!(["roomd", "another"]), "has no azp"),
        (|says| says.claims["azp"] = json!("another"), "given to another client"),
        (|says| says.claims["nonce"] = json!("x"), "its nonce"),
        (|says| says.claims["nonce"] = Value::Null, "its nonce"),
        (|says| says.claims["exp"] = json!(1_700_000_000), "it expired"),
        (|says| says.claims["exp"] = Value::Null, "it has no exp"),
        (|says| says.claims["nbf"] = json!(3_999_999_999_u64), "its nbf is in"),
        (|says| says.by_another_key = true, "signed with HS256"),
        (|says| says.claims["sub"] = Value::Null, "has no sub"),
        (
            |says| {
                says.claims["preferred_username"] = Value::Null;
                says.userinfo = json!({"sub": "18", "preferred_username": "bob"});
            },
            "another user",
        ),
        (|says| says.claims["preferred_username"] = Value::Null, "it says no preferred_username"),
    ];
    let place = Place::new();
    let provider = Provider::start("17", "ann");
    let server = serve(&place, &provider, "");
    let mut honest = None;
    provider.change(|says| honest = Some(says.clone()));
    let honest = honest.unwrap();
    for (at, (lie, _)) in lies.iter().enumerate() {
        provider.change(|says| {
            *says = honest.clone();
            lie(says);
        });
        let page = log_in(&server, &provider, "sso");
        assert_eq!((page.status, page.data("token")), (502, None), "lie {at}: {}", page.body);
        assert!(page.body.contains("cannot be believed"), "lie {at}: {}", page.body);
    }
    provider.change(|says| *says = honest.clone());
    // Whom the answer is from (RFC 9207).
    let (cookie, state) = begin(&server, &provider, "sso");
    let page = finish(&server, "sso", &cookie, &format!("code=good&state={state}&iss=http://another.example"));
    assert_eq!((page.status, page.data("token")), (502, None));
    let (cookie, state) = begin(&server, &provider, "sso");
    let page = finish(&server, "sso", &cookie, &format!("code=good&state={state}&iss={}", provider.issuer()));
    assert_eq!(page.data("name"), Some("ann"), "{}", page.body);
    let log = server.stop();
    for (_, why) in lies {
        assert!(log.lines().any(|line| line.contains("is not believed") && line.contains(why)), "{why:?} in {log}");
    }
    assert!(log.contains("names another issuer"), "{log}");
}

#[test]
fn what_a_provider_says_of_itself_is_checked_and_one_that_is_away_is_said_to_be() {
    for (metadata, why) in [
        (json!({"issuer": "http://another.example"}), "are of another issuer"),
        (json!({"token_endpoint": "http://another.example/token"}), "without TLS"),
        (json!({"jwks_uri": Value::Null}), "are not understood"),
    ] {
        let (place, provider) = (Place::new(), Provider::start("17", "ann"));
        provider.change(|says| says.metadata = metadata);
        let server = serve(&place, &provider, "");
        let page = get(&server, "/login/sso", "");
        assert_eq!((page.status, page.field("Location")), (502, None));
        assert!(page.body.contains("cannot be asked now"), "{}", page.body);
        let log = server.stop();
        assert!(log.contains(why), "{why:?} in {log}");
    }
    // It names itself in its answers, so one that does not is another's.
    let (place, provider) = (Place::new(), Provider::start("17", "ann"));
    provider.change(|says| says.metadata = json!({"authorization_response_iss_parameter_supported": true}));
    let server = serve(&place, &provider, "");
    assert_eq!(log_in(&server, &provider, "sso").status, 502);
    server.stop();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = place.serve(&[&format!("--oidc-provider=id=sso issuer=http://{closed} client=roomd")]);
    assert_eq!(get(&server, "/login/sso", "").status, 502);
    assert!(server.stop().contains("nobody can log in"));
}

#[test]
fn a_name_belongs_to_the_first_who_comes_with_it_from_wherever() {
    let place = Place::new();
    let (one, other) = (Provider::start("17", "ann"), Provider::start("17", "Ann"));
    let settings = [one.setting("one", &place.0, ""), other.setting("other", &place.0, "")]
        .map(|it| format!("--oidc-provider={it}"));
    let server = place.serve(&[&settings[0], &settings[1]]);
    assert_eq!(server.ask("POST", "/api/v1/claims", "", "{\"name\":\"Bob\"}").0, 201);
    assert_eq!(log_in(&server, &one, "one").data("name"), Some("ann"));
    let page = log_in(&server, &other, "other");
    assert_eq!((page.status, page.data("token")), (409, None));
    assert!(page.body.contains("The name ann is another user&#39;s here"), "{}", page.body);
    // The same subject in another spelling of its name stays who it is.
    one.change(|says| says.claims["preferred_username"] = json!("ANN"));
    assert_eq!(log_in(&server, &one, "one").data("name"), Some("ann"));
    // What somebody has claimed here is not a provider's to give, nor what was made by hand.
    one.change(|says| says.claims["preferred_username"] = json!("bob"));
    assert_eq!(log_in(&server, &one, "one").status, 409);
    place.token(&["--user", "root", "--admin"]);
    one.change(|says| says.claims["preferred_username"] = json!("root"));
    assert_eq!(log_in(&server, &one, "one").status, 409);
    server.stop();
    // It stays so when the server starts again; and a provider may be told to give what nobody has claimed.
    let adopting = format!("--oidc-provider={}", one.setting("one", &place.0, "adopt-names=true"));
    let server = place.serve(&[&adopting, &settings[1]]);
    assert_eq!(log_in(&server, &other, "other").status, 409);
    assert_eq!(log_in(&server, &one, "one").data("name"), Some("root"));
    one.change(|says| says.claims["sub"] = json!("18"));
    assert_eq!(log_in(&server, &one, "one").status, 409, "once");
    one.change(|says| says.claims["preferred_username"] = json!("bob"));
    assert_eq!(log_in(&server, &one, "one").status, 409, "that one was claimed");
    server.stop();
}

#[test]
fn groups_make_admins_and_say_which_rooms_are_open() {
    let (place, provider) = (Place::new(), Provider::start("17", "ann"));
    let server = serve(&place, &provider, "admin-group=ops room-group=staff:den room-group=staff:lunch");
    provider.change(|says| says.claims["groups"] = json!(["staff"]));
    let page = log_in(&server, &provider, "sso");
    let me = server.me(page.data("token").unwrap()).unwrap();
    assert_eq!((&me["admin"], &me["allowed_rooms"]), (&Value::Null, &json!(["den", "lunch"])));
    provider.change(|says| says.claims["groups"] = json!(["ops", "x"]));
    let page = log_in(&server, &provider, "sso");
    let me = server.me(page.data("token").unwrap()).unwrap();
    assert_eq!((&me["admin"], &me["allowed_rooms"]), (&json!(true), &Value::Null));
    // Where the ID token does not list them, the userinfo endpoint is asked.
    provider.change(|says| {
        says.claims.as_object_mut().unwrap().remove("groups");
        says.userinfo = json!({"sub": "17", "groups": ["x"]});
    });
    let page = log_in(&server, &provider, "sso");
    assert_eq!((page.status, page.data("token")), (403, None));
    assert!(page.body.contains("in no group"), "{}", page.body);
    server.stop();
}

#[test]
fn who_waits_for_a_provider_that_is_silent_takes_a_few_places_and_no_more() {
    let (place, provider) = (Place::new(), Provider::start("17", "ann"));
    provider.change(|says| says.is_silent = true);
    let setting = format!("--oidc-provider={}", provider.setting("sso", &place.0, ""));
    let server = place.serve(&[&setting, "--address-exempt=192.0.2.1"]);
    let (status, statuses) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let (status, server) = (status.clone(), &server);
            scope.spawn(move || status.send(get(server, "/login/sso", "").status));
        }
        let next = || statuses.recv_timeout(DEADLINE).unwrap();
        assert_eq!([next(), next(), next(), next()], [503; 4]);
        assert_eq!(server.ask("GET", "/api/v1/server", "", "").0, 200, "everything else goes on");
        provider.change(|says| says.is_silent = false);
        assert_eq!([next(), next(), next(), next()], [303; 4]);
    });
    assert_eq!(log_in(&server, &provider, "sso").status, 200);
    server.stop();
}
