//! The one way in which a script is checked.
//!
//! A line that begins with `> ` is input for the machine, as often as `> 5 times: …` says; the lines
//! under it are what has to follow, in order; equal ones may be counted: `… (5 times)`. A line that
//! begins with `#` is for the reader. Indentation and empty lines mean nothing.

use std::fmt::Write as _;

/// Plays a script: `take` gets each input, and returns what follows.
#[track_caller]
pub fn check(script: &str, mut take: impl FnMut(&str) -> Vec<String>) {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    let (mut expected, mut actual) = (String::new(), String::new());
    for line in lines {
        put(&mut expected, line);
        if line.starts_with('#') {
            put(&mut actual, line);
        } else if let Some(input) = line.strip_prefix("> ") {
            put(&mut actual, line);
            let (times, input) = repeated(input);
            let effects: Vec<_> = (0..times).flat_map(|_| take(input)).collect();
            counted(&effects).iter().for_each(|effect| put(&mut actual, effect));
        }
    }
    assert!(expected == actual, "\nthe script says:\n\n{expected}\nand this is what follows:\n\n{actual}");
}

fn put(text: &mut String, line: &str) {
    let indent = if line.starts_with(['>', '#']) { "" } else { "    " };
    writeln!(text, "{indent}{line}").expect("a string takes every character");
}

fn repeated(input: &str) -> (usize, &str) {
    let parsed = input.split_once(" times: ").and_then(|(times, input)| Some((times.parse().ok()?, input)));
    parsed.unwrap_or((1, input))
}

fn counted(effects: &[String]) -> Vec<String> {
    let runs = effects.chunk_by(|one, next| one == next);
    runs.map(|run| match run {
        [one] => one.clone(),
        many => format!("{} ({} times)", many[0], many.len()),
    })
    .collect()
}

#[test]
fn a_script_that_is_true_passes() {
    check("> 3 times: a\n a! (3 times)\n# so it is\n> b", |input| match input {
        "a" => vec!["a!".to_owned()],
        _ => Vec::new(),
    });
}
