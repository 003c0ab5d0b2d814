//! `MLflow`'s scoring protocol, as a client speaks it: one row asked, one row answered.

use serde::{Deserialize, Serialize};

use crate::features::{Features, Row};
use crate::http::CallError;

/// `{"dataframe_split":{"columns":[…],"data":[[[22 numbers],[60 × 22 numbers]]]}}`
#[derive(Serialize)]
pub(super) struct Request<'a> {
    dataframe_split: Split<'a>,
}

#[derive(Serialize)]
struct Split<'a> {
    columns: [&'static str; 2],
    data: [(&'a Row, &'a [Row]); 1],
}

impl<'a> Request<'a> {
    pub(super) fn of(features: &'a Features) -> Self {
        let dataframe_split = Split {
            columns: ["X_tabular", "X_sequential"],
            data: [(&features.tabular, &features.sequence)],
        };
        Self { dataframe_split }
    }
}

/// A row for each row asked, bare or under a key.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Reply {
    /// As current servers answer.
    Keyed {
        /// A row for each row asked.
        predictions: Vec<Vec<f64>>,
    },
    /// As old ones did.
    Bare(Vec<Vec<f64>>),
}

impl Reply {
    /// The one row.
    pub(super) fn row(self) -> Result<Vec<f64>, CallError> {
        let (Self::Keyed { predictions: rows } | Self::Bare(rows)) = self;
        match <[_; 1]>::try_from(rows) {
            Ok([row]) => Ok(row),
            Err(rows) if rows.is_empty() => Err(CallError::Empty),
            Err(rows) => Err(CallError::BadAnswer(format!("{} rows for one", rows.len()))),
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
        let json = serde_json::to_value(Request::of(&features)).unwrap();
        let row = &json["dataframe_split"]["data"][0];
        assert_eq!(row[0].as_array().unwrap().len(), 22);
        let sequence = row[1].as_array().unwrap();
        assert_eq!(
            (sequence.len(), sequence[0].as_array().unwrap().len()),
            (60, 22)
        );
        assert_eq!((&row[0][0], &row[1][59][21]), (&1.5.into(), &2.5.into()));
    }
}
