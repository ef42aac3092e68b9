//! Labels (IRCv3 labeled-response): what answers a line that has one has it too.
//!
//! The lines of an answer come from the door, where they wait until they are sent, and from rooms, which print them with
//! the tag that their request carries. An answer of one line has the label itself, one of several is a batch that has it,
//! and one of none is an `ACK`. The batch is opened as soon as a part of an answer is sent before the rest is known.

use super::capabilities::CapabilitySet;
use super::client::{Client, append};
use crate::wire::irc::{Line, push_tag};

/// Bytes of a label, at most.
const LABEL_BYTES_MAX: usize = 64;

/// How far a line that has a label is answered.
#[derive(Debug, Default)]
pub enum Label {
    /// It has none.
    #[default]
    None,
    /// Not yet. The tag: `label=…`, escaped.
    Open(String),
    /// A room answers with one line that has it.
    Given,
    /// With this batch.
    Batch(String),
}

impl Client {
    /// Begins the answer to a line.
    pub fn begin_answer(&mut self, line: &Line) {
        let knows = self.capabilities.has(CapabilitySet::LABELS) && self.capabilities.has(CapabilitySet::BATCH);
        let label = line.tag("label").filter(|label| knows && (1..=LABEL_BYTES_MAX).contains(&label.len()));
        self.label = label.map_or(Label::None, |label| {
            let mut tag = String::new();
            push_tag(&mut tag, "label", label);
            Label::Open(tag)
        });
    }

    /// The tag for the next request to a room. `is_whole`: the room answers with one line, which is the whole answer
    /// unless the door has lines too.
    pub fn tag_of_request(&mut self, is_whole: bool) -> String {
        if let Label::Open(tag) = &mut self.label
            && is_whole
            && self.out.is_empty()
        {
            let tag = std::mem::take(tag);
            self.label = Label::Given;
            return tag;
        }
        self.open_batch();
        match &self.label {
            Label::Batch(batch) => format!("batch={batch}"),
            _ => String::new(),
        }
    }

    /// Makes the answer a batch, if the line has a label.
    pub fn open_batch(&mut self) {
        if !matches!(self.label, Label::Open(_)) {
            return;
        }
        let batch = self.next_batch();
        if let Label::Open(tag) = std::mem::replace(&mut self.label, Label::Batch(batch.clone())) {
            let server = &self.server;
            append(format!("@{tag} :{server} BATCH +{batch} labeled-response").as_bytes(), &mut self.opened);
        }
    }

    /// The lines that can be sent, in the middle of an answer or at its end.
    pub fn take_lines(&mut self, is_end: bool) -> Vec<u8> {
        if let Label::Open(tag) = &self.label
            && is_end
        {
            let (tag, count) = (tag.clone(), self.out.iter().filter(|byte| **byte == b'\n').count());
            let server = &self.server;
            let opening = format!(":{server} BATCH +");
            if count == 0 {
                append(format!(":{server} ACK").as_bytes(), &mut self.out);
            }
            if count <= 1 {
                self.label = Label::None;
                return tagged(&std::mem::take(&mut self.out), &tag);
            }
            if self.out.starts_with(opening.as_bytes()) {
                // A history is a batch already, which has the label with its first line.
                let end = self.out.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                let rest = self.out.split_off(end);
                self.label = Label::None;
                return [tagged(&std::mem::take(&mut self.out), &tag), rest].concat();
            }
        }
        if !self.out.is_empty() {
            self.open_batch();
        }
        let mut lines = std::mem::take(&mut self.opened);
        let out = std::mem::take(&mut self.out);
        match &self.label {
            Label::Batch(batch) => {
                lines.extend(tagged(&out, &format!("batch={batch}")));
                if is_end {
                    append(format!(":{} BATCH -{batch}", self.server).as_bytes(), &mut lines);
                }
            }
            _ => lines.extend(out),
        }
        if is_end {
            self.label = Label::None;
        }
        lines
    }

    /// The name of the next batch.
    pub fn next_batch(&mut self) -> String {
        self.batches += 1;
        format!("b{}", self.batches)
    }
}

/// The lines with this tag before their others. Those of a batch inside of it stay as they are.
fn tagged(lines: &[u8], tag: &str) -> Vec<u8> {
    let mut all = Vec::with_capacity(lines.len() + 64);
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let head = match line {
            [b'@', ..] if line.starts_with(b"@batch=") => String::new(),
            [b'@', ..] => format!("@{tag};"),
            _ => format!("@{tag} "),
        };
        all.extend_from_slice(head.as_bytes());
        all.extend_from_slice(if head.ends_with(';') { &line[1..] } else { line });
    }
    all
}
