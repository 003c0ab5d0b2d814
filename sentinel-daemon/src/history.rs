//! Real bars to train on and to replay: the embedded EUR/USD hours, and the CSV reader that guards them.
//!
//! Where the figures come from is told in `data/README.md`.

use std::sync::LazyLock;

use thiserror::Error;

use crate::bar::Bar;

/// Bars of [`eurusd`] the model may learn from; the bars after them are replayed and were never seen in training.
pub const TRAINING_BARS: usize = 3_500;

/// Names of the columns, in the order the file must have them.
const COLUMNS: [&str; 6] = ["timestamp", "open", "high", "low", "close", "volume"];

const EURUSD_CSV: &str = include_str!("../data/eurusd_h1.csv");

static EURUSD: LazyLock<Vec<Bar>> =
    LazyLock::new(|| read(EURUSD_CSV).expect("the embedded file is constant and a test reads it"));

/// Why a file of bars is refused. Lines count from 1, the header included.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HistoryError {
    /// The first line is not the header.
    #[error("line 1: the header is `{found}`; accepted: `timestamp,open,high,low,close,volume`")]
    Header {
        /// The first line as it stands.
        found: String,
    },
    /// A line has too few or too many fields.
    #[error("line {line}: {found} fields; accepted: 6 (timestamp,open,high,low,close,volume)")]
    Width {
        /// Line in the file.
        line: usize,
        /// Fields on that line.
        found: usize,
    },
    /// A field is not the number it should be.
    #[error("line {line}, {field}: `{text}`; accepted: {accepted}")]
    Field {
        /// Line in the file.
        line: usize,
        /// Name of the column.
        field: &'static str,
        /// The field as it stands.
        text: String,
        /// What would have been accepted.
        accepted: &'static str,
    },
    /// High and low do not enclose open and close.
    #[error(
        "line {line}, {field}: does not enclose open and close; accepted: low <= open, close <= high"
    )]
    Range {
        /// Line in the file.
        line: usize,
        /// The offending column, `high` or `low`.
        field: &'static str,
    },
    /// A bar does not start after the one before it.
    #[error(
        "line {line}, timestamp: {time} does not follow {previous}; accepted: strictly ascending times"
    )]
    Order {
        /// Line in the file.
        line: usize,
        /// Start of the bar on that line, unix seconds.
        time: i64,
        /// Start of the bar before it, unix seconds.
        previous: i64,
    },
    /// There is a header and nothing else.
    #[error("line 2: no bars; accepted: at least one")]
    Empty,
}

/// The 5,000 embedded hourly EUR/USD bars, oldest first.
#[must_use]
pub fn eurusd() -> &'static [Bar] {
    &EURUSD
}

/// Reads bars from CSV text, oldest first.
///
/// # Errors
/// [`HistoryError`] for the first line that is not a sound bar following the one before it.
pub fn read(csv: &str) -> Result<Vec<Bar>, HistoryError> {
    let mut lines = csv.lines();
    let header = lines.next().unwrap_or_default();
    if !header.split(',').eq(COLUMNS) {
        return Err(HistoryError::Header {
            found: header.to_owned(),
        });
    }
    let mut bars: Vec<Bar> = Vec::new();
    for (index, text) in lines.enumerate() {
        let line = index + 2;
        let bar = read_bar(line, text)?;
        if let Some(previous) = bars
            .last()
            .map(|bar| bar.time)
            .filter(|&previous| previous >= bar.time)
        {
            return Err(HistoryError::Order {
                line,
                time: bar.time,
                previous,
            });
        }
        bars.push(bar);
    }
    if bars.is_empty() {
        Err(HistoryError::Empty)
    } else {
        Ok(bars)
    }
}

fn read_bar(line: usize, text: &str) -> Result<Bar, HistoryError> {
    let fields: Vec<&str> = text.split(',').collect();
    let &[time, open, high, low, close, volume] = fields.as_slice() else {
        return Err(HistoryError::Width {
            line,
            found: fields.len(),
        });
    };
    let time = time.parse().map_err(|_| HistoryError::Field {
        line,
        field: "timestamp",
        text: time.to_owned(),
        accepted: "a whole number of unix seconds",
    })?;
    let bar = Bar {
        time,
        open: price(line, "open", open)?,
        high: price(line, "high", high)?,
        low: price(line, "low", low)?,
        close: price(line, "close", close)?,
        volume: number(
            line,
            "volume",
            volume,
            "a finite number of at least 0",
            |volume| volume >= 0.0,
        )?,
    };
    if bar.high < bar.open.max(bar.close) {
        return Err(HistoryError::Range {
            line,
            field: "high",
        });
    }
    if bar.low > bar.open.min(bar.close) {
        return Err(HistoryError::Range { line, field: "low" });
    }
    Ok(bar)
}

