//! The books of one room: every message that was published, and where the members say it stands.
//!
//! The generator's thread writes down each message before it sends it, and shows each delivery to the
//! ledger together with the account of the member that had it. Nothing is sampled: a message is lost,
//! repeated or out of order for exactly the members for which it is. `settlement.rs` closes the books.

use super::account::Account;
use super::faults::{Excuses, Faults};
use super::log::{Entry, Log};

/// See the module.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By number.
    pub(super) records: Vec<Record>,
    /// The logs of the doors that tell the server's numbers, one for each epoch; the last is the present.
    pub(super) numbered: Vec<Log>,
    /// The log of the doors that tell none.
    pub(super) spoken: Log,
    /// Members at present.
    members: usize,
    /// Of those, the ones that the closed loop waits for.
    awaited: u32,
    /// Messages that somebody is still waited for, under a closed loop.
    open: Vec<u32>,
}

/// A message that was published.
#[derive(Debug)]
pub(super) struct Record {
    /// When it was due: nanoseconds of the run.
    due: u64,
    /// The client that sent it, and through which of its connections.
    pub(super) sender: u32,
    pub(super) life: u32,
    /// Members that the closed loop still waits for.
    waiting: u32,
    /// Whether there was anybody to hear it.
    pub(super) owed: bool,
    /// Whether anybody has heard it.
    pub(super) heard: bool,
    /// Epoch and position among the numbered.
    pub(super) place: Option<(u32, u32)>,
    /// Position among the spoken.
    pub(super) spoken: Option<u32>,
    pub(super) answer: Answer,
}

/// What the sender was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Nothing,
    Sent,
    Refused,
}

/// What a member was told.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Our message; `None` when it is somebody else's.
    pub number: Option<u32>,
    /// The server's number, through the doors that tell it.
    pub seq: Option<u64>,
}

/// A delivery that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// When the message was due: nanoseconds of the run.
    pub due: u64,
    /// Whether nobody else is waited for: the closed loop may go on.
    pub through: bool,
}

impl Ledger {
    /// Messages published.
    #[must_use]
    pub fn published(&self) -> u32 {
        u32::try_from(self.records.len()).unwrap_or(u32::MAX)
    }

    /// Members at present: a message published now is owed to so many.
    #[must_use]
    pub fn members(&self) -> usize {
        self.members
    }

    /// Writes a message down that is about to be sent; its number. `closed`: it is waited for.
    pub fn publish(&mut self, sender: &Account, due: u64, closed: bool) -> u32 {
        let number = self.published();
        let waiting = self.awaited - u32::from(sender.awaited && !sender.echo);
        self.records.push(Record {
            due,
            sender: sender.client,
            life: sender.life,
            waiting,
            owed: sender.echo || self.members > 1,
            heard: false,
            place: None,
            spoken: None,
            answer: Answer::Nothing,
        });
        if closed {
            self.open.push(number);
        }
        number
    }

    /// Whether this client published this number.
    #[must_use]
    pub fn is_of(&self, number: u32, sender: u32) -> bool {
        self.records.get(number as usize).is_some_and(|record| record.sender == sender)
    }

    /// A client is a member from now on, through a door that does not say where the room stands.
    pub fn enter(&mut self, account: &mut Account) {
        account.owed_from = self.published();
        account.joined_at = self.spoken.len();
        if self.records.is_empty() {
            account.next.get_or_insert(0);
        }
        self.members += 1;
        self.awaited += u32::from(account.awaited);
    }

    /// A client is a member from now on, and the room stands at `seq`. One that comes back was given
    /// all that it missed, if it `recovered`.
    pub fn enter_at(&mut self, account: &mut Account, at: (&str, u64), recovered: bool, excuses: &mut Excuses) {
        self.enter(account);
        let (epoch, seq) = at;
        let same = self.epoch(epoch, seq);
        let next = self.numbered[same].after(seq).unwrap_or(0);
        if account.epoch != Some(same) {
            account.epoch = Some(same);
            account.next = Some(next);
        } else if !recovered {
            let had = account.next.unwrap_or(next);
            excuses.too_old += u64::from(next.saturating_sub(had));
            account.next = Some(next.max(had));
        }
    }

    /// A client has its place again, and what it missed follows if it `recovered`.
    pub fn resume(&mut self, account: &mut Account, recovered: bool) {
        self.enter(account);
        if !recovered {
            account.next = None;
        }
    }

    /// A client is no member any more. Tells how many messages nobody is waited for any longer.
    pub fn depart(&mut self, account: &Account) -> usize {
        self.members -= 1;
        if !account.awaited {
            return 0;
        }
        self.awaited -= 1;
        let Self { records, open, .. } = self;
        let before = open.len();
        open.retain(|&number| {
            let record = &mut records[number as usize];
            let place =
                if account.epoch.is_some() { record.place.map(|(_, position)| position) } else { record.spoken };
            let counted = account.owed_from <= number && (account.echo || record.sender != account.client);
            let has = place.is_some_and(|position| account.has(position)) || account.pending.contains(&number);
            record.waiting -= u32::from(counted && !has);
            record.waiting > 0
        });
        before - open.len()
    }

    /// Where a member stands, for coming back: the epoch and the last number it has had.
    #[must_use]
    pub fn position(&self, account: &Account) -> Option<(&str, u64)> {
        let log = &self.numbered[account.epoch?];
        Some((log.epoch.as_deref()?, log.seq(account.next?)))
    }

