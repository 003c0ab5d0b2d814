//! The end: in order on the first signal, at once on the second, and with an order in the air.

use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};
use tests::{Running, wait_for_sum, wait_until};

#[test]
fn either_signal_ends_it_in_order() {
    for signal in ["TERM", "INT"] {
        let mut daemon = Running::daemon(&["--metrics-port", "0", "--pace", "0.05"]);
        let addr = daemon.metrics_addr();
        wait_for_sum(&addr, "sentinel_trading_cycles_total", 2.0);
        daemon.signal(signal);
        assert!(daemon.ended().success(), "{}", daemon.log());
        assert!(daemon.announced("cycles").contains("of which 0 failed"));
        assert!(TcpListener::bind(&addr).is_ok(), "the port is free again");
    }
}

#[test]
fn a_fetch_that_hangs_is_cancelled() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut daemon = Running::daemon(&["--metrics-port", "0", "--vendor-url", &url]);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_api_calls_total", 1.0);
    daemon.signal("TERM");
    assert!(daemon.ended().success(), "{}", daemon.log());
    assert!(
        daemon.log().contains("cut short by shutdown"),
        "{}",
        daemon.log()
    );
}

/// A gateway that answers everything but orders; it tells when an order has come.
fn deaf_to_orders() -> (String, std::sync::mpsc::Receiver<()>) {
    let context = zmq::Context::new();
    let socket = context.socket(zmq::REP).unwrap();
    socket.bind("tcp://127.0.0.1:0").unwrap();
    let endpoint = socket.get_last_endpoint().unwrap().unwrap();
    let (order, ordered) = std::sync::mpsc::channel();
    thread::spawn(move || {
        loop {
            let Ok(request) = socket.recv_bytes(0) else {
                return;
            };
            let request: Value = serde_json::from_slice(&request).unwrap();
            let reply = match request["action"].as_str().unwrap() {
                "GET_POSITIONS" => json!({ "positions": [] }),
                "GET_ACCOUNT" => json!({
                    "balance": 1.0, "equity": 1.0, "margin": 0.0, "free_margin": 1.0, "margin_level": 0.0, "currency": "USD",
                }),
                "PING" => json!({ "server_time": 0.0, "latency_ms": 0.0, "gateway_session": "x" }),
                _ => {
                    order.send(()).unwrap();
                    // Held for good: the order stays in the air.
                    thread::park();
                    return;
                }
            };
            let mut reply = reply;
            reply["uuid"] = request["uuid"].clone();
            reply["status"] = "ok".into();
            reply["timestamp"] = request["timestamp"].clone();
            socket.send(reply.to_string().as_bytes(), 0).unwrap();
        }
    });
    (endpoint.rsplit(':').next().unwrap().to_owned(), ordered)
}

fn with_an_order_in_the_air() -> Running {
    let (port, ordered) = deaf_to_orders();
    let daemon = Running::daemon(&[
        "--metrics-port",
        "0",
        "--pace",
        "0",
        "--threshold",
        "0.34",
        "--gtw-port",
        &port,
    ]);
    ordered
        .recv_timeout(tests::DEADLINE)
        .expect("an order comes");
    daemon
}

#[test]
fn an_order_in_the_air_gets_its_time_and_is_told_as_unknown() {
    let mut daemon = with_an_order_in_the_air();
    daemon.signal("TERM");
    assert!(daemon.ended().success(), "{}", daemon.log());
    let log = daemon.log();
    assert!(log.contains("the order's outcome is unknown"), "{log}");
    let after = log
        .split("SIGTERM: stopping")
        .nth(1)
        .expect("the signal is told");
    assert!(!after.contains("filled"), "{log}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut daemon = with_an_order_in_the_air();
    daemon.signal("TERM");
    wait_until("the first signal to be told", || {
        if daemon.log().contains("SIGTERM: stopping") {
            Ok(())
        } else {
            Err(daemon.log())
        }
    });
    daemon.signal("TERM");
    assert_eq!(daemon.ended().code(), Some(143), "{}", daemon.log());
    assert!(
        !daemon.log().contains("outcome is unknown"),
        "it did not wait: {}",
        daemon.log()
    );
}
