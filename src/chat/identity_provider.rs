//! An OpenID Connect provider at which users log in, and what being in a group there allows here.
//!
//! Said in the settings; read by whoever begins a login, and by whoever judges what the provider says of a user.

use roomd_protocol::{ROOM_CHARS_MAX, RoomName, TOKEN_ROOMS_MAX};

/// Groups that are looked at of one user, at most.
pub const GROUPS_MAX: usize = 1_000;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProvider {
    /// By which addresses here name it: letters in lower case, digits and hyphens.
    pub id: String,
    /// What it is called, for people to read.
    pub label: String,
    /// Its issuer identifier, a URL, by which its tokens name it (OpenID Connect Core 1.0 §2).
    pub issuer: String,
    /// Under which this server is registered there.
    pub client: String,
    /// A file with the secret that is shared with it; `None`: this server is a public client.
    pub secret_file: Option<String>,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim that names the user.
    pub name_claim: String,
    /// The claim that lists the user's groups.
    pub groups_claim: String,
    /// Groups whose users are admins.
    pub admin_groups: Vec<String>,
    /// Whether a name that is registered here and was never claimed, such as an imported one, goes to the first who logs in with it.
    pub adopts_names: bool,
    /// Groups, each with a room that its users may enter; none: whoever logs in may enter every room.
    pub room_groups: Vec<(String, RoomName)>,
}

/// What a user may do here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Whether the user is an admin.
    pub admin: bool,
    /// The rooms that the user may enter; `None`: all.
    pub rooms: Option<Vec<RoomName>>,
}

impl IdentityProvider {
    /// What a user in these groups may do. An admin may enter every room. `None`: groups are what admits here, and the user is in none
    /// of them.
    #[must_use]
    pub fn allows(&self, groups: &[String]) -> Option<Allowed> {
        if groups.iter().any(|group| self.admin_groups.contains(group)) {
            return Some(Allowed { admin: true, rooms: None });
        }
        if self.room_groups.is_empty() {
            return Some(Allowed { admin: false, rooms: None });
        }
        let mut rooms: Vec<_> =
            self.room_groups.iter().filter(|(group, _)| groups.contains(group)).map(|(_, room)| room.clone()).collect();
        rooms.sort();
        rooms.dedup();
        (!rooms.is_empty()).then_some(Allowed { admin: false, rooms: Some(rooms) })
    }

    /// Whether a user's groups decide anything.
    #[must_use]
    pub fn asks_groups(&self) -> bool {
        !self.admin_groups.is_empty() || !self.room_groups.is_empty()
    }
}

/// Pairs of a group and a room of one provider, at most: a token names no more rooms.
pub const ROOM_GROUPS_MAX: usize = TOKEN_ROOMS_MAX;
/// Characters of a group's name, at most.
pub const GROUP_CHARS_MAX: usize = 4 * ROOM_CHARS_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(admin_groups: &[&str], room_groups: &[(&str, &str)]) -> IdentityProvider {
        let room_groups = room_groups.iter().map(|(group, room)| ((*group).to_owned(), RoomName::parse(room).unwrap()));
        IdentityProvider {
            id: "kc".to_owned(),
            label: "Keycloak".to_owned(),
            issuer: "https://sso.example.org".to_owned(),
            client: "roomd".to_owned(),
            secret_file: None,
            scopes: Vec::new(),
            name_claim: "preferred_username".to_owned(),
            groups_claim: "groups".to_owned(),
            adopts_names: false,
            admin_groups: admin_groups.iter().map(|group| (*group).to_owned()).collect(),
            room_groups: room_groups.collect(),
        }
    }

    #[test]
    fn groups_make_admins_and_open_rooms_and_where_they_do_who_has_none_is_kept_out() {
        let rooms = |names: &[&str]| Some(names.iter().map(|name| RoomName::parse(name).unwrap()).collect());
        let groups = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let open = provider(&["root"], &[]);
        assert_eq!(open.allows(&groups(&[])), Some(Allowed { admin: false, rooms: None }));
        assert_eq!(open.allows(&groups(&["x", "root"])), Some(Allowed { admin: true, rooms: None }));
        let closed = provider(&["root"], &[("staff", "lunch"), ("staff", "den"), ("ops", "den")]);
        assert_eq!(
            closed.allows(&groups(&["staff", "ops"])),
            Some(Allowed { admin: false, rooms: rooms(&["den", "lunch"]) })
        );
        assert_eq!(closed.allows(&groups(&["ops"])), Some(Allowed { admin: false, rooms: rooms(&["den"]) }));
        assert_eq!(closed.allows(&groups(&["root"])), Some(Allowed { admin: true, rooms: None }));
        assert_eq!(closed.allows(&groups(&["Staff"])), None, "names are compared as they are");
    }
}
