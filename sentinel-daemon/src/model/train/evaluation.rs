//! How good the model is, beside what could be had for nothing.

use serde::Serialize;

use crate::model::softmax::{Labelled, Softmax};
use crate::model::{Class, Model};

/// How one pull of the weights to 0 did on the last fifth of the training part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Validation {
    /// The pull.
    pub l2: f64,
    /// Share of rows whose likeliest class came true.
    pub accuracy: f64,
    /// Mean of minus the natural logarithm of the probability given to what came true.
    pub log_loss: f64,
}

/// How good a model is: on what it learnt from, and on what it had never seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The candidates on the last fifth of the training part; the smallest log loss was taken.
    pub validation: Vec<Validation>,
    /// The part the model learnt from. Flattering by nature.
    pub training: Part,
    /// The part it had never seen.
    pub replay: Part,
    /// The classes one by one, on the replay part: SELL, HOLD, BUY.
    pub replay_classes: Vec<ClassReport>,
}

/// How good a model is on one part of the bars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Part {
    /// Labelled rows.
    pub rows: usize,
    /// Shares of what came true: SELL, HOLD, BUY.
    pub class_shares: [f64; 3],
    /// Share of rows whose likeliest class came true.
    pub accuracy: f64,
    /// Accuracy of always naming the class that is most common in this very part, known only afterwards.
    pub majority_accuracy: f64,
    /// Mean of minus the natural logarithm of the probability given to what came true.
    pub log_loss: f64,
    /// Log loss of always giving the class shares of the training part.
    pub shares_log_loss: f64,
    /// Rows that trade: the likeliest class is SELL or BUY, with a probability above the threshold.
    pub trades: usize,
    /// Trades per row.
    pub trade_share: f64,
    /// Share of the trades whose class came true; none without trades.
    pub trade_hit_rate: Option<f64>,
    /// Share of the trades after which the price did the opposite; none without trades.
    pub trade_opposite_rate: Option<f64>,
}

/// How good a model is at one class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassReport {
    /// The class.
    pub class: Class,
    /// Share of the rows named so that came true so; none if no row is named so.
    pub precision: Option<f64>,
    /// Share of the rows that came true so which were named so; none if no row came true so.
    pub recall: Option<f64>,
}

/// What the model said of a row, and what came true.
pub(super) type Judged = ([f64; 3], Class);

/// Lets the regression judge every row.
pub(super) fn judge(softmax: &Softmax, rows: &[Labelled]) -> Vec<Judged> {
    rows.iter()
        .map(|(inputs, class)| (softmax.probabilities(inputs), *class))
        .collect()
}

impl Evaluation {
    /// Evaluates `model` on the rows of both parts.
    pub(super) fn of(
        model: &Model,
        validation: Vec<Validation>,
        training: &[Labelled],
        replay: &[Labelled],
    ) -> Self {
        let softmax = &model.parameters.softmax;
        let (training, replay) = (judge(softmax, training), judge(softmax, replay));
        let shares = shares(&training);
        Self {
            validation,
            training: Part::of(model, &training, shares),
            replay: Part::of(model, &replay, shares),
            replay_classes: Class::ALL
                .iter()
                .map(|&class| ClassReport::of(class, &replay))
                .collect(),
        }
    }
}

impl Part {
    fn of(model: &Model, judged: &[Judged], training_shares: [f64; 3]) -> Self {
        let own_shares = shares(judged);
        let trades: Vec<&Judged> = judged
            .iter()
            .filter(|(said, _)| model.trade(said).is_some())
            .collect();
        let hits = trades
            .iter()
            .filter(|(said, came)| Class::likeliest(said) == *came)
            .count();
        let held = trades
            .iter()
            .filter(|(_, came)| *came == Class::Hold)
            .count();
        let guessed: Vec<Judged> = judged
            .iter()
            .map(|(_, came)| (training_shares, *came))
            .collect();
        Self {
            rows: judged.len(),
            class_shares: own_shares,
            accuracy: accuracy(judged),
            majority_accuracy: own_shares[0].max(own_shares[1]).max(own_shares[2]),
            log_loss: log_loss(judged),
            shares_log_loss: log_loss(&guessed),
            trades: trades.len(),
            trade_share: trades.len() as f64 / judged.len() as f64,
            trade_hit_rate: share(hits, trades.len()),
            trade_opposite_rate: share(trades.len() - hits - held, trades.len()),
        }
    }
}

