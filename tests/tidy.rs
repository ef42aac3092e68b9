//! The rules of the house that a machine can keep, read from the files themselves.
//!
//! Each test is one rule, and names each file and line that breaks it. `tidy/source.rs` knows where
//! code is and where only words are; here are the rules. That no function is longer than a screen is
//! clippy's work: here it is only seen to that clippy is asked.

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/sections.rs"]
mod sections;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use source::{Source, files, sources};
use toml::Table;

/// Lines of a file, at most.
const LINES_MAX: usize = 500;
/// Lines of a function, at most.
const FUNCTION_LINES_MAX: i64 = 70;

/// What a top-level module of the server, or another crate, may use of the others. One that is not here may use all.
const ARROWS: [(&str, &[&str]); 19] = [
    ("chat", &["roomd_protocol"]),
    ("wire", &["chat", "roomd_protocol"]),
    ("store", &["chat", "sync", "roomd_archives", "roomd_protocol"]),
    ("auth", &["chat", "store", "sync", "roomd_protocol"]),
    ("engine", &["auth", "chat", "wire", "store", "sync", "roomd_protocol"]),
    ("net", &["auth", "engine", "wire", "chat", "page", "settings", "sync", "roomd_protocol", "roomd_tls"]),
    ("race", &["auth", "chat", "engine", "store", "sync", "roomd_race"]),
    ("page", &[]),
    ("sync", &[]),
    ("settings", &["chat", "store"]),
    (
        "cli",
        &[
            "assemble",
            "auth",
            "chat",
            "engine",
            "race",
            "settings",
            "store",
            "roomd_archives",
            "roomd_cli",
            "roomd_load",
            "roomd_protocol",
            "roomd_race",
            "roomd_terminal",
            "roomd_tls",
        ],
    ),
    ("roomd_protocol", &[]),
    ("roomd_archives", &["roomd_protocol"]),
    ("roomd_tls", &[]),
    ("roomd_race", &[]),
    ("roomd_cli", &["roomd_tls"]),
    ("roomd_client", &["roomd_protocol", "roomd_tls"]),
    ("roomd_terminal", &["roomd_cli", "roomd_client", "roomd_protocol", "roomd_tls"]),
    ("roomd_load", &["roomd_cli", "roomd_tls"]),
];
const ALL: [&str; 3] = ["assemble", "lib", "main"];

/// Files that import each other in a circle, at most.
const CIRCLE_MAX: usize = 3;
/// Where circles are larger than that today, and how large they may be. To shrink, never to grow.
const LARGE_CIRCLES: [(&str, usize); 0] = [];

/// Dependencies that `chat` may use.
const CHAT_CRATES: [&str; 6] = ["serde", "humantime", "ipnet", "roomd_protocol", "unicase", "unicode_normalization"];

/// What has no place in `chat` and `wire`: consecutive segments of a path.
const IMPURE: [&[&str]; 18] = [
    &["std", "thread"],
    &["std", "net"],
    &["std", "sync", "Mutex"],
    &["std", "sync", "RwLock"],
    &["std", "sync", "Condvar"],
    &["std", "sync", "Barrier"],
    &["std", "sync", "mpsc"],
    &["std", "sync", "atomic"],
    &["Instant", "now"],
    &["SystemTime", "now"],
    &["HashMap"],
    &["HashSet"],
    &["RandomState"],
    &["crossbeam_channel"],
    &["parking_lot"],
    &["getrandom"],
    &["rustix"],
    &["shuttle"],
];

#[test]
fn every_source_file_says_what_it_is_for() {
    let mut broken = Vec::new();
    for Source { path, text, .. } in sources() {
        let lines = text.lines().take_while(|line| line.starts_with("//!")).count();
        if !(3..=15).contains(&lines) {
            broken.push(format!("{path}:1: a file opens with 3 to 15 lines of //!, and not {lines}"));
        }
    }
    report(&broken);
}

