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
        let size = [rows, columns].map(|cells| NonZeroU16::new(cells).unwrap());
        let parser = vt100::Parser::new(size[0], size[1], 500);
        Self { child, keys, tty, before, parser, bytes, reader: Some(reader) }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen is as wanted.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        let until = Instant::now() + DEADLINE;
        while !wanted(&self.shown()) {
            match self.bytes.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("not within the deadline: {what}\n{}", self.shown()),
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
