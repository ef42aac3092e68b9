//! A text as a QR code in a terminal, for a telephone's camera.
//!
//! Drawn with the half blocks of Unicode, two rows of modules a line, so that a module is about a square; the page
//! draws its own from the modules that `net/http/qr.rs` hands out.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// A QR code, in two rows of modules a line; black on white whatever the terminal's colours are. Empty if the text is
/// too long for one.
pub fn code(text: &str) -> String {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else { return String::new() };
    let drawn = code.render::<Dense1x2>().dark_color(Dense1x2::Dark).light_color(Dense1x2::Light).build();
    drawn.lines().map(|line| format!("\x1b[30;107m{line}\x1b[0m\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_quiet_edges_and_dark_corners() {
        let drawn = code("http://192.168.1.5:8000/");
        let lines: Vec<_> =
            drawn.lines().map(|line| line.trim_start_matches("\x1b[30;107m").trim_end_matches("\x1b[0m")).collect();
        // Version 2 has 25 modules a side, and four at each edge are light.
        assert_eq!((lines.len(), lines[0].chars().count()), (17, 33));
        assert!(lines[0].trim().is_empty() && lines[1].trim().is_empty(), "{drawn}");
        assert!(lines[2].starts_with("    █▀▀▀▀▀█ ") && lines[2].ends_with(" █▀▀▀▀▀█    "), "{drawn}");
        assert_eq!(code(&"x".repeat(5_000)), "");
    }
}
