//! Reads the three request forms of the scoring protocol into features, or says exactly what is wrong with them.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::features::{COUNT, Features, Row, WINDOW};

const TABULAR: &str = "X_tabular";
const SEQUENTIAL: &str = "X_sequential";

const ROW_ACCEPTED: &str = "a list of 22 finite numbers";
const SEQUENCE_ACCEPTED: &str = "a list of 60 lists of 22 finite numbers";
const COLUMNS_ACCEPTED: &str = "`X_tabular` and `X_sequential`, each once";
const FORMS_ACCEPTED: &str = "one of `dataframe_split`, `instances`, `inputs`";

/// Why a request body holds no features.
#[derive(Debug, Error)]
pub(super) enum RequestError {
    /// The body is not JSON, or holds a number beyond the range of numbers.
    #[error("body: unreadable; accepted: JSON with finite numbers")]
    Json(#[from] serde_json::Error),
    /// A field is not what it should be.
    #[error("{field}: {got}; accepted: {accepted}")]
    Field {
        /// Where in the body.
        field: String,
        /// What is there.
        got: String,
        /// What would have been accepted.
        accepted: &'static str,
    },
}

impl RequestError {
    pub(super) fn field(
        field: impl Into<String>,
        got: impl Into<String>,
        accepted: &'static str,
    ) -> Self {
        Self::Field {
            field: field.into(),
            got: got.into(),
            accepted,
        }
    }
}

/// Reads the features of every row of a request body; there is at least one.
pub(super) fn read(body: &[u8]) -> Result<Vec<Features>, RequestError> {
    let body: Value = serde_json::from_slice(body)?;
    let form = object("body", &body, FORMS_ACCEPTED)?;
    let mut members = form.iter();
    let (Some((name, value)), None) = (members.next(), members.next()) else {
        return Err(RequestError::field("body", names(form), FORMS_ACCEPTED));
    };
    match name.as_str() {
        "dataframe_split" => from_split(value),
        "instances" => from_instances(value),
        "inputs" => from_inputs(value),
        _ => Err(RequestError::field("body", names(form), FORMS_ACCEPTED)),
    }
}

/// `{"columns": [...], "data": [[cell, cell], ...]}`, the columns in any order.
fn from_split(split: &Value) -> Result<Vec<Features>, RequestError> {
    const ACCEPTED: &str = "`columns` and `data`";
    let (columns, data) = pair("dataframe_split", split, ["columns", "data"], ACCEPTED)?;
    let swapped = match columns.as_array().map(Vec::as_slice) {
        Some([one, other]) if one == TABULAR && other == SEQUENTIAL => false,
        Some([one, other]) if one == SEQUENTIAL && other == TABULAR => true,
        _ => {
            return Err(RequestError::field(
                "dataframe_split.columns",
                columns.to_string(),
                COLUMNS_ACCEPTED,
            ));
        }
    };
    let rows = at_least_one("dataframe_split.data", data)?;
    let read_row = |(index, row): (usize, &Value)| {
        let field = format!("dataframe_split.data[{index}]");
        let cells = list(
            &field,
            row,
            Some(2),
            "a list of one cell for each of the two columns",
        )?;
        let (tabular, sequential) = if swapped { (1, 0) } else { (0, 1) };
        features(&field, &cells[tabular], &cells[sequential])
    };
    rows.iter().enumerate().map(read_row).collect()
}

/// `[{"X_tabular": [...], "X_sequential": [[...], ...]}, ...]`
fn from_instances(instances: &Value) -> Result<Vec<Features>, RequestError> {
    let read_row = |(index, instance): (usize, &Value)| {
        let field = format!("instances[{index}]");
        let (tabular, sequential) =
            pair(&field, instance, [TABULAR, SEQUENTIAL], COLUMNS_ACCEPTED)?;
        features(&field, tabular, sequential)
    };
    at_least_one("instances", instances)?
        .iter()
        .enumerate()
        .map(read_row)
        .collect()
}

/// `{"X_tabular": [[...], ...], "X_sequential": [[[...], ...], ...]}`
fn from_inputs(inputs: &Value) -> Result<Vec<Features>, RequestError> {
    let (tabular, sequential) = pair("inputs", inputs, [TABULAR, SEQUENTIAL], COLUMNS_ACCEPTED)?;
    let tabular = at_least_one("inputs.X_tabular", tabular)?;
    let accepted = "as many rows as `inputs.X_tabular`";
    let sequential = list(
        "inputs.X_sequential",
        sequential,
        Some(tabular.len()),
        accepted,
    )?;
    let read_row = |(index, (tabular, sequential)): (usize, (&Value, &Value))| {
        Ok(Features {
            tabular: row(&format!("inputs.X_tabular[{index}]"), tabular)?,
            sequence: sequence(&format!("inputs.X_sequential[{index}]"), sequential)?,
        })
    };
    tabular
        .iter()
        .zip(sequential)
        .enumerate()
        .map(read_row)
        .collect()
}

fn features(field: &str, tabular: &Value, sequential: &Value) -> Result<Features, RequestError> {
    Ok(Features {
        tabular: row(&format!("{field}.{TABULAR}"), tabular)?,
        sequence: sequence(&format!("{field}.{SEQUENTIAL}"), sequential)?,
    })
}

fn sequence(field: &str, value: &Value) -> Result<Vec<Row>, RequestError> {
    let rows = list(field, value, Some(WINDOW), SEQUENCE_ACCEPTED)?;
    rows.iter()
        .enumerate()
        .map(|(index, value)| row(&format!("{field}[{index}]"), value))
        .collect()
}

fn row(field: &str, value: &Value) -> Result<Row, RequestError> {
    let numbers = list(field, value, Some(COUNT), ROW_ACCEPTED)?;
    let mut row = [0.0; COUNT];
    for (index, (slot, number)) in row.iter_mut().zip(numbers).enumerate() {
        *slot = number.as_f64().ok_or_else(|| {
            RequestError::field(format!("{field}[{index}]"), kind(number), "a finite number")
        })?;
    }
    Ok(row)
}

/// The two members an object must have, and no others.
fn pair<'a>(
    field: &str,
    value: &'a Value,
    members: [&str; 2],
    accepted: &'static str,
) -> Result<(&'a Value, &'a Value), RequestError> {
    let object = object(field, value, accepted)?;
    match (object.get(members[0]), object.get(members[1]), object.len()) {
        (Some(one), Some(other), 2) => Ok((one, other)),
        _ => Err(RequestError::field(field, names(object), accepted)),
    }
}

