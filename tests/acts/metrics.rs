//! The daemon's own families, and the run that moves each: one that stands fails. `moves` sees to it that each has a row.

use crate::moves::no_faults;
use instrument_core::Samples;
use tests::fault::{Fault, FaultServer};
use tests::gateway::{FaultGateway, OrderFault};
use tests::{
    Counterpart, Running, present_bars, scrape, unix_now, wait_for_status, wait_for_sum, wait_until,
};

/// What moves a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    /// Trading on paper, each counterpart made to do wrong once.
    Trading,
    /// A dry run through the whole replay, on embedded counterparts.
    Replay,
    /// Two cycles on prices of the present.
    Present,
}

const FAMILIES: [(&str, Run); 49] = [
    ("sentinel_trading_cycles_total", Run::Trading),
    ("sentinel_trading_cycles_failed_total", Run::Trading),
    ("sentinel_trading_cycle_duration_seconds", Run::Trading),
    ("sentinel_last_cycle_timestamp_unix", Run::Trading),
    ("sentinel_data_fetch_duration_seconds", Run::Trading),
    ("sentinel_data_fetch_failed_total", Run::Trading),
    ("sentinel_feature_build_duration_seconds", Run::Trading),
    ("sentinel_prediction_requests_total", Run::Trading),
    ("sentinel_prediction_failures_total", Run::Trading),
    ("sentinel_prediction_latency_seconds", Run::Trading),
    ("sentinel_last_prediction_confidence", Run::Trading),
    ("sentinel_trading_signals_total", Run::Trading),
    ("sentinel_trading_signals_executed_total", Run::Trading),
    ("sentinel_zmq_send_latency_seconds", Run::Trading),
    ("sentinel_zmq_send_failures_total", Run::Trading),
    ("sentinel_api_calls_total", Run::Trading),
    ("sentinel_api_errors_total", Run::Trading),
    ("sentinel_daemon_uptime_seconds", Run::Trading),
    ("sentinel_mode", Run::Trading),
    ("sentinel_build_info", Run::Trading),
    ("sentinel_last_success_timestamp_unix", Run::Trading),
    ("sentinel_last_success_age_seconds", Run::Trading),
    ("sentinel_data_bars", Run::Trading),
    ("sentinel_data_last_bar_timestamp_unix", Run::Trading),
    ("sentinel_prediction_class_probability", Run::Trading),
    ("sentinel_prediction_invalid_total", Run::Trading),
    ("sentinel_risk_blocks_total", Run::Trading),
    ("sentinel_orders_total", Run::Trading),
    ("sentinel_order_volume_lots", Run::Trading),
    ("sentinel_orders_settled_total", Run::Trading),
    ("sentinel_orders_unsettled", Run::Trading),
    ("sentinel_gateway_up", Run::Trading),
    ("sentinel_gateway_ping_duration_seconds", Run::Trading),
    ("sentinel_gateway_ping_failures_total", Run::Trading),
    ("sentinel_gateway_replies_total", Run::Trading),
    ("sentinel_gateway_stray_replies_total", Run::Trading),
    ("sentinel_position_lots", Run::Trading),
    ("sentinel_cycle_overruns_total", Run::Trading),
    ("sentinel_market_regime", Run::Trading),
    ("sentinel_health_part", Run::Trading),
    ("sentinel_health_score", Run::Trading),
    ("sentinel_replay", Run::Replay),
    ("sentinel_replay_wraps_total", Run::Replay),
    ("sentinel_signals_suppressed_total", Run::Replay),
    ("http_requests_total", Run::Replay),
    ("http_request_duration_seconds", Run::Replay),
    ("paper_gateway_requests_total", Run::Present),
    ("paper_gateway_request_duration_seconds", Run::Present),
    ("sentinel_data_kept_total", Run::Present),
];

/// A gauge that is back at zero after each request, and so must be looked at for long enough.
const IN_PROGRESS: &str = "http_requests_in_progress";

/// A family of the table whose series no row can name apart.
const SKIPS: &str = "sentinel_cycle_skips_total";

fn series(samples: &Samples, family: &str, label: (&str, &str)) -> f64 {
    let labelled = samples.get(family, &[label]);
    labelled.unwrap_or_else(|| panic!("there is no {family} {label:?}"))
}

/// Whether a counter or histogram has counted, or a gauge is set.
pub(crate) fn has_moved(samples: &Samples, family: &str) -> bool {
    samples.sum(family) > 0.0 || samples.sum(&format!("{family}_count")) > 0.0
}

fn all_moved(run: Run, samples: &Samples) {
    for (family, by) in FAMILIES {
        assert!(
            by != run || has_moved(samples, family),
            "{family} stands in {run:?}"
        );
    }
}

/// Every family of the table.
pub(crate) fn families() -> Vec<&'static str> {
    FAMILIES
        .iter()
        .map(|(name, _)| *name)
        .chain([SKIPS, IN_PROGRESS])
        .collect()
}

/// Waits for one more of a counter.
fn one_more(addr: &str, counter: &str, cause: impl FnOnce()) {
    let before = scrape(addr).sum(counter);
    cause();
    wait_for_sum(addr, counter, before + 1.0);
}

