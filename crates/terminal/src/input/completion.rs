//! Completes the word before the cursor.
//!
//! Pure; called on the keyboard's thread when Tab is pressed, with the names that are known then.

use super::command::commands;

/// Where the word before the cursor begins (in bytes), and the whole words that it could become, sorted. At
/// the beginning of a line these are commands, after `/join` rooms, and anywhere else users. `users` and
/// `rooms` are sorted.
pub fn complete(before: &str, users: &[String], rooms: &[String]) -> (usize, Vec<String>) {
    let begin = before.rfind([' ', '\t']).map_or(0, |at| at + 1);
    let (preceding, word) = before.split_at(begin);
    let matching = |names: &[String], end: &str| {
        names.iter().filter(|name| name.starts_with(word)).map(|name| format!("{name}{end}")).collect()
    };
    let words = match preceding.trim_end() {
        "" if begin == 0 && word.starts_with('/') => {
            let matching = commands().filter(|command| command.name.starts_with(word));
            let mut words: Vec<_> = matching
                .map(|command| format!("{}{}", command.name, if command.arguments.is_empty() { "" } else { " " }))
                .collect();
            words.sort_unstable();
            words
        }
        "/join" => matching(rooms, ""),
        "/msg" => matching(users, " "),
        _ if word.is_empty() => Vec::new(),
        _ => matching(users, ""),
    };
    (begin, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_rooms_and_users_are_completed_where_they_fit() {
        let users = ["Ann", "Bob", "Bobby"].map(str::to_owned);
        let rooms = ["plans"].map(str::to_owned);
        for (before, begin, words) in [
            ("/h", 0, &["/help", "/history "][..]),
            ("/w", 0, &["/who", "/whois ", "/work "]),
            ("/m", 0, &["/msg ", "/mute "]),
            ("/ban B", 5, &["Bob", "Bobby"]),
            ("/msg B", 5, &["Bob ", "Bobby "]),
            ("/msg ", 5, &["Ann ", "Bob ", "Bobby "]),
            ("/join p", 6, &["plans"]),
            ("ask Bo", 4, &["Bob", "Bobby"]),
            ("A", 0, &["Ann"]),
            ("", 0, &[]),
            ("hi ", 3, &[]),
        ] {
            let (found_begin, found) = complete(before, &users, &rooms);
            assert_eq!((found_begin, found.iter().map(String::as_str).collect::<Vec<_>>()), (begin, words.to_vec()));
        }
    }
}