#[test]
fn each_line_of_trouble_in_the_log_is_explained_to_operators() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md")).unwrap_or_default();
    let (_, tables) = page.split_once("\n## Lines of trouble").unwrap_or_default();
    let cells = tables.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let explained: Vec<_> = cells.flat_map(|(beginnings, _)| beginnings.split("`, `")).collect();
    let server: Vec<_> = sources().iter().filter(|source| source.path.starts_with("src/")).collect();
    let mut broken = Vec::new();
    for source in server.iter().filter(|source| !source.is_test) {
        for (line, words) in source.troubles() {
            // A sentence that is told as it came is looked for where it is made.
            if !words.starts_with('{') && !explained.iter().any(|beginning| words.starts_with(beginning)) {
                broken.push(format!("{}:{line}: docs/operations.md does not explain `{words}`", source.path));
            }
        }
    }
    for beginning in explained.iter().filter(|words| !server.iter().any(|source| source.text.contains(*words))) {
        broken.push(format!("docs/operations.md explains `{beginning}`, which nothing logs"));
    }
    report(&broken);
}

#[test]
fn every_file_is_short() {
    let mut broken = Vec::new();
    for (path, text) in files().filter(|(path, _)| path.ends_with(".rs")) {
        let lines = text.split(|byte| *byte == b'\n').count() - 1;
        if lines > LINES_MAX {
            broken.push(format!("{path}:{lines}: a file has at most {LINES_MAX} lines"));
        }
    }
    report(&broken);
}

#[test]
fn clippy_is_asked_for_what_is_its_to_see() {
    let mut broken = Vec::new();
    let clippy = manifest("clippy.toml");
    if clippy.get("too-many-lines-threshold").and_then(toml::Value::as_integer) != Some(FUNCTION_LINES_MAX) {
        broken.push(format!("clippy.toml: too-many-lines-threshold is {FUNCTION_LINES_MAX}"));
    }
    let lints = manifest("Cargo.toml")
        .get("workspace")
        .and_then(|workspace| workspace.get("lints"))
        .cloned()
        .unwrap_or(Table::new().into());
    let level = |tool: &str, lint: &str| lints.get(tool)?.get(lint)?.as_str().map(str::to_owned);
    for (tool, lint, wanted) in [
        ("clippy", "too_many_lines", ["warn", "deny"]),
        ("clippy", "unwrap_used", ["warn", "deny"]),
        ("rust", "unsafe_code", ["forbid", "forbid"]),
    ] {
        if !level(tool, lint).is_some_and(|level| wanted.contains(&level.as_str())) {
            broken.push(format!("Cargo.toml: [workspace.lints.{tool}] {lint} is \"{}\"", wanted[0]));
        }
    }
    report(&broken);
}

#[test]
fn imports_follow_the_arrows() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        let top = source.module.first().map_or("lib", String::as_str);
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == top) else {
            if !ALL.contains(&top) {
                broken.push(format!("{}:1: {top} has no arrows in tests/tidy.rs", source.path));
            }
            continue;
        };
        for (line, path) in source.paths() {
            let Some(used) = source.top_level(&path).filter(|used| used != top) else { continue };
            if !allowed.contains(&used.as_str()) {
                broken.push(format!("{}:{line}: {top} does not use {used} (`{}`)", source.path, path.join("::")));
            }
        }
    }
    report(&broken);
}

#[test]
fn few_files_import_each_other_in_a_circle() {
    let mut broken = Vec::new();
    for circle in circles::circles(sources()) {
        let top = circle[0].first().map_or("lib", String::as_str);
        let exception = LARGE_CIRCLES.iter().find(|(name, _)| *name == top).map(|(_, size)| *size);
        let most = exception.unwrap_or(CIRCLE_MAX);
        if circle.len() > most {
            let names: Vec<_> = circle.iter().map(|module| module.join("::")).collect();
            broken.push(format!(
                "{top}: a circle of {} files, of which {most} may be: {}",
                circle.len(),
                names.join(", ")
            ));
        }
    }
    report(&broken);
}

#[test]
fn chat_depends_on_almost_nothing() {
    let dependencies = dependencies();
    let mut broken = Vec::new();
    for source in of(&["chat"]) {
        for (line, path) in source.paths() {
            if path.len() > 1 && dependencies.contains(&path[0]) && !CHAT_CRATES.contains(&path[0].as_str()) {
                broken.push(format!("{}:{line}: chat does not use the crate {}", source.path, path[0]));
            }
        }
    }
    report(&broken);
}

