//! `roomd ready`: whether a server would serve a further client, for what watches over it without a shell of its own, such as
//! a container's health check.
//!
//! One request over HTTP, on the main thread.

use std::time::Duration;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};

use crate::arguments::parse_url;
use roomd_cli::parser;
use roomd_cli::trust::TrustArguments;
use roomd_client::{Options, check_readiness};
use roomd_tls::Trust;

/// How long the server may take to be reached, and as long again for its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What `roomd ready` is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    url: String,
    trust: Trust,
}

#[derive(clap::Args)]
struct Flags {
    /// The server
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8000", value_parser = parser::checked(parse_url))]
    server: String,
    #[command(flatten)]
    trust: TrustArguments,
}

/// The subcommand, with its flags.
#[must_use]
pub fn command() -> Command {
    let about = "Check whether a server would serve a further client: exit code 0 or 1";
    Flags::augment_args(Command::new("ready")).about(about).next_line_help(true)
}

/// What the arguments ask for.
///
/// # Errors
/// A sentence: two of them do not fit together.
pub fn read(matches: &ArgMatches) -> Result<Ready, String> {
    let Flags { server, trust } = Flags::from_arg_matches(matches).map_err(|error| error.to_string())?;
    Ok(Ready { trust: trust.trust(&server)?, url: server })
}

impl Ready {
    /// Asks the server. Blocks for two seconds, and as long again, at most.
    ///
    /// # Errors
    /// A sentence: why it is not ready.
    pub fn check(&self) -> Result<(), String> {
        let options = Options { trust: self.trust.clone(), connect_timeout: PATIENCE, ..Options::default() };
        check_readiness(&self.url, &options)
    }
}
