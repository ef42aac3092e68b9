//! What a search finds, what it leaves out, and what becomes of an order that fails.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use roomd_race::{Failure, Search, Step, Trace, Tree, World, diagram, page, replay, shrink};

/// Actors that run small programs over shared cells.
#[derive(Clone)]
struct Machine {
    cells: Vec<i64>,
    programs: Vec<(char, Vec<Operation>)>,
    /// What each has read last.
    registers: Vec<i64>,
    at: Vec<usize>,
    /// What must hold of the cells at the end.
    wanted: Option<Vec<i64>>,
    /// What no cell may hold at any time.
    forbidden: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    /// Reads a cell.
    Read(usize),
    /// Writes what was read last, and this much more, to a cell.
    Write(usize, i64),
    /// Waits until a cell holds this.
    Await(usize, i64),
    Panic,
}

use Operation::{Await, Panic, Read, Write};

impl Machine {
    fn new(cells: usize, programs: &[(char, &[Operation])]) -> Self {
        Self {
            cells: vec![0; cells],
            registers: vec![0; programs.len()],
            at: vec![0; programs.len()],
            programs: programs.iter().map(|(name, program)| (*name, program.to_vec())).collect(),
            wanted: None,
            forbidden: None,
        }
    }

    fn wants(self, cells: &[i64]) -> Self {
        Self { wanted: Some(cells.to_vec()), ..self }
    }

    fn next(&self, actor: usize) -> Option<Operation> {
        self.programs[actor].1.get(self.at[actor]).copied()
    }

    fn actor(&self, name: char) -> usize {
        self.programs.iter().position(|(other, _)| *other == name).expect("an actor has a program")
    }
}

impl World for Machine {
    fn enabled(&self) -> Vec<char> {
        let is_enabled = |actor: &usize| match self.next(*actor) {
            Some(Await(cell, value)) => self.cells[cell] == value,
            Some(_) => true,
            None => false,
        };
        (0..self.programs.len()).filter(is_enabled).map(|actor| self.programs[actor].0).collect()
    }

    fn step(&mut self, name: char) -> Result<(), String> {
        let actor = self.actor(name);
        match self.next(actor).expect("it is enabled") {
            Read(cell) => self.registers[actor] = self.cells[cell],
            Write(cell, more) => self.cells[cell] = self.registers[actor] + more,
            Await(..) => {}
            Panic => panic!("{name} panics"),
        }
        self.at[actor] += 1;
        match self.forbidden.filter(|value| self.cells.contains(value)) {
            Some(value) => Err(format!("a cell holds {value}")),
            None => Ok(()),
        }
    }

    fn finish(self) -> Result<(), String> {
        let waits = (0..self.programs.len()).find(|actor| self.next(*actor).is_some());
        if let Some(actor) = waits {
            return Err(format!("{} waits for ever", self.programs[actor].0));
        }
        match self.wanted.as_ref().filter(|wanted| **wanted != self.cells) {
            Some(wanted) => Err(format!("{:?} instead of {wanted:?}", self.cells)),
            None => Ok(()),
        }
    }

    fn next_step(&self, name: char) -> Step {
        match self.next(self.actor(name)).expect("it is enabled") {
            Read(cell) => Step::new(format!("reads {cell}")).reads(cell.to_string()),
            Write(cell, _) => Step::new(format!("writes {cell}")).writes(cell.to_string()),
            Await(cell, value) => Step::new(format!("sees {value} in {cell}")).reads(cell.to_string()),
            Panic => Step::default(),
        }
    }

    fn state(&self) -> Vec<(String, String)> {
        let cells = self.cells.iter().enumerate().map(|(cell, value)| (cell.to_string(), value.to_string()));
        let registers = self.registers.iter().zip(&self.programs);
        cells.chain(registers.map(|(value, (name, _))| (format!("read by {name}"), value.to_string()))).collect()
    }
}

const ADD: [Operation; 2] = [Read(0), Write(0, 1)];

fn counter() -> Machine {
    Machine::new(1, &[('A', &ADD), ('B', &ADD)]).wants(&[2])
}

