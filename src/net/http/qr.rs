//! The route of QR codes: a text as modules, which the page draws.
//!
//! Called by the routes on the connection's thread. The text is in the body and not in the address, since it is a
//! secret. Computed on the login worker's stack, since a reader keeps what it has touched of its own.

use qrcode::{Color, EcLevel, QrCode};
use serde::Deserialize;

use super::api_request::{ApiRequest, bad};
use super::response::Response;
use crate::chat::{Code, Refusal};
use crate::net::context::ServerContext;

/// Characters of a text, at most: whatever they are, a code holds them (2 953 bytes, ISO/IEC 18004 table 7).
const TEXT_MAX: usize = 512;
/// Light modules on each side (ISO/IEC 18004 §6.3.8).
const QUIET: usize = 4;

#[derive(Deserialize)]
struct Text {
    text: String,
}

/// A text as a QR code: `POST /api/v1/qr`.
///
/// # Errors
/// `bad_request`: the text is empty or too long. `rate_limited`, `unavailable`; `unauthorized` as for any request.
pub fn code(context: &ServerContext, request: &mut ApiRequest<'_>) -> Result<Response, Refusal> {
    request.authenticate(context)?;
    request.count_message(context)?;
    let Text { text } = request.json()?;
    if text.is_empty() || text.chars().count() > TEXT_MAX {
        return Err(bad(format!("text must have 1 to {TEXT_MAX} characters")));
    }
    let drawn = context.engine.login_worker.run(move || draw(&text)).flatten();
    let (size, path) = drawn.ok_or_else(|| Refusal::new(Code::Unavailable, "No code can be drawn now; try again"))?;
    Ok(Response::json(200, serde_json::json!({"size": size, "path": path}).to_string()))
}

/// The modules of a side with its margins, and the dark ones as an SVG path: one row after the other.
fn draw(text: &str) -> Option<(usize, String)> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|one, other| one == other) {
            if run[0] == Color::Dark {
                let length = run.len();
                path.push_str(&format!("M{} {}h{length}v1h-{length}z", x + QUIET, y + QUIET));
            }
            x += run.len();
        }
    }
    Some((width + 2 * QUIET, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_begins_with_the_upper_edge_of_a_finder_and_has_a_margin() {
        let (size, path) = draw("http://192.168.1.5:8000/").unwrap();
        assert_eq!(size, 25 + 8);
        assert!(path.starts_with("M4 4h7v1h-7z"), "{path}");
        assert!(path.contains("M4 10h7v1h-7z") && path.contains("M22 4h7v1h-7z"), "{path}");
        assert_eq!(draw(&"x".repeat(5_000)), None);
    }
}
