//! Training: fits the model to the first 3,500 bars, and says on the bars after them how little it knows.
//!
//! Everything is chosen on the training part alone: the bounds of the classes, the pull of the weights to 0 (on the
//! last fifth of that part), the threshold. Running it again gives the same files, byte for byte.

mod evaluation;

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

pub use self::evaluation::{ClassReport, Evaluation, Part, Validation};
use super::input;
use super::softmax::{Labelled, Softmax};
use super::{Class, FORMAT, Model, ModelError, Parameters, Training};
use crate::bar::Bar;
use crate::features::{self, FeatureError, LOOKBACK};
use crate::history::TRAINING_BARS;

/// Bars the model looks ahead.
const HORIZON: usize = 4;

/// Pulls of the weights to 0 to choose from.
const L2_CANDIDATES: [f64; 3] = [0.03, 0.1, 0.3];

/// One bar in this many is to trade in the training part.
const BARS_PER_TRADE: usize = 5;

/// File of the model, in the directory [`write`] is given.
const MODEL_FILE: &str = "eurusd_h1.json";

/// File of the evaluation, in the directory [`write`] is given.
const EVALUATION_FILE: &str = "evaluation.json";

/// Why there is no model, or no file of it.
#[derive(Debug, Error)]
pub enum TrainError {
    /// There are no bars left to evaluate the model on.
    #[error("{got} bars; needed: at least {needed}")]
    TooFewBars {
        /// Bars handed in.
        got: usize,
        /// Bars needed.
        needed: usize,
    },
    /// The bars give no features.
    #[error("the bars give no features")]
    Features(#[from] FeatureError),
    /// The fit gave no usable parameters, as when an input never changes.
    #[error("the fit gave no usable model")]
    Model(#[from] ModelError),
    /// The model prefers HOLD so often that no threshold lets enough bars trade.
    #[error("{candidates} bars lean to a trade; needed: more than {wanted}")]
    TooFewTrades {
        /// Bars whose likeliest class is SELL or BUY.
        candidates: usize,
        /// Bars that are to trade.
        wanted: usize,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// What the model sees at one bar, and what the price did afterwards.
struct Example {
    inputs: [f64; input::COUNT],
    /// Fractional move of the close over the horizon, in units of the volatility known at the bar.
    outcome: f64,
}

/// Bounds that make three classes of the outcomes.
#[derive(Clone, Copy)]
struct Bounds {
    sell_below: f64,
    buy_above: f64,
}

impl Bounds {
    /// Bounds that split `examples` into three classes of the same size.
    fn thirds(examples: &[Example]) -> Self {
        let mut outcomes: Vec<f64> = examples.iter().map(|example| example.outcome).collect();
        outcomes.sort_by(f64::total_cmp);
        let third = outcomes.len() / 3;
        Self {
            sell_below: outcomes[third],
            buy_above: outcomes[outcomes.len() - 1 - third],
        }
    }

    fn label(self, examples: &[Example]) -> Vec<Labelled> {
        let label = |example: &Example| (example.inputs, self.class(example.outcome));
        examples.iter().map(label).collect()
    }

    fn class(self, outcome: f64) -> Class {
        if outcome < self.sell_below {
            Class::Sell
        } else if outcome > self.buy_above {
            Class::Buy
        } else {
            Class::Hold
        }
    }
}

/// Trains on the first [`TRAINING_BARS`] of `bars` and evaluates on all of them.
///
/// # Errors
/// [`TrainError`] when there are too few bars, or they are unsound, or nothing can be learnt from them.
pub fn train(bars: &[Bar]) -> Result<(Model, Evaluation), TrainError> {
    let needed = TRAINING_BARS + HORIZON + 1;
    if bars.len() < needed {
        return Err(TrainError::TooFewBars {
            got: bars.len(),
            needed,
        });
    }
    // The training part is cut off first, so that no feature and no label can see a bar beyond it.
    let past = &bars[..TRAINING_BARS];
    let training = examples(past, LOOKBACK - 1..past.len() - HORIZON)?;
    let replay = examples(bars, TRAINING_BARS..bars.len() - HORIZON)?;

    let bounds = Bounds::thirds(&training);
    let (rows, replayed) = (bounds.label(&training), bounds.label(&replay));
    let validations = L2_CANDIDATES.map(|l2| validate(&rows, l2));
    let softmax = Softmax::fit(&rows, best(&validations));

    let model = Model::new(Parameters {
        format: FORMAT,
        training: Training {
            from: past[0].time,
            to: past[past.len() - 1].time,
            rows: rows.len(),
        },
        horizon: HORIZON,
        sell_below: bounds.sell_below,
        buy_above: bounds.buy_above,
        threshold: threshold(&softmax, &rows)?,
        inputs: input::NAMES.map(str::to_owned).to_vec(),
        softmax,
    })?;
    let evaluation = Evaluation::of(&model, validations.to_vec(), &rows, &replayed);
    Ok((model, evaluation))
}

/// The examples of the bars at `indices`, each seen through the look-back the loop uses.
fn examples(bars: &[Bar], indices: Range<usize>) -> Result<Vec<Example>, FeatureError> {
    let example = |index: usize| {
        let features = features::build(&bars[index + 1 - LOOKBACK..=index])?;
        let change = bars[index + HORIZON].close / bars[index].close - 1.0;
        let outcome = change / input::volatility(&features.tabular);
        Ok(Example {
            inputs: input::of(&features),
            outcome,
        })
    };
    indices.map(example).collect()
}

/// Fits the first four fifths of the training rows and scores the last fifth.
fn validate(rows: &[Labelled], l2: f64) -> Validation {
    let tail = rows.len() - rows.len() / 5;
    // The labels of the last rows before the tail look into it; they stay out of the fit.
    let softmax = Softmax::fit(&rows[..tail - HORIZON], l2);
    let judged = evaluation::judge(&softmax, &rows[tail..]);
    Validation {
        l2,
        accuracy: evaluation::accuracy(&judged),
        log_loss: evaluation::log_loss(&judged),
    }
}

/// The candidate with the smallest log loss.
fn best(validations: &[Validation]) -> f64 {
    let mut best = &validations[0];
    for validation in validations {
        if validation.log_loss < best.log_loss {
            best = validation;
        }
    }
    best.l2
}

/// The probability that just one in [`BARS_PER_TRADE`] of `rows` exceeds with a class other than HOLD.
fn threshold(softmax: &Softmax, rows: &[Labelled]) -> Result<f64, TrainError> {
    let mut candidates: Vec<f64> = Vec::new();
    for (inputs, _) in rows {
        let probabilities = softmax.probabilities(inputs);
        let class = Class::likeliest(&probabilities);
        if class != Class::Hold {
            candidates.push(probabilities[class as usize]);
        }
    }
    candidates.sort_by(f64::total_cmp);
    let wanted = rows.len() / BARS_PER_TRADE;
    let at = candidates.len().checked_sub(wanted + 1);
    at.map(|at| candidates[at]).ok_or(TrainError::TooFewTrades {
        candidates: candidates.len(),
        wanted,
    })
}

/// Writes the model and its evaluation as JSON files into `directory`, which must exist.
///
/// # Errors
/// [`TrainError::Write`] with the file that could not be written.
pub fn write(directory: &Path, model: &Model, evaluation: &Evaluation) -> Result<(), TrainError> {
    write_file(directory.join(MODEL_FILE), model)?;
    write_file(directory.join(EVALUATION_FILE), evaluation)
}

fn write_file(path: PathBuf, value: &impl Serialize) -> Result<(), TrainError> {
    let written = pretty(value).and_then(|text| fs::write(&path, text));
    written.map_err(|source| TrainError::Write { path, source })
}

fn pretty(value: &impl Serialize) -> io::Result<String> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history;
    use Class::{Buy, Hold, Sell};
    use std::sync::LazyLock;

    const COMMITTED: [(&str, &str); 2] = [
        (MODEL_FILE, include_str!("../../model/eurusd_h1.json")),
        (EVALUATION_FILE, include_str!("../../model/evaluation.json")),
    ];

    static TRAINED: LazyLock<(Model, Evaluation)> =
        LazyLock::new(|| train(history::eurusd()).unwrap());

    /// `UPDATE=1` rewrites the committed files instead of comparing them.
    #[test]
    fn training_again_gives_the_committed_files_byte_for_byte() {
        let (model, evaluation) = &*TRAINED;
        let updating = std::env::var_os("UPDATE").is_some_and(|value| value == "1");
        if updating {
            write(
                &Path::new(env!("CARGO_MANIFEST_DIR")).join("model"),
                model,
                evaluation,
            )
            .unwrap();
            return;
        }
        let trained = [pretty(model).unwrap(), pretty(evaluation).unwrap()];
        for ((name, committed), trained) in COMMITTED.iter().zip(&trained) {
            assert!(
                committed == trained,
                "{name} differs; UPDATE=1 rewrites it:\n{trained}"
            );
        }
    }

    #[test]
    fn bars_after_the_training_part_do_not_change_the_model() {
        let mut bars = history::eurusd()[..=TRAINING_BARS + HORIZON].to_vec();
        for bar in &mut bars[TRAINING_BARS..] {
            bar.close *= 2.0;
            bar.high *= 2.0;
        }
        let (model, _) = train(&bars).unwrap();
        assert_eq!(model, TRAINED.0);
    }

    #[test]
    fn written_files_read_back_as_the_same_model() {
        let (model, evaluation) = &*TRAINED;
        let directory = std::env::temp_dir().join(format!("train-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&directory).unwrap();
        write(&directory, model, evaluation).unwrap();
        let read = fs::read_to_string(directory.join(MODEL_FILE)).unwrap();
        assert!(directory.join(EVALUATION_FILE).exists());
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(&Model::from_json(&read).unwrap(), model);
    }

    #[test]
    fn directory_that_is_not_there_is_named() {
        let (model, evaluation) = &*TRAINED;
        let missing = std::env::temp_dir().join(uuid::Uuid::new_v4().to_string());
        let error = write(&missing, model, evaluation).unwrap_err();
        assert!(
            matches!(&error, TrainError::Write { path, .. } if path.starts_with(&missing)),
            "{error}"
        );
    }

    #[test]
    fn bars_of_the_training_part_alone_are_too_few() {
        let error = train(&history::eurusd()[..TRAINING_BARS]).unwrap_err();
        assert!(
            matches!(
                error,
                TrainError::TooFewBars {
                    got: 3_500,
                    needed: 3_505
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn outcomes_are_split_into_thirds() {
        let example = |outcome| Example {
            inputs: [0.0; input::COUNT],
            outcome,
        };
        let examples: Vec<Example> = [5.0, 1.0, 3.0, 6.0, 2.0, 4.0]
            .into_iter()
            .map(example)
            .collect();
        let bounds = Bounds::thirds(&examples);
        let classes: Vec<Class> = examples
            .iter()
            .map(|example| bounds.class(example.outcome))
            .collect();
        assert_eq!(classes, [Buy, Sell, Hold, Buy, Sell, Hold]);
    }

    #[test]
    fn smallest_loss_is_the_best() {
        let validation = |l2, log_loss| Validation {
            l2,
            accuracy: 0.5,
            log_loss,
        };
        let best = best(&[
            validation(0.1, 1.2),
            validation(0.2, 1.0),
            validation(0.3, 1.1),
        ]);
        assert!((best - 0.2).abs() < f64::EPSILON);
    }

    #[test]
    fn first_thirty_replayed_bars_hold_a_few_trades() {
        let model = Model::shipped();
        let bars = history::eurusd();
        let trades = (TRAINING_BARS..TRAINING_BARS + 30).filter(|&index| {
            let features = features::build(&bars[..=index]).unwrap();
            model.trade(&model.predict(&features)).is_some()
        });
        assert!(trades.count() >= 2);
    }
}
