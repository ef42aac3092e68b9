//! `roomd invite`: makes a link that admits to a room, as a user who moderates it.
//!
//! Asks the server over HTTP, with the token that `roomd chat` keeps for the user, or one in a file. Runs on the main
//! thread.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};

use crate::arguments::{parse_room, parse_url, parse_user};
use crate::token;
use roomd_cli::parser;
use roomd_cli::trust::TrustArguments;
use roomd_cli::value::DAY;
use roomd_client::{Options, create_invitation};
use roomd_protocol::{RoomName, UserName};
use roomd_tls::Trust;

/// What `roomd invite` is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Invite {
    url: String,
    trust: Trust,
    room: String,
    user: Option<String>,
    token_file: Option<PathBuf>,
    uses: Option<u32>,
    lasts: Option<Duration>,
}

#[derive(clap::Args)]
struct Flags {
    /// The room
    #[arg(value_name = "ROOM", value_parser = parser::checked(parse_room))]
    room: RoomName,
    /// The server, as others open it, since the link begins with it
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000", value_parser = parser::checked(parse_url))]
    server: String,
    /// Your name, with the token that roomd chat keeps
    #[arg(long, value_name = "USER", value_parser = parser::checked(parse_user))]
    user: Option<UserName>,
    /// The file with your token
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// How many users it admits [default: 100]
    #[arg(long, value_name = "N", value_parser = parser::checked(parse_uses))]
    uses: Option<u32>,
    /// How long it is valid, such as 12h or 30d, at most a year [default: 7d]
    #[arg(long = "for", value_name = "TIME", value_parser = parser::time(Duration::from_secs(1)..=366 * DAY))]
    lasts: Option<Duration>,
    #[command(flatten)]
    trust: TrustArguments,
}

/// The subcommand, with its flags.
#[must_use]
pub fn command() -> Command {
    let about = "Make a link that admits whoever opens it to a room that you moderate";
    Flags::augment_args(Command::new("invite")).about(about).next_line_help(true)
}

/// What the arguments ask for.
///
/// # Errors
/// A sentence: two of them do not fit together.
pub fn read(matches: &ArgMatches) -> Result<Invite, String> {
    let Flags { room, server, user, token_file, uses, lasts, trust } =
        Flags::from_arg_matches(matches).map_err(|error| error.to_string())?;
    let (room, user) = (room.to_string(), user.map(|user| user.to_string()));
    Ok(Invite { trust: trust.trust(&server)?, url: server, room, user, token_file, uses, lasts })
}

impl Invite {
    /// Makes the link. Blocks on the server.
    ///
    /// # Errors
    /// A sentence.
    pub fn link(&self) -> Result<String, String> {
        let token = token::kept(&self.url, self.user.as_deref(), self.token_file.as_deref())?;
        let options = Options { trust: self.trust.clone(), ..Options::default() };
        let bounds = (self.lasts.map(|lasts| lasts.as_secs()), self.uses);
        create_invitation(&self.url, &self.room, &token, bounds, &options).map_err(|error| error.to_string())
    }
}

fn parse_uses(text: &str) -> Result<u32, String> {
    let uses = text.parse().ok().filter(|uses| (1..=10_000).contains(uses));
    uses.ok_or_else(|| format!("must be a whole number from 1 to 10000, not {text:?}"))
}
