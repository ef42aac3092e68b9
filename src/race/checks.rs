//! What must be true of a server's rooms: after each step, when nobody can take one, and when all have left.
//!
//! That a room is in the hub exactly as long as somebody has a seat in it is looked at after each step; with a wrong hub, what
//! that is for: that a name is not two rooms. What a scenario expects beside that is in `expectation.rs`.

use std::time::Duration;

use super::moves::{JOIN, Move};
use super::rooms::{JoinOutcome, Rooms};
use super::stepped_client::{SteppedClient, room_name};
use crate::chat::Event;
use crate::chat::policy::ModerationChange;

/// Whether a change is the ban of this client.
fn bans(change: &ModerationChange, name: char) -> bool {
    matches!(change, ModerationChange::Banned { user, .. } if user.as_str() == name.to_string())
}

impl Rooms {
    /// The seats that clients have taken in a room, and have not sent to it.
    pub fn seats_looked_up(&self, at: usize) -> usize {
        self.clients.iter().filter(|client| client.seat.is_some() && client.room == at).count()
    }

    /// The seats of a room, wherever they are.
    pub fn seats(&self, at: usize) -> usize {
        self.seats_looked_up(at) + self.brokers[at].held_seats() + self.brokers[at].queued_seats()
    }

    /// Whether the hub has the room.
    pub fn has_room(&self) -> bool {
        match &self.wrong_hub {
            Some(hub) => hub.current().is_some(),
            None => self.engine.hub.has(&room_name()),
        }
    }

    /// After each step.
    pub fn check(&self) -> Result<(), String> {
        if self.wrong_hub.is_some() {
            let inhabited = self.brokers.iter().filter(|broker| broker.members() > 0).count();
            return if inhabited > 1 { Err(format!("{inhabited} rooms of one name have members")) } else { Ok(()) };
        }
        let seats: Vec<_> = (0..self.brokers.len()).map(|at| self.seats(at)).collect();
        if seats.iter().filter(|seats| **seats > 0).count() > 1 {
            return Err(format!("two rooms of one name have seats: {seats:?}"));
        }
        let pinned = seats.iter().any(|seats| *seats > 0);
        if pinned != self.engine.hub.has(&room_name()) {
            return Err(format!("seats {seats:?}, and the room is {}", if pinned { "not there" } else { "there" }));
        }
        Ok(())
    }

    /// When nobody can take a step.
    pub fn check_end(&self) -> Result<(), String> {
        if let Some(client) = self.clients.iter().find(|client| !client.moves.is_empty()) {
            return Err(format!("{} waits for ever", client.name));
        }
        for (at, broker) in self.brokers.iter().enumerate().filter(|(_, broker)| broker.lives()) {
            let stays = |client: &&SteppedClient| client.is_in() && client.room == at;
            let members = self.clients.iter().filter(stays).count();
            if broker.members() != members {
                return Err(format!("room {} has {} members, not {members}", self.actor(at), broker.members()));
            }
            let (told, all) = (broker.population(), members + self.elsewhere);
            if told != all {
                return Err(format!("room {} says that it has {told} members, not {all}", self.actor(at)));
            }
        }
        self.clients.iter().try_for_each(|client| self.check_events(client))
    }

