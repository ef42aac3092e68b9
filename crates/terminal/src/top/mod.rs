//! `roomd top`: a server's connections, deliveries, queues, threads and rooms, live in a terminal.
//!
//! Reads `/metrics` and the list of rooms over HTTP, again and again, on the main thread, which waits for a key between two
//! frames. Knows the server by its sockets alone. Where standard output or input is no terminal, or with `--once`, it
//! writes one frame and ends.

mod figures;
mod frame;

use std::io::{self, IsTerminal as _, Read as _, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::arguments::parse_url;
use crate::token;
use roomd_cli::trust::TrustArguments;
use roomd_cli::value::DAY;
use roomd_cli::{parser, signals};
use roomd_client::{AdminAccess, Options, ask_as_admin, list_rooms, read_figures, read_figures_as_admin};
use roomd_protocol::Secret;
use roomd_tls::Trust;

use figures::{Change, Figures};
use frame::{Shown, frame};

/// The size of a frame where there is no terminal that has one.
const SIZE: (usize, usize) = (80, 24);
/// Which rooms are asked for at the admin socket: more than a screen has lines.
const ROOMS: &str = "admin/rooms?limit=1000";
/// From look to look whether a signal has come.
const LOOK: Duration = Duration::from_millis(200);
/// Another screen without a cursor, and back.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l";
const LEAVE: &[u8] = b"\x1b[?25h\x1b[?1049l";

/// What `roomd top` is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Top {
    url: String,
    trust: Trust,
    token_file: Option<PathBuf>,
    socket: Option<PathBuf>,
    every: Duration,
    once: bool,
}

#[derive(clap::Args)]
struct Flags {
    /// The server, or its port of --metrics, which asks for no token and tells of no rooms
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8000", value_parser = parser::checked(parse_url))]
    server: String,
    /// The file with an admin's token, as roomd token --admin makes it
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// The server's --admin-socket, on this machine, which needs no token
    #[arg(long, value_name = "PATH", conflicts_with_all = ["server", "token_file", "ca", "insecure"])]
    socket: Option<PathBuf>,
    /// The time from frame to frame, over which rates are taken
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parser::time(Duration::from_millis(100)..=DAY))]
    every: Duration,
    /// Write one frame, after that time, and end
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    trust: TrustArguments,
}

/// The subcommand, with its flags.
#[must_use]
pub fn command() -> Command {
    let about = "Show connections, deliveries, queues, threads and rooms of a server live; q ends it";
    Flags::augment_args(Command::new("top")).about(about).next_line_help(true)
}

/// What the arguments ask for.
///
/// # Errors
/// A sentence: two of them do not fit together.
pub fn read(matches: &ArgMatches) -> Result<Top, String> {
    let Flags { server, token_file, socket, every, once, trust } =
        Flags::from_arg_matches(matches).map_err(|error| error.to_string())?;
    let url = socket.as_ref().map_or_else(|| server.clone(), |socket| socket.display().to_string());
    Ok(Top { trust: trust.trust(&server)?, url, token_file, socket, every, once })
}

/// Rooms, each with how many are in it, or why they are not known.
type Rooms = Result<Vec<(String, u64)>, String>;

/// What was read of a server at one moment.
struct Scrape {
    at: Instant,
    figures: Figures,
    rooms: Rooms,
}

impl Top {
    /// Shows frames until a key or a signal ends it. Blocks on the server and the terminal.
    ///
    /// # Errors
    /// A sentence.
    pub fn run(&self) -> Result<(), String> {
        let token = self.token_file.as_deref().map(|path| token::kept(&self.url, None, Some(path))).transpose()?;
        let before = self.scrape(token.as_ref())?;
        let live = !self.once && io::stdout().is_terminal();
        let Some(screen) = live.then(Screen::enter).flatten() else {
            thread::sleep(self.every);
            let now = self.scrape(token.as_ref())?;
            return self
                .lines(&before, &now, SIZE)
                .iter()
                .try_for_each(|line| writeln!(io::stdout(), "{line}"))
                .map_err(gone);
        };
        self.watch(&screen, token.as_ref(), before)
    }

    fn watch(&self, screen: &Screen, token: Option<&Secret>, mut before: Scrape) -> Result<(), String> {
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        let listening = signals::listen(move |_| flag.store(true, Ordering::Relaxed));
        let _listening = listening.map_err(|error| format!("cannot wait for signals: {error}"))?;
        screen.show(&[format!("reading {} ...", self.url)]).map_err(gone)?;
        loop {
            if screen.is_quit_within(self.every, &ended).map_err(gone)? {
                return Ok(());
            }
            match self.scrape(token) {
                Ok(now) => {
                    screen.show(&self.lines(&before, &now, screen.size())).map_err(gone)?;
                    before = now;
                }
                // It may be started again: that is what one watches for.
                Err(sentence) => screen.show(&[crate::output::escape::escape(&sentence)]).map_err(gone)?,
            }
        }
    }

