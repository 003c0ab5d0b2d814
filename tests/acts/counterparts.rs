//! The three counterparts as processes of their own: each is killed and comes back, and the daemon tells and heals.

use tests::{Counterpart, Running, page, scrape, wait_for_status, wait_for_sum, wait_until};

/// Whether a part of the loop is well, and the score, which is the mean of the parts on the same page.
fn health(addr: &str, part: &str) -> (f64, f64) {
    let samples = scrape(addr);
    let score = samples.sum("sentinel_health_score");
    assert!((score - samples.sum("sentinel_health_part") / 5.0).abs() < 1e-9);
    let part = samples.get("sentinel_health_part", &[("part", part)]);
    (part.expect("the part is on the page"), score)
}

/// Kills `counterpart`, waits for the failure to show in `counter`, in readiness and in the score, and brings it back.
fn dies_and_heals(
    counterpart: &mut Counterpart,
    (counter, part): (&str, &str),
    daemon: &mut Running,
    addr: &str,
) {
    let before = scrape(addr).sum(counter);
    counterpart.kill();
    wait_for_sum(addr, counter, before + 1.0);
    wait_for_status(addr, "/health/ready", 503);
    wait_for_status(addr, "/health/live", 200);
    wait_until(part, || match health(addr, part) {
        (0.0, score) if score < 1.0 => Ok(()),
        other => Err(other),
    });
    assert!(daemon.is_alive(), "{}", daemon.log());
    counterpart.restart();
    wait_for_status(addr, "/health/ready", 200);
    wait_until("all to be well", || match health(addr, part) {
        (1.0, 1.0) => Ok(()),
        other => Err(other),
    });
    let healed = scrape(addr).sum("sentinel_prediction_latency_seconds_count");
    wait_for_sum(
        addr,
        "sentinel_prediction_latency_seconds_count",
        healed + 2.0,
    );
}

#[test]
fn each_counterpart_dies_visibly_and_heals() {
    let mut prices = Counterpart::start("serve-prices", "prices");
    let mut model = Counterpart::start("serve-model", "model");
    let mut gateway = Counterpart::start("paper-gateway", "gateway");
    let vendor = format!("http://{}", prices.addr());
    let args = [
        "--metrics-port",
        "0",
        "--pace",
        "0.2",
        "--vendor-url",
        &vendor,
        "--hub-port",
        model.port(),
        "--gtw-host",
        "127.0.0.1",
        "--gtw-port",
        gateway.port(),
    ];
    let mut daemon = Running::daemon(&args);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_trading_signals_executed_total", 1.0);
    wait_until("the replay to be recognised", || {
        match scrape(&addr).get("sentinel_replay", &[]) {
            Some(1.0) => Ok(()),
            other => Err(other),
        }
    });
    dies_and_heals(
        &mut prices,
        ("sentinel_data_fetch_failed_total", "data"),
        &mut daemon,
        &addr,
    );
    dies_and_heals(
        &mut model,
        ("sentinel_prediction_failures_total", "prediction"),
        &mut daemon,
        &addr,
    );
    dies_and_heals(
        &mut gateway,
        ("sentinel_zmq_send_failures_total", "gateway"),
        &mut daemon,
        &addr,
    );
    let samples = scrape(&addr);
    for labels in [
        [("endpoint", "eodhd"), ("error_code", "connect")],
        [("endpoint", "hub"), ("error_code", "connect")],
    ] {
        assert!(
            samples.get("sentinel_api_errors_total", &labels) >= Some(1.0),
            "{labels:?}"
        );
    }
}

#[test]
fn live_mode_refuses_a_replay_and_never_shows_its_token() {
    const TOKEN: &str = "t0ken-of-the-vendor";
    let prices = Counterpart::start("serve-prices", "prices");
    let model = Counterpart::start("serve-model", "model");
    let gateway = Counterpart::start("paper-gateway", "gateway");
    let vendor = format!("http://{}", prices.addr());
    let args = [
        "--metrics-port",
        "0",
        "--live",
        "--log-level",
        "trace",
        "--vendor-url",
        &vendor,
        "--hub-port",
        model.port(),
        "--gtw-port",
        gateway.port(),
    ];
    let mut daemon = Running::daemon_with_token(&args, TOKEN);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_trading_cycles_failed_total", 1.0);
    assert!(
        daemon.log().contains("the vendor replays the past"),
        "{}",
        daemon.log()
    );
    assert!(daemon.log().contains("held at the start"));
    assert_eq!(
        scrape(&addr)
            .sum("sentinel_prediction_requests_total")
            .to_bits(),
        0.0_f64.to_bits()
    );
    assert!(daemon.output().contains("LIVE"), "{}", daemon.output());
    for (place, text) in [
        ("page", page(&addr)),
        ("log", daemon.log()),
        ("output", daemon.output()),
    ] {
        assert!(!text.contains(TOKEN), "the token is on the {place}");
    }
}

#[test]
fn a_counterpart_that_is_a_program_has_a_page_of_its_own() {
    let prices = Counterpart::start("serve-prices", "prices");
    let model = Counterpart::start("serve-model", "model");
    let bind = ["paper-gateway", "--bind", "tcp://127.0.0.1:*"];
    let mut gateway = Running::daemon(&[&bind[..], &["--metrics-port", "0"]].concat());
    let endpoint = gateway.announced("gateway");
    let port = endpoint.split([':', ' ']).nth(2).unwrap();
    let url = format!("http://{}", prices.addr());
    let args = ["--metrics-port", "0", "--pace", "0", "--cycles", "30"];
    let at = [
        "--vendor-url",
        &url,
        "--hub-port",
        model.port(),
        "--gtw-port",
        port,
    ];
    let mut daemon = Running::daemon(&[&args[..], &at].concat());
    assert!(daemon.ended().success(), "{}", daemon.log());
    assert_eq!(daemon.announced("cycles"), "30, of which 0 failed");
    for (addr, method, endpoint, count) in [
        (prices.addr(), "GET", "/api/intraday/{symbol}", 30.0),
        (model.addr(), "POST", "/invocations", 30.0),
    ] {
        let labels = [
            ("method", method),
            ("endpoint", endpoint),
            ("status", "200"),
        ];
        let requests = scrape(addr).get("http_requests_total", &labels);
        assert_eq!(requests, Some(count), "{endpoint}");
        // The next page tells of this one.
        let scrapes = [
            ("method", "GET"),
            ("endpoint", "/metrics"),
            ("status", "200"),
        ];
        assert_eq!(scrape(addr).get("http_requests_total", &scrapes), Some(1.0));
        assert!(!page(addr).contains("sentinel_"), "it is no trading loop");
    }
    let labels = [("action", "GET_POSITIONS"), ("status", "ok")];
    let asked = scrape(&gateway.metrics_addr()).get("paper_gateway_requests_total", &labels);
    assert_eq!(asked, Some(30.0));
}
