//! A model server: answers with the probabilities of our own model, in the words of `MLflow` and of the Open Inference
//! Protocol.
//!
//! It is strict on purpose. A server that answers an unreadable row with a neutral value hides that nobody predicts.

pub mod open_inference;
mod request;

use std::io;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state as layer;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::request::RequestError;
use super::traffic::{self, Route};
use crate::features::Features;
use crate::model::Model;

/// Largest request body, bytes: some 300 rows as programs usually write them.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// Probabilities of SELL, HOLD and BUY for each row asked about.
#[derive(Serialize)]
struct Predictions {
    predictions: Vec<[f64; 3]>,
}

/// Why a request is refused.
#[derive(Debug, Error)]
enum Refusal {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("body: could not be read; accepted: at most {BODY_LIMIT} bytes")]
    Body(#[from] BytesRejection),
    #[error(
        "row {row}: features without a meaning, as an average price of 0; accepted: features of real bars"
    )]
    Meaningless { row: usize },
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Body(rejection) => rejection.status(),
            Self::Request(_) | Self::Meaningless { .. } => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE {
            "PAYLOAD_TOO_LARGE"
        } else {
            "BAD_REQUEST"
        };
        // The alternate form tells the causes too, such as the place in the body that is not JSON.
        let message = format!("{:#}", anyhow::Error::from(self));
        let body = json!({ "error_code": code, "message": message });
        (status, Json(body)).into_response()
    }
}

/// Serves `model` on `listener` until `stop`.
///
/// # Errors
/// What the listener reports.
pub async fn serve(listener: TcpListener, model: Model, stop: CancellationToken) -> io::Result<()> {
    serve_beside(Router::new(), listener, model, stop).await
}

/// As [`serve`], beside other pages.
pub(super) async fn serve_beside(
    pages: Router,
    listener: TcpListener,
    model: Model,
    stop: CancellationToken,
) -> io::Result<()> {
    let at = |route| layer(route, traffic::answer);
    let health = Router::new()
        .route("/ping", get(healthy))
        .route("/health", get(healthy))
        .route("/v2/health/live", get(healthy))
        .route("/v2/health/ready", get(healthy))
        .route("/version", get(async || env!("CARGO_PKG_VERSION")))
        .route_layer(at(Route::Health));
    let router = Router::new()
        .route(
            "/invocations",
            post(invocations).layer(at(Route::Invocations)),
        )
        .route(
            "/v2/models/{name}",
            get(open_inference::metadata).layer(at(Route::ModelMetadata)),
        )
        .route(
            "/v2/models/{name}/ready",
            get(open_inference::metadata).layer(at(Route::ModelMetadata)),
        )
        .route(
            "/v2/models/{name}/infer",
            post(open_inference::infer).layer(at(Route::Infer)),
        )
        .merge(health)
        .fallback_service(
            get(async || StatusCode::NOT_FOUND)
                .fallback(async || StatusCode::NOT_FOUND)
                .layer(at(Route::Other)),
        )
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Arc::new(model))
        .merge(pages);
    super::serve_http(listener, router, stop, super::DRAIN).await
}

/// The model, as handlers share it.
type Served = Arc<Model>;