    fn scrape(&self, token: Option<&Secret>) -> Result<Scrape, String> {
        let options = Options { trust: self.trust.clone(), ..Options::default() };
        let (text, rooms) = match &self.socket {
            Some(path) => at_socket(AdminAccess::Socket(path), &options)?,
            None => self.at_url(token, &options)?,
        };
        let rooms = rooms.map(|mut rooms| {
            rooms.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
            rooms
        });
        Ok(Scrape { at: Instant::now(), figures: Figures::parse(&text), rooms })
    }

    /// The figures, and the rooms with how many are in each.
    fn at_url(&self, token: Option<&Secret>, options: &Options) -> Result<(String, Rooms), String> {
        let text = read_figures(&self.url, token, options).map_err(|error| match token {
            None => {
                format!("{error} (--token-file names the file of an admin's, and the port of --metrics asks for none)")
            }
            Some(_) => error.to_string(),
        })?;
        let rooms =
            list_rooms(&self.url, token, options).map_err(|_| "the server does not tell of rooms here".to_owned());
        Ok((text, rooms))
    }

    fn lines(&self, before: &Scrape, now: &Scrape, size: (usize, usize)) -> Vec<String> {
        let change = Change { before: &before.figures, now: &now.figures, took: now.at - before.at };
        let rooms = now.rooms.as_deref().map_err(String::as_str);
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        frame(&Shown { url: &self.url, change, rooms, now_s }, size)
    }
}

/// The figures, and the rooms with how many are in each, as an admin of this machine sees them.
fn at_socket(access: AdminAccess<'_>, options: &Options) -> Result<(String, Rooms), String> {
    let text = read_figures_as_admin(access, options).map_err(|error| error.to_string())?;
    let answer = ask_as_admin(access, ("GET", ROOMS), None, options).map_err(|error| error.to_string())?;
    let rooms = answer["rooms"].as_array().into_iter().flatten();
    let rooms = rooms.filter_map(|room| Some((room["room"].as_str()?.to_owned(), room["members"].as_u64()?)));
    Ok((text, Ok(rooms.collect())))
}

fn gone(error: io::Error) -> String {
    format!("cannot write to the terminal: {error}")
}

/// A terminal that shows frames, and tells keys at once; as it was before when this is dropped.
struct Screen {
    before: Termios,
}

impl Screen {
    /// `None`: standard input is no terminal.
    fn enter() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut mode = before.clone();
        mode.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        (mode.special_codes[SpecialCodeIndex::VMIN], mode.special_codes[SpecialCodeIndex::VTIME]) = (0, 0);
        tcsetattr(io::stdin(), OptionalActions::Now, &mode).ok()?;
        let screen = Self { before };
        let mut out = io::stdout();
        // What cannot be written is noticed with the first frame.
        _ = out.write_all(ENTER).and_then(|()| out.flush());
        Some(screen)
    }

    fn size(&self) -> (usize, usize) {
        let size = tcgetwinsize(io::stdout()).map_or((0, 0), |size| (size.ws_col.into(), size.ws_row.into()));
        if size.0 == 0 || size.1 == 0 { SIZE } else { size }
    }

    /// Shows lines in the place of the last ones.
    fn show(&self, lines: &[String]) -> io::Result<()> {
        // Each line is cleared to its end, and what is below the last one too: nothing flickers.
        let mut text = String::from("\x1b[H");
        for (at, line) in lines.iter().enumerate() {
            text.push_str(if at == 0 { "" } else { "\r\n" });
            text.push_str(line);
            text.push_str("\x1b[K");
        }
        text.push_str("\x1b[J");
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Whether `q`, Ctrl-C, the end of the keyboard or a signal comes within this time.
    fn is_quit_within(&self, time: Duration, ended: &AtomicBool) -> io::Result<bool> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now()).min(LOOK);
            let stdin = io::stdin();
            let mut keys = [PollFd::new(&stdin, PollFlags::IN)];
            let wait = Timespec::try_from(left).map_err(io::Error::other)?;
            match poll(&mut keys, Some(&wait)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    let mut pressed = [0; 64];
                    let count = stdin.lock().read(&mut pressed)?;
                    if count == 0 || pressed[..count].iter().any(|key| matches!(key, b'q' | b'Q' | 0x03 | 0x04)) {
                        return Ok(true);
                    }
                }
            }
            if ended.load(Ordering::Relaxed) {
                return Ok(true);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut out = io::stdout();
        // The terminal may be gone.
        _ = out.write_all(LEAVE).and_then(|()| out.flush());
        _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}
