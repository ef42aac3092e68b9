//! `roomd chat`: a conversation in a terminal, or one that a script has.
//!
//! The main thread drives the client and writes to the screen; it waits in one place, for the client's
//! next event. The keyboard's thread (`editor.rs`, or `lines.rs` where there is no editor) hands lines
//! over a channel and wakes it, and so does the thread of signals. All else here is pure: what is
//! typed (`typed.rs`), how events are shown (`show.rs`, `json.rs`, `visible.rs`), the arguments. `seal.rs`
//! stands between the conversation and the client in encrypted rooms.

pub mod arguments;
mod completion;
mod conversation;
mod editor;
mod json;
mod lines;
mod names;
pub mod protection;
mod ruling;
mod screen;
#[cfg(feature = "e2ee")]
mod seal;
#[cfg(not(feature = "e2ee"))]
#[path = "no_seal.rs"]
mod seal;
mod show;
mod state;
mod tidings;
mod token;
mod typed;
mod typed_before;
mod visible;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

pub use arguments::Arguments;
use arguments::Colours;
use conversation::{Conversation, Outcome, TokenOf};
use editor::Names;
use lines::Lines;
use screen::Screen;
use seal::Seals;
use show::Show;
use visible::visible;

use roomd_cli::signals;
use roomd_client::{Client, Options};
use roomd_protocol::UserName;

/// Lines that wait for the main thread, at most.
const LINES_MAX: usize = 1024;

/// What the keyboard's thread hands over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// A line without its end.
    Line(String),
    /// What is no line; a sentence says why.
    Unreadable(String),
}

/// Who reads standard input.
enum Keyboard {
    Editor(editor::Keyboard),
    Lines(Lines),
}

/// Runs the conversation. Blocks until it has ended.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    let seals = match Seals::open(&arguments) {
        Ok(seals) => seals,
        Err(problem) => {
            eprintln!("roomd: {}", visible(&problem));
            return ExitCode::from(2);
        }
    };
    let mut options = Options {
        user: arguments.user.clone(),
        trust: arguments.trust.clone(),
        history: arguments.history,
        retry_for: arguments.retry_for,
        ..Options::default()
    };
    options.token = match token::find(&arguments, &options) {
        Ok(token) => token,
        Err(sentence) => return failed(&sentence),
    };
    let token_of = token_of(&arguments, &options);
    let client = match Client::connect(&arguments.url, options) {
        Ok(client) => client,
        Err(error) => return failed(&error.to_string()),
    };
    let interrupted = Arc::new(AtomicBool::new(false));
    let (flag, waker) = (Arc::clone(&interrupted), client.waker());
    let listening = signals::listen(move |_| {
        flag.store(true, Ordering::Release);
        waker.wake();
    });
    let _listening = match listening {
        Ok(listening) => listening,
        Err(error) => return failed(&format!("cannot wait for signals: {error}")),
    };
    let colours = match arguments.colours {
        Colours::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty()),
        Colours::Always => true,
        Colours::Never => false,
    };
    let names: Arc<Names> = Arc::default();
    let (words, inbox) = sync_channel(LINES_MAX);
    let (keyboard, screen) = match take_terminal(&client, &arguments, colours, &names, words, &interrupted) {
        Ok(taken) => taken,
        Err(error) => return failed(&format!("cannot read standard input: {error}")),
    };
    let edited = matches!(keyboard, Keyboard::Editor(_));
    let show = (!arguments.json).then(|| Show::new(colours, !edited));
    let mut conversation = Conversation::new((client, seals), arguments, token_of, show, screen, names, edited);
    let outcome = conversation.run(&inbox, &interrupted);
    drop(inbox);
    end(keyboard);
    conversation.finish();
    report(outcome)
}

/// How the token of another name is found: not in the file that was given for this one.
fn token_of(arguments: &Arguments, options: &Options) -> TokenOf {
    let (arguments, options) = (Arguments { token_file: None, ..arguments.clone() }, options.clone());
    Box::new(move |user| {
        let user = UserName::parse(user).map_err(|error| format!("the name of a user {error}"))?;
        token::find(&Arguments { user: Some(user.to_string()), ..arguments.clone() }, &options)
    })
}

/// Begins to read, with an editor where there is one.
fn take_terminal(
    client: &Client,
    arguments: &Arguments,
    colours: bool,
    names: &Arc<Names>,
    words: SyncSender<Word>,
    interrupted: &Arc<AtomicBool>,
) -> std::io::Result<(Keyboard, Screen)> {
    if !arguments.json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        names.set_prompt(prompt(colours, client.user()));
        if let Some((keyboard, printer)) =
            editor::start(Arc::clone(names), words.clone(), Arc::clone(interrupted), client.waker())
        {
            return Ok((Keyboard::Editor(keyboard), Screen::Editor(printer)));
        }
    }
    Ok((Keyboard::Lines(Lines::start(words, client.waker())?), Screen::Plain))
}

/// What stands before the line that is typed: as it is measured, and as it is shown.
fn prompt(colours: bool, user: &str) -> [String; 2] {
    [false, true].map(|shown| format!("{}: ", Show::new(shown && colours, true).name(user)))
}

fn end(keyboard: Keyboard) {
    match keyboard {
        Keyboard::Editor(keyboard) => keyboard.end(),
        Keyboard::Lines(lines) => lines.end(),
    }
}

fn report(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Left => ExitCode::SUCCESS,
        Outcome::Unsent(count) => {
            let what = if count == 1 {
                "1 message was not sent".to_owned()
            } else {
                format!("{count} messages were not sent")
            };
            failed(&what)
        }
        Outcome::Refused => ExitCode::FAILURE,
        Outcome::Over(reason) => failed(&reason),
    }
}

fn failed(reason: &str) -> ExitCode {
    eprintln!("roomd: {}", visible(reason));
    ExitCode::FAILURE
}
