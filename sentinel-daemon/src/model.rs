//! The model: which way the next hours go, as three probabilities, and when that is sure enough to trade.
//!
//! A softmax regression, small enough to read. How it was trained and how little it knows is in [`train`] and in
//! `model/README.md`.

mod input;
mod softmax;
pub mod train;

use instrument_core::LabelValue;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::softmax::Softmax;
use crate::bar::Side;
use crate::features::Features;

/// Version of the file format this build reads and writes.
pub const FORMAT: u32 = 1;

const SHIPPED: &str = include_str!("../model/eurusd_h1.json");

/// What the price does within the horizon, in the order of the probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, LabelValue)]
#[serde(rename_all = "UPPERCASE")]
#[label(rename_all = "UPPERCASE")]
pub enum Class {
    /// It falls.
    Sell,
    /// It stays about where it is.
    Hold,
    /// It rises.
    Buy,
}

impl Class {
    /// All classes, in the order of the probabilities.
    pub const ALL: [Self; 3] = [Self::Sell, Self::Hold, Self::Buy];

    /// The class with the highest of `probabilities`; of equals, the first.
    #[must_use]
    pub fn likeliest(probabilities: &[f64; 3]) -> Self {
        let mut best = 0;
        for class in 1..probabilities.len() {
            if probabilities[class] > probabilities[best] {
                best = class;
            }
        }
        Self::ALL[best]
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sell => "SELL",
            Self::Hold => "HOLD",
            Self::Buy => "BUY",
        })
    }
}

/// A trained model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Model {
    parameters: Parameters,
}

/// The model as it stands in its file; a [`Model`] only ever holds checked ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    format: u32,
    training: Training,
    horizon: usize,
    sell_below: f64,
    buy_above: f64,
    threshold: f64,
    inputs: Vec<String>,
    softmax: Softmax,
}

/// What a model was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Start of the first bar used, unix seconds.
    pub from: i64,
    /// Start of the last bar used, labels included, unix seconds.
    pub to: i64,
    /// Labelled rows.
    pub rows: usize,
}

/// Why a file is not a model.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The text is no JSON of the right shape.
    #[error("not a model file")]
    Json(#[from] serde_json::Error),
    /// The file is of another format version.
    #[error("format: {got}; accepted: {FORMAT}")]
    Format {
        /// The version in the file.
        got: u32,
    },
    /// The model was trained on other inputs than this build computes.
    #[error("inputs: {got:?}; accepted: {accepted:?}")]
    Inputs {
        /// Names in the file.
        got: Vec<String>,
        /// Names of this build's inputs.
        accepted: &'static [&'static str],
    },
    /// A number that no training gives.
    #[error("{field}: {value}; accepted: {accepted}")]
    Number {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What would have been accepted.
        accepted: &'static str,
    },
}

impl Model {
    /// The model trained on the embedded EUR/USD bars.
    ///
    /// # Panics
    /// Never: the embedded file is constant and a test reads it.
    #[must_use]
    pub fn shipped() -> Self {
        Self::from_json(SHIPPED).expect("the embedded file is constant and a test reads it")
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`ModelError`] when the text is not a model this build can use.
    pub fn from_json(text: &str) -> Result<Self, ModelError> {
        Self::new(serde_json::from_str(text)?)
    }

    fn new(parameters: Parameters) -> Result<Self, ModelError> {
        if parameters.format != FORMAT {
            return Err(ModelError::Format {
                got: parameters.format,
            });
        }
        if parameters.inputs != input::NAMES {
            return Err(ModelError::Inputs {
                got: parameters.inputs,
                accepted: &input::NAMES,
            });
        }
        if parameters.horizon == 0 {
            return Err(ModelError::Number {
                field: "horizon",
                value: 0.0,
                accepted: "at least 1 bar",
            });
        }
        let threshold = parameters.threshold;
        if !(0.0..=1.0).contains(&threshold) {
            return Err(ModelError::Number {
                field: "threshold",
                value: threshold,
                accepted: "0 to 1",
            });
        }
        parameters.softmax.check()?;
        Ok(Self { parameters })
    }

    /// Probabilities that the price falls, stays and rises within the horizon; they sum to 1.
    ///
    /// Features of [`build`](crate::features::build) always give finite probabilities. Features made up by hand may
    /// not (an average price of 0 has no ratio to another one); then all three are NaN.
    #[must_use]
    pub fn predict(&self, features: &Features) -> [f64; 3] {
        self.parameters.softmax.probabilities(&input::of(features))
    }

