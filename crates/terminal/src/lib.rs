//! `roomd chat`: a conversation in a terminal, for a person or a script.
//!
//! The main thread drives the client and writes to the screen; it waits in one place, for the client's
//! next event. A thread that reads standard input (`input/editor.rs`, or `input/stdin.rs` where there is
//! no editor) hands lines over a channel and wakes it, as does the thread of signals. `input/` parses
//! lines, `output/` formats events, `encryption.rs` stands between the conversation and the client in
//! encrypted rooms.

pub mod admin;
pub mod arguments;
mod conversation;
#[cfg(feature = "e2ee")]
mod encryption;
#[cfg(not(feature = "e2ee"))]
#[path = "no_encryption.rs"]
mod encryption;
mod input;
pub mod invite;
mod output;
pub mod ready;
mod state_directory;
mod token;
pub mod top;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

pub use arguments::Arguments;
use arguments::Colours;
use conversation::{Conversation, Outcome, Terminal, TokenLookup};
use encryption::EncryptedRooms;
use input::editor;
use input::editor_state::EditorState;
use input::line::{InputLine, LINES_MAX};
use input::stdin::StdinReader;
use input::terminal_mode::TerminalMode;
use output::escape::escape;
pub use output::protection::Protection;
use output::screen::Screen;
use output::text::{TextFormatter, prompt};

use roomd_cli::signals;
use roomd_client::{Client, Options, accept_invitation};
use roomd_protocol::UserName;

/// The thread that reads standard input.
enum InputReader {
    Editor(editor::Keyboard),
    Stdin(StdinReader),
}

impl InputReader {
    fn end(self) {
        match self {
            Self::Editor(keyboard) => keyboard.end(),
            Self::Stdin(reader) => reader.end(),
        }
    }
}

/// Puts the user on the list of the room, if the arguments have an invitation. Blocks on the server.
fn enter_by_invitation(arguments: &Arguments, options: &Options) -> Result<(), String> {
    let Some(code) = &arguments.invitation else { return Ok(()) };
    let Some(token) = &options.token else {
        return Err("an invitation admits a registered user: say --user, and claim the name".to_owned());
    };
    accept_invitation(&arguments.url, &arguments.room, code, token, options).map_err(|error| error.to_string())
}

/// Runs the conversation. Blocks until it has ended; problems are told on standard error.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    let encryption = match EncryptedRooms::open(&arguments) {
        Ok(encryption) => encryption,
        Err(problem) => {
            eprintln!("roomd: {}", escape(&problem));
            return ExitCode::from(2);
        }
    };
    let mut options = Options {
        user: arguments.user.clone(),
        trust: arguments.trust.clone(),
        history: arguments.history,
        receipt_counts: !arguments.json,
        retry_for: arguments.retry_for,
        device_label: Some(format!("roomd chat on {}", std::env::consts::OS)),
        ..Options::default()
    };
    options.token = match token::find(&arguments, &options) {
        Ok(token) => token,
        Err(sentence) => return failed(&sentence),
    };
    if let Err(sentence) = enter_by_invitation(&arguments, &options) {
        return failed(&sentence);
    }
    let token_lookup = token_lookup(&arguments, &options);
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
    let mode = TerminalMode::read();
    let (sender, lines) = sync_channel(LINES_MAX);
    let (reader, terminal) = match take_terminal(&client, &arguments, sender, &interrupted) {
        Ok(taken) => taken,
        Err(error) => return failed(&format!("cannot read standard input: {error}")),
    };
    let continued = Arc::clone(&terminal.continued);
    let (mode, waker) = (mode.map(Arc::new), client.waker());
    let listening = mode.as_ref().filter(|_| terminal.interactive).map(|mode| {
        let mode = Arc::clone(mode);
        signals::listen_for_continue(move || {
            if mode.continue_editing() {
                continued.store(true, Ordering::Release);
                waker.wake();
            }
        })
    });
    let continuing = match listening.transpose() {
        Ok(continuing) => continuing,
        Err(error) => return failed(&format!("cannot wait for signals: {error}")),
    };
    let mut conversation = Conversation::new(client, encryption, arguments, token_lookup, terminal);
    let outcome = conversation.run(&lines, &interrupted);
    drop(lines);
    // From here on the terminal is left as it was found.
    drop(continuing);
    reader.end();
    if let (Some(mode), true) = (&mode, conversation.is_interactive()) {
        mode.restore();
    }
    conversation.finish();
    report(outcome)
}

/// Finds the token of another name: not in the file that was named for this one.
fn token_lookup(arguments: &Arguments, options: &Options) -> TokenLookup {
    let (arguments, options) = (Arguments { token_file: None, ..arguments.clone() }, options.clone());
    Box::new(move |user| {
        let user = UserName::parse(user).map_err(|error| format!("the name of a user {error}"))?;
        token::find(&Arguments { user: Some(user.to_string()), ..arguments.clone() }, &options)
    })
}

/// Starts to read standard input, with a line editor where it is a terminal.
fn take_terminal(
    client: &Client,
    arguments: &Arguments,
    lines: SyncSender<InputLine>,
    interrupted: &Arc<AtomicBool>,
) -> std::io::Result<(InputReader, Terminal)> {
    let colours = has_colours(arguments.colours);
    let editor: Arc<EditorState> = Arc::default();
    let terminal = |screen, interactive: bool| Terminal {
        formatter: (!arguments.json).then(|| match TextFormatter::new(colours, !interactive) {
            formatter if interactive || arguments.times => formatter.with_times(arguments.times),
            formatter => formatter,
        }),
        screen,
        editor: Arc::clone(&editor),
        interactive,
        continued: Arc::default(),
    };
    if !arguments.json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        editor.set_prompt(prompt(colours, client.user()));
        let (state, interrupted) = (Arc::clone(&editor), Arc::clone(interrupted));
        if let Some((keyboard, printer)) = editor::start(state, lines.clone(), interrupted, client.waker()) {
            return Ok((InputReader::Editor(keyboard), terminal(Screen::Editor(printer, Arc::clone(&editor)), true)));
        }
    }
    let reader = StdinReader::start(lines, client.waker())?;
    Ok((InputReader::Stdin(reader), terminal(Screen::Plain, false)))
}

/// `NO_COLOR` is a convention: set and not empty, it turns colours off (no-color.org).
fn has_colours(colours: Colours) -> bool {
    match colours {
        Colours::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty()),
        Colours::Always => true,
        Colours::Never => false,
    }
}

fn report(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Left => ExitCode::SUCCESS,
        Outcome::Unsent(1) => failed("1 message was not sent"),
        Outcome::Unsent(count) => failed(&format!("{count} messages were not sent")),
        Outcome::Refused => ExitCode::FAILURE,
        Outcome::Closed(reason) => failed(&reason),
    }
}

fn failed(reason: &str) -> ExitCode {
    eprintln!("roomd: {}", escape(reason));
    ExitCode::FAILURE
}
