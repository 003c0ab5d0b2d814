//! What the price vendor and the model server can do wrong, at the socket: each fault is one cycle lost, told by its
//! own code, and over with the next answer.

use instrument_core::Samples;
use tests::fault::{Fault, FaultServer};
use tests::{Counterpart, Running, get, scrape, unix_now, wait_for_status, wait_for_sum};

/// A hundred megabytes, far more than any honest answer.
const HUGE: usize = 100_000_000;

fn errors(samples: &Samples, endpoint: &str, code: &str) -> f64 {
    let labels = [("endpoint", endpoint), ("error_code", code)];
    samples
        .get("sentinel_api_errors_total", &labels)
        .unwrap_or_else(|| panic!("there is no code {code}"))
}

fn all_of(samples: &Samples, names: &[&str]) -> Vec<f64> {
    names.iter().map(|name| samples.sum(name)).collect()
}

/// Arms each fault in turn and sees exactly one cycle lost to it: the families `moved` rise by one and the code
/// does, nothing else that counts errors; afterwards cycles succeed again.
fn each_costs_one_cycle(
    endpoint: &str,
    server: &FaultServer,
    moved: &[&str],
    args: &[&str],
    faults: &[(Fault, &str)],
) {
    let base = ["--metrics-port", "0", "--pace", "0.2"];
    let mut daemon = Running::daemon(&[&base, args].concat());
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_prediction_latency_seconds_count", 2.0);
    let before_all = daemon.resident_kib();
    for (fault, code) in faults {
        let before = scrape(&addr);
        server.arm(fault.clone());
        wait_for_sum(
            &addr,
            "sentinel_trading_cycles_failed_total",
            before.sum("sentinel_trading_cycles_failed_total") + 1.0,
        );
        let good = scrape(&addr).sum("sentinel_prediction_latency_seconds_count");
        wait_for_sum(
            &addr,
            "sentinel_prediction_latency_seconds_count",
            good + 2.0,
        );
        let after = scrape(&addr);
        let expected: Vec<_> = all_of(&before, moved).iter().map(|n| n + 1.0).collect();
        assert_eq!(
            all_of(&after, moved),
            expected,
            "{fault:?}: {}",
            daemon.log()
        );
        let code_moved = errors(&after, endpoint, code) - errors(&before, endpoint, code);
        assert_eq!(code_moved.to_bits(), 1.0_f64.to_bits(), "{fault:?}: {code}");
        wait_for_status(&addr, "/health/ready", 200);
    }
    assert!(daemon.is_alive());
    let grown = daemon.resident_kib().saturating_sub(before_all);
    assert!(grown < 20 * 1024, "{grown} KiB more are resident");
}

/// What any server can answer wrongly.
fn answers() -> Vec<(Fault, &'static str)> {
    let mut faults = vec![
        (Fault::Status(500), "500"),
        (Fault::Status(401), "401"),
        (Fault::Status(418), "http_other"),
        (Fault::Body(String::new()), "empty_response"),
        (Fault::Body("[{\"timestamp\":".to_owned()), "bad_json"),
        (Fault::Body("{\"unexpected\":1}".to_owned()), "bad_json"),
        (Fault::Huge(HUGE), "too_large"),
        (Fault::CutOff, "exception"),
        (Fault::Garbage, "exception"),
        (Fault::Reset, "exception"),
    ];
    let raw = |text: &str| Fault::Raw(text.as_bytes().to_vec());
    for (head, code) in [
        (
            "302 Found\r\nLocation: /api/intraday/EURUSD.FOREX",
            "http_other",
        ),
        ("307 x\r\nLocation: http://127.0.0.1:9/", "http_other"),
        ("204 No Content", "http_other"),
        (
            "206 Partial Content\r\nContent-Length: 2\r\n\r\n[]",
            "http_other",
        ),
        ("402 Payment Required\r\nContent-Length: 0", "402"),
        ("404 Not Found\r\nContent-Length: 0", "404"),
        (
            "429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Length: 0",
            "429",
        ),
        ("504 x\r\nContent-Length: 0", "504"),
        ("200 OK\r\nContent-Length: 0", "empty_response"),
        (
            "200 OK\r\nContent-Length: 5\r\n\r\n[{\"a\":1}, and more than was told",
            "bad_json",
        ),
        (
            "200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n[1,2]",
            "exception",
        ),
        ("200 OK\r\nContent-Length: -1\r\n\r\n[]", "exception"),
        (
            "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,2]\r\n",
            "exception",
        ),
        (
            "200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n[1,2]\r\n",
            "exception",
        ),
        (
            "200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n[",
            "exception",
        ),
        (
            "200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x08\x00\x00",
            "bad_json",
        ),
        ("200 OK\r\n\r\n\u{feff}[]", "bad_json"),
        ("200 OK\r\n\r\n[] and more", "bad_json"),
        ("200 OK\r\n\r\n<html>Bad gateway</html>", "bad_json"),
    ] {
        let end = if head.contains("\r\n\r\n") {
            ""
        } else {
            "\r\n\r\n"
        };
        faults.push((raw(&format!("HTTP/1.1 {head}{end}")), code));
    }
    let latin = b"HTTP/1.1 200 OK\r\n\r\n[\"\xe9\"]".to_vec();
    let vain = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n[]", "x".repeat(1 << 20));
    faults.extend([
        (Fault::Raw(latin), "bad_json"),
        (raw(&vain), "exception"),
        (Fault::Body("[".repeat(100_000)), "bad_json"),
    ]);
    faults
}

