//! A line of standard input, as the thread that reads it hands it over.
//!
//! A value; the channel that carries it is bounded.

/// Lines that wait for the main thread, at most.
pub const LINES_MAX: usize = 1024;

/// A line, or what stands in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputLine {
    /// A line without its line end.
    Text(String),
    /// Bytes that are not a line; a sentence says why.
    Invalid(String),
}
