//! Closed bars in, the 22 numbers the model was trained on out; pure, and the same to the last bit everywhere.
//!
//! Every sum runs in a fixed order and nothing but `+ - * /` and `sqrt` is used, which IEEE 754 rounds exactly. The
//! model and the loop call the same [`build`], so a feature cannot mean one thing in training and another live.

mod formula;
#[cfg(test)]
mod golden;
mod series;

use instrument_core::timed;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::series::Series;
use crate::bar::Bar;
use crate::metrics;

/// Closed bars [`build`] looks at, counted from the newest.
pub const LOOKBACK: usize = 200;

/// Rows of the sequence.
pub const WINDOW: usize = 60;

/// Features in a row.
pub const COUNT: usize = 22;

/// Bars before the first row: the 20 returns of `volatility_20` need 21 closes, and no other window is longer.
pub const WARM_UP: usize = 20;

/// Fewest closed bars [`build`] can work with.
pub const REQUIRED: usize = WARM_UP + WINDOW;

/// Names of the features, in the order of a row.
pub const NAMES: [&str; COUNT] = [
    "return_1",
    "return_5",
    "return_10",
    "sma_10",
    "sma_20",
    "ema_10",
    "ema_20",
    "volatility_10",
    "volatility_20",
    "rsi_14",
    "macd",
    "macd_signal",
    "macd_hist",
    "high_low_ratio",
    "close_high_ratio",
    "close_low_ratio",
    "volume_sma_20",
    "volume_ratio",
    "hour",
    "day_of_week",
    "close_diff_5",
    "close_diff_5_diff_5",
];

/// One bar's features, in the order of [`NAMES`].
pub type Row = [f64; COUNT];

/// What the model is asked about one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// The row of the newest bar.
    pub tabular: Row,
    /// The [`WINDOW`] newest rows, oldest first; the last one equals `tabular`.
    pub sequence: Vec<Row>,
}

/// Why no features were built.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FeatureError {
    /// There is too little history.
    #[error("{got} closed bars; needed: at least {needed}")]
    TooFewBars {
        /// Bars handed in.
        got: usize,
        /// Bars needed.
        needed: usize,
    },
    /// A bar holds a figure no price or volume can be.
    #[error(
        "bar {time}, {field}: {value}; accepted: finite prices above 0, finite volumes of at least 0"
    )]
    Figure {
        /// Start of the bar, unix seconds.
        time: i64,
        /// The offending figure.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// Bars are not in order, so "before" has no meaning.
    #[error("bar {time} follows bar {previous}; accepted: strictly ascending times")]
    Order {
        /// Start of the bar, unix seconds.
        time: i64,
        /// Start of the bar before it, unix seconds.
        previous: i64,
    },
    /// Sound figures so extreme that a feature leaves the range of numbers.
    #[error("bar {time}: {feature} is out of the range of numbers")]
    Overflow {
        /// Start of the bar, unix seconds.
        time: i64,
        /// Name of the feature.
        feature: &'static str,
    },
}

/// Builds the features of the newest of `closed`, from at most the last [`LOOKBACK`] bars.
///
/// # Errors
/// [`FeatureError`] when there are fewer than [`REQUIRED`] bars, or a bar is unsound or out of order.
#[timed(metrics::FEATURE_BUILD, on = ok)]
pub fn build(closed: &[Bar]) -> Result<Features, FeatureError> {
    let bars = &closed[closed.len().saturating_sub(LOOKBACK)..];
    if bars.len() < REQUIRED {
        return Err(FeatureError::TooFewBars {
            got: bars.len(),
            needed: REQUIRED,
        });
    }
    let sequence = rows(bars, bars.len() - WINDOW)?;
    Ok(Features {
        tabular: sequence[WINDOW - 1],
        sequence,
    })
}

/// Rows of the bars from index `first` on; averages without an end are seeded with the first bar of `bars`.
fn rows(bars: &[Bar], first: usize) -> Result<Vec<Row>, FeatureError> {
    if bars.len() <= WARM_UP {
        return Err(FeatureError::TooFewBars {
            got: bars.len(),
            needed: WARM_UP + 1,
        });
    }
    check(bars)?;
    let series = Series::of(bars);
    let sound_row = |index: usize| {
        let row = series.row(bars, index);
        match row.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(FeatureError::Overflow {
                time: bars[index].time,
                feature: NAMES[at],
            }),
            None => Ok(row),
        }
    };
    (first.max(WARM_UP)..bars.len()).map(sound_row).collect()
}

