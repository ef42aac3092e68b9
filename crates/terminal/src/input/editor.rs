//! The line editor: a line with history and completion, and output printed above it.
//!
//! The thread `chat-keyboard` blocks in rustyline and hands each line over with `try_send`. It waits only
//! for the keyboard and for the history file, because rustyline prints from that wait, and the main
//! thread waits for the printing. It ends with the keyboard, or by [`Keyboard::end`].
//!
//! Ending it from outside is a race by nature: rustyline returns only on a SIGINT, and only while it is
//! reading; a SIGINT between two lines goes to the process's own handler. So the signal is sent until
//! the thread has ended. The flag, which the thread reads before each line, covers a signal that comes
//! too early, and the repetition one that comes too late.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, kill_process};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, ExternalPrinter, Helper};

use super::completion;
use super::editor_state::EditorState;
use super::history::{ENTRIES_MAX, InputHistory};
use super::line::{InputLine, LINES_MAX};
use crate::output::screen::size;
use crate::state_directory;
use roomd_client::Waker;

/// The time between two signals to a thread that has to end.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(20);

/// The thread that reads the keyboard.
pub struct Keyboard {
    thread: JoinHandle<()>,
    /// Has the thread end before its next line.
    ending: Arc<AtomicBool>,
    /// Nothing is ever sent; the channel is disconnected when the thread has ended.
    ended: Receiver<()>,
}

/// Prints above the line that is being edited.
pub struct Printer(Box<dyn ExternalPrinter>);

impl Printer {
    /// Prints a line, given with its line end. Blocks until the previous one is printed.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn print(&mut self, line: String) -> io::Result<()> {
        self.0.print(line).map_err(io::Error::other)
    }
}

impl Keyboard {
    /// Ends the thread, waits for it, and restores the terminal.
    pub fn end(self) {
        self.ending.store(true, Ordering::Release);
        let mut ended = self.ended.try_recv().is_err_and(|error| error == std::sync::mpsc::TryRecvError::Disconnected);
        while !ended {
            // A process can always signal itself.
            _ = kill_process(getpid(), Signal::INT);
            ended = self.ended.recv_timeout(SIGNAL_INTERVAL) == Err(RecvTimeoutError::Disconnected);
        }
        // It holds no state of ours.
        _ = self.thread.join();
    }
}

/// Takes over the terminal and starts the thread; `None` if the terminal has no editing. Lines go to `lines`,
/// and each wakes the client; `interrupted` is set when the keyboard has ended.
pub fn start(
    state: Arc<EditorState>,
    lines: SyncSender<InputLine>,
    interrupted: Arc<AtomicBool>,
    waker: Waker,
) -> Option<(Keyboard, Printer)> {
    let config = Config::builder().max_history_size(ENTRIES_MAX).ok()?.auto_add_history(true).build();
    let mut editor = Editor::with_config(config).ok()?;
    let printer = editor.create_external_printer().ok()?;
    editor.set_helper(Some(Assistant { state: Arc::clone(&state), waker: waker.clone() }));
    let (mut history, entries) = open_history();
    for line in entries {
        // False only says that it repeats the previous entry.
        _ = editor.add_history_entry(line);
    }
    let ending = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&ending);
    let (alive, ended) = sync_channel(1);
    let body = move || {
        let _alive = alive;
        while !ends.load(Ordering::Acquire)
            && let Ok(line) = editor.readline(&state.prompt()[0])
        {
            state.entered(&line);
            history.append(&line, state.is_encrypted());
            match lines.try_send(InputLine::Text(line)) {
                Ok(()) => waker.wake(),
                Err(TrySendError::Full(_)) => {
                    let refusal = format!("Error: not sent: {LINES_MAX} lines are waiting");
                    eprintln!("{refusal}");
                    state.printed(refusal);
                }
                Err(TrySendError::Disconnected(_)) => break,
            }
        }
        // Restores the terminal before the main thread learns of the end.
        drop(editor);
        // A user who leaves does not wait for the lines before that.
        interrupted.store(true, Ordering::Release);
        drop(lines);
        waker.wake();
    };
    let thread = thread::Builder::new().name("chat-keyboard".to_owned()).spawn(body).ok()?;
    Some((Keyboard { thread, ending, ended }, Printer(Box::new(printer))))
}

/// The history of earlier conversations; an empty one where it cannot be kept.
fn open_history() -> (InputHistory, Vec<String>) {
    let opened = state_directory::create("typed").and_then(|path| InputHistory::open(&path));
    opened.unwrap_or_else(|_| (InputHistory::disabled(), Vec::new()))
}

/// Answers what rustyline asks about a line.
struct Assistant {
    state: Arc<EditorState>,
    /// Wakes the main thread when something has to be shown anew.
    waker: Waker,
}

impl Helper for Assistant {}
impl Validator for Assistant {}

impl Hinter for Assistant {
    type Hint = String;

    /// There are no hints. But rustyline asks for one whenever it shows the line, also when the width of the terminal has changed
    /// and the line has several rows; the signal for that (SIGWINCH) goes to rustyline alone.
    fn hint(&self, line: &str, _: usize, _: &Context<'_>) -> Option<String> {
        if self.state.shown(line, size(), Instant::now()) {
            self.waker.wake();
        }
        None
    }
}

impl Highlighter for Assistant {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, _: &'p str, _: bool) -> Cow<'b, str> {
        let [_, shown] = self.state.prompt();
        Cow::Owned(shown)
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (users, rooms) = self.state.names();
        let (begin, lines) = completion::complete(&line[..at], &users, &rooms);
        let pair = |word: String| Pair { display: word.trim_end().to_owned(), replacement: word };
        Ok((begin, lines.into_iter().map(pair).collect()))
    }
}
