//! `roomd chat` in a terminal that gets another width: the line that is being typed, and what was said.

use rustix::process::{Signal, kill_process};

use crate::harness::terminal::{Terminal, without_space};
use crate::harness::{TestServer, in_room, wait_for};
use roomd_client::Event;

const CTRL_C: &str = "\x03";
const LEFT: &str = "\x1b[D";

fn ann(server: &TestServer) -> Terminal {
    let mut terminal = Terminal::chat(&server.url(), &["--room", "r", "--user", "Ann"], 80);
    terminal.wait_for("* You are in r with: ");
    terminal
}

/// How a terminal changes its width.
type Change = fn(&mut Terminal, u16);
/// The last row of the screen, with what stands there until all of it is shown anew: the editor alone would leave it.
const MARK: &str = "\x1b7\x1b[40;1H#\x1b8";

#[test]
fn a_line_stands_once_and_whole_below_what_was_said_whatever_width_the_terminal_gets() {
    const TYPED: &str =
        "longer than the screen is wide, and typed by half when the screen gets another width, many times";
    for change in [Terminal::fold as Change, Terminal::cut] {
        let server = TestServer::start();
        let mut ann = ann(&server);
        let mut bob = in_room(&server.url(), "Bob", "r");
        (0..20).for_each(|i| _ = bob.publish("r", &format!("message {i}")).unwrap());
        ann.wait_until("all and a prompt", |screen| screen.trim_end().ends_with("Bob: message 19\nAnn:"));
        let mut lines: Vec<_> = ann.shown().lines().map(|line| line.trim_end().to_owned()).collect();
        lines.pop();
        ann.press(&format!("{TYPED}{}", LEFT.repeat("times".len())));
        lines.push(format!("Ann: {TYPED}"));
        let place = |columns: u16, lines: &[String]| {
            let rows = |line: &String| line.len().div_ceil(columns.into());
            let above: usize = lines[..lines.len() - 1].iter().map(rows).sum();
            let at = ("Ann: ".len() + TYPED.len() - "times".len()) as u16;
            (above as u16 + at / columns, at % columns)
        };
        ann.wait_for_all(&lines, place(80, &lines));
        for widths in [&[70][..], &[110], &[20], &[25], &[80, 79, 78, 76, 60, 50], &[90, 40, 90]] {
            widths.iter().for_each(|columns| change(&mut ann, *columns));
            ann.show(MARK);
            bob.publish("r", &format!("at {widths:?}")).unwrap();
            lines.insert(lines.len() - 1, format!("Bob: at {widths:?}"));
            ann.wait_for_all(&lines, place(*widths.last().unwrap(), &lines));
        }
        ann.press("countless \r");
        let said = wait_for(&mut bob, |event| match event {
            Event::Message(message) if message.user == "Ann" => message.text,
            _ => None,
        });
        assert_eq!(said, TYPED.replace("times", "countless times"));
    }
}

#[test]
fn nothing_that_was_on_the_screen_is_lost_when_the_terminal_gets_another_width() {
    const TYPED: &str =
        "a line in two rows a line in two rows a line in two rows a line in two rows a line in two rows";
    for change in [Terminal::fold as Change, Terminal::cut] {
        let server = TestServer::start();
        let mut ann = Terminal::chat(&server.url(), &["--room", "r", "--user", "Ann"], 80);
        ann.show("$ what a shell has shown\r\n");
        ann.wait_for("* You are in r with: ");
        let mut bob = in_room(&server.url(), "Bob", "r");
        ann.wait_for("* Bob joined");
        ann.press(TYPED);
        let ends_with_typed = |screen: &str| without_space(screen).ends_with(&without_space(TYPED));
        ann.wait_until("what is typed", ends_with_typed);
        change(&mut ann, 60);
        ann.show(MARK);
        ann.wait_until("all of it anew", |screen| !screen.contains('#') && ends_with_typed(screen));
        assert!(!ann.shown().contains("$ what"), "{}", ann.shown());
        assert!(ann.scrolled_off().contains("$ what a shell has shown\n"), "{}", ann.scrolled_off());

        let texts: Vec<_> = (0..50).map(|i| format!("message {i} in one row, and in two when it is narrow")).collect();
        texts.iter().for_each(|text| _ = bob.publish("r", text).unwrap());
        ann.wait_for("Bob: message 49 in");
        change(&mut ann, 40);
        ann.show(MARK);
        ann.wait_until("all of it anew", |screen| !screen.contains('#') && ends_with_typed(screen));
        let all = ann.scrolled_off() + &ann.shown();
        for i in 0..50 {
            assert!(all.contains(&format!("Bob: message {i} in one row")), "{i}\n{all}");
        }
        ann.press(CTRL_C);
        assert!(ann.ended().success());
    }
}

#[test]
fn a_signal_that_interrupts_the_wait_for_the_server_does_not_break_the_connection() {
    let server = TestServer::start();
    let mut ann = ann(&server);
    let mut bob = in_room(&server.url(), "Bob", "r");
    for round in 0..5 {
        // Of all threads, the one to which it is sent gets it first.
        kill_process(ann.thread("client-reader"), Signal::WINCH).unwrap();
        bob.publish("r", &format!("message {round}")).unwrap();
        ann.wait_for(&format!("Bob: message {round}"));
    }
    assert!(!ann.shown().contains("* The connection"), "{}", ann.shown());
}
