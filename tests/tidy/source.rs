//! The files of the project, and what in a source file is code.
//!
//! Used by the rules in `tidy.rs`. A line keeps its number throughout: comments, the insides of
//! literals and what is compiled for tests only become blanks. It is no parser: it relies on the
//! layout that `cargo fmt` gives, and on `cargo fmt --check` standing before it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A source file.
#[derive(Debug)]
pub struct Source {
    /// From the root of the project.
    pub path: String,
    /// As it is on the disk.
    pub text: String,
    /// Its module: `["chat", "room"]`; empty for `lib.rs`. Of a crate below `crates`, the crate's name
    /// comes first: `["roomd_client", "e2ee"]`.
    pub module: Vec<String>,
    /// Whether it is compiled for tests only.
    pub is_test: bool,
    code: String,
}

impl Source {
    /// Its lines of code outside tests, with their numbers.
    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines())
    }

    /// The paths in its code, with their lines; a group of a `use` is as many paths.
    pub fn paths(&self) -> Vec<(usize, Vec<String>)> {
        paths(&self.code)
    }

    /// The paths in its code, without those that it only re-exports, declares as modules or is visible in.
    pub fn imports(&self) -> Vec<Vec<String>> {
        let is_module = |line: &&str| line.ends_with(';') && line.split(' ').rev().nth(1) == Some("mod");
        let mut code = self.code.lines().filter(|line| !is_module(line)).collect::<Vec<_>>().join("\n");
        while let Some(at) = code.find("pub use ") {
            let length = code[at..].find(';').map_or(code.len() - at, |end| end + 1);
            code.replace_range(at..at + length, "");
        }
        paths(&code.replace("pub(in crate::", "pub(in ::")).into_iter().map(|(_, path)| path).collect()
    }

    /// The paths that its `use` declarations bring into scope.
    pub fn uses(&self) -> Vec<Vec<String>> {
        let declarations = self.code.split(';').filter_map(|piece| piece.rsplit_once("use "));
        let mut used = Vec::new();
        for (before, tree) in declarations {
            if before.is_empty() || before.ends_with([' ', '\n']) {
                used.extend(paths(tree).into_iter().map(|(_, path)| path));
            }
        }
        used
    }

    /// What it logs as a warning or an error, with the lines: the last literal of each call.
    pub fn troubles(&self) -> Vec<(usize, &str)> {
        let (code, text): (Vec<_>, Vec<_>) = (self.code.lines().collect(), self.text.lines().collect());
        let is_call = |line: &str| ["log::warn!(", "log::error!("].iter().any(|call| line.contains(call));
        let calls = (0..code.len()).filter(|at| is_call(code[*at]));
        let words = |at: usize| {
            // A call ends on its line, or on the first that closes it.
            let indent = code[at].len() - code[at].trim_start().len();
            let closes = |line: &&str| {
                line.starts_with(&format!("{}}}", " ".repeat(indent))) || line.trim_start().starts_with(')')
            };
            let length = if code[at].contains(';') && code[at].trim_end().ends_with([';', ',', ')', '}']) {
                1
            } else {
                1 + code[at + 1..].iter().position(closes).unwrap_or(0)
            };
            let mut literals =
                text[at..at + length].iter().filter_map(|line| line.rsplit_once('"')?.0.rsplit_once('"'));
            literals.next_back().map(|(_, words)| words)
        };
        calls.filter_map(|at| Some((at + 1, words(at)?))).collect()
    }

    /// Whether it has a line `mod NAME;`, without `pub`.
    pub fn declares_privately(&self, name: &str) -> bool {
        self.code.lines().any(|line| line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) == Some(name))
    }

    /// The top-level module of the server, or the other crate of the project, that a path names; `None`
    /// when it names neither.
    pub fn top_level(&self, path: &[String]) -> Option<String> {
        let supers = path.iter().take_while(|segment| *segment == "super").count();
        let in_server = self.path.starts_with("src/");
        match path.first()?.as_str() {
            name if name.starts_with("roomd_") => Some(name.to_owned()),
            _ if !in_server => None,
            "crate" => path.get(1).cloned(),
            "super" if supers >= self.module.len() => path.get(supers).cloned(),
            _ => None,
        }
    }
}

