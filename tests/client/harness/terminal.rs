//! `roomd chat` and `roomd top` under a pseudo-terminal: keys go in, and a screen comes out.
//!
//! The screen is what a terminal would show after all that was written to it, so a claim is about
//! what a person sees, and not about bytes.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, Termios, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

use super::home::{Home, roomd_of};
use super::{DEADLINE, roomd};

/// Rows of the screen of a conversation.
const ROWS: u16 = 40;

/// See the module.
pub struct Terminal {
    child: Child,
    keys: File,
    /// Kept open, so that its settings can be looked at when the program has ended.
    tty: File,
    before: Termios,
    parser: vt100::Parser,
    bytes: Receiver<Vec<u8>>,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Runs `roomd chat` with these arguments, on a screen of this width.
    pub fn chat(url: &str, arguments: &[&str], columns: u16) -> Self {
        Self::run(roomd(), &[&["chat", url], arguments].concat(), (columns, ROWS))
    }

    /// The same, of somebody whose home this is.
    pub fn chat_of(home: &Home, url: &str, arguments: &[&str], columns: u16) -> Self {
        Self::run(roomd_of(home), &[&["chat", url], arguments].concat(), (columns, ROWS))
    }

    /// Runs `roomd top` with these arguments, in 80 by 24.
    #[cfg(all(feature = "jwt", feature = "sqlite"))]
    pub fn top(url: &str, arguments: &[&str]) -> Self {
        Self::run(roomd(), &[&["top", url], arguments].concat(), (80, 24))
    }

