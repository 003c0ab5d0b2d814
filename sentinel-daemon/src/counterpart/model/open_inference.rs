//! The Open Inference Protocol, version 2, as the model server speaks it: one model, two tensors in, one out.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::request::{self, RequestError};
use super::{Refusal, Served, predict};
use crate::features::{COUNT, Features, Row, WINDOW};

/// The name of the one model.
pub const MODEL: &str = "eurusd_h1";

const INPUTS_ACCEPTED: &str = "`X_tabular` and `X_sequential`, each once";
const DATA_ACCEPTED: &str = "as many finite numbers as the shape says, flat or nested";
const MOST_ROWS: u64 = 1_000;

/// A refusal in this protocol's words.
pub(super) struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let status = refusal.status();
        Self(status, format!("{:#}", anyhow::Error::from(refusal)))
    }
}

fn known(name: &str) -> Result<(), Refused> {
    if name == MODEL {
        return Ok(());
    }
    let text = format!("model: unknown; accepted: `{MODEL}`");
    Err(Refused(StatusCode::NOT_FOUND, text))
}

/// `GET /v2/models/{name}`
pub(super) async fn metadata(Path(name): Path<String>) -> Result<Json<Value>, Refused> {
    known(&name)?;
    let tensor =
        |name: &str, shape: Value| json!({ "name": name, "datatype": "FP64", "shape": shape });
    Ok(Json(json!({
        "name": MODEL,
        "versions": [env!("CARGO_PKG_VERSION")],
        "platform": "sentinel-daemon",
        "inputs": [tensor("X_tabular", json!([-1, COUNT])), tensor("X_sequential", json!([-1, WINDOW, COUNT]))],
        "outputs": [tensor("probabilities", json!([-1, 3]))],
    })))
}

/// `POST /v2/models/{name}/infer`
pub(super) async fn infer(
    State(model): State<Served>,
    Path(name): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refused> {
    known(&name)?;
    let body: Value = serde_json::from_slice(&body.map_err(Refusal::from)?)
        .map_err(|error| Refusal::Request(error.into()))?;
    let rows = read(&body).map_err(Refusal::Request)?;
    let predictions = rows
        .iter()
        .enumerate()
        .map(|(row, features)| predict(&model, row, features))
        .collect::<Result<Vec<_>, _>>()?;
    let mut answer = json!({
        "model_name": MODEL,
        "model_version": env!("CARGO_PKG_VERSION"),
        "outputs": [{
            "name": "probabilities",
            "datatype": "FP64",
            "shape": [predictions.len(), 3],
            "data": predictions.as_flattened(),
        }],
    });
    if let Some(id) = body.get("id") {
        answer["id"] = id.clone();
    }
    Ok(Json(answer))
}

/// Reads the features of every row.
fn read(body: &Value) -> Result<Vec<Features>, RequestError> {
    let tabular = tensor(body, "X_tabular", &[COUNT])?;
    let sequential = tensor(body, "X_sequential", &[WINDOW, COUNT])?;
    let (one, other) = (tabular.len() / COUNT, sequential.len() / (WINDOW * COUNT));
    if one != other {
        return Err(RequestError::field(
            "inputs",
            format!("{one} and {other} rows"),
            "as many rows of one as of the other",
        ));
    }
    let (tabular, _) = tabular.as_chunks::<COUNT>();
    let (sequential, _) = sequential.as_chunks::<COUNT>();
    let sequences = sequential.chunks(WINDOW).map(<[Row]>::to_vec);
    Ok(tabular
        .iter()
        .zip(sequences)
        .map(|(&tabular, sequence)| Features { tabular, sequence })
        .collect())
}

/// The numbers of the input of that name, whose shape is a number of rows and then `inner`.
fn tensor(body: &Value, name: &str, inner: &[usize]) -> Result<Vec<f64>, RequestError> {
    let inputs = body["inputs"].as_array().map_or(&[][..], Vec::as_slice);
    let mut named = inputs.iter().filter(|input| input["name"] == name);
    let (Some(input), None) = (named.next(), named.next()) else {
        let got = format!("{} inputs", inputs.len());
        return Err(RequestError::field("inputs", got, INPUTS_ACCEPTED));
    };
    if input["datatype"] != "FP64" {
        let got = request::kind(&input["datatype"]);
        return Err(RequestError::field(
            format!("{name}.datatype"),
            got,
            "`FP64`",
        ));
    }
    let shape: Vec<_> = input["shape"]
        .as_array()
        .map(|shape| shape.iter().filter_map(Value::as_u64).collect())
        .unwrap_or_default();
    let wanted = inner.iter().map(|&size| size as u64);
    let fits = shape
        .first()
        .is_some_and(|rows| (1..=MOST_ROWS).contains(rows))
        && shape.iter().skip(1).copied().eq(wanted);
    if !fits {
        return Err(RequestError::field(
            format!("{name}.shape"),
            format!("{shape:?}"),
            "up to 1000 rows of [22], and as many of [60, 22]",
        ));
    }
    let mut data = Vec::new();
    flatten(&input["data"], &mut data).ok_or_else(|| {
        RequestError::field(format!("{name}.data"), "something else", DATA_ACCEPTED)
    })?;
    if data.len() as u64 == shape.iter().product::<u64>() {
        Ok(data)
    } else {
        let got = format!("{} numbers", data.len());
        Err(RequestError::field(
            format!("{name}.data"),
            got,
            DATA_ACCEPTED,
        ))
    }
}

/// Numbers in whatever nesting, in their order; the parser has limited how deep it goes.
fn flatten(value: &Value, into: &mut Vec<f64>) -> Option<()> {
    match value {
        Value::Array(values) => values.iter().try_for_each(|value| flatten(value, into)),
        value => value.as_f64().map(|number| into.push(number)),
    }
}
