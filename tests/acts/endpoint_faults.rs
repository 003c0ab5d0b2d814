//! What clients can do to the metrics endpoint: none of it may reach trading, nor lock a well-behaved scraper out.

use std::io::{Read, Write};
use std::net::TcpStream;

use tests::{Running, get, scrape, wait_for_sum, wait_until};

fn trading() -> (Running, String) {
    let mut daemon = Running::daemon(&["--metrics-port", "0", "--pace", "0.05"]);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_trading_cycles_total", 5.0);
    (daemon, addr)
}

/// Scrapes still work and cycles still succeed; both are waited for, as the faults' connections may be cut off first.
fn is_well(daemon: &mut Running, addr: &str) {
    let mut cycles = None;
    wait_until("a scrape", || match get(addr, "/metrics") {
        Ok(answer) if answer.status == 200 => {
            cycles = Some(scrape(addr).sum("sentinel_trading_cycles_total"));
            Ok(())
        }
        other => Err(format!("{other:?}")),
    });
    let cycles = cycles.expect("it was waited for");
    wait_for_sum(addr, "sentinel_trading_cycles_total", cycles + 10.0);
    let failed = scrape(addr).sum("sentinel_trading_cycles_failed_total");
    assert_eq!(failed.to_bits(), 0, "{}", daemon.log());
    assert!(daemon.is_alive());
}

#[test]
fn slow_loris_scrapers_are_cut_off_and_harm_nobody() {
    let (mut daemon, addr) = trading();
    let mut slow: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(&addr).unwrap();
            stream
                .write_all(b"GET /metrics HTTP/1.1\r\nHost: ")
                .unwrap();
            stream
        })
        .collect();
    is_well(&mut daemon, &addr);
    // Each is closed by the endpoint, which answers 408 or nothing.
    for stream in &mut slow {
        stream.set_read_timeout(Some(tests::DEADLINE)).unwrap();
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        assert!(ended.is_ok() || answer.is_empty(), "{ended:?}");
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    is_well(&mut daemon, &addr);
}

/// Descriptors that a program holds.
fn descriptors(daemon: &Running) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", daemon.id()));
    open.expect("a running process has descriptors").count()
}

#[test]
fn readers_that_do_not_take_the_page_are_cut_off() {
    let (mut daemon, addr) = trading();
    let before = descriptors(&daemon);
    // Far more pages than the system keeps for a reader, so that the endpoint has to wait for it.
    let requests = format!("GET /metrics HTTP/1.1\r\nHost: {addr}\r\n\r\n").repeat(1_000);
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(&addr).unwrap();
            stream.write_all(requests.as_bytes()).unwrap();
            stream
        })
        .collect();
    wait_until("the readers to be cut off", || {
        match descriptors(&daemon) {
            // One more is a scrape's own, or a call's of a cycle.
            now if now <= before + 2 => Ok(()),
            now => Err((before, now)),
        }
    });
    is_well(&mut daemon, &addr);
    drop(slow);
}

#[test]
fn a_thousand_idle_connections_neither_stop_trading_nor_grow_memory() {
    let (mut daemon, addr) = trading();
    let before = daemon.resident_kib();
    // Those beyond the endpoint's limit are closed at once; connecting to them may fail, which is as good.
    let idle: Vec<_> = (0..1_000).map(|_| TcpStream::connect(&addr)).collect();
    assert!(idle.iter().filter(|stream| stream.is_ok()).count() > 500);
    let cycles = |daemon: &Running| daemon.log().matches(": EURUSD").count();
    let told = cycles(&daemon);
    wait_until("cycles while the connections stand", || {
        let now = cycles(&daemon);
        if now > told + 10 { Ok(()) } else { Err(now) }
    });
    is_well(&mut daemon, &addr);
    let grown = daemon.resident_kib().saturating_sub(before);
    assert!(grown < 30 * 1024, "{grown} KiB more are resident");
    drop(idle);
    is_well(&mut daemon, &addr);
}
