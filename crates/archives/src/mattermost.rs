//! The bulk export of Mattermost: one JSON object a line, or a ZIP file with such a file in it.
//!
//! <https://docs.mattermost.com/administration-guide/onboard/bulk-loading-data.html>: each line has a `type` and a field of
//! that name. Users, channels and posts come in this order, and name each other by their names. Texts are Markdown.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use roomd_protocol::{DisplayName, RoomName, UserName};
use serde::Deserialize;
use zip::ZipArchive;

use super::archive::{Archive, Room, RoomKind, User};
use super::names::{RoomNames, UserNames};
use super::timeline::{Post as TimelinePost, TIME_END_MS, in_order};
use super::{Unreadable, shortcodes, unreadable};

/// Bytes of one line, at most.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A line: one of the fields is there, that of its type.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    channel: Option<Channel>,
    #[serde(default)]
    user: Option<MattermostUser>,
    #[serde(default)]
    post: Option<Post>,
    #[serde(default)]
    direct_channel: Option<DirectChannel>,
    #[serde(default)]
    direct_post: Option<Post>,
}

#[derive(Deserialize)]
struct Channel {
    team: String,
    name: String,
    /// `O` is open, `P` private.
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    header: String,
    #[serde(default)]
    purpose: String,
}

#[derive(Deserialize)]
struct MattermostUser {
    username: String,
    #[serde(default)]
    nickname: String,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    #[serde(default)]
    teams: Option<Vec<TeamMembership>>,
}

#[derive(Deserialize)]
struct TeamMembership {
    name: String,
    #[serde(default)]
    channels: Option<Vec<ChannelMembership>>,
}

#[derive(Deserialize)]
struct ChannelMembership {
    name: String,
}

#[derive(Deserialize)]
struct DirectChannel {
    #[serde(default)]
    members: Option<Vec<String>>,
    #[serde(default)]
    participants: Option<Vec<Participant>>,
    #[serde(default)]
    header: String,
}

#[derive(Deserialize)]
struct Participant {
    username: String,
}

#[derive(Deserialize)]
struct Post {
    #[serde(default)]
    team: String,
    #[serde(default)]
    channel: String,
    /// Of a direct post.
    #[serde(default)]
    channel_members: Vec<String>,
    user: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    message: String,
    create_at: u64,
    #[serde(default)]
    edit_at: Option<u64>,
    #[serde(default)]
    reactions: Option<Vec<Reaction>>,
    #[serde(default)]
    replies: Option<Vec<Post>>,
    #[serde(default)]
    attachments: Option<Vec<Attachment>>,
}

#[derive(Deserialize)]
struct Reaction {
    user: String,
    emoji_name: String,
}

#[derive(Deserialize)]
struct Attachment {
    path: String,
}

/// Reads an export. Blocks as `input` does.
///
/// # Errors
/// It is no export of Mattermost, or is not whole.
pub fn read(mut input: impl Read + Seek) -> Result<Archive, Unreadable> {
    let io = |error: std::io::Error| unreadable(format!("it cannot be read: {error}"));
    let mut beginning = [0; 2];
    let is_zip = input.read_exact(&mut beginning).is_ok() && beginning == *b"PK";
    input.seek(SeekFrom::Start(0)).map_err(io)?;
    if !is_zip {
        return read_lines(BufReader::new(input));
    }
    let zip = |error| unreadable(format!("it is no whole ZIP file: {error}"));
    let mut archive = ZipArchive::new(input).map_err(zip)?;
    let is_lines = |name: &&str| std::path::Path::new(name).extension().is_some_and(|ext| ext == "jsonl");
    let names: Vec<String> = archive.file_names().flatten().map(|name| name.to_string()).collect();
    let name = names.iter().find(|name| is_lines(&name.as_str()));
    let name = name.ok_or_else(|| unreadable("it is no export of Mattermost: no file in it is called .jsonl"))?;
    let file = archive.by_name(name).map_err(zip)?;
    read_lines(BufReader::new(file))
}

