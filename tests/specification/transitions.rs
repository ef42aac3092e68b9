//! Every transition of a model, taken by the server.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;

use roomd::race::{Rounds, Scenario, find};
use roomd_race::World as _;
use stateright::{Checker as _, Model};

/// What a model and a scenario call by the same names: what is looked at, and what is there.
pub type Facts = BTreeMap<String, String>;

/// A model of a scenario: its actions are those of the actors, each a letter or a digit.
pub trait Specification: Model<Action = char, State: Clone + Debug + Eq + Hash> {
    /// The facts of a state, as the scenario tells them. It may know of more.
    fn facts(&self, state: &Self::State) -> Facts;
}

/// Checks the model, and holds it against the scenario.
pub fn hold_together<M: Specification + Clone + Send + Sync + 'static>(name: &str, model: &M)
where
    M::State: Send + Sync + 'static,
{
    let checker = model.clone().checker().spawn_bfs().join();
    checker.assert_properties();
    let scenario = Scenario::parse(find(name).unwrap()).unwrap();
    let transitions = transitions(model);
    for (order, state) in &transitions {
        let mut world = scenario.world(Rounds::Rooms, None);
        for actor in order.chars() {
            world.step(actor).unwrap_or_else(|why| panic!("{name}, {order}: {why}"));
        }
        let there: Facts = world.state().into_iter().collect();
        for (fact, value) in model.facts(state) {
            assert_eq!(there.get(&fact), Some(&value), "{name}, {order}: {fact}");
        }
        let mut able = world.enabled();
        able.sort_unstable();
        assert_eq!(able, actions(model, state), "{name}, {order}: who can take a step");
    }
    println!("{name}: {} states, {} transitions", checker.unique_state_count(), transitions.len());
}

/// A shortest order to each state, and each transition from there: orders, and the states behind them.
fn transitions<M: Specification>(model: &M) -> Vec<(String, M::State)> {
    let initial = model.init_states().into_iter().map(|state| (String::new(), state));
    let mut taken: Vec<_> = initial.collect();
    let mut due: VecDeque<_> = taken.iter().cloned().collect();
    let mut seen: HashSet<_> = taken.iter().map(|(_, state)| state.clone()).collect();
    while let Some((order, state)) = due.pop_front() {
        for actor in actions(model, &state) {
            let next = model.next_state(&state, actor).unwrap();
            let reached = (format!("{order}{actor}"), next);
            if seen.insert(reached.1.clone()) {
                due.push_back(reached.clone());
            }
            taken.push(reached);
        }
    }
    taken
}

fn actions<M: Specification>(model: &M, state: &M::State) -> Vec<char> {
    let mut actions = Vec::new();
    model.actions(state, &mut actions);
    actions.sort_unstable();
    actions
}
