//! Messages of bytes: kept byte by byte, of which nothing is searched.

use roomd::chat::{Body, Draft, Key, Operation, Outcome, Publication, Span, Time};
use roomd::store::PageQuery;

use super::Promise::{History, Reopening};
use super::each;
use crate::drafts::{OnlyLog as _, delete, draft, edit, message, page, room, room_log};

/// Each byte once, and bytes that no text has.
fn samples() -> [Vec<u8>; 4] {
    [vec![0], vec![0xff; 3], (0..=255).collect(), b"hello".to_vec()]
}

fn data(bytes: &[u8]) -> Body {
    Body::Data(bytes.into())
}

fn publish(body: Body, key: &str) -> Draft {
    draft(
        "Anna",
        1,
        Operation::Publish {
            to: None,
            publication: Publication { key: Key::parse(key).ok(), ..Publication::new(body) },
        },
    )
}

fn change(seq: u64, body: Body) -> Draft {
    draft("Anna", 2, Operation::Edit { seq, body, as_moderator: false })
}

#[test]
fn bytes_are_read_as_they_were_published_also_after_a_restart() {
    each(Reopening, |fixture| {
        let store = fixture.open();
        let bodies = samples().map(|bytes| data(&bytes));
        // In a transaction of many rooms messages are buffered.
        let mut logs: Vec<_> = (0..9).map(|number| room_log(&*store, &format!("hall{number}"))).collect();
        logs.iter_mut().for_each(|log| _ = log.append(&[publish(data(&[7]), "")]).unwrap());
        let drafts = bodies.clone().map(|body| publish(body, ""));
        room_log(&*store, "den").append(&drafts).unwrap();
        drop(logs);
        let read = |store: &dyn roomd::store::Store| {
            page(store, "den", Span::After(0)).messages.into_iter().map(|message| message.body).collect::<Vec<_>>()
        };
        assert_eq!(read(&*store), bodies);
        drop(store);
        let store = fixture.open();
        assert_eq!(read(&*store), bodies);
        assert_eq!(page(&*store, "hall8", Span::After(0)).messages[0].body, data(&[7]));
    });
}

#[test]
fn an_edit_puts_bytes_in_the_place_of_a_text_and_a_text_in_theirs() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut den = room_log(&*store, "den");
        den.append(&[message("Anna", "teapot", ""), publish(data(b"teapot"), ""), publish(data(&[1]), "")]).unwrap();
        let edits =
            [change(1, data(b"teapot")), edit("Anna", 2, "teapot"), change(3, data(&[2, 3])), delete("Anna", 3)];
        assert_eq!(den.outcomes(&edits), Ok(vec![Outcome::Changed; 4]));
        let messages = page(&*store, "den", Span::After(0)).messages;
        let bodies: Vec<_> = messages.iter().map(|message| message.body.clone()).collect();
        assert_eq!(bodies, [data(b"teapot"), Body::Text("teapot".into()), Body::Deleted(None)]);
        assert_eq!(messages[0].edited, Some(Time(2)));
        let found = store.search(&room("den"), "teapot", u64::MAX, 9).unwrap().messages;
        assert_eq!(found.iter().map(|message| message.seq).collect::<Vec<_>>(), [2], "bytes are not searched");
    });
}

#[test]
fn bytes_are_the_value_of_a_key_and_count_for_a_page() {
    each(History, |fixture| {
        let store = fixture.open();
        let mut den = room_log(&*store, "den");
        let drafts =
            [publish(data(&[1; 60]), "state"), publish(data(&[2; 60]), "state"), publish(data(&[3; 60]), "other")];
        den.append(&drafts).unwrap();
        let read = |bytes| {
            let messages =
                store.page(&room("den"), PageQuery { span: Span::Latest(0), count: 9, bytes }).unwrap().unwrap();
            messages.messages.into_iter().map(|message| (message.seq, message.body)).collect::<Vec<_>>()
        };
        assert_eq!(read(1_000), [(2, data(&[2; 60])), (3, data(&[3; 60]))]);
        assert_eq!(read(100), [(2, data(&[2; 60]))]);
    });
}
