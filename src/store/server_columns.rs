//! The columns of a server's bans and of its audit, which every database has alike.
//!
//! Pure; read and written by each backend's own `server.rs`.

use ipnet::IpNet;

use super::columns::time;
use crate::chat::admin::{BanTarget, NewServerBan, ServerAuditEntry, ServerBan};
use crate::chat::{Note, UserName};

/// The columns `kind` and `subject` of a ban.
pub fn target_columns(target: &BanTarget) -> (i16, String) {
    match target {
        BanTarget::User(user) => (0, user.as_str().to_owned()),
        BanTarget::Network(network) => (1, network.to_string()),
    }
}

/// What a row of a ban holds, in the order of its columns: number, kind, subject, until, note, author, at.
pub type BanRow<'a> = (i64, i16, &'a str, Option<i64>, Option<&'a str>, &'a str, i64);

/// The ban of a row; `None`: a row that this version does not understand bans nobody.
pub fn ban((number, kind, subject, until, note, by, at): BanRow<'_>) -> Option<ServerBan> {
    let target = match kind {
        0 => BanTarget::User(UserName::stored(subject)),
        1 => BanTarget::Network(subject.parse::<IpNet>().ok()?),
        _ => return None,
    };
    let made = NewServerBan {
        target,
        until: until.map(time),
        note: note.map(Note::stored),
        by: UserName::stored(by),
        at: time(at),
    };
    Some(ServerBan { number: number.cast_unsigned(), made })
}

/// What a row of the audit holds, in the order of its columns: number, what, about, until, note, author, at.
pub type AuditRow<'a> = (i64, &'a str, Option<&'a str>, Option<i64>, Option<&'a str>, &'a str, i64);

/// The entry of a row.
pub fn entry((number, what, about, until, note, by, at): AuditRow<'_>) -> ServerAuditEntry {
    ServerAuditEntry {
        number: number.cast_unsigned(),
        what: what.into(),
        about: about.map(Into::into),
        until: until.map(time),
        note: note.map(Note::stored),
        by: UserName::stored(by),
        at: time(at),
    }
}
