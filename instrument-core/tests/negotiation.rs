//! The endpoint's formats and codings, asked for over a real socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use instrument_core::{Samples, Server, install, timed};

#[timed("negotiation_probe", outcome = false)]
fn probe() {}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let exporter = install().expect("there are no conflicts");
        exporter.serve("127.0.0.1:0").expect("a port is free")
    })
}

/// Status, head in small letters, body.
fn request(line: &str, fields: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(server().local_addr()).expect("the endpoint listens");
    let request =
        format!("{line} HTTP/1.1\r\nHost: localhost\r\n{fields}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("an answer has a head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), answer[end + 4..].to_vec())
}

fn ask(fields: &str) -> (String, Vec<u8>) {
    let (status, head, body) = request("GET /metrics", fields);
    assert_eq!(status, 200, "{head}");
    (head, body)
}

#[test]
fn the_page_has_the_format_and_the_coding_that_are_asked_for() {
    server();
    probe();
    let (head, body) = ask("");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"));
    assert!(head.contains("vary: accept, accept-encoding") && !head.contains("content-encoding"));
    let text = String::from_utf8(body).unwrap();
    assert!(!text.contains("# EOF"));

    let fields = "Accept: text/plain;q=0.5\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\
        Accept-Encoding: deflate, gzip\r\n";
    let (head, body) = ask(fields);
    for field in [
        "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8",
        "content-encoding: gzip",
        "vary: accept, accept-encoding",
    ] {
        assert!(head.contains(field), "{field} is not in {head}");
    }
    let mut openmetrics = String::new();
    GzDecoder::new(&body[..])
        .read_to_string(&mut openmetrics)
        .expect("the body is gzip");
    assert!(openmetrics.ends_with("# EOF\n"), "{openmetrics}");
    let count =
        |page: &str| Samples::parse(page).get("negotiation_probe_duration_seconds_count", &[]);
    assert_eq!((count(&text), count(&openmetrics)), (Some(1.0), Some(1.0)));
}

#[test]
fn what_prometheus_sends_gets_openmetrics_in_gzip() {
    for accept in [
        // 2.42, and 3.5.
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
         text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
         application/openmetrics-text;version=0.0.1;q=0.5,\
         text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    ] {
        let fields = format!(
            "Accept: {accept}\r\nAccept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n"
        );
        let (head, body) = ask(&fields);
        assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"));
        let mut page = String::new();
        GzDecoder::new(&body[..]).read_to_string(&mut page).unwrap();
        assert!(page.ends_with("# EOF\n"));
    }
}

#[test]
fn what_a_client_rules_out_it_does_not_get() {
    for (fields, content_type, is_gzip) in [
        ("Accept: */*\r\n", "text/plain; version=0.0.4", false),
        (
            "Accept: application/json\r\n",
            "text/plain; version=0.0.4",
            false,
        ),
        ("Accept: ;;q,=,\r\n", "text/plain; version=0.0.4", false),
        (
            "Accept: application/openmetrics-text;version=2.0.0\r\n",
            "text/plain; version=0.0.4",
            false,
        ),
        (
            "Accept: text/plain;q=0, */*;q=0.1\r\nAccept-Encoding: gzip;q=0\r\n",
            "application/openmetrics-text; version=1.0.0",
            false,
        ),
        (
            "Accept-Encoding: identity;q=0, *\r\n",
            "text/plain; version=0.0.4",
            true,
        ),
    ] {
        let (head, body) = ask(fields);
        assert!(
            head.contains(&format!("content-type: {content_type}; charset=utf-8")),
            "{head}"
        );
        assert_eq!(
            head.contains("content-encoding: gzip"),
            is_gzip,
            "{fields}{head}"
        );
        assert_eq!(body.starts_with(b"# HELP "), !is_gzip, "{fields}");
    }
    let (status, head, body) = request("GET /metrics", "Accept-Encoding: identity;q=0\r\n");
    assert_eq!(status, 406, "{head}");
    assert!(String::from_utf8_lossy(&body).contains("gzip or identity"));
}

/// The fields of a head by name, without the two that tell a time or a size.
fn names(head: &str) -> Vec<String> {
    let fields = head.lines().skip(1).map(|line| {
        match line.split_once(": ").expect("a field has a value") {
            (name @ ("date" | "content-length"), _) => name.to_owned(),
            _ => line.to_owned(),
        }
    });
    let mut fields: Vec<_> = fields.collect();
    fields.sort();
    fields
}

#[test]
fn head_tells_what_get_would() {
    for (path, fields) in [
        ("/metrics", ""),
        ("/metrics?x=1", "Accept: application/openmetrics-text\r\n"),
        ("/metrics", "Accept-Encoding: gzip\r\n"),
        ("/metrics", "Accept-Encoding: identity;q=0\r\n"),
        ("/health", ""),
        ("/health/live?verbose", ""),
        ("/", ""),
        ("/nowhere", ""),
    ] {
        let (status, of_get, body) = request(&format!("GET {path}"), fields);
        let (of_head_status, of_head, nothing) = request(&format!("HEAD {path}"), fields);
        assert_eq!(
            (status, names(&of_get)),
            (of_head_status, names(&of_head)),
            "{path}"
        );
        assert!(
            of_get.contains(&format!("content-length: {}", body.len())),
            "{of_get}"
        );
        assert!(
            nothing.is_empty() && !of_head.contains("content-length: 0"),
            "{of_head}"
        );
    }
}

#[test]
fn other_methods_are_told_which_there_are() {
    for method in [
        "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "SCRAPE",
    ] {
        for path in ["/metrics", "/metrics?a=b", "/health", "/"] {
            let (status, head, _) = request(&format!("{method} {path}"), "Content-Length: 0\r\n");
            assert_eq!(status, 405, "{method} {path}");
            assert!(head.contains("\r\nallow: get, head\r\n"), "{head}");
        }
        let (status, ..) = request(&format!("{method} /nowhere"), "Content-Length: 0\r\n");
        assert_eq!(status, 404);
    }
    for path in [
        "/metrics/",
        "/Metrics",
        "/metric",
        "//metrics",
        "/health/",
        "/%6detrics",
    ] {
        assert_eq!(request(&format!("GET {path}"), "").0, 404, "{path}");
    }
}
