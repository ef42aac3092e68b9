//! Policies and the audit, as rows.
//!
//! `change_1` writes them, from the description that is made here; a room reads its own when it opens, the server reads
//! them all when it starts, and the audit is read on request.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tokio_postgres::Row;

use super::hexadecimal;
use super::history::standing;
use super::link::{DatabaseLink, LinkError};
use super::row::{number, text};
use crate::chat::policy::{
    AuditEntry, Description, Invitation, Invited, ModerationAction, ModerationChange, Policy, Role, RoomSettings,
    RoomSubject, SubjectAuthor,
};
use crate::chat::{Note, RoomName, Time, UserName};
use crate::store::audit_value::{change_of, value_of};
use crate::store::columns::{ms, time};

/// The column `sanctions.kind`.
const BAN: i16 = 0;
/// See [`BAN`].
const MUTE: i16 = 1;

/// A change, as `change_1` and `end_1` take it.
pub fn description_of(action: &ModerationAction) -> String {
    let ModerationAction { change, note } = action;
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| _ = fields.insert(name.to_owned(), value);
    set("what", change.as_str().into());
    if let Some(user) = change.user() {
        set("about", user.as_str().into());
    }
    if let Some(until) = change.until() {
        set("until", ms(until).into());
    }
    if let Some(value) = value_of(change) {
        set("value", hexadecimal::write(value.as_bytes()).into());
    }
    if let Some(note) = note {
        set("note", hexadecimal::write(note.as_bytes()).into());
    }
    match change {
        ModerationChange::Created { private, owner, members } => {
            set("private", (*private).into());
            // An owner is in from the beginning.
            set("enter", owner.is_some().into());
            let members = members.iter().map(|user| (user.as_str(), Role::Member));
            let all = members.chain(owner.iter().map(|user| (user.as_str(), Role::Owner)));
            set(
                "put",
                all.map(|(user, role)| (user.to_owned(), role_number(role).into())).collect::<Map<_, _>>().into(),
            );
        }
        ModerationChange::Invited { .. } => set("invite", true.into()),
        ModerationChange::Removed { .. } => set("drop", true.into()),
        ModerationChange::Banned { .. } => {
            set("drop", true.into());
            set("sanction", BAN.into());
        }
        ModerationChange::Muted { .. } => set("sanction", MUTE.into()),
        ModerationChange::Unbanned { .. } => set("lift", BAN.into()),
        ModerationChange::Unmuted { .. } => set("lift", MUTE.into()),
        ModerationChange::Role { user, role, .. } => {
            if *role == Role::Owner {
                set("demote", true.into());
            }
            set("put", json!({ user.as_str(): role_number(*role) }));
        }
        ModerationChange::Settings(RoomSettings { slow_mode_s, announcement, members_max, open_subject }) => {
            slow_mode_s.iter().for_each(|seconds| set("slow_mode_s", (*seconds).into()));
            announcement.iter().for_each(|on| set("announcement", (*on).into()));
            members_max.iter().for_each(|most| set("members_max", (*most).into()));
            open_subject.iter().for_each(|on| set("open_subject", (*on).into()));
        }
        ModerationChange::Described(Description { subject, description }) => {
            subject.iter().for_each(|text| set("subject", hexadecimal::write(text.as_bytes()).into()));
            description.iter().for_each(|text| set("description", hexadecimal::write(text.as_bytes()).into()));
        }
        ModerationChange::InvitationCreated { number: invitation, code, uses, .. } => {
            set("invitation", number(*invitation).into());
            set("code", code.reveal().into());
            set("uses", (*uses).into());
        }
        ModerationChange::InvitationRevoked { number: invitation } => set("revoke", number(*invitation).into()),
        ModerationChange::Admitted { invitation, .. } => set("admit", number(*invitation).into()),
        ModerationChange::Accepted { .. } => set("enter", true.into()),
        ModerationChange::Pinned { seq } => set("pin", number(*seq).into()),
        ModerationChange::Unpinned { seq } => set("unpin", number(*seq).into()),
        ModerationChange::Kicked { .. } | ModerationChange::Deleted { .. } | ModerationChange::Ended => {}
    }
    Value::Object(fields).to_string()
}

