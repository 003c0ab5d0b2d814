//! When a job is due: every so often, daily at a time, or by a cron pattern; always in UTC.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use croner::errors::CronError;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// When a job is due.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// At a fixed rate by the monotonic clock: a step of the wall clock changes nothing.
    Every(Duration),
    /// Once a UTC day.
    Daily(Time),
    /// By a cron pattern: five fields, or six with seconds first.
    Cron(Box<Cron>),
}

/// A trigger that is none.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// A period of nothing.
    #[error("a period must be longer than zero")]
    Zero,
    /// Not a time of day.
    #[error("{0:?} is not a time of day; accepted is HH:MM or HH:MM:SS, in UTC")]
    Time(String, #[source] jiff::Error),
    /// Not a cron pattern.
    #[error(
        "{0:?} is not a cron pattern; accepted are five fields such as `0 23 * * *`, or six with seconds first"
    )]
    Cron(String, #[source] CronError),
    /// A pattern that never comes, such as 30 February.
    #[error("{0:?} never comes")]
    Never(String),
}

impl Trigger {
    /// At a fixed rate.
    ///
    /// # Errors
    /// The period is zero.
    pub const fn every(period: Duration) -> Result<Self, TriggerError> {
        if period.is_zero() {
            return Err(TriggerError::Zero);
        }
        Ok(Self::Every(period))
    }

    /// Daily at a time of day, such as `23:00`.
    ///
    /// # Errors
    /// It is not a time of day.
    pub fn daily(time: &str) -> Result<Self, TriggerError> {
        let parsed = Time::strptime("%H:%M", time).or_else(|_| Time::strptime("%H:%M:%S", time));
        parsed
            .map(Self::Daily)
            .map_err(|error| TriggerError::Time(time.to_owned(), error))
    }

    /// By a cron pattern.
    ///
    /// # Errors
    /// It is not a pattern, or never comes.
    pub fn cron(pattern: &str) -> Result<Self, TriggerError> {
        let cron = Cron::from_str(pattern)
            .map_err(|error| TriggerError::Cron(pattern.to_owned(), error))?;
        let trigger = Self::Cron(Box::new(cron));
        match trigger.after(Timestamp::now()) {
            Some(_) => Ok(trigger),
            None => Err(TriggerError::Never(pattern.to_owned())),
        }
    }

    /// The first time after `from` by the calendar; `None` for a fixed rate, which has no calendar, and past the end
    /// of time.
    #[must_use]
    pub fn after(&self, from: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(_) => None,
            Self::Daily(time) => {
                let day = from.to_zoned(TimeZone::UTC).date();
                let of = |day: jiff::civil::Date| {
                    let at = day.to_datetime(*time).to_zoned(TimeZone::UTC).ok()?;
                    Some(at.timestamp())
                };
                of(day)
                    .filter(|at| *at > from)
                    .or_else(|| of(day.checked_add(1.day()).ok()?))
            }
            Self::Cron(cron) => {
                let found = cron.find_next_occurrence(&from.to_zoned(TimeZone::UTC), false);
                found.ok().map(|at| at.timestamp())
            }
        }
    }

    /// The mean time between two ticks, for limits of health: of the next two, by the calendar.
    #[must_use]
    pub fn period(&self) -> Duration {
        if let Self::Every(period) = self {
            return *period;
        }
        let day = Duration::from_hours(24);
        let first = self.after(Timestamp::now());
        let second = first.and_then(|first| self.after(first));
        let between = first
            .zip(second)
            .map(|(first, second)| second.duration_since(first));
        between
            .and_then(|between| Duration::try_from(between).ok())
            .unwrap_or(day)
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(period) => write!(f, "every {period:?}"),
            Self::Daily(time) => write!(f, "daily at {} UTC", time.strftime("%H:%M:%S")),
            Self::Cron(cron) => write!(f, "cron {} UTC", cron.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn daily_is_today_before_its_time_and_tomorrow_from_it_on() {
        let daily = Trigger::daily("23:00").unwrap();
        let next = |from| daily.after(at(from)).unwrap();
        assert_eq!(next("2026-11-22T22:59:59Z"), at("2026-11-22T23:00:00Z"));
        assert_eq!(next("2026-11-22T23:00:00Z"), at("2026-11-23T23:00:00Z"));
        assert_eq!(next("2028-02-28T23:30:00Z"), at("2028-02-29T23:00:00Z"));
    }

    #[test]
    fn cron_knows_leap_days() {
        let cron = Trigger::cron("0 23 29 2 *").unwrap();
        assert_eq!(
            cron.after(at("2026-11-22T00:00:00Z")),
            Some(at("2028-02-29T23:00:00Z"))
        );
    }

    #[test]
    fn what_is_no_trigger_is_refused() {
        assert!(matches!(
            Trigger::every(Duration::ZERO),
            Err(TriggerError::Zero)
        ));
        for time in ["24:00", "9", "", "23:00 UTC"] {
            assert!(
                matches!(Trigger::daily(time), Err(TriggerError::Time(..))),
                "{time}"
            );
        }
        assert!(matches!(
            Trigger::cron("61 * * * *"),
            Err(TriggerError::Cron(..))
        ));
        assert!(matches!(
            Trigger::cron("0 0 30 2 *"),
            Err(TriggerError::Never(_))
        ));
    }
}
