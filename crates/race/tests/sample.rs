//! What orders that are chosen by chance, or by the machine, find.

use roomd_race::{Failure, Sample, World, on_threads, replay};

/// Two actors that add one to a counter: each reads it, and writes it back.
#[derive(Default)]
struct Counter {
    value: u32,
    read: [Option<u32>; 2],
    done: [bool; 2],
}

impl World for Counter {
    fn enabled(&self) -> Vec<char> {
        ['A', 'B'].into_iter().zip(self.done).filter(|(_, done)| !done).map(|(actor, _)| actor).collect()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        let at = usize::from(actor == 'B');
        match self.read[at] {
            None => self.read[at] = Some(self.value),
            Some(read) => (self.value, self.done[at]) = (read + 1, true),
        }
        Ok(())
    }

    fn finish(self) -> Result<(), String> {
        if self.value == 2 { Ok(()) } else { Err(format!("the value is {}", self.value)) }
    }
}

fn failures(mut sample: Sample, orders: usize) -> Vec<Failure> {
    (0..orders).filter_map(|_| sample.order(Counter::default).err()).collect()
}

#[test]
fn the_orders_are_those_of_the_seed_and_can_be_replayed() {
    for sample in [Sample::even as fn(u64) -> Sample, |seed| Sample::by_priorities(seed, 1)] {
        let found = failures(sample(7), 100);
        assert_eq!(found, failures(sample(7), 100));
        assert_ne!(found, failures(sample(8), 100));
        for failure in found {
            assert_eq!(replay(Counter::default, &failure.order), Err(failure));
        }
    }
}

#[test]
fn priorities_find_what_needs_as_many_changes_as_often_as_promised() {
    // Who has the highest priority goes on to its end: no update is lost without a change.
    assert_eq!(failures(Sample::by_priorities(1, 0), 1_000), []);
    // Two actors, four steps, one change: one order in eight at least.
    let found = failures(Sample::by_priorities(1, 1), 1_000).len();
    assert!(found >= 1_000 / 8, "{found}");
}

/// An actor that appears when another has taken its step, and two that wait for each other or not.
#[derive(Default)]
struct Starter {
    steps: String,
    panics: bool,
}

impl World for Starter {
    fn enabled(&self) -> Vec<char> {
        let of = |actor: char, waits_for: &str| {
            (self.steps.contains(waits_for) && !self.steps.contains(actor)).then_some(actor)
        };
        [of('A', ""), of('1', "A"), of('2', "1")].into_iter().flatten().collect()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        assert!(!self.panics || actor != '2', "2 panics");
        self.steps.push(actor);
        Ok(())
    }

    fn finish(self) -> Result<(), String> {
        if self.steps == "A12" { Ok(()) } else { Err(self.steps) }
    }
}

#[test]
fn on_threads_each_actor_has_one_and_the_order_is_kept() {
    assert_eq!(on_threads(Starter::default), Ok(()));
    let failure = on_threads(|| Starter { panics: true, ..Starter::default() }).unwrap_err();
    assert_eq!(failure, Failure { order: "A12".to_owned(), why: "2 panics".to_owned() });
    for _ in 0..200 {
        if let Err(failure) = on_threads(Counter::default) {
            assert_eq!(replay(Counter::default, &failure.order), Err(failure));
        }
    }
}

/// An actor that never ends.
struct Endless;

impl World for Endless {
    fn enabled(&self) -> Vec<char> {
        vec!['A', 'B']
    }

    fn step(&mut self, _: char) -> Result<(), String> {
        Ok(())
    }

    fn finish(self) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn an_order_on_threads_that_does_not_end_is_ended() {
    let failure = on_threads(|| Endless).unwrap_err();
    assert_eq!(failure.why, "It goes on after 1000 steps");
}

#[test]
fn a_world_that_cannot_be_made_has_no_order_on_threads() {
    let failure = on_threads(|| -> Counter { panic!("there is no world") }).unwrap_err();
    assert_eq!(failure, Failure { order: String::new(), why: "there is no world".to_owned() });
}

#[cfg(feature = "shuttle")]
mod under_shuttle {
    use roomd_race::ShuttleSample;

    use super::*;

    /// A world without actors.
    struct Idle;

    impl World for Idle {
        fn enabled(&self) -> Vec<char> {
            Vec::new()
        }

        fn step(&mut self, _: char) -> Result<(), String> {
            Ok(())
        }

        fn finish(self) -> Result<(), String> {
            Ok(())
        }
    }

    type Make = fn(u64) -> Result<ShuttleSample, String>;

    const SAMPLES: [Make; 2] = [ShuttleSample::random, |seed| ShuttleSample::pct(seed, 2)];

    fn failures(make: Make, seed: u64) -> Vec<Failure> {
        let mut sample = make(seed).expect("shuttle is built in");
        (0..100).filter_map(|_| sample.order(Counter::default).err()).collect()
    }

    #[test]
    fn the_orders_are_those_of_the_seed_and_can_be_replayed() {
        for sample in SAMPLES {
            let found = failures(sample, 7);
            assert!(!found.is_empty());
            assert_eq!(found, failures(sample, 7));
            assert_ne!(found, failures(sample, 8));
            for failure in found {
                assert_eq!(replay(Counter::default, &failure.order), Err(failure));
            }
        }
    }

    #[test]
    fn who_waits_who_panics_and_who_never_ends_is_told_as_of_other_threads() {
        for sample in SAMPLES {
            let mut sample = sample(1).unwrap();
            for _ in 0..20 {
                assert_eq!(sample.order(|| Idle), Ok(()));
                assert_eq!(sample.order(Starter::default), Ok(()));
                let failure = sample.order(|| Starter { panics: true, ..Starter::default() }).unwrap_err();
                assert_eq!(failure, Failure { order: "A12".to_owned(), why: "2 panics".to_owned() });
            }
            let failure = sample.order(|| Endless).unwrap_err();
            assert_eq!(failure.why, "It goes on after 1000 steps");
        }
    }
}

#[cfg(not(feature = "shuttle"))]
mod without_shuttle {
    use roomd_race::ShuttleSample;

    #[test]
    fn its_orders_are_refused_with_a_sentence() {
        for refused in [ShuttleSample::random(1), ShuttleSample::pct(1, 2)] {
            assert!(refused.is_err_and(|sentence| sentence.ends_with("build it with the feature shuttle")));
        }
    }
}
