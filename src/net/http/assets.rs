//! The files of the chat page, as responses.
//!
//! Called by the routes on the connection's thread. A file is sent in the form that the client prefers, and only if
//! it has no copy that is still good. The page names its files by their paths, so behind a proxy that serves the
//! server below another path it is sent with that path in them; everything else finds its own place.

use std::time::{Duration, UNIX_EPOCH};

use super::head::RequestHead;
use super::preconditions::{Precondition, Version};
use super::preferences::{self, Coding};
use super::response::Response;
use crate::page::{self, File};

/// A script with a policy of its own, since it runs without a page: it may load the page's files, and nothing else.
const SERVICE_WORKER: (&str, &str) = ("service-worker.js", "default-src 'none'; connect-src 'self'");

/// The forms of a file that can be sent.
struct Forms<'a> {
    file: File,
    plain: &'a [u8],
    gzip: Option<&'a [u8]>,
    /// Changes with the content.
    version: &'a str,
}

/// The page of this name, whose files are below `base_path`.
pub fn page(request: &RequestHead<'_>, name: &str, base_path: &str) -> Response {
    if base_path.is_empty() {
        return asset(request, name);
    }
    let Some(file) = page::file(name) else { return nothing() };
    let text = String::from_utf8_lossy(file.bytes).replace("\"/assets/", &format!("\"{base_path}/assets/"));
    let version = format!("{}-{base_path}", file.checksum);
    // It is small, and to compress it would take more stack than this thread is to have.
    send(request, &Forms { file, plain: text.as_bytes(), gzip: None, version: &version })
}

/// A file that the page loads.
pub fn asset(request: &RequestHead<'_>, name: &str) -> Response {
    let Some(file) = page::file(name) else { return nothing() };
    let response = send(request, &Forms { file, plain: file.bytes, gzip: Some(file.gzip), version: file.checksum });
    let (service_worker, policy) = SERVICE_WORKER;
    if name == service_worker { response.with("Content-Security-Policy", policy) } else { response }
}

fn nothing() -> Response {
    Response::error(404, "There is nothing at this address")
}

/// The form that the client prefers (RFC 9110 §12.5.3), unless it has it already (§13).
fn send(request: &RequestHead<'_>, forms: &Forms<'_>) -> Response {
    let Forms { file, plain, gzip, version } = *forms;
    let (coding, suffix, bytes) = match (preferences::coding(request), gzip) {
        (Some(Coding::Gzip), Some(gzip)) => (Some("gzip"), "-gzip", gzip),
        (Some(_), _) => (None, "", plain),
        (None, _) => {
            let response = Response::error(406, "This file is sent as it is, or as gzip");
            return response.with("Vary", "Accept-Encoding");
        }
    };
    let tag = format!("\"{version}{suffix}\"");
    let modified = UNIX_EPOCH + Duration::from_secs(file.modified_s);
    let response = match (Version { tag: &tag, modified }.evaluate(request), coding) {
        (Precondition::NotModified, _) => Response::empty(304),
        (Precondition::Failed, _) => return Response::error(412, "This is another version of the file"),
        (Precondition::Send, Some(coding)) => {
            Response::new(200, file.media_type, bytes).with("Content-Encoding", coding)
        }
        (Precondition::Send, None) => Response::new(200, file.media_type, bytes),
    };
    let response = response.with("ETag", tag).with("Last-Modified", httpdate::fmt_http_date(modified));
    response.with("Vary", "Accept-Encoding").with("Cache-Control", "no-cache")
}