    /// A member was told of a message. `None`: it does not count.
    pub fn hear(&mut self, account: &mut Account, told: Told, faults: &mut Faults) -> Option<News> {
        let fresh = match told.seq {
            Some(seq) => self.hear_numbered(account, told.number, seq, faults),
            None => self.hear_spoken(account, told.number?, faults),
        };
        let number = told.number.filter(|_| fresh)?;
        let record = &mut self.records[number as usize];
        record.heard = true;
        let counted = account.awaited && account.owed_from <= number && record.waiting > 0;
        record.waiting -= u32::from(counted);
        let through = counted && record.waiting == 0;
        let due = record.due;
        Some(News { due, through: through && self.close(number) })
    }

    fn hear_numbered(&mut self, account: &mut Account, number: Option<u32>, seq: u64, faults: &mut Faults) -> bool {
        let epoch = match account.epoch {
            Some(epoch) => epoch,
            None => *account.epoch.insert(self.present(seq)),
        };
        let position = self.numbered[epoch].after(seq).and_then(|after| after.checked_sub(1));
        let Some(position) = position else {
            faults.contradicted += 1;
            return false;
        };
        if !self.put(epoch, position, number, faults) {
            return false;
        }
        account.arrive(position, faults)
    }

    /// Tells whether the message stands where nothing else does, and nowhere else.
    fn put(&mut self, epoch: usize, position: u32, number: Option<u32>, faults: &mut Faults) -> bool {
        if self.numbered[epoch].put(position, number) == Entry::Other {
            faults.contradicted += 1;
            return number.is_some();
        }
        let Some(number) = number else { return true };
        let place = (u32::try_from(epoch).unwrap_or(u32::MAX), position);
        let known = *self.records[number as usize].place.get_or_insert(place);
        // One message under two numbers.
        faults.repeated += u64::from(known != place);
        known == place
    }

    /// Without numbers, a delivery has a place once somebody who vouches for the order has had it too.
    /// Who has just come, or does not hear itself, may have it before those who know what came before.
    fn hear_spoken(&mut self, account: &mut Account, number: u32, faults: &mut Faults) -> bool {
        account.pending.push_back(number);
        self.catch_up(account, faults).unwrap_or(true)
    }

    /// Takes what is pending as far as its places are known. Tells whether the last of it was news;
    /// `None` if something is still pending.
    pub fn catch_up(&mut self, account: &mut Account, faults: &mut Faults) -> Option<bool> {
        let mut news = true;
        while let Some(&number) = account.pending.front() {
            let knows = account.vouches && account.next.is_some();
            let record = &mut self.records[number as usize];
            let position = match record.spoken {
                Some(position) => position,
                None if knows => *record.spoken.insert(self.spoken.append(number)),
                None => return None,
            };
            account.pending.pop_front();
            news = self.arrive_spoken(account, position, faults);
        }
        Some(news)
    }

    fn arrive_spoken(&mut self, account: &mut Account, position: u32, faults: &mut Faults) -> bool {
        // Before its first message it is owed only what was sent after it became a member.
        let from = account.next.unwrap_or(account.joined_at.min(position));
        for skipped in from..position {
            if self.is_owed(account, skipped) {
                account.skip(skipped..skipped + 1);
            }
        }
        if from <= position {
            account.next = Some(position);
        }
        account.arrive(position, faults)
    }

    /// Whether a member is owed a position of the log without numbers.
    pub(super) fn is_owed(&self, account: &Account, position: u32) -> bool {
        let Some(number) = self.spoken.number(position) else { return false };
        let own = self.records[number as usize].sender == account.client && !account.echo;
        !own && (account.next.is_some() || account.owed_from <= number)
    }

    /// The sender was told that its message is in, under this number.
    pub fn acknowledge(&mut self, account: &Account, number: u32, seq: u64, faults: &mut Faults) {
        let Some(record) = self.records.get_mut(number as usize) else { return };
        record.answer = Answer::Sent;
        let position = |log: &Log| log.after(seq).and_then(|after| after.checked_sub(1));
        if let Some(epoch) = account.epoch
            && let Some(position) = position(&self.numbered[epoch])
        {
            self.put(epoch, position, Some(number), faults);
        }
    }

    /// The sender was told that its message is not in. Tells whether it was waited for.
    pub fn refuse(&mut self, number: u32) -> bool {
        let Some(record) = self.records.get_mut(number as usize) else { return false };
        record.answer = Answer::Refused;
        self.close(number)
    }

    /// Waits no longer for messages that were due before `due`; how many.
    pub fn give_up(&mut self, due: u64) -> usize {
        let Self { records, open, .. } = self;
        let before = open.len();
        open.retain(|&number| records[number as usize].due >= due);
        before - open.len()
    }

    fn close(&mut self, number: u32) -> bool {
        let index = self.open.iter().position(|open| *open == number);
        index.map(|index| self.open.swap_remove(index)).is_some()
    }

    /// The log of an epoch that the server named.
    fn epoch(&mut self, name: &str, seq: u64) -> usize {
        if let Some(known) = self.numbered.iter().position(|log| log.epoch.as_deref() == Some(name)) {
            return known;
        }
        if let Some(Log { epoch: epoch @ None, .. }) = self.numbered.last_mut() {
            *epoch = Some(name.to_owned());
        } else {
            self.numbered.push(Log::near(Some(name.to_owned()), seq));
        }
        self.numbered.len() - 1
    }

    /// The log of the present epoch, for one who is not told its name.
    fn present(&mut self, seq: u64) -> usize {
        if self.numbered.is_empty() {
            self.numbered.push(Log::near(None, seq.saturating_sub(1)));
        }
        self.numbered.len() - 1
    }
}
