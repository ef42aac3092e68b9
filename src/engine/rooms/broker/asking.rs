//! Requests whose sender waits for the answer: those of non-members, and those of a member in process that asks for it.
//!
//! The answer goes to the sender and not to the member's recipient. It comes in the round of the request, because a round
//! settles what it has made; what is not answered by then never will be. On the broker's thread; it waits for nobody.

use super::Broker;
use crate::chat::members::MemberId;
use crate::chat::room::Input;
use crate::chat::{Event, Id, Refusal, RoomRequest};
use crate::engine::base::oneshot;
use crate::engine::rooms::inbox::{Asker, AwaitedRequest};

/// A request of this round that the room has not answered yet.
pub struct Asked {
    /// The number of the member, or of the non-member's seat.
    member: MemberId,
    /// The id that the answer carries: of a member, which may have other requests in the round.
    id: Option<Id>,
    reply: oneshot::Sender<Event>,
}

impl Broker {
    /// Has the room answer a request.
    pub(super) fn ask(&mut self, awaited: AwaitedRequest) {
        let AwaitedRequest { asker, request, reply } = awaited;
        let (speaker, id) = match asker {
            Asker::NonMember(speaker) => (speaker, None),
            Asker::Member(member, id) => match self.room.speaker(member) {
                Some(speaker) => (speaker, Some(id)),
                // It was removed, and has not noticed yet.
                None => return reply.send(Event::Refused(Refusal::not_member(self.room.name()))),
            },
        };
        self.settle_before(&request);
        self.asked.push(Asked { member: speaker.member, id: id.clone(), reply });
        let moderates = matches!(request, RoomRequest::Create(_) | RoomRequest::Moderate { .. });
        self.step_room(Input::Request { speaker, request, id });
        if moderates {
            // The changed policy applies to every later request.
            self.settle();
        }
    }

    /// Gives an event to who waits for it; back, if nobody does.
    pub(super) fn answer(&mut self, to: MemberId, id: Option<&Id>, event: Event) -> Option<Event> {
        let at = self.asked.iter().position(|asked| asked.member == to && asked.id.as_ref() == id);
        let Some(at) = at else { return Some(event) };
        if let Event::Refused(refusal) = &event {
            self.view.metrics.refused(refusal.code.as_str());
        }
        let reply = self.asked.swap_remove(at).reply;
        // Whoever is not a member gives a seat up with the answer.
        if self.table.by_pattern() > 0 {
            self.answers.push((reply, event))
        } else {
            reply.send(event)
        }
        None
    }
}