/// The room's policy; `None`: it has none.
pub fn policy(link: &mut DatabaseLink, id: i64) -> Result<Option<Policy>, LinkError> {
    Ok(read(link, Some(id))?.into_iter().next().map(|(_, policy)| policy))
}

/// The policies of all rooms that have one.
pub fn policies(link: &mut DatabaseLink) -> Result<Vec<(RoomName, Policy)>, LinkError> {
    let policies = read(link, None)?;
    // A name that is no longer valid cannot be joined.
    Ok(policies.into_iter().filter_map(|(name, policy)| Some((RoomName::parse(&name).ok()?, policy))).collect())
}

/// The lists of one room.
#[derive(Default)]
struct Lists {
    people: Vec<(UserName, Role)>,
    bans: Vec<(UserName, Option<Time>)>,
    mutes: Vec<(UserName, Option<Time>)>,
    pinned: Vec<u64>,
    invited: Vec<(UserName, Invited)>,
    invitations: Vec<Invitation>,
    created: Option<Time>,
    subject_author: Option<SubjectAuthor>,
}

/// The policies of one room, or of all, with the rooms' names.
fn read(link: &mut DatabaseLink, id: Option<i64>) -> Result<Vec<(String, Policy)>, LinkError> {
    let mut lists: BTreeMap<i64, Lists> = BTreeMap::new();
    let of = "WHERE $1::bigint IS NULL OR room = $1";
    for row in link.query(&format!("SELECT room, usr, role, invited_by, invited_at FROM people {of}"), &[&id])? {
        let (lists, user) = (lists.entry(row.get(0)).or_default(), UserName::stored(row.get(1)));
        if let Some(by) = row.get::<_, Option<&str>>(3).map(UserName::stored) {
            lists
                .invited
                .push((user.clone(), Invited { by, at: time(row.get::<_, Option<i64>>(4).unwrap_or_default()) }));
        }
        lists.people.push((user, role_of(row.get(2))?));
    }
    let sql =
        format!("SELECT room, number, code, author, at, until, uses, used FROM invitations {of} ORDER BY room, number");
    for row in link.query(&sql, &[&id])? {
        let count = |column: usize| u32::try_from(row.get::<_, i64>(column)).unwrap_or(u32::MAX);
        lists.entry(row.get(0)).or_default().invitations.push(Invitation {
            number: row.get::<_, i64>(1).cast_unsigned(),
            code: row.get::<_, &str>(2).into(),
            by: UserName::stored(row.get(3)),
            at: time(row.get(4)),
            until: time(row.get(5)),
            uses: count(6),
            used: count(7),
        });
    }
    for row in link.query(&format!("SELECT room, usr, until, kind FROM sanctions {of}"), &[&id])? {
        let lists = lists.entry(row.get(0)).or_default();
        let list = if row.get::<_, i16>(3) == BAN { &mut lists.bans } else { &mut lists.mutes };
        list.push((UserName::stored(row.get(1)), row.get::<_, Option<i64>>(2).map(time)));
    }
    for row in link.query(&format!("SELECT room, seq FROM pins {of}"), &[&id])? {
        lists.entry(row.get(0)).or_default().pinned.push(row.get::<_, i64>(1).cast_unsigned());
    }
    // Of the audit, when each room was created, and who has described it last so that its subject changed.
    let sql = "SELECT DISTINCT ON (room) room, at FROM audit
        WHERE ($1::bigint IS NULL OR room = $1) AND what = 'founded' ORDER BY room, number";
    for row in link.query(sql, &[&id])? {
        lists.entry(row.get(0)).or_default().created = Some(time(row.get(1)));
    }
    let sql = "SELECT DISTINCT ON (room) room, usr, at FROM audit
        WHERE ($1::bigint IS NULL OR room = $1) AND what = 'described' AND substring(value FROM 1 FOR 6) <> '[null,'::bytea
        ORDER BY room, number DESC";
    for row in link.query(sql, &[&id])? {
        let author = SubjectAuthor { by: UserName::stored(row.get(1)), at: time(row.get(2)) };
        lists.entry(row.get(0)).or_default().subject_author = Some(author);
    }
    let sql = "SELECT room, name, private, slow_mode_s, announcement, subject, description, invitations, members_max, open_subject
        FROM policies JOIN rooms USING (room) WHERE $1::bigint IS NULL OR room = $1 ORDER BY room";
    let policy = |row: &Row| {
        let Lists { people, bans, mutes, pinned, invited, invitations, created, subject_author } =
            lists.remove(&row.get::<_, i64>(0)).unwrap_or_default();
        let slow_mode_s = u32::try_from(row.get::<_, i64>(3)).ok();
        let members_max = u32::try_from(row.get::<_, i64>(8)).ok();
        let (announcement, open_subject) = (Some(row.get(4)), Some(row.get(9)));
        let settings = RoomSettings { slow_mode_s, announcement, members_max, open_subject };
        let words =
            |column: usize| row.get::<_, Option<&[u8]>>(column).map(|bytes| text(bytes).map(Into::into)).transpose();
        let description = Description { subject: words(5)?, description: words(6)? };
        let subject = RoomSubject { description, pinned: pinned.into_iter().collect() };
        let policy = Policy::stored(row.get(2), settings, people, bans, mutes).with_subject(subject);
        let policy = policy.with_origin(created, subject_author);
        Ok((row.get(1), policy.with_invitations(invited, invitations, row.get::<_, i64>(7).cast_unsigned())))
    };
    link.query(sql, &[&id])?.iter().map(policy).collect()
}