#[test]
fn a_wrong_answer_of_the_vendor_costs_one_cycle_and_has_its_code() {
    let prices = Counterpart::start("serve-prices", "prices");
    let server = FaultServer::before(prices.addr());
    let url = format!("http://{}", server.addr());
    let moved = [
        "sentinel_trading_cycles_failed_total",
        "sentinel_data_fetch_failed_total",
        "sentinel_api_errors_total",
    ];
    let mut faults = answers();
    let crossed = r#"[{"timestamp":0,"open":1,"high":0.5,"low":1,"close":1,"volume":0}]"#;
    let bar = r#""timestamp":0,"open":1,"high":1,"low":1,"close":1,"volume":0"#;
    for body in [
        crossed.to_owned(),
        bar.to_owned(),
        format!("{{{bar}}}"),
        format!("[[{{{bar}}}]]"),
        format!("[{{{bar},\"close\":2}}]"),
        format!("[{{{bar}}},{{{bar}}}]"),
        format!("[{{{bar}}},null]"),
        format!("[{{{}}}]", bar.replace("\"close\":1", "\"close\":\"1\"")),
        format!("[{{{}}}]", bar.replace("\"close\":1", "\"close\":null")),
        format!("[{{{}}}]", bar.replace("\"close\":1", "\"close\":1e999")),
        format!("[{{{}}}]", bar.replace("\"low\":1", "\"low\":-1")),
        format!(
            "[{{{}}}]",
            bar.replace("\"timestamp\":0", "\"timestamp\":0.5")
        ),
    ] {
        faults.push((Fault::Body(body), "bad_json"));
    }
    each_costs_one_cycle("eodhd", &server, &moved, &["--vendor-url", &url], &faults);
}

#[test]
fn a_wrong_answer_of_the_model_server_costs_one_cycle_and_has_its_code() {
    let model = Counterpart::start("serve-model", "model");
    let server = FaultServer::before(model.addr());
    let moved = [
        "sentinel_trading_cycles_failed_total",
        "sentinel_prediction_failures_total",
        "sentinel_api_errors_total",
    ];
    let mut faults = answers();
    let predictions = |row: &str| Fault::Body(format!("{{\"predictions\":{row}}}"));
    for row in [
        "[[NaN,0.5,0.5]]",
        "[[null,0.5,0.5]]",
        "[[0.5,0.5]]",
        "[[0.5]]",
        "[[0.5,0.3,0.3]]",
        "[[-0.1,0.6,0.5]]",
        "[[0.2,0.3,0.5],[0.2,0.3,0.5]]",
        "[[0.25,0.25,0.25,0.25]]",
        "[[0,0,0]]",
        "[[\"0.2\",\"0.3\",\"0.5\"]]",
        "[[[0.2,0.3,0.5]]]",
        "[0.2,0.3,0.5]",
        "[{\"SELL\":0.2,\"HOLD\":0.3,\"BUY\":0.5}]",
        "[[0.2,0.3,1e999]]",
        "[[true,false,false]]",
        "[[]]",
        "null",
        "[[0.2,0.3,0.5]],\"predictions\":[[0.5,0.3,0.2]]",
    ] {
        faults.push((predictions(row), "bad_json"));
    }
    faults.push((predictions("[]"), "empty_response"));
    // Its time limit is one second, so these are quick.
    for slow in [Fault::Silence, Fault::SlowHead, Fault::SlowBody] {
        faults.push((slow, "timeout"));
    }
    let args = ["--hub-port", server.port()];
    each_costs_one_cycle("hub", &server, &moved, &args, &faults);
}

