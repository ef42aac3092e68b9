//! A trace as a sequence diagram in text: a lane for each actor, and a line for each step.
//!
//! For a terminal, and for the documentation of a test. An arrow crosses the lanes between its ends.

use std::fmt::Write as _;

use super::trace::Trace;

/// Columns of a lane.
const LANE: usize = 6;

/// Draws a trace. A step is `●`, or `■` under a lock; what it sends is an arrow to the receiver, and what it receives one
/// from the sender. Behind it stand what it does and what it changed; the last line says how it ended.
///
/// ```text
///      A     B
///      │     │
///   1  ●     │      A reads 0
///   2  │     ●      B reads 0
///   3  ●     │      A writes 1 · value = 1
///   4  │     ●      B writes 1
/// ✗ two were added, and the value is 1
/// ```
#[must_use]
pub fn diagram(trace: &Trace) -> String {
    let actors = trace.actors();
    let mut text = String::new();
    let head: String = actors.iter().map(|actor| format!("{actor:<LANE$}")).collect();
    let empty = lanes(&vec!['│'; actors.len()], None);
    _ = writeln!(text, "     {}\n     {}", head.trim_end(), empty.trim_end());
    for (at, traced) in trace.steps.iter().enumerate() {
        let lane = |actor: char| actors.iter().position(|other| *other == actor);
        let mut marks = vec!['│'; actors.len()];
        let own = lane(traced.actor).unwrap_or(0);
        marks[own] = if traced.step.section().is_some() { '■' } else { '●' };
        let arrow = match (traced.step.to().and_then(lane), traced.step.from().and_then(lane)) {
            (Some(to), _) if to != own => Some((own, to)),
            (None, Some(from)) if from != own => Some((from, own)),
            _ => None,
        };
        if let Some((from, to)) = arrow {
            marks[to] = if to > from { '▶' } else { '◀' };
            if from != own {
                marks[from] = '○';
            }
        }
        let changes: Vec<_> = trace.changes(at).iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let separator = if changes.is_empty() { "" } else { " · " };
        let (number, words) = (at + 1, traced.step.text());
        let line = format!("{} {words}{separator}{}", traced.actor, changes.join(", "));
        _ = writeln!(text, "{number:>3}  {}{}", lanes(&marks, arrow), line.trim_end());
    }
    match &trace.result {
        Ok(()) => text.push_str("✓ nothing is wrong\n"),
        Err(why) => _ = writeln!(text, "✗ {why}"),
    }
    text
}

/// The lanes of one line, with an arrow from one to another.
fn lanes(marks: &[char], arrow: Option<(usize, usize)>) -> String {
    let mut line = String::new();
    for (at, mark) in marks.iter().enumerate() {
        let is_within = |at: usize| arrow.is_some_and(|(a, b)| (a.min(b)..a.max(b)).contains(&at));
        let is_crossed = *mark == '│' && at > 0 && is_within(at) && is_within(at - 1);
        line.push(if is_crossed { '┼' } else { *mark });
        let fill = if is_within(at) { '─' } else { ' ' };
        line.extend(std::iter::repeat_n(fill, LANE - 1));
    }
    line
}
