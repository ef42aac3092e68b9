//! `roomd admin`: what an admin sees of a running server, and does with it.
//!
//! Asks the server over HTTP, with an admin's token, or through its admin socket on the same machine. Runs on the main thread. A list is asked for a part at a time, and
//! written whole: aligned for people, or with `--json` one object a line.

mod keys;
mod table;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::arguments::{parse_room, parse_url, parse_user};
use crate::token;
use roomd_cli::parser;
use roomd_cli::trust::TrustArguments;
use roomd_cli::value::{self, DAY};
use roomd_client::{AdminAccess, Options, ask_as_admin};
use roomd_protocol::{RoomName, UserName};
use roomd_tls::Trust;

use table::{ACCOUNTS, AUDIT, BANS, CONNECTIONS, DELIVERIES, ERASED, HOOKS, PERSON, RETENTION, ROOMS, Table, WEBHOOKS};

/// Entries that are asked for at once.
const PART: usize = 200;
/// How often a person is erased of whom nothing but a connection is left, and how long the pauses between are.
const IDLE_MAX: usize = 50;
/// See [`IDLE_MAX`].
const PAUSE: Duration = Duration::from_millis(200);

/// What `roomd admin` is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    server: Server,
    json: bool,
    what: AdminCommand,
}

/// How the server is reached.
#[derive(Clone, Debug, PartialEq)]
enum Server {
    Url { url: String, trust: Trust, token_file: PathBuf },
    Socket(PathBuf),
}

#[derive(clap::Args)]
struct Flags {
    #[command(subcommand)]
    what: AdminCommand,
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000", value_parser = parser::checked(parse_url), global = true)]
    server: String,
    /// The file with an admin's token, as roomd token --admin makes it; /dev/stdin reads it from another command
    #[arg(long, value_name = "PATH", global = true)]
    token_file: Option<PathBuf>,
    /// The server's --admin-socket, on this machine, which needs no token
    #[arg(long, value_name = "PATH", global = true, conflicts_with_all = ["server", "token_file", "ca", "insecure"])]
    socket: Option<PathBuf>,
    /// Write lists as JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    trust: TrustArguments,
}

