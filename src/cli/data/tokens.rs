//! `roomd token` and `roomd keys`: commands on the server's signing keys.
//!
//! Called by `execute.rs` on the main thread, whether or not a server runs on the data file. A token goes
//! to standard output, alone on its line; what a person should know of it goes to standard error.

use std::io::{self, Write};
use std::time::SystemTime;

use super::TokenOptions;
use crate::auth::Claims;
use crate::auth::jwt::Jwt;
use crate::chat::Time;
use crate::store::accounts::ServerKey;
use crate::store::administration::{Administration, AdministrationError, PreparedToken};
use roomd_cli::value::time_text;

/// Signs a token and prints it.
pub fn sign(history: &dyn Administration, options: &TokenOptions) -> Result<(), AdministrationError> {
    let TokenOptions { user, valid_for, admin, display, rooms, rate } = options;
    let now = Time::from(SystemTime::now());
    let expires = now.after(*valid_for);
    let PreparedToken { owner, key } = history.prepare_token(user, now, expires)?;
    if owner.name != *user {
        let sentence = format!("the name is registered as {}: say --user {}", owner.name, owner.name);
        return Err(AdministrationError::Refused(sentence));
    }
    let claims = Claims {
        admin: *admin,
        display: display.as_deref().map(Into::into),
        rooms: Some(rooms.clone()).filter(|rooms| !rooms.is_empty()),
        rate: *rate,
        ..Claims::of(user.clone(), expires)
    };
    let token = Jwt::signed_by(&key, &claims, now).map_err(|error| AdministrationError::Refused(error.to_string()))?;
    if owner.since < now {
        eprintln!("roomd: {user} is registered since {}; this token is for the same user", owner.since);
    }
    print(&token)?;
    eprintln!("roomd: good for {}, until {expires}", time_text(*valid_for));
    Ok(())
}

/// Makes a new key, which signs from now on.
pub fn rotate(history: &dyn Administration) -> Result<(), AdministrationError> {
    let now = Time::from(SystemTime::now());
    let key = ServerKey::draw(now).map_err(|error| AdministrationError::Refused(error.to_string()))?;
    let left = history.rotate_keys(&key)?;
    print(&format!("{} signs from now on; old keys that are still good: {left}", key.kid))
}

/// Forgets a key that signs no longer.
pub fn revoke(history: &dyn Administration, key: &str) -> Result<(), AdministrationError> {
    let keys = history.keys()?;
    match keys.iter().position(|known| &*known.kid == key) {
        None => Err(AdministrationError::Refused(format!("there is no key {key}"))),
        Some(0) => {
            Err(AdministrationError::Refused(format!("{key} signs: make another one first, with roomd keys rotate")))
        }
        Some(_) => {
            history.revoke_key(key)?;
            print(&format!("{key} is revoked: what it has signed is void"))
        }
    }
}

/// Prints the keys, the one that signs first.
pub fn list(history: &dyn Administration) -> Result<(), AdministrationError> {
    let keys = history.keys()?;
    for (at, key) in keys.iter().enumerate() {
        let role = if at == 0 { "signs" } else { "is good" };
        let until = match key.until {
            Time(0) => "has signed nothing".to_owned(),
            until => format!("its last token ends {until}"),
        };
        print(&format!("{} {role}; made {}, {until}", key.kid, key.made))?;
    }
    Ok(())
}

fn print(line: &str) -> Result<(), AdministrationError> {
    let written = writeln!(io::stdout(), "{line}");
    written.map_err(|error| AdministrationError::Io("cannot write to standard output".to_owned(), error))
}
