//! One line of a history: an operation that begins or ends, as a map in EDN.
//!
//! The form of Jepsen's histories, which Elle and Knossos read; docs/history.md has each field. Rooms are named by letters,
//! digits, dots, dashes and underscores, so their names need no escapes.

use std::io::Write as _;

/// What an operation does to the list of a room.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    /// Appends the message with this number.
    Append(u32),
    /// Reads the list; `None`: what is in it is not known yet.
    Read(Option<&'a [u32]>),
}

/// What happens to it.
#[derive(Clone, Copy, Debug)]
pub enum Moment<'a> {
    Begins,
    /// It was done; a message has this number of the server's.
    Ok(Option<u64>),
    /// It was not done, and why.
    Failed(&'a str),
    /// Whether it was done is not known, and why.
    Unknown(&'a str),
}

/// A line without its operation.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub index: u64,
    /// Nanoseconds since the run began.
    pub time: u128,
    pub process: u64,
    pub moment: Moment<'a>,
    pub room: &'a str,
}

impl Line<'_> {
    /// Appends the line.
    pub fn write(&self, operation: Operation<'_>, out: &mut Vec<u8>) {
        let Self { index, time, process, moment, room } = *self;
        let kind = match moment {
            Moment::Begins => "invoke",
            Moment::Ok(_) => "ok",
            Moment::Failed(_) => "fail",
            Moment::Unknown(_) => "info",
        };
        // Writing to a vector cannot fail, here and below.
        _ = write!(out, "{{:index {index}, :time {time}, :process {process}, :type :{kind}, :f :txn, :value [[");
        match operation {
            Operation::Append(number) => _ = write!(out, ":append \"{room}\" {number}"),
            Operation::Read(None) => _ = write!(out, ":r \"{room}\" nil"),
            Operation::Read(Some(numbers)) => {
                _ = write!(out, ":r \"{room}\" [");
                for (at, number) in numbers.iter().enumerate() {
                    _ = write!(out, "{}{number}", if at == 0 { "" } else { " " });
                }
                out.push(b']');
            }
        }
        out.extend_from_slice(b"]]");
        match moment {
            Moment::Ok(Some(seq)) => _ = write!(out, ", :seq {seq}"),
            // A server's code is escaped as JSON has it, which EDN reads too.
            Moment::Failed(why) | Moment::Unknown(why) => _ = write!(out, ", :error {}", serde_json::Value::from(why)),
            Moment::Begins | Moment::Ok(None) => {}
        }
        out.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_map_in_edn() {
        for (moment, operation, rest) in [
            (Moment::Begins, Operation::Append(7), ":type :invoke, :f :txn, :value [[:append \"r-0\" 7]]}"),
            (Moment::Ok(Some(8)), Operation::Append(7), ":type :ok, :f :txn, :value [[:append \"r-0\" 7]], :seq 8}"),
            (Moment::Begins, Operation::Read(None), ":type :invoke, :f :txn, :value [[:r \"r-0\" nil]]}"),
            (Moment::Ok(None), Operation::Read(Some(&[])), ":type :ok, :f :txn, :value [[:r \"r-0\" []]]}"),
            (Moment::Ok(None), Operation::Read(Some(&[2, 1])), ":type :ok, :f :txn, :value [[:r \"r-0\" [2 1]]]}"),
            (
                Moment::Failed("a \"b\""),
                Operation::Append(7),
                ":type :fail, :f :txn, :value [[:append \"r-0\" 7]], :error \"a \\\"b\\\"\"}",
            ),
            (
                Moment::Unknown("no answer"),
                Operation::Append(7),
                ":type :info, :f :txn, :value [[:append \"r-0\" 7]], :error \"no answer\"}",
            ),
        ] {
            let mut out = Vec::new();
            Line { index: 1, time: 2, process: 3, moment, room: "r-0" }.write(operation, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{{:index 1, :time 2, :process 3, {rest}\n"));
        }
    }
}
