//! The token of `roomd chat`: read from a file, or claimed and written there.
//!
//! A name belongs to whoever claims it first, so `roomd chat --user Ann` claims it and keeps the token in
//! the state directory, in a file for each server and name that only its user can read. Where names
//! cannot be claimed the user is a guest. Runs on the main thread before the client connects.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::arguments::Arguments;
use super::state_directory;
use roomd_client::{Options, RequestError, claim_name, is_token_accepted, sign_in};
use roomd_protocol::Secret;

/// The age at which a token is exchanged for one that is valid for longer.
const RENEW_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The token to connect with, if there is one. Blocks on the server and the disk.
///
/// # Errors
/// A sentence.
pub fn find(arguments: &Arguments, options: &Options) -> Result<Option<Secret>, String> {
    let name = file_name(arguments);
    let path = arguments.token_file.clone().or_else(|| state_directory::path(name.as_ref()?));
    let Some(path) = path else { return Ok(None) };
    if let Some(code) = &arguments.device {
        let (user, token) = sign_in(&arguments.url, code, options).map_err(|error| error.to_string())?;
        keep(&path, name.filter(|_| arguments.token_file.is_none()).as_deref(), &token)?;
        if arguments.user.as_ref() != Some(&user) {
            return Err(format!(
                "the code is for {user}: say --user {user} from now on, with the token in {}",
                path.display()
            ));
        }
        return Ok(Some(token));
    }
    if let Some(token) = read(&path)? {
        // If the server does not answer, the connection will say why.
        let accepted = is_token_accepted(&arguments.url, &token, options).unwrap_or(true);
        // A token that the user provides is the user's to renew.
        if accepted || arguments.user.is_none() || arguments.no_claim {
            return Ok(Some(if accepted { renew(arguments, options, &path, token) } else { token }));
        }
    }
    let Some(user) = arguments.user.as_ref().filter(|_| !arguments.no_claim) else {
        return match &arguments.token_file {
            Some(path) => Err(format!("there is no token in {}", path.display())),
            None => Ok(None),
        };
    };
    // A name is bound to whoever claims it first: a script does so only if it is told to.
    if !arguments.claim && arguments.token_file.is_none() && !io::stdin().is_terminal() {
        return Ok(None);
    }
    match claim_name(&arguments.url, user, None, options) {
        Ok(token) => {
            keep(&path, name.filter(|_| arguments.token_file.is_none()).as_deref(), &token)?;
            Ok(Some(token))
        }
        // Perhaps another terminal of the user has claimed it meanwhile. Otherwise the user is a guest; if that
        // is not possible the server says so.
        Err(RequestError::Refused(..) | RequestError::Failed(_)) => read(&path),
    }
}

/// Keeps a token in its file; `name` is that of a file in the state directory.
fn keep(path: &Path, name: Option<&str>, token: &Secret) -> Result<(), String> {
    let not_kept = |error: io::Error| format!("cannot keep the token in {}: {error}", path.display());
    if let Some(name) = name {
        state_directory::create(name).map_err(not_kept)?;
    }
    write(path, token).map_err(not_kept)
}

/// The token that `roomd chat` keeps for a user of a server, or that of the file.
///
/// # Errors
/// A sentence: there is none, or it cannot be read.
pub fn kept(url: &str, user: Option<&str>, file: Option<&Path>) -> Result<Secret, String> {
    let kept = user.and_then(|user| {
        let user = utf8_percent_encode(user, NON_ALPHANUMERIC);
        state_directory::path(&format!("tokens/{}/{user}", state_directory::server_name(url)))
    });
    let Some(path) = file.map(Path::to_owned).or(kept) else {
        return Err("say who you are: --user as in roomd chat, or --token-file".to_owned());
    };
    read(&path)?.ok_or_else(|| format!("there is no token in {}; roomd chat claims one", path.display()))
}

/// The name of the token's file in the state directory; `None` for a guest.
fn file_name(arguments: &Arguments) -> Option<String> {
    let user = arguments.user.as_ref().filter(|_| !arguments.no_claim)?;
    let user = utf8_percent_encode(user, NON_ALPHANUMERIC);
    Some(format!("tokens/{}/{user}", state_directory::server_name(&arguments.url)))
}

fn read(path: &Path) -> Result<Option<Secret>, String> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(text.trim().into())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}

/// The token, or its successor if it is old.
fn renew(arguments: &Arguments, options: &Options, path: &Path, token: Secret) -> Secret {
    let written = fs::metadata(path).and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let age = SystemTime::now().duration_since(written).unwrap_or_default();
    let Some(user) = arguments.user.as_ref().filter(|_| age > RENEW_AFTER && !arguments.no_claim) else {
        return token;
    };
    // A token that is not renewed is still valid, also if its successor cannot be kept.
    match claim_name(&arguments.url, user, Some(&token), options) {
        Ok(new) if write(path, &new).is_ok() => new,
        _ => token,
    }
}

/// Replaces the file with one that holds the token, or leaves it as it is.
fn write(path: &Path, token: &Secret) -> io::Result<()> {
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", token.reveal())?;
    file.sync_all()?;
    fs::rename(draft, path)
}