    /// The trade these probabilities call for: the likeliest class is not HOLD and its probability is strictly above
    /// the [`threshold`](Self::threshold).
    #[must_use]
    pub fn trade(&self, probabilities: &[f64; 3]) -> Option<Side> {
        let (class, side) = match Class::likeliest(probabilities) {
            Class::Sell => (Class::Sell, Side::Sell),
            Class::Hold => return None,
            Class::Buy => (Class::Buy, Side::Buy),
        };
        (probabilities[class as usize] > self.parameters.threshold).then_some(side)
    }

    /// Probability a trade must exceed, chosen in training so that about one bar in five trades.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        self.parameters.threshold
    }

    /// Bars the prediction looks ahead.
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.parameters.horizon
    }

    /// What the model was trained on.
    #[must_use]
    pub fn training(&self) -> Training {
        self.parameters.training
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features;
    use crate::history;
    use serde_json::{Value, json};

    /// The shipped file with the field at `pointer` replaced.
    fn tampered(pointer: &str, value: Value) -> Result<Model, ModelError> {
        let mut file: Value = serde_json::from_str(SHIPPED).unwrap();
        *file.pointer_mut(pointer).unwrap() = value;
        Model::from_json(&file.to_string())
    }

    #[test]
    fn shipped_model_was_trained_on_the_training_part_alone() {
        let training = Model::shipped().training();
        let bars = history::eurusd();
        assert_eq!(training.from, bars[0].time);
        assert_eq!(training.to, bars[history::TRAINING_BARS - 1].time);
    }

    #[test]
    fn probabilities_of_every_replayed_bar_sum_to_one() {
        let model = Model::shipped();
        let bars = history::eurusd();
        for end in (history::TRAINING_BARS..bars.len()).step_by(50) {
            let features = features::build(&bars[..end]).unwrap();
            let probabilities = model.predict(&features);
            let sum: f64 = probabilities.iter().sum();
            assert!((sum - 1.0).abs() < 1e-12, "{probabilities:?}");
        }
    }

    #[test]
    fn trade_needs_more_than_the_threshold() {
        let model = tampered("/threshold", json!(0.5)).unwrap();
        assert_eq!(model.trade(&[0.2, 0.3, 0.5]), None);
        assert_eq!(model.trade(&[0.2, 0.29, 0.51]), Some(Side::Buy));
        assert_eq!(model.trade(&[0.51, 0.29, 0.2]), Some(Side::Sell));
    }

    #[test]
    fn certain_hold_is_no_trade() {
        assert_eq!(Model::shipped().trade(&[0.0, 1.0, 0.0]), None);
    }

    #[test]
    fn first_of_equals_is_the_likeliest() {
        assert_eq!(Class::likeliest(&[0.4, 0.4, 0.2]), Class::Sell);
        assert_eq!(Class::likeliest(&[0.2, 0.4, 0.4]), Class::Hold);
    }

    #[test]
    fn model_of_another_format_is_refused() {
        let error = tampered("/format", json!(2)).unwrap_err();
        assert!(matches!(error, ModelError::Format { got: 2 }), "{error}");
    }

    #[test]
    fn model_of_other_inputs_is_refused() {
        let error = tampered("/inputs/0", json!("return_2")).unwrap_err();
        assert!(
            matches!(&error, ModelError::Inputs { got, .. } if got[0] == "return_2"),
            "{error}"
        );
    }

    #[test]
    fn weights_of_another_shape_are_refused() {
        for pointer in [
            "/softmax/weights",
            "/softmax/weights/1",
            "/softmax/biases",
            "/softmax/means",
        ] {
            let error = tampered(pointer, json!([])).unwrap_err();
            assert!(matches!(&error, ModelError::Json(_)), "{pointer}: {error}");
        }
    }

    #[test]
    fn numbers_no_training_gives_are_refused_by_name() {
        for (pointer, value, name) in [
            ("/threshold", json!(1.5), "threshold"),
            ("/horizon", json!(0), "horizon"),
            ("/softmax/scales/3", json!(0.0), "scales"),
            ("/softmax/means/0", json!(1e200), "means"),
            ("/softmax/weights/2/0", json!(-1e200), "weights"),
            ("/softmax/biases/1", json!(1e200), "biases"),
        ] {
            let error = tampered(pointer, value).unwrap_err();
            assert!(
                matches!(&error, ModelError::Number { field, .. } if *field == name),
                "{error}"
            );
        }
    }

    #[test]
    fn text_that_is_no_model_is_refused() {
        assert!(matches!(Model::from_json("{}"), Err(ModelError::Json(_))));
    }
}
