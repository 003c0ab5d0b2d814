//! What a number measures: seconds, milliseconds, bytes, a share; and which values it can take.

/// The unit of a metric or an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Unit {
    /// Not known, or a plain count.
    #[default]
    Unknown,
    Seconds,
    Milliseconds,
    Microseconds,
    /// Seconds since 1970.
    Timestamp,
    /// Milliseconds since 1970.
    TimestampMillis,
    Bytes,
    /// A share, 0 to 1.
    Ratio,
    /// A share, 0 to 100.
    Percent,
}

impl Unit {
    /// The unit that a catalogue states, or else the one that the name ends in.
    pub(crate) fn of(stated: &str, name: &str) -> Self {
        match stated {
            "seconds" | "second" | "s" if Self::of_name(name) == Self::Timestamp => Self::Timestamp,
            "seconds" | "second" | "s" => Self::Seconds,
            "milliseconds" | "millisecond" | "ms" => Self::Milliseconds,
            "microseconds" | "us" => Self::Microseconds,
            "timestamp" | "unix" | "unix_seconds" | "timestamp_seconds" => Self::Timestamp,
            "bytes" | "byte" => Self::Bytes,
            "ratio" => Self::Ratio,
            "percent" => Self::Percent,
            _ => Self::of_name(name),
        }
    }

    fn of_name(name: &str) -> Self {
        let base = ["_total", "_bucket", "_sum"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name);
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| base.ends_with(suffix));
        if ends(&["_timestamp_ms", "_timestamp_milliseconds"]) {
            Self::TimestampMillis
        } else if ends(&[
            "_timestamp",
            "_timestamp_seconds",
            "_timestamp_unix",
            "_time_seconds",
        ]) && !ends(&[
            "_uptime_seconds",
            "_runtime_seconds",
            "_response_time_seconds",
            "_request_time_seconds",
        ]) {
            // `process_start_time_seconds`, but not every time is a point in time.
            if ends(&["_time_seconds"])
                && !base.contains("start")
                && !base.contains("boot")
                && !base.contains("last")
            {
                Self::Unknown
            } else {
                Self::Timestamp
            }
        } else if ends(&["_seconds"]) {
            Self::Seconds
        } else if ends(&["_ms", "_milliseconds", "_millis"]) {
            Self::Milliseconds
        } else if ends(&["_us", "_microseconds"]) {
            Self::Microseconds
        } else if ends(&["_bytes"]) {
            Self::Bytes
        } else if ends(&["_ratio"]) {
            Self::Ratio
        } else if ends(&["_percent", "_pct"]) {
            Self::Percent
        } else {
            Self::Unknown
        }
    }

    /// How a message calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "a plain number",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Timestamp => "seconds since 1970",
            Self::TimestampMillis => "milliseconds since 1970",
            Self::Bytes => "bytes",
            Self::Ratio => "a ratio from 0 to 1",
            Self::Percent => "percent from 0 to 100",
        }
    }

    /// Whether adding or comparing the two makes no sense because one counts in thousandths of the other.
    pub(crate) fn clashes(self, other: Self) -> bool {
        let scale = |unit| match unit {
            Self::Seconds | Self::Timestamp => Some(1),
            Self::Milliseconds | Self::TimestampMillis => Some(1_000),
            Self::Microseconds => Some(1_000_000),
            _ => None,
        };
        let share = |unit| matches!(unit, Self::Ratio | Self::Percent);
        match (scale(self), scale(other)) {
            (Some(a), Some(b)) => a != b,
            _ => share(self) && share(other) && self != other,
        }
    }

    /// The unit after multiplying with `factor`.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        let is = |wanted: f64| (factor / wanted - 1.0).abs() < 1e-9;
        match self {
            unit if is(1.0) => unit,
            Self::Milliseconds if is(1e-3) => Self::Seconds,
            Self::Seconds if is(1e3) => Self::Milliseconds,
            Self::TimestampMillis if is(1e-3) => Self::Timestamp,
            Self::Timestamp if is(1e3) => Self::TimestampMillis,
            Self::Microseconds if is(1e-6) => Self::Seconds,
            Self::Microseconds if is(1e-3) => Self::Milliseconds,
            Self::Seconds if is(1e6) => Self::Microseconds,
            Self::Ratio if is(100.0) => Self::Percent,
            Self::Percent if is(0.01) => Self::Ratio,
            _ => Self::Unknown,
        }
    }

    /// The unit of a difference.
    pub(crate) fn minus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Timestamp, Self::Timestamp) => Self::Seconds,
            (Self::TimestampMillis, Self::TimestampMillis) => Self::Milliseconds,
            (a, b) if a == b => a,
            (a @ Self::Timestamp, Self::Seconds)
            | (a @ Self::TimestampMillis, Self::Milliseconds) => a,
            (Self::Timestamp | Self::TimestampMillis, _) => Self::Unknown,
            (a, Self::Unknown) => a,
            _ => Self::Unknown,
        }
    }
}

