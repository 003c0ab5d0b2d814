//! From probabilities to a signal; pure.

use crate::bar::Side;
use crate::model::Class;

/// The probabilities of SELL, HOLD and BUY, checked: finite, none negative, summing to one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probabilities([f64; 3]);

/// How far the sum may be from one.
const TOLERANCE: f64 = 1e-3;

/// Why numbers are not probabilities of the three classes.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NotProbabilities {
    /// There are not three.
    #[error("{0} probabilities instead of three (SELL, HOLD, BUY)")]
    Count(usize),
    /// One is no probability.
    #[error("{0} is no probability")]
    Value(f64),
    /// They do not sum to one.
    #[error("the probabilities sum to {0}, not to 1")]
    Sum(f64),
}

impl Probabilities {
    /// Checks them.
    ///
    /// # Errors
    /// [`NotProbabilities`].
    pub fn new(row: &[f64]) -> Result<Self, NotProbabilities> {
        let &[sell, hold, buy] = row else {
            return Err(NotProbabilities::Count(row.len()));
        };
        let all = [sell, hold, buy];
        if let Some(bad) = all.into_iter().find(|p| !(0.0..=1.0).contains(p)) {
            return Err(NotProbabilities::Value(bad));
        }
        let sum = sell + hold + buy;
        if (sum - 1.0).abs() > TOLERANCE {
            Err(NotProbabilities::Sum(sum))
        } else {
            Ok(Self(all))
        }
    }

    /// SELL, HOLD and BUY, each with its probability.
    pub fn each(&self) -> impl Iterator<Item = (Class, f64)> {
        Class::ALL.into_iter().zip(self.0)
    }

    /// The likeliest class.
    #[must_use]
    pub fn likeliest(&self) -> Class {
        Class::likeliest(&self.0)
    }

    /// Its probability.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        self.0.into_iter().fold(0.0, f64::max)
    }
}

/// What the strategy wants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signal {
    /// Which way.
    pub action: Side,
    /// The probability behind it.
    pub confidence: f64,
}

/// The signal, if the likeliest class is BUY or SELL and its probability is strictly above `threshold`.
#[must_use]
pub fn decide(probabilities: &Probabilities, threshold: f64) -> Option<Signal> {
    let confidence = probabilities.confidence();
    let action = match probabilities.likeliest() {
        Class::Sell => Side::Sell,
        Class::Buy => Side::Buy,
        Class::Hold => return None,
    };
    (confidence > threshold).then_some(Signal { action, confidence })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_buy_or_sell_is_a_signal() {
        for (row, threshold, expected) in [
            ([0.2, 0.2, 0.6], 0.5, Some(Side::Buy)),
            ([0.6, 0.2, 0.2], 0.5, Some(Side::Sell)),
            ([0.2, 0.6, 0.2], 0.5, None),
            ([0.25, 0.25, 0.5], 0.5, None), // at the threshold is not above it
            ([0.25, 0.25, 0.5], 0.499, Some(Side::Buy)),
        ] {
            let probabilities = Probabilities::new(&row).unwrap();
            assert_eq!(
                decide(&probabilities, threshold).map(|signal| signal.action),
                expected,
                "{row:?}"
            );
        }
    }

    #[test]
    fn what_is_no_distribution_over_three_classes_is_refused() {
        assert_eq!(Probabilities::new(&[0.5]), Err(NotProbabilities::Count(1)));
        assert_eq!(
            Probabilities::new(&[0.5, 0.5]),
            Err(NotProbabilities::Count(2))
        );
        assert_eq!(
            Probabilities::new(&[-0.1, 0.6, 0.5]),
            Err(NotProbabilities::Value(-0.1))
        );
        assert!(matches!(
            Probabilities::new(&[f64::NAN, 0.5, 0.5]),
            Err(NotProbabilities::Value(_))
        ));
        assert!(matches!(
            Probabilities::new(&[0.5, 0.5, 0.5]),
            Err(NotProbabilities::Sum(_))
        ));
        assert!(
            Probabilities::new(&[0.3335, 0.3335, 0.3335]).is_ok(),
            "within rounding"
        );
    }
}
