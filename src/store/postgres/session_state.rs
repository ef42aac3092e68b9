//! What the row of a session says: JSON, as short as it is plain. Pure.
//!
//! What a version does not know it ignores; what it cannot understand it does not go on with.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::chat::device::DeviceId;
use crate::chat::identity::TokenClaims;
use crate::chat::{AuthLevel, Availability, Identity, Note, Pattern, Position, RoomName, Status, Time, UserName};
use crate::store::shared_sessions::{SharedMembership, SharedSession};

#[derive(Serialize, Deserialize)]
struct SessionRow {
    user: String,
    level: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claims: Option<ClaimsRow>,
    began: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    away: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    receipts: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    published: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rooms: Vec<MembershipRow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    conversations: Vec<PlaceRow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    patterns: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct ClaimsRow {
    since: u64,
    expires: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rooms: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct PlaceRow {
    room: String,
    epoch: String,
    seq: u64,
}

#[derive(Serialize, Deserialize)]
struct MembershipRow {
    #[serde(flatten)]
    place: PlaceRow,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    topic: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    group: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    quiet: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    receipts: bool,
}

/// A row that cannot be understood.
#[derive(Debug)]
pub struct NotUnderstood;

/// The row of a session.
pub fn write(session: &SharedSession) -> String {
    let SharedSession { identity, began, availability, asks_receipts, has_published, .. } = session;
    let row = SessionRow {
        user: identity.user.as_str().to_owned(),
        level: identity.auth_level.as_str().to_owned(),
        claims: identity.claims.as_deref().map(ClaimsRow::of),
        began: began.0,
        away: availability.status == Status::Away,
        note: availability.note.as_deref().map(str::to_owned),
        receipts: *asks_receipts,
        published: *has_published,
        rooms: session.rooms.iter().map(MembershipRow::of).collect(),
        conversations: session.conversations.iter().map(|(room, entered)| PlaceRow::of(room, entered)).collect(),
        patterns: session.patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
    };
    serde_json::to_string(&row).expect("texts and numbers are JSON")
}

/// The session of a row.
///
/// # Errors
/// It is of a later version.
pub fn read(text: &str) -> Result<SharedSession, NotUnderstood> {
    let row: SessionRow = serde_json::from_str(text).map_err(|_| NotUnderstood)?;
    let levels = [AuthLevel::Guest, AuthLevel::Registered, AuthLevel::Admin];
    let auth_level = levels.into_iter().find(|level| level.as_str() == row.level).ok_or(NotUnderstood)?;
    let claims = row.claims.map(ClaimsRow::read).transpose()?.map(Arc::new);
    let conversations = row.conversations.into_iter().map(PlaceRow::read).collect::<Result<_, _>>()?;
    Ok(SharedSession {
        identity: Identity { user: UserName::stored(&row.user), auth_level, claims },
        began: Time(row.began),
        availability: Availability {
            status: if row.away { Status::Away } else { Status::Online },
            note: row.note.as_deref().map(Note::stored),
        },
        asks_receipts: row.receipts,
        has_published: row.published,
        rooms: row.rooms.into_iter().map(MembershipRow::read).collect::<Result<_, _>>()?,
        conversations,
        patterns: row
            .patterns
            .iter()
            .map(|pattern| Pattern::parse(pattern))
            .collect::<Result<_, _>>()
            .map_err(|_| NotUnderstood)?,
    })
}

impl ClaimsRow {
    fn of(claims: &TokenClaims) -> Self {
        let TokenClaims { since, expires, display, rooms, device, rate, key } = claims;
        let rooms = rooms.as_ref().map(|rooms| rooms.iter().map(|room| room.as_str().to_owned()).collect());
        let device = device.map(|DeviceId(number)| number);
        let (since, expires, display) = (since.0, expires.0, display.as_deref().map(str::to_owned));
        Self { since, expires, display, rooms, device, rate: *rate, key: key.as_deref().map(str::to_owned) }
    }

    fn read(self) -> Result<TokenClaims, NotUnderstood> {
        let room = |name: String| RoomName::parse_known(&name).map_err(|_| NotUnderstood);
        let rooms = self.rooms.map(|rooms| rooms.into_iter().map(room).collect::<Result<_, _>>()).transpose()?;
        Ok(TokenClaims {
            since: Time(self.since),
            expires: Time(self.expires),
            display: self.display.map(Arc::from),
            rooms,
            device: self.device.map(DeviceId),
            rate: self.rate,
            key: self.key.map(Arc::from),
        })
    }
}

impl PlaceRow {
    fn of(room: &RoomName, Position { epoch, seq }: &Position) -> Self {
        Self { room: room.as_str().to_owned(), epoch: epoch.to_string(), seq: *seq }
    }

    fn read(self) -> Result<(RoomName, Position), NotUnderstood> {
        let room = RoomName::parse_known(&self.room).map_err(|_| NotUnderstood)?;
        Ok((room, Position { epoch: self.epoch.into(), seq: self.seq }))
    }
}

impl MembershipRow {
    fn of(membership: &SharedMembership) -> Self {
        let SharedMembership { room, entered, topic, in_group, is_announced, asks_receipts } = membership;
        let place = PlaceRow::of(room, entered);
        Self { place, topic: *topic, group: *in_group, quiet: !is_announced, receipts: *asks_receipts }
    }

    fn read(self) -> Result<SharedMembership, NotUnderstood> {
        let Self { place, topic, group: in_group, quiet, receipts: asks_receipts } = self;
        let (room, entered) = place.read()?;
        Ok(SharedMembership { room, entered, topic, in_group, is_announced: !quiet, asks_receipts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read_as_it_was_written() {
        let room = |name: &str| RoomName::parse_known(name).unwrap();
        let entered = |seq| Position { epoch: "e1".into(), seq };
        let claims = TokenClaims {
            since: Time(5),
            expires: Time(u64::MAX),
            display: Some("Ann \0 \"A\"".into()),
            rooms: Some(vec![room("den")]),
            device: Some(DeviceId(7)),
            rate: Some(60),
            key: Some("01ab".into()),
        };
        let user = UserName::parse("Ann").unwrap();
        let membership = |name: &str, topic, is_announced| SharedMembership {
            room: room(name),
            entered: entered(3),
            topic,
            in_group: !topic,
            is_announced,
            asks_receipts: topic,
        };
        let guest = SharedSession {
            identity: Identity::guest(user.clone()),
            began: Time(9),
            availability: Availability::default(),
            asks_receipts: false,
            has_published: false,
            rooms: Vec::new(),
            conversations: Vec::new(),
            patterns: Vec::new(),
        };
        let registered = SharedSession {
            identity: Identity { user, auth_level: AuthLevel::Admin, claims: Some(Arc::new(claims)) },
            availability: Availability { status: Status::Away, note: Note::parse("lunch").ok() },
            asks_receipts: true,
            has_published: true,
            rooms: vec![membership("den", false, true), membership("prices", true, false)],
            conversations: vec![(room("dm:Ann:Bob"), entered(0))],
            patterns: vec![Pattern::parse("prices.*").unwrap()],
            ..guest.clone()
        };
        assert_eq!(write(&guest), r#"{"user":"Ann","level":"guest","began":9}"#);
        for session in [guest, registered] {
            assert_eq!(read(&write(&session)).ok(), Some(session));
        }
    }

    #[test]
    fn what_is_of_a_later_version_is_not_gone_on_with() {
        let fails = |text: &str| assert!(read(text).is_err(), "{text}");
        fails("");
        fails(r#"{"user":"Ann","level":"superuser","began":9}"#);
        fails(r#"{"user":"Ann","level":"guest","began":9,"rooms":[{"room":"a/b","epoch":"e","seq":1}]}"#);
        fails(r#"{"user":"Ann","level":"guest","began":9,"patterns":["a..b"]}"#);
        assert!(read(r#"{"user":"Ann","level":"guest","began":9,"later":true}"#).is_ok());
    }
}