/// Every reason that an answer can be unfit for, each seen once.
fn unfit_answers(hub: &FaultServer, addr: &str) {
    for (body, reason) in [
        ("", "empty"),
        ("{\"predictions\":[[NaN,0.5,0.5]]}", "json"),
        ("{\"predictions\":[[0.2,0.3,0.5],[0.2,0.3,0.5]]}", "shape"),
        ("{\"predictions\":[[0.5]]}", "count"),
        ("{\"predictions\":[[-0.1,0.6,0.5]]}", "value"),
        ("{\"predictions\":[[0.5,0.5,0.5]]}", "sum"),
    ] {
        one_more(addr, "sentinel_prediction_invalid_total", || {
            hub.arm(Fault::Body(body.to_owned()));
        });
        let invalid = scrape(addr);
        let seen = series(
            &invalid,
            "sentinel_prediction_invalid_total",
            ("reason", reason),
        );
        assert_eq!(seen.to_bits(), 1.0_f64.to_bits(), "{reason}");
    }
}

#[test]
fn trading_with_every_counterpart_wrong_once_moves_its_families() {
    let (prices, model, paper) = (
        Counterpart::start("serve-prices", "prices"),
        Counterpart::start("serve-model", "model"),
        Counterpart::start("paper-gateway", "gateway"),
    );
    let (vendor, hub) = (
        FaultServer::before(prices.addr()),
        FaultServer::before(model.addr()),
    );
    let gateway = FaultGateway::before(paper.addr());
    let url = format!("http://{}", vendor.addr());
    let args = [
        "--metrics-port",
        "0",
        "--pace",
        "0.1",
        "--threshold",
        "0.34",
        "--max-positions",
        "1",
        "--vendor-url",
        &url,
        "--hub-port",
        hub.port(),
        "--gtw-port",
        gateway.port(),
    ];
    let mut daemon = Running::daemon(&args);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_risk_blocks_total", 1.0);
    let suppressed = scrape(&addr);
    assert!(
        series(
            &suppressed,
            "sentinel_signals_suppressed_total",
            ("reason", "risk")
        ) >= 1.0
    );
    wait_for_sum(&addr, "sentinel_position_lots", 0.01);
    one_more(&addr, "sentinel_data_fetch_failed_total", || {
        vendor.arm(Fault::Status(500));
    });
    one_more(&addr, "sentinel_cycle_overruns_total", || {
        hub.arm(Fault::Silence);
    });
    unfit_answers(&hub, &addr);
    one_more(&addr, "sentinel_gateway_stray_replies_total", || {
        gateway.arm(OrderFault::StrangerFirst);
    });
    gateway.arm(OrderFault::AnswerLost);
    gateway.wait_for_fault();
    // While nobody knows what became of it, the page says so.
    assert_eq!(
        scrape(&addr).get("sentinel_orders_unsettled", &[]),
        Some(1.0)
    );
    wait_for_sum(&addr, "sentinel_orders_settled_total", 1.0);
    wait_until("the order to be settled", || {
        match scrape(&addr).get("sentinel_orders_unsettled", &[]) {
            Some(0.0) => Ok(()),
            other => Err(other),
        }
    });
    one_more(&addr, "sentinel_gateway_ping_failures_total", || {
        gateway.be_silent(true);
    });
    gateway.be_silent(false);
    wait_for_status(&addr, "/health/ready", 200);
    wait_for_sum(&addr, "sentinel_position_lots", 0.01);
    let samples = scrape(&addr);
    for (family, run) in FAMILIES {
        let seen_before = family == "sentinel_orders_unsettled";
        assert!(
            run != Run::Trading || seen_before || has_moved(&samples, family),
            "{family}: {}",
            daemon.log()
        );
    }
    no_faults(&samples);
    let age = samples.sum("sentinel_last_success_age_seconds");
    assert!(age < samples.sum("sentinel_daemon_uptime_seconds"), "{age}");
    assert!(daemon.is_alive());
}

#[test]
fn a_dry_replay_over_the_open_inference_protocol_moves_its_families() {
    let args = [
        "--metrics-port",
        "0",
        "--pace",
        "0",
        "--dry-run",
        "--log-level",
        "warn",
        "--hub-protocol",
        "oip",
    ];
    let mut daemon = Running::daemon(&args);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_replay_wraps_total", 1.0);
    let samples = scrape(&addr);
    all_moved(Run::Replay, &samples);
    no_faults(&samples);
    wait_for_sum(&addr, IN_PROGRESS, 1.0);
    for reason in ["dry_run", "below_threshold"] {
        assert!(
            series(
                &samples,
                "sentinel_signals_suppressed_total",
                ("reason", reason)
            ) >= 1.0
        );
    }
    for (route, method) in [
        ("/v2/models/{name}/infer", "POST"),
        ("/api/intraday/{symbol}", "GET"),
    ] {
        let labels = [("endpoint", route), ("method", method), ("status", "200")];
        let (requests, timed) = (
            samples.get("http_requests_total", &labels),
            samples.get("http_request_duration_seconds_count", &labels[..2]),
        );
        assert!(
            requests >= Some(1_000.0) && timed >= Some(1_000.0),
            "{route}: {requests:?}"
        );
    }
    assert_eq!(
        samples
            .sum("sentinel_trading_cycles_failed_total")
            .to_bits(),
        0,
        "{}",
        daemon.log()
    );
    assert_eq!(
        samples.sum("sentinel_prediction_invalid_total").to_bits(),
        0
    );
}

#[test]
fn prices_of_the_present_move_their_families() {
    tests::program("sentinel-daemon");
    let vendor = FaultServer::serving(|| present_bars(200));
    let url = format!("http://{}", vendor.addr());
    let second = ((unix_now() + 4) % 60).to_string();
    let args = [
        "--metrics-port",
        "0",
        "--vendor-url",
        &url,
        "--second",
        &second,
    ];
    let mut daemon = Running::daemon(&args);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, SKIPS, 1.0);
    all_moved(Run::Present, &scrape(&addr));
    no_faults(&scrape(&addr));
}
