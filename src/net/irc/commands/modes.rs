//! MODE: the role of a user is a mode with a nick, a ban or a mute an entry of the list `b`; announcements are `m`, the
//! limit of users `l`, and `t` is off where everybody sets the topic.
//!
//! What a room is made with stays: `i` and `s` of a private room. `n` is on in every room: only members speak. Keys are
//! none: a private room admits by list and invitation.

use std::sync::Arc;

use super::channels::{existing, member, moderate};
use super::operators::resign;
use crate::chat::policy::{MEMBERS_MAX, ModerationRequest, Policy, Role, RoomSettings};
use crate::chat::{End, RoomName, Time, UserName};
use crate::net::irc::conversation::Conversation;
use crate::wire::irc::{self, Line, clean};

/// Changes of one MODE that have a parameter, at most.
const MODES_MAX: usize = 4;
/// What the mask of a mute begins with: an extended ban.
const MUTE: &str = "m:";

pub fn mode(this: &mut Conversation, line: &Line) -> Option<End> {
    let target = &line.params[0];
    if !irc::is_channel(target) {
        of_user(this, line, target);
        return None;
    }
    let room = existing(this, target)?;
    let Some(changes) = line.param(1) else {
        tell_modes(this, &room);
        return None;
    };
    let (mut on, mut params, mut count) = (true, line.params[2..].iter().filter(|param| !param.is_empty()), 0);
    let mut settings = RoomSettings::default();
    for letter in changes.chars() {
        match letter {
            '+' => on = true,
            '-' => on = false,
            'b' => match params.next() {
                None => tell_bans(this, &room),
                Some(_) if count == MODES_MAX => {}
                Some(mask) => {
                    count += 1;
                    change_ban(this, &room, mask, on);
                }
            },
            'o' | 'q' | 'v' => match params.next() {
                None => wrong_parameter(this, &room, letter, "*", "It needs a nick"),
                Some(_) if count == MODES_MAX => {}
                Some(nick) => {
                    count += 1;
                    change_role(this, &room, (letter, nick), on);
                }
            },
            'm' => settings.announcement = Some(on),
            't' => settings.open_subject = Some(!on),
            'l' if on => match params.next().and_then(|most| most.parse().ok()).filter(|most| is_limit(*most)) {
                Some(most) => settings.members_max = Some(most),
                None => wrong_parameter(this, &room, 'l', "*", "It needs a number of users"),
            },
            'l' => settings.members_max = Some(0),
            'k' => {
                wrong_parameter(this, &room, 'k', "*", "A room has no key: a private one has a list, and invitations")
            }
            'n' | 'i' | 's' => check_fixed(this, &room, letter, on),
            other => {
                let middle = clean(&other.to_string());
                this.client.numeric("472", &middle, "is unknown mode char to me");
            }
        }
    }
    if settings != RoomSettings::default() {
        moderate(this, ("MODE", &room), ModerationRequest::Settings(settings), None);
    }
    None
}

fn is_limit(most: u32) -> bool {
    (1..=MEMBERS_MAX).contains(&most)
}

fn policy(this: &Conversation, room: &RoomName) -> Arc<Policy> {
    this.engine().policies.policy(room).unwrap_or_default()
}

fn tell_modes(this: &mut Conversation, room: &RoomName) {
    let policy = policy(this, room);
    let RoomSettings { announcement, members_max, open_subject, .. } = policy.settings();
    let limit = members_max.filter(|most| *most > 0);
    let modes = [
        ("i", policy.is_private()),
        ("l", limit.is_some()),
        ("m", announcement == Some(true)),
        ("n", true),
        ("s", policy.is_private()),
        ("t", open_subject != Some(true)),
    ];
    let modes: String = modes.iter().filter(|(_, is_on)| *is_on).map(|(letter, _)| *letter).collect();
    let modes = format!("+{modes}{}", limit.map(|most| format!(" {most}")).unwrap_or_default());
    let channel = irc::channel(room);
    this.client.numeric("324", &format!("{channel} {modes}"), None);
    // A room that nobody has created is as old as it is open.
    if let Some(at) = policy.created().or_else(|| this.engine().hub.opened(room)) {
        this.client.numeric("329", &format!("{channel} {}", at.0 / 1_000), None);
    }
}

/// The bans and the mutes that are in force.
fn tell_bans(this: &mut Conversation, room: &RoomName) {
    let (policy, channel) = (policy(this, room), irc::channel(room));
    let now = this.engine().clock.now().at;
    let in_force = |until: &Option<Time>| until.is_none_or(|until| now < until);
    let list = |kind: &'static str, users: &std::collections::BTreeMap<UserName, Option<Time>>| {
        let users = users.iter().filter(|(_, until)| in_force(until));
        users.map(|(user, _)| format!("{channel} {kind}{}!*@*", irc::nick(user))).collect::<Vec<_>>()
    };
    for entry in list("", policy.bans()).into_iter().chain(list(MUTE, policy.mutes())) {
        this.client.numeric("367", &entry, None);
    }
    this.client.numeric("368", &channel, "End of channel ban list");
}

