//! The figures of one scrape of `/metrics`, and what happened from one scrape to the next.
//!
//! Read from Prometheus' text format as roomd prints it. A figure that is not there is none, so that the frame of an older
//! or a newer server lacks a number and nothing else. Pure: `mod.rs` gives it text and times.

use std::collections::BTreeMap;
use std::time::Duration;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(BTreeMap<String, f64>);

/// Two scrapes, and the time between them.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    pub before: &'a Figures,
    pub now: &'a Figures,
    pub took: Duration,
}

impl Figures {
    /// Reads what a server printed.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        Self(samples.filter_map(|line| line.rsplit_once(' ')).filter_map(sample).collect())
    }

    /// The figure, the values of all its labels together; `None`: there is none.
    #[must_use]
    pub fn sum(&self, name: &str) -> Option<f64> {
        self.of(name).map(|(_, value)| value).reduce(|one, other| one + other)
    }

    /// The values of a label of a figure, those that are not 0 and the greatest first.
    #[must_use]
    pub fn by(&self, name: &str, label: &str) -> Vec<(&str, f64)> {
        let mut all: Vec<_> =
            self.of(name).filter_map(|(labels, value)| Some((label_of(labels, label)?, value))).collect();
        all.retain(|(_, value)| *value > 0.0);
        all.sort_by(|one, other| other.1.total_cmp(&one.1));
        all
    }

    /// The samples of a figure: labels and values.
    fn of(&self, name: &str) -> impl Iterator<Item = (&str, f64)> {
        let begin = name.to_owned();
        self.0.range(begin.clone()..).take_while(move |(key, _)| key.starts_with(&begin)).filter_map(|(key, value)| {
            let labels = &key[name.len()..];
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, *value))
        })
    }
}

impl Change<'_> {
    /// How fast a counter has risen, a second. A server that was started again counts from nothing.
    #[must_use]
    pub fn per_s(&self, name: &str) -> Option<f64> {
        let (before, now) = (self.before.sum(name).unwrap_or(0.0), self.now.sum(name)?);
        let risen = if now < before { now } else { now - before };
        Some(risen / self.took.as_secs_f64().max(0.001))
    }

    /// The quantile of a histogram, of what was observed between the two; `None`: nothing was.
    #[must_use]
    pub fn quantile(&self, name: &str, quantile: f64) -> Option<f64> {
        let bucket = format!("{name}_bucket");
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (labels, count) in self.now.of(&bucket) {
            let before = self.before.0.get(&format!("{bucket}{labels}")).copied().unwrap_or(0.0);
            let bound = label_of(labels, "le").map_or(f64::INFINITY, |le| le.parse().unwrap_or(f64::INFINITY));
            buckets.push((bound, (count - before).max(0.0)));
        }
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        let all = buckets.last()?.1;
        let (bound, _) = buckets.iter().find(|(_, count)| all > 0.0 && *count >= quantile * all)?;
        // Above the last bound it is only known that it was more.
        Some(if bound.is_finite() { *bound } else { buckets.iter().rev().nth(1)?.0 })
    }
}

fn sample((name, value): (&str, &str)) -> Option<(String, f64)> {
    Some((name.to_owned(), value.parse().ok()?))
}

/// The value of a label in `{door="lines",reason="left"}`.
fn label_of<'a>(labels: &'a str, label: &str) -> Option<&'a str> {
    let inner = labels.strip_prefix('{')?.strip_suffix('}')?;
    let pair = inner.split(',').find_map(|pair| pair.strip_prefix(label)?.strip_prefix('='))?;
    pair.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a Help.\n# TYPE a counter\na{door=\"x\",reason=\"r\"} 3\na{door=\"y\",reason=\"r\"} 4\n\
                        ab 9\nh_bucket{le=\"0.1\"} 1\nh_bucket{le=\"0.5\"} 9\nh_bucket{le=\"+Inf\"} 10\n";

    #[test]
    fn labels_are_added_up_and_told_apart() {
        let figures = Figures::parse(TEXT);
        assert_eq!((figures.sum("a"), figures.sum("ab"), figures.sum("missing")), (Some(7.0), Some(9.0), None));
        assert_eq!(figures.by("a", "door"), [("y", 4.0), ("x", 3.0)]);
        assert!(figures.by("a", "size").is_empty() && figures.by("ab", "door").is_empty());
    }

    #[test]
    fn a_change_is_what_happened_between_two_scrapes() {
        let (before, now) = (Figures::parse("a 3\nh_bucket{le=\"0.1\"} 1\n"), Figures::parse(TEXT));
        let took = Duration::from_secs(2);
        let change = Change { before: &before, now: &now, took };
        assert_eq!((change.per_s("a"), change.per_s("missing")), (Some(2.0), None));
        assert_eq!((change.quantile("h", 0.5), change.quantile("h", 0.99)), (Some(0.5), Some(0.5)));
        // Started again: it counts from nothing.
        let again = Change { before: &now, now: &before, took };
        assert_eq!(again.per_s("a"), Some(1.5));
        assert_eq!(Change { before: &now, now: &now, took }.quantile("h", 0.5), None);
    }
}
