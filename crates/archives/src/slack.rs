//! The archive that Slack gives its owners: a ZIP file with the channels, the users, and a file of messages for each day.
//!
//! <https://slack.com/help/articles/220556107>. `channels.json`, `groups.json` (private channels), `mpims.json` (groups
//! of several users) and `dms.json` list the rooms, `users.json` the users; the messages of a room are in the folder of
//! its name, or of its id. Only `channels.json` and `users.json` are in every archive.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek};

use roomd_protocol::{DisplayName, RoomName, UserName};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zip::ZipArchive;

use super::archive::{Archive, Room, RoomKind, User};
use super::names::{RoomNames, UserNames};
use super::timeline::{Post, TIME_END_MS, in_order};
use super::{Unreadable, shortcodes, slack_text, unreadable};

/// Bytes of one file of the archive, at most.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

#[derive(Deserialize)]
struct SlackUser {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    real_name: Option<String>,
    #[serde(default)]
    profile: Profile,
}

#[derive(Default, Deserialize)]
struct Profile {
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    real_name: Option<String>,
}

#[derive(Deserialize)]
struct SlackRoom {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    members: Vec<String>,
    #[serde(default)]
    topic: Text,
    #[serde(default)]
    purpose: Text,
}

#[derive(Default, Deserialize)]
struct Text {
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct SlackMessage {
    ts: String,
    #[serde(default)]
    subtype: Option<String>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    bot_id: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    thread_ts: Option<String>,
    #[serde(default)]
    edited: Option<Edited>,
    #[serde(default)]
    reactions: Vec<Reaction>,
    #[serde(default)]
    files: Vec<File>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

#[derive(Deserialize)]
struct Edited {
    ts: String,
}

#[derive(Deserialize)]
struct Reaction {
    name: String,
    #[serde(default)]
    users: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    title: Option<String>,
}

#[derive(Deserialize)]
struct Attachment {
    #[serde(default)]
    fallback: Option<String>,
    #[serde(default)]
    text: Option<String>,
}

/// Reads an archive. Blocks as `input` does.
///
/// # Errors
/// It is no archive of Slack, or is not whole.
pub fn read(input: impl Read + Seek) -> Result<Archive, Unreadable> {
    let zip = ZipArchive::new(input).map_err(|error| unreadable(format!("it is no ZIP file: {error}")))?;
    let mut reader = Reader { days: days_of(&zip), zip, names: UserNames::default(), channels: HashMap::new() };
    let mut archive = Archive::default();
    let users: Vec<SlackUser> =
        reader.list("users.json")?.ok_or_else(|| unreadable("it is no archive of Slack: users.json is missing"))?;
    for user in &users {
        archive.users.push(reader.user(user));
    }
    let lists = ["channels.json", "groups.json", "mpims.json", "dms.json"];
    let rooms = lists.map(|list| reader.list::<SlackRoom>(list).map(Option::unwrap_or_default));
    let mut room_names = RoomNames::default();
    let mut named = Vec::new();
    for (list, rooms) in lists.into_iter().zip(rooms) {
        for room in rooms? {
            let name = room_names.name(room.name.as_deref().unwrap_or(&room.id));
            reader.channels.insert(room.id.clone(), name.clone());
            named.push((list, room, name));
        }
    }
    for (list, room, name) in named {
        let room = reader.room(list, room, name, &mut archive)?;
        archive.rooms.extend(room);
    }
    for (id, name) in reader.names.iter() {
        // Bots, and users of other workspaces, are not on the list.
        if !users.iter().any(|user| user.id == id) {
            archive.users.push(User { name: name.clone(), display_name: None, since_ms: 0 });
        }
    }
    archive.date_users();
    Ok(archive)
}

/// The files of messages, by the folder in which they are.
fn days_of<R: Read + Seek>(zip: &ZipArchive<R>) -> BTreeMap<String, Vec<String>> {
    let mut days = BTreeMap::<String, Vec<String>>::new();
    for path in zip.file_names().flatten() {
        if let Some((folder, file)) = path.split_once('/')
            && file.ends_with(".json")
            && !file.contains('/')
        {
            days.entry(folder.to_owned()).or_default().push(path.to_string());
        }
    }
    days
}

struct Reader<R> {
    zip: ZipArchive<R>,
    days: BTreeMap<String, Vec<String>>,
    names: UserNames,
    /// The rooms by their ids.
    channels: HashMap<String, RoomName>,
}

impl<R: Read + Seek> Reader<R> {
    /// A file that is a list; `None`: it is not there.
    fn list<T: DeserializeOwned>(&mut self, path: &str) -> Result<Option<Vec<T>>, Unreadable> {
        let file = match self.zip.by_name(path) {
            Ok(file) => file,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(unreadable(format!("{path} cannot be read: {error}"))),
        };
        let mut bytes = Vec::new();
        let read = file.take(FILE_BYTES_MAX).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(format!("{path} cannot be read: {error}")))?;
        let list = serde_json::from_slice(&bytes);
        list.map(Some).map_err(|error| unreadable(format!("{path} is not as Slack writes it: {error}")))
    }

    fn user(&mut self, user: &SlackUser) -> User {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let display = given(&user.profile.display_name).or(given(&user.profile.real_name)).or(given(&user.real_name));
        let wanted = if user.name.is_empty() { display.as_deref().unwrap_or(&user.id) } else { &user.name };
        let name = self.names.name(&user.id, wanted);
        let display_name = display.and_then(|text| DisplayName::parse(&text).ok());
        User { display_name: display_name.filter(|display| display.as_str() != name.as_str()), name, since_ms: 0 }
    }

    /// `None`: nothing was said there between two users.
    fn room(
        &mut self,
        list: &str,
        room: SlackRoom,
        name: RoomName,
        archive: &mut Archive,
    ) -> Result<Option<Room>, Unreadable> {
        let SlackRoom { id, name: folder, members, topic, purpose } = room;
        let paths = folder.as_ref().and_then(|folder| self.days.get(folder)).or(self.days.get(&id));
        let mut posts = Vec::new();
        for path in paths.cloned().unwrap_or_default() {
            let day = self.list::<SlackMessage>(&path)?.unwrap_or_default();
            for message in day {
                posts.extend(self.post(message, archive).map_err(|what| unreadable(format!("{path}: {what}")))?);
            }
        }
        let members: Vec<UserName> = members.iter().map(|id| self.names.name(id, id)).collect();
        let (name, kind) = match (list, &members[..]) {
            ("channels.json", _) => (name, RoomKind::Public),
            ("dms.json", [one, other]) if one != other => {
                (RoomName::private(one, other), RoomKind::Conversation(one.clone(), other.clone()))
            }
            _ => (name, RoomKind::Private(members)),
        };
        let messages = in_order(posts, archive);
        if list == "dms.json" && messages.is_empty() {
            return Ok(None);
        }
        let text = |text: Text| Some(slack_text::convert(&text.value, |id| self.mentioned(id), |id| self.channel(id)));
        let text = |value: Text| text(value).filter(|text| !text.trim().is_empty());
        Ok(Some(Room { name, id, kind, subject: text(topic), description: text(purpose), messages }))
    }

    /// A message; `None`: it is a notice of the server, which is counted.
    fn post(&mut self, message: SlackMessage, archive: &mut Archive) -> Result<Option<Post>, String> {
        if let Some(
            kind @ ("tombstone" | "pinned_item" | "unpinned_item" | "bot_add" | "bot_remove" | "reminder_add"),
        ) = message.subtype.as_deref()
        {
            archive.leave_out(format!("notices ({kind})"));
            return Ok(None);
        }
        if let Some(kind) = message.subtype.as_deref()
            && ["channel_", "group_", "huddle_", "sh_room_"].iter().any(|of| kind.starts_with(of))
        {
            archive.leave_out(format!("notices ({kind})"));
            return Ok(None);
        }
        let user = match (&message.user, &message.bot_id) {
            (Some(id), _) => self.names.name(id, message.username.as_deref().unwrap_or(id)),
            (None, Some(id)) => self.names.name(id, message.username.as_deref().unwrap_or(id)),
            (None, None) => self.names.name("", message.username.as_deref().unwrap_or("slack")),
        };
        let mut text = message.text.unwrap_or_default();
        for Attachment { fallback, text: shown } in message.attachments {
            let shown = shown.filter(|text| !text.is_empty()).or(fallback).unwrap_or_default();
            if !shown.is_empty() && !text.contains(&shown) {
                text = if text.is_empty() { shown } else { format!("{text}\n{shown}") };
            }
        }
        let mut text = slack_text::convert(&text, |id| self.mentioned(id), |id| self.channel(id));
        for File { name, title } in message.files {
            let name = name.or(title).unwrap_or_else(|| "without a name".to_owned());
            text = format!("{text}{}(file: {name})", if text.is_empty() { "" } else { "\n" });
            archive.leave_out("files (their names stand in the messages)");
        }
        let mut reactions = Vec::new();
        for Reaction { name, users } in message.reactions {
            let emoji = shortcodes::emoji(&name);
            if emoji.len() > 64 {
                archive.leave_out("reactions with long names");
                continue;
            }
            reactions.extend(users.iter().map(|id| (self.names.name(id, id), emoji.clone())));
        }
        let parent = message.thread_ts.filter(|thread| *thread != message.ts);
        let edited_ms = message.edited.map(|edited| milliseconds(&edited.ts)).transpose()?;
        Ok(Some(Post { at_ms: milliseconds(&message.ts)?, id: message.ts, user, edited_ms, text, parent, reactions }))
    }

    fn mentioned(&self, id: &str) -> Option<String> {
        self.names.get(id).map(ToString::to_string)
    }

    fn channel(&self, id: &str) -> Option<String> {
        self.channels.get(id).map(ToString::to_string)
    }
}

/// `1355517523.000005`: seconds since 1970, and what tells messages of one second apart.
fn milliseconds(ts: &str) -> Result<u64, String> {
    let (seconds, fraction) = ts.split_once('.').unwrap_or((ts, "0"));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let number = |text: &str| text.parse::<u64>().ok();
    let ms = number(seconds).zip(number(&digits)).and_then(|(s, ms)| s.checked_mul(1_000)?.checked_add(ms));
    ms.filter(|ms| *ms < TIME_END_MS).ok_or_else(|| format!("a message has the time {ts:?}, which is none"))
}
