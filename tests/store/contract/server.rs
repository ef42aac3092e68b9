//! What admins decide for the whole server: bans that are listed until they are lifted or over, and an audit with a bound.

use roomd::chat::admin::audit::AUDIT_MAX;
use roomd::chat::admin::{BanTarget, NewServerBan, ServerAction, ServerActionKind, ServerBan};
use roomd::chat::{Note, Time};

use super::Promise::{Numbering, Reopening};
use super::each;
use crate::drafts::user;

fn new(target: &str, until: Option<u64>, at: u64) -> NewServerBan {
    let target = match target.parse() {
        Ok(network) => BanTarget::Network(network),
        Err(_) => BanTarget::User(user(target)),
    };
    let note = Some(Note::parse("spam").unwrap());
    NewServerBan { target, until: until.map(Time), note, by: user("Root"), at: Time(at) }
}

#[test]
fn a_ban_is_listed_until_it_is_lifted_or_another_is_made_when_it_is_over() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let server = store.server();
        let (bob, net) = (new("Bob", Some(10), 5), new("2001:db8::/32", None, 6));
        let one = server.ban(&bob).unwrap().unwrap();
        let two = server.ban(&net).unwrap().unwrap();
        assert!(one < two);
        let ban = |number, made: &NewServerBan| ServerBan { number, made: made.clone() };
        assert_eq!(server.bans().unwrap(), [ban(one, &bob), ban(two, &net)]);
        let later = new("192.0.2.0/24", None, 10);
        let three = server.ban(&later).unwrap().unwrap();
        assert_eq!(server.bans().unwrap(), [ban(two, &net), ban(three, &later)]);
        assert_eq!(server.lift_ban(two, &user("Olga"), Time(11)), Ok(true));
        assert_eq!(server.lift_ban(two, &user("Olga"), Time(11)), Ok(false));
        assert_eq!(server.bans().unwrap(), [ban(three, &later)]);
        let entries = server.server_audit(u64::MAX, 9).unwrap();
        let said: Vec<_> =
            entries.iter().map(|entry| (&*entry.what, entry.about.as_deref(), entry.by.as_str())).collect();
        assert_eq!(
            said,
            [
                ("unbanned", Some("2001:db8::/32"), "Olga"),
                ("banned", Some("192.0.2.0/24"), "Root"),
                ("banned", Some("2001:db8::/32"), "Root"),
                ("banned", Some("Bob"), "Root"),
            ]
        );
        assert_eq!(
            (entries[3].until, entries[3].note.as_deref(), entries[3].at),
            (Some(Time(10)), Some("spam"), Time(5))
        );
        assert_eq!(server.server_audit(entries[1].number, 1).unwrap(), [entries[2].clone()]);
    });
}

#[test]
fn the_audit_keeps_its_newest_entries() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let server = store.server();
        let action = |number: usize| ServerAction {
            kind: ServerActionKind::ConnectionEnded,
            about: Some(number.to_string().into()),
            until: None,
            note: None,
            by: user("Root"),
            at: Time(7),
        };
        for number in 0..AUDIT_MAX + 3 {
            server.record(&action(number)).unwrap();
        }
        let entries = server.server_audit(u64::MAX, usize::MAX).unwrap();
        assert_eq!(entries.len(), AUDIT_MAX);
        let about = |entry: &roomd::chat::admin::ServerAuditEntry| entry.about.as_deref().unwrap().to_owned();
        assert_eq!((about(&entries[0]), about(&entries[AUDIT_MAX - 1])), ((AUDIT_MAX + 2).to_string(), "3".to_owned()));
    });
}

#[test]
fn bans_and_the_audit_outlive_the_server_and_no_number_comes_again() {
    each(Reopening, |fixture| {
        let store = fixture.open();
        let (bob, cy) = (new("Bob", None, 5), new("Cy", None, 6));
        let one = store.server().ban(&bob).unwrap().unwrap();
        let two = store.server().ban(&cy).unwrap().unwrap();
        assert_eq!(store.server().lift_ban(two, &user("Root"), Time(7)), Ok(true));
        drop(store);
        let store = fixture.open();
        assert_eq!(store.server().bans().unwrap(), [ServerBan { number: one, made: bob }]);
        assert_eq!(store.server().server_audit(u64::MAX, 9).unwrap().len(), 3);
        assert!(store.server().ban(&cy).unwrap().unwrap() > two);
    });
}
