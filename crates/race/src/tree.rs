//! The orders that were tried, as a tree: what they have in common is one branch.
//!
//! Shows where the orders that fail lie among the others. A branch has as many steps as all orders behind it share.

use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::search::{Search, Tried};
use super::world::World;

/// The orders of a search, as a tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    root: Branch,
    /// What was tried.
    pub tried: Tried,
    /// How many orders failed.
    pub failing: usize,
}

#[derive(Clone, Debug, Default)]
struct Branch {
    /// The steps that all orders behind it have in common, after those of the branches before.
    steps: Vec<char>,
    branches: Vec<Branch>,
    /// At the end of an order that fails: why.
    why: Option<String>,
}

impl Tree {
    /// Tries the orders, going on after failures, until so many are in the tree.
    pub fn of<W: World>(search: &Search, make: impl Fn() -> W, orders_max: usize) -> Self {
        let mut tree = Self::default();
        let mut count = 0;
        tree.tried = search.visit(make, |order, result| {
            let steps: Vec<char> = order.chars().collect();
            tree.root.insert(&steps, result.as_ref().err().map(|failure| failure.why.clone()));
            tree.failing += usize::from(result.is_err());
            count += 1;
            if count < orders_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        tree
    }

    /// For a page: `{"s": steps, "w": why it fails, "b": branches, "f": how many orders fail behind it}`.
    pub(super) fn json(&self) -> Value {
        self.root.json()
    }
}

impl Branch {
    fn insert(&mut self, steps: &[char], why: Option<String>) {
        if steps.is_empty() {
            self.why = self.why.take().or(why);
            return;
        }
        let common = |branch: &Self| branch.steps.iter().zip(steps).take_while(|(a, b)| a == b).count();
        match self.branches.iter_mut().find(|branch| common(branch) > 0) {
            None => self.branches.push(Self { steps: steps.to_vec(), branches: Vec::new(), why }),
            Some(branch) => {
                let shared = common(branch);
                if shared < branch.steps.len() {
                    let rest = branch.steps.split_off(shared);
                    let behind =
                        Self { steps: rest, branches: std::mem::take(&mut branch.branches), why: branch.why.take() };
                    branch.branches.push(behind);
                }
                branch.insert(&steps[shared..], why);
            }
        }
    }

    fn failing(&self) -> usize {
        usize::from(self.why.is_some()) + self.branches.iter().map(Self::failing).sum::<usize>()
    }

    fn json(&self) -> Value {
        let branches: Vec<_> = self.branches.iter().map(Self::json).collect();
        json!({"s": self.steps.iter().collect::<String>(), "w": self.why, "b": branches, "f": self.failing()})
    }
}
