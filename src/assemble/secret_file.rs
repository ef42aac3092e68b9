//! A file that has one secret and nothing else.
//!
//! Read on the thread that starts or reloads the server, which blocks on it. The secret is in no error.

use std::fs;

use crate::chat::Secret;

/// What stands in it, without the white space around it.
///
/// # Errors
/// A sentence: it cannot be read, or is empty.
pub fn read(path: &str) -> Result<Secret, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    match text.trim() {
        "" => Err(format!("{path} is empty, and no secret")),
        secret => Ok(Secret::from(secret)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_what_stands_in_the_file_and_not_nothing() {
        let path = std::env::temp_dir().join(format!("roomd-secret-{}", std::process::id()));
        let name = path.to_str().unwrap();
        fs::write(&path, " hush\n").unwrap();
        let secret = read(name);
        fs::write(&path, "\n").unwrap();
        let empty = read(name);
        fs::remove_file(&path).unwrap();
        assert_eq!(secret, Ok(Secret::from("hush")));
        assert_eq!(empty, Err(format!("{name} is empty, and no secret")));
        assert!(read(name).unwrap_err().starts_with(&format!("cannot read {name}: ")));
    }
}
