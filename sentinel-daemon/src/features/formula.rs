//! The formulas behind the features, each over plain numbers.

/// The `count` values that end with `index`.
pub(super) fn last(values: &[f64], index: usize, count: usize) -> &[f64] {
    &values[index + 1 - count..=index]
}

/// Mean, summed first to last.
pub(super) fn mean(values: &[f64]) -> f64 {
    let mut sum = 0.0;
    for value in values {
        sum += value;
    }
    sum / values.len() as f64
}

/// Sample standard deviation (divisor n - 1).
pub(super) fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let mut sum = 0.0;
    for value in values {
        sum += (value - mean) * (value - mean);
    }
    (sum / (values.len() as f64 - 1.0)).sqrt()
}

/// Recursive exponential average with weight 2 / (span + 1), seeded with the first value.
pub(super) fn ema(values: &[f64], span: f64) -> Vec<f64> {
    let weight = 2.0 / (span + 1.0);
    let mut average = values[0];
    let step = |value: &f64| {
        average += weight * (value - average);
        average
    };
    values.iter().map(step).collect()
}

/// Relative strength from plain sums of the gains and losses between `closes` (Cutler's form, not Wilder's smoothing).
pub(super) fn rsi(closes: &[f64]) -> f64 {
    let (mut gains, mut losses) = (0.0, 0.0);
    for pair in closes.windows(2) {
        let change = pair[1] - pair[0];
        if change > 0.0 {
            gains += change;
        } else {
            losses -= change;
        }
    }
    if losses > 0.0 {
        100.0 - 100.0 / (1.0 + gains / losses)
    } else if gains > 0.0 {
        100.0
    } else {
        50.0
    }
}

/// Hour of the day, UTC, 0 to 23.
pub(super) fn hour(time: i64) -> f64 {
    (time.rem_euclid(86_400) / 3_600) as f64
}

/// Day of the week, UTC, Monday 0 to Sunday 6. Day 0 of unix time was a Thursday.
pub(super) fn day_of_week(time: i64) -> f64 {
    (time.div_euclid(86_400) + 3).rem_euclid(7) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviation_divides_by_one_less_than_the_count() {
        // 1, 2, 3, 4: mean 2.5, squared deviations 5, over 3.
        assert!((deviation(&[1.0, 2.0, 3.0, 4.0]) - (5.0_f64 / 3.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn exponential_average_starts_at_the_first_value() {
        // Span 9 weighs each value with 2/10.
        assert_eq!(ema(&[0.0, 1.0, 3.0], 9.0), [0.0, 0.2, 0.2 + 0.2 * 2.8]);
    }

    #[test]
    fn last_values_end_with_the_index() {
        assert_eq!(last(&[1.0, 2.0, 3.0, 4.0], 2, 2), [2.0, 3.0]);
    }

    #[test]
    fn strength_is_the_share_of_gains() {
        // Gains 3 and 1, losses 1: 100 * 4 / 5.
        assert!((rsi(&[1.0, 4.0, 3.0, 4.0]) - 80.0).abs() < 1e-12);
        assert!(rsi(&[4.0, 3.0, 2.0]).abs() < 1e-12);
    }

    #[test]
    fn clock_features_hold_before_1970_too() {
        // 1969-12-31 was a Wednesday.
        assert_eq!((hour(-1), day_of_week(-1)), (23.0, 2.0));
        assert_eq!((hour(0), day_of_week(0)), (0.0, 3.0));
    }
}
