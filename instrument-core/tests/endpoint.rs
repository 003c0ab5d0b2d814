//! The endpoint, asked over a real socket.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use instrument_core::{Builder, Exporter, ServeError, Server, loopback, timed};

#[timed("endpoint_probe", outcome = false)]
fn probe() {}

fn exporter() -> &'static Exporter {
    static EXPORTER: OnceLock<Exporter> = OnceLock::new();
    EXPORTER.get_or_init(|| {
        let builder = Builder::new().program("test <program>", "1.2.3");
        builder
            .install()
            .expect("the metrics of this file do not conflict")
    })
}

fn server() -> Server {
    exporter()
        .serve(&loopback(0)[..])
        .expect("a free port of loopback can be bound")
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

fn ask(addr: SocketAddr, method: &str, path: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).expect("the endpoint listens");
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

#[test]
fn metrics_are_served_with_their_format_on_both_loopback_addresses() {
    let server = server();
    probe();
    let addr = server.local_addr();
    let answer = ask(addr, "GET", "/metrics?name=x");
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .head
            .contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{}",
        answer.head
    );
    assert!(
        answer
            .body
            .contains("endpoint_probe_duration_seconds_count "),
        "{}",
        answer.body
    );
    match TcpStream::connect((Ipv6Addr::LOCALHOST, addr.port())) {
        Ok(_) => assert_eq!(
            ask((Ipv6Addr::LOCALHOST, addr.port()).into(), "GET", "/metrics").status,
            200
        ),
        // Only a machine without IPv6 may refuse.
        Err(_) => assert!(TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err()),
    }
}

#[test]
fn head_has_no_body_and_other_methods_and_paths_are_refused() {
    let server = server();
    let addr = server.local_addr();
    let head = ask(addr, "HEAD", "/metrics");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let post = ask(addr, "POST", "/metrics");
    assert_eq!(post.status, 405);
    assert!(post.head.contains("allow: get, head"), "{}", post.head);
    assert_eq!(ask(addr, "GET", "/metrics/").status, 404);
    assert_eq!(ask(addr, "POST", "/nowhere").status, 404);
    let landing = ask(addr, "GET", "/");
    for part in [
        "test &lt;program&gt;",
        "1.2.3",
        "href=\"/metrics\"",
        "href=\"/health/ready\"",
    ] {
        assert!(
            landing.body.contains(part),
            "{part} is not in {}",
            landing.body
        );
    }
}

#[test]
fn readiness_follows_the_heartbeats_and_liveness_does_not() {
    let server = server();
    let addr = server.local_addr();
    let ok = ask(addr, "GET", "/health");
    assert_eq!((ok.status, ok.body.as_str()), (200, r#"{"status":"ok"}"#));
    let heart = exporter().require_heartbeat("loop", Duration::ZERO);
    let late = ask(addr, "GET", "/health/ready");
    assert_eq!(late.status, 503);
    assert!(
        late.body
            .starts_with(r#"{"status":"unready","reasons":["loop: "#),
        "{}",
        late.body
    );
    assert_eq!(ask(addr, "GET", "/health/live").status, 200);
    drop(heart);
    assert_eq!(ask(addr, "GET", "/health/ready").status, 200);
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    match exporter().serve(addr) {
        Err(ServeError::InUse(named)) => assert_eq!(named, addr),
        other => panic!("expected InUse, got {other:?}"),
    }
}

#[test]
fn stopping_closes_the_port_and_idle_connections() {
    let server = server();
    let addr = server.local_addr();
    let mut idle = TcpStream::connect(addr).unwrap();
    server.stop();
    assert_eq!(
        idle.read(&mut [0]).unwrap_or(0),
        0,
        "the connection is closed"
    );
    assert!(TcpListener::bind(addr).is_ok(), "the port is free again");
}