fn object<'a>(
    field: &str,
    value: &'a Value,
    accepted: &'static str,
) -> Result<&'a Map<String, Value>, RequestError> {
    value
        .as_object()
        .ok_or_else(|| RequestError::field(field, kind(value), accepted))
}

fn at_least_one<'a>(field: &str, value: &'a Value) -> Result<&'a [Value], RequestError> {
    let rows = list(field, value, None, "a list of rows")?;
    if rows.is_empty() {
        Err(RequestError::field(field, "no rows", "at least one row"))
    } else {
        Ok(rows)
    }
}

fn list<'a>(
    field: &str,
    value: &'a Value,
    length: Option<usize>,
    accepted: &'static str,
) -> Result<&'a [Value], RequestError> {
    let elements = value
        .as_array()
        .ok_or_else(|| RequestError::field(field, kind(value), accepted))?;
    if length.is_some_and(|length| length != elements.len()) {
        return Err(RequestError::field(
            field,
            format!("{} elements", elements.len()),
            accepted,
        ));
    }
    Ok(elements)
}

/// The members of an object, to say what was there instead of what was wanted.
fn names(object: &Map<String, Value>) -> String {
    let names: Vec<String> = object.keys().map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "no members".to_owned()
    } else {
        names.join(", ")
    }
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ROW: Row = [1.0; COUNT];

    fn cells() -> (Value, Value) {
        (json!(ROW), json!(vec![ROW; WINDOW]))
    }

    fn refusal(body: &Value) -> String {
        read(body.to_string().as_bytes()).unwrap_err().to_string()
    }

    /// An instance whose value at `pointer` is replaced.
    fn tampered(pointer: &str, value: Value) -> Value {
        let (tabular, sequential) = cells();
        let mut body =
            json!({ "instances": [{ "X_tabular": tabular, "X_sequential": sequential }] });
        *body.pointer_mut(pointer).unwrap() = value;
        body
    }

    #[test]
    fn whole_numbers_are_numbers() {
        let body = tampered("/instances/0/X_tabular/3", json!(7));
        let rows = read(body.to_string().as_bytes()).unwrap();
        assert!((rows[0].tabular[3] - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn row_nested_once_too_often_is_refused() {
        let body = tampered("/instances/0/X_tabular", json!([ROW]));
        assert_eq!(
            refusal(&body),
            "instances[0].X_tabular: 1 elements; accepted: a list of 22 finite numbers"
        );
    }

    #[test]
    fn place_of_what_is_no_number_is_named() {
        let body = tampered("/instances/0/X_sequential/59/21", Value::Null);
        assert_eq!(
            refusal(&body),
            "instances[0].X_sequential[59][21]: null; accepted: a finite number"
        );
    }

    #[test]
    fn sequence_one_row_short_is_refused() {
        let body = tampered("/instances/0/X_sequential", json!(vec![ROW; WINDOW - 1]));
        let expected = "instances[0].X_sequential: 59 elements; accepted: a list of 60 lists of 22 finite numbers";
        assert_eq!(refusal(&body), expected);
    }

    #[test]
    fn missing_and_additional_columns_are_refused() {
        let (tabular, sequential) = cells();
        let accepted = "accepted: `X_tabular` and `X_sequential`, each once";
        let body = json!({ "instances": [{ "X_tabular": tabular }] });
        assert_eq!(
            refusal(&body),
            format!("instances[0]: `X_tabular`; {accepted}")
        );
        let body =
            json!({ "inputs": { "X_tabular": [tabular], "X_sequential": [sequential], "b": 1 } });
        assert_eq!(
            refusal(&body),
            format!("inputs: `X_sequential`, `X_tabular`, `b`; {accepted}")
        );
        let body =
            json!({ "dataframe_split": { "columns": ["X_tabular", "X_tabular"], "data": [] } });
        assert_eq!(
            refusal(&body),
            format!(r#"dataframe_split.columns: ["X_tabular","X_tabular"]; {accepted}"#)
        );
    }

    #[test]
    fn request_without_rows_is_refused_in_every_form() {
        let columns = json!(["X_tabular", "X_sequential"]);
        for (body, field) in [
            (
                json!({ "dataframe_split": { "columns": columns, "data": [] } }),
                "dataframe_split.data",
            ),
            (json!({ "instances": [] }), "instances"),
            (
                json!({ "inputs": { "X_tabular": [], "X_sequential": [] } }),
                "inputs.X_tabular",
            ),
        ] {
            assert_eq!(
                refusal(&body),
                format!("{field}: no rows; accepted: at least one row")
            );
        }
    }

    #[test]
    fn row_of_a_frame_with_a_cell_too_few_is_refused() {
        let body = json!({ "dataframe_split": { "columns": ["X_tabular", "X_sequential"], "data": [[1]] } });
        let expected = "dataframe_split.data[0]: 1 elements; accepted: a list of one cell for each of the two columns";
        assert_eq!(refusal(&body), expected);
    }

    #[test]
    fn columns_of_different_lengths_are_refused() {
        let (tabular, sequential) = cells();
        let body = json!({ "inputs": { "X_tabular": [tabular], "X_sequential": [sequential, sequential] } });
        let expected =
            "inputs.X_sequential: 2 elements; accepted: as many rows as `inputs.X_tabular`";
        assert_eq!(refusal(&body), expected);
    }

    #[test]
    fn unknown_and_doubled_forms_are_refused() {
        let accepted = "accepted: one of `dataframe_split`, `instances`, `inputs`";
        assert_eq!(
            refusal(&json!({ "rows": [] })),
            format!("body: `rows`; {accepted}")
        );
        assert_eq!(refusal(&json!({})), format!("body: no members; {accepted}"));
        assert_eq!(refusal(&json!([])), format!("body: a list; {accepted}"));
        let body = json!({ "inputs": {}, "instances": [] });
        assert_eq!(
            refusal(&body),
            format!("body: `inputs`, `instances`; {accepted}")
        );
    }

    #[test]
    fn text_that_is_no_json_is_refused() {
        assert!(matches!(read(b"NaN"), Err(RequestError::Json(_))));
    }
}