/// A command. Help is made of the comments.
#[derive(Clone, Debug, PartialEq, Subcommand)]
enum AdminCommand {
    /// List who is connected, the oldest connection first
    Connections {
        /// Only those of this user
        #[arg(long, value_name = "USER", value_parser = parser::checked(parse_user))]
        user: Option<UserName>,
        /// Only those from this address or network, such as 192.0.2.7 or 192.0.2.0/24
        #[arg(long, value_name = "ADDRESS")]
        address: Option<String>,
        /// Only those in this room
        #[arg(long, value_name = "ROOM", value_parser = parser::checked(parse_room))]
        room: Option<RoomName>,
        /// Only those through this door: websocket-json, websocket-text, lines, irc, sse, ndjson or in-process
        #[arg(long, value_name = "DOOR")]
        door: Option<String>,
    },
    /// End a connection; its user may come back
    End {
        /// Its number, as connections has it
        #[arg(value_name = "CONNECTION")]
        connection: u64,
    },
    /// Ban a user, an address or a network from the whole server, and put out who is there
    Ban {
        /// The user, in any spelling
        #[arg(long, value_name = "USER", value_parser = parser::checked(parse_user), required_unless_present = "address")]
        user: Option<UserName>,
        /// The address or network, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32
        #[arg(long, value_name = "ADDRESS", conflicts_with = "user")]
        address: Option<String>,
        /// For how long, such as 2h or 30d [default: until it is lifted]
        #[arg(long = "for", value_name = "TIME", value_parser = parser::time(Duration::from_secs(1)..=366 * DAY))]
        lasts: Option<Duration>,
        /// Why; they are told
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// List the bans in force
    Bans,
    /// Lift a ban
    Unban {
        /// Its number, as bans has it
        #[arg(value_name = "BAN")]
        ban: u64,
    },
    /// List the rooms, without private conversations
    Rooms,
    /// Create a room, which is the admin's own, or this user's
    Create {
        /// The room
        #[arg(value_name = "ROOM", value_parser = parser::checked(parse_room))]
        room: RoomName,
        /// Only those on its list may enter
        #[arg(long)]
        private: bool,
        /// The registered user that it belongs to
        #[arg(long, value_name = "USER", value_parser = parser::checked(parse_user))]
        owner: Option<UserName>,
    },
    /// End a room, and with it its history
    EndRoom {
        /// The room
        #[arg(value_name = "ROOM", value_parser = parser::checked(parse_room))]
        room: RoomName,
    },
    /// Give a room to another owner
    HandOver {
        /// The room
        #[arg(value_name = "ROOM", value_parser = parser::checked(parse_room))]
        room: RoomName,
        /// The registered user that it belongs to from now on
        #[arg(value_name = "USER", value_parser = parser::checked(parse_user))]
        user: UserName,
    },
    /// Set or show how much of a room's history is kept
    Retain {
        /// The room
        #[arg(value_name = "ROOM", value_parser = parser::checked(parse_room))]
        room: RoomName,
        /// How old a message may get, such as 30days; 0s is any age, server is the server's setting
        #[arg(long, value_name = "TIME|server", value_parser = parser::checked(parse_age))]
        age: Option<Value>,
        /// How many messages are kept; 0 is all, server is the server's setting
        #[arg(long, value_name = "N|server", value_parser = parser::checked(parse_messages))]
        messages: Option<Value>,
    },
    /// List the registered names
    Accounts,
    /// Give a registered name back: it is free, and its connections end
    GiveBack {
        /// The name, in any spelling
        #[arg(value_name = "USER", value_parser = parser::checked(parse_user))]
        user: UserName,
    },
    /// Show how much there is of a person: messages, receipts, name; with --yes, erase it
    Erase {
        /// The person's name
        #[arg(value_name = "USER", value_parser = parser::checked(parse_user))]
        user: UserName,
        /// Erase it: this cannot be taken back
        #[arg(long)]
        yes: bool,
    },
    /// List the keys that sign the server's tokens, the one that signs first
    Keys,
    /// Make a new key, which signs from now on; tokens of the old ones stay good until they expire
    RotateKeys,
    /// Revoke a key that signs no longer: the tokens that it has signed are void, and their connections end
    RevokeKey {
        /// The key, as keys has it
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// List a room's hooks, by which other software speaks there
    Hooks {
        /// The room
        #[arg(value_name = "ROOM", value_parser = parser::checked(parse_room))]
        room: RoomName,
    },
    /// Revoke a hook of a room
    RevokeHook {
        /// The room
        #[arg(value_name = "ROOM", value_parser = parser::checked(parse_room))]
        room: RoomName,
        /// Its number, as hooks has it
        #[arg(value_name = "HOOK")]
        hook: u64,
    },
    /// List the webhooks that are told of all rooms, or those of one
    Webhooks(WebhookRoom),
    /// List what was delivered to a webhook, or is to be
    WebhookLog(WebhookOf),
    /// Try now what waits for a webhook, also for one that is switched off
    ResumeWebhook(WebhookOf),
    /// Remove a webhook, with what waits for it
    RemoveWebhook(WebhookOf),
    /// Say something to everybody who is connected
    Announce {
        /// What is said: one line, of at most 350 bytes
        #[arg(value_name = "TEXT")]
        text: String,
    },
    /// List what admins have done, the newest first
    Audit {
        /// How many entries
        #[arg(long, value_name = "N", default_value_t = 50)]
        count: usize,
    },
}

/// Of which webhooks.
#[derive(clap::Args, Clone, Debug, PartialEq)]
struct WebhookRoom {
    /// Those of this room
    #[arg(long, value_name = "ROOM", value_parser = parser::checked(parse_room))]
    room: Option<RoomName>,
}

/// Which webhook.
#[derive(clap::Args, Clone, Debug, PartialEq)]
struct WebhookOf {
    /// Its number, as webhooks has it
    #[arg(value_name = "WEBHOOK")]
    webhook: u64,
    #[command(flatten)]
    room: WebhookRoom,
}

impl WebhookRoom {
    fn path(&self) -> String {
        self.room.as_ref().map_or_else(|| "webhooks".to_owned(), |room| of_room(room, "/webhooks"))
    }
}

impl WebhookOf {
    fn path(&self, what: &str) -> String {
        format!("{}/{}{what}", self.room.path(), self.webhook)
    }
}

/// What is asked of a room.
fn of_room(room: &RoomName, what: &str) -> String {
    format!("rooms/{}{what}", utf8_percent_encode(room.as_str(), NON_ALPHANUMERIC))
}

/// What is asked of a user.
fn of_user(what: &str, user: &UserName) -> String {
    format!("{what}/{}", utf8_percent_encode(user.as_str(), NON_ALPHANUMERIC))
}

fn parse_age(text: &str) -> Result<Value, String> {
    match text {
        "server" => Ok(json!("server")),
        text => Ok(json!(value::time(text, &(Duration::ZERO..=100 * 366 * DAY))?.as_secs())),
    }
}

fn parse_messages(text: &str) -> Result<Value, String> {
    match text.parse::<u64>() {
        _ if text == "server" => Ok(json!("server")),
        Ok(count) => Ok(json!(count)),
        Err(_) => Err(format!("must be a whole number or server, not {text:?}")),
    }
}

/// The subcommand, with its flags.
#[must_use]
pub fn command() -> Command {
    let about = "See what happens in a running server and act on it, as an admin";
    Flags::augment_args(Command::new("admin")).about(about).next_line_help(true)
}

/// What the arguments ask for.
///
/// # Errors
/// A sentence: one is missing, or two of them do not fit together.
pub fn read(matches: &ArgMatches) -> Result<Admin, String> {
    let Flags { what, server, token_file, socket, json, trust } =
        Flags::from_arg_matches(matches).map_err(|error| error.to_string())?;
    let server = match (socket, token_file) {
        (Some(socket), _) => Server::Socket(socket),
        (None, Some(token_file)) => Server::Url { trust: trust.trust(&server)?, url: server, token_file },
        (None, None) => {
            return Err(
                "admin needs --socket, with a server's --admin-socket, or --token-file, with a token of roomd \
                        token --admin"
                    .to_owned(),
            );
        }
    };
    Ok(Admin { server, json, what })
}

impl Admin {
    /// Does it, and writes what there is to write to `out`. Blocks on the server.
    ///
    /// # Errors
    /// A sentence.
    pub fn run(&self, out: &mut dyn Write) -> Result<(), String> {
        let token;
        let access = match &self.server {
            Server::Socket(path) => AdminAccess::Socket(path),
            Server::Url { url, token_file, .. } => {
                token = token::kept(url, None, Some(token_file))?;
                AdminAccess::Token(url, &token)
            }
        };
        match &self.what {
            AdminCommand::Connections { user, address, room, door } => {
                let query = [
                    ("user", user.as_ref().map(UserName::as_str)),
                    ("address", address.as_deref()),
                    ("room", room.as_ref().map(RoomName::as_str)),
                    ("door", door.as_deref()),
                ];
                self.list(access, ("connections", usize::MAX), &query, &CONNECTIONS, out)
            }
            AdminCommand::End { connection } => {
                self.ask(access, "DELETE", &format!("connections/{connection}"), None).map(drop)
            }
            AdminCommand::Ban { user, address, lasts, note } => {
                let (user, for_s) = (user.as_ref().map(UserName::as_str), lasts.map(|lasts| lasts.as_secs()));
                let body = json!({"user": user, "address": address, "for_s": for_s, "note": note});
                let made = self.ask(access, "POST", "bans", Some(&body))?;
                self.write(&[made], &BANS, out)
            }
            AdminCommand::Bans => self.list(access, ("bans", usize::MAX), &[], &BANS, out),
            AdminCommand::Unban { ban } => self.ask(access, "DELETE", &format!("bans/{ban}"), None).map(drop),
            AdminCommand::Rooms => self.list(access, ("rooms", usize::MAX), &[], &ROOMS, out),
            AdminCommand::Create { room, private, owner } => {
                let body =
                    json!({"room": room.as_str(), "private": private, "owner": owner.as_ref().map(UserName::as_str)});
                self.ask(access, "POST", "rooms", Some(&body)).map(drop)
            }
            AdminCommand::EndRoom { room } => self.ask(access, "DELETE", &of_room(room, ""), None).map(drop),
            AdminCommand::HandOver { room, user } => {
                self.ask(access, "PUT", &of_room(room, "/owner"), Some(&json!({"user": user.as_str()}))).map(drop)
            }
            AdminCommand::Retain { room, age, messages } => {
                let body = json!({"age_s": age, "messages": messages});
                let bounds = self.ask(access, "PUT", &of_room(room, "/retention"), Some(&body))?;
                self.write(&[bounds], &RETENTION, out)
            }
            AdminCommand::Accounts => self.list(access, ("accounts", usize::MAX), &[], &ACCOUNTS, out),
            AdminCommand::GiveBack { user } => self.ask(access, "DELETE", &of_user("accounts", user), None).map(drop),
            AdminCommand::Erase { user, yes: false } => {
                let data = self.ask(access, "GET", &of_user("people", user), None)?;
                self.write(&[data], &PERSON, out)
            }
            AdminCommand::Erase { user, yes: true } => {
                let erased = self.erase(access, user)?;
                self.write(&[erased], &ERASED, out)
            }
            AdminCommand::Keys | AdminCommand::RotateKeys | AdminCommand::RevokeKey { .. } => self.keys(access, out),
            AdminCommand::Hooks { room } => self.entries(access, (&of_room(room, "/hooks"), "hooks"), &HOOKS, out),
            AdminCommand::RevokeHook { room, hook } => {
                self.ask_api(access, ("DELETE", &of_room(room, &format!("/hooks/{hook}"))), None).map(drop)
            }
            AdminCommand::Webhooks(of) => self.entries(access, (&of.path(), "webhooks"), &WEBHOOKS, out),
            AdminCommand::WebhookLog(of) => {
                self.entries(access, (&of.path("/deliveries"), "deliveries"), &DELIVERIES, out)
            }
            AdminCommand::ResumeWebhook(of) => self.ask_api(access, ("POST", &of.path("/deliveries")), None).map(drop),
            AdminCommand::RemoveWebhook(of) => self.ask_api(access, ("DELETE", &of.path("")), None).map(drop),
            AdminCommand::Announce { text } => {
                self.ask(access, "POST", "announcements", Some(&json!({"text": text}))).map(drop)
            }
            AdminCommand::Audit { count } => self.list(access, ("audit", *count), &[], &AUDIT, out),
        }
    }

    /// Asks for what is below `/api/v1/admin/`.
    fn ask(
        &self,
        access: AdminAccess<'_>,
        method: &str,
        resource: &str,
        body: Option<&Value>,
    ) -> Result<Value, String> {
        self.ask_api(access, (method, &format!("admin/{resource}")), body)
    }

    /// Asks for what is below `/api/v1/`.
    fn ask_api(&self, access: AdminAccess<'_>, request: (&str, &str), body: Option<&Value>) -> Result<Value, String> {
        let trust = match &self.server {
            Server::Url { trust, .. } => trust.clone(),
            Server::Socket(_) => Trust::System,
        };
        ask_as_admin(access, request, body, &Options { trust, ..Options::default() }).map_err(|error| error.to_string())
    }

    /// Erases a person, part by part.
    fn erase(&self, access: AdminAccess<'_>, user: &UserName) -> Result<Value, String> {
        let (mut messages, mut receipts, mut idle) = (0, 0, 0);
        loop {
            let part = self.ask(access, "DELETE", &of_user("people", user), None)?;
            let (Some(more), Some(marks), Some(complete)) =
                (part["messages"].as_u64(), part["receipts"].as_u64(), part["complete"].as_bool())
            else {
                return Err("the server's answer is not understood".to_owned());
            };
            (messages, receipts) = (messages + more, receipts + marks);
            if complete {
                return Ok(json!({"messages": messages, "receipts": receipts}));
            }
            if more == 0 {
                idle += 1;
                if idle == IDLE_MAX {
                    return Err(format!(
                        "{messages} messages of {user} are erased, but the user is still connected or comes back at once: ban the name first"
                    ));
                }
                // A connection that is ending takes a moment.
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Asks for a short list at a path below `/api/v1/`, and writes what the answer has under the name.
    fn entries(
        &self,
        access: AdminAccess<'_>,
        (path, name): (&str, &str),
        table: &Table,
        out: &mut dyn Write,
    ) -> Result<(), String> {
        let Value::Array(entries) = self.ask_api(access, ("GET", path), None)?[name].take() else {
            return Err("the server's answer is not understood".to_owned());
        };
        self.write(&entries, table, out)
    }

    /// Asks for a list, of so many entries at most, part by part, and writes it.
    fn list(
        &self,
        access: AdminAccess<'_>,
        (name, most): (&str, usize),
        query: &[(&str, Option<&str>)],
        table: &Table,
        out: &mut dyn Write,
    ) -> Result<(), String> {
        let mut wanted = format!("{name}?limit={}", most.clamp(1, PART));
        for (name, value) in query {
            if let Some(value) = value {
                wanted.push_str(&format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
            }
        }
        let (mut entries, mut after) = (Vec::new(), String::new());
        loop {
            let mut part = self.ask(access, "GET", &format!("{wanted}{after}"), None)?;
            let Value::Array(more) = part[name].take() else {
                return Err("the server's answer is not understood".to_owned());
            };
            entries.extend(more);
            let next = match &part["next"] {
                Value::Null => break,
                Value::String(name) => utf8_percent_encode(name, NON_ALPHANUMERIC).to_string(),
                number => number.to_string(),
            };
            if entries.len() >= most {
                break;
            }
            after = format!("&after={next}");
        }
        entries.truncate(most);
        self.write(&entries, table, out)
    }

    fn write(&self, entries: &[Value], table: &Table, out: &mut dyn Write) -> Result<(), String> {
        let written = if self.json {
            entries.iter().try_for_each(|entry| writeln!(out, "{entry}"))
        } else {
            out.write_all(table.of(entries).as_bytes())
        };
        written.map_err(|error| format!("cannot write to standard output: {error}"))
    }
}
