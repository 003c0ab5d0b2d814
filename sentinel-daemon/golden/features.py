"""The daemon's 22 features, computed by pandas, so that no code of ours vouches for itself.

Reads JSON from standard input: a list of windows, each a list of bars as the price vendor writes them, oldest first.
Writes, for each window, the rows of its 60 newest bars. Needs pandas and nothing else.
"""

import json
import sys

import pandas as pd

ROWS = 60


def features(bars: pd.DataFrame) -> pd.DataFrame:
    close, volume = bars["close"], bars["volume"]
    returns = close.pct_change()
    delta = close.diff()
    gain = delta.clip(lower=0).rolling(14).mean()
    loss = (-delta.clip(upper=0)).rolling(14).mean()
    ema = lambda series, span: series.ewm(span=span, adjust=False).mean()
    macd = ema(close, 12) - ema(close, 26)
    volume_mean = volume.rolling(20).mean()
    moment = pd.to_datetime(bars["timestamp"], unit="s", utc=True)
    return pd.DataFrame(
        {
            "return_1": returns,
            "return_5": close.pct_change(5),
            "return_10": close.pct_change(10),
            "sma_10": close.rolling(10).mean(),
            "sma_20": close.rolling(20).mean(),
            "ema_10": ema(close, 10),
            "ema_20": ema(close, 20),
            "volatility_10": returns.rolling(10).std(),
            "volatility_20": returns.rolling(20).std(),
            "rsi_14": 100 - 100 / (1 + gain / loss),
            "macd": macd,
            "macd_signal": ema(macd, 9),
            "macd_hist": macd - ema(macd, 9),
            "high_low_ratio": bars["high"] / bars["low"],
            "close_high_ratio": close / bars["high"],
            "close_low_ratio": close / bars["low"],
            "volume_sma_20": volume_mean,
            "volume_ratio": volume / volume_mean,
            "hour": moment.dt.hour,
            "day_of_week": moment.dt.day_of_week,
            "close_diff_5": close.diff(5),
            "close_diff_5_diff_5": close.diff(5).diff(5),
        }
    )


def main() -> None:
    windows = json.load(sys.stdin)
    frames = [features(pd.DataFrame(window)) for window in windows]
    json.dump(
        {
            "names": list(frames[0].columns),
            "rows": [frame.tail(ROWS).to_numpy().tolist() for frame in frames],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
