//! The series behind the features, and the row they make at one bar.

use super::Row;
use super::formula::{day_of_week, deviation, ema, hour, last, mean, rsi};
use crate::bar::Bar;

/// Per-bar series the windows are cut from, all as long as the bars.
pub(super) struct Series {
    closes: Vec<f64>,
    volumes: Vec<f64>,
    /// Fractional change from the close before; 0 for the first bar, which no row uses.
    returns: Vec<f64>,
    ema_10: Vec<f64>,
    ema_20: Vec<f64>,
    macd: Vec<f64>,
    macd_signal: Vec<f64>,
}

impl Series {
    pub(super) fn of(bars: &[Bar]) -> Self {
        let closes: Vec<f64> = bars.iter().map(|bar| bar.close).collect();
        let changes = closes.windows(2).map(|pair| pair[1] / pair[0] - 1.0);
        let returns = std::iter::once(0.0).chain(changes).collect();
        let (fast, slow) = (ema(&closes, 12.0), ema(&closes, 26.0));
        let macd: Vec<f64> = fast
            .iter()
            .zip(&slow)
            .map(|(fast, slow)| fast - slow)
            .collect();
        Self {
            volumes: bars.iter().map(|bar| bar.volume).collect(),
            returns,
            ema_10: ema(&closes, 10.0),
            ema_20: ema(&closes, 20.0),
            macd_signal: ema(&macd, 9.0),
            macd,
            closes,
        }
    }

    /// The row of the bar at `index`, which is at least [`WARM_UP`](super::WARM_UP); reads nothing after `index`.
    pub(super) fn row(&self, bars: &[Bar], index: usize) -> Row {
        let bar = bars[index];
        let change = |back: usize| bar.close / self.closes[index - back] - 1.0;
        let difference = |end: usize| self.closes[end] - self.closes[end - 5];
        let volume_mean = mean(last(&self.volumes, index, 20));
        [
            change(1),
            change(5),
            change(10),
            mean(last(&self.closes, index, 10)),
            mean(last(&self.closes, index, 20)),
            self.ema_10[index],
            self.ema_20[index],
            deviation(last(&self.returns, index, 10)),
            deviation(last(&self.returns, index, 20)),
            rsi(last(&self.closes, index, 15)),
            self.macd[index],
            self.macd_signal[index],
            self.macd[index] - self.macd_signal[index],
            bar.high / bar.low,
            bar.close / bar.high,
            bar.close / bar.low,
            volume_mean,
            if volume_mean > 0.0 {
                bar.volume / volume_mean
            } else {
                0.0
            },
            hour(bar.time),
            day_of_week(bar.time),
            difference(index),
            difference(index) - difference(index - 5),
        ]
    }
}
