//! Says when the server's certificate has expired, or is about to.
//!
//! Called by `serve` on the main thread: at start, when the certificate was loaded again, and once a day. The server
//! goes on with such a certificate; its clients decide.

use std::time::{Duration, SystemTime};

use roomd_tls::Validity;

/// How long before its end a certificate is complained about.
const SOON: Duration = Duration::from_secs(14 * DAY_S);
const DAY_S: u64 = 24 * 60 * 60;

/// What is wrong with a certificate at this moment, as a sentence; `None`: nothing, for another while.
pub fn complaint(validity: Validity, now: SystemTime) -> Option<String> {
    let date = humantime::format_rfc3339_seconds;
    let Validity { begins, ends } = validity;
    if now < begins {
        return Some(format!("the certificate is not valid before {}: clients refuse it until then", date(begins)));
    }
    match ends.duration_since(now) {
        Err(_) => Some(format!("the certificate expired on {}: clients refuse it", date(ends))),
        Ok(left) if left < SOON => {
            let when = match left.as_secs() / DAY_S {
                0 => "in less than a day".to_owned(),
                1 => "tomorrow".to_owned(),
                days => format!("in {days} days"),
            };
            Some(format!("the certificate expires {when}, on {}: renew it, and send SIGHUP", date(ends)))
        }
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_certificate_is_complained_about_before_and_after_its_time() {
        let day = |day: u64| UNIX_EPOCH + Duration::from_secs(20_000 * DAY_S + day * DAY_S);
        let validity = Validity { begins: day(10), ends: day(100) };
        let at = |moment| complaint(validity, moment);
        assert_eq!(
            at(day(9)).as_deref(),
            Some("the certificate is not valid before 2024-10-14T00:00:00Z: clients refuse it until then")
        );
        assert_eq!(at(day(10)), None);
        assert_eq!(at(day(86)), None);
        let soon = "the certificate expires in 13 days, on 2025-01-12T00:00:00Z: renew it, and send SIGHUP";
        assert_eq!(at(day(86) + Duration::from_secs(1)).as_deref(), Some(soon));
        assert!(at(day(99)).is_some_and(|text| text.contains("tomorrow")));
        assert!(at(day(100) - Duration::from_secs(1)).is_some_and(|text| text.contains("in less than a day")));
        let late = at(day(100) + Duration::from_secs(1));
        assert_eq!(late.as_deref(), Some("the certificate expired on 2025-01-12T00:00:00Z: clients refuse it"));
    }
}
