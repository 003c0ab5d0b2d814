//! Softmax regression: three linear scores over standardised inputs, turned into probabilities.
//!
//! Everything runs in a fixed order with `libm`, so the same rows give the same weights to the last bit everywhere.

use serde::{Deserialize, Serialize};

use super::input::COUNT;
use super::{Class, ModelError};

/// Standard deviations beyond which an input says no more; one freak bar must not outvote all else.
const CLIP: f64 = 4.0;

/// Passes over all rows. Half as many already give the same log loss to within 0.0001.
const STEPS: usize = 150;

/// Share of the gradient taken in each step; steady for standardised inputs.
const RATE: f64 = 0.5;

/// Largest size of a parameter; keeps every score finite.
const LARGEST: f64 = 1e100;

/// The inputs at one bar, and what came true.
pub(super) type Labelled = ([f64; COUNT], Class);

/// The parameters of the regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Softmax {
    /// Strength of the pull of the weights to 0.
    l2: f64,
    /// Mean of each input over the training rows.
    means: [f64; COUNT],
    /// Standard deviation of each input over the training rows.
    scales: [f64; COUNT],
    /// One row of weights for each class.
    weights: [[f64; COUNT]; 3],
    /// One bias for each class.
    biases: [f64; 3],
}

impl Softmax {
    /// Fits the parameters to `rows`, each with its class, by plain gradient descent over all rows at once.
    pub(super) fn fit(rows: &[Labelled], l2: f64) -> Self {
        let (means, scales) = moments(rows);
        let mut softmax = Self {
            l2,
            means,
            scales,
            weights: [[0.0; COUNT]; 3],
            biases: [0.0; 3],
        };
        let rows: Vec<Labelled> = rows
            .iter()
            .map(|(inputs, class)| (softmax.standardise(inputs), *class))
            .collect();
        for _ in 0..STEPS {
            softmax.step(&rows);
        }
        softmax
    }

    /// One step down the gradient of the mean log loss plus `l2 / 2` times the squared weights.
    fn step(&mut self, rows: &[Labelled]) {
        let count = rows.len() as f64;
        let mut weights = [[0.0; COUNT]; 3];
        let mut biases = [0.0; 3];
        for (row, class) in rows {
            let mut errors = self.standardised_probabilities(row);
            errors[*class as usize] -= 1.0;
            for (class, error) in errors.into_iter().enumerate() {
                biases[class] += error;
                for (weight, value) in weights[class].iter_mut().zip(row) {
                    *weight += error * value;
                }
            }
        }
        for class in 0..3 {
            self.biases[class] -= RATE * biases[class] / count;
            for (weight, slope) in self.weights[class].iter_mut().zip(weights[class]) {
                *weight -= RATE * (slope / count + self.l2 * *weight);
            }
        }
    }

    /// Probabilities of the three classes; NaN if an input is.
    pub(super) fn probabilities(&self, inputs: &[f64; COUNT]) -> [f64; 3] {
        self.standardised_probabilities(&self.standardise(inputs))
    }

    fn standardise(&self, inputs: &[f64; COUNT]) -> [f64; COUNT] {
        std::array::from_fn(|index| {
            ((inputs[index] - self.means[index]) / self.scales[index]).clamp(-CLIP, CLIP)
        })
    }

    fn standardised_probabilities(&self, row: &[f64; COUNT]) -> [f64; 3] {
        let mut scores = self.biases;
        for (score, weights) in scores.iter_mut().zip(&self.weights) {
            for (weight, value) in weights.iter().zip(row) {
                *score += weight * value;
            }
        }
        // Shifted by the largest score, no exponential can overflow.
        let largest = scores[0].max(scores[1]).max(scores[2]);
        let powers = scores.map(|score| libm::exp(score - largest));
        let sum = powers[0] + powers[1] + powers[2];
        powers.map(|power| power / sum)
    }

