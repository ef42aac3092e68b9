//! `--ca` and `--insecure`: whose certificates a client believes. The same for `chat` and for `load`.
//!
//! Read once, on the main thread. Without them it is those that the system trusts.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

use roomd_tls::Trust;

/// The two flags.
pub fn flags() -> [Arg; 2] {
    let path = OsStringValueParser::new().map(PathBuf::from);
    let ca =
        "Through TLS, trust the certificates in this PEM file, and no others\n[default: those that the system trusts]";
    let insecure = "Through TLS, trust whoever answers: anybody in between can then read and change all";
    [
        Arg::new("ca").long("ca").value_name("FILE").value_parser(path).help(ca),
        Arg::new("insecure").long("insecure").action(ArgAction::SetTrue).conflicts_with("ca").help(insecure),
    ]
}

/// What the two flags said; for commands that derive their arguments, to be flattened into them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustArguments {
    ca: Option<PathBuf>,
    insecure: bool,
}

impl TrustArguments {
    /// Which certificates to trust at this address.
    ///
    /// # Errors
    /// A sentence: the address is without TLS, where no certificate is presented.
    pub fn trust(self, url: &str) -> Result<Trust, String> {
        let (given, trust) = match self.ca {
            Some(path) => ("--ca", Trust::Only(path)),
            None if self.insecure => ("--insecure", Trust::Anybody),
            None => return Ok(Trust::System),
        };
        let scheme = url.split("://").next().unwrap_or_default().to_ascii_lowercase();
        if matches!(scheme.as_str(), "wss" | "https") {
            return Ok(trust);
        }
        Err(format!("{given} is for TLS, and {url:?} is without: wss://…"))
    }
}

impl Args for TrustArguments {
    fn augment_args(command: Command) -> Command {
        command.args(flags())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for TrustArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Ok(Self { ca: matches.get_one("ca").cloned(), insecure: matches.get_flag("insecure") })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Which certificates to trust at this address.
///
/// # Errors
/// As [`TrustArguments::trust`].
pub fn read(matches: &ArgMatches, url: &str) -> Result<Trust, String> {
    TrustArguments::from_arg_matches(matches).map_err(|error| error.to_string())?.trust(url)
}
