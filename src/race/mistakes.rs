//! The wrong implementations that a scenario can be run with, each with what it teaches.
//!
//! They are in the place of the hub, of a connection or of the store that servers share; all else is the server's. Each is
//! found in the scenario that is named beside it, which a test tries.

use super::shared_store::StoreMistake;
use super::wrong_hub::HubMistake;

/// A wrong implementation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mistake {
    /// Of the hub: when a room ends.
    Hub(HubMistake),
    /// Of a connection: the goodbye waits for nothing.
    GoodbyeAtOnce,
    /// Of the store that servers share.
    Store(StoreMistake),
}

/// What there is to say of a mistake.
#[derive(Debug)]
pub struct Described {
    /// Its name on the command line.
    pub name: &'static str,
    /// The mistake.
    pub mistake: Mistake,
    /// What it does, as a sentence without a stop.
    pub about: &'static str,
    /// A scenario in which it shows.
    pub scenario: &'static str,
    /// Why it is wrong, and what the server does instead.
    pub why: &'static str,
}

impl Described {
    /// Whether it can be made where there are two servers, or one.
    pub fn applies_to(&self, has_two_servers: bool) -> bool {
        match self.mistake {
            Mistake::Hub(_) => !has_two_servers,
            Mistake::GoodbyeAtOnce => true,
            Mistake::Store(_) => has_two_servers,
        }
    }
}

/// All mistakes.
pub const MISTAKES: [Described; 9] = [
    Described {
        name: "remove-and-exit",
        mistake: Mistake::Hub(HubMistake::RemoveAndExit),
        about: "an empty room removes its entry and ends, whatever is in its inbox",
        scenario: "last-leave",
        why: "That the room is empty was true when it looked. A client that has looked the room up already is on its way in: \
              its join is in the inbox of a room that will not read it, or is sent to one that is gone. The server's room \
              does not decide by its members: whoever looks it up has a seat in it from that moment on, taken in the same \
              critical section, and the room ends with its last seat (Hub::reserve and Seat in src/engine/rooms/hub.rs).",
    },
    Described {
        name: "look-once-more",
        mistake: Mistake::Hub(HubMistake::LookOnceMore),
        about: "an empty room looks into its inbox once more, removes its entry and ends",
        scenario: "last-leave",
        why: "To look once more makes the window smaller, and does not close it: a client may stand between its look-up and \
              its send. No number of looks helps, since what is missing is not in the inbox yet. What the client has from its \
              look-up on must be enough to keep the room: a seat (Hub::reserve in src/engine/rooms/hub.rs).",
    },
    Described {
        name: "replace-when-empty",
        mistake: Mistake::Hub(HubMistake::ReplaceWhenEmpty),
        about: "an empty room is replaced at once, and lives on for those who looked it up",
        scenario: "last-leave-of-three",
        why: "Nobody's join is lost, and the room is split: who looked it up before joins the old one, and who comes later \
              the new one, under one name. A weak reference in the map does the same. The server makes a successor only when \
              no seat of the old room exists (Hub in src/engine/rooms/hub.rs).",
    },
    Described {
        name: "count-pending-joins",
        mistake: Mistake::Hub(HubMistake::CountPendingJoins),
        about: "an empty room ends when as many were answered as have looked it up, by a counter",
        scenario: "a-room-fails",
        why: "The counter is right as long as everybody comes to the line that counts back. A room that panics does not: the \
              joins in its inbox are never counted back, its name leads to a dead inbox for ever, and every later join fails. \
              A seat is counted back by its Drop, which runs while a stack unwinds and when a queue is discarded (Seat in \
              src/engine/rooms/hub.rs, the inbox in src/engine/base/queue.rs).",
    },
    Described {
        name: "goodbye-at-once",
        mistake: Mistake::GoodbyeAtOnce,
        about: "a connection whose input has ended says goodbye, and waits for nothing",
        scenario: "goodbye",
        why: "What the client has sent is in the room's inbox, and the answers come from the room's thread: a goodbye from the \
              connection's own thread overtakes them, and the client never learns whether its messages were stored. The \
              server's connection leaves with a receipt, and says goodbye when the room has delivered all that came before \
              (RoomHandle::begin_leave in src/engine/rooms/inbox.rs).",
    },
    Described {
        name: "unfilled",
        mistake: Mistake::Store(StoreMistake::Unfilled),
        about: "the store's answer comes without what other servers stored before",
        scenario: "two-servers",
        why: "A server learns of its own message's number, shows it, and has a gap before it: what the other server stored in \
              between is shown too late or never. The answer to an append brings what came before it, in the same critical \
              section (Appended in src/chat/draft.rs).",
    },
    Described {
        name: "never-stale",
        mistake: Mistake::Store(StoreMistake::NeverStale),
        about: "the store does not look whether the policy has changed since a message was decided",
        scenario: "a-ban-elsewhere",
        why: "Check, then act, over two machines: the room decides that its member may speak, another server bans the member, \
              and the message is stored after the ban. The store refuses what was decided by an older policy, and the room \
              decides again (Outcome::Stale in src/chat/draft.rs).",
    },
    Described {
        name: "tells-own",
        mistake: Mistake::Store(StoreMistake::TellsOwn),
        about: "the store tells a server of its own messages as of another's",
        scenario: "two-servers",
        why: "A feed of changes names everything, also what its reader has brought about itself: unless each reader remembers \
              how far it has got by its own appends too, its clients are shown their messages twice. Here the room itself notices that its numbers are not dense, and fails \
              (SharedLog::append in src/race/shared_store.rs is where a log remembers).",
    },
    Described {
        name: "unconditional",
        mistake: Mistake::Store(StoreMistake::Unconditional),
        about: "the store does not look at the condition of a message",
        scenario: "first-of-two-servers",
        why: "Each server looks whether the room is still empty, finds that it is, and stores its message as the first: there \
              are two. A condition has to be looked at where the number is given, in the same critical section (Outcome::\
              Conflict in src/chat/draft.rs).",
    },
];

/// The mistake of this name.
pub fn find(name: &str) -> Option<&'static Described> {
    MISTAKES.iter().find(|described| described.name == name)
}
