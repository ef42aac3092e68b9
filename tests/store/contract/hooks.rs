//! The hooks of rooms: found by the digest of their token as long as they are in force, and listed afterwards.

use roomd::chat::Time;
use roomd::chat::hook::{HOOKS_MAX, Hook, HookDigest, NewHook, REVOKED_MAX};

use super::Promise::{Administration, Numbering, Reopening};
use super::each;
use crate::drafts::{room, user};

fn new(of: &str, name: &str, by: Option<&str>) -> NewHook {
    NewHook { room: room(of), name: user(name), by: by.map(user), created: Time(7) }
}

fn digest(number: usize) -> HookDigest {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&number.to_be_bytes());
    digest
}

#[test]
fn a_hook_is_found_by_its_digest_until_it_is_revoked() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let hooks = store.hooks();
        let (ci, backup) = (new("ops", "CI", Some("Olga")), new("ops", "backup", None));
        let number = hooks.add_hook(&ci, &digest(1)).unwrap().unwrap();
        let other = hooks.add_hook(&backup, &digest(2)).unwrap().unwrap();
        assert_ne!(number, other);
        let made = |number, made: &NewHook| Hook { number, made: made.clone(), revoked: None };
        assert_eq!(hooks.hook(&digest(1)).unwrap(), Some(made(number, &ci)));
        assert_eq!(hooks.hook(&digest(3)).unwrap(), None);
        assert_eq!(hooks.hooks(&room("ops")).unwrap(), [made(number, &ci), made(other, &backup)]);
        assert_eq!(hooks.hooks(&room("den")).unwrap(), []);
        let by = user("Mod");
        assert_eq!(hooks.revoke_hook(&room("den"), number, Some(&by), Time(9)), Ok(false));
        assert_eq!(hooks.revoke_hook(&room("ops"), number, Some(&by), Time(9)), Ok(true));
        assert_eq!(hooks.revoke_hook(&room("ops"), number, None, Time(10)), Ok(false));
        assert_eq!(hooks.hook(&digest(1)).unwrap(), None);
        let revoked = Hook { revoked: Some((Time(9), Some(by))), ..made(number, &ci) };
        assert_eq!(hooks.hooks(&room("ops")).unwrap(), [revoked, made(other, &backup)]);
        hooks.delete_hooks(&room("ops")).unwrap();
        assert_eq!((hooks.hooks(&room("ops")).unwrap(), hooks.hook(&digest(2)).unwrap()), (vec![], None));
    });
}

#[test]
fn a_room_has_so_many_hooks_and_remembers_so_many_that_were_revoked() {
    each(Numbering, |fixture| {
        let store = fixture.open();
        let hooks = store.hooks();
        let add = |at: usize| hooks.add_hook(&new("ops", "CI", None), &digest(at)).unwrap();
        let all: Vec<_> = (0..HOOKS_MAX).map(|at| add(at).unwrap()).collect();
        assert_eq!(add(HOOKS_MAX), None);
        assert!(hooks.add_hook(&new("den", "CI", None), &digest(999)).unwrap().is_some());
        assert!(hooks.revoke_hook(&room("ops"), all[0], None, Time(9)).unwrap());
        for at in 0..REVOKED_MAX + 3 {
            let number = add(1_000 + at).unwrap();
            assert!(hooks.revoke_hook(&room("ops"), number, None, Time(9)).unwrap());
        }
        add(2_000).unwrap();
        let listed = hooks.hooks(&room("ops")).unwrap();
        assert_eq!(listed.iter().filter(|hook| hook.revoked.is_some()).count(), REVOKED_MAX);
        assert!(listed.iter().all(|hook| hook.number != all[0]));
    });
}

#[test]
fn hooks_are_kept() {
    each(Reopening, |fixture| {
        let number = fixture.open().hooks().add_hook(&new("ops", "CI", Some("Olga")), &digest(1)).unwrap();
        let store = fixture.open();
        assert_eq!(store.hooks().hook(&digest(1)).unwrap().map(|hook| hook.number), number);
    });
}

#[test]
fn a_command_makes_and_revokes_hooks_beside_the_server() {
    each(Administration, |fixture| {
        let store = fixture.open();
        let command = fixture.administration();
        let made = new("ops", "CI", None);
        let number = command.add_hook(&made, &digest(1)).unwrap().unwrap();
        assert_eq!(store.hooks().hook(&digest(1)).unwrap().map(|hook| hook.made), Some(made));
        assert_eq!(command.hooks(&room("ops")).unwrap().len(), 1);
        assert!(command.revoke_hook(&room("ops"), number, Time(9)).unwrap());
        assert!(!command.revoke_hook(&room("ops"), number, Time(9)).unwrap());
        assert_eq!(store.hooks().hook(&digest(1)).unwrap(), None);
    });
}
