//! The files of the chat page, embedded in the binary.
//!
//! Called by `net::http::routes` on pool threads. `build.rs` compresses the files at build time, since the time to
//! the first view of a page is mostly the time to load its files; nothing is read from disk. The checksum of
//! a file is its `ETag`.

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Media type, for text files with the character set.
    pub media_type: &'static str,
    /// The content, uncompressed.
    pub bytes: &'static [u8],
    /// The content, compressed with gzip (RFC 1952).
    pub gzip: &'static [u8],
    /// Changes with the content: 16 hexadecimal digits.
    pub checksum: &'static str,
    /// When its source was last changed, in seconds since 1970.
    pub modified_s: u64,
}

type Row = (&'static str, &'static [u8], &'static [u8], &'static str, u64);

/// The files, sorted by name: name, content, gzip, checksum, date.
const FILES: &[Row] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Returns the file with this name, such as `vendor/preact.js`.
#[must_use]
pub fn file(name: &str) -> Option<File> {
    let at = FILES.binary_search_by_key(&name, |(name, ..)| name).ok()?;
    let (name, bytes, gzip, checksum, modified_s) = FILES[at];
    Some(File { media_type: media_type(name), bytes, gzip, checksum, modified_s })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, kind)| kind) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        // A module is UTF-8, whatever is said of it (RFC 9239 §4.2), and so is a service worker: the first view is shorter by it.
        Some("js") => "text/javascript",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
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
