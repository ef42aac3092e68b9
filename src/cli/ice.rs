//! The text of a server for calls: `stun:HOST:PORT`, or `turn:USER:CREDENTIAL@HOST:PORT`, or without a login where a
//! secret is shared (`--turn-secret-file`).
//!
//! Parsed while the settings are read, on the main thread. RFC 7064 and RFC 7065 define the URI of such a
//! server; it has no place for the name and the credential that a TURN server asks for, so these stand
//! before the host, percent-encoded, as in the URL of a web page.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::chat::IceServer;

/// Characters that are escaped in a name or credential: RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The text of a server: [`parse`] makes the same server of it.
pub fn print(server: &IceServer) -> String {
    let IceServer { urls, username, credential } = server;
    let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    match (urls.split_once(':'), username, credential) {
        (Some((scheme, rest)), Some(user), Some(credential)) => {
            format!("{scheme}:{}:{}@{rest}", encoded(user), encoded(credential))
        }
        _ => urls.clone(),
    }
}

/// Parses one server. The error reads on after the name of the setting.
pub fn parse(text: &str) -> Result<IceServer, String> {
    // The error must not repeat a credential, so it leaves the text out.
    let problem = |what: &str| {
        Err(format!("must be stun:HOST[:PORT] or turn:USER:CREDENTIAL@HOST[:PORT][?transport=udp|tcp]: {what}"))
    };
    let Some((scheme, rest)) = text.split_once(':') else { return problem("there is no scheme") };
    let turn = match scheme {
        "stun" | "stuns" => false,
        "turn" | "turns" => true,
        _ => return problem("the scheme is stun, stuns, turn or turns"),
    };
    let (login, place) = match rest.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, rest),
    };
    let (host, query) = match place.split_once('?') {
        Some((host, query)) => (host, Some(query)),
        None => (place, None),
    };
    if query.is_some_and(|query| !turn || !matches!(query, "transport=udp" | "transport=tcp")) {
        return problem("after ? a TURN server has transport=udp or transport=tcp, and nothing else");
    }
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    let whole = if has_port { host.to_owned() } else { format!("{host}:3478") };
    if roomd_cli::address::host_port(&whole).is_err() || whole.ends_with(":0") {
        return problem("the host is neither an address nor a name, or the port is none");
    }
    let urls = format!("{scheme}:{place}");
    match (turn, login) {
        (_, None) => Ok(IceServer { urls, username: None, credential: None }),
        (false, Some(_)) => problem("a STUN server asks for no name"),
        (true, Some(login)) => match login.split_once(':').map(|(user, credential)| (plain(user), plain(credential))) {
            Some((username @ Some(_), credential @ Some(_))) => Ok(IceServer { urls, username, credential }),
            _ => problem("USER and CREDENTIAL are not empty, and other characters than letters and digits %XX"),
        },
    }
}

/// A percent-encoded name or credential.
fn plain(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok().filter(|decoded| !decoded.is_empty());
    decoded.filter(|_| !text.contains([':', '/', '?', '#', '@'])).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_login(urls: &str, username: &str, credential: &str) -> IceServer {
        let (username, credential) = (Some(username.to_owned()), Some(credential.to_owned()));
        IceServer { urls: urls.to_owned(), username, credential }
    }

    #[test]
    fn a_server_is_an_address_and_for_turn_a_login() {
        let stun = |urls: &str| IceServer { urls: urls.to_owned(), username: None, credential: None };
        for (text, server) in [
            ("stun:stun.example.org", stun("stun:stun.example.org")),
            ("turn:turn.example.org", stun("turn:turn.example.org")),
            ("stuns:[2001:db8::1]:5349", stun("stuns:[2001:db8::1]:5349")),
            ("turn:ann:s3cret@a.org:3478?transport=tcp", with_login("turn:a.org:3478?transport=tcp", "ann", "s3cret")),
            ("turns:a%3Ab:%2C%40%C3%A4@[::1]", with_login("turns:[::1]", "a:b", ",@ä")),
        ] {
            let found = parse(text).unwrap();
            assert_eq!(found, server, "{text}");
            assert_eq!(parse(&print(&found)), Ok(server), "{text}");
        }
    }

    #[test]
    fn a_mistake_is_a_sentence_without_the_credential() {
        for (text, end) in [
            ("a.org", "there is no scheme"),
            ("http:a.org", "the scheme is stun, stuns, turn or turns"),
            ("stun://a.org", "the host is neither an address nor a name, or the port is none"),
            ("stun:", "the host is neither an address nor a name, or the port is none"),
            ("stun:a.org:0", "the host is neither an address nor a name, or the port is none"),
            ("stun:a.org:x", "the host is neither an address nor a name, or the port is none"),
            ("stun:a.org?transport=udp", "after ? a TURN server has transport=udp or transport=tcp, and nothing else"),
            ("turn:u:c@a.org?x", "after ? a TURN server has transport=udp or transport=tcp, and nothing else"),
            ("stun:u:c@a.org", "a STUN server asks for no name"),
            ("turn:hush@a.org", "USER and CREDENTIAL are not empty, and other characters than letters and digits %XX"),
            ("turn:hush:@a.org", "USER and CREDENTIAL are not empty, and other characters than letters and digits %XX"),
            (
                "turn:u:hu:sh@a.org",
                "USER and CREDENTIAL are not empty, and other characters than letters and digits %XX",
            ),
            ("turn:u:%ff@a.org", "USER and CREDENTIAL are not empty, and other characters than letters and digits %XX"),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.ends_with(end), "{text}: {problem}");
            assert!(!problem.contains("hush"), "{problem}");
        }
    }
}
