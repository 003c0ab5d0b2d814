//! What each path answers.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, VARY,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};

use super::negotiate::{self, Coding};
use crate::clock;
use crate::exposition::Format;
use crate::health;
use crate::install::Exporter;

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const NO_CODING: &str = "Not Acceptable: the page is coded as gzip or identity\n";
const HTML: &str = "text/html; charset=utf-8";

type Page = Response<Vec<u8>>;

/// Answers GET and HEAD (whose body hyper leaves out) by path alone; query strings are ignored.
pub(super) async fn answer<B>(exporter: &Exporter, request: &Request<B>) -> Page {
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
        "/metrics" => metrics(exporter.clone(), request.headers()).await,
        "/health/live" => page(StatusCode::OK, JSON, r#"{"status":"ok"}"#),
        "/" => page(StatusCode::OK, HTML, landing(exporter)),
        _ => ready(exporter),
    }
}

/// A page of many series takes milliseconds, and gauges may be computed by code that waits; another thread of the
/// endpoint does it, so that health is answered meanwhile.
async fn metrics(exporter: Exporter, headers: &HeaderMap) -> Page {
    let format = negotiate::format(&joined(headers, &ACCEPT));
    let Some(coding) = negotiate::coding(&joined(headers, &ACCEPT_ENCODING)) else {
        return page(StatusCode::NOT_ACCEPTABLE, PLAIN, NO_CODING);
    };
    let write = move || {
        let text = exporter.page(format).into_bytes();
        match coding {
            Coding::Identity => Ok(text),
            Coding::Gzip => compressed(&text),
        }
    };
    let body = match tokio::task::spawn_blocking(write).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => return failed(&error),
        Err(error) => return failed(&error),
    };
    let content_type = match format {
        Format::Text => TEXT_FORMAT,
        Format::OpenMetrics => OPENMETRICS,
    };
    let mut page = page(StatusCode::OK, content_type, body);
    let headers = page.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if coding == Coding::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    page
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Page {
    tracing::error!(error, "the page cannot be written");
    page(
        StatusCode::INTERNAL_SERVER_ERROR,
        PLAIN,
        "Internal Server Error\n",
    )
}

/// The fields of that name as one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let fields = headers.get_all(name).iter();
    let fields: Vec<&str> = fields.filter_map(|field| field.to_str().ok()).collect();
    fields.join(",")
}

/// A page shrinks to a tenth at the fastest level already; more would cost time and save little.
fn compressed(text: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text)?;
    encoder.finish()
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

fn page(status: StatusCode, content_type: &'static str, body: impl Into<Vec<u8>>) -> Page {
    let mut page = Response::new(body.into());
    *page.status_mut() = status;
    page.headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    page
}