    fn run(mut command: Command, arguments: &[&str], (columns, rows): (u16, u16)) -> Self {
        let control = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&control).unwrap();
        unlockpt(&control).unwrap();
        let name = ptsname(&control, Vec::new()).unwrap();
        let tty: File = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap().into();
        tcsetwinsize(&tty, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let before = tcgetattr(&tty).unwrap();
        let stdio = || Stdio::from(tty.try_clone().unwrap());
        command.args(arguments).stdin(stdio()).stdout(stdio()).stderr(stdio());
        let child = command.spawn().unwrap();
        let keys = File::from(control);
        let mut screen = keys.try_clone().unwrap();
        let (sender, bytes) = channel();
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A terminal whose last user is gone ends with an error.
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, tty, before, parser: parser(rows, columns), bytes, reader: Some(reader) }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen is as wanted.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        self.wait(what, |terminal| wanted(&terminal.shown()));
    }

    #[track_caller]
    fn wait(&mut self, what: &str, wanted: impl Fn(&Self) -> bool) {
        let until = Instant::now() + DEADLINE;
        while !wanted(self) {
            match self.bytes.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("not within the deadline: {what}\n\n{}", self.shown()),
                Err(RecvTimeoutError::Disconnected) => panic!("ended before: {what}\n{}", self.shown()),
            }
        }
    }

    /// Waits until a line of the screen begins so.
    #[track_caller]
    pub fn wait_for(&mut self, line: &str) {
        self.wait_until(line, |screen| screen.lines().any(|shown| shown.starts_with(line)));
    }

    /// What the screen shows, line by line.
    pub fn shown(&self) -> String {
        self.parser.screen().contents()
    }

    /// How many lines of the screen are exactly this one.
    pub fn count(&self, line: &str) -> usize {
        self.shown().lines().filter(|shown| shown.trim_end() == line).count()
    }

    /// Gives the screen another width, as a terminal does that folds its lines anew (tmux, VTE, kitty), and tells the program.
    pub fn fold(&mut self, columns: u16) {
        self.catch_up();
        let (scrolled, (row, column)) = (self.parser.screen().scrollback_len(), self.parser.screen().cursor_position());
        // Each line with its rows joined, all of characters that take one column, and where in which of them the cursor is.
        let (mut lines, mut cursor, mut continues) = (Vec::<String>::new(), (0, 0), false);
        for (at, (text, is_wrapped)) in self.rows().into_iter().enumerate() {
            if !continues {
                lines.push(String::new());
            }
            let line = lines.last_mut().unwrap();
            if at == scrolled + usize::from(row) {
                cursor = (line.len() + usize::from(column), lines.len());
            }
            lines.last_mut().unwrap().push_str(&text);
            continues = is_wrapped;
        }
        let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1).max(cursor.1);
        let columns_new = usize::from(columns);
        let rows = |lines: &[String]| lines.iter().map(|line| line.len().max(1).div_ceil(columns_new)).sum::<usize>();
        let scrolled = rows(&lines[..end]).saturating_sub(ROWS.into());
        let row = rows(&lines[..cursor.1 - 1]) + cursor.0 / columns_new;
        self.parser = parser(ROWS, columns);
        self.parser.process(lines[..end].join("\r\n").as_bytes());
        self.parser
            .process(format!("\x1b[{};{}H", row.saturating_sub(scrolled) + 1, cursor.0 % columns_new + 1).as_bytes());
        self.tell_size(columns);
    }

    /// Gives the screen another width, as a terminal does that cuts its lines (xterm, the console of Linux), and tells the program.
    pub fn cut(&mut self, columns: u16) {
        self.catch_up();
        self.parser.screen_mut().set_size(NonZeroU16::new(ROWS).unwrap(), NonZeroU16::new(columns).unwrap());
        self.tell_size(columns);
    }

    /// Writes to the screen what the program did not write.
    pub fn show(&mut self, text: &str) {
        self.parser.process(text.as_bytes());
    }

    /// What has left the screen at its top, line by line.
    pub fn scrolled_off(&mut self) -> String {
        let count = self.parser.screen().scrollback_len();
        let rows = self.rows().into_iter().take(count);
        rows.map(|(text, is_wrapped)| text + if is_wrapped { "" } else { "\n" }).collect()
    }

    /// All rows, also those that have left the screen, and of each whether the next one continues it.
    fn rows(&mut self) -> Vec<(String, bool)> {
        let screen = self.parser.screen_mut();
        let (rows, columns) = screen.size();
        let row = |screen: &vt100::Screen, at: u16| {
            (screen.rows(0, columns.get()).nth(at.into()).unwrap(), screen.row_wrapped(at))
        };
        let mut all = Vec::new();
        for above in (1..=screen.scrollback_len()).rev() {
            screen.set_scrollback(above);
            all.push(row(screen, 0));
        }
        screen.set_scrollback(0);
        all.extend((0..rows.get()).map(|at| row(screen, at)));
        all
    }

    /// Waits until the screen has these lines and no others, but for white space, and the cursor is in this row and column.
    #[track_caller]
    pub fn wait_for_all(&mut self, lines: &[String], cursor: (u16, u16)) {
        let wanted = format!("{}\nwith the cursor at {cursor:?}", lines.join("\n"));
        self.wait(&wanted, |terminal| {
            without_space(&terminal.shown()) == without_space(&lines.concat())
                && terminal.parser.screen().cursor_position() == cursor
        });
    }

    /// Shows what has been written and not been read yet.
    fn catch_up(&mut self) {
        while let Ok(bytes) = self.bytes.try_recv() {
            self.parser.process(&bytes);
        }
    }

    fn tell_size(&self, columns: u16) {
        tcsetwinsize(&self.tty, Winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        // It is not the program's controlling terminal, so the kernel does not send it.
        kill_process(self.process(), Signal::WINCH).unwrap();
    }

    /// Whether the cell where this text begins has a colour.
    pub fn is_coloured(&self, text: &str) -> bool {
        let (row, line) =
            self.shown().lines().map(str::to_owned).enumerate().find(|(_, line)| line.contains(text)).unwrap();
        let column = line[..line.find(text).unwrap()].chars().count();
        let cell = self.parser.screen().cell(row as u16, column as u16).unwrap();
        cell.fgcolor() != vt100::Color::Default
    }

    /// Sets the mode that the terminal had at first, as a shell does when it gets it back; the program's own was
    /// another one.
    #[track_caller]
    pub fn take_back(&mut self) {
        assert!(!self.has_first_mode(), "the program has not set its mode");
        tcsetattr(&self.tty, OptionalActions::Now, &self.before).unwrap();
        assert!(self.has_first_mode());
    }

    /// Whether the terminal has the mode that it had at first.
    pub fn has_first_mode(&self) -> bool {
        tcgetattr(&self.tty).unwrap().local_modes == self.before.local_modes
    }

    /// The process, to send it signals.
    pub fn process(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// One of its threads, by its name, to send it signals.
    pub fn thread(&self, name: &str) -> rustix::process::Pid {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap().map(Result::unwrap);
        let is_named = |thread: &std::fs::DirEntry| {
            std::fs::read_to_string(thread.path().join("comm")).is_ok_and(|found| found.trim_end() == name)
        };
        let id = threads.into_iter().find(is_named).unwrap().file_name().into_string().unwrap();
        rustix::process::Pid::from_raw(id.parse().unwrap()).unwrap()
    }

    /// Waits for the end: how it ended, with the terminal as it was before.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + DEADLINE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < until, "it does not end:\n{}", self.shown()),
            }
            std::thread::yield_now();
        };
        let after = tcgetattr(&self.tty).unwrap();
        assert_eq!(after.local_modes, self.before.local_modes, "the terminal is not as it was");
        assert_eq!(after.input_modes, self.before.input_modes, "the terminal is not as it was");
        assert_eq!(after.output_modes, self.before.output_modes, "the terminal is not as it was");
        status
    }
}

/// A text without white space: where a row is full the editor begins the next, and it looks like another line.
pub fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}

fn parser(rows: u16, columns: u16) -> vt100::Parser {
    let size = [rows, columns].map(|cells| NonZeroU16::new(cells).unwrap());
    vt100::Parser::new(size[0], size[1], 500)
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended; a test that failed leaves nothing behind.
        _ = self.child.kill();
        _ = self.child.wait();
        let (_, gone) = channel();
        self.bytes = gone;
        self.tty = File::open("/dev/null").unwrap();
        _ = self.reader.take().unwrap().join();
    }
}
