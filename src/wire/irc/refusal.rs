//! Printing a refusal: the numeric reply that IRC has for it, or `FAIL` where the client knows that.
//!
//! Numbers and their parameters are those of RFC 2812 §5.2 and modern.ircdocs.horse; the text is the refusal's own,
//! which says more than the standard ones.

use super::context::Context;
use super::write::LineWriter;
use crate::chat::{Code, Refusal};

/// Prints a refusal of the server of this name.
pub fn print<F: FnMut(&[u8])>(refusal: &Refusal, context: &Context, server: &str, out: &mut LineWriter<F>) {
    let Context { nick, command, target, tag, .. } = context;
    // A notice is never answered (RFC 2812 §3.3.2).
    if command == "NOTICE" && tag.is_empty() {
        return;
    }
    let text = sentence(refusal);
    match numeric(refusal, command) {
        Some(number) => {
            let about = if target.is_empty() { String::new() } else { format!(" {target}") };
            out.line(tag, server, &format!("{number} {nick}{about}"), Some(&text));
        }
        None if context.standard_replies => {
            let code = match (command.as_str(), refusal.code) {
                ("REDACT", Code::Forbidden) => "REDACT_FORBIDDEN".to_owned(),
                ("SETNAME", _) => "CANNOT_CHANGE_REALNAME".to_owned(),
                ("REDACT", Code::NotFound) => "UNKNOWN_MSGID".to_owned(),
                (_, code) => code.as_str().to_ascii_uppercase(),
            };
            let about = if target.is_empty() { String::new() } else { format!(" {target}") };
            out.line(tag, server, &format!("FAIL {command} {code}{about}"), Some(&text));
        }
        // RPL_TRYAGAIN, ERR_UNKNOWNERROR.
        None if refusal.code == Code::RateLimited => {
            out.line(tag, server, &format!("263 {nick} {command}"), Some(&text));
        }
        None => out.line(tag, server, &format!("400 {nick} {command}"), Some(&text)),
    }
}

/// The refusal with the time after which it would help to try again.
fn sentence(refusal: &Refusal) -> String {
    match refusal.retry_after {
        Some(wait) => format!("{refusal}; try again in {} s", wait.as_millis().div_ceil(1000).max(1)),
        None => refusal.to_string(),
    }
}

/// The number of the reply whose parameters are the nick and the target.
fn numeric(refusal: &Refusal, command: &str) -> Option<&'static str> {
    let number = match (command, refusal.code) {
        (_, Code::RateLimited | Code::Unavailable | Code::Internal | Code::Draining) => return None,
        ("PRIVMSG" | "NOTICE" | "TAGMSG", Code::UserOffline) => "401",
        ("PRIVMSG" | "NOTICE" | "TAGMSG", Code::NotMember | Code::Forbidden | Code::Muted) => "404",
        ("PRIVMSG" | "NOTICE" | "TAGMSG", Code::NotFound) => "403",
        ("REDACT" | "SETNAME", _) => return None,
        ("JOIN", Code::Forbidden | Code::Unauthorized) => "473",
        ("JOIN", Code::RoomFull) => "471",
        ("JOIN", Code::TooManyRooms) => "405",
        ("NICK", Code::NameTaken) => "433",
        ("NICK", Code::BadRequest) => "432",
        ("NICK", Code::Forbidden) => "484",
        ("KICK" | "MODE" | "TOPIC" | "INVITE" | "PART", Code::Forbidden) => "482",
        ("KICK" | "MODE" | "TOPIC" | "INVITE" | "PART", Code::NotMember) => "442",
        ("KICK", Code::NotFound) => "441",
        (_, Code::NotFound) => "403",
        (_, Code::NotMember) => "442",
        _ => return None,
    };
    Some(number)
}