fn check(bars: &[Bar]) -> Result<(), FeatureError> {
    let mut previous: Option<i64> = None;
    for bar in bars {
        let time = bar.time;
        if let Some(previous) = previous.filter(|&previous| previous >= time) {
            return Err(FeatureError::Order { time, previous });
        }
        previous = Some(time);
        for (field, value) in [
            ("open", bar.open),
            ("high", bar.high),
            ("low", bar.low),
            ("close", bar.close),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(FeatureError::Figure { time, field, value });
            }
        }
        if !(bar.volume.is_finite() && bar.volume >= 0.0) {
            return Err(FeatureError::Figure {
                time,
                field: "volume",
                value: bar.volume,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hourly bars from Monday 2018-01-01 00:00 UTC with these closes, one tick of range and the volumes 1, 2, 3 ...
    fn bars(closes: impl IntoIterator<Item = f64>) -> Vec<Bar> {
        let bar = |(index, close): (usize, f64)| Bar {
            time: 1_514_764_800 + i64::try_from(index).unwrap() * 3_600,
            open: close,
            high: close * 1.25,
            low: close * 0.5,
            close,
            volume: index as f64 + 1.0,
        };
        closes.into_iter().enumerate().map(bar).collect()
    }

    /// 100, 101, 102 ...: every window has a value that can be worked out on paper.
    fn rising() -> Vec<Bar> {
        bars((0..80).map(|step| 100.0 + f64::from(step)))
    }

    fn feature(row: &Row, name: &str) -> f64 {
        row[NAMES.iter().position(|known| *known == name).unwrap()]
    }

    fn assert_feature(row: &Row, name: &str, expected: f64) {
        let got = feature(row, name);
        assert!(
            (got - expected).abs() < 1e-12 * expected.abs().max(1.0),
            "{name}: {got}, expected {expected}"
        );
    }

    #[test]
    fn steady_rise_gives_the_values_worked_out_by_hand() {
        let row = build(&rising()).unwrap().tabular;
        // The newest close is 179; the means of 170..=179 and 160..=179 lie half a step below their middle.
        for (name, expected) in [
            ("return_1", 1.0 / 178.0),
            ("return_5", 5.0 / 174.0),
            ("return_10", 10.0 / 169.0),
            ("sma_10", 174.5),
            ("sma_20", 169.5),
            ("rsi_14", 100.0),
            ("high_low_ratio", 2.5),
            ("close_high_ratio", 0.8),
            ("close_low_ratio", 2.0),
            ("volume_sma_20", 70.5),
            ("volume_ratio", 80.0 / 70.5),
            ("hour", 7.0),
            ("day_of_week", 3.0),
            ("close_diff_5", 5.0),
            ("close_diff_5_diff_5", 0.0),
        ] {
            assert_feature(&row, name, expected);
        }
    }

    #[test]
    fn averages_without_an_end_lag_a_steady_rise_as_their_closed_form_says() {
        let row = build(&rising()).unwrap().tabular;
        // Seeded on a line of slope 1, an average of weight a lags by (1-a)/a * (1 - (1-a)^n) after n steps.
        let lag = |span: f64| (span - 1.0) / 2.0 * (1.0 - ((span - 1.0) / (span + 1.0)).powi(79));
        assert_feature(&row, "ema_10", 179.0 - lag(10.0));
        assert_feature(&row, "ema_20", 179.0 - lag(20.0));
        assert_feature(&row, "macd", lag(26.0) - lag(12.0));
    }

    #[test]
    fn signal_line_is_the_nine_bar_average_of_macd_and_the_histogram_their_difference() {
        let row = build(&rising()).unwrap().tabular;
        let lag =
            |span: f64, n: i32| (span - 1.0) / 2.0 * (1.0 - ((span - 1.0) / (span + 1.0)).powi(n));
        let mut signal = 0.0;
        for step in 1..80 {
            signal = 0.8 * signal + 0.2 * (lag(26.0, step) - lag(12.0, step));
        }
        assert_feature(&row, "macd_signal", signal);
        assert_feature(
            &row,
            "macd_hist",
            feature(&row, "macd") - feature(&row, "macd_signal"),
        );
    }

    #[test]
    fn volatility_divides_by_one_less_than_the_count() {
        // Closes that alternate 100, 125: the returns alternate +1/4, -1/5; deviations of 0.225 around 0.025.
        let row = build(&bars(
            (0..80).map(|step| if step % 2 == 0 { 100.0 } else { 125.0 }),
        ))
        .unwrap()
        .tabular;
        assert_feature(&row, "volatility_10", 0.225 * (10.0_f64 / 9.0).sqrt());
        assert_feature(&row, "volatility_20", 0.225 * (20.0_f64 / 19.0).sqrt());
    }

    #[test]
    fn still_market_has_strength_50_and_no_volume_ratio() {
        let mut still = bars([1.0; 80]);
        for bar in &mut still {
            bar.volume = 0.0;
        }
        let row = build(&still).unwrap().tabular;
        assert_feature(&row, "rsi_14", 50.0);
        assert_feature(&row, "volume_ratio", 0.0);
        assert_feature(&row, "volatility_20", 0.0);
    }

    #[test]
    fn sequence_ends_with_the_tabular_row() {
        let features = build(crate::history::eurusd()).unwrap();
        assert_eq!(features.sequence.len(), WINDOW);
        assert_eq!(features.sequence.last(), Some(&features.tabular));
    }

    #[test]
    fn bars_beyond_the_look_back_change_nothing() {
        let history = crate::history::eurusd();
        assert_eq!(build(history), build(&history[history.len() - LOOKBACK..]));
    }

    #[test]
    fn one_bar_too_few_is_refused_with_both_counts() {
        let error = build(&rising()[1..]).unwrap_err();
        assert_eq!(
            error,
            FeatureError::TooFewBars {
                got: 79,
                needed: 80
            }
        );
        assert_eq!(
            build(&[]).unwrap_err(),
            FeatureError::TooFewBars { got: 0, needed: 80 }
        );
    }

    #[test]
    fn figures_that_cannot_be_are_refused_by_name() {
        for name in ["open", "high", "low", "close", "volume"] {
            for value in [f64::NAN, f64::INFINITY, -1.0] {
                let mut bars = rising();
                let bar = &mut bars[40];
                match name {
                    "open" => bar.open = value,
                    "high" => bar.high = value,
                    "low" => bar.low = value,
                    "close" => bar.close = value,
                    _ => bar.volume = value,
                }
                let error = build(&bars).unwrap_err();
                assert!(
                    matches!(error, FeatureError::Figure { field, .. } if field == name),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn bars_out_of_order_are_refused() {
        let mut bars = rising();
        bars.swap(10, 11);
        let (time, previous) = (bars[11].time, bars[10].time);
        assert_eq!(
            build(&bars).unwrap_err(),
            FeatureError::Order { time, previous }
        );
    }

    #[test]
    fn overflow_is_an_error_and_not_a_feature() {
        let mut bars = rising();
        bars[79].high = f64::MAX;
        bars[79].low = f64::MIN_POSITIVE;
        let error = build(&bars).unwrap_err();
        assert!(
            matches!(
                error,
                FeatureError::Overflow {
                    feature: "high_low_ratio",
                    ..
                }
            ),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn rows_of_a_prefix_are_those_of_the_whole(
            closes in prop::collection::vec(0.5_f64..2.0, WARM_UP + 1..120),
            cut in 0.0_f64..1.0,
        ) {
            let bars = bars(closes);
            let kept = WARM_UP + 1 + (cut * (bars.len() - WARM_UP - 1) as f64) as usize;
            let whole = rows(&bars, 0).unwrap();
            let prefix = rows(&bars[..kept], 0).unwrap();
            prop_assert_eq!(&whole[..prefix.len()], prefix.as_slice());
        }

        #[test]
        fn features_are_finite_or_refused(
            closes in prop::collection::vec(
                prop_oneof![200 => 0.5_f64..2.0, 1 => prop::num::f64::POSITIVE],
                REQUIRED,
            ),
        ) {
            if let Ok(features) = build(&bars(closes)) {
                let mut numbers = features.sequence.iter().flatten();
                prop_assert!(numbers.all(|number| number.is_finite()));
            }
        }
    }
}