/// The newest entries of the audit before the number `before`, oldest first; at most `count`. `None`: there is no such
/// room.
pub fn audit(
    link: &mut DatabaseLink,
    room: &RoomName,
    before: u64,
    count: usize,
) -> Result<Option<Vec<AuditEntry>>, LinkError> {
    let found = standing(link, room)?;
    if found.is_blank() {
        return Ok(None);
    }
    let id = found.id;
    let sql = "SELECT number, at, usr, what, about, until, value, note FROM audit
        WHERE room = $1 AND number < $2 ORDER BY number DESC LIMIT $3";
    let rows = link.query(sql, &[&id, &number(before), &i64::try_from(count).unwrap_or(i64::MAX)])?;
    let entries: Result<Vec<_>, _> = rows.iter().rev().map(entry).collect();
    entries.map(Some)
}

fn entry(row: &Row) -> Result<AuditEntry, LinkError> {
    let action = action_of(row.get(3), row.get(4), row.get(5), row.get(6), row.get(7))?;
    let number = row.get::<_, i64>(0).cast_unsigned();
    Ok(AuditEntry { number, at: time(row.get(1)), by: UserName::stored(row.get(2)), action })
}

/// The action in columns of the audit.
pub fn action_of(
    what: &str,
    about: Option<&str>,
    until: Option<i64>,
    value: Option<&[u8]>,
    note: Option<&[u8]>,
) -> Result<ModerationAction, LinkError> {
    let value = value.map(text).transpose()?.unwrap_or_default();
    let change = change_of(what, about.map(UserName::stored), until.map(time), value);
    let change = change.ok_or_else(|| LinkError::Invalid(format!("an entry of the audit that is none: {what}")))?;
    Ok(ModerationAction { change, note: note.map(text).transpose()?.map(Note::stored) })
}

/// The column `people.role`.
fn role_number(role: Role) -> i16 {
    match role {
        Role::Member => 0,
        Role::Moderator => 1,
        Role::Owner => 2,
        Role::Voice => 3,
    }
}

fn role_of(number: i16) -> Result<Role, LinkError> {
    let role = Role::ALL.into_iter().find(|role| role_number(*role) == number);
    role.ok_or_else(|| LinkError::Invalid(format!("a member of the role {number}")))
}
