//! What another server tells of a user, as a script says it.
//!
//! `server 2: Bob comes`, `goes`, `watches` as a subscriber, `is lost` and may resume, `reads 3`, `away lunch`; `ends` when
//! the server is no longer heard of.

use roomd::chat::{Attendance, Attending, LeaveReason, Note, RemoteAttendance, ServerId, Status, Time};

use crate::stage::user;

/// `2: Bob comes`, or what else another server may tell of a user.
pub fn remote_attendance(input: &str, now: Time) -> RemoteAttendance {
    let (server, rest) = input.split_once(": ").unwrap();
    let (who, how) = rest.split_once(' ').unwrap();
    let here = Attending {
        connections: 1,
        announced: true,
        registered: false,
        detached: false,
        status: Status::Online,
        note: None,
        set_at: Time::default(),
        last_seen: now,
        marks: [0; 3],
    };
    let away = |note| Attending { status: Status::Away, note: Some(Note::stored(note)), set_at: now, ..here.clone() };
    let attendance = match how.split_once(' ') {
        _ if how == "comes" => Attendance::Here(here),
        _ if how == "watches" => Attendance::Here(Attending { announced: false, ..here }),
        _ if how == "is lost" => Attendance::Here(Attending { detached: true, ..here }),
        Some(("reads", seq)) => Attendance::Here(Attending { marks: [seq.parse().unwrap(); 3], ..here }),
        _ if how == "goes" => Attendance::Gone(LeaveReason::Left(None), [0; 3]),
        _ if how == "ends" => Attendance::LOST,
        Some(("away", note)) => Attendance::Here(away(note)),
        _ => panic!("{input}"),
    };
    RemoteAttendance { server: ServerId(server.parse().unwrap()), user: user(who), attendance }
}
