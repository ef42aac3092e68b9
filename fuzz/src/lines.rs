//! The line port: bytes in arbitrary chunks, cut into lines, parsed and heard.
//!
//! Exercises `net::lines::Lines`, `wire::text` and what `World` does. The first two bytes of the
//! input say how long a line may be and how the rest is cut; the same lines must come out however
//! it is cut.

use roomd::net::lines::Lines;
use roomd::wire::{Encoding, Unparsed, text};

use crate::world::World;

/// Feeds one input.
///
/// # Panics
/// When something does not hold that must.
pub fn run(input: &[u8]) {
    let [bytes_max, cuts, bytes @ ..] = input else { return };
    let bytes_max = usize::from(*bytes_max);
    let whole = lines(bytes_max, &[bytes]);
    assert_eq!(whole, lines(bytes_max, &chunks(bytes, *cuts)), "the same lines in chunks");
    let mut world = World::new(Encoding::TextLines);
    for line in whole {
        let request = match &line {
            Ok(line) => text::parse(line),
            Err(refusal) => Err(Unparsed { id: None, refusal: refusal.clone() }),
        };
        if request.transpose().is_some_and(|request| !world.handle(request)) {
            return;
        }
    }
}

fn lines(bytes_max: usize, chunks: &[&[u8]]) -> Vec<Result<String, roomd::chat::Refusal>> {
    let mut lines = Lines::new(bytes_max);
    let mut all = Vec::new();
    for chunk in chunks {
        let mut bytes = *chunk;
        while let Some(line) = lines.next(&mut bytes) {
            all.push(line);
        }
        assert!(bytes.is_empty(), "every byte is taken");
    }
    all.extend(lines.rest());
    for line in all.iter().flatten() {
        // The CR of a CR LF does not count.
        let length = line.len() - usize::from(line.ends_with('\r'));
        assert!(length <= bytes_max && !line.contains('\n'), "{line:?}");
    }
    all
}

/// Chunks of sizes that look random: from one byte to as many as a seed allows.
fn chunks(mut bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let most = usize::from(seed >> 4) + 1;
    let mut state = usize::from(seed);
    let mut chunks = Vec::new();
    while !bytes.is_empty() {
        state = (state * 5 + 3) % 256;
        let (chunk, rest) = bytes.split_at((1 + state % most).min(bytes.len()));
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}
