//! The terminal: a line that can be edited, with history and completion, and lines printed above it.
//!
//! The thread `chat-keyboard` blocks in rustyline and hands each line over with `try_send`: it never
//! waits anywhere but for the keyboard (and for the file of what was typed), and must not, because rustyline prints from that wait, and the
//! main thread waits for the printing. It ends with the keyboard's end, or when [`Keyboard::end`] asks.
//!
//! Ending it from outside is a race by nature: rustyline is left only by a SIGINT, and only while it
//! is reading; one that comes between two lines goes to the process's own handler. So the signal is
//! sent until the thread has ended. The flag, which the thread reads before each line, makes one that
//! comes too early unnecessary, the repetition makes one that comes too late harmless.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, ExternalPrinter, Helper};

pub use super::names::Names;
use super::typed_before::{self, TypedBefore};
use super::{LINES_MAX, Word, completion, state};
use roomd_client::Waker;

/// Between two signals to a keyboard that is to end.
const AGAIN: Duration = Duration::from_millis(20);

/// The thread that reads.
pub struct Keyboard {
    thread: JoinHandle<()>,
    /// The thread is to end before its next line.
    ending: Arc<AtomicBool>,
    /// Nothing ever comes; that nobody can send any more says that the thread has ended.
    ended: Receiver<()>,
}

/// Prints above the line that is being edited.
pub struct Printer(Box<dyn ExternalPrinter>);

impl Printer {
    /// Prints a line, which ends with its line end. Blocks until the one before it is printed.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn print(&mut self, line: String) -> io::Result<()> {
        self.0.print(line).map_err(io::Error::other)
    }
}

impl Keyboard {
    /// Ends the reading, wherever it is, and gives the terminal back as it was.
    pub fn end(self) {
        self.ending.store(true, Ordering::Release);
        let mut ended = self.ended.try_recv().is_err_and(|error| error == std::sync::mpsc::TryRecvError::Disconnected);
        while !ended {
            // A process can always signal itself.
            _ = kill_process(getpid(), Signal::INT);
            ended = self.ended.recv_timeout(AGAIN) == Err(RecvTimeoutError::Disconnected);
        }
        // It has no state of ours.
        _ = self.thread.join();
    }
}

/// Takes the terminal; `None` when it is none that can be edited on.
pub fn start(
    names: Arc<Names>,
    words: SyncSender<Word>,
    interrupted: Arc<AtomicBool>,
    waker: Waker,
) -> Option<(Keyboard, Printer)> {
    let config = Config::builder().max_history_size(typed_before::LINES_MAX).ok()?.auto_add_history(true).build();
    let mut editor = Editor::with_config(config).ok()?;
    let printer = editor.create_external_printer().ok()?;
    editor.set_helper(Some(Assistant { names: Arc::clone(&names) }));
    let (mut typed, before) = typed_before();
    for line in before {
        // It is one more line, or the same as the one before.
        _ = editor.add_history_entry(line);
    }
    let ending = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&ending);
    let (alive, ended) = sync_channel(1);
    let body = move || {
        let _alive = alive;
        while !ends.load(Ordering::Acquire)
            && let Ok(line) = editor.readline(&names.prompt()[0])
        {
            typed.keep(&line, names.is_secret());
            match words.try_send(Word::Line(line)) {
                Ok(()) => waker.wake(),
                Err(TrySendError::Full(_)) => eprintln!("Error: not sent: {LINES_MAX} lines are waiting already"),
                Err(TrySendError::Disconnected(_)) => break,
            }
        }
        // Gives the terminal back before anybody hears of the end.
        drop(editor);
        // Whoever leaves does not wait for the lines before that.
        interrupted.store(true, Ordering::Release);
        drop(words);
        waker.wake();
    };
    let thread = thread::Builder::new().name("chat-keyboard".to_owned()).spawn(body).ok()?;
    Some((Keyboard { thread, ending, ended }, Printer(Box::new(printer))))
}

/// What was typed in earlier conversations; nothing where it cannot be kept.
fn typed_before() -> (TypedBefore, Vec<String>) {
    let opened = state::make("typed").and_then(|path| TypedBefore::open(&path));
    opened.unwrap_or_else(|_| (TypedBefore::nowhere(), Vec::new()))
}

/// What rustyline asks about a line.
struct Assistant {
    names: Arc<Names>,
}

impl Helper for Assistant {}
impl Validator for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Highlighter for Assistant {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, _: &'p str, _: bool) -> Cow<'b, str> {
        let [_, shown] = self.names.prompt();
        Cow::Owned(shown)
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (users, rooms) = self.names.lists();
        let (begin, words) = completion::complete(&line[..at], &users, &rooms);
        let pair = |word: String| Pair { display: word.trim_end().to_owned(), replacement: word };
        Ok((begin, words.into_iter().map(pair).collect()))
    }
}
