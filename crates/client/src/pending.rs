//! What was asked for and is not answered yet, in the order in which it was asked for.
//!
//! A value, used by the core. An errand leaves the list with its answer and in no other way: a
//! connection that breaks, and a refusal that holds only for now, put it back where it was. That is
//! why nothing sent is lost; the `mid`, which stays the same, is why nothing is doubled.

use std::collections::VecDeque;

use super::command::Command;
use super::event::Ticket;

/// Errands that may be under way at once on a server without a rate limit. With one it is one: a
/// refusal for rate must not let a later message overtake.
const WINDOW: usize = 32;

/// Marks of our own messages that are remembered until we are shown them. Of more, the oldest look like
/// those of another device.
const ECHOES_MAX: usize = 4096;

/// Something that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Errand {
    /// Its name in this client.
    pub ticket: Ticket,
    /// The mark under which the server knows the message, if it is one. 1–64 bytes.
    pub mid: String,
    /// What was asked for.
    pub command: Command,
    /// The `id` under which it was said on the present connection.
    under_way: Option<u64>,
}

/// All of them.
#[derive(Debug)]
pub struct Errands {
    list: VecDeque<Errand>,
    max: usize,
    window: usize,
    asked: u64,
    /// Marks of messages that were said and not shown to us yet, oldest first.
    echoes: VecDeque<String>,
}

impl Errands {
    /// None yet; at most `max` at once.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { list: VecDeque::new(), max, window: 1, asked: 0, echoes: VecDeque::new() }
    }

    /// Takes one; `None` when there are as many as there may be.
    pub fn push(&mut self, command: Command, mid: String) -> Option<Ticket> {
        if self.list.len() >= self.max {
            return None;
        }
        self.asked += 1;
        let ticket = Ticket(self.asked);
        if command.bytes().is_some() {
            if self.echoes.len() >= ECHOES_MAX {
                self.echoes.pop_front();
            }
            self.echoes.push_back(mid.clone());
        }
        self.list.push_back(Errand { ticket, mid, command, under_way: None });
        Some(ticket)
    }

    /// Whether a message with this mark is one of ours; once for each.
    pub fn is_echo(&mut self, mid: &str) -> bool {
        let found = self.echoes.iter().position(|echo| echo == mid);
        found.and_then(|at| self.echoes.remove(at)).is_some()
    }

    /// Whether the server limits how fast they may come.
    pub fn limited(&mut self, limited: bool) {
        self.window = if limited { 1 } else { WINDOW };
    }

    /// The first that is not under way, of those that may be said now, if one more may be.
    pub fn next(&mut self, may: impl Fn(&Command) -> bool) -> Option<&mut Errand> {
        let sayable = self.list.iter_mut().filter(|errand| may(&errand.command));
        sayable.take(self.window).find(|errand| errand.under_way.is_none())
    }

    /// The answer to this `id`, or to this mark, has come.
    pub fn take(&mut self, id: Option<u64>, mid: Option<&str>) -> Option<Errand> {
        let answered = |errand: &Errand| match id {
            Some(_) => errand.under_way == id,
            None => errand.under_way.is_some() && errand.command.bytes().is_some() && mid == Some(&*errand.mid),
        };
        let at = self.list.iter().position(answered)?;
        self.list.remove(at)
    }

    /// The errand of this ticket has its answer without being said.
    pub fn withdraw(&mut self, ticket: Ticket) {
        self.list.retain(|errand| errand.ticket != ticket);
    }

    /// What was said under this `id`.
    pub fn under_way(&self, id: u64) -> Option<&Errand> {
        self.list.iter().find(|errand| errand.under_way == Some(id))
    }

    /// Whether this `id` is one of theirs; then it is to be said again.
    pub fn put_back(&mut self, id: u64) -> bool {
        let errand = self.list.iter_mut().find(|errand| errand.under_way == Some(id));
        errand.map(|errand| errand.under_way = None).is_some()
    }

    /// The connection broke: all are to be said again.
    pub fn lose(&mut self) {
        self.list.iter_mut().for_each(|errand| errand.under_way = None);
    }

    /// All that is not answered, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Errand> {
        self.list.iter()
    }
}

impl Errand {
    /// It is said now, under this `id`.
    pub fn say(&mut self, id: u64, history: usize) -> String {
        self.under_way = Some(id);
        self.command.frame(id, &self.mid, history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(text: &str) -> Command {
        Command::Publish { room: "r".to_owned(), text: text.to_owned() }
    }

    fn say(errands: &mut Errands, id: u64) -> Option<String> {
        let errand = errands.next(|_| true)?;
        errand.say(id, 0);
        Some(errand.mid.clone())
    }

    #[test]
    fn an_errand_keeps_its_mark_and_its_place_until_it_is_answered() {
        let mut errands = Errands::new(10);
        for text in ["p-1", "p-2"] {
            errands.push(publish(text), text.to_owned()).unwrap();
        }
        assert_eq!(say(&mut errands, 1).as_deref(), Some("p-1"));
        assert_eq!(say(&mut errands, 2), None, "one at a time where the rate is limited");
        errands.lose();
        assert_eq!(errands.take(Some(1), None), None, "an old answer");
        assert_eq!(say(&mut errands, 3).as_deref(), Some("p-1"));
        assert!(errands.put_back(3));
        assert_eq!(say(&mut errands, 4).as_deref(), Some("p-1"));
        assert_eq!(errands.take(Some(4), None).map(|errand| errand.mid).as_deref(), Some("p-1"));
        assert_eq!(say(&mut errands, 5).as_deref(), Some("p-2"));
        assert_eq!(errands.take(None, Some("p-2")).map(|errand| errand.mid).as_deref(), Some("p-2"));
    }

    #[test]
    fn many_are_under_way_where_nothing_limits_them() {
        let mut errands = Errands::new(100);
        errands.limited(false);
        for _ in 0..50 {
            errands.push(publish("x"), "x".to_owned()).unwrap();
        }
        let said: Vec<_> = (1..).map_while(|id| say(&mut errands, id)).collect();
        assert_eq!(said.len(), WINDOW);
    }

    #[test]
    fn what_is_too_much_is_not_taken() {
        let mut errands = Errands::new(1);
        assert!(errands.push(publish("a"), "a".to_owned()).is_some());
        assert_eq!(errands.push(publish("b"), "b".to_owned()), None);
    }
}
