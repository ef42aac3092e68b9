//! Ruling over a room: who may say what, what is changed, and who has to go because of it.
//!
//! The rest of [`Room`], stepped with it. A change is a draft like a message: it is in force, and
//! heard of, when it is stored and not before. The broker settles at once, so nothing said after a
//! motion is judged by the charter before it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::{Effect, Room, Said, Speaker};
use crate::chat::UserName;
use crate::chat::charter::{Amendment, Change, Charter, Entry, Founding, Motion, Rank, Who};
use crate::chat::command::Id;
use crate::chat::event::{Code, Event, Refusal};
use crate::chat::identity::Standing;
use crate::chat::message::Body;
use crate::chat::record::{Deed, Draft, Epoch};
use crate::chat::time::{Moment, Time};

/// What holds where nothing was ever said about it.
static NONE: Charter = Charter::none();

/// Entries of the audit that a room remembers whose store does not.
const REMEMBERED_MAX: usize = 200;

/// What a room knows of its rules.
#[derive(Debug, Default)]
pub(super) struct Rule {
    /// `None`: anybody enters and speaks.
    pub charter: Option<Arc<Charter>>,
    /// In slow mode: when each user last spoke, on the monotonic clock.
    spoke: BTreeMap<UserName, Duration>,
    /// With how many of them those are forgotten who may speak again.
    spoke_max: usize,
    /// The newest entries of the audit, and how many there were; only where the store keeps none.
    audit: VecDeque<Entry>,
    audited: u64,
}

impl Speaker {
    /// As a charter knows them.
    pub(super) fn who(&self) -> Who<'_> {
        Who { user: &self.user, standing: self.standing }
    }
}

impl Room {
    /// With who may do what in it.
    #[must_use]
    pub fn with_charter(mut self, charter: Option<Arc<Charter>>) -> Self {
        self.rule.charter = charter;
        self
    }

    /// Whether somebody may enter.
    pub(super) fn admits(&self, who: Who<'_>, now: Time) -> Result<(), Refusal> {
        self.rule.charter.as_ref().map_or(Ok(()), |charter| charter.may_enter(who, now))
    }

    /// Whether this may be said. Free where nobody is kept from anything.
    pub(super) fn permit(&mut self, speaker: &Speaker, said: &Said, now: Moment) -> Result<(), Refusal> {
        let Some(charter) = &self.rule.charter else { return Ok(()) };
        // Who is in has been let in; a visitor has not.
        if charter.excludes() && self.roster.member(speaker.member).is_none() {
            match said {
                Said::Publish { .. } => charter.may_enter(speaker.who(), now.at)?,
                // It is the name that is asked for, and that is taken.
                Said::Found(_) => {}
                _ if !charter.is_seen_by(speaker.who()) => return Err(Refusal::no_room(&self.name)),
                _ => {}
            }
        }
        match said {
            Said::Publish { .. } => {
                charter.may_speak(speaker.who(), now.at)?;
                let wait = charter.slow_mode();
                if wait.is_zero() || charter.rank(speaker.who()) >= Rank::Moderator {
                    return Ok(());
                }
                let paced = self.rule.pace(&speaker.user, wait, now.since_start);
                paced.map_err(|rest| Refusal::slow_mode(&self.name, wait, rest))
            }
            Said::Edit { body, .. } if *body != Body::Deleted => charter.may_speak(speaker.who(), now.at),
            Said::Typing(true) => charter.may_speak(speaker.who(), now.at),
            _ => Ok(()),
        }
    }

    /// What was said is not stored: its author may say it again at once.
    pub(super) fn unsaid(&mut self, speaker: &Speaker) {
        self.rule.spoke.remove(&speaker.user);
    }

    /// Whether this speaker may take a message away that is somebody else's.
    pub(super) fn rules(&self, speaker: &Speaker) -> bool {
        self.charter().may_delete_others(speaker.who())
    }

    /// Begins the room: it is there from now on, also when nobody is in it.
    pub(super) fn found(&mut self, speaker: Speaker, founding: Founding, now: Moment, effects: &mut Vec<Effect>) {
        let owner = (speaker.standing > Standing::Guest).then(|| speaker.user.clone());
        // Who owns a room rules over all that was said in it; so what others have said is no part of it.
        let foreign = owner.is_some() && self.ring.newest() > 0;
        if self.rule.charter.is_some() || !self.roster.is_empty() || foreign {
            let refusal = Refusal::new(Code::NameTaken, format!("There is a room {}", self.name));
            return effects.push(Effect::One(speaker.member, None, Event::Refused(refusal)));
        }
        let Founding { private, members } = founding;
        let stays = owner.is_some() && self.kept;
        let change = Change::Founded { private, owner, members };
        if stays {
            let deed = Deed::Amend(Amendment { change, note: None });
            self.drafts.push(Draft { speaker, deed, at: now.at, id: None, quiet: false });
        } else {
            self.amended(speaker, Amendment { change, note: None }, now.at, None, effects);
        }
    }

    /// Makes a draft of what somebody wants changed, if they may.
    pub(super) fn govern(
        &mut self,
        speaker: Speaker,
        motion: &Motion,
        note: Option<Arc<str>>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        match self.judge(&speaker, motion, now.at) {
            Err(refusal) => effects.push(Effect::One(speaker.member, None, Event::Refused(refusal))),
            Ok(None) => effects.push(Effect::One(speaker.member, None, Event::Done)),
            Ok(Some(change)) => {
                let deed = Deed::Amend(Amendment { change, note });
                self.drafts.push(Draft { speaker, deed, at: now.at, id: None, quiet: false });
            }
        }
    }

