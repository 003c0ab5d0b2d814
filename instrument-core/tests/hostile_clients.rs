//! Clients that are slow, idle, many or malformed: a scraper gets its page all the while, and each of them goes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use instrument_core::{Exporter, Server, install, timed};

#[timed("hostile_probe", outcome = false)]
fn probe() {}

/// Nothing here takes so long; it only ends a test that would wait for ever.
const DEADLINE: Duration = Duration::from_mins(1);

fn exporter() -> &'static Exporter {
    static EXPORTER: OnceLock<Exporter> = OnceLock::new();
    EXPORTER.get_or_init(|| install().expect("there are no conflicts"))
}

fn server() -> Server {
    exporter().serve("127.0.0.1:0").expect("a port is free")
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("the endpoint listens");
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// The answer to a request that ends the connection.
fn ask(addr: SocketAddr, request: &str) -> io::Result<String> {
    let mut stream = connect(addr);
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A scraper is served, at the first try.
fn is_served(addr: SocketAddr) {
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let page = ask(addr, request).expect("a scraper is served");
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(page.contains("\nhostile_probe_duration_seconds_count "));
}

/// Waits until the other side has ended the connection, and returns all it said.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => said,
        // What it had sent us may be lost with a connection that is reset; that it ended is what counts.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => said,
        Err(error) => panic!("it is not ended: {error}"),
    }
}

#[test]
fn a_thousand_idle_connections_do_not_keep_a_scraper_out() {
    let server = server();
    let addr = server.local_addr();
    let idle: Vec<_> = (0..1000).map(|_| connect(addr)).collect();
    for _ in 0..20 {
        is_served(addr);
    }
    let half: Vec<_> = (0..300)
        .map(|_| {
            let mut stream = connect(addr);
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost").unwrap();
            stream
        })
        .collect();
    is_served(addr);
    // Those in the way went at once, the others when they had asked for nothing in time.
    for stream in idle.into_iter().chain(half) {
        assert!(!rest(stream).starts_with(b"HTTP/1.1 200 "));
    }
    is_served(addr);
}

#[test]
fn a_request_that_drips_is_cut_off() {
    let server = server();
    let addr = server.local_addr();
    let mut slow = connect(addr);
    slow.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
    let start = Instant::now();
    slow.set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    // A byte now and then does not buy time.
    loop {
        let mut byte = [0];
        match slow.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        assert!(start.elapsed() < DEADLINE, "it is never cut off");
        if slow.write_all(b"x").is_err() {
            break;
        }
    }
    is_served(addr);
}

#[test]
fn readers_that_take_nothing_are_cut_off_and_delay_nobody() {
    let server = server();
    let addr = server.local_addr();
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = connect(addr);
            stream.set_nonblocking(true).unwrap();
            let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
            let start = Instant::now();
            // Until the answers fill all buffers on the way, so that no more requests are taken either.
            let mut refused = 0;
            while refused < 20 && start.elapsed() < DEADLINE {
                match stream.write(request) {
                    Ok(_) => refused = 0,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        refused += 1;
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    Err(_) => break,
                }
            }
            stream
        })
        .collect();
    is_served(addr);
    let start = Instant::now();
    for mut stream in slow {
        // The endpoint has ended it once writing to it fails; reading would keep it alive.
        while start.elapsed() < DEADLINE {
            match stream.write(b"GET / HTTP/1.1\r\n\r\n") {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => break,
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        is_served(addr);
    }
    assert!(start.elapsed() < DEADLINE, "they are never cut off");
}

#[test]
fn heads_that_are_too_long_or_none_are_refused() {
    let server = server();
    let addr = server.local_addr();
    let status = |request: &str| {
        let mut stream = connect(addr);
        // The endpoint may refuse before all is written.
        let _ = stream.write_all(request.as_bytes());
        let said = rest(stream);
        let line = String::from_utf8_lossy(&said);
        line.split(' ').nth(1).unwrap_or("").to_owned()
    };
    let long = "x".repeat(1 << 20);
    for request in [
        format!("GET /metrics HTTP/1.1\r\nHost: x\r\nCookie: {long}\r\n\r\n"),
        format!("GET /metrics HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(2000)),
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
    ] {
        let status = status(&request);
        assert!(["431", "414", "400", ""].contains(&&*status), "{status}");
    }
    for request in [
        "\r\n\r\n\r\nMETRICS PLEASE\r\n\r\n",
        "GET /metrics HTTP/9.9\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{0}\u{1}TLS?\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ] {
        let status = status(request);
        assert!(
            ["400", "505", ""].contains(&&*status),
            "{status} to {request}"
        );
    }
    is_served(addr);
    assert_eq!(
        status("GET /metrics HTTP/1.0\r\nAccept: \u{ff}\u{fe}\r\n\r\n"),
        "200"
    );
    probe();
}
