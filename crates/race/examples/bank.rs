//! A bank whose clerks check first and act afterwards, and lock two accounts in the order of the transfer.
//!
//!     cargo run -p roomd-race --example bank -- --html pages

use roomd_race::{Step, World};

mod support;

/// How the clerks work.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// Looks whether there is enough, releases the lock, and takes the money under another.
    CheckThenAct,
    /// Locks the account that pays, then the one that is paid.
    LockInTransferOrder,
    /// Locks the account with the lower number first.
    LockInOneOrder,
}

/// Clerks who each carry out one transfer of 10 between two accounts.
struct Bank {
    way: Way,
    accounts: [i64; 2],
    /// Who has the lock of an account.
    locks: [Option<char>; 2],
    clerks: Vec<Clerk>,
}

struct Clerk {
    name: char,
    from: usize,
    to: usize,
    /// How many steps it has taken.
    at: usize,
}

const AMOUNT: i64 = 10;

impl Bank {
    fn new(way: Way, transfers: &[(char, usize, usize)]) -> Self {
        let clerks = transfers.iter().map(|&(name, from, to)| Clerk { name, from, to, at: 0 }).collect();
        Self { way, accounts: [AMOUNT, AMOUNT], locks: [None; 2], clerks }
    }

    fn clerk(&self, name: char) -> &Clerk {
        self.clerks.iter().find(|clerk| clerk.name == name).expect("an actor is a clerk")
    }

    /// The accounts in the order in which the clerk locks them.
    fn order(&self, clerk: &Clerk) -> [usize; 2] {
        match self.way {
            Way::LockInOneOrder => [clerk.from.min(clerk.to), clerk.from.max(clerk.to)],
            _ => [clerk.from, clerk.to],
        }
    }
}

impl World for Bank {
    fn enabled(&self) -> Vec<char> {
        let is_enabled = |clerk: &&Clerk| match (self.way, clerk.at) {
            (Way::CheckThenAct, at) => at < 2,
            (_, at @ 0..2) => self.locks[self.order(clerk)[at]].is_none(),
            (_, at) => at < 3,
        };
        self.clerks.iter().filter(is_enabled).map(|clerk| clerk.name).collect()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        let clerk = self.clerk(actor);
        let (from, to, at, order) = (clerk.from, clerk.to, clerk.at, self.order(clerk));
        let mut next = at + 1;
        match (self.way, at) {
            (Way::CheckThenAct, 0) if self.accounts[from] < AMOUNT => next = 2,
            (Way::CheckThenAct, 0) => {}
            (_, 0 | 1) if self.way != Way::CheckThenAct => self.locks[order[at]] = Some(actor),
            _ => {
                self.accounts[from] -= AMOUNT;
                self.accounts[to] += AMOUNT;
                self.locks = self.locks.map(|holder| holder.filter(|holder| *holder != actor));
            }
        }
        self.clerks.iter_mut().filter(|clerk| clerk.name == actor).for_each(|clerk| clerk.at = next);
        if self.way == Way::CheckThenAct && self.accounts[from] < 0 {
            return Err(format!("account {from} is overdrawn"));
        }
        Ok(())
    }

    fn finish(self) -> Result<(), String> {
        let done = if self.way == Way::CheckThenAct { 2 } else { 3 };
        match self.clerks.iter().find(|clerk| clerk.at < done) {
            Some(clerk) => Err(format!("{} waits for a lock for ever", clerk.name)),
            None => Ok(()),
        }
    }

    fn next_step(&self, actor: char) -> Step {
        let clerk = self.clerk(actor);
        let account = |number: usize| format!("account {number}");
        match (self.way, clerk.at) {
            (Way::CheckThenAct, 0) => Step::new("looks whether there is enough").locks(account(clerk.from)),
            (_, at @ (0 | 1)) if self.way != Way::CheckThenAct => {
                let number = self.order(clerk)[at];
                Step::new(format!("locks account {number}")).writes(account(number))
            }
            _ => {
                let text = format!("moves {AMOUNT} from {} to {}", clerk.from, clerk.to);
                Step::new(text).writes(account(0)).writes(account(1))
            }
        }
    }

    fn state(&self) -> Vec<(String, String)> {
        let holder = |at: usize| self.locks[at].map_or(String::new(), |holder| format!(", locked by {holder}"));
        (0..2).map(|at| (format!("account {at}"), format!("{}{}", self.accounts[at], holder(at)))).collect()
    }
}

pub fn main() {
    let overdraw = [('A', 0, 1), ('B', 0, 1)];
    let cross = [('A', 0, 1), ('B', 1, 0)];
    support::show_mistake("Check, then act", || Bank::new(Way::CheckThenAct, &overdraw));
    support::show_mistake("Two locks in two orders", || Bank::new(Way::LockInTransferOrder, &cross));
    support::show_right("Two locks in one order", || Bank::new(Way::LockInOneOrder, &cross));
}
