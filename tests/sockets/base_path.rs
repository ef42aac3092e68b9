//! A server that its clients see below a path, because a proxy serves it there.
//!
//! A proxy leaves the path in a request or takes it off, and says so in `X-Forwarded-Prefix` or says nothing; the
//! test plays it.

use std::fs;
use std::path::Path;

use roomd::Settings;

use crate::harness::http::{HANDSHAKE, ask, get};
use crate::harness::{Answer, Http, TestServer};

fn below(path: &str) -> TestServer {
    TestServer::with(|settings: &mut Settings| settings.base_path = path.to_owned())
}

/// Its proxy is this machine.
fn proxied() -> TestServer {
    TestServer::with(|settings: &mut Settings| settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()])
}

/// The addresses that the page names.
fn files(page: &Answer) -> Vec<String> {
    let parts = page.body.split('"').filter(|part| part.contains("/assets/"));
    parts.map(str::to_owned).collect()
}

#[test]
fn everything_is_found_below_the_path_and_without_it() {
    let server = below("/chat");
    for path in ["/", "/chat/den", "/healthz", "/readyz", "/api/v1/rooms", "/api/v1/time", "/assets/app.js"] {
        for path in [format!("/chat{path}"), path.to_owned()] {
            assert_eq!(get(&server, &path).status, 200, "{path}");
        }
    }
    for path in ["/chat/nowhere/x", "/chatter", "/chat/assets/none.js", "/chatter/healthz"] {
        assert_eq!(get(&server, path).status, 404, "{path}");
    }
    assert_eq!(ask(&server, "OPTIONS /chat/api/v1/rooms", "", "").field("Allow"), Some("GET, HEAD, POST, OPTIONS"));
    for path in ["/chat/ws", "/ws"] {
        assert_eq!(Http::connect(&server).upgrade(path, "").0.status, 101, "{path}");
    }
    let fields = "Content-Type: application/json\r\n";
    let answer = ask(&server, "POST /chat/api/v1/rooms/den/messages", fields, "{\"message\":\"hi\"}");
    assert_eq!((answer.status, answer.json()["room"].as_str()), (201, Some("den")));
    // The rule about other origins holds there as well.
    let foreign = "Origin: https://evil.example\r\n";
    assert_eq!(ask(&server, "GET /chat/api/v1/rooms", foreign, "").status, 403);
    assert_eq!(Http::connect(&server).upgrade("/chat/ws", foreign).0.status, 403);
}

#[test]
fn the_page_names_its_files_below_the_path() {
    let server = below("/a/b");
    for page in ["/a/b/", "/a/b/chat/den", "/", "/chat/den"] {
        let page = get(&server, page);
        let files = files(&page);
        assert!(files.len() >= 2, "{}", page.body);
        for file in files {
            assert!(file.starts_with("/a/b/assets/"), "{file}");
            assert_eq!(get(&server, &file).status, 200, "{file}");
        }
    }
}

#[test]
fn the_path_itself_leads_to_the_page() {
    let server = below("/chat");
    for (target, location) in [("/chat", "/chat/"), ("/chat?with=Bob", "/chat/?with=Bob")] {
        let answer = get(&server, target);
        assert_eq!((answer.status, answer.field("Location")), (308, Some(location)), "{target}");
    }
}

#[test]
fn a_trusted_proxy_says_below_which_path_it_serves() {
    let server = proxied();
    for (prefix, begin) in [
        ("/chat", "/chat/assets/"),
        ("/a, /b/", "/a/b/assets/"),
        ("//evil.example", "/assets/"),
        ("/\"onload=\"x", "/assets/"),
        ("", "/assets/"),
    ] {
        let page = ask(&server, "GET /", &format!("X-Forwarded-Prefix: {prefix}\r\n"), "");
        assert!(files(&page).iter().all(|file| file.starts_with(begin)), "{prefix}: {}", page.body);
    }
    // One that leaves it in the path.
    for path in ["/chat/healthz", "/chat/", "/chat/chat/den"] {
        assert_eq!(ask(&server, &format!("GET {path}"), "X-Forwarded-Prefix: /chat\r\n", "").status, 200, "{path}");
    }
    let mut http = Http::connect(&server);
    http.send(format!("GET /chat/ws HTTP/1.1\r\n{HANDSHAKE}X-Forwarded-Prefix: /chat\r\n\r\n"));
    assert_eq!(http.answer().status, 101);
    // Nobody else is believed.
    let page = ask(&TestServer::start(), "GET /", "X-Forwarded-Prefix: /chat\r\n", "");
    assert!(files(&page).iter().all(|file| file.starts_with("/assets/")), "{}", page.body);
}

#[test]
fn a_copy_of_the_page_for_another_path_is_no_copy() {
    let server = proxied();
    let tag = |fields: &str| ask(&server, "HEAD /", fields, "").field("ETag").unwrap().to_owned();
    let (here, there) = (tag(""), tag("X-Forwarded-Prefix: /chat\r\n"));
    assert_ne!(here, there);
    let fields = format!("X-Forwarded-Prefix: /chat\r\nIf-None-Match: {there}\r\n");
    assert_eq!(ask(&server, "GET /", &fields, "").status, 304);
    assert_eq!(ask(&server, "GET /", &format!("If-None-Match: {there}\r\n"), "").status, 200);
}

/// An address of the server in a script must be made by `addressOf`, or it leads out of the path.
#[test]
fn the_scripts_of_the_page_find_the_server_by_their_own_address() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "js" && kind != "css") {
            continue;
        }
        seen += 1;
        let text = fs::read_to_string(&path).unwrap();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let is_bound = ["addressOf(", ".get(", ".post(", "#path", "pathOf"].iter().any(|by| line.contains(by));
            for begin in ["/assets/", "/api/", "/ws", "/chat/"] {
                let names = ['"', '\'', '`', '(', '}'].iter().any(|quote| line.contains(&format!("{quote}{begin}")));
                let is_path_of_get = begin == "/api/" && line.contains("return `");
                assert!(!names || is_bound || is_path_of_get, "{}:{}: {line}", path.display(), at + 1);
            }
        }
    }
    assert!(seen > 20, "the scripts are there");
}
