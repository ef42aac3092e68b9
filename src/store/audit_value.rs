//! What an entry of the audit keeps of a change beside its name, its user and its end: one text.
//!
//! Written and read by the backends. Pure; a change survives it, but for the code of an invitation.

use std::sync::Arc;

use crate::chat::policy::{Description, ModerationChange, Role, RoomSettings};
use crate::chat::{Time, UserName};

/// The rest of a change, beside its user and its end, as `change_of` reads it.
pub fn value_of(change: &ModerationChange) -> Option<String> {
    match change {
        ModerationChange::Created { private, members, .. } => {
            let kind = if *private { "private" } else { "public" };
            Some(members.iter().fold(kind.to_owned(), |value, user| format!("{value} {user}")))
        }
        ModerationChange::Role { role, .. } => Some(role.as_str().to_owned()),
        ModerationChange::Settings(RoomSettings { slow_mode_s, announcement, members_max, open_subject }) => {
            let words = [
                slow_mode_s.map(|seconds| format!("slow_mode_s={seconds}")),
                announcement.map(|on| format!("announcement={on}")),
                members_max.map(|most| format!("members_max={most}")),
                open_subject.map(|on| format!("open_subject={on}")),
            ];
            Some(words.into_iter().flatten().collect::<Vec<_>>().join(" "))
        }
        ModerationChange::Described(Description { subject, description }) => {
            Some(serde_json::json!([subject.as_deref(), description.as_deref()]).to_string())
        }
        ModerationChange::Pinned { seq } | ModerationChange::Unpinned { seq } => Some(seq.to_string()),
        ModerationChange::Deleted { seq, .. } => Some(seq.to_string()),
        ModerationChange::InvitationCreated { number, uses, .. } => Some(format!("{number} {uses}")),
        ModerationChange::InvitationRevoked { number } => Some(number.to_string()),
        ModerationChange::Admitted { invitation, .. } => Some(invitation.to_string()),
        _ => None,
    }
}

/// The change of this name; `None`: there is none.
pub fn change_of(what: &str, about: Option<UserName>, until: Option<Time>, value: &str) -> Option<ModerationChange> {
    let mut words = value.split(' ');
    Some(match (what, about) {
        ("founded", owner) => {
            let private = words.next() == Some("private");
            ModerationChange::Created { private, owner, members: words.map(UserName::stored).collect() }
        }
        ("settings", None) => {
            let word = |name: &str| value.split(' ').find_map(|word| word.strip_prefix(name));
            let slow_mode_s = word("slow_mode_s=").and_then(|seconds| seconds.parse().ok());
            let announcement = word("announcement=").and_then(|on| on.parse().ok());
            let members_max = word("members_max=").and_then(|most| most.parse().ok());
            let open_subject = word("open_subject=").and_then(|on| on.parse().ok());
            ModerationChange::Settings(RoomSettings { slow_mode_s, announcement, members_max, open_subject })
        }
        ("described", None) => {
            let (subject, description) = serde_json::from_str::<(Option<String>, Option<String>)>(value).ok()?;
            let (subject, description) = (subject.map(Arc::from), description.map(Arc::from));
            ModerationChange::Described(Description { subject, description })
        }
        ("pinned", None) => ModerationChange::Pinned { seq: value.parse().ok()? },
        ("unpinned", None) => ModerationChange::Unpinned { seq: value.parse().ok()? },
        ("invited", Some(user)) => ModerationChange::Invited { user },
        ("removed", Some(user)) => ModerationChange::Removed { user },
        ("kicked", Some(user)) => ModerationChange::Kicked { user },
        ("banned", Some(user)) => ModerationChange::Banned { user, until },
        ("unbanned", Some(user)) => ModerationChange::Unbanned { user },
        ("muted", Some(user)) => ModerationChange::Muted { user, until },
        ("unmuted", Some(user)) => ModerationChange::Unmuted { user },
        ("role", Some(user)) => {
            ModerationChange::Role { user, role: Role::parse(value)?, was: None, former_owner: None }
        }
        ("invitation", None) => {
            let (number, uses) = value.split_once(' ')?;
            let (number, uses) = (number.parse().ok()?, uses.parse().ok()?);
            ModerationChange::InvitationCreated { number, code: "".into(), until: until?, uses }
        }
        ("revoked", None) => ModerationChange::InvitationRevoked { number: value.parse().ok()? },
        ("admitted", Some(user)) => ModerationChange::Admitted { user, invitation: value.parse().ok()? },
        ("accepted", Some(user)) => ModerationChange::Accepted { user },
        ("deleted", Some(user)) => ModerationChange::Deleted { user, seq: value.parse().ok()? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_survives_its_row() {
        let user = || UserName::parse("Ann").unwrap();
        let settings = |slow_mode_s, announcement| {
            let settings = RoomSettings { slow_mode_s, announcement, ..RoomSettings::default() };
            ModerationChange::Settings(settings)
        };
        for change in [
            ModerationChange::Created { private: true, owner: Some(user()), members: vec![user(), user()] },
            ModerationChange::Created { private: false, owner: None, members: Vec::new() },
            ModerationChange::Invited { user: user() },
            ModerationChange::Removed { user: user() },
            ModerationChange::Kicked { user: user() },
            ModerationChange::Banned { user: user(), until: Some(Time(7)) },
            ModerationChange::Banned { user: user(), until: None },
            ModerationChange::Unbanned { user: user() },
            ModerationChange::Muted { user: user(), until: Some(Time(7)) },
            ModerationChange::Unmuted { user: user() },
            ModerationChange::Role { user: user(), role: Role::Moderator, was: None, former_owner: None },
            ModerationChange::Role { user: user(), role: Role::Voice, was: None, former_owner: None },
            settings(Some(5), None),
            settings(None, Some(true)),
            settings(Some(0), Some(false)),
            ModerationChange::Settings(RoomSettings {
                members_max: Some(20),
                open_subject: Some(true),
                ..RoomSettings::default()
            }),
            ModerationChange::Deleted { user: user(), seq: 9 },
            ModerationChange::Described(Description { subject: Some("a \"b\" c".into()), description: None }),
            ModerationChange::Described(Description { subject: Some("".into()), description: Some("d\ne".into()) }),
            ModerationChange::Pinned { seq: 9 },
            ModerationChange::Unpinned { seq: 9 },
            ModerationChange::InvitationCreated { number: 3, code: "".into(), until: Time(7), uses: 100 },
            ModerationChange::InvitationRevoked { number: 3 },
            ModerationChange::Admitted { user: user(), invitation: 3 },
            ModerationChange::Accepted { user: user() },
        ] {
            let value = value_of(&change).unwrap_or_default();
            let again = change_of(change.as_str(), change.user().cloned(), change.until(), &value);
            assert_eq!(again.as_ref(), Some(&change));
        }
    }
}
