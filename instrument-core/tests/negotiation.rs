//! The endpoint's formats and codings, asked for over a real socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use flate2::read::GzDecoder;
use instrument_core::{Samples, install, timed};

#[timed("negotiation_probe", outcome = false)]
fn probe() {}

fn ask(addr: SocketAddr, fields: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(addr).expect("the endpoint listens");
    let request =
        format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{fields}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("an answer has a head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head.to_lowercase(), answer[end + 4..].to_vec())
}

#[test]
fn the_page_has_the_format_and_the_coding_that_are_asked_for() {
    let exporter = install().expect("there are no conflicts");
    let server = exporter.serve("127.0.0.1:0").unwrap();
    probe();
    let (head, body) = ask(server.local_addr(), "");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"));
    assert!(head.contains("vary: accept, accept-encoding") && !head.contains("content-encoding"));
    let text = String::from_utf8(body).unwrap();
    assert!(!text.contains("# EOF"));

    let fields = "Accept: text/plain;q=0.5\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\
        Accept-Encoding: deflate, gzip\r\n";
    let (head, body) = ask(server.local_addr(), fields);
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