fn read_lines(mut lines: impl BufRead) -> Result<Archive, Unreadable> {
    let mut reader = Reader::default();
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        number += 1;
        let read = (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if read.map_err(|error| unreadable(format!("it cannot be read: {error}")))? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let wrong = |what: String| unreadable(format!("line {number} {what}"));
        let parsed = serde_json::from_slice::<Line>(&line);
        let parsed = parsed.map_err(|error| wrong(format!("is not as Mattermost writes it: {error}")))?;
        if number == 1 && parsed.kind != "version" {
            return Err(wrong("is not the first of an export of Mattermost, which is its version".to_owned()));
        }
        reader.take(parsed).map_err(wrong)?;
    }
    if number <= 1 {
        return Err(unreadable("it is empty"));
    }
    Ok(reader.finish())
}

/// What identifies a room: its team and name, or the users of a direct channel.
#[derive(Clone, PartialEq, Eq, Hash)]
enum RoomKey {
    Channel(String, String),
    Direct(BTreeSet<String>),
}

/// A room on its way.
struct OpenRoom {
    room: Room,
    posts: Vec<TimelinePost>,
}

#[derive(Default)]
struct Reader {
    archive: Archive,
    names: UserNames,
    room_names: RoomNames,
    rooms: Vec<OpenRoom>,
    by_key: HashMap<RoomKey, usize>,
    /// How many posts one user wrote in a room in one millisecond.
    posts_of_a_moment: HashMap<(usize, String), usize>,
}

impl Reader {
    fn take(&mut self, line: Line) -> Result<(), String> {
        let Line { kind, channel, user, post, direct_channel, direct_post } = line;
        match (&kind[..], channel, user, post, direct_channel, direct_post) {
            ("channel", Some(channel), ..) => self.channel(channel),
            ("user", _, Some(user), ..) => self.user(user)?,
            ("post", _, _, Some(post), ..) => {
                let key = RoomKey::Channel(post.team.clone(), post.channel.clone());
                let name = format!("the channel {} of the team {}", post.channel, post.team);
                let at =
                    self.by_key.get(&key).copied().ok_or_else(|| format!("is a post in {name}, which is not there"))?;
                self.post(at, post, None);
            }
            ("direct_channel", .., Some(channel), _) => {
                let members = channel.participants.map(|all| all.into_iter().map(|one| one.username).collect());
                let at = self.direct_channel(members.or(channel.members).unwrap_or_default());
                self.rooms[at].room.subject = some_text(&channel.header);
            }
            ("direct_post", .., Some(post)) => {
                let at = self.direct_channel(post.channel_members.clone());
                self.post(at, post, None);
            }
            ("version" | "team" | "scheme" | "role", ..) => {}
            ("channel" | "user" | "post" | "direct_channel" | "direct_post", ..) => {
                return Err(format!("is of the type {kind:?}, and has no field of that name"));
            }
            _ => self.archive.leave_out(format!("lines of the type {kind:?}")),
        }
        Ok(())
    }

    fn user(&mut self, user: MattermostUser) -> Result<(), String> {
        let MattermostUser { username, nickname, first_name, last_name, teams } = user;
        let name = self.names.name(&username, &username);
        let whole = format!("{first_name} {last_name}");
        let called = if nickname.trim().is_empty() { whole } else { nickname };
        let display_name = DisplayName::parse(&called).ok().filter(|display| display.as_str() != name.as_str());
        for TeamMembership { name: team, channels } in teams.unwrap_or_default() {
            for channel in channels.unwrap_or_default() {
                let key = RoomKey::Channel(team.clone(), channel.name);
                let Some(at) = self.by_key.get(&key) else { continue };
                if let RoomKind::Private(members) = &mut self.rooms[*at].room.kind {
                    members.push(name.clone());
                }
            }
        }
        self.archive.users.push(User { name, display_name, since_ms: 0 });
        Ok(())
    }

