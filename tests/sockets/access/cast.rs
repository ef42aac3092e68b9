//! The cast: one user of each privilege, a room to try them on, and the users that requests are about.
//!
//! Every user with a registered name has a token of an issuer that the server accepts. A room is created
//! in process, and ended when its trial is over, so each trial begins with the same.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, bounded};
use jsonwebtoken::{EncodingKey, Header, encode};
use roomd::chat::policy::{InvitationOptions, ModerationRequest, Role, RoomOptions};
use roomd::chat::{AuthLevel, Event, Identity, RoomName, Secret, Time, UserName};
use roomd::engine::clients::member::Member;
use roomd::engine::clients::recipient::ChannelRecipient;
use roomd::engine::rooms::moderation::NewRoom;
use roomd::settings::WebhookTarget;
use serde_json::json;

use crate::harness::{IrcClient, LineClient, TestServer, WebSocketClient, free};

const SECRET: &str = "the secret with which these tests sign their tokens";

/// A privilege, and the user that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    Outsider,
    Guest,
    Member,
    Moderator,
    Owner,
    Admin,
}

/// The privileges, in the order of the table's columns.
pub const RANKS: [Rank; 6] = [Rank::Outsider, Rank::Guest, Rank::Member, Rank::Moderator, Rank::Owner, Rank::Admin];

impl Rank {
    /// The user that has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outsider => "Stan",
            Self::Guest => "Gus",
            Self::Member => "Mia",
            Self::Moderator => "Mod",
            Self::Owner => "Olga",
            Self::Admin => "Root",
        }
    }

    /// The identity, for a program in the server's process.
    pub fn identity(self) -> Identity {
        let auth_level = match self {
            Self::Guest => AuthLevel::Guest,
            Self::Admin => AuthLevel::Admin,
            _ => AuthLevel::Registered,
        };
        Identity { auth_level, ..Identity::guest(user(self.name())) }
    }
}

/// Users that requests are about: on the list and in the room, banned, muted, and invited.
const OTHERS: [&str; 4] = ["Tim", "Ben", "Max", "Ivy"];

/// A server that knows each of them.
pub struct Cast {
    pub server: TestServer,
    trials: AtomicU64,
}

/// A room on trial, with Tim and a message of his in it.
pub struct Trial<'a> {
    pub room: String,
    cast: &'a Cast,
    _tim: (Member, Receiver<Arc<Event>>),
}

impl Cast {
    pub fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("access.secret");
        // Each process writes the same file, and writes it whole.
        let draft = path.with_extension(format!("{:?}", std::thread::current().id()));
        fs::write(&draft, SECRET).unwrap();
        fs::rename(draft, &path).unwrap();
        let server = TestServer::with(|settings| {
            settings.jwt_secret_file = Some(path.to_str().unwrap().to_owned());
            settings.irc = Some(free());
            settings.webhook_allow = vec![WebhookTarget::Network("127.0.0.1/32".parse().unwrap())];
        });
        let ranks = RANKS.iter().filter(|rank| **rank != Rank::Guest).map(|rank| rank.name());
        for name in ranks.chain(OTHERS) {
            server.engine().identify(&Secret::from(token(name).as_str()), None).unwrap();
        }
        Self { server, trials: AtomicU64::new(0) }
    }

    /// A fresh room of Olga's.
    pub fn trial(&self, private: bool) -> Trial<'_> {
        let engine = self.server.engine();
        let room = format!("trial-{:04}", self.trials.fetch_add(1, Ordering::Relaxed));
        let name = RoomName::parse(&room).unwrap();
        let options = RoomOptions { private, members: ["Mia", "Mod", "Tim", "Max", "Ben"].map(user).to_vec() };
        let owner = Rank::Owner.identity();
        engine.create(&owner, NewRoom { room: name.clone(), durable: true, options }).unwrap();
        let rule = |request| engine.moderate(&owner, &name, request, None).unwrap();
        rule(ModerationRequest::Role { user: user("Mod"), role: Role::Moderator });
        rule(ModerationRequest::Ban { user: user("Ben"), lasts: None });
        rule(ModerationRequest::Mute { user: user("Max"), lasts: Some(Duration::from_secs(3_600)) });
        engine.create_invitation(&owner, &name, InvitationOptions::default(), None).unwrap();
        let (sender, events) = bounded(1_000);
        let tim = Identity { auth_level: AuthLevel::Registered, ..Identity::guest(user("Tim")) };
        let tim = Member::join(engine, &name, tim, Arc::new(ChannelRecipient::new(sender)), 0).unwrap();
        tim.send("hello").unwrap();
        assert!(events.iter().any(|event| matches!(*event, Event::Sent { seq: 1, .. })));
        Trial { room, cast: self, _tim: (tim, events) }
    }

    /// The user of this privilege, over JSON.
    pub fn json(&self, rank: Rank) -> WebSocketClient {
        let mut client = WebSocketClient::open(&self.server, &format!("/ws?format=json&{}", credentials(rank)));
        client.event_of("welcome");
        client
    }

    /// The user of this privilege, over text in a WebSocket, in a room of their own.
    pub fn text(&self, rank: Rank) -> WebSocketClient {
        let name = rank.name();
        let mut client = WebSocketClient::open(&self.server, &format!("/ws?room=of-{name}&{}", credentials(rank)));
        client.wait_for(&format!("{name} joined the room"));
        client
    }

    /// The user of this privilege, over IRC.
    pub fn irc(&self, rank: Rank) -> IrcClient {
        let mut client = match rank {
            Rank::Guest => IrcClient::named(&self.server, rank.name()),
            _ => IrcClient::with_token(&self.server, &token(rank.name())),
        };
        client.ask("CAP REQ :message-tags");
        client
    }

    /// The user of this privilege, over lines, in the lobby.
    pub fn line(&self, rank: Rank) -> LineClient {
        let mut client = LineClient::guest(&self.server);
        client.say(&match rank {
            Rank::Guest => format!("/nick {}", rank.name()),
            _ => format!("/auth {}", token(rank.name())),
        });
        client.wait_for(&format!("{} joined the room", rank.name()));
        client
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let room = RoomName::parse(&self.room).unwrap();
            // A trial may have ended it.
            _ = self.cast.server.engine().moderate(&Rank::Admin.identity(), &room, ModerationRequest::End, None);
        }
    }
}

/// The header field with the user's token; empty for a guest.
pub fn bearer(rank: Rank) -> String {
    match rank {
        Rank::Guest => String::new(),
        _ => format!("Authorization: Bearer {}\r\n", token(rank.name())),
    }
}

fn credentials(rank: Rank) -> String {
    match rank {
        Rank::Guest => format!("user={}", rank.name()),
        _ => format!("user={}&token={}", rank.name(), token(rank.name())),
    }
}

fn token(name: &str) -> String {
    let end = Time::from(SystemTime::now() + Duration::from_secs(3_600)).0 / 1_000;
    let says = json!({"sub": name, "exp": end, "admin": name == Rank::Admin.name()});
    encode(&Header::default(), &says, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

pub fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}
