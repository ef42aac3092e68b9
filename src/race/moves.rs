//! The steps of a client, and the actions of a scenario that they make up.
//!
//! What a class writes is an action (`join`); what is interleaved with the steps of others are its steps (takes a seat, sends
//! the join, receives the answer). Each step is one critical section of the hub or one operation of a channel.

/// One step of a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    /// Takes a seat; the first opens the room.
    Reserve,
    /// Sends its join.
    Enter,
    /// Receives the answer.
    Hear,
    /// Sends a second leave.
    StrayLeave,
    /// Sends its leave.
    Leave,
    /// Drops its handle.
    DropHandle,
    /// Its input has ended: sends its leave, to be told when the room has delivered what it owes.
    EndInput,
    /// Is told so, and is sent the goodbye.
    SayGoodbye,
    /// Drops its last sender.
    ReleaseInbox,
    /// Takes a seat for the server, to create the room.
    Create,
    /// Asks the room to be created.
    AskToCreate,
    /// As an admin, asks the room to ban this user.
    Ban(char),
    /// Receives the answer to either.
    HearOutcome,
    /// Sends a message; `first`: on the condition that it is the first of the room.
    Say { text: String, first: bool },
    /// Looks who is there.
    Look,
    /// Loses its connection; its membership is kept.
    Detach,
    /// Resumes its membership.
    Resume,
    /// Receives the answer to the resume.
    HearResumed,
    /// Stops the server.
    Close,
}

use Move::{
    AskToCreate, Ban, Close, Create, Detach, DropHandle, EndInput, Enter, Hear, HearOutcome, HearResumed, Leave, Look,
    ReleaseInbox, Reserve, Resume, Say, SayGoodbye, StrayLeave,
};

/// The steps of a client that joins and stays.
pub const JOIN: [Move; 3] = [Reserve, Enter, Hear];

/// The actions of one word or several, with what each does; `ban` and `say` are followed by whom and by what.
pub const ACTIONS: [(&str, &str); 15] = [
    ("join", "looks the room up, sends its join, and receives the answer"),
    ("leave", "sends its leave, and drops its sender"),
    ("say TEXT", "sends a message; `say TEXT if first`: unless there is one in the room"),
    ("look", "asks who is in the room"),
    ("create", "creates the room, with the server's seat"),
    ("ban B", "bans the user B as an operator, without being in the room"),
    ("lose the connection", "is interrupted, and stays a member"),
    ("resume", "resumes its membership, and receives the answer"),
    ("end input", "sends its leave, to be told when the room has delivered all that it owes"),
    ("goodbye", "is told so, and is sent the goodbye"),
    ("send the leave", "the first step of `leave` alone"),
    ("send a stray leave", "sends a leave that its handle knows nothing of"),
    ("drop the handle", "drops its handle, which sends the leave"),
    ("drop the sender", "drops its sender to the inbox, the second step of `leave`"),
    ("stop the server", "lets nobody in any more"),
];

impl Move {
    /// The steps of an action.
    ///
    /// # Errors
    /// There is no such action, or it is not whole.
    pub fn of_action(action: &str) -> Result<Vec<Self>, String> {
        let (word, rest) = action.split_once(' ').map_or((action, ""), |(word, rest)| (word, rest.trim()));
        Ok(match (word, rest) {
            ("join", "") => JOIN.to_vec(),
            ("leave", "") => vec![Leave, ReleaseInbox],
            ("say", "") => return Err("what does it say? (`say hi`)".to_owned()),
            ("say", text) => {
                let unconditional = text.strip_suffix(" if first");
                vec![Say { text: unconditional.unwrap_or(text).trim().to_owned(), first: unconditional.is_some() }]
            }
            ("look", "") => vec![Look],
            ("create", "") => vec![Create, AskToCreate, HearOutcome],
            ("ban", user) => match (user.chars().next(), user.chars().count()) {
                (Some(user @ 'A'..='Y'), 1) => vec![Ban(user), HearOutcome],
                _ => return Err("whom does it ban? (`ban B`)".to_owned()),
            },
            ("lose", "the connection") => vec![Detach],
            ("resume", "") => vec![Resume, HearResumed],
            ("end", "input") => vec![EndInput],
            ("goodbye", "") => vec![SayGoodbye],
            ("send", "the leave") => vec![Leave],
            ("send", "a stray leave") => vec![StrayLeave],
            ("drop", "the handle") => vec![DropHandle],
            ("drop", "the sender") => vec![ReleaseInbox],
            ("stop", "the server") => vec![Close],
            _ => {
                let known: Vec<_> = ACTIONS.iter().map(|(action, _)| *action).collect();
                return Err(format!("there is no action {action:?}; there are: {}", known.join(", ")));
            }
        })
    }