    /// Refuses parameters that could give a probability which is no number.
    pub(super) fn check(&self) -> Result<(), ModelError> {
        if let Some(&value) = self
            .scales
            .iter()
            .find(|&&scale| !(scale > 0.0 && scale <= LARGEST))
        {
            return Err(ModelError::Number {
                field: "scales",
                value,
                accepted: "above 0, at most 1e100",
            });
        }
        let groups: [(&'static str, &[f64]); 4] = [
            ("l2", &[self.l2]),
            ("means", &self.means),
            ("weights", self.weights.as_flattened()),
            ("biases", &self.biases),
        ];
        for (field, values) in groups {
            if let Some(&value) = values
                .iter()
                .find(|value| value.is_nan() || value.abs() > LARGEST)
            {
                return Err(ModelError::Number {
                    field,
                    value,
                    accepted: "finite, at most 1e100 in size",
                });
            }
        }
        Ok(())
    }
}

/// Mean and standard deviation (divisor n) of each input over the rows.
fn moments(rows: &[Labelled]) -> ([f64; COUNT], [f64; COUNT]) {
    let count = rows.len() as f64;
    let mut means = [0.0; COUNT];
    for (row, _) in rows {
        for (mean, value) in means.iter_mut().zip(row) {
            *mean += value / count;
        }
    }
    let mut variances = [0.0; COUNT];
    for (row, _) in rows {
        for (index, variance) in variances.iter_mut().enumerate() {
            *variance += (row[index] - means[index]) * (row[index] - means[index]) / count;
        }
    }
    (means, variances.map(f64::sqrt))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows whose first input tells the class and whose others tell nothing.
    fn telling_rows() -> Vec<Labelled> {
        let row = |index: usize| {
            let class = Class::ALL[index % 3];
            let mut inputs: [f64; COUNT] =
                std::array::from_fn(|input| ((index / 3) % (input + 2)) as f64);
            inputs[0] = 100.0 + 10.0 * (class as usize as f64);
            (inputs, class)
        };
        (0..300).map(row).collect()
    }

    #[test]
    fn fit_finds_the_input_that_tells_the_class() {
        let rows = telling_rows();
        let softmax = Softmax::fit(&rows, 0.001);
        for (inputs, class) in &rows {
            assert_eq!(Class::likeliest(&softmax.probabilities(inputs)), *class);
        }
    }

    #[test]
    fn stronger_pull_gives_smaller_weights() {
        let rows = telling_rows();
        let size = |softmax: &Softmax| {
            softmax
                .weights
                .as_flattened()
                .iter()
                .map(|weight| weight * weight)
                .sum::<f64>()
        };
        assert!(size(&Softmax::fit(&rows, 0.3)) < size(&Softmax::fit(&rows, 0.01)));
    }

    #[test]
    fn moments_are_those_worked_out_by_hand() {
        let rows = [([1.0; COUNT], Class::Sell), ([5.0; COUNT], Class::Buy)];
        assert_eq!(moments(&rows), ([3.0; COUNT], [2.0; COUNT]));
    }

    #[test]
    fn input_beyond_the_clip_says_no_more() {
        let softmax = Softmax::fit(&telling_rows(), 0.01);
        let far = softmax.probabilities(&[1e300; COUNT]);
        assert!(
            far.iter().all(|probability| probability.is_finite()),
            "{far:?}"
        );
        assert_eq!(Some(far), Some(softmax.probabilities(&[1e6; COUNT])));
    }

    #[test]
    fn untrained_scores_are_evenly_split() {
        let zero = Softmax {
            l2: 0.0,
            means: [0.0; COUNT],
            scales: [1.0; COUNT],
            weights: [[0.0; COUNT]; 3],
            biases: [0.0; 3],
        };
        assert_eq!(
            Some(zero.probabilities(&[1.0; COUNT])),
            Some([1.0 / 3.0; 3])
        );
    }
}
