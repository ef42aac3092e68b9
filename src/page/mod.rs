//! The chat page: its files, which are part of the binary.
//!
//! Called by `net::routes` on pool threads. Nothing is read from a disk.

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Its media type, with the character set for texts.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
}

/// The file of this name, if there is one.
#[must_use]
pub fn file(name: &str) -> Option<File> {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    let (media_type, bytes): (_, &[u8]) = match name {
        "index.html" => ("text/html; charset=utf-8", include_bytes!("index.html")),
        "style.css" => ("text/css; charset=utf-8", include_bytes!("style.css")),
        "favicon.svg" => ("image/svg+xml", include_bytes!("favicon.svg")),
        "app.js" => (SCRIPT, include_bytes!("app.js")),
        "calls.js" => (SCRIPT, include_bytes!("calls.js")),
        "calls/call.js" => (SCRIPT, include_bytes!("calls/call.js")),
        "calls/media.js" => (SCRIPT, include_bytes!("calls/media.js")),
        "calls/peer.js" => (SCRIPT, include_bytes!("calls/peer.js")),
        "calls/signal.js" => (SCRIPT, include_bytes!("calls/signal.js")),
        "connection.js" => (SCRIPT, include_bytes!("connection.js")),
        "e2ee.js" => (SCRIPT, include_bytes!("e2ee.js")),
        "e2ee/device.js" => (SCRIPT, include_bytes!("e2ee/device.js")),
        "e2ee/format.js" => (SCRIPT, include_bytes!("e2ee/format.js")),
        "e2ee/keyring.js" => (SCRIPT, include_bytes!("e2ee/keyring.js")),
        "e2ee/secret.js" => (SCRIPT, include_bytes!("e2ee/secret.js")),
        "e2ee/store.js" => (SCRIPT, include_bytes!("e2ee/store.js")),
        "dom.js" => (SCRIPT, include_bytes!("dom.js")),
        "room.js" => (SCRIPT, include_bytes!("room.js")),
        "view.js" => (SCRIPT, include_bytes!("view.js")),
        _ => return None,
    };
    Some(File { media_type, bytes })
}
