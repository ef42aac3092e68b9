//! Compresses the chat page's files once, while the server is built.
//!
//! Writes `page.rs` into the build's folder: a table of all files below `src/page`, each with its bytes,
//! the same as gzip, a checksum and the date of its last change. `src/page/mod.rs` includes it. Compressing them in the
//! server would take more stack than a thread that serves clients has. Scripts and style sheets lose their
//! comments, which are a sixth of what the first view loads, and their indentation; the lines stay, so their numbers
//! are those of the source.
//! The service worker, which keeps a copy of the page, is given the names and checksums of the files.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::{Compression, Crc, GzBuilder};

/// What the names of the files begin with that only admins load.
const ADMIN: &str = "admin";

/// The script that the list of the files is put into.
const SERVICE_WORKER: &str = "service-worker.js";

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names it")).join("src/page");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names it"));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    let named = |path: PathBuf| {
        let name = path.strip_prefix(&root).expect("it was found there").to_str().expect("our names are UTF-8");
        (name.to_owned(), path)
    };
    let mut files: Vec<_> = files.into_iter().map(named).collect();
    files.sort();
    // The service worker comes last, when the other checksums are known.
    files.sort_by_key(|(name, _)| name == SERVICE_WORKER);
    let mut rows = BTreeMap::new();
    let mut checksums = Vec::new();
    for (name, path) in files {
        let bytes = match fs::read(&path)? {
            bytes if name == SERVICE_WORKER => with_files(&condensed(&bytes), &checksums),
            bytes if name.ends_with(".js") => condensed(&bytes),
            bytes if name.ends_with(".css") => without_indentation(&without_block_comments(&bytes)),
            bytes => bytes,
        };
        let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        let gzip = encoder.finish()?;
        // RFC 1952 §2.3.1: the last eight bytes are the checksum and the length.
        let checksum: String = gzip[gzip.len() - 8..].iter().map(|byte| format!("{byte:02x}")).collect();
        let compressed = out.join(format!("{}.gz", name.replace('/', "-")));
        let served = out.join(name.replace('/', "-"));
        fs::write(&served, bytes)?;
        fs::write(&compressed, gzip)?;
        let modified = modified(&path)?;
        let row = format!(
            "({name:?}, include_bytes!({served:?}), include_bytes!({compressed:?}), {checksum:?}, {modified}),\n"
        );
        rows.insert(name.clone(), row);
        checksums.push((name, checksum));
    }
    fs::write(out.join("page.rs"), format!("&[\n{}]", String::from_iter(rows.into_values())))
}

/// The service worker's script with the files that a browser uses for the chat, and a checksum of them all.
fn with_files(script: &[u8], checksums: &[(String, String)]) -> Vec<u8> {
    let is_used =
        |name: &str| ["js", "css", "html", "svg", "png", "webmanifest"].iter().any(|kind| name.ends_with(kind));
    let rows = checksums.iter().filter(|(name, _)| is_used(name) && !name.starts_with(ADMIN));
    let list: Vec<_> = rows.map(|(name, checksum)| format!("{name:?}:{checksum:?}")).collect();
    let files = format!("{{{}}}", list.join(","));
    let mut build = Crc::new();
    build.update(files.as_bytes());
    let script = String::from_utf8_lossy(script);
    let filled = script.replace("const FILES = {};", &format!("const FILES = {files};"));
    let filled = filled.replace("const BUILD = \"\";", &format!("const BUILD = \"{:08x}\";", build.sum()));
    assert!(filled.len() > script.len() + files.len(), "the service worker has places for both");
    filled.into_bytes()
}

/// When a file was last changed, in seconds since 1970; not later than the date of a reproducible build
/// (reproducible-builds.org).
fn modified(path: &Path) -> io::Result<u64> {
    let modified = fs::metadata(path)?.modified()?;
    let modified = modified.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let latest = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    Ok(modified.min(latest.unwrap_or(u64::MAX)))
}

/// A script without indentation and without its `//` comments: those that have a line to themselves, and those behind
/// a sign with which a statement, an item or a block ends or begins. Its lines stay. Text that only looks like that,
/// as in a template literal of several lines, would be lost: a test of the page looks.
fn condensed(script: &[u8]) -> Vec<u8> {
    let script = without_indentation(script);
    let lines: Vec<_> = script.split(|byte| *byte == b'\n').map(without_comment).collect();
    lines.join(&b'\n')
}

/// A style sheet without its comments, which CSS allows between any two tokens; their lines stay. In a string or an
/// address `/*` would not begin one: a test of the page looks.
fn without_block_comments(sheet: &[u8]) -> Vec<u8> {
    let (mut kept, mut is_comment) = (Vec::new(), false);
    for (at, &byte) in sheet.iter().enumerate() {
        is_comment |= sheet[at..].starts_with(b"/*");
        if !is_comment || byte == b'\n' {
            kept.push(byte);
        }
        is_comment &= !sheet[..=at].ends_with(b"*/");
    }
    kept
}

fn without_indentation(text: &[u8]) -> Vec<u8> {
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_start).collect();
    lines.join(&b'\n')
}

fn without_comment(line: &[u8]) -> &[u8] {
    if line.starts_with(b"//") {
        return &[];
    }
    let begins = |at: &usize| b";,{}()[]".contains(&line[*at]) && line[at + 1..].starts_with(b" // ");
    (0..line.len()).find(begins).map_or(line, |at| &line[..=at])
}

/// All files below a folder but those of the server's own code.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_none_or(|extension| extension != "rs") {
            files.push(path);
        }
    }
    Ok(())
}
