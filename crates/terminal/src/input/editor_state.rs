//! What the line editor has to know (the names to complete, the prompt, whether the current room is
//! encrypted), and what the main thread has to know of it: what it shows, and whether that is still in order.
//!
//! Names are written by the main thread as events arrive, and read by the keyboard's thread. A name that would have to
//! be escaped is not kept, because completion puts it on the screen as it is.
//!
//! When the width of the terminal changes the editor shows its line again, over as many rows as it had before: too few where the
//! terminal has folded it anew into more, too many where into fewer. If the line has several rows, the main thread then shows
//! everything anew, once the width has been the same for a moment. A line in one row stays as it is.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::output::escape::{escape, escape_lines};
use crate::output::lines_above::{LinesAbove, Size};
use crate::output::wrap::end;
use roomd_client::{Event, Response};

/// Users that are kept, and rooms, at most.
const NAMES_MAX: usize = 10_000;
/// How long the width has to stay the same before everything is shown anew: somebody who drags a window changes it many times.
const SETTLED_AFTER: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Debug, Default)]
pub struct EditorState(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    users: BTreeSet<String>,
    rooms: BTreeSet<String>,
    encrypted: bool,
    prompt: [String; 2],
    /// What stands above the line that is typed.
    above: LinesAbove,
    /// That line, when it was last shown.
    typed: String,
    /// The size of the terminal then.
    size: Size,
    /// The line was shown in several rows with another width: the size before that, and when it was last.
    disordered: Option<(Size, Instant)>,
}

impl State {
    /// Where the line that is typed ends, with its prompt.
    fn typed_end(&self, columns: usize) -> (usize, usize) {
        match end(&format!("{}{}", self.prompt[0], self.typed), columns) {
            // The cursor stands behind it.
            (row, column) if column == columns => (row + 1, 0),
            place => place,
        }
    }
}

impl EditorState {
    /// Sets the prompt: without colours, to be measured, and as it is shown.
    pub fn set_prompt(&self, prompt: [String; 2]) {
        self.0.lock().prompt = prompt;
    }

    /// The prompt: without colours, and as it is shown.
    #[must_use]
    pub fn prompt(&self) -> [String; 2] {
        self.0.lock().prompt.clone()
    }

    /// Sets whether the current room is encrypted.
    pub fn set_encrypted(&self, encrypted: bool) {
        self.0.lock().encrypted = encrypted;
    }

    /// Whether the current room is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.lock().encrypted
    }

    /// Takes note of a line that is printed above the one that is typed.
    pub fn printed(&self, line: String) {
        self.0.lock().above.push(line);
    }

    /// Takes note that others may have written to the terminal.
    pub fn others_wrote(&self) {
        self.0.lock().above.others_wrote();
    }

    /// Takes note of a line that was entered: it stays where it is, and the next one is empty.
    pub fn entered(&self, line: &str) {
        let mut state = self.0.lock();
        let shown = format!("{}{}", state.prompt[1], escape_lines(line));
        state.above.push(shown);
        state.typed.clear();
    }

    /// Takes note of what is typed and shown, on a terminal of this size. Returns whether something has to be shown anew.
    pub fn shown(&self, typed: &str, size: Size, now: Instant) -> bool {
        let mut state = self.0.lock();
        let before = std::mem::replace(&mut state.size, size);
        let has_rows = |columns| columns > 0 && state.typed_end(columns).0 > 0;
        let in_disorder = size.columns != before.columns && (has_rows(before.columns) || has_rows(size.columns));
        if in_disorder {
            let since = state.disordered.map_or(before, |(since, _)| since);
            state.disordered = Some((since, now));
        }
        typed.clone_into(&mut state.typed);
        in_disorder
    }

    /// How long until what is above the line has to be shown anew; `None` is never.
    #[must_use]
    pub fn redraw_in(&self, now: Instant) -> Option<Duration> {
        let (_, at) = self.0.lock().disordered?;
        Some((at + SETTLED_AFTER).saturating_duration_since(now))
    }

    /// What to print above the line so that everything is in order again on a terminal of this size; `None` if it is.
    #[must_use]
    pub fn redraw(&self, size: Size) -> Option<String> {
        let mut state = self.0.lock();
        let (before, _) = state.disordered.take()?;
        let following = state.typed_end(size.columns).0 + 1;
        (size != Size::default()).then(|| state.above.redraw(before, size, following))
    }

    /// Takes note of the names in an event.
    pub fn learn(&self, event: &Event) {
        let mut state = self.0.lock();
        match event {
            Event::Rejoined(joined) | Event::Response(_, Ok(Response::Joined(joined))) => {
                state.users.clear();
                joined.members.iter().for_each(|user| add(&mut state.users, user));
                add(&mut state.rooms, &joined.room);
            }
            Event::Join { user, .. } => add(&mut state.users, user),
            Event::Leave { user, .. } => _ = state.users.remove(user),
            // The author of a message can be answered, also from another room.
            Event::Message(message) if !message.replayed => add(&mut state.users, &message.user),
            Event::Response(_, Ok(Response::Rooms(rooms))) => {
                rooms.iter().for_each(|room| add(&mut state.rooms, &room.room));
            }
            _ => {}
        }
    }

    /// The users and the rooms, sorted.
    #[must_use]
    pub fn names(&self) -> (Vec<String>, Vec<String>) {
        let state = self.0.lock();
        (state.users.iter().cloned().collect(), state.rooms.iter().cloned().collect())
    }
}

fn add(names: &mut BTreeSet<String>, name: &str) {
    if names.len() < NAMES_MAX && escape(name) == name {
        names.insert(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_in_several_rows_is_shown_anew_and_once_its_width_has_settled() {
        let (state, begin) = (EditorState::default(), Instant::now());
        let size = |columns| Size { columns, rows: 3 };
        state.set_prompt(["Ann: ".to_owned(), "\u{1b}[1mAnn\u{1b}[0m: ".to_owned()]);
        assert!(!state.shown("", size(80), begin));
        state.printed("Bob: hi".to_owned());
        assert!(!state.shown("short", size(80), begin));
        assert!(!state.shown("short", size(40), begin), "it has one row in both");
        assert!(!state.shown("longer than a row", size(40), begin));
        assert!(!state.shown("longer than a row", size(80), begin));
        assert_eq!((state.redraw_in(begin), state.redraw(size(80))), (None, None));

        assert!(state.shown("longer than a row", size(22), begin), "the cursor has no place");
        let later = begin + SETTLED_AFTER / 2;
        assert!(state.shown("longer than a row", size(20), later));
        assert_eq!(state.redraw_in(later), Some(SETTLED_AFTER));
        assert_eq!(state.redraw_in(later + SETTLED_AFTER), Some(Duration::ZERO));
        let text = state.redraw(size(20)).unwrap();
        assert!(text.ends_with("\u{1b}[KBob: hi\n"), "{text:?}");
        assert_eq!((state.redraw_in(later), state.redraw(size(20))), (None, None));

        state.entered("longer than a row");
        assert!(!state.shown("", size(80), later), "what was entered is not typed any more");
        assert!(!state.shown(&"x".repeat(80), size(80), later));
        assert!(state.shown(&"x".repeat(80), size(90), later), "it had two rows");
        let text = state.redraw(size(90)).unwrap();
        assert!(text.ends_with("\u{1b}[KBob: hi\n\u{1b}[1mAnn\u{1b}[0m: longer than a row\n"), "{text:?}");
    }
}
