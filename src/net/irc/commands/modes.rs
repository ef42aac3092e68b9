//! MODE: the role of a user is a mode with a nick, a ban or a mute an entry of the list `b`; announcements are `m`, the
//! limit of users `l`, and `t` is off where everybody sets the topic.
//!
//! What a room is made with stays: `i` and `s` of a private room. `n` is on in every room: only members speak. Keys are
//! none: a private room admits by list and invitation.

use std::sync::Arc;

use super::channels::{existing, member, moderate, try_moderate};
use super::operators::resign;
use crate::chat::policy::{Actor, MEMBERS_MAX, ModerationRequest, Policy, Privilege, Role, RoomSettings};
use crate::chat::{Code, End, RoomName, Time, UserName};
use crate::net::irc::conversation::Conversation;
use crate::net::irc::welcome::USER_MODES;
use crate::wire::irc::{self, Line, ModeChange, clean, parse_modes, print_modes};

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
    let (mut with_parameter, mut settings) = (0, RoomSettings::default());
    for ModeChange { letter, on, param } in parse_modes(changes, params_behind(line, 2), takes_parameter) {
        match (letter, param) {
            ('b', None) => tell_bans(this, &room),
            _ if !matches!(letter, 'b' | 'i' | 'k'..='o' | 'q' | 's' | 't' | 'v') => {
                this.client.numeric("472", &clean(&letter.to_string()), "is unknown mode char to me");
            }
            // First of all: what cannot be changed, or would change nothing, needs the same rights. The client is told.
            _ if !may_change(this, &room, letter) => {}
            ('b' | 'o' | 'q' | 'v', Some(param)) if with_parameter == MODES_MAX => {
                let why = format!("One MODE has {MODES_MAX} of these at most");
                wrong_parameter(this, &room, letter, param, &why);
            }
            ('b', Some(mask)) => {
                with_parameter += 1;
                change_ban(this, &room, mask, on);
            }
            ('o' | 'q' | 'v', Some(nick)) => {
                with_parameter += 1;
                change_role(this, &room, (letter, nick), on);
            }
            ('o' | 'q' | 'v', None) => wrong_parameter(this, &room, letter, "*", "It needs a nick"),
            ('m', _) => settings.announcement = Some(on),
            ('t', _) => settings.open_subject = Some(!on),
            ('l', _) if !on => settings.members_max = Some(0),
            ('l', most) => match most.and_then(|most| most.parse().ok()).filter(|most| is_limit(*most)) {
                Some(most) => settings.members_max = Some(most),
                None => wrong_parameter(this, &room, 'l', "*", "It needs a number of users"),
            },
            ('k', _) => {
                wrong_parameter(this, &room, 'k', "*", "A room has no key: a private one has a list, and invitations");
            }
            _ => check_fixed(this, &room, letter, on),
        }
    }
    if settings != RoomSettings::default() {
        moderate(this, ("MODE", &room), ModerationRequest::Settings(settings), None);
    }
    None
}

/// The parameters of a line from this one on.
fn params_behind(line: &Line, at: usize) -> impl Iterator<Item = &str> {
    line.params.iter().skip(at).map(String::as_str)
}

/// Whether a mode of a channel, set or taken, takes a parameter.
fn takes_parameter(letter: char, on: bool) -> bool {
    matches!(letter, 'b' | 'k' | 'o' | 'q' | 'v') || (letter == 'l' && on)
}

/// Whether the client may change this mode; otherwise it is told. Blocks on the room, which decides once more when
/// it is asked for the change.
fn may_change(this: &mut Conversation, room: &RoomName, letter: char) -> bool {
    let who = this.who().clone();
    let users = member(this, room, &who.user);
    let privilege = match letter {
        'q' => Privilege::Owner,
        // Where nobody owns the room, its operators make others operators.
        'o' if users.policy.owner().is_some() => Privilege::Owner,
        _ => Privilege::Moderator,
    };
    let actor = Actor { appointed: users.appointed(&who.user), ..Actor::from(&who) };
    let checked = users.policy.check_privilege(actor, privilege);
    checked.map_err(|refusal| this.client.refused(&refusal, "MODE", &irc::channel(room))).is_ok()
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
    match try_moderate(this, room, request, None) {
        // Nobody of this name is banned, or muted.
        Err(refusal) if refusal.code == Code::NotFound && !on => {
            wrong_parameter(this, room, 'b', mask, &refusal.to_string());
        }
        Err(refusal) => this.client.refused(&refusal, "MODE", &irc::channel(room)),
        Ok(()) => {}
    }
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
/// of a bot, which says so itself. One line answers how the modes stand that were to be changed.
fn of_user(this: &mut Conversation, line: &Line, target: &str) {
    match this.user(target) {
        Ok(user) if user == this.who().user => {}
        Ok(user) if this.is_online(&user) => {
            return this.client.numeric("502", "", "The modes of another user are not yours to see or change");
        }
        _ => return this.client.numeric("401", &clean(target), "No such nick/channel"),
    }
    let changes: String = params_behind(line, 1).collect();
    if changes.is_empty() {
        let on = USER_MODES.chars().filter(|letter| is_on(this, *letter)).map(|letter| (true, letter));
        let modes = print_modes(on);
        return this.client.numeric("221", &modes, None);
    }
    let changes = parse_modes(&changes, [], |_, _| false);
    for change in &changes {
        match (change.letter, change.on) {
            ('B', on) => {
                this.is_bot = on;
                this.engine().directory.set_bot(this.connection.as_others_see(), on);
            }
            ('o', false) => resign(this),
            ('o', true) if this.operator.is_none() => {
                this.client.numeric("481", "", "Permission Denied- OPER makes an operator");
            }
            _ => {}
        }
    }
    let (known, unknown): (Vec<_>, Vec<_>) =
        changes.iter().map(|change| change.letter).partition(|letter| USER_MODES.contains(*letter));
    if !unknown.is_empty() {
        this.client.numeric("501", "", "Unknown MODE flag");
    }
    if !known.is_empty() {
        let modes = print_modes(known.into_iter().map(|letter| (is_on(this, letter), letter)));
        this.own_line(&format!("MODE {}", this.client.nick), &*modes);
    }
}

/// Whether a mode of the client's own is on.
fn is_on(this: &Conversation, letter: char) -> bool {
    match letter {
        'B' => this.is_bot,
        'o' => this.operator.is_some(),
        _ => true,
    }
}