    fn judge(&self, speaker: &Speaker, motion: &Motion, now: Time) -> Result<Option<Change>, Refusal> {
        let is_there = self.rule.charter.is_some() || !self.roster.is_empty() || self.ring.newest() > 0;
        if !is_there || self.private.is_some() {
            return Err(Refusal::no_room(&self.name));
        }
        let change = self.charter().decide(&self.name, speaker.who(), motion, now)?;
        match &change {
            Some(Change::Kicked { user }) if !self.roster.has(user) => {
                Err(Refusal::new(Code::NotFound, format!("{user} is not in {}", self.name)))
            }
            _ => Ok(change),
        }
    }

    /// A change is stored: it is in force, and everybody hears of it.
    pub(super) fn amended(
        &mut self,
        speaker: Speaker,
        amendment: Amendment,
        at: Time,
        id: Option<Id>,
        effects: &mut Vec<Effect>,
    ) {
        let mut charter = self.rule.charter.take().map(Arc::unwrap_or_clone).unwrap_or_default();
        charter.apply(&amendment.change, at);
        let charter = Arc::new(charter);
        self.rule.charter = Some(Arc::clone(&charter));
        // Before anybody hears of it: who asks without the room is judged by it from now on.
        effects.push(Effect::Chartered(Some(charter)));
        self.remember(&speaker.user, &amendment, at);
        if let Change::Founded { owner, .. } = &amendment.change {
            let pinned = owner.is_none() || !self.kept;
            return effects.push(Effect::One(speaker.member, id, Event::Created { room: self.name.clone(), pinned }));
        }
        let out = amendment.change.user().filter(|_| amendment.change.puts_out()).cloned();
        let event = Event::Amended { room: self.name.clone(), by: speaker.user, amendment, at };
        effects.push(Effect::Everyone(event.clone()));
        if let Some(user) = out {
            self.put_out(&user, at, effects);
        }
        // The answer comes last: whoever has it may rely on all the rest.
        effects.push(Effect::One(speaker.member, id, event));
    }

    /// The room has ended: all leave, and it begins anew for those who are on their way to it.
    pub(super) fn ended(
        &mut self,
        speaker: Speaker,
        amendment: Amendment,
        (at, epoch): (Time, Epoch),
        effects: &mut Vec<Effect>,
    ) {
        self.rule = Rule::default();
        self.receipts = Default::default();
        self.epoch = epoch.to_string().into();
        self.ring.clear();
        effects.push(Effect::Chartered(None));
        let event = Event::Amended { room: self.name.clone(), by: speaker.user, amendment, at };
        effects.push(Effect::Everyone(event.clone()));
        let members: Vec<_> = self.roster.members().map(|(id, _)| id).collect();
        for id in members {
            self.roster.leave(id);
            effects.push(Effect::PutOut(id));
        }
        effects.push(Effect::One(speaker.member, None, event));
    }

    /// If the message was somebody else's, a moderator took it away; where the store keeps no audit, the room
    /// does.
    pub(super) fn ruled_over(&mut self, speaker: &Speaker, seq: u64, at: Time) {
        let Some(user) = self.ring.author(seq).filter(|author| **author != speaker.user).cloned() else { return };
        self.remember(&speaker.user, &Amendment { change: Change::Deleted { user, seq }, note: None }, at);
    }

    /// The newest entries of the audit before the number `before`, at most `count`.
    pub(super) fn audit(&self, speaker: &Speaker, before: u64, count: usize) -> Event {
        if let Err(refusal) = self.charter().may_audit(&self.name, speaker.who()) {
            return Event::Refused(refusal);
        }
        let entries = self.rule.audit.iter().filter(|entry| entry.number < before);
        let skip = entries.clone().count().saturating_sub(count);
        Event::Audit { room: self.name.clone(), entries: entries.skip(skip).cloned().collect() }
    }

    fn charter(&self) -> &Charter {
        self.rule.charter.as_deref().unwrap_or(&NONE)
    }

    /// Every connection of a user leaves, wherever it is.
    fn put_out(&mut self, user: &UserName, at: Time, effects: &mut Vec<Effect>) {
        let theirs = self.roster.members().filter(|(_, member)| member.user == *user);
        let theirs: Vec<_> = theirs.map(|(id, _)| id).collect();
        let mut news = false;
        for id in theirs {
            news |= self.roster.leave(id).is_some_and(|(_, news, _)| news);
            effects.push(Effect::PutOut(id));
        }
        if self.roster.set_typing(user, None) && !news {
            effects.push(self.typing(user.clone(), false));
        }
        if news {
            let (room, user) = (self.name.clone(), user.clone());
            effects.push(Effect::Everyone(Event::Leave { room, user, at }));
        }
    }

    fn remember(&mut self, by: &UserName, amendment: &Amendment, at: Time) {
        if self.kept {
            return;
        }
        let Rule { audit, audited, .. } = &mut self.rule;
        *audited += 1;
        audit.push_back(Entry { number: *audited, at, by: by.clone(), amendment: amendment.clone() });
        if audit.len() > REMEMBERED_MAX {
            audit.pop_front();
        }
    }
}

impl Rule {
    /// Lets a user speak once in a while; else says how long that is off.
    fn pace(&mut self, user: &UserName, wait: Duration, now: Duration) -> Result<(), Duration> {
        if let Some(at) = self.spoke.get(user).filter(|at| **at + wait > now) {
            return Err(*at + wait - now);
        }
        if self.spoke.len() >= self.spoke_max {
            self.spoke.retain(|_, at| *at + wait > now);
            self.spoke_max = 2 * self.spoke.len() + 64;
        }
        self.spoke.insert(user.clone(), now);
        Ok(())
    }
}
