//! What the market is like, told from the features of the newest bar; pure. It is shown and does not decide anything.

use instrument_core::LabelValue;

use crate::features::{Features, NAMES};

/// A volatility above so many times the window's median is unusual.
const UNUSUAL: f64 = 1.5;

/// What the market is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
pub enum Regime {
    /// The 20-bar volatility is above 1.5 times its median over the window.
    Volatile,
    /// The 10-bar mean lies above the 20-bar mean by more than a bar's volatility.
    TrendUp,
    /// It lies below it by more than that.
    TrendDown,
    /// None of these.
    Range,
}

impl Regime {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Volatile, Self::TrendUp, Self::TrendDown, Self::Range];

    /// The regime at the newest bar.
    #[must_use]
    pub fn of(features: &Features) -> Self {
        let [volatility, fast, slow] = ["volatility_20", "sma_10", "sma_20"].map(column);
        let newest = &features.tabular;
        let mut window: Vec<f64> = features
            .sequence
            .iter()
            .map(|row| row[volatility])
            .collect();
        window.sort_by(f64::total_cmp);
        let usual = window[window.len() / 2];
        if newest[volatility] > UNUSUAL * usual {
            return Self::Volatile;
        }
        let lead = newest[fast] / newest[slow] - 1.0;
        if lead > newest[volatility] {
            Self::TrendUp
        } else if lead < -newest[volatility] {
            Self::TrendDown
        } else {
            Self::Range
        }
    }
}

fn column(name: &str) -> usize {
    let found = NAMES.iter().position(|known| *known == name);
    found.expect("a test shows that it is a feature")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{COUNT, WINDOW};

    #[test]
    fn trend_range_and_unusual_volatility_are_told_apart() {
        for (usual, volatility, fast, slow, expected) in [
            (0.001, 0.001, 1.1, 1.1, Regime::Range),
            (0.001, 0.001, 1.1022, 1.1, Regime::TrendUp),
            (0.001, 0.001, 1.0978, 1.1, Regime::TrendDown),
            (0.001, 0.001, 1.1011, 1.1005, Regime::Range),
            (0.001, 0.0016, 1.2, 1.1, Regime::Volatile),
            (0.001, 0.0015, 1.2, 1.1, Regime::TrendUp),
        ] {
            let mut row = [0.0; COUNT];
            row[column("volatility_20")] = usual;
            let mut features = Features {
                tabular: row,
                sequence: vec![row; WINDOW],
            };
            for (name, value) in [
                ("volatility_20", volatility),
                ("sma_10", fast),
                ("sma_20", slow),
            ] {
                features.tabular[column(name)] = value;
            }
            assert_eq!(
                Regime::of(&features),
                expected,
                "{volatility} {fast} {slow}"
            );
        }
    }
}
