//! Health is derived from heartbeats, never asserted: a program is ready while each required heartbeat is young enough.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock;

/// How old a heartbeat of something that happens every `period` may get: three periods, but at least five seconds.
#[must_use]
pub fn limit_for(period: Duration) -> Duration {
    (3 * period).max(Duration::from_secs(5))
}

/// The heartbeats of a program.
#[derive(Debug, Default)]
pub(crate) struct Health {
    beats: Mutex<Vec<Arc<Beat>>>,
}

#[derive(Debug)]
struct Beat {
    name: String,
    limit: Duration,
    /// Nanoseconds of uptime at the last beat. A heart that has not beaten yet counts from its registration.
    last: AtomicU64,
}

/// One part of a program that must be seen alive. It stops being required when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Heartbeat(Arc<Beat>);

impl Heartbeat {
    /// Says that the part is alive and has done its work.
    pub fn beat(&self) {
        self.0.last.store(nanos(clock::uptime()), Ordering::Relaxed);
    }
}

fn nanos(uptime: Duration) -> u64 {
    u64::try_from(uptime.as_nanos()).unwrap_or(u64::MAX)
}

impl Health {
    pub(crate) fn require(&self, name: &str, limit: Duration) -> Heartbeat {
        let last = AtomicU64::new(nanos(clock::uptime()));
        let beat = Arc::new(Beat {
            name: name.to_owned(),
            limit,
            last,
        });
        self.beats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&beat));
        Heartbeat(beat)
    }

    /// Why the program is not ready, a sentence for each part that is late; empty if it is ready.
    pub(crate) fn reasons(&self) -> Vec<String> {
        self.reasons_at(clock::uptime())
    }

    fn reasons_at(&self, now: Duration) -> Vec<String> {
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        beats.retain(|beat| Arc::strong_count(beat) > 1);
        beats.iter().filter_map(|beat| beat.reason(now)).collect()
    }
}

impl Beat {
    fn reason(&self, now: Duration) -> Option<String> {
        let age = now.saturating_sub(Duration::from_nanos(self.last.load(Ordering::Relaxed)));
        (age > self.limit).then(|| {
            let (name, age, limit) = (&self.name, age.as_secs_f64(), self.limit.as_secs_f64());
            format!("{name}: last success {age:.1} s ago, limit {limit:.1} s")
        })
    }
}

/// `{"status":"unready","reasons":[…]}`.
pub(crate) fn unready_body(reasons: &[String]) -> String {
    let mut body = String::from(r#"{"status":"unready","reasons":["#);
    for (i, reason) in reasons.iter().enumerate() {
        if i > 0 {
            body.push(',');
        }
        json_string(&mut body, reason);
    }
    body.push_str("]}");
    body
}

fn json_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a string cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unready_once_a_heartbeat_is_older_than_its_limit() {
        let health = Health::default();
        let heart = health.require("cycle", Duration::from_secs(5));
        let start = Duration::from_nanos(heart.0.last.load(Ordering::Relaxed));
        let reasons = |millis| health.reasons_at(start + Duration::from_millis(millis));
        assert_eq!(reasons(5_000), [""; 0]);
        assert_eq!(
            reasons(6_100),
            ["cycle: last success 6.1 s ago, limit 5.0 s"]
        );
        let beat = nanos(start + Duration::from_secs(6));
        heart.0.last.store(beat, Ordering::Relaxed);
        assert_eq!(reasons(6_100), [""; 0]);
        drop(heart);
        assert_eq!(reasons(60_000), [""; 0], "no longer required");
    }

    #[test]
    fn limits_are_three_periods_and_at_least_five_seconds() {
        assert_eq!(limit_for(Duration::from_mins(1)), Duration::from_mins(3));
        assert_eq!(limit_for(Duration::from_secs(1)), Duration::from_secs(5));
    }

    #[test]
    fn reasons_are_escaped() {
        assert_eq!(
            unready_body(&["a \"b\"\n".to_owned(), "c".to_owned()]),
            r#"{"status":"unready","reasons":["a \"b\"\u000a","c"]}"#
        );
    }
}