#[test]
fn a_lost_update_is_found_and_replayed() {
    let failure = Search::default().run(counter).unwrap_err();
    assert_eq!(failure, Failure { order: "ABAB".to_owned(), why: "[1] instead of [2]".to_owned() });
    assert_eq!(replay(counter, "ABAB"), Err(failure));
    assert_eq!(replay(counter, "AABB"), Ok(()));
    // The rest is taken by who is enabled first.
    assert_eq!(replay(counter, ""), Ok(()));
    let impossible = replay(counter, "AAAB").unwrap_err();
    assert_eq!(impossible.why, "A can take no step here; these can: ['B']");
}

#[test]
fn all_orders_are_tried_and_counted() {
    let right = || Machine::new(2, &[('A', &[Write(0, 1), Write(0, 1)]), ('B', &[Write(1, 1), Write(1, 1)])]);
    let all = Search::default().without_reduction().run(right).unwrap();
    assert_eq!((all.orders, all.given_up, all.whole), (6, 0, true));
    let reduced = Search::default().run(right).unwrap();
    assert_eq!((reduced.orders, reduced.whole), (1, true));
    let some = Search::default().without_reduction().orders_max(5).run(right).unwrap();
    assert_eq!((some.orders, some.whole), (5, false));
}

#[test]
fn a_panic_is_a_failure_and_its_words_are_kept() {
    let failure = Search::default().run(|| Machine::new(1, &[('A', &ADD), ('B', &[Panic])])).unwrap_err();
    assert_eq!(failure.why, "B panics");
}

#[test]
fn who_waits_for_ever_is_found() {
    let make = || Machine::new(2, &[('A', &[Await(1, 1), Write(0, 1)]), ('B', &[Await(0, 1), Write(1, 1)])]);
    assert_eq!(Search::default().run(make).unwrap_err().why, "A waits for ever");
}

/// Programs of two or three actors, from a seed.
fn some_machine(seed: u64) -> Machine {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    let actors = 2 + below(2) as usize;
    let programs: Vec<(char, Vec<Operation>)> = ['A', 'B', 'C'][..actors]
        .iter()
        .map(|name| {
            let operations = (0..=below(3)).map(|_| {
                let cell = below(3) as usize;
                match below(7) {
                    0..3 => Read(cell),
                    3..6 => Write(cell, below(3) as i64),
                    _ => Await(cell, below(2) as i64),
                }
            });
            (*name, operations.collect())
        })
        .collect();
    let programs: Vec<_> = programs.iter().map(|(name, program)| (*name, &**program)).collect();
    Machine { forbidden: Some(4), ..Machine::new(3, &programs).wants(&[1, 1, 0]) }
}

/// Why orders fail.
fn failures(search: Search, make: impl Fn() -> Machine) -> (BTreeSet<String>, usize) {
    let mut found = BTreeSet::new();
    let tried = search.visit(make, |_, result| {
        found.extend(result.as_ref().err().map(|failure| failure.why.clone()));
        ControlFlow::Continue(())
    });
    assert!(tried.whole);
    (found, tried.orders)
}

#[test]
fn what_fails_in_some_order_fails_without_those_that_exchange_independent_steps() {
    let (mut all_orders, mut reduced_orders) = (0, 0);
    for seed in 0..100 {
        let make = || some_machine(seed);
        Search::default().check_independence(make).unwrap();
        let (all, orders) = failures(Search::default().without_reduction(), make);
        let (reduced, fewer) = failures(Search::default(), make);
        assert_eq!(all, reduced, "seed {seed}");
        all_orders += orders;
        reduced_orders += fewer;
    }
    println!("{all_orders} orders, {reduced_orders} of them tried");
    assert!(reduced_orders * 2 < all_orders);
}

#[test]
fn steps_that_are_wrongly_said_to_be_independent_are_found() {
    struct Liar(Machine);
    impl World for Liar {
        fn enabled(&self) -> Vec<char> {
            self.0.enabled()
        }
        fn step(&mut self, actor: char) -> Result<(), String> {
            self.0.step(actor)
        }
        fn finish(self) -> Result<(), String> {
            self.0.finish()
        }
        fn next_step(&self, actor: char) -> Step {
            Step::new(format!("a step of {actor}")).writes(actor)
        }
        fn state(&self) -> Vec<(String, String)> {
            self.0.state()
        }
    }
    let failure = Search::default().check_independence(|| Liar(counter())).unwrap_err();
    assert_eq!(failure.order, "A");
    assert_eq!(failure.why, "The order of \"a step of A\" and \"a step of B\" makes a difference");
}

