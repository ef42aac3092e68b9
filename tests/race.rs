//! Every order of every scenario, on the real hub and rooms, and every mistake.
//!
//! A scenario that fails prints the order as a line for this file. What was tried stands in `docs/orders.md`, whose tables
//! `ROOMD_BLESS=1 cargo test --test race` writes anew. The command on top of this, `roomd race`, is tried as a program at
//! the end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::iter;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use roomd::race::{ORDERS_MAX, Rounds, SCENARIOS, Scenario, Servers, find, mistakes, moves, replay};
use roomd_race::{Failure, Search, Trace, Tried, World as _, diagram, shrink};

fn scenario(name: &str) -> Scenario {
    Scenario::parse(find(name).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Orders that were not tried and are counted, at most.
const SAVED_MAX: usize = 1_000;
/// Orders that are tried to make one short.
const SHORTER_MAX: usize = 10_000;

/// The table of this name in docs/orders.md has these rows, or is given them.
fn check_table(name: &str, head: &str, rows: &[String]) {
    static FILE: Mutex<()> = Mutex::new(());
    let _alone = FILE.lock().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/orders.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(&format!("<!-- {name} -->\n")).unwrap();
    let (table, after) = rest.split_once("<!-- end -->").unwrap();
    let line = "|---".repeat(head.matches('|').count() - 1);
    let wanted = format!("{head}\n{line}|\n{}\n", rows.join("\n"));
    if std::env::var_os("ROOMD_BLESS").is_some() {
        std::fs::write(path, format!("{before}<!-- {name} -->\n{wanted}<!-- end -->{after}")).unwrap();
    } else {
        assert_eq!(table, wanted, "docs/orders.md: ROOMD_BLESS=1 cargo test --test race writes it anew");
    }
}

/// Does this for each scenario, on all processors; what came of it, in the order of the scenarios.
fn for_each_scenario<T: Send>(work: impl Fn(&str) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let take = || {
        let at = next.fetch_add(1, Ordering::Relaxed);
        SCENARIOS.get(at).map(|entry| (at, work(entry.name)))
    };
    let mut done: Vec<_> = thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> =
            (0..processors).map(|_| scope.spawn(|| iter::from_fn(take).collect::<Vec<_>>())).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[test]
fn no_order_of_a_scenario_fails() {
    let rows = for_each_scenario(|name| {
        let scenario = scenario(name);
        let mut rows = Vec::new();
        for rounds in scenario.rounds() {
            let make = || scenario.world(*rounds, None);
            match Search::default().orders_max(ORDERS_MAX).run(make) {
                Ok(tried) => {
                    assert!(tried.whole, "{name} has more than {ORDERS_MAX} orders");
                    let saved = saved(tried, make);
                    let (orders, given_up) = (tried.orders, tried.given_up);
                    rows.push(format!("| `{name}` | {} | {orders} | {given_up} | {saved} |", place(*rounds)));
                }
                Err(Failure { order, why }) => {
                    panic!("{why}: assert_eq!(replay({name:?}, Rounds::{rounds:?}, None, {order:?}), Ok(()));")
                }
            }
        }
        rows
    });
    check_table("scenarios", "| scenario | rounds of | orders | given up | saved |", &rows.concat());
}

fn place(rounds: Rounds) -> &'static str {
    match rounds {
        Rounds::Rooms => "rooms",
        Rounds::Senders => "senders",
    }
}

/// How many orders there are besides those that were tried.
fn saved(tried: Tried, make: impl Fn() -> Servers) -> String {
    let mut orders = 0;
    let all = Search::default().without_reduction().orders_max(tried.orders + SAVED_MAX).visit(make, |_, _| {
        orders += 1;
        ControlFlow::Continue(())
    });
    if all.whole { (orders - tried.orders).to_string() } else { format!("more than {SAVED_MAX}") }
}

#[test]
fn each_mistake_is_found_in_its_scenario_and_drawn() {
    let mut rows = Vec::new();
    for described in mistakes::MISTAKES {
        let scenario = scenario(described.scenario);
        let make = || scenario.world(Rounds::Rooms, Some(described.mistake));
        let (mut orders, mut found) = (0, None);
        Search::default().orders_max(ORDERS_MAX).visit(make, |_, result| {
            orders += 1;
            found = result.as_ref().err().cloned();
            if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let failure = found.unwrap_or_else(|| panic!("{} is not found", described.name));
        let shrunk = shrink(make, &failure, SHORTER_MAX);
        assert!(shrunk.is_shortest, "{}: {}", described.name, shrunk.failure);
        let shortest = shrunk.failure.order;
        println!("{}: {failure}\n{}", described.name, diagram(&Trace::of(make, &failure.order)));
        let (name, steps) = (described.name, shortest.chars().count());
        rows.push(format!("| `{name}` | `{}` | order {orders} | {steps}: `{shortest}` |", described.scenario));
        let files = described.why.split(['(', ' ', ')', ',']).filter(|word| word.starts_with("src/"));
        for file in files {
            let file = file.trim_end_matches('.');
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file(), "{}: {file}", described.name);
        }
    }
    check_table("mistakes", "| mistake | scenario | found by | steps |", &rows);
}

#[test]
fn an_order_that_was_found_can_be_replayed() {
    assert_eq!(replay("last-leave", Rounds::Rooms, None, "ABBA11B"), Ok(()));
    let lost = replay("last-leave", Rounds::Rooms, Some("remove-and-exit"), "ABBA11B");
    assert!(lost.is_err());
}

#[test]
fn a_scenario_is_the_same_on_a_slow_machine() {
    let enabled = |takes| {
        let mut scenario = scenario("two-servers-look");
        scenario.takes = takes;
        let mut world = scenario.world(Rounds::Senders, None);
        let step = |actor| world.step(actor).map(|()| world.enabled());
        "BAAB616B".chars().map(step).collect::<Vec<_>>()
    };
    // A room lingers after a delivery that took its time, by its clock.
    assert_eq!(enabled(Duration::from_millis(2)), enabled(Duration::ZERO));
}

fn refused(text: &str) -> String {
    Scenario::parse(text).unwrap_err().to_string()
}

#[test]
fn a_mistake_in_a_text_is_told_with_its_line_and_column() {
    for (text, told) in [
        ("", "line 1, column 1: the server has no client"),
        ("A join", "line 1, column 1: a line is `A: join, leave`"),
        ("a: join", "line 1, column 1: \"a\" is neither a client"),
        ("# About.\n\n  AB: join", "line 3, column 3: \"AB\" is neither a client"),
        ("A: join\nA: join", "line 2, column 1: there is a client A already"),
        ("A: join, dance", "line 1, column 10: there is no action \"dance\"; there are: join, leave"),
        ("A: join,, leave", "line 1, column 9: an action is missing here"),
        ("A: join, ", "line 1, column 9: an action is missing here"),
        ("A:", "line 1, column 3: an action is missing here"),
        ("A: join, say", "line 1, column 10: what does it say?"),
        ("A: ban b", "line 1, column 4: whom does it ban?"),
        ("A: leave", "line 1, column 4: `leave` is for a client that has joined"),
        ("A: join, leave, leave", "line 1, column 17: `leave` is for a client that has joined"),
        ("A: join, join", "line 1, column 10: `join` is for a client that is not in the room"),
        ("A: join, lose the connection, say hi", "line 1, column 31: `say hi` is for a client that has a connection"),
        ("A: join, resume", "line 1, column 10: `resume` is for a client that has lost its connection"),
        ("A: join, goodbye", "line 1, column 10: `goodbye` comes when the input has ended"),
        ("A: join\nbefore: A1AB", "line 2, column 12: B can take no step here; these can: 1"),
        ("A: join\nbefore: AA1A1", "line 2, column 12: A can take no step here; these can: 1"),
        ("A: join\nbefore: A\nbefore: A", "line 3, column 1: `before` is there already"),
        ("A: join\nexpect: B joined", "line 2, column 9: there is no client B"),
        ("A: join\nexpect:", "line 2, column 8: what does it expect?"),
        ("A: join\nexpect: A joined and", "line 2, column 21: a claim is missing"),
        ("A: join\nexpect: A joined and A flew", "line 2, column 22: this cannot be claimed"),
        ("A: join\nexpect: A was refused often", "line 2, column 23: there is no such code"),
        ("A: join\nexpect: é joined", "line 2, column 9: there is no client é"),
        ("A: join\nbreaks: B", "line 1, column 1: there is no client B"),
        ("A: join\nbreaks: nothing", "line 2, column 9: one client breaks rooms"),
        ("A: join\nwithout history: 0", "line 2, column 18: rooms are numbered from 1 to 9"),
        ("A: join\nloses: late", "line 2, column 1: the store loses answers where two servers share it"),
        ("A: join\nloses: all", "line 2, column 8: the store loses the answer"),
        ("A: join\nrounds: all", "line 2, column 9: rounds are for the `rooms` alone"),
        ("A: join\nsecond server", "line 2, column 1: the second server has no client"),
        ("A: join\nsecond server\nB: join\nsecond server", "line 4, column 1: there are two servers at most"),
    ] {
        let found = refused(text);
        assert!(found.starts_with(told), "{text:?}: {found}");
    }
}

#[test]
fn what_a_text_can_make_grow_has_its_bound() {
    let talks = |count: usize| format!("A: join{}", ", say hi".repeat(count));
    assert!(Scenario::parse(&talks(57)).is_ok());
    assert!(refused(&talks(58)).ends_with("61 steps are in it, and 60 are the most"));
    let joins = |count: usize| format!("A: join{}", ", leave, join".repeat(count - 1));
    assert!(Scenario::parse(&joins(8)).is_ok());
    assert!(refused(&joins(9)).ends_with("9 steps of a server may open the room, and 8 are the most here"));
    assert!(refused(&"#\n".repeat(10_000)).contains("16384 bytes at most"));
}

#[test]
fn every_action_is_read_and_every_claim_is_true_or_false() {
    for (action, _) in moves::ACTIONS {
        let action = action.replace("TEXT", "hi there");
        assert!(moves::Move::of_action(&action).is_ok(), "{action}");
    }
    let text = "A: join, say hi, leave\nB: join, say hi if first\n";
    for (claim, is_true) in [
        ("everybody joined", true),
        ("A joined and B joined", true),
        ("the room is open", true),
        ("the room is closed", false),
        ("1 room was opened", true),
        ("2 rooms were opened", false),
        ("not A joined", false),
        ("A was refused", false),
        ("A was unanswered or A was removed or A resumed or A created or A banned", false),
        ("A was told of the failure", false),
        ("A had 1 stored and A had 0 refused and A had 1 answer", true),
        ("B had 1 refused and B saw leave", true),
        ("A saw nothing", false),
        ("A had 0 answers before the goodbye", false),
    ] {
        let scenario = Scenario::parse(&format!("{text}expect: {claim}\n")).unwrap();
        let result = roomd_race::replay(|| scenario.world(Rounds::Rooms, None), "AA11AA1BB1BB1A1");
        assert_eq!(result.is_ok(), is_true, "{claim}: {result:?}");
    }
}

/// What `roomd race` prints on both streams, and its exit code.
fn race(arguments: &[&str]) -> (String, Option<i32>) {
    let done = Command::new(env!("CARGO_BIN_EXE_roomd")).arg("race").args(arguments).output().unwrap();
    let text = [done.stdout, done.stderr].concat();
    (String::from_utf8(text).unwrap(), done.status.code())
}

/// A folder of its own, which is removed.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("roomd-race-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let file = self.0.join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_command_finds_a_mistake_draws_it_and_says_how_to_see_it_again() {
    let folder = Folder::new("mistake");
    let page = folder.file("out.html", "");
    let (said, code) = race(&["run", "last-leave", "--mistake", "remove-and-exit", "--html", &page]);
    assert_eq!(code, Some(1), "{said}");
    for part in ["steps fails, and no shorter one does", "removes its entry, and ends", "✗ ", "Hub::reserve and Seat"]
    {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("with the mistake remove-and-exit") && html.contains("removes its entry"));

    let line = said.lines().find_map(|line| line.strip_prefix("As a test: ")).unwrap();
    let order = line.split('"').nth(5).unwrap();
    assert!(replay("last-leave", Rounds::Rooms, Some("remove-and-exit"), order).is_err(), "{line}");
    let again = said.lines().find_map(|line| line.strip_prefix("Again:     roomd race ")).unwrap();
    let (again, code) = race(&again.split(' ').collect::<Vec<_>>());
    assert_eq!(code, Some(1), "{again}");
    assert!(again.contains("removes its entry, and ends"));
}

#[test]
fn the_command_runs_every_order_random_ones_and_one() {
    let (said, code) = race(&["run", "last-leave"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches("and none fails").count(), 2, "{said}");
    assert!(said.contains("only exchange steps whose order makes no difference"), "{said}");

    let (said, code) = race(&["run", "two-joins", "--random", "20", "--seed", "7"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches("20 random orders from seed 7, none fails").count(), 2, "{said}");

    for (more, line) in [
        (&["--random", "20", "--changes", "1"][..], "20 random orders from seed 1, none fails"),
        (&["--repeat", "20"], "20 orders of this machine's, none fails"),
    ] {
        let (said, code) = race(&[&["run", "two-joins"], more].concat());
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(said.matches(line).count(), 2, "{said}");
    }

    let (said, code) = race(&["run", "two-joins", "--orders-max", "3"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("none fails; there are more"), "{said}");

    let (said, code) = race(&["replay", "last-leave", "BB"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("✓ nothing is wrong\n"), "{said}");
    let (said, code) = race(&["replay", "last-leave", "B1"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("✗ 1 can take no step here; these can: ['A', 'B']"), "{said}");

    let (said, code) = race(&["run", "two-joins", "--mistake", "remove-and-exit"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("The mistake remove-and-exit does not show here: it does in last-leave.\n"), "{said}");
}

#[test]
fn an_order_of_threads_that_fails_is_made_short_and_can_be_replayed() {
    // Every order fails, so that of the threads does.
    let (said, code) = race(&["run", "a-room-fails", "--mistake", "count-pending-joins", "--repeat", "1"]);
    assert_eq!(code, Some(1), "{said}");
    let line = said.lines().find_map(|line| line.strip_prefix("As a test: ")).unwrap();
    let order = line.split('"').nth(5).unwrap();
    assert!(replay("a-room-fails", Rounds::Rooms, Some("count-pending-joins"), order).is_err(), "{line}");
}

#[test]
fn the_command_compares_what_finds_a_mistake() {
    let (said, code) = race(&["compare", "last-leave", "--mistake", "look-once-more", "--orders", "100"]);
    assert_eq!(code, Some(1), "{said}");
    let row = |way: &str| {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(way)).unwrap_or_else(|| panic!("{said}"));
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let number = |text: &str| text.parse::<usize>().unwrap();
    let every = row("every order");
    assert!(number(&every[1]) > 0 && number(&every[1]) < number(&every[0]), "{said}");
    let even = row("steps at random");
    assert!(even[0] == "100" && number(&even[1]) > 0, "{said}");
    // This mistake needs that somebody is interrupted.
    assert_eq!(row("priorities, 0 changes"), ["100", "0", "-"]);
    assert_eq!(row("a thread for each actor")[0], "100");

    let (said, code) = race(&["compare", "two-joins", "--orders", "10"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.lines().skip(4).all(|line| line.ends_with("       0       -")), "{said}");
}

#[cfg(feature = "shuttle")]
mod under_shuttle {
    use roomd_race::ShuttleSample;

    use super::*;

    #[test]
    fn no_order_of_shuttles_fails_in_any_scenario() {
        for_each_scenario(|name| {
            let scenario = scenario(name);
            for mut sample in [ShuttleSample::random(1).unwrap(), ShuttleSample::pct(1, 2).unwrap()] {
                for rounds in scenario.rounds() {
                    let scenario = scenario.clone();
                    let make = move || scenario.world(*rounds, None);
                    for _ in 0..25 {
                        assert_eq!(sample.order(make.clone()), Ok(()), "{name}, {rounds:?}");
                    }
                }
            }
        });
    }

    #[test]
    fn the_command_finds_a_mistake_and_makes_its_order_short() {
        for more in [&["--threads", "random", "--seed", "3"][..], &["--threads=pct", "--changes=1", "--repeat=5000"]] {
            let (said, code) = race(&[&["run", "last-leave", "--mistake", "look-once-more"], more].concat());
            assert_eq!(code, Some(1), "{said}");
            let line = said.lines().find_map(|line| line.strip_prefix("As a test: ")).unwrap();
            let order = line.split('"').nth(5).unwrap();
            assert!(replay("last-leave", Rounds::Rooms, Some("look-once-more"), order).is_err(), "{line}");
        }
        let (said, code) = race(&["run", "two-joins", "--threads", "pct", "--repeat", "20", "--seed", "7"]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(said.matches("20 orders of shuttle's threads from seed 7, none fails").count(), 2, "{said}");
        let (said, code) = race(&["run", "two-joins", "--threads", "random", "--changes", "1"]);
        assert_eq!(said, "roomd: --changes is about priorities: with --random or --threads pct\n");
        assert_eq!(code, Some(2));
        let (said, _) = race(&["compare", "last-leave", "--mistake", "look-once-more", "--orders", "50"]);
        for way in ["shuttle's threads at random", "shuttle's PCT, 0 changes", "shuttle's PCT, 2 changes"] {
            assert!(said.contains(&format!("  {way:28}      50")), "{said}");
        }
    }
}

#[test]
fn the_command_runs_a_file_and_tells_the_place_of_a_mistake_in_it() {
    let folder = Folder::new("file");
    let wrong = folder.file("wrong.txt", "A: join\nexpect: not A joined\n");
    let (said, code) = race(&["run", &wrong]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("✗ it is expected that not A joined, and that is not so"), "{said}");
    let test = "let s = Scenario::parse(include_str!(";
    assert!(said.contains(test), "{said}");

    let broken = folder.file("broken.txt", "# About.\nA: join, dance\n");
    let (said, code) = race(&["run", &broken]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with(&format!("roomd: {broken}:2:10: there is no action \"dance\"")), "{said}");
}

#[test]
fn the_command_refuses_what_there_is_not() {
    for (arguments, told) in [
        (&["run", "nothing"][..], "there is no scenario nothing: roomd race list lists them"),
        (&["run", "./nothing"], "cannot read ./nothing: "),
        (&["run", "last-leave", "--mistake", "none"], "there is no mistake none; there are: remove-and-exit, "),
        (
            &["run", "last-leave", "--mistake", "unfilled"],
            "unfilled cannot be made in last-leave: it shows in two-servers",
        ),
        (&["run", "two-servers", "--mistake", "look-once-more"], "look-once-more cannot be made in two-servers"),
        (&["replay", "last-leave", "--html", "/"], "cannot write /: "),
    ] {
        let (said, code) = race(arguments);
        assert!(said.contains(&format!("roomd: {told}")), "{arguments:?}: {said}");
        assert_eq!(code, Some(2), "{said}");
    }
}

#[test]
fn the_list_has_every_scenario_and_every_mistake() {
    let (said, code) = race(&["list"]);
    assert_eq!(code, Some(0));
    let names = SCENARIOS.iter().map(|entry| entry.name).chain(mistakes::MISTAKES.iter().map(|mistake| mistake.name));
    for name in names {
        assert!(said.lines().any(|line| line.trim().starts_with(&format!("{name} "))), "{name} is not in {said}");
    }
}
