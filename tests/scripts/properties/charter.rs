//! What no row of motions does to a room: whoever asks, whatever they want, in whatever order.

use std::time::Duration;

use proptest::prelude::*;
use roomd::chat::charter::{Change, Charter, Motion, Rank, Role, Settings, Who};
use roomd::chat::{Code, RoomName, Standing, Time, UserName};

const NAMES: [&str; 5] = ["Ann", "Bob", "Cy", "Dan", "Eve"];

fn user(number: usize) -> UserName {
    UserName::parse(NAMES[number]).unwrap()
}

fn motion() -> impl Strategy<Value = Motion> {
    let who = || (0..NAMES.len()).prop_map(user);
    let lasts = || prop::option::of((1..30_u64).prop_map(Duration::from_millis));
    prop_oneof![
        who().prop_map(|user| Motion::Invite { user }),
        who().prop_map(|user| Motion::Remove { user }),
        who().prop_map(|user| Motion::Kick { user }),
        (who(), lasts()).prop_map(|(user, lasts)| Motion::Ban { user, lasts }),
        who().prop_map(|user| Motion::Unban { user }),
        (who(), lasts()).prop_map(|(user, lasts)| Motion::Mute { user, lasts }),
        who().prop_map(|user| Motion::Unmute { user }),
        (who(), prop::sample::select(Role::ALL.to_vec())).prop_map(|(user, role)| Motion::Role { user, role }),
        (prop::option::of(0..3_u32), prop::option::of(any::<bool>()))
            .prop_map(|(slow_mode_s, announcement)| { Motion::Settings(Settings { slow_mode_s, announcement }) }),
    ]
}

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![1 => Just(Standing::Guest), 6 => Just(Standing::Registered), 1 => Just(Standing::Admin)]
}

/// Whom a change takes something from.
fn victim(change: &Change) -> Option<&UserName> {
    match change {
        Change::Removed { user } | Change::Kicked { user } | Change::Banned { user, .. } => Some(user),
        Change::Muted { user, .. } | Change::Unmuted { user } => Some(user),
        _ => None,
    }
}

fn registered(user: &UserName) -> Who<'_> {
    Who { user, standing: Standing::Registered }
}

fn check(before: &Charter, who: Who<'_>, motion: &Motion, now: Time) -> Option<Charter> {
    let room = RoomName::parse("den").unwrap();
    let rank = before.rank(who);
    let change = match before.decide(&room, who, motion, now) {
        Ok(change) => change,
        Err(refusal) => {
            let hidden = (refusal.code, &*refusal.message) == (Code::NotFound, "There is no room den");
            assert_eq!(
                rank == Rank::Stranger,
                hidden,
                "a stranger, and only a stranger, is told of no room: {refusal:?}"
            );
            return None;
        }
    };
    let change = change?;
    let resigns = change == Change::Removed { user: who.user.clone() };
    assert!(rank >= Rank::Moderator || resigns, "{rank:?} has {motion:?} done");
    let mut after = before.clone();
    after.apply(&change, now);
    assert!(after.owner().is_some() || before.owner().is_none(), "{change:?} by {rank:?}");
    let owners = after.people().values().filter(|role| **role == Role::Owner).count();
    assert_eq!(owners, usize::from(after.owner().is_some()));
    if let Some(victim) = victim(&change) {
        let theirs = before.rank(registered(victim));
        assert!(rank > theirs || resigns, "{rank:?} does {change:?} to {theirs:?}");
    }
    if let Change::Banned { user, until } = &change {
        let end = until.map_or(u64::MAX, |until| until.0);
        for (at, kept_out) in [(now.0, true), (end - 1, true), (end, until.is_none())] {
            let banned = after.may_enter(registered(user), Time(at)).is_err();
            assert!(banned == kept_out || after.is_private(), "{user} at {at}, banned until {until:?}");
        }
    }
    if matches!(change, Change::Settings(_) | Change::Invited { .. } | Change::Role { .. } | Change::Removed { .. }) {
        assert_ne!(after, *before, "what is so already is no change: {change:?}");
    }
    Some(after)
}

proptest! {
    #[test]
    fn no_row_of_motions_breaks_the_rules(
        private in any::<bool>(),
        owned in any::<bool>(),
        motions in prop::collection::vec((0..NAMES.len(), standing(), motion()), 0..60),
    ) {
        let mut charter = Charter::default();
        let members = vec![user(1), user(2)];
        charter.apply(&Change::Founded { private, owner: owned.then(|| user(0)), members }, Time(0));
        for (at, (who, standing, motion)) in (1..).zip(motions) {
            let user = user(who);
            if let Some(after) = check(&charter, Who { user: &user, standing }, &motion, Time(at)) {
                charter = after;
            }
        }
    }
}