fn change_ban(this: &mut Conversation, room: &RoomName, mask: &str, on: bool) {
    let (is_mute, name) = mask.strip_prefix(MUTE).map_or((false, mask), |name| (true, name));
    let name = name.split(['!', '@']).next().unwrap_or_default();
    if name.is_empty() || name.contains(['*', '?']) {
        return wrong_parameter(this, room, 'b', mask, "It names one user: nick!*@*, or m:nick!*@* for a mute");
    }
    let Ok(user) = this.user(name) else {
        return wrong_parameter(this, room, 'b', mask, "This cannot be a nick");
    };
    let request = match (is_mute, on) {
        (false, true) => ModerationRequest::Ban { user, lasts: None },
        (false, false) => ModerationRequest::Unban { user },
        (true, true) => ModerationRequest::Mute { user, lasts: None },
        (true, false) => ModerationRequest::Unmute { user },
    };
    moderate(this, ("MODE", room), request, None);
}

fn change_role(this: &mut Conversation, room: &RoomName, (letter, nick): (char, &str), on: bool) {
    let role = match (letter, on) {
        ('q', true) => Role::Owner,
        ('q', false) => return wrong_parameter(this, room, 'q', nick, "An owner makes another with +q"),
        ('o', true) => Role::Moderator,
        (_, true) => Role::Voice,
        (_, false) => Role::Member,
    };
    let Ok(user) = this.user(nick) else { return this.client.numeric("401", &clean(nick), "No such nick/channel") };
    if this.is_guest_online(&user) && (role == Role::Owner || policy(this, room).owner().is_some()) {
        let why = format!("{user} is a guest, who can have no role: the nick has to be registered");
        return wrong_parameter(this, room, letter, nick, &why);
    }
    let users = member(this, room, &user);
    if !this.engine().registered(&user) && users.members.is_empty() {
        if this.is_online(&user) {
            let middle = format!("{} {}", irc::nick(&user), irc::channel(room));
            return this.client.numeric("441", &middle, "They aren't on that channel");
        }
        return this.client.numeric("401", &clean(nick), "No such nick/channel");
    }
    let present = users.role(&user);
    // A voice is a part of the roles above it; and to take one role does not take another.
    let is_so = match (letter, on) {
        ('v', true) => present > Some(Role::Voice),
        ('v', false) => present != Some(Role::Voice),
        ('o', false) => present < Some(Role::Moderator),
        _ => false,
    };
    if !is_so {
        moderate(this, ("MODE", room), ModerationRequest::Role { user, role }, None);
    }
}

/// A mode that cannot be changed: it is an error to want it otherwise.
fn check_fixed(this: &mut Conversation, room: &RoomName, letter: char, on: bool) {
    let is_on = letter == 'n' || policy(this, room).is_private();
    if is_on != on {
        wrong_parameter(this, room, letter, "*", "This is decided when a room is made, and stays");
    }
}

fn wrong_parameter(this: &mut Conversation, room: &RoomName, letter: char, param: &str, why: &str) {
    this.client.numeric("696", &format!("{} {letter} {}", irc::channel(room), clean(param)), why);
}

/// The modes of a user: `i`, for everybody, since nobody finds a user who shares no room by listing; `o` of an operator; `B`
/// of a bot, which says so itself.
fn of_user(this: &mut Conversation, line: &Line, target: &str) {
    match this.user(target) {
        Ok(user) if user == this.who().user => {}
        Ok(user) if this.is_online(&user) => {
            return this.client.numeric("502", "", "The modes of another user are not yours to see or change");
        }
        _ => return this.client.numeric("401", &clean(target), "No such nick/channel"),
    }
    let Some(changes) = line.param(1) else {
        let modes = [("B", this.is_bot), ("i", true), ("o", this.operator.is_some())];
        let modes = modes.iter().filter(|(_, is_on)| *is_on).map(|(letter, _)| *letter).collect::<String>();
        return this.client.numeric("221", &format!("+{modes}"), None);
    };
    if changes.chars().any(|letter| !matches!(letter, '+' | '-' | 'B' | 'i' | 'o')) {
        this.client.numeric("501", "", "Unknown MODE flag");
    }
    if changes.contains("-o") && this.operator.is_some() {
        resign(this);
        this.own_line(&format!("MODE {}", this.client.nick), "-o");
    }
    if changes.contains('B') {
        this.is_bot = !changes.contains("-B");
        this.engine().directory.set_bot(this.connection.as_others_see(), this.is_bot);
        this.own_line(&format!("MODE {}", this.client.nick), if this.is_bot { "+B" } else { "-B" });
    }
    if changes.contains('i') {
        this.own_line(&format!("MODE {}", this.client.nick), "+i");
    }
}
