//! The model server's client: features in, three probabilities out, or no trade.

mod mlflow;
mod open_inference;

use std::time::Duration;

use instrument_core::{LabelValue, counted, timed};
use reqwest::Client;

use crate::features::Features;
use crate::http::{self, CallError};
use crate::metrics::{self, Endpoint};
use crate::signal::{NotProbabilities, Probabilities};

/// How long a prediction may take. Source: the predecessor's.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// Which words a model server understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum HubProtocol {
    /// `MLflow`'s scoring protocol: `POST /invocations`.
    #[default]
    Mlflow,
    /// The Open Inference Protocol, version 2: `POST /v2/models/NAME/infer`.
    Oip,
}

/// Why an answer that came in time and with a good status is unfit to trade on; closed, as it is a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
pub enum Invalid {
    /// It holds nothing.
    Empty,
    /// It is not JSON of the documented shape; not-a-number has no JSON.
    Json,
    /// It is of another number of rows, or lacks the output that was asked for.
    Shape,
    /// It has not three probabilities.
    Count,
    /// One of them is no probability.
    Value,
    /// They do not sum to one.
    Sum,
}

impl Invalid {
    const fn of(error: &CallError) -> Option<Self> {
        Some(match error {
            CallError::Empty => Self::Empty,
            CallError::BadJson { .. } => Self::Json,
            CallError::BadAnswer(_) => Self::Shape,
            CallError::NotProbabilities(NotProbabilities::Count(_)) => Self::Count,
            CallError::NotProbabilities(NotProbabilities::Value(_)) => Self::Value,
            CallError::NotProbabilities(NotProbabilities::Sum(_)) => Self::Sum,
            _ => return None,
        })
    }
}

/// A client of one model server.
#[derive(Debug)]
pub struct Predictor {
    client: Client,
    url: String,
    protocol: HubProtocol,
}

impl Predictor {
    /// A client of the model server at `base`, without a trailing path; `model` is its name there, which only the
    /// Open Inference Protocol knows.
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn new(base: &str, protocol: HubProtocol, model: &str) -> Result<Self, reqwest::Error> {
        let base = base.trim_end_matches('/');
        let url = match protocol {
            HubProtocol::Mlflow => format!("{base}/invocations"),
            HubProtocol::Oip => format!("{base}/v2/models/{model}/infer"),
        };
        Ok(Self {
            client: http::client(base, TIMEOUT)?,
            url,
            protocol,
        })
    }

    /// Asks for the probabilities of SELL, HOLD and BUY.
    ///
    /// # Errors
    /// [`CallError`]; also for an answer that is not three finite probabilities that sum to one.
    #[timed(metrics::PREDICTION_LATENCY, on = ok)]
    #[counted(metrics::PREDICTION_REQUESTS, on = enter)]
    #[counted(metrics::PREDICTION_FAILURES, on = error)]
    #[counted(metrics::API_CALLS, on = enter, labels(endpoint = Endpoint::Hub))]
    #[counted(metrics::API_ERRORS, on = error, labels(endpoint = Endpoint::Hub, error_code = err.code()))]
    pub async fn predict(&self, features: &Features) -> Result<Probabilities, CallError> {
        let asked = self.ask(features).await;
        if let Some(reason) = asked.as_ref().err().and_then(Invalid::of) {
            metrics::PREDICTION_INVALID.inc(reason);
        }
        asked
    }

    async fn ask(&self, features: &Features) -> Result<Probabilities, CallError> {
        let request = self.client.post(&self.url);
        let row = match self.protocol {
            HubProtocol::Mlflow => {
                let request = request.json(&mlflow::Request::of(features));
                http::call::<mlflow::Reply>(request, TIMEOUT).await?.1.row()
            }
            HubProtocol::Oip => {
                let request = request.json(&open_inference::Request::of(features));
                http::call::<open_inference::Reply>(request, TIMEOUT)
                    .await?
                    .1
                    .row()
            }
        };
        Ok(Probabilities::new(&row?)?)
    }
}
