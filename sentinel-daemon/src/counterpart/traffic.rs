//! What goes through our own two HTTP servers: counted and timed by the template of its route, never by its path.

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use instrument_core::{LabelValue, counted, metrics, timed};

/// The routes of both servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
pub enum Route {
    /// The price server's.
    #[label("/api/intraday/{symbol}")]
    Intraday,
    /// The model server's, in `MLflow`'s protocol.
    #[label("/invocations")]
    Invocations,
    /// The model server's, in the Open Inference Protocol.
    #[label("/v2/models/{name}/infer")]
    Infer,
    /// What it says of itself.
    #[label("/v2/models/{name}")]
    ModelMetadata,
    /// Signs of life, in whatever protocol.
    #[label("health")]
    Health,
    /// None of these.
    #[label("other")]
    Other,
}

/// The methods that the routes know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
#[label(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// Reads.
    Get,
    /// Asks with a body.
    Post,
    /// Any other.
    #[label("other")]
    Other,
}

/// The class of an answer's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
pub enum StatusClass {
    /// Good, or at least none of those below.
    #[label("2xx")]
    Good,
    /// The caller's fault.
    #[label("4xx")]
    Caller,
    /// The server's fault.
    #[label("5xx")]
    Server,
}

metrics! {
    /// Requests to our own HTTP servers that were answered, by the template of their route.
    pub static HTTP_REQUESTS: Counter<(route: Route, method: HttpMethod, status: StatusClass)> = "http_requests_total";
    /// Seconds to answer a request to our own HTTP servers, by the template of its route.
    pub static HTTP_DURATION: Histogram<(route: Route, method: HttpMethod, status: StatusClass)> =
        "http_request_duration_seconds",
        buckets = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
}

/// Answers a request of a route, and is counted and timed.
#[timed(HTTP_DURATION, on = ok, labels(route = route, method = HttpMethod::of(request.method()), status = StatusClass::of(ret.status())))]
#[counted(HTTP_REQUESTS, on = ok, labels(route = route, method = HttpMethod::of(request.method()), status = StatusClass::of(ret.status())))]
pub(super) async fn answer(State(route): State<Route>, request: Request, next: Next) -> Response {
    next.run(request).await
}

impl HttpMethod {
    fn of(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::POST => Self::Post,
            _ => Self::Other,
        }
    }
}

impl StatusClass {
    fn of(status: StatusCode) -> Self {
        match status.as_u16() / 100 {
            4 => Self::Caller,
            5 => Self::Server,
            _ => Self::Good,
        }
    }
}
