//! What follows from an attempt to deliver: whether, and when, there is another.
//!
//! Pure: the time and what is drawn are arguments.

use std::time::Duration;

use super::sender::WebhookAnswer;
use crate::chat::Time;
use crate::chat::webhook::{AfterAttempt, WebhookOff};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The pauses before the next attempts, in seconds; the last of them from then on.
const PAUSES_S: [u64; 9] = [5, 30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR];
/// How long attempts may fail.
const PATIENCE: Duration = Duration::from_secs(72 * HOUR);
/// The longest pause that a receiver may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(8 * HOUR);
/// Characters of an outcome, at most.
const OUTCOME_CHARS_MAX: usize = 200;

/// How attempts end, as a figure counts them.
pub const LABELS: [&str; 3] = ["delivered", "refused", "failed"];

/// How an attempt ended, as a figure counts it.
pub fn label(answer: &WebhookAnswer) -> &'static str {
    let [delivered, refused, failed] = LABELS;
    match answer {
        WebhookAnswer::Status { status: 200..=299, .. } => delivered,
        WebhookAnswer::Status { .. } => refused,
        WebhookAnswer::Failed(_) => failed,
    }
}

/// How an attempt ended, in a few words.
pub fn outcome(answer: &WebhookAnswer) -> String {
    match answer {
        WebhookAnswer::Status { status, .. } => status.to_string(),
        WebhookAnswer::Failed(reason) => {
            reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(OUTCOME_CHARS_MAX).collect()
        }
    }
}

/// What follows at `now` from an answer, after `failures` in a row that began at `failing`. `drawn` spreads attempts that
/// would come together.
pub fn after(answer: &WebhookAnswer, failures: u32, failing: Option<Time>, now: Time, drawn: u32) -> AfterAttempt {
    let asked = match answer {
        WebhookAnswer::Status { status: 200..=299, .. } => return AfterAttempt::Delivered,
        WebhookAnswer::Status { status: 410, .. } => return AfterAttempt::Off(WebhookOff::Gone),
        WebhookAnswer::Status { retry_after, .. } => retry_after.unwrap_or_default().min(RETRY_AFTER_MAX),
        WebhookAnswer::Failed(_) => Duration::ZERO,
    };
    if failing.is_some_and(|since| since.until(now) >= PATIENCE) {
        return AfterAttempt::Off(WebhookOff::Failing);
    }
    let step = usize::try_from(failures).unwrap_or(usize::MAX).min(PAUSES_S.len() - 1);
    let pause = Duration::from_secs(PAUSES_S[step]);
    let spread = pause.mul_f64(0.2 * f64::from(drawn) / f64::from(u32::MAX));
    AfterAttempt::Again(now.after((pause + spread).max(asked)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> WebhookAnswer {
        WebhookAnswer::Failed("x".to_owned())
    }

    fn status(status: u16, retry_after_s: Option<u64>) -> WebhookAnswer {
        WebhookAnswer::Status { status, retry_after: retry_after_s.map(Duration::from_secs) }
    }

    #[test]
    fn pauses_grow_and_after_three_days_it_is_over() {
        let (mut now, mut failures, mut pauses) = (Time(0), 0, Vec::new());
        while let AfterAttempt::Again(next) = after(&failed(), failures, Some(Time(0)), now, 0) {
            pauses.push(now.until(next).as_secs());
            (now, failures) = (next, failures + 1);
        }
        assert_eq!(pauses[..9], PAUSES_S);
        assert!(pauses[9..].iter().all(|pause| *pause == 8 * HOUR));
        let hours = Time(0).until(now).as_secs() / HOUR;
        assert!((72..81).contains(&hours), "{hours}");
        assert_eq!(after(&failed(), failures, Some(Time(0)), now, 0), AfterAttempt::Off(WebhookOff::Failing));
    }

    #[test]
    fn what_a_receiver_says_counts() {
        let now = Time(1_000_000);
        let at = |answer: &WebhookAnswer, drawn| after(answer, 0, None, now, drawn);
        assert_eq!(at(&status(204, None), 0), AfterAttempt::Delivered);
        assert_eq!(at(&status(410, None), 0), AfterAttempt::Off(WebhookOff::Gone));
        let again = |seconds| AfterAttempt::Again(now.after(Duration::from_secs(seconds)));
        for code in [301, 404, 429, 500, 503] {
            assert_eq!(at(&status(code, None), 0), again(5));
        }
        assert_eq!(at(&status(503, Some(60)), 0), again(60));
        assert_eq!(at(&status(429, Some(u64::MAX)), 0), again(8 * HOUR));
        assert_eq!(at(&failed(), u32::MAX), again(6));
        assert_eq!(outcome(&WebhookAnswer::Failed("a\nb".repeat(100))).chars().count(), OUTCOME_CHARS_MAX);
    }
}
