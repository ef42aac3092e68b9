//! The chat page: its files, which are part of the binary.
//!
//! Called by `net::routes` on pool threads. Nothing is read from a disk. The files are compressed while
//! the server is built (`build.rs`), because the first view of a page is mostly waiting for its files;
//! a checksum names what a browser has already.

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Its media type, with the character set for texts.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// The same as gzip (RFC 1952).
    pub gzip: &'static [u8],
    /// What changes with its bytes: 16 hexadecimal digits.
    pub checksum: &'static str,
}

type Row = (&'static str, &'static [u8], &'static [u8], &'static str);

/// All files, by name.
const FILES: &[Row] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The file of this name, if there is one.
#[must_use]
pub fn file(name: &str) -> Option<File> {
    let at = FILES.binary_search_by_key(&name, |(name, ..)| name).ok()?;
    let (name, bytes, gzip, checksum) = FILES[at];
    Some(File { media_type: media_type(name), bytes, gzip, checksum })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, kind)| kind) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn every_file_is_found_and_its_compressed_form_is_the_file() {
        assert!(FILES.iter().any(|(name, ..)| *name == "vendor/preact.js"));
        for (name, bytes, ..) in FILES {
            let file = file(name).unwrap_or_else(|| panic!("{name} is not found"));
            let mut text = Vec::new();
            GzDecoder::new(file.gzip).read_to_end(&mut text).unwrap();
            assert!(text == *bytes && file.bytes == *bytes, "{name}");
            assert_eq!(file.checksum.len(), 16);
        }
        assert!(file("none.js").is_none());
    }
}
