//! What each path answers.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::clock;
use crate::health;
use crate::install::Exporter;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

type Page = Response<Full<Bytes>>;

/// Answers GET and HEAD (whose body hyper leaves out) by path alone; query strings are ignored.
pub(super) fn answer<B>(exporter: &Exporter, request: &Request<B>) -> Page {
    let path = request.uri().path();
    if !matches!(
        path,
        "/" | "/metrics" | "/health" | "/health/live" | "/health/ready"
    ) {
        return page(StatusCode::NOT_FOUND, PLAIN, "Not Found\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = page(
            StatusCode::METHOD_NOT_ALLOWED,
            PLAIN,
            "Method Not Allowed\n",
        );
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/metrics" => page(StatusCode::OK, TEXT_FORMAT, exporter.render()),
        "/health/live" => page(StatusCode::OK, JSON, r#"{"status":"ok"}"#),
        "/" => page(StatusCode::OK, HTML, landing(exporter)),
        _ => ready(exporter),
    }
}

fn ready(exporter: &Exporter) -> Page {
    let reasons = exporter.health().reasons();
    if reasons.is_empty() {
        return page(StatusCode::OK, JSON, exporter.program().healthy.clone());
    }
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        JSON,
        health::unready_body(&reasons),
    )
}

fn landing(exporter: &Exporter) -> String {
    let program = exporter.program();
    let (name, version) = (escaped(&program.name), escaped(&program.version));
    let uptime = clock::uptime().as_secs();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{name}</title></head><body>\n\
         <h1>{name}</h1>\n<p>Version {version}, up {uptime} s.</p>\n<ul>\n\
         <li><a href=\"/metrics\">Metrics</a></li>\n\
         <li><a href=\"/health/ready\">Ready</a>: does it do its work?</li>\n\
         <li><a href=\"/health/live\">Live</a>: does the process run?</li>\n</ul>\n</body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn page(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Page {
    let mut page = Response::new(Full::new(body.into()));
    *page.status_mut() = status;
    page.headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    page
}