async fn healthy() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn invocations(
    State(model): State<Served>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Predictions>, Refusal> {
    let rows = request::read(&body?)?;
    let predictions: Result<_, _> = rows
        .iter()
        .enumerate()
        .map(|(row, features)| predict(&model, row, features))
        .collect();
    Ok(Json(Predictions {
        predictions: predictions?,
    }))
}

fn predict(model: &Model, row: usize, features: &Features) -> Result<[f64; 3], Refusal> {
    let probabilities = model.predict(features);
    // JSON has no NaN: the caller would read null.
    if probabilities
        .iter()
        .all(|probability| probability.is_finite())
    {
        Ok(probabilities)
    } else {
        Err(Refusal::Meaningless { row })
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::Running;
    use super::*;
    use crate::{features, history};
    use axum::http::Method;

    async fn call(method: Method, path: &str, body: String) -> (u16, String) {
        let running =
            Running::start(|listener, stop| serve(listener, Model::shipped(), stop)).await;
        let request = running
            .client
            .request(method, format!("{}{path}", running.url))
            .body(body);
        let reply = request.send().await.unwrap();
        let answer = (reply.status().as_u16(), reply.text().await.unwrap());
        running.stop().await.unwrap();
        answer
    }

    async fn invoke(body: Value) -> (u16, Value) {
        let (status, body) = call(Method::POST, "/invocations", body.to_string()).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    fn features(bars: usize) -> Features {
        features::build(&history::eurusd()[..bars]).unwrap()
    }

    fn instance(features: &Features) -> Value {
        json!({ "X_tabular": features.tabular, "X_sequential": features.sequence })
    }

    #[tokio::test]
    async fn every_form_gives_what_the_model_says_in_the_order_asked() {
        let (one, other) = (features(4_000), features(4_500));
        let model = Model::shipped();
        let expected = json!({ "predictions": [model.predict(&one), model.predict(&other)] });
        let split = json!({ "dataframe_split": {
            "columns": ["X_tabular", "X_sequential"],
            "data": [[one.tabular, one.sequence], [other.tabular, other.sequence]],
        }});
        let swapped = json!({ "dataframe_split": {
            "columns": ["X_sequential", "X_tabular"],
            "data": [[one.sequence, one.tabular], [other.sequence, other.tabular]],
        }});
        let instances = json!({ "instances": [instance(&one), instance(&other)] });
        let inputs = json!({ "inputs": {
            "X_tabular": [one.tabular, other.tabular],
            "X_sequential": [one.sequence, other.sequence],
        }});
        for body in [split, swapped, instances, inputs] {
            assert_eq!(invoke(body).await, (200, expected.clone()));
        }
    }

    #[tokio::test]
    async fn refusal_names_the_field_what_it_got_and_what_is_accepted() {
        let mut features = instance(&features(4_000));
        features["X_tabular"].as_array_mut().unwrap().pop();
        let (status, body) = invoke(json!({ "instances": [features] })).await;
        let message = "instances[0].X_tabular: 21 elements; accepted: a list of 22 finite numbers";
        assert_eq!(
            (status, body),
            (
                400,
                json!({ "error_code": "BAD_REQUEST", "message": message })
            )
        );
    }

    #[tokio::test]
    async fn number_beyond_all_range_is_refused() {
        let body = r#"{"instances":[{"X_tabular":[1e999]}]}"#.to_owned();
        let (status, body) = call(Method::POST, "/invocations", body).await;
        assert_eq!(status, 400);
        assert!(body.contains("number out of range at line 1"), "{body}");
    }

    #[tokio::test]
    async fn features_without_a_meaning_are_refused_and_not_answered_with_null() {
        let mut features = features(4_000);
        features.tabular[5] = 0.0;
        features.tabular[6] = 0.0;
        let (status, body) = invoke(json!({ "instances": [instance(&features)] })).await;
        assert_eq!(status, 400);
        assert!(
            body["message"]
                .as_str()
                .unwrap()
                .starts_with("row 0: features without a meaning"),
            "{body}"
        );
    }

    #[tokio::test]
    async fn body_over_the_limit_is_too_large() {
        let (status, body) = call(Method::POST, "/invocations", " ".repeat(BODY_LIMIT + 1)).await;
        assert_eq!(status, 413);
        assert!(
            body.contains("PAYLOAD_TOO_LARGE") && body.contains("8388608"),
            "{body}"
        );
    }

    #[tokio::test]
    async fn server_says_that_it_is_well_and_which_it_is() {
        for path in ["/ping", "/health"] {
            let answer = call(Method::GET, path, String::new()).await;
            assert_eq!(answer, (200, r#"{"status":"ok"}"#.to_owned()));
        }
        let answer = call(Method::GET, "/version", String::new()).await;
        assert_eq!(answer, (200, env!("CARGO_PKG_VERSION").to_owned()));
    }
}
