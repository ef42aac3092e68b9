//! The token of `roomd chat`: taken from a file, or claimed and put there.
//!
//! A name belongs to whoever claims it first, so `roomd chat --user Ann` claims it and keeps the token in
//! the directory for states (XDG), a file a server and name, for its owner's eyes only. Where names
//! cannot be claimed one talks as a guest. Runs on the main thread before the client connects.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::arguments::Arguments;
use super::state;
use roomd_client::{ClaimError, Options, claim, is_accepted};
use roomd_protocol::Secret;

/// After how long a token is exchanged for one that is good for longer.
const RENEW_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The token to come with, if there is one. An error is a sentence.
pub fn find(arguments: &Arguments, options: &Options) -> Result<Option<Secret>, String> {
    let name = kept_as(arguments);
    let kept = arguments.token_file.clone().or_else(|| state::path(name.as_ref()?));
    let Some(path) = kept else { return Ok(None) };
    if let Some(token) = read(&path)? {
        // If the server cannot be asked, the connection will say why.
        let accepted = is_accepted(&arguments.url, &token, options).unwrap_or(true);
        // A token that somebody gave is theirs to look after.
        if accepted || arguments.user.is_none() || arguments.no_claim {
            return Ok(Some(if accepted { renewed(arguments, options, &path, token) } else { token }));
        }
    }
    let Some(user) = arguments.user.as_ref().filter(|_| !arguments.no_claim) else {
        return match &arguments.token_file {
            Some(path) => Err(format!("there is no token in {}", path.display())),
            None => Ok(None),
        };
    };
    match claim(&arguments.url, user, None, options) {
        Ok(token) => {
            let unkept = |error: io::Error| format!("cannot keep the token in {}: {error}", path.display());
            if let (None, Some(name)) = (&arguments.token_file, name) {
                state::make(&name).map_err(unkept)?;
            }
            keep(&path, &token).map_err(unkept)?;
            Ok(Some(token))
        }
        // Perhaps by us, at the same moment. Else as a guest; if that is not possible the server says so.
        Err(ClaimError::Refused(..) | ClaimError::Failed(_)) => read(&path),
    }
}

/// As what the token of this user of this server is kept among the states.
fn kept_as(arguments: &Arguments) -> Option<String> {
    let user = arguments.user.as_ref().filter(|_| !arguments.no_claim)?;
    let user = utf8_percent_encode(user, NON_ALPHANUMERIC);
    Some(format!("tokens/{}/{user}", state::server(&arguments.url)))
}

fn read(path: &Path) -> Result<Option<Secret>, String> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(text.trim().into())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}

/// The token, or one that was given for it if it is old.
fn renewed(arguments: &Arguments, options: &Options, path: &Path, token: Secret) -> Secret {
    let written = fs::metadata(path).and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let age = SystemTime::now().duration_since(written).unwrap_or_default();
    let Some(user) = arguments.user.as_ref().filter(|_| age > RENEW_AFTER && !arguments.no_claim) else {
        return token;
    };
    // One that is not renewed is good all the same, and so is one that cannot be kept.
    match claim(&arguments.url, user, Some(&token), options) {
        Ok(new) if keep(path, &new).is_ok() => new,
        _ => token,
    }
}

/// Writes the token whole, or not at all.
fn keep(path: &Path, token: &Secret) -> io::Result<()> {
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", token.reveal())?;
    file.sync_all()?;
    fs::rename(draft, path)
}
