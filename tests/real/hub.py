"""A model server that knows nothing of our code: MLflow's own, serving a model trained by numpy on our training bars.

    hub.py train MODEL_DIR             trains the model and saves it in MLflow's format, for `mlflow models serve`
    hub.py expect MODEL_DIR COUNT      what the model says at the first COUNT replayed bars, one JSON list

Needs mlflow (or mlflow-skinny), numpy and pandas.
"""

import json
import pathlib
import sys

import mlflow.pyfunc
import numpy as np
import pandas as pd

DAEMON = pathlib.Path(__file__).resolve().parents[2] / "sentinel-daemon"
sys.path.insert(0, str(DAEMON / "golden"))
from features import ROWS, features  # noqa: E402

TRAINING_BARS, WINDOW, HORIZON, COLUMNS = 3_500, 200, 4, 22


class Softmax(mlflow.pyfunc.PythonModel):
    """Three classes, linear in the 22 features of the newest bar."""

    def __init__(self, mean, scale, weights):
        self.mean, self.scale, self.weights = mean, scale, weights

    def probabilities(self, row):
        inputs = np.append((row - self.mean) / self.scale, 1.0)
        scores = inputs @ self.weights
        powers = np.exp(scores - scores.max())
        return powers / powers.sum()

    def predict(self, context, model_input, params=None):
        answers = []
        for tabular, sequence in zip(model_input["X_tabular"], model_input["X_sequential"], strict=True):
            row, rows = np.array(tabular, dtype=float), np.array(sequence, dtype=float)
            if row.shape != (COLUMNS,) or rows.shape != (ROWS, COLUMNS):
                raise ValueError(f"X_tabular is {row.shape} and X_sequential {rows.shape}")
            if not (rows[-1] == row).all():
                raise ValueError("X_tabular is not the newest row of X_sequential")
            answers.append(self.probabilities(row).tolist())
        return answers


def bars():
    return pd.read_csv(DAEMON / "data" / "eurusd_h1.csv")


def train():
    past = bars()[:TRAINING_BARS]
    rows = features(past)[WINDOW:-HORIZON].to_numpy()
    close = past["close"].to_numpy()
    moves = (close[HORIZON:] / close[:-HORIZON] - 1)[WINDOW:]
    low, high = np.quantile(moves, [1 / 3, 2 / 3])
    classes = np.eye(3)[np.where(moves < low, 0, np.where(moves > high, 2, 1))]
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    inputs = np.column_stack([(rows - mean) / scale, np.ones(len(rows))])
    weights = np.zeros((COLUMNS + 1, 3))
    for _ in range(500):
        scores = inputs @ weights
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        gap = powers / powers.sum(axis=1, keepdims=True) - classes
        weights -= 0.1 * (inputs.T @ gap / len(inputs) + 0.01 * weights)
    return Softmax(mean, scale, weights)


def expect(model, count):
    """From the bars themselves, each judged with the 200 bars up to it, as the daemon does."""
    history = bars()
    answers = []
    for step in range(TRAINING_BARS, TRAINING_BARS + count):
        newest = features(history[step - WINDOW : step]).to_numpy()[-1]
        answers.append(model.probabilities(newest).tolist())
    return answers


def main():
    what, folder = sys.argv[1:3]
    if what == "train":
        mlflow.pyfunc.save_model(folder, python_model=train(), pip_requirements=[])
    else:
        model = mlflow.pyfunc.load_model(folder).unwrap_python_model()
        json.dump(expect(model, int(sys.argv[3])), sys.stdout)


if __name__ == "__main__":
    main()
