//! Compresses the chat page's files once, while the server is built.
//!
//! Writes `page.rs` into the build's folder: a table of all files below `src/page`, each with its bytes,
//! the same as gzip, and a checksum. `src/page/mod.rs` includes it. Compressing them in the server
//! would take more stack than a thread that serves clients has.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::{Compression, GzBuilder};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names it")).join("src/page");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names it"));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    let named = |path: PathBuf| {
        let name = path.strip_prefix(&root).expect("it was found there").to_str().expect("our names are UTF-8");
        (name.to_owned(), path)
    };
    let mut files: Vec<_> = files.into_iter().map(named).collect();
    files.sort();
    let mut table = "&[\n".to_owned();
    for (name, path) in files {
        let bytes = fs::read(&path)?;
        let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        let gzip = encoder.finish()?;
        // RFC 1952 §2.3.1: the last eight bytes are the checksum and the length.
        let checksum: String = gzip[gzip.len() - 8..].iter().map(|byte| format!("{byte:02x}")).collect();
        let compressed = out.join(format!("{}.gz", name.replace('/', "-")));
        fs::write(&compressed, gzip)?;
        _ = writeln!(table, "({name:?}, include_bytes!({path:?}), include_bytes!({compressed:?}), {checksum:?}),");
    }
    table.push(']');
    fs::write(out.join("page.rs"), table)
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