impl ClassReport {
    fn of(class: Class, judged: &[Judged]) -> Self {
        let named = judged
            .iter()
            .filter(|(said, _)| Class::likeliest(said) == class);
        let came = judged.iter().filter(|(_, came)| *came == class).count();
        let right = named.clone().filter(|(_, came)| *came == class).count();
        Self {
            class,
            precision: share(right, named.count()),
            recall: share(right, came),
        }
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn shares(judged: &[Judged]) -> [f64; 3] {
    Class::ALL.map(|class| {
        judged.iter().filter(|(_, came)| *came == class).count() as f64 / judged.len() as f64
    })
}

/// Share of rows whose likeliest class came true.
pub(super) fn accuracy(judged: &[Judged]) -> f64 {
    let right = judged
        .iter()
        .filter(|(said, came)| Class::likeliest(said) == *came)
        .count();
    right as f64 / judged.len() as f64
}

/// Mean of minus the natural logarithm of the probability given to what came true.
pub(super) fn log_loss(judged: &[Judged]) -> f64 {
    let mut sum = 0.0;
    for (said, came) in judged {
        sum -= libm::log(said[*came as usize]);
    }
    sum / judged.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SURE_SELL: [f64; 3] = [0.8, 0.1, 0.1];
    const SURE_HOLD: [f64; 3] = [0.1, 0.8, 0.1];
    const SURE_BUY: [f64; 3] = [0.1, 0.1, 0.8];

    /// Two right of five; HOLD is right once of three times it is named.
    const JUDGED: [Judged; 5] = [
        (SURE_SELL, Class::Buy),
        (SURE_HOLD, Class::Hold),
        (SURE_HOLD, Class::Sell),
        (SURE_HOLD, Class::Buy),
        (SURE_BUY, Class::Buy),
    ];

    fn close(got: impl Into<Option<f64>>, expected: f64) -> bool {
        got.into().is_some_and(|got| (got - expected).abs() < 1e-12)
    }

    #[test]
    fn part_counts_what_came_true() {
        let part = Part::of(&Model::shipped(), &JUDGED, [0.25, 0.25, 0.5]);
        assert_eq!((part.rows, part.trades), (5, 2));
        assert!(close(part.accuracy, 0.4));
        assert!(close(part.majority_accuracy, 0.6));
        assert!(close(part.trade_share, 0.4));
        assert!(close(part.trade_hit_rate, 0.5));
        assert!(close(part.trade_opposite_rate, 0.5));
        assert!(close(
            part.log_loss,
            -(2.0 * 0.8_f64.ln() + 3.0 * 0.1_f64.ln()) / 5.0
        ));
        assert!(close(
            part.shares_log_loss,
            -(2.0 * 0.25_f64.ln() + 3.0 * 0.5_f64.ln()) / 5.0
        ));
    }

    #[test]
    fn classes_are_reported_one_by_one() {
        let hold = ClassReport::of(Class::Hold, &JUDGED);
        assert!(close(hold.precision, 1.0 / 3.0) && close(hold.recall, 1.0));
        let buy = ClassReport::of(Class::Buy, &JUDGED);
        assert!(close(buy.precision, 1.0) && close(buy.recall, 1.0 / 3.0));
    }

    #[test]
    fn class_never_named_has_no_precision() {
        let report = ClassReport::of(Class::Sell, &JUDGED[1..3]);
        assert_eq!(report.precision, None);
        assert!(close(report.recall, 0.0));
    }

    #[test]
    fn part_without_trades_has_no_hit_rate() {
        let part = Part::of(&Model::shipped(), &JUDGED[1..3], [0.25, 0.25, 0.5]);
        assert_eq!(
            (part.trades, part.trade_hit_rate, part.trade_opposite_rate),
            (0, None, None)
        );
    }
}
