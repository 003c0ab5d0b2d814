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

#[cfg(test)]
mod tests {
    use super::super::serve;
    use super::*;
    use crate::counterpart::bench::Running;
    use crate::model::Model;
    use crate::prediction::{HubProtocol, Predictor};
    use crate::signal::Probabilities;
    use crate::{features, history};

    async fn server() -> Running {
        Running::start(|listener, stop| serve(listener, Model::shipped(), stop)).await
    }

    async fn infer(body: &Value) -> (u16, Value) {
        let running = server().await;
        let url = format!("{}/v2/models/{MODEL}/infer", running.url);
        let reply = running.client.post(url).json(body).send().await.unwrap();
        let answer = (reply.status().as_u16(), reply.json().await.unwrap());
        running.stop().await.unwrap();
        answer
    }

    fn asked(features: &[&Features]) -> Value {
        let rows = features.len();
        let tabular: Vec<_> = features.iter().map(|one| one.tabular).collect();
        let sequences: Vec<_> = features.iter().map(|one| &one.sequence).collect();
        let tensor = |name: &str, shape: Value, data: Value| json!({ "name": name, "datatype": "FP64", "shape": shape, "data": data });
        json!({ "id": "7", "inputs": [
            tensor("X_sequential", json!([rows, WINDOW, COUNT]), json!(sequences)),
            tensor("X_tabular", json!([rows, COUNT]), json!(tabular)),
        ]})
    }

    fn features(bars: usize) -> Features {
        features::build(&history::eurusd()[..bars]).unwrap()
    }

    #[tokio::test]
    async fn rows_are_answered_in_their_order_with_what_the_model_says() {
        let (one, other) = (features(4_000), features(4_500));
        let (status, answer) = infer(&asked(&[&one, &other])).await;
        let model = Model::shipped();
        let expected = [model.predict(&one), model.predict(&other)].concat();
        let output = &answer["outputs"][0];
        assert_eq!(status, 200, "{answer}");
        assert_eq!(
            (&output["shape"], &output["data"]),
            (&json!([2, 3]), &json!(expected))
        );
        assert_eq!(
            (&answer["id"], &answer["model_name"]),
            (&json!("7"), &json!(MODEL))
        );
    }

    #[tokio::test]
    async fn our_client_gets_the_same_probabilities_over_either_protocol() {
        let running = server().await;
        let asked = features(4_321);
        let expected = Probabilities::new(&Model::shipped().predict(&asked)).unwrap();
        for protocol in [HubProtocol::Mlflow, HubProtocol::Oip] {
            let predictor = Predictor::new(&running.url, protocol, MODEL).unwrap();
            assert_eq!(predictor.predict(&asked).await.unwrap(), expected);
        }
        running.stop().await.unwrap();
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_by_name() {
        for (pointer, value, part) in [
            (
                "/inputs/1/shape",
                json!([1, 23]),
                "X_tabular.shape: [1, 23]",
            ),
            ("/inputs/1/shape", json!([]), "X_tabular.shape"),
            ("/inputs/1/datatype", json!("INT8"), "X_tabular.datatype"),
            ("/inputs/1/data", json!([1, 2]), "X_tabular.data: 2 numbers"),
            ("/inputs/1/data/0/0", json!("x"), "X_tabular.data"),
            ("/inputs/1/name", json!("other"), "inputs: 2 inputs"),
            ("/inputs", json!([]), "inputs: 0 inputs"),
        ] {
            let mut body = asked(&[&features(4_000)]);
            *body.pointer_mut(pointer).unwrap() = value;
            let (status, answer) = infer(&body).await;
            let error = answer["error"].as_str().unwrap_or_default();
            assert!(status == 400 && error.contains(part), "{pointer}: {answer}");
        }
    }

    #[tokio::test]
    async fn the_server_tells_what_it_serves_and_that_it_is_well() {
        let running = server().await;
        let get = async |path: &str| {
            let reply = running.client.get(format!("{}{path}", running.url)).send();
            reply.await.unwrap()
        };
        for path in ["/v2/health/live", "/v2/health/ready"] {
            assert_eq!(get(path).await.status(), 200, "{path}");
        }
        let model: Value = get(&format!("/v2/models/{MODEL}"))
            .await
            .json()
            .await
            .unwrap();
        assert_eq!(model["outputs"][0]["shape"], json!([-1, 3]));
        assert_eq!(get("/v2/models/another").await.status(), 404);
        assert_eq!(get("/nowhere").await.status(), 404);
        running.stop().await.unwrap();
    }
}
