//! The words of the project: which must not come back, and that a type's name means one thing.
//!
//! The glossary in ARCHITECTURE.md has the words that are used. Here are those that were abolished, because one
//! had to explain them or because they had two meanings; they are looked for in the identifiers of code, piece
//! by piece (`come_back`, `ComeBack`). Comments are for a reader's eyes.

use std::collections::BTreeMap;

use super::source::{Source, sources};

/// Words that no identifier has, and the word to take instead.
const ABOLISHED: [(&str, &str); 33] = [
    ("amendment", "moderation action"),
    ("books", "delivery counts"),
    ("caller", "incoming connection"),
    ("charter", "policy"),
    ("clerk", "worker"),
    ("crowd", "clients"),
    ("deed", "operation"),
    ("departure", "reason"),
    ("desk", "stepped broker"),
    ("doorman", "address limits"),
    ("entrant", "join request"),
    ("errand", "maintenance"),
    ("errands", "maintenance"),
    ("face", "room view"),
    ("forge", "handshake pool"),
    ("founding", "room options"),
    ("ghost", "evicted member"),
    ("ghosts", "evicted members"),
    ("govern", "moderate"),
    ("horizon", "watermark, end of replay"),
    ("house", "server context"),
    ("ledger", "room log, deliveries"),
    ("letters", "offline inbox"),
    ("likeness", "folded name"),
    ("motion", "moderation request"),
    ("recall", "replay"),
    ("reckon", "compute"),
    ("roster", "members"),
    ("ruling", "moderation"),
    ("sight", "room info"),
    ("tidings", "notices"),
    ("visitor", "remote address"),
    ("wish", "options, query"),
];

#[test]
fn abolished_words_do_not_come_back() {
    let mut broken = Vec::new();
    for source in sources() {
        for (line, text) in source.code_lines() {
            for identifier in text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()) {
                if ["track_caller", "Visitor"].contains(&identifier) {
                    continue; // An attribute of the language, and a trait of serde.
                }
                let pieces = pieces(identifier);
                let old = ABOLISHED.iter().find(|(old, _)| pieces.iter().any(|piece| piece == old));
                if let Some((old, new)) = old {
                    broken.push(format!("{}:{line}: `{identifier}`: not {old}, but {new}", source.path));
                }
            }
        }
        let stem = source.path.rsplit(['/', '.']).nth(1).unwrap_or_default();
        if let Some((old, new)) = ABOLISHED.iter().find(|(old, _)| pieces(stem).iter().any(|piece| piece == old)) {
            broken.push(format!("{}: the file's name: not {old}, but {new}", source.path));
        }
    }
    super::report(&broken);
}

/// A public type may share its name with another of its crate only where each is written with its module.
#[test]
fn a_type_name_means_one_thing() {
    let sources = sources();
    let mut defined: BTreeMap<(String, String), Vec<&Source>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.is_test && !is_stand_in(source)) {
        for (_, text) in source.code_lines() {
            if let Some(name) = public_type(text) {
                defined.entry((crate_of(source), name.to_owned())).or_default().push(source);
            }
        }
    }
    let mut broken = Vec::new();
    for ((package, name), definers) in defined.iter().filter(|(_, definers)| definers.len() > 1) {
        for source in sources.iter().filter(|source| crate_of(source) == *package && !source.is_test) {
            if imports(source).any(|word| word == *name) {
                let places: Vec<_> = definers.iter().map(|source| source.path.as_str()).collect();
                broken.push(format!("{}: imports {name}, which is {}", source.path, places.join(" and ")));
            }
        }
    }
    super::report(&broken);
}

/// Whether a file takes another's place in some builds, under the same names.
fn is_stand_in(source: &Source) -> bool {
    let stem = source.path.rsplit(['/', '.']).nth(1).unwrap_or_default();
    stem == "absent" || stem.starts_with("no_") || stem.starts_with("without_") || stem.starts_with("checked")
}

fn crate_of(source: &Source) -> String {
    let package = source.module.first().filter(|first| first.starts_with("roomd_"));
    package.cloned().unwrap_or_else(|| "roomd".to_owned())
}

/// The name of the type that a line defines for other modules.
fn public_type(line: &str) -> Option<&str> {
    let rest =
        line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(")?.split_once(") ").map(|(_, rest)| rest))?;
    let rest = ["struct ", "enum ", "trait ", "type "].iter().find_map(|kind| rest.strip_prefix(kind))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// The words of a source's imports.
fn imports(source: &Source) -> impl Iterator<Item = String> {
    let mut words = Vec::new();
    let mut inside = false;
    for (_, text) in source.code_lines() {
        inside |= text.starts_with("use ") || text.starts_with("pub use ");
        if inside {
            words.extend(text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned));
        }
        inside &= !text.ends_with(';');
    }
    words.into_iter()
}

/// `come_back` and `ComeBack` are `come` and `back`.
fn pieces(identifier: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut before = ' ';
    for c in identifier.chars() {
        if c == '_' || (c.is_uppercase() && before.is_lowercase()) {
            pieces.push(String::new());
        }
        if c != '_' {
            pieces.last_mut().expect("there is one from the start").extend(c.to_lowercase());
        }
        before = c;
    }
    pieces
}

#[test]
fn identifiers_fall_into_pieces() {
    assert_eq!(pieces("come_back"), ["come", "back"]);
    assert_eq!(pieces("ComeBack"), ["come", "back"]);
    assert_eq!(pieces("COME_BACK"), ["come", "back"]);
    assert_eq!(public_type("pub struct Hub<T> {"), Some("Hub"));
    assert_eq!(public_type("pub(super) enum Way {"), Some("Way"));
    assert_eq!(public_type("struct Hub;"), None);
}