    /// What it does, for a reader.
    pub fn text(&self) -> String {
        match self {
            Reserve => "looks the room up, and takes a seat".to_owned(),
            Enter => "sends its join".to_owned(),
            Hear => "receives the answer to its join".to_owned(),
            StrayLeave => "sends a stray leave".to_owned(),
            Leave => "sends its leave".to_owned(),
            DropHandle => "drops its handle, which sends the leave".to_owned(),
            EndInput => "has no more input: sends its leave".to_owned(),
            SayGoodbye => "is sent the goodbye".to_owned(),
            ReleaseInbox => "drops its sender".to_owned(),
            Create => "takes a seat for the server".to_owned(),
            AskToCreate => "asks for the room to be created".to_owned(),
            Ban(user) => format!("takes a seat, and asks for {user} to be banned"),
            HearOutcome => "receives the answer".to_owned(),
            Say { text, first: false } => format!("says {text:?}"),
            Say { text, first: true } => format!("says {text:?}, if it is the first"),
            Look => "asks who is there".to_owned(),
            Detach => "loses its connection".to_owned(),
            Resume => "asks to resume".to_owned(),
            HearResumed => "receives the answer to its resume".to_owned(),
            Close => "stops the server".to_owned(),
        }
    }

    /// Whether it may open the room.
    pub fn may_open(&self) -> bool {
        matches!(self, Reserve | Create | AskToCreate | Ban(_))
    }

    /// Whether it is under the hub's lock.
    pub fn locks_hub(&self) -> bool {
        matches!(self, Reserve | Create | AskToCreate | Ban(_) | Close)
    }

    /// Whether it sends something to the room.
    pub fn sends(&self) -> bool {
        matches!(
            self,
            Enter
                | StrayLeave
                | Leave
                | DropHandle
                | EndInput
                | Say { .. }
                | Look
                | Detach
                | Resume
                | Ban(_)
                | AskToCreate
        )
    }
}

/// Where a client stands between two actions: whether the next one makes sense there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whereabouts {
    is_in: bool,
    has_sender: bool,
    is_detached: bool,
    may_say_goodbye: bool,
}

impl Whereabouts {
    /// Takes the steps of an action.
    ///
    /// # Errors
    /// What has to come before it.
    pub fn go_on(&mut self, moves: &[Move]) -> Result<(), &'static str> {
        for next in moves {
            match next {
                Reserve | Create | Ban(_) if self.is_in || self.has_sender => {
                    return Err("is for a client that is not in the room");
                }
                Leave | DropHandle | EndInput | Say { .. } | Look | Detach if !self.is_in => {
                    return Err("is for a client that has joined");
                }
                Say { .. } | Look | Leave | EndInput | Detach if self.is_detached => {
                    return Err("is for a client that has a connection: it has to resume first");
                }
                Resume if !self.is_detached || !self.has_sender => {
                    return Err("is for a client that has lost its connection");
                }
                StrayLeave | ReleaseInbox if !self.has_sender => return Err("is for a client that has a sender"),
                SayGoodbye if !self.may_say_goodbye => return Err("comes when the input has ended"),
                _ => {}
            }
            match next {
                Hear => *self = Self { is_in: true, has_sender: true, ..Self::default() },
                Leave => self.is_in = false,
                DropHandle | EndInput => (self.is_in, self.may_say_goodbye) = (false, true),
                SayGoodbye => self.may_say_goodbye = false,
                ReleaseInbox => self.has_sender = false,
                Detach => self.is_detached = true,
                HearResumed => self.is_detached = false,
                _ => {}
            }
        }
        Ok(())
    }
}
