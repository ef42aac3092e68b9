//! An export as the backends write it: its first line, and then the lines of the messages, page by page.
//!
//! Called by the exports of the backends, on the thread of the command. A page is read in a transaction of its own, so that
//! a long export delays nobody; messages that arrive while it runs are exported too, up to the end that it finds.

use std::io::{self, Write};

use super::administration::AdministrationError;
use super::jsonl::{Header, line_of};
use super::rooms::PageQuery;
use crate::chat::{Message, Span};

/// What is read in one transaction.
pub const PAGE: PageQuery = PageQuery { span: Span::After(0), count: 1_000, bytes: 4 * 1024 * 1024 };

/// Writes an export: its first line, and what `page` has after the number `last`, until it has nothing; returns the number
/// of messages. Blocks as `out` does.
///
/// # Errors
/// Part of it may have been written.
pub fn write<E>(
    out: &mut dyn Write,
    header: &Header,
    mut last: u64,
    mut page: impl FnMut(u64) -> Result<Vec<Message>, E>,
) -> Result<u64, AdministrationError>
where
    AdministrationError: From<E>,
{
    let failed = |error| AdministrationError::Io("the export could not be written".to_owned(), error);
    let json = |error: serde_json::Error| failed(io::Error::other(error));
    let header = serde_json::to_string(header).map_err(json)?;
    writeln!(out, "{header}").map_err(failed)?;
    let mut count = 0_u64;
    loop {
        let messages = page(last)?;
        let Some(first) = messages.first() else { break };
        if count > 0 && first.seq != last + 1 {
            let sentence = format!("retention deleted the messages after {last} while they were exported");
            return Err(AdministrationError::Refused(sentence));
        }
        for message in &messages {
            writeln!(out, "{}", line_of(message).map_err(json)?).map_err(failed)?;
            last = message.seq;
            count += 1;
        }
    }
    out.flush().map_err(failed)?;
    Ok(count)
}
