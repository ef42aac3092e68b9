//! What no sequence of requests does to a room, whoever makes them.

use std::time::Duration;

use proptest::prelude::*;
use roomd::chat::policy::{
    Actor, Description, ModerationChange, ModerationRequest, Policy, Privilege, Role, RoomSettings,
};
use roomd::chat::{AuthLevel, Code, RoomName, Time, UserName};

const NAMES: [&str; 5] = ["Ann", "Bob", "Cy", "Dan", "Eve"];

fn user(number: usize) -> UserName {
    UserName::parse(NAMES[number]).unwrap()
}

fn request() -> impl Strategy<Value = ModerationRequest> {
    let who = || (0..NAMES.len()).prop_map(user);
    let lasts = || prop::option::of((1..30_u64).prop_map(Duration::from_millis));
    prop_oneof![
        who().prop_map(|user| ModerationRequest::Invite { user }),
        who().prop_map(|user| ModerationRequest::Remove { user }),
        who().prop_map(|user| ModerationRequest::Kick { user }),
        (who(), lasts()).prop_map(|(user, lasts)| ModerationRequest::Ban { user, lasts }),
        who().prop_map(|user| ModerationRequest::Unban { user }),
        (who(), lasts()).prop_map(|(user, lasts)| ModerationRequest::Mute { user, lasts }),
        who().prop_map(|user| ModerationRequest::Unmute { user }),
        (who(), prop::sample::select(Role::ALL.to_vec()))
            .prop_map(|(user, role)| ModerationRequest::Role { user, role }),
        settings().prop_map(ModerationRequest::Settings),
        (prop::option::of(text()), text()).prop_map(|(subject, description)| {
            ModerationRequest::Describe(Description::parse(subject, Some(description)).unwrap())
        }),
        text().prop_map(|subject| ModerationRequest::Describe(Description::parse(Some(subject), None).unwrap())),
        (0..4_u64).prop_map(|seq| ModerationRequest::Pin { seq }),
        (0..4_u64).prop_map(|seq| ModerationRequest::Unpin { seq }),
    ]
}

fn settings() -> impl Strategy<Value = RoomSettings> {
    let (number, flag) = (|| prop::option::of(0..3_u32), || prop::option::of(any::<bool>()));
    (number(), flag(), number(), flag()).prop_map(|(slow_mode_s, announcement, members_max, open_subject)| {
        RoomSettings { slow_mode_s, announcement, members_max, open_subject }
    })
}

fn text() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "a", "b"])
}

fn auth_level() -> impl Strategy<Value = AuthLevel> {
    prop_oneof![1 => Just(AuthLevel::Guest), 6 => Just(AuthLevel::Registered), 1 => Just(AuthLevel::Admin)]
}

/// Whom a change takes something from.
fn victim(change: &ModerationChange) -> Option<&UserName> {
    match change {
        ModerationChange::Removed { user }
        | ModerationChange::Kicked { user }
        | ModerationChange::Banned { user, .. } => Some(user),
        ModerationChange::Muted { user, .. } | ModerationChange::Unmuted { user } => Some(user),
        _ => None,
    }
}

fn registered(user: &UserName) -> Actor<'_> {
    Actor { user, auth_level: AuthLevel::Registered, appointed: None }
}

fn check(before: &Policy, who: Actor<'_>, request: &ModerationRequest, now: Time) -> Option<Policy> {
    let room = RoomName::parse("den").unwrap();
    let privilege = before.privilege(who);
    let change = match before.decide(&room, who, request, now) {
        Ok(change) => change,
        Err(refusal) => {
            let hidden = (refusal.code, &*refusal.message) == (Code::NotFound, "There is no room den");
            assert_eq!(
                privilege == Privilege::Outsider,
                hidden,
                "a stranger, and only a stranger, is told of no room: {refusal:?}"
            );
            return None;
        }
    };
    let change = change?;
    let resigns = change == ModerationChange::Removed { user: who.user.clone() };
    let is_subject = matches!(&change, ModerationChange::Described(change) if change.description.is_none());
    let is_open = is_subject && before.settings().open_subject == Some(true) && before.may_speak(who, now).is_ok();
    assert!(privilege >= Privilege::Moderator || resigns || is_open, "{privilege:?} has {request:?} done");
    let mut after = before.clone();
    after.apply(&change, who.user, now);
    assert!(after.owner().is_some() || before.owner().is_none(), "{change:?} by {privilege:?}");
    let owners = after.people().values().filter(|role| **role == Role::Owner).count();
    assert_eq!(owners, usize::from(after.owner().is_some()));
    if let ModerationChange::Role { role, was, .. } = &change {
        let highest = (*was).max(Some(*role));
        assert!(privilege >= Privilege::Owner || highest <= Some(Role::Voice), "{privilege:?} decides {change:?}");
    }
    if let Some(victim) = victim(&change) {
        let theirs = before.privilege(registered(victim));
        assert!(privilege > theirs || resigns, "{privilege:?} does {change:?} to {theirs:?}");
    }
    if let ModerationChange::Banned { user, until } = &change {
        let end = until.map_or(u64::MAX, |until| until.0);
        for (at, kept_out) in [(now.0, true), (end - 1, true), (end, until.is_none())] {
            let banned = after.may_enter(registered(user), Time(at)).is_err();
            assert!(banned == kept_out || after.is_private(), "{user} at {at}, banned until {until:?}");
        }
    }
    if matches!(
        change,
        ModerationChange::Settings(_)
            | ModerationChange::Described(_)
            | ModerationChange::Pinned { .. }
            | ModerationChange::Unpinned { .. }
            | ModerationChange::Invited { .. }
            | ModerationChange::Role { .. }
            | ModerationChange::Removed { .. }
    ) {
        assert_ne!(after, *before, "what is so already is no change: {change:?}");
    }
    Some(after)
}

proptest! {
    #[test]
    fn no_sequence_of_requests_breaks_the_rules(
        private in any::<bool>(),
        owned in any::<bool>(),
        requests in prop::collection::vec((0..NAMES.len(), auth_level(), request()), 0..60),
    ) {
        let mut policy = Policy::default();
        let members = vec![user(1), user(2)];
        policy.apply(&ModerationChange::Created { private, owner: owned.then(|| user(0)), members }, &user(0), Time(0));
        for (at, (who, auth_level, request)) in (1..).zip(requests) {
            let user = user(who);
            if let Some(after) = check(&policy, Actor { user: &user, auth_level, appointed: None }, &request, Time(at)) {
                policy = after;
            }
        }
    }
}