    /// A client was told of each join of its own, before all else; and of nothing behind its ban.
    fn check_events(&self, client: &SteppedClient) -> Result<(), String> {
        let name = client.name;
        let events = client.recorder.events.lock();
        let welcome = events.first().is_none_or(|first| matches!(**first, Event::Joined { .. }));
        let told = events.iter().filter(|event| matches!(***event, Event::Joined { .. })).count();
        let joins = self.answers.iter().filter(|answer| **answer == (name, JoinOutcome::Joined)).count();
        if !welcome || (told != joins && !client.recorder.fatal) {
            return Err(format!("{name} joined {joins} times and was told so {told} times"));
        }
        let mut is_banned = false;
        for event in events.iter() {
            match &**event {
                Event::Moderated { action, .. } if bans(&action.change, name) => is_banned = true,
                Event::Sent { .. } if is_banned => return Err(format!("{name} is told behind its ban: stored")),
                Event::Message(_) | Event::Join { .. } | Event::Leave { .. } | Event::Moderated { .. } if is_banned => {
                    return Err(format!("{name} is shown something behind its ban"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        while let Some(actor) = self.enabled().first() {
            self.step(*actor)?;
        }
        Ok(())
    }

    /// Checks that the next join succeeds; then all clients leave and the server stops, and nothing may be left.
    pub fn wind_up(mut self) -> Result<(), String> {
        if !self.engine.hub.is_closing() {
            self.clients.push(SteppedClient::new('Z', &JOIN, false, Duration::ZERO));
            self.settle()?;
            let answers: Vec<_> = self.answers.iter().filter(|(name, _)| *name == 'Z').collect();
            if *answers != [&('Z', JoinOutcome::Joined)] {
                return Err(match answers[..] {
                    [(_, JoinOutcome::Failed)] => {
                        "a client that joins later gets no answer: the room has failed".to_owned()
                    }
                    _ => format!("a client that joins later is answered {answers:?}"),
                });
            }
        }
        for client in &mut self.clients {
            drop((client.handle.take(), client.inbox.take()));
        }
        self.engine.close();
        self.settle()?;
        let left = self.brokers.iter().filter(|broker| !broker.has_ended()).count();
        match (left, self.engine.hub.len()) {
            (0, 0) => Ok(()),
            (left, rooms) => Err(format!("{left} brokers and {rooms} rooms are left when all have left")),
        }
    }

    /// The state of the hub, the rooms and their seats, and of the clients, for a reader.
    pub fn state(&self) -> Vec<(String, String)> {
        let leads_to = match &self.wrong_hub {
            Some(hub) => hub.current(),
            None => (0..self.brokers.len()).rev().find(|at| self.seats(*at) > 0),
        };
        let hub = leads_to.map_or("no room".to_owned(), |at| format!("room {}", self.actor(at)));
        let mut state = vec![("hub".to_owned(), hub)];
        for (at, broker) in self.brokers.iter().enumerate() {
            let queued: Vec<_> =
                broker.queued().iter().map(|one| format!("{} of {}", one.what, self.name_of(at, &one.who))).collect();
            let members = match broker.members() {
                0 => "nobody in it".to_owned(),
                1 => "1 member".to_owned(),
                count => format!("{count} members"),
            };
            let room = format!("room {}", self.actor(at));
            let inbox = if queued.is_empty() { "empty".to_owned() } else { queued.join(", ") };
            let seats = [
                (self.seats_looked_up(at), "looked up"),
                (broker.queued_seats(), "in the inbox"),
                (broker.held_seats(), "in the room"),
            ];
            let seats: Vec<_> =
                seats.iter().filter(|(count, _)| *count > 0).map(|(count, place)| format!("{count} {place}")).collect();
            let seats = if seats.is_empty() { "none".to_owned() } else { seats.join(", ") };
            state.push((room.clone(), format!("{}, {members}", broker.life())));
            state.push((format!("{room}: inbox"), inbox));
            state.push((format!("{room}: seats"), seats));
        }
        state.extend(self.clients.iter().map(|client| (client.name.to_string(), self.state_of(client))));
        state
    }

    fn state_of(&self, client: &SteppedClient) -> String {
        let answer = self.answers.iter().rev().find(|(name, _)| *name == client.name).map(|(_, answer)| answer);
        match (client.moves.last(), answer) {
            (Some(Move::Enter), _) => "has looked the room up".to_owned(),
            (Some(Move::Hear | Move::HearOutcome | Move::HearResumed), _) => "waits for the answer".to_owned(),
            _ if client.is_in() => "a member".to_owned(),
            (_, Some(JoinOutcome::Joined)) => "has left".to_owned(),
            (_, Some(JoinOutcome::Refused(code))) => format!("refused: {}", code.as_str()),
            (_, Some(JoinOutcome::Failed)) => "no answer: the room is gone".to_owned(),
            (_, None) => "outside".to_owned(),
        }
    }
}