#[test]
fn chat_and_wire_are_pure() {
    let mut broken = Vec::new();
    for source in of(&["chat", "wire"]) {
        for (line, path) in source.paths() {
            let impure = |part: &&&[&str]| path.windows(part.len()).any(|window| window == **part);
            if let Some(part) = IMPURE.iter().find(impure) {
                let place = &source.module[0];
                broken.push(format!("{}:{line}: {place} is pure, without {}", source.path, part.join("::")));
            }
        }
    }
    report(&broken);
}

#[test]
fn nothing_is_async_outside_the_link_to_postgresql() {
    const LINK: &str = "src/store/postgres/link.rs";
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test && source.path != LINK) {
        let runtime = source.paths().into_iter().filter(|(_, path)| path[0] == "tokio").map(|(line, _)| line);
        let is_async = |text: &str| {
            let awaits = text.split(".await").skip(1);
            awaits.into_iter().any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
                || text.split_whitespace().any(|word| word == "async")
        };
        let words = source.code_lines().filter(|(_, text)| is_async(text)).map(|(line, _)| line);
        for line in runtime.chain(words) {
            broken.push(format!("{}:{line}: threads wait here; what is async has its place in {LINK}", source.path));
        }
    }
    report(&broken);
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        for (line, text) in source.code_lines() {
            if text.contains(".unwrap()") {
                broken.push(format!("{}:{line}: `expect` says why it cannot fail, `unwrap` does not", source.path));
            }
        }
    }
    report(&broken);
}

#[test]
fn features_are_chosen_on_mod_lines_and_where_the_parts_meet() {
    let mut broken = Vec::new();
    let choosers = ["src/assemble.rs", "src/cli/mod.rs"];
    for source in sources().iter().filter(|source| !choosers.contains(&&*source.path)) {
        let lines: Vec<_> = source.code_lines().collect();
        for (i, (line, text)) in lines.iter().enumerate() {
            if !(text.contains("cfg") && text.contains("feature")) {
                continue;
            }
            let item = lines[i + 1..].iter().map(|(_, text)| text.trim()).find(|text| !text.starts_with("#["));
            let item = item.unwrap_or_default();
            let of_module = item.split(' ').find(|word| !word.starts_with("pub")) == Some("mod");
            if !text.trim().starts_with("#[cfg(") || !of_module {
                broken.push(format!(
                    "{}:{line}: a feature is asked for on a mod line, in assemble.rs or in cli/mod.rs",
                    source.path
                ));
            }
        }
    }
    report(&broken);
}

#[test]
fn the_project_speaks_of_itself_alone() {
    // In two parts, or this file would be one that it finds.
    let places = [["/wo", "rk/"], ["/ro", "ot/"], ["/tmp/", "h-"]].map(|parts| parts.concat());
    let mut broken = Vec::new();
    for (path, bytes) in files() {
        for (i, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            for place in &places {
                if line.windows(place.len()).any(|window| window == place.as_bytes()) {
                    broken.push(format!("{path}:{}: {place} is a place on somebody's machine", i + 1));
                }
            }
        }
    }
    report(&broken);
}

fn report(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// The sources of these top-level modules, without those that are tests.
fn of(tops: &[&str]) -> Vec<&'static Source> {
    let ours = |source: &Source| source.module.first().is_some_and(|top| tops.contains(&top.as_str()));
    sources().iter().filter(|source| !source.is_test && ours(source)).collect()
}

fn manifest(name: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    text.parse().unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The crates that the sources can name.
fn dependencies() -> BTreeSet<String> {
    let manifest = manifest("Cargo.toml");
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten();
    let targets = targets.filter_map(|(_, target)| target.get("dependencies"));
    let tables = manifest.get("dependencies").into_iter().chain(targets).filter_map(toml::Value::as_table);
    tables.flat_map(Table::keys).map(|name| name.replace('-', "_")).collect()
}