#[test]
fn a_world_that_is_another_one_each_time_is_told_of() {
    let made = std::cell::Cell::new(0);
    let make = || {
        made.set(made.get() + 1);
        let names = if made.get() == 1 { ['A', 'B'] } else { ['C', 'D'] };
        Machine::new(1, &[(names[0], &ADD), (names[1], &ADD)])
    };
    let failure = Search::default().run(make).unwrap_err();
    assert_eq!(failure.why, "The world is not deterministic: ['C', 'D'] here, before ['A', 'B']");
}

#[test]
fn a_failing_order_becomes_the_shortest() {
    // B's part of the failure is two steps, and C and D have nothing to do with it.
    let idle = [Write(2, 1), Write(2, 1), Write(2, 1)];
    let make = || {
        let programs: [(char, &[Operation]); 4] =
            [('A', &[Read(0), Write(0, 4)]), ('C', &idle), ('D', &idle), ('B', &ADD)];
        Machine { forbidden: Some(4), ..Machine::new(3, &programs) }
    };
    let failure = Failure { order: "CDCDABCDA".to_owned(), why: "a cell holds 4".to_owned() };
    assert_eq!(replay(make, &failure.order).unwrap_err(), failure);
    let shrunk = shrink(make, &failure, 100_000);
    assert_eq!((&*shrunk.failure.order, shrunk.is_shortest), ("AA", true));
    assert!(!shrink(make, &failure, 1).is_shortest);
}

#[test]
fn the_steps_of_an_actor_come_together_where_the_order_still_fails() {
    let make = || {
        let programs: [(char, &[Operation]); 2] = [('A', &[Read(0), Read(1), Read(1), Write(0, 1)]), ('B', &ADD)];
        Machine::new(2, &programs).wants(&[2, 0])
    };
    let failure = Failure { order: "ABABAA".to_owned(), why: "[1, 0] instead of [2, 0]".to_owned() };
    assert_eq!(replay(make, &failure.order).unwrap_err(), failure);
    assert_eq!(shrink(make, &failure, 100_000).failure.order, "AABBAA");
}

#[test]
fn a_diagram_has_a_lane_for_each_actor_and_a_line_for_each_step() {
    let expected = "     A     B\n     │     │\n  1  ●     │     A reads 0\n  2  │     ●     B reads 0\n  3  ●     │     A writes 0 · 0 = 1\n  \
                    4  │     ●     B writes 0\n✗ [1] instead of [2]\n";
    assert_eq!(diagram(&Trace::of(counter, "ABAB")), expected);
}

/// A sends to C, past B, and C receives from A; then C works under a lock.
struct Post(usize);

impl World for Post {
    fn enabled(&self) -> Vec<char> {
        ["A", "C", "C", "B", ""][self.0].chars().collect()
    }
    fn step(&mut self, _: char) -> Result<(), String> {
        self.0 += 1;
        Ok(())
    }
    fn finish(self) -> Result<(), String> {
        Err("</script><b>".to_owned())
    }
    fn next_step(&self, _: char) -> Step {
        match self.0 {
            0 => Step::new("sends").sends_to('B'),
            1 => Step::new("receives").receives_from('A'),
            2 => Step::new("works").locks("hub"),
            _ => Step::new("answers").sends_to('A'),
        }
    }
}

#[test]
fn arrows_go_from_the_sender_to_the_receiver() {
    let expected = "     A     B     C\n     │     │     │\n  1  ●─────▶     │     A sends\n  2  ○─────┼─────▶     C receives\n  \
                    3  │     │     ■     C works\n  4  ◀─────●     │     B answers\n✗ </script><b>\n";
    assert_eq!(diagram(&Trace::of(|| Post(0), "")), expected);
}

#[test]
fn a_page_holds_the_steps_and_the_tree_and_no_text_ends_its_script() {
    let tree = Tree::of(&Search::default(), counter, 100);
    assert_eq!((tree.tried.whole, tree.failing > 0), (true, true));
    let html = page("A & <B>", "", &Trace::of(counter, "ABAB"), Some(&tree));
    assert!(html.contains("<title>A &amp; &lt;B></title>"));
    assert!(html.contains("\"text\":\"reads 0\"") && html.contains("[1] instead of [2]"));
    let html = page("Post", "", &Trace::of(|| Post(0), ""), None);
    assert_eq!(html.matches("</script>").count(), 1);
}
