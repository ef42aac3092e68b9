//! The modes of a MODE, of a channel or of a user: letters behind a sign, and parameters for those that take one.
//!
//! Parsing is total: any text is a list of changes. A sign holds for the letters behind it, up to the next one; before the first it
//! is `+` (RFC 2812 §3.1.5, §3.2.3). Which letters there are, and what they do, is the conversation's to know.

/// A change of one mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeChange<'a> {
    /// The mode.
    pub letter: char,
    /// Whether it is set, or taken.
    pub on: bool,
    /// What it is set to, or for whom, if it takes that and there was something left.
    pub param: Option<&'a str>,
}

/// The changes that `modes` asks for, in their order; `takes` says whether a letter, set or taken, takes a parameter. A
/// change without a parameter takes the place of an earlier one of the same letter, so there are few.
pub fn parse_modes<'a>(
    modes: &str,
    params: impl IntoIterator<Item = &'a str>,
    takes: impl Fn(char, bool) -> bool,
) -> Vec<ModeChange<'a>> {
    let mut params = params.into_iter().filter(|param| !param.is_empty());
    let (mut on, mut changes) = (true, Vec::<ModeChange<'_>>::new());
    for letter in modes.chars() {
        match letter {
            '+' => on = true,
            '-' => on = false,
            _ => {
                let param = if takes(letter, on) { params.next() } else { None };
                if param.is_none() {
                    changes.retain(|earlier| earlier.letter != letter || earlier.param.is_some());
                }
                changes.push(ModeChange { letter, on, param });
            }
        }
    }
    changes
}

/// Prints changes of modes, each with whether it is set, as `-lt+m`.
pub fn print_modes(changes: impl IntoIterator<Item = (bool, char)>) -> String {
    let (mut printed, mut before) = (String::new(), None);
    for (on, letter) in changes {
        if before.replace(on) != Some(on) {
            printed.push(if on { '+' } else { '-' });
        }
        printed.push(letter);
    }
    printed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `+b=x -m`.
    fn parsed(modes: &str, params: &[&str]) -> String {
        let takes = |letter: char, on: bool| matches!(letter, 'b' | 'o') || letter == 'l' && on;
        let changes = parse_modes(modes, params.iter().copied(), takes);
        let printed = changes.iter().map(|ModeChange { letter, on, param }| {
            let sign = if *on { '+' } else { '-' };
            format!("{sign}{letter}{}", param.map(|param| format!("={param}")).unwrap_or_default())
        });
        printed.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_sign_holds_for_the_letters_behind_it() {
        for (modes, changes) in [
            ("", ""),
            ("+-", ""),
            ("i", "+i"),
            ("-iB", "-i -B"),
            ("+i-B", "+i -B"),
            ("-i+B", "-i +B"),
            ("--i", "-i"),
            ("-+-i", "-i"),
            ("+Ö", "+Ö"),
        ] {
            assert_eq!(parsed(modes, &[]), changes, "{modes}");
        }
    }

    #[test]
    fn of_a_letter_without_a_parameter_the_last_sign_counts() {
        assert_eq!(parsed("+B-B", &[]), "-B");
        assert_eq!(parsed("-m+n+m", &[]), "+n +m");
        assert_eq!(parsed("bbb", &[]), "+b");
        assert_eq!(parsed("+ob-o+b", &["ann", "x", "ann"]), "+o=ann +b=x -o=ann +b");
    }

    #[test]
    fn a_sign_is_printed_where_it_changes() {
        assert_eq!(print_modes([(false, 'l'), (false, 't'), (true, 'm')]), "-lt+m");
        assert_eq!(print_modes([(true, 'i'), (false, 'B'), (true, 'o')]), "+i-B+o");
        assert_eq!(print_modes([]), "");
    }

    #[test]
    fn parameters_go_to_the_letters_that_take_one() {
        assert_eq!(parsed("+mo-b+l-l", &["ann", "x", "20", "30"]), "+m +o=ann -b=x +l=20 -l");
        assert_eq!(parsed("+oo", &["", "ann"]), "+o=ann +o");
    }
}