    fn channel(&mut self, channel: Channel) {
        let Channel { team, name, kind, header, purpose } = channel;
        let kind = if kind == "P" { RoomKind::Private(Vec::new()) } else { RoomKind::Public };
        let room_name = self.room_names.name(&name);
        let id = format!("{team}/{name}");
        let key = RoomKey::Channel(team, name);
        let room = Room {
            name: room_name,
            id,
            kind,
            subject: some_text(&header),
            description: some_text(&purpose),
            messages: Vec::new(),
        };
        self.open(key, room);
    }

    fn open(&mut self, key: RoomKey, room: Room) -> usize {
        self.rooms.push(OpenRoom { room, posts: Vec::new() });
        self.by_key.insert(key, self.rooms.len() - 1);
        self.rooms.len() - 1
    }

    /// The room of the users of a direct channel: a conversation of two, or a private room.
    fn direct_channel(&mut self, members: Vec<String>) -> usize {
        let members: BTreeSet<_> = members.into_iter().collect();
        let key = RoomKey::Direct(members.clone());
        if let Some(at) = self.by_key.get(&key) {
            return *at;
        }
        let id = members.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let users: Vec<UserName> = members.iter().map(|user| self.names.name(user, user)).collect();
        let (name, kind) = match &users[..] {
            [one, other] => (RoomName::private(one, other), RoomKind::Conversation(one.clone(), other.clone())),
            _ => (self.room_names.name(&id.replace(',', "-")), RoomKind::Private(users)),
        };
        let room = Room { name, id, kind, subject: None, description: None, messages: Vec::new() };
        self.open(key, room)
    }

    fn post(&mut self, at: usize, post: Post, parent: Option<&str>) {
        if let Some(kind) = post.kind.as_deref().filter(|kind| kind.starts_with("system_")) {
            return self.archive.leave_out(format!("notices ({kind})"));
        }
        if post.create_at >= TIME_END_MS {
            return self.archive.leave_out("posts whose time is none");
        }
        let mut text = shortcodes::replace(&post.message);
        for Attachment { path } in post.attachments.unwrap_or_default() {
            let name = path.rsplit('/').next().unwrap_or(&path);
            text = format!("{text}{}(file: {name})", if text.is_empty() { "" } else { "\n" });
            self.archive.leave_out("files (their names stand in the messages)");
        }
        let mut reactions = Vec::new();
        for Reaction { user, emoji_name } in post.reactions.unwrap_or_default() {
            let emoji = shortcodes::emoji(&emoji_name);
            if emoji.len() > 64 {
                self.archive.leave_out("reactions with long names");
                continue;
            }
            reactions.push((self.names.name(&user, &user), emoji));
        }
        let user = self.names.name(&post.user, &post.user);
        // Nothing else tells posts apart: an export has no ids.
        let mut id = format!("{}:{}", post.create_at, user);
        let same = self.posts_of_a_moment.entry((at, id.clone())).or_default();
        *same += 1;
        if *same > 1 {
            id = format!("{id}:{same}");
        }
        let edited_ms = post.edit_at.filter(|at| (1..TIME_END_MS).contains(at));
        self.rooms[at].posts.push(TimelinePost {
            id: id.clone(),
            user,
            at_ms: post.create_at,
            edited_ms,
            text,
            parent: parent.map(str::to_owned),
            reactions,
        });
        for reply in post.replies.unwrap_or_default() {
            self.post(at, reply, Some(&id));
        }
    }

    fn finish(self) -> Archive {
        let Self { mut archive, names, rooms, .. } = self;
        for OpenRoom { mut room, posts } in rooms {
            room.messages = in_order(posts, &mut archive);
            let is_conversation = matches!(room.kind, RoomKind::Conversation(..));
            if !(is_conversation && room.messages.is_empty()) {
                archive.rooms.push(room);
            }
        }
        for (_, name) in names.iter() {
            if !archive.users.iter().any(|user| user.name == *name) {
                archive.users.push(User { name: name.clone(), display_name: None, since_ms: 0 });
            }
        }
        archive.date_users();
        archive
    }
}

fn some_text(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}
