//! The model server's client: features in, three probabilities out, or no trade.

use std::time::Duration;

use instrument_core::{counted, timed};
use reqwest::Client;
use serde::{Deserialize, Serialize};

use crate::features::{Features, Row};
use crate::http::{self, CallError};
use crate::metrics::{self, Endpoint};
use crate::signal::Probabilities;

/// How long a prediction may take. Source: the predecessor's.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// A client of one model server that speaks `MLflow`'s scoring protocol.
#[derive(Debug)]
pub struct Predictor {
    client: Client,
    url: String,
}

/// `{"dataframe_split":{"columns":[…],"data":[[[22 numbers],[60 × 22 numbers]]]}}`
#[derive(Serialize)]
struct Request<'a> {
    dataframe_split: Split<'a>,
}

#[derive(Serialize)]
struct Split<'a> {
    columns: [&'static str; 2],
    data: [(&'a Row, &'a [Row]); 1],
}

/// A row for each row asked, bare or under a key.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reply {
    Keyed { predictions: Vec<Vec<f64>> },
    Bare(Vec<Vec<f64>>),
}

impl Predictor {
    /// A client of the model server at `base`, without a trailing path.
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn new(base: &str) -> Result<Self, reqwest::Error> {
        let url = format!("{}/invocations", base.trim_end_matches('/'));
        Ok(Self {
            client: http::client(base, TIMEOUT)?,
            url,
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
        let dataframe_split = Split {
            columns: ["X_tabular", "X_sequential"],
            data: [(&features.tabular, &features.sequence)],
        };
        let request = self
            .client
            .post(&self.url)
            .json(&Request { dataframe_split });
        let (_, reply) = http::call(request, TIMEOUT).await?;
        let (Reply::Keyed { predictions: rows } | Reply::Bare(rows)) = reply;
        match rows.as_slice() {
            [] => Err(CallError::Empty),
            [row] => {
                Probabilities::new(row).map_err(|error| CallError::BadAnswer(error.to_string()))
            }
            more => Err(CallError::BadAnswer(format!("{} rows for one", more.len()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{COUNT, WINDOW};

    #[test]
    fn the_row_is_22_numbers_and_not_nested_once_more() {
        let features = Features {
            tabular: [1.5; COUNT],
            sequence: vec![[2.5; COUNT]; WINDOW],
        };
        let dataframe_split = Split {
            columns: ["X_tabular", "X_sequential"],
            data: [(&features.tabular, &features.sequence)],
        };
        let json = serde_json::to_value(Request { dataframe_split }).unwrap();
        let row = &json["dataframe_split"]["data"][0];
        assert_eq!(row[0].as_array().unwrap().len(), 22);
        assert_eq!(
            (
                row[1].as_array().unwrap().len(),
                row[1][0].as_array().unwrap().len()
            ),
            (60, 22)
        );
        assert_eq!((&row[0][0], &row[1][59][21]), (&1.5.into(), &2.5.into()));
    }
}
