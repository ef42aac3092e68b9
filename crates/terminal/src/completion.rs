//! What could stand where the cursor is.
//!
//! Pure; called on the keyboard's thread at a press of Tab, with the names that are known then.

use super::typed::commands;

/// Where the word before the cursor begins, and the whole words that it could be, sorted. At the
/// beginning of a line commands, behind `/join` rooms, and anywhere else users.
pub fn complete(before: &str, users: &[String], rooms: &[String]) -> (usize, Vec<String>) {
    let begin = before.rfind([' ', '\t']).map_or(0, |at| at + 1);
    let word = &before[begin..];
    let fitting = |words: &mut dyn Iterator<Item = &str>, end: &str| {
        words.filter(|one| one.starts_with(word)).map(|one| format!("{one}{end}")).collect()
    };
    let words = if begin == 0 && word.starts_with('/') {
        let takes_more = |(command, after, _): (&str, &str, &str)| {
            let space = if after.is_empty() { "" } else { " " };
            format!("{command}{space}")
        };
        let mut words: Vec<_> = commands().filter(|(command, ..)| command.starts_with(word)).map(takes_more).collect();
        words.sort_unstable();
        words
    } else if before[..begin].trim_end() == "/join" {
        fitting(&mut rooms.iter().map(String::as_str), "")
    } else if word.is_empty() && before[..begin].trim_end() != "/msg" {
        Vec::new()
    } else {
        fitting(&mut users.iter().map(String::as_str), if before[..begin].trim_end() == "/msg" { " " } else { "" })
    };
    (begin, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completion_knows_what_may_stand_where() {
        let users = ["Ann", "Bob", "Bobby"].map(str::to_owned);
        let rooms = ["plans"].map(str::to_owned);
        for (before, begin, words) in [
            ("/h", 0, &["/help", "/history "][..]),
            ("/w", 0, &["/who"]),
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
