//! What an IRC client is told when it is registered: the welcome, ISUPPORT, the figures, the message of the day.
//!
//! Also the answers to VERSION, LUSERS and MOTD, which repeat parts of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::client::Client;
use super::monitor::WATCHED_MAX;
use crate::net::context::ServerContext;
use crate::wire::irc::IDENT_BYTES_MAX;
use roomd_protocol::{DISPLAY_NAME_CHARS_MAX, ROOM_CHARS_MAX, USER_CHARS_MAX};

const VERSION: &str = concat!("roomd-", env!("CARGO_PKG_VERSION"));
/// The modes of users.
pub const USER_MODES: &str = "Bio";
/// The modes of channels.
const CHANNEL_MODES: &str = "bilmnoqstv";
/// Targets of one command, at most.
pub const TARGETS_MAX: usize = 4;
/// Tokens of one ISUPPORT line, at most, so that a line has its 15 parameters.
const TOKENS_MAX: usize = 13;
/// Bytes of a subject, which is a topic, at most.
const TOPIC_BYTES: usize = crate::chat::policy::SUBJECT_BYTES_MAX;
/// Bytes of a note, which is the reason of a kick or an absence, at most.
const NOTE_BYTES: usize = crate::chat::Note::BYTES_MAX;

/// Writes all that follows a registration.
pub fn write(context: &ServerContext, client: &mut Client) {
    let network = network(context);
    let welcome = format!("Welcome to {network}, {}", client.nick);
    client.numeric("001", "", &*welcome);
    let server = Arc::clone(&client.server);
    client.numeric("002", "", &*format!("Your host is {server}, running {VERSION}"));
    client.numeric("003", "", "This server keeps what is said, and shows it on every door in one order");
    client.numeric("004", &format!("{server} {VERSION} {USER_MODES} {CHANNEL_MODES} bloqv"), None);
    isupport(context, client);
    // Who is being welcomed is counted from now on.
    users(context, client, context.engine.directory.count() + 1);
    motd(context, client);
}

/// The name of the server, for people.
pub fn network(context: &ServerContext) -> String {
    context.settings.load().name.clone().unwrap_or_else(|| "roomd".to_owned())
}

/// `005`.
pub fn isupport(context: &ServerContext, client: &mut Client) {
    // A value has no space: as IRCv3 says, it is written as \x20.
    let network: String = network(context).split_whitespace().collect::<Vec<_>>().join("\\x20");
    let rooms = context.settings.load().limits.rooms_per_connection;
    let tokens = [
        format!("AWAYLEN={NOTE_BYTES}"),
        "BOT=B".to_owned(),
        "CASEMAPPING=ascii".to_owned(),
        format!("CHATHISTORY={}", super::commands::history::MESSAGES_MAX),
        format!("CHANLIMIT=#:{rooms}"),
        "CHANMODES=b,,l,imnst".to_owned(),
        format!("CHANNELLEN={}", ROOM_CHARS_MAX + 1),
        "CHANTYPES=#".to_owned(),
        "CLIENTTAGDENY=*,-draft/react,-draft/reply,-reply,-typing".to_owned(),
        "ELIST=MNU".to_owned(),
        "EXTBAN=,m".to_owned(),
        format!("KICKLEN={NOTE_BYTES}"),
        "MODES=4".to_owned(),
        format!("MONITOR={WATCHED_MAX}"),
        "MSGREFTYPES=msgid,timestamp".to_owned(),
        format!("NAMELEN={DISPLAY_NAME_CHARS_MAX}"),
        format!("NETWORK={network}"),
        format!("NICKLEN={USER_CHARS_MAX}"),
        "PREFIX=(qov)~@+".to_owned(),
        format!(
            "TARGMAX=JOIN:,KICK:{TARGETS_MAX},NAMES:{TARGETS_MAX},NOTICE:{TARGETS_MAX},PART:,PRIVMSG:{TARGETS_MAX},WHOIS:1"
        ),
        format!("TOPICLEN={TOPIC_BYTES}"),
        format!("USERLEN={IDENT_BYTES_MAX}"),
        "UTF8ONLY".to_owned(),
        "WHOX".to_owned(),
    ];
    for line in tokens.chunks(TOKENS_MAX) {
        client.numeric("005", &line.join(" "), "are supported by this server");
    }
}

/// The figures of LUSERS.
pub fn lusers(context: &ServerContext, client: &mut Client) {
    users(context, client, context.engine.directory.count());
}

fn users(context: &ServerContext, client: &mut Client, users: usize) {
    let rooms = context.engine.hub.len();
    client.numeric("251", "", &*format!("There are {users} users and 0 invisible on 1 servers"));
    let operators = context.engine.directory.operators();
    client.numeric("252", &operators.to_string(), "operator(s) online");
    let unknown = context.registering.load(Ordering::Relaxed);
    client.numeric("253", &unknown.to_string(), "unknown connection(s)");
    client.numeric("254", &rooms.to_string(), "channels formed");
    client.numeric("255", "", &*format!("I have {users} clients and 0 servers"));
    let most = context.engine.directory.most().max(users);
    client.numeric("265", &format!("{users} {most}"), &*format!("Current local users {users}, max {most}"));
    client.numeric("266", &format!("{users} {most}"), &*format!("Current global users {users}, max {most}"));
}

/// The message of the day: the server's welcome.
pub fn motd(context: &ServerContext, client: &mut Client) {
    let Some(welcome) = &context.settings.load().welcome else {
        return client.numeric("422", "", "There is no message of the day");
    };
    let server = Arc::clone(&client.server);
    client.numeric("375", "", &*format!("- {server} Message of the day -"));
    for line in welcome.lines() {
        client.numeric("372", "", &*format!("- {line}"));
    }
    client.numeric("376", "", "End of /MOTD command");
}

/// The answer to VERSION.
pub fn version(context: &Arc<ServerContext>, client: &mut Client) {
    let middle = format!("{VERSION} {}", client.server);
    client.numeric("351", &middle, "a chat server of rooms; this is its IRC door");
    isupport(context, client);
}