#[test]
fn a_slow_vendor_is_given_up_after_ten_seconds_and_readiness_tells_it_earlier() {
    let prices = Counterpart::start("serve-prices", "prices");
    let watched: Vec<_> = [Fault::Silence, Fault::SlowHead, Fault::SlowBody]
        .into_iter()
        .map(|fault| {
            let server = FaultServer::before(prices.addr());
            let url = format!("http://{}", server.addr());
            let args = ["--metrics-port", "0", "--pace", "0.2", "--vendor-url", &url];
            let mut daemon = Running::daemon(&args);
            let addr = daemon.metrics_addr();
            wait_for_sum(&addr, "sentinel_prediction_latency_seconds_count", 2.0);
            server.arm(fault);
            (daemon, addr, server)
        })
        .collect();
    for (mut daemon, addr, server) in watched {
        // The limit of readiness is five seconds, half of the vendor's.
        wait_for_status(&addr, "/health/ready", 503);
        assert_eq!(get(&addr, "/health/live").unwrap().status, 200);
        wait_for_status(&addr, "/health/ready", 200);
        let samples = scrape(&addr);
        assert_eq!(
            errors(&samples, "eodhd", "timeout").to_bits(),
            1.0_f64.to_bits(),
            "{}",
            daemon.log()
        );
        let slow = samples.get(
            "sentinel_data_fetch_duration_seconds_bucket",
            &[("le", "5")],
        );
        let whole = samples.get(
            "sentinel_data_fetch_duration_seconds_bucket",
            &[("le", "15")],
        );
        assert_eq!(
            slow.map(|count| count + 1.0),
            whole,
            "the bucket above the limit shows the one that took it all"
        );
        assert!(daemon.is_alive() && server.heard() > 3);
    }
}

/// A daemon that makes exactly one cycle with this vendor, and has ended it; and its samples.
fn after_one_cycle(vendor: &str, token: &str) -> (Running, Samples) {
    let second = ((unix_now() + 40) % 60).to_string();
    let args = [
        "--metrics-port",
        "0",
        "--pace",
        "86400",
        "--second",
        &second,
        "--vendor-url",
        vendor,
    ];
    let mut daemon = Running::daemon_with_token(&args, token);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_trading_cycles_total", 1.0);
    let samples = scrape(&addr);
    (daemon, samples)
}

#[test]
fn a_vendor_that_is_not_there_or_not_secure_has_its_code() {
    // Bound and not listening: the port refuses, and nobody else can take it meanwhile.
    let refusing = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let plain = FaultServer::serving(|| "[]".to_owned());
    for (url, code) in [
        (format!("http://{refusing}"), "connect"),
        (format!("https://{}", plain.addr()), "tls"),
    ] {
        let (mut daemon, samples) = after_one_cycle(&url, "s3cret-token");
        assert_eq!(
            errors(&samples, "eodhd", code).to_bits(),
            1.0_f64.to_bits(),
            "{url}: {}",
            daemon.log()
        );
        assert_eq!(
            all_of(
                &samples,
                &[
                    "sentinel_api_errors_total",
                    "sentinel_api_calls_total",
                    "sentinel_data_fetch_failed_total",
                    "sentinel_trading_cycles_failed_total"
                ]
            ),
            [1.0; 4]
        );
        assert!(daemon.is_alive() && !daemon.log().contains("s3cret"));
    }
}

#[test]
fn without_a_token_no_call_is_made_and_none_is_counted() {
    let (daemon, samples) = after_one_cycle("https://127.0.0.1:9", "");
    assert_eq!(
        errors(&samples, "eodhd", "no_api_key").to_bits(),
        1.0_f64.to_bits(),
        "{}",
        daemon.log()
    );
    assert_eq!(
        samples.sum("sentinel_api_calls_total").to_bits(),
        0.0_f64.to_bits()
    );
}