fn price(line: usize, field: &'static str, text: &str) -> Result<f64, HistoryError> {
    number(line, field, text, "a finite number above 0", |price| {
        price > 0.0
    })
}

fn number(
    line: usize,
    field: &'static str,
    text: &str,
    accepted: &'static str,
    sound: fn(f64) -> bool,
) -> Result<f64, HistoryError> {
    // `parse` also takes "NaN" and "inf", which are not figures.
    let value = text
        .parse()
        .ok()
        .filter(|&value: &f64| value.is_finite() && sound(value));
    value.ok_or_else(|| HistoryError::Field {
        line,
        field,
        text: text.to_owned(),
        accepted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};
    use std::fmt::Write as _;

    const HEADER: &str = "timestamp,open,high,low,close,volume\n";

    fn refusal(rows: &str) -> HistoryError {
        read(&format!("{HEADER}{rows}")).unwrap_err()
    }

    #[test]
    fn embedded_file_is_the_one_its_readme_describes() {
        let mut digest = String::new();
        for byte in Sha256::digest(EURUSD_CSV) {
            write!(digest, "{byte:02x}").unwrap();
        }
        assert!(
            include_str!("../data/README.md").contains(&digest),
            "{digest}"
        );
        let bars = eurusd();
        assert_eq!(bars.len(), 5_000);
        assert_eq!(
            (bars[0].time, bars[4_999].time),
            (1_492_592_400, 1_518_015_600)
        );
        assert_eq!(bars[TRAINING_BARS].time, 1_510_200_000);
        assert!(
            bars.iter()
                .all(|bar| bar.time % 3_600 == 0 && bar.volume >= 1.0)
        );
    }

    #[test]
    fn embedded_bars_are_whole_hours_apart_except_at_42_weekends() {
        let hours = eurusd()
            .windows(2)
            .map(|pair| (pair[1].time - pair[0].time) / 3_600);
        let gaps: Vec<i64> = hours.filter(|&hours| hours != 1).collect();
        assert_eq!(gaps.len(), 42);
        assert!(
            gaps.iter().all(|gap| (48..=50).contains(gap) || *gap == 73),
            "{gaps:?}"
        );
    }

    #[test]
    fn prices_keep_their_digits() {
        let bar = eurusd()[0];
        let expected = Bar {
            time: 1_492_592_400,
            open: 1.0716,
            high: 1.0722,
            low: 1.07083,
            close: 1.07219,
            volume: 1_413.0,
        };
        assert_eq!(bar, expected);
    }

    #[test]
    fn header_in_another_order_is_refused() {
        let error = read("timestamp,high,open,low,close,volume\n").unwrap_err();
        assert!(matches!(error, HistoryError::Header { .. }));
        assert_eq!(
            read("").unwrap_err(),
            HistoryError::Header {
                found: String::new()
            }
        );
    }

    #[test]
    fn line_and_field_of_a_bad_figure_are_named() {
        for (row, field) in [
            ("x,1,1,1,1,1", "timestamp"),
            ("3600,NaN,1,1,1,1", "open"),
            ("3600,1,inf,1,1,1", "high"),
            ("3600,1,1,-1,1,1", "low"),
            ("3600,1,1,1,,1", "close"),
            ("3600,1,1,1,1,-0.5", "volume"),
        ] {
            let error = refusal(&format!("0,1,1,1,1,1\n{row}\n"));
            assert!(
                matches!(&error, HistoryError::Field { line: 3, field: named, .. } if *named == field),
                "{row}: {error}"
            );
        }
    }

    #[test]
    fn missing_field_is_refused_with_its_line() {
        assert_eq!(
            refusal("0,1,1,1,1\n"),
            HistoryError::Width { line: 2, found: 5 }
        );
        assert_eq!(refusal("\n"), HistoryError::Width { line: 2, found: 1 });
    }

    #[test]
    fn bar_that_does_not_enclose_its_own_prices_is_refused() {
        assert_eq!(
            refusal("0,1,2,1,2.1,1\n"),
            HistoryError::Range {
                line: 2,
                field: "high"
            }
        );
        assert_eq!(
            refusal("0,1,2,1.1,2,1\n"),
            HistoryError::Range {
                line: 2,
                field: "low"
            }
        );
    }

    #[test]
    fn repeated_hour_is_refused() {
        let error = refusal("3600,1,1,1,1,1\n3600,1,1,1,1,1\n");
        assert_eq!(
            error,
            HistoryError::Order {
                line: 3,
                time: 3_600,
                previous: 3_600
            }
        );
    }

    #[test]
    fn file_without_bars_is_refused() {
        assert_eq!(read(HEADER).unwrap_err(), HistoryError::Empty);
    }
}
