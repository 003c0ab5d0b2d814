//! What goes through our own two HTTP servers: counted and timed by the template of its route, never by its path.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use instrument_core::{Exporter, LabelValue, counted, metrics, timed};

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
    /// The page of a server that is a program of its own.
    #[label("/metrics")]
    Metrics,
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

/// An answer's status: those that our servers give, and any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
pub enum Status {
    /// Good.
    #[label("200")]
    Ok,
    /// The request is wrong.
    #[label("400")]
    BadRequest,
    /// There is no such thing.
    #[label("404")]
    NotFound,
    /// There is, but for another method.
    #[label("405")]
    MethodNotAllowed,
    /// The request is too large.
    #[label("413")]
    TooLarge,
    /// The server failed.
    #[label("500")]
    Failed,
    /// Any other.
    #[label("other")]
    Other,
}

metrics! {
    /// Requests to our own HTTP servers that were answered, by the template of their route.
    pub static HTTP_REQUESTS: Counter<(method: HttpMethod, endpoint: Route, status: Status)> = "http_requests_total";
    /// Seconds to answer a request to our own HTTP servers, by the template of its route.
    pub static HTTP_DURATION: Histogram<(method: HttpMethod, endpoint: Route)> = "http_request_duration_seconds",
        buckets = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0];
    /// Requests to our own HTTP servers that are being answered, by the template of their route.
    pub static HTTP_IN_PROGRESS: Gauge<(method: HttpMethod, endpoint: Route)> = "http_requests_in_progress";
}

/// Answers a request of a route, and is counted and timed.
#[timed(HTTP_DURATION, on = ok, labels(method = HttpMethod::of(request.method()), endpoint = route))]
#[counted(HTTP_REQUESTS, on = ok, labels(method = HttpMethod::of(request.method()), endpoint = route, status = Status::of(ret.status())))]
pub(super) async fn answer(State(route): State<Route>, request: Request, next: Next) -> Response {
    let _in_progress = InProgress::begin(HttpMethod::of(request.method()), route);
    next.run(request).await
}

/// A request that is being answered, or whose caller goes away meanwhile.
struct InProgress(HttpMethod, Route);

impl InProgress {
    fn begin(method: HttpMethod, route: Route) -> Self {
        HTTP_IN_PROGRESS.add(method, route, 1.0);
        Self(method, route)
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        HTTP_IN_PROGRESS.add(self.0, self.1, -1.0);
    }
}

/// The page of a server that is a program of its own, at `/metrics` beside what it serves.
pub(super) fn page(exporter: Exporter) -> Router {
    let page = get(async move |headers: HeaderMap| {
        let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        let open = accepted.is_some_and(|accept| accept.contains("application/openmetrics-text"));
        let (kind, page) = if open {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (kind, exporter.render_openmetrics())
        } else {
            (
                "text/plain; version=0.0.4; charset=utf-8",
                exporter.render(),
            )
        };
        ([(CONTENT_TYPE, kind)], page).into_response()
    });
    Router::new().route(
        "/metrics",
        page.layer(from_fn_with_state(Route::Metrics, answer)),
    )
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

impl Status {
    fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            200 => Self::Ok,
            400 => Self::BadRequest,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            413 => Self::TooLarge,
            500 => Self::Failed,
            _ => Self::Other,
        }
    }
}
