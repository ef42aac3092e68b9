//! What may happen to a room, drawn at random: a few connections of fewer users, and a non-member now and then.

use proptest::prelude::*;
use roomd::chat::LeaveReason;
use roomd::chat::{About, Body, Key, Mid, Note, Publication, Receipt, RoomRequest, Span, Status, UserName};

/// Connections; two of them are one user.
pub const CONNECTIONS: usize = 6;

/// What happens next. A connection that cannot do it does nothing.
#[derive(Clone, Debug)]
pub enum Happening {
    Join { who: usize, echo: bool, announced: bool, away: bool, history: Option<usize>, since: Option<(bool, u64)> },
    Leave { who: usize, reason: LeaveReason },
    Break { who: usize },
    Resume { who: usize, claim: Claim },
    Write { who: usize },
    Say { who: usize, request: RoomRequest },
    Visit { user: usize, request: RoomRequest },
    Settle,
    Pass { ms: u64 },
}

/// The position that a resuming client sends.
#[derive(Clone, Debug)]
pub enum Claim {
    /// What it has.
    True,
    Nothing,
    Number(u64),
    /// In this history, or in another.
    Place(bool, u64),
}

fn claim() -> impl Strategy<Value = Claim> {
    prop_oneof![
        6 => Just(Claim::True),
        1 => Just(Claim::Nothing),
        1 => (0..9_u64).prop_map(Claim::Number),
        1 => (any::<bool>(), 0..9_u64).prop_map(|(same, seq)| Claim::Place(same, seq)),
    ]
}

/// Everything, each as often as it is worth.
pub fn happening() -> impl Strategy<Value = Happening> {
    let who = 0..CONNECTIONS;
    let since = prop::option::of((prop::bool::weighted(0.8), 0..8_u64));
    let join = (who.clone(), any::<[bool; 3]>(), prop::option::of(0..6_usize), since).prop_map(
        |(who, [echo, announced, away], history, since)| Happening::Join { who, echo, announced, away, history, since },
    );
    let reason =
        prop_oneof![Just(LeaveReason::Left(None)), Just(LeaveReason::Disconnected), Just(LeaveReason::Closing)];
    prop_oneof![
        3 => join,
        2 => (who.clone(), reason).prop_map(|(who, reason)| Happening::Leave { who, reason }),
        4 => who.clone().prop_map(|who| Happening::Break { who }),
        6 => (who.clone(), claim()).prop_map(|(who, claim)| Happening::Resume { who, claim }),
        3 => who.clone().prop_map(|who| Happening::Write { who }),
        12 => (who, request()).prop_map(|(who, request)| Happening::Say { who, request }),
        1 => (0..CONNECTIONS / 2, publish()).prop_map(|(user, request)| Happening::Visit { user, request }),
        2 => Just(Happening::Settle),
        2 => (0..4_000_u64).prop_map(|ms| Happening::Pass { ms }),
    ]
}

fn publish() -> impl Strategy<Value = RoomRequest> {
    let about = prop_oneof![
        3 => Just(None),
        1 => (0..8_u64).prop_map(|seq| Some(About::Reply(seq))),
        1 => (0..8_u64).prop_map(|seq| Some(About::Reaction(seq))),
    ];
    let if_seq = prop_oneof![3 => Just(None), 1 => (0..8_u64).prop_map(Some)];
    let keyed = prop_oneof![
        3 => Just((None, false, None)),
        2 => (0..3_u8, any::<bool>(), prop_oneof![3 => Just(None), 1 => (0..8_u64).prop_map(Some)])
            .prop_map(|(key, deleted, if_key_seq)| (Key::parse(&key.to_string()).ok(), deleted, if_key_seq)),
    ];
    (0..3_u8, any::<bool>(), about, if_seq, keyed).prop_map(|(mid, quiet, about, if_seq, keyed)| {
        let (key, deleted, if_key_seq) = keyed;
        let body = if deleted { Body::Deleted(None) } else { Body::Text("hi".into()) };
        let mid = (mid > 0).then(|| Mid::parse(&mid.to_string()).unwrap());
        RoomRequest::Publish {
            publication: Publication { about, mid, if_seq, key, if_key_seq, ..Publication::new(body) },
            quiet,
        }
    })
}

fn request() -> impl Strategy<Value = RoomRequest> {
    let status = prop_oneof![Just(Status::Online), Just(Status::Away)];
    let limit = 1..6_usize;
    prop_oneof![
        10 => publish(),
        2 => (0..8_u64).prop_map(|seq| RoomRequest::Edit { seq, body: Body::Text("ho".into()) }),
        2 => (0..8_u64).prop_map(|seq| RoomRequest::Edit { seq, body: Body::Deleted(None) }),
        2 => any::<bool>().prop_map(RoomRequest::Typing),
        1 => (0..8_u64).prop_map(|seq| RoomRequest::Finish { seq }),
        4 => (any::<bool>(), 0..9_u64).prop_map(|(read, seq)| RoomRequest::Receipt {
            receipt: if read { Receipt::Read } else { Receipt::Received },
            seq,
        }),
        1 => Just(RoomRequest::Session { resume: None }),
        1 => (status, prop::option::of(Just(Note::stored("note")))).prop_map(|(status, note)| RoomRequest::Presence { status, note }),
        1 => (prop_oneof![0..9_u64, Just(u64::MAX)], limit.clone())
            .prop_map(|(seq, limit)| RoomRequest::History { span: Span::Before(seq), limit }),
        1 => (0..9_u64, 1..6_usize).prop_map(|(seq, limit)| RoomRequest::History { span: Span::Latest(seq), limit }),
        1 => (0..9_u64, limit).prop_map(|(seq, limit)| RoomRequest::History { span: Span::After(seq), limit }),
        1 => Just(RoomRequest::Members),
        1 => (0..CONNECTIONS / 2).prop_map(|who| RoomRequest::Member(user(who))),
    ]
}

/// The users, each of two connections.
pub fn user(number: usize) -> UserName {
    UserName::parse(["Ann", "Bob", "Cy"][number]).unwrap()
}
