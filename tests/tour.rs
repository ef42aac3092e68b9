//! `docs/tour.md` and `docs/museum.md` cannot rot: each file that they name exists, and each link to code goes to the lines on
//! which that item stands.
//!
//! A link is written [`name`](../path#Lfrom-Lto), where `name` is a function, type, constant or macro of the
//! file, perhaps behind its type: `Hub::reserve`. When code has moved, `ROOMD_BLESS=1 cargo test --test tour`
//! writes the lines anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

/// The documents with links to lines.
const DOCUMENTS: [&str; 2] = ["docs/tour.md", "docs/museum.md"];
/// Files that are read in order.
const STOPS: usize = 12;

/// A link to code.
#[derive(Debug)]
struct Link<'a> {
    name: &'a str,
    path: &'a str,
    /// The lines that it names, and where they stand in the document.
    lines: &'a str,
    at: usize,
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn links(text: &str) -> Vec<Link<'_>> {
    let mut found = Vec::new();
    for (open, _) in text.match_indices("](../") {
        let label = &text[..open];
        let name = label[label.rfind('[').unwrap() + 1..].trim_matches('`');
        let target = &text[open + "](../".len()..];
        let target = &target[..target.find(')').unwrap()];
        let Some((path, lines)) = target.split_once('#') else { continue };
        let at = open + "](../".len() + path.len() + 1;
        found.push(Link { name, path, lines, at });
    }
    found
}

/// The lines of an item: from its definition to the end of its block.
fn lines_of(code: &str, name: &str) -> Option<(usize, usize)> {
    let (owner, item) = name.rsplit_once("::").map_or((None, name), |(owner, item)| (Some(owner), item));
    let lines: Vec<&str> = code.lines().collect();
    let begin = match owner {
        Some(owner) => lines.iter().position(|line| {
            let header = line.starts_with("impl") || line.starts_with("pub trait") || line.starts_with("trait");
            header && line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == owner) && {
                // The block that has the item.
                let from = lines.iter().position(|other| std::ptr::eq(*other, *line)).unwrap();
                let to = end_of(&lines, from);
                lines[from..=to].iter().any(|line| defines(line, item))
            }
        })?,
        None => 0,
    };
    let from = begin + lines[begin..].iter().position(|line| defines(line, item))?;
    Some((from + 1, end_of(&lines, from) + 1))
}

fn defines(line: &str, item: &str) -> bool {
    let words: Vec<_> =
        line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
    let kinds = ["fn", "struct", "enum", "trait", "const", "static", "type", "mod", "macro_rules"];
    words.windows(2).any(|pair| kinds.contains(&pair[0]) && pair[1] == item)
}

/// The last line of the item that begins here.
fn end_of(lines: &[&str], from: usize) -> usize {
    let indent = lines[from].len() - lines[from].trim_start().len();
    if lines[from].trim_end().ends_with([';', '}']) {
        return from;
    }
    let closes =
        |line: &&str| line.len() - line.trim_start().len() == indent && line.trim_start().starts_with(['}', ')', ']']);
    let mut end = from + 1 + lines[from + 1..].iter().position(closes).unwrap_or(0);
    // A list of parameters may close before the block does.
    if lines[end].trim_end().ends_with('{') {
        end += 1 + lines[end + 1..].iter().position(closes).unwrap_or(0);
    }
    end
}

#[test]
fn each_link_goes_to_the_lines_of_its_item() {
    DOCUMENTS.iter().for_each(|document| check_links(document));
}

fn check_links(document: &str) {
    let text = read(document);
    let mut corrected = text.clone();
    let mut wrong = Vec::new();
    for Link { name, path, lines, at } in links(&text).iter().rev() {
        let Some((from, to)) = lines_of(&read(path), name) else { panic!("{path} has no {name}") };
        let right = format!("L{from}-L{to}");
        if *lines != right {
            wrong.push(format!("{path}: {name} stands on {right}, not {lines}"));
            corrected.replace_range(*at..at + lines.len(), &right);
        }
    }
    if std::env::var_os("ROOMD_BLESS").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(document), corrected).unwrap();
    } else {
        assert!(wrong.is_empty(), "ROOMD_BLESS=1 corrects this:\n{}", wrong.join("\n"));
    }
}

#[test]
fn each_mistake_of_the_museum_has_a_row_with_its_program_and_the_lines_that_avoid_it() {
    let text = read("docs/museum.md");
    let folder = "crates/race/examples/museum";
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap()).filter(|name| name != "main.rs");
    for name in names {
        let program = format!("](../{folder}/{name})");
        let row = text.lines().find(|line| line.contains(&program)).unwrap_or_else(|| panic!("{name} has no row"));
        assert!(row.contains("](../src/") && row.contains("#L"), "{row}");
    }
}

#[test]
fn the_tour_has_twelve_stops_and_each_pattern_has_a_place() {
    let text = read("docs/tour.md");
    let stops = text.lines().filter(|line| {
        line.split_once(". ").is_some_and(|(number, rest)| number.parse::<usize>().is_ok() && rest.starts_with("[`"))
    });
    let stops: Vec<_> = stops.collect();
    assert_eq!(stops.len(), STOPS, "{stops:#?}");
    for stop in stops {
        let path = stop.split("](../").nth(1).and_then(|rest| rest.split(')').next()).unwrap();
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).is_file(), "there is no {path}");
    }
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| pattern"));
    for row in rows {
        assert!(row.contains("#L"), "a pattern without a place: {row}");
    }
}

#[test]
fn an_item_is_found_with_its_block() {
    let code = "struct A;\n\nimpl A {\n    fn f(&self) {\n        g();\n    }\n}\n\nimpl B {\n    fn f(\n        x: u8,\n    ) {\n    }\n}\nconst N: u8 = 1;\n";
    assert_eq!(lines_of(code, "A"), Some((1, 1)));
    assert_eq!(lines_of(code, "A::f"), Some((4, 6)));
    assert_eq!(lines_of(code, "B::f"), Some((10, 13)));
    assert_eq!(lines_of(code, "N"), Some((15, 15)));
    assert_eq!(lines_of(code, "missing"), None);
}