/// The values that an expression can have, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Default for Range {
    fn default() -> Self {
        Self {
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
        }
    }
}

impl Range {
    pub(crate) const fn new(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    pub(crate) const fn at_least(low: f64) -> Self {
        Self {
            low,
            high: f64::INFINITY,
        }
    }

    pub(crate) const fn point(value: f64) -> Self {
        Self {
            low: value,
            high: value,
        }
    }

    /// What a filter `value op limit` leaves; `None` if it leaves nothing.
    pub(crate) fn filtered(self, op: &str, limit: Self) -> Option<Self> {
        let left = match op {
            "==" => Self::new(self.low.max(limit.low), self.high.min(limit.high)),
            ">" => Self::new(self.low.max(limit.low.next_up()), self.high),
            ">=" => Self::new(self.low.max(limit.low), self.high),
            "<" => Self::new(self.low, self.high.min(limit.high.next_down())),
            "<=" => Self::new(self.low, self.high.min(limit.high)),
            "!=" if self.low >= self.high && self == limit => return None,
            _ => self,
        };
        (left.low <= left.high).then_some(left)
    }

    /// The range of a number `value op factor`, where the factor is fixed.
    pub(crate) fn with_number(self, op: &str, factor: f64) -> Self {
        let of = |value: f64| match op {
            "+" => value + factor,
            "-" => value - factor,
            "*" => value * factor,
            "/" => value / factor,
            _ => f64::NAN,
        };
        let (a, b) = (of(self.low), of(self.high));
        if a.is_nan() || b.is_nan() {
            return Self::default();
        }
        Self::new(a.min(b), a.max(b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_unit_and_a_catalogue_overrules_it() {
        assert_eq!(
            Unit::of("", "thunes_order_latency_ms_bucket"),
            Unit::Milliseconds
        );
        assert_eq!(Unit::of("", "process_start_time_seconds"), Unit::Timestamp);
        assert_eq!(Unit::of("seconds", "lag"), Unit::Seconds);
        assert_eq!(
            Unit::of("", "sentinel_daemon_uptime_seconds"),
            Unit::Seconds
        );
        assert_eq!(
            Unit::of("", "sentinel_last_cycle_timestamp_unix"),
            Unit::Timestamp
        );
    }

    #[test]
    fn seconds_clash_with_milliseconds_until_they_are_scaled() {
        assert!(Unit::Seconds.clashes(Unit::Milliseconds));
        assert!(!Unit::Seconds.clashes(Unit::Milliseconds.scaled(1.0 / 1000.0)));
        assert!(!Unit::Seconds.clashes(Unit::Unknown));
    }

    #[test]
    fn a_filter_of_a_filter_can_leave_nothing() {
        let down = Range::new(0.0, 1.0).filtered("==", Range::point(0.0));
        assert_eq!(down, Some(Range::point(0.0)));
        assert_eq!(
            down.and_then(|range| range.filtered(">", Range::point(0.0))),
            None
        );
        assert_eq!(Range::at_least(1.0).filtered("<", Range::point(1.0)), None);
        assert!(
            Range::at_least(1.0)
                .filtered("<", Range::point(3.0))
                .is_some()
        );
    }
}