/// All sources of the project's crates, read once.
pub fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(read);
    &SOURCES
}

fn read() -> Vec<Source> {
    let mut tests = BTreeSet::new();
    let mut all = Vec::new();
    for (path, bytes) in files().filter(|(path, _)| is_source(path)) {
        let module = module(&path);
        let text = String::from_utf8(bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut code = code(&text);
        for name in blank_tests(&mut code) {
            tests.insert([&module[..], &[name]].concat());
        }
        all.push(Source { path, text, module, is_test: false, code });
    }
    for source in &mut all {
        source.is_test = (1..=source.module.len()).any(|length| tests.contains(&source.module[..length]));
    }
    assert!(!all.is_empty(), "there are sources");
    all
}

/// All files of the project with their bytes: everything but `.git` and what `.gitignore` names.
pub fn files() -> impl Iterator<Item = (String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let mut left = vec![root.to_owned()];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).unwrap_or_else(|error| panic!("{directory:?}: {error}")) {
            let path = entry.expect("a directory can be read to its end").path();
            let name = format!("/{}", path.strip_prefix(root).expect("below the root").display());
            if name == "/.git" || ignored.lines().any(|line| line.trim_end_matches('/') == name) {
                continue;
            }
            if path.is_dir() { left.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found.into_iter().filter_map(move |path| {
        // A file that is gone by now is none.
        let bytes = fs::read(&path).ok()?;
        Some((path.strip_prefix(root).expect("below the root").display().to_string(), bytes))
    })
}

fn is_source(path: &str) -> bool {
    let in_crate = path.strip_prefix("crates/").and_then(|rest| rest.split('/').nth(1)) == Some("src");
    (path.starts_with("src/") || in_crate) && path.ends_with(".rs")
}

fn module(path: &str) -> Vec<String> {
    let (name, inner) = match path.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/")) {
        Some((name, inner)) => (Some(format!("roomd_{name}")), inner),
        None => (None, path.trim_start_matches("src/")),
    };
    let mut segments: Vec<_> = inner.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if segments.last().is_some_and(|last| last == "mod") || segments == ["lib"] {
        segments.pop();
    }
    name.into_iter().chain(segments).collect()
}

/// The text with blanks in place of comments and of what is inside literals.
fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let (skip, length) = if rest.starts_with("//") {
            (0, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (0, block_comment(rest))
        } else if let Some(hashes) = raw_string(rest, &text[..at]) {
            let end = format!("\"{}", "#".repeat(hashes));
            let begin = hashes + 2;
            (begin, rest[begin..].find(&end).unwrap_or(rest.len() - begin))
        } else if let Some(inside) = rest.strip_prefix('"') {
            (1, until(inside, b'"'))
        } else if let Some(inside) = rest.strip_prefix('\'').filter(|inside| is_character(inside)) {
            (1, until(inside, b'\''))
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        out[at + skip..at + skip + length].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        // Past what ends a literal; a comment ends by itself.
        at += skip + length + usize::from(skip > 0);
    }
    String::from_utf8(out).expect("whole characters were blanked")
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The number of `#` of a raw string that begins here.
fn raw_string(text: &str, before: &str) -> Option<usize> {
    let inside_word = before.trim_end_matches(['b', 'c']).ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let after = text.strip_prefix('r').filter(|_| !inside_word)?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// Whether what follows a `'` is a character and not a lifetime.
fn is_character(inside: &str) -> bool {
    let mut chars = inside.chars();
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

fn until(inside: &str, end: u8) -> usize {
    let mut escaped = false;
    let close = inside.bytes().position(|byte| {
        let found = byte == end && !escaped;
        escaped = byte == b'\\' && !escaped;
        found
    });
    close.unwrap_or(inside.len())
}

/// Blanks what is compiled for tests only; the names of modules among it that are files.
fn blank_tests(code: &mut String) -> Vec<String> {
    let lines: Vec<&str> = code.lines().collect();
    let mut kept: Vec<&str> = lines.clone();
    let mut modules = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let attribute = line.trim_start();
        let words: Vec<_> = attribute.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        if !attribute.starts_with("#[cfg(") || !words.contains(&"test") || attribute.contains("not(test") {
            continue;
        }
        let indent = &line[..line.len() - attribute.len()];
        let item = (i + 1..lines.len()).find(|at| !lines[*at].trim_start().starts_with("#["));
        let item = item.expect("an attribute has an item");
        let end = if lines[item].ends_with(';') || lines[item].ends_with('}') {
            item
        } else {
            let close = format!("{indent}}}");
            (item..lines.len()).find(|at| lines[*at].starts_with(&close)).expect("a block has an end")
        };
        kept[i..=end].fill("");
        let name = lines[item].trim().strip_suffix(';').and_then(|item| item.rsplit_once("mod "));
        modules.extend(name.map(|(_, name)| name.to_owned()));
    }
    *code = kept.join("\n");
    modules
}

fn paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let follows = at > 0 && matches!(tokens[at - 1].1, "::" | ".");
        if is_word(tokens[at].1) && !follows {
            path(&tokens, &mut at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads one path, or all that a group stands for.
fn path(tokens: &[(usize, &str)], at: &mut usize, prefix: &[String], found: &mut Vec<(usize, Vec<String>)>) {
    let mut path = prefix.to_vec();
    let line = tokens[*at].0;
    while let Some((_, token)) = tokens.get(*at) {
        if is_word(token) {
            path.push((*token).to_owned());
            *at += 1;
        }
        match (tokens.get(*at).map(|token| token.1), tokens.get(*at + 1).map(|token| token.1)) {
            (Some("::"), Some("{")) => {
                *at += 2;
                while tokens.get(*at).is_some_and(|token| token.1 != "}") {
                    match tokens[*at].1 {
                        "as" => *at += 2,
                        token if is_word(token) => self::path(tokens, at, &path, found),
                        _ => *at += 1,
                    }
                }
                *at += 1;
                return;
            }
            (Some("::"), Some(next)) if is_word(next) => *at += 1,
            _ => break,
        }
    }
    found.push((line, path));
}

fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        let mut rest = line.trim_start();
        while !rest.is_empty() {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let length = match word {
                0 if rest.starts_with("::") => 2,
                0 => rest.chars().next().map_or(1, char::len_utf8),
                word => word,
            };
            tokens.push((number, &rest[..length]));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[test]
fn words_are_not_code() {
    for (text, left) in [
        ("a(); // b\nc(); /// d", "a();     \nc();      "),
        ("/* a /* b */ c */ d", "                  d"),
        ("(\"a \\\" b\", c)", "(\"      \", c)"),
        ("r#\"a \" b\"# br\"c\" d", "r#\"     \"# br\" \" d"),
        ("'a' '\\'' '\"' &'b str", "' ' '  ' ' ' &'b str"),
    ] {
        assert_eq!(code(text), left, "{text}");
    }
}

#[test]
fn what_is_for_tests_is_left_out() {
    let mut text =
        "fn a() {}\n#[cfg(test)]\nmod b;\n#[cfg(all(test, unix))]\nmod c {\n    d();\n}\nfn e() {}".to_owned();
    assert_eq!(blank_tests(&mut text), ["b"]);
    assert_eq!(text, "fn a() {}\n\n\n\n\n\n\nfn e() {}");
}

#[test]
fn a_group_is_as_many_paths() {
    let joined = |code: &str| paths(code).into_iter().map(|(_, path)| path.join("::")).collect::<Vec<_>>();
    let tree = "use super::{a::{self, B}, c as d, e};\n";
    assert_eq!(joined(tree), ["use", "super::a::self", "super::a::B", "super::c", "super::e"]);
    assert_eq!(joined("crate::x::f::<std::net::Ip>(y.z)"), ["crate::x::f", "std::net::Ip", "y"]);
}
