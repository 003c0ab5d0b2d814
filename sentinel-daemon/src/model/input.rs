//! What the regression sees: the features, freed of the price level and measured in units of recent volatility.
//!
//! Raw averages of the price would tie the model to the prices of the training months. Ratios do not, and moves in
//! units of volatility mean the same on a calm day and on a wild one.

use std::f64::consts::TAU;

use crate::features::{self, Features, Row};

/// Inputs of the model.
pub(super) const COUNT: usize = 19;

/// Names of the inputs, in order.
pub(super) const NAMES: [&str; COUNT] = [
    "return_1_scaled",
    "return_5_scaled",
    "return_10_scaled",
    "ema_gap_scaled",
    "macd_hist_scaled",
    "rsi_14",
    "volatility_10_to_20",
    "volatility_20",
    "range_scaled",
    "below_high_scaled",
    "above_low_scaled",
    "volume_ratio",
    "hour_sin_24h",
    "hour_cos_24h",
    "hour_sin_12h",
    "hour_cos_12h",
    "day_of_week",
    "sequence_trend_scaled",
    "sequence_volatility_ratio",
];

/// Below this, volatility is taken to be this: a hundredth of a pip at a price of 1, far below any hour traded.
const VOLATILITY_FLOOR: f64 = 1e-6;

// Places of the features in a row; a test holds them against their names.
const RETURN_1: usize = 0;
const RETURN_5: usize = 1;
const RETURN_10: usize = 2;
const EMA_10: usize = 5;
const EMA_20: usize = 6;
const VOLATILITY_10: usize = 7;
const VOLATILITY_20: usize = 8;
const RSI_14: usize = 9;
const MACD_HIST: usize = 12;
const HIGH_LOW_RATIO: usize = 13;
const CLOSE_HIGH_RATIO: usize = 14;
const CLOSE_LOW_RATIO: usize = 15;
const VOLUME_RATIO: usize = 17;
const HOUR: usize = 18;
const DAY_OF_WEEK: usize = 19;

/// The inputs of `features`, in the order of [`NAMES`].
pub(super) fn of(features: &Features) -> [f64; COUNT] {
    let row = &features.tabular;
    let unit = volatility(row);
    let angle = row[HOUR] * TAU / 24.0;
    [
        row[RETURN_1] / unit,
        row[RETURN_5] / unit,
        row[RETURN_10] / unit,
        (row[EMA_10] / row[EMA_20] - 1.0) / unit,
        row[MACD_HIST] / row[EMA_20] / unit,
        row[RSI_14],
        row[VOLATILITY_10] / unit,
        unit,
        (row[HIGH_LOW_RATIO] - 1.0) / unit,
        (row[CLOSE_HIGH_RATIO] - 1.0) / unit,
        (row[CLOSE_LOW_RATIO] - 1.0) / unit,
        row[VOLUME_RATIO],
        libm::sin(angle),
        libm::cos(angle),
        libm::sin(2.0 * angle),
        libm::cos(2.0 * angle),
        row[DAY_OF_WEEK],
        trend(features) / unit,
        unit / mean_volatility(&features.sequence),
    ]
}

/// Recent volatility of a row: standard deviation of the last 20 hourly returns, with a floor.
pub(super) fn volatility(row: &Row) -> f64 {
    row[VOLATILITY_20].max(VOLATILITY_FLOOR)
}

/// Fractional change of the 20-bar average over the sequence.
fn trend(features: &Features) -> f64 {
    features.tabular[EMA_20] / features.sequence[0][EMA_20] - 1.0
}

fn mean_volatility(sequence: &[Row]) -> f64 {
    let mut sum = 0.0;
    for row in sequence {
        sum += volatility(row);
    }
    sum / features::WINDOW as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bar::Bar;
    use crate::history;

    fn features_at(scale: f64) -> Features {
        let scaled = |bar: &Bar| Bar {
            open: bar.open * scale,
            high: bar.high * scale,
            low: bar.low * scale,
            close: bar.close * scale,
            ..*bar
        };
        let bars: Vec<Bar> = history::eurusd().iter().map(scaled).collect();
        features::build(&bars).unwrap()
    }

    #[test]
    fn price_level_leaves_the_inputs_unchanged() {
        for (name, (one, other)) in NAMES
            .iter()
            .zip(of(&features_at(1.0)).iter().zip(of(&features_at(150.0))))
        {
            assert!((one - other).abs() < 1e-7, "{name}: {one} and {other}");
        }
    }

    #[test]
    fn places_are_those_of_the_features_they_name() {
        for (place, name) in [
            (RETURN_1, "return_1"),
            (RETURN_5, "return_5"),
            (RETURN_10, "return_10"),
            (EMA_10, "ema_10"),
            (EMA_20, "ema_20"),
            (VOLATILITY_10, "volatility_10"),
            (VOLATILITY_20, "volatility_20"),
            (RSI_14, "rsi_14"),
            (MACD_HIST, "macd_hist"),
            (HIGH_LOW_RATIO, "high_low_ratio"),
            (CLOSE_HIGH_RATIO, "close_high_ratio"),
            (CLOSE_LOW_RATIO, "close_low_ratio"),
            (VOLUME_RATIO, "volume_ratio"),
            (HOUR, "hour"),
            (DAY_OF_WEEK, "day_of_week"),
        ] {
            assert_eq!(features::NAMES[place], name);
        }
    }

    #[test]
    fn midnight_and_noon_differ_only_in_the_24_hour_wave() {
        let mut features = features_at(1.0);
        features.tabular[HOUR] = 0.0;
        let midnight = of(&features);
        features.tabular[HOUR] = 12.0;
        let noon = of(&features);
        assert!((midnight[13] - 1.0).abs() < 1e-12 && (noon[13] + 1.0).abs() < 1e-12);
        assert!((midnight[15] - noon[15]).abs() < 1e-12);
    }

    #[test]
    fn still_market_has_finite_inputs() {
        let still = Bar {
            time: 0,
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: 0.0,
        };
        let bars: Vec<Bar> = (0..80)
            .map(|hour| Bar {
                time: hour * 3_600,
                ..still
            })
            .collect();
        let inputs = of(&features::build(&bars).unwrap());
        assert!(inputs.iter().all(|input| input.is_finite()), "{inputs:?}");
    }
}
