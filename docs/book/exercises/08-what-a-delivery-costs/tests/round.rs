//! Each event is encoded once, each member has one write, and nothing is copied for it.

use std::cell::RefCell;
use std::rc::Rc;

use what_a_delivery_costs::{Event, Member, Socket, deliver};

/// What a socket was given: for each write its parts, as text and with the place in memory where they were.
type Writes = Rc<RefCell<Vec<Vec<(String, usize)>>>>;

#[derive(Default)]
struct Counted(Writes);

impl Socket for Counted {
    fn write(&mut self, parts: &[&[u8]]) {
        let text = |part: &&[u8]| (String::from_utf8(part.to_vec()).unwrap(), part.as_ptr() as usize);
        self.0.borrow_mut().push(parts.iter().map(text).collect());
    }
}

/// Delivers what was said, by member and text, to members with an echo or without; what each was given, and how often an
/// event was encoded.
fn round(said: &[(usize, &str)], echo: &[bool]) -> (Vec<Writes>, usize) {
    let events: Vec<_> =
        said.iter().map(|(author, text)| Event { author: *author, text: (*text).to_owned() }).collect();
    let writes: Vec<Writes> = echo.iter().map(|_| Writes::default()).collect();
    let member = |(number, echo): (usize, &bool)| Member {
        number,
        echo: *echo,
        socket: Box::new(Counted(Rc::clone(&writes[number]))),
    };
    let mut members: Vec<_> = echo.iter().enumerate().map(member).collect();
    let mut encoded = 0;
    deliver(&events, &mut members, |event, buffer| {
        encoded += 1;
        buffer.extend(format!("{}: {}\n", event.author, event.text).into_bytes());
    });
    (writes, encoded)
}

fn text(writes: &Writes) -> String {
    writes.borrow().iter().flatten().map(|(text, _)| text.as_str()).collect()
}

const SAID: [(usize, &str); 4] = [(0, "one"), (1, "two"), (0, "three"), (2, "four")];

#[test]
fn each_member_is_given_what_is_for_it_in_order() {
    let (writes, _) = round(&SAID, &[true, true, false, true]);
    for member in [0, 1, 3] {
        assert_eq!(text(&writes[member]), "0: one\n1: two\n0: three\n2: four\n");
    }
    assert_eq!(text(&writes[2]), "0: one\n1: two\n0: three\n");
}

#[test]
fn each_event_is_encoded_once() {
    let (_, encoded) = round(&SAID, &[true; 100]);
    assert_eq!(encoded, SAID.len());
}

#[test]
fn each_member_has_one_write_and_none_if_nothing_is_for_it() {
    let (writes, _) = round(&SAID, &[false; 100]);
    let counts: Vec<_> = writes.iter().map(|writes| writes.borrow().len()).collect();
    assert_eq!(counts, [1; 100]);
    let (writes, _) = round(&[(0, "alone")], &[false, true]);
    assert_eq!(writes[0].borrow().len(), 0, "a write of nothing is a system call, too");
}

#[test]
fn what_lies_together_is_one_part_and_no_member_has_a_copy() {
    let (writes, _) = round(&SAID, &[true, false, true, true]);
    let whole: Vec<_> = [0, 2, 3].iter().map(|member| writes[*member].borrow()[0].clone()).collect();
    assert_eq!(whole[0].len(), 1, "one part: {whole:?}");
    assert!(whole.iter().all(|parts| parts == &whole[0]), "the same bytes in the same place: {whole:?}");
    let without_own = writes[1].borrow()[0].clone();
    assert_eq!(without_own.len(), 2, "before what it has said, and behind it: {without_own:?}");
    assert_eq!(without_own[0].1, whole[0][0].1, "no copy either: {without_own:?}");
}
