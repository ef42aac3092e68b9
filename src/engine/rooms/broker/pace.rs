//! Whether the senders to a room carry out their commands themselves.
//!
//! A sender sees its own command and not those that others are about to send: on a machine with few processors they
//! come one after the other, and each would be a round, with a write to each member. How many come together shows only
//! where they are gathered, in the rounds of the room's thread. So from time to time one goes there; where it finds
//! others, all do, until the rounds have had one command for a while. Pure: decided from the last rounds.

/// Rounds of one command on the room's thread, in a row, after which senders carry out theirs: at first, and at most,
/// once that has been wrong again and again.
const SINGLES: std::ops::RangeInclusive<u32> = 4..=256;
/// Commands that senders carry out before one goes to the room's thread: at first, and at most. Such a command waits
/// for a thread to wake; with less than one in a hundred, the 99th percentile is not theirs.
const PROBE_AFTER: std::ops::RangeInclusive<u32> = 8..=256;

/// See the module.
#[derive(Debug)]
pub struct Pace {
    /// Commands that senders may carry out still; 0: all go to the room's thread.
    left: u32,
    /// The rounds of the room's thread that had one command, in a row.
    singles: u32,
    /// How many of them are enough.
    enough: u32,
    /// The same after the next probe that finds others.
    enough_next: u32,
    /// Commands before the probe after the next.
    probe_after: u32,
}

impl Default for Pace {
    fn default() -> Self {
        let (enough, probe_after) = (*SINGLES.start(), *PROBE_AFTER.start());
        Self { left: probe_after, singles: 0, enough, enough_next: enough, probe_after }
    }
}

impl Pace {
    /// Whether a sender may carry out its command.
    pub fn allows(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        if self.left == 0 {
            // The next command is the probe.
            (self.singles, self.enough) = (0, 1);
        }
        true
    }

    /// Takes into account that a round of the room's thread had so many commands.
    pub fn round_of(&mut self, commands: usize) {
        match commands {
            0 => {}
            1 => {
                self.singles += 1;
                if self.left == 0 && self.singles >= self.enough {
                    if self.probe_after == *PROBE_AFTER.end() {
                        self.enough_next = *SINGLES.start();
                    }
                    self.left = self.probe_after;
                    self.probe_after = (2 * self.probe_after).min(*PROBE_AFTER.end());
                }
            }
            _ => {
                if self.left > 0 || self.enough == 1 {
                    self.enough = self.enough_next;
                    self.enough_next = (2 * self.enough_next).min(*SINGLES.end());
                }
                (self.left, self.singles, self.probe_after) = (0, 0, *PROBE_AFTER.start());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many commands senders carry out, when `together` of them come together wherever they are
    /// gathered.
    fn carried_out(pace: &mut Pace, commands: usize, together: usize) -> usize {
        let (mut count, mut left) = (0, commands);
        while left > 0 {
            if pace.allows() {
                count += 1;
                left -= 1;
            } else {
                pace.round_of(together.min(left));
                left -= together.min(left);
            }
        }
        count
    }

    #[test]
    fn where_commands_come_one_by_one_nearly_all_are_carried_out_by_their_senders() {
        let mut pace = Pace::default();
        assert!(carried_out(&mut pace, 10_000, 1) > 9_800);
    }

    #[test]
    fn where_commands_come_together_few_are() {
        let mut pace = Pace::default();
        assert_eq!(carried_out(&mut pace, 10_000, 16), 8, "those before the first probe");
        assert_eq!(carried_out(&mut pace, 10_000, 2), 0);
    }

    #[test]
    fn it_follows_a_change() {
        let mut pace = Pace::default();
        for _ in 0..5 {
            assert!(carried_out(&mut pace, 10_000, 1) > 9_400);
            assert!(carried_out(&mut pace, 10_000, 8) < 300, "those before the next probe");
        }
    }

    #[test]
    fn a_single_command_now_and_then_does_not_deceive_it() {
        let mut pace = Pace::default();
        let carried_out: usize = (0..1_000).map(|turn| carried_out(&mut pace, 32, 1 + turn % 4)).sum();
        assert!(carried_out < 32_000 / 4, "{carried_out}");
    }

    #[test]
    fn a_wake_up_without_a_command_tells_nothing() {
        let mut pace = Pace::default();
        carried_out(&mut pace, 100, 16);
        (0..1_000).for_each(|_| pace.round_of(0));
        assert!(!pace.allows());
    }
}
