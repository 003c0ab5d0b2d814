//! What can go wrong with an order, at the socket: only an explicit fill counts, an order without an answer is settled
//! before the next, and nothing is ever sent or filled twice.

use std::collections::HashSet;
use std::time::Duration;

use instrument_core::Samples;
use serde_json::json;
use tests::fault::FaultServer;
use tests::gateway::{FaultGateway, OrderFault};
use tests::{
    Counterpart, Folder, Running, get, present_bars, scrape, wait_for_status, wait_for_sum,
    wait_until,
};

const EXECUTED: &str = "sentinel_trading_signals_executed_total";

/// A daemon that trades often, on a replay, at a gateway that can be made to do wrong.
fn trading(gateway: &FaultGateway) -> (Running, String) {
    let args = [
        "--metrics-port",
        "0",
        "--pace",
        "0.2",
        "--threshold",
        "0.34",
        "--gtw-port",
        gateway.port(),
    ];
    let mut daemon = Running::daemon(&args);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, EXECUTED, 1.0);
    (daemon, addr)
}

/// Orders with this status, both sides.
fn orders(samples: &Samples, status: &str) -> f64 {
    ["BUY", "SELL"]
        .iter()
        .map(|side| {
            let labels = [("symbol", "EURUSD"), ("side", *side), ("status", status)];
            let orders = samples.get("sentinel_orders_total", &labels);
            orders.unwrap_or_else(|| panic!("there is no status {status}"))
        })
        .sum()
}

fn settled(samples: &Samples, settlement: &str) -> f64 {
    let labels = [("settlement", settlement)];
    let settled = samples.get("sentinel_orders_settled_total", &labels);
    settled.unwrap_or_else(|| panic!("there is no settlement {settlement}"))
}

/// What moved between two scrapes: orders of each status, settlements, fills of signals.
fn moved(before: &Samples, after: &Samples) -> Vec<(&'static str, f64)> {
    let statuses = ["partial", "rejected", "error", "not_sent", "unknown"];
    let settlements = ["filled", "refused", "not_executed", "seen_in_positions"];
    let of_orders = statuses.map(|status| (status, orders(after, status) - orders(before, status)));
    let of_settlements = settlements.map(|one| (one, settled(after, one) - settled(before, one)));
    let all = of_orders.into_iter().chain(of_settlements);
    all.filter(|(_, moved)| *moved != 0.0).collect()
}

/// No order came twice, and the page's fills are those of orders and settlements.
fn nothing_is_doubled(gateway: &FaultGateway, addr: &str) {
    let orders_heard = gateway.orders();
    let names: HashSet<_> = orders_heard
        .iter()
        .map(|order| order["uuid"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names.len(), orders_heard.len(), "a name was used twice");
    // Two counters of one event are not written in one instant.
    wait_until("as many signals executed as were told filled", || {
        let samples = scrape(addr);
        let told = orders(&samples, "filled") + orders(&samples, "partial");
        let (fills, executed) = (told + settled(&samples, "filled"), samples.sum(EXECUTED));
        if executed.to_bits() == fills.to_bits() {
            Ok(())
        } else {
            Err((executed, fills))
        }
    });
}

/// Arms a fault, waits until it is over and orders are filled again, and tells what moved.
fn after(
    fault: OrderFault,
    gateway: &FaultGateway,
    addr: &str,
) -> (Vec<(&'static str, f64)>, Samples) {
    let before = scrape(addr);
    gateway.arm(fault);
    gateway.wait_for_fault();
    wait_until("the order to be settled and the next one filled", || {
        let samples = scrape(addr);
        let over = samples.get("sentinel_orders_unsettled", &[]) == Some(0.0)
            && samples.sum(EXECUTED) >= before.sum(EXECUTED) + 2.0
            && !moved(&before, &samples).is_empty();
        if over {
            Ok(())
        } else {
            Err(moved(&before, &samples))
        }
    });
    let samples = scrape(addr);
    (moved(&before, &samples), samples)
}

#[test]
fn an_order_without_an_answer_is_settled_before_the_next() {
    let paper = Counterpart::start("paper-gateway", "gateway");
    let gateway = FaultGateway::before(paper.addr());
    let (mut daemon, addr) = trading(&gateway);
    for (fault, settlement) in [
        (OrderFault::AnswerLost, "filled"),
        (OrderFault::Lost, "not_executed"),
        (
            OrderFault::Mangled(|_| vec![b"\xff{not json".to_vec()]),
            "filled",
        ),
        (OrderFault::AnswerLate(Duration::from_secs(6)), "filled"),
    ] {
        let (moved, _) = after(fault.clone(), &gateway, &addr);
        let expected = [("unknown", 1.0), (settlement, 1.0)];
        assert_eq!(moved, expected, "{fault:?}: {}", daemon.log());
        assert!(daemon.is_alive());
        wait_for_status(&addr, "/health/ready", 200);
        nothing_is_doubled(&gateway, &addr);
    }
}

#[test]
fn refusals_and_parts_are_told_as_what_they_are() {
    let paper = Counterpart::start("paper-gateway", "gateway");
    let gateway = FaultGateway::before(paper.addr());
    let (mut daemon, addr) = trading(&gateway);
    let rejected = json!({"status": "REJECTED", "error_code": "MT5_ORDER_FAILED", "error_msg": "no", "retcode": 10019});
    let error = json!({"status": "error", "error_code": "MT5_EXCEPTION", "error_msg": "no"});
    for (answer, status) in [(rejected, "rejected"), (error, "error")] {
        let failed = scrape(&addr).sum("sentinel_trading_cycles_failed_total");
        let (moved, samples) = after(OrderFault::Answer(answer), &gateway, &addr);
        assert_eq!(moved, [(status, 1.0)], "{}", daemon.log());
        let failed = samples.sum("sentinel_trading_cycles_failed_total") - failed;
        assert_eq!(failed.to_bits(), 1.0_f64.to_bits(), "{}", daemon.log());
        nothing_is_doubled(&gateway, &addr);
    }
    let strays = scrape(&addr).sum("sentinel_gateway_stray_replies_total");
    gateway.arm(OrderFault::StrangerFirst);
    gateway.wait_for_fault();
    wait_for_sum(&addr, "sentinel_gateway_stray_replies_total", strays + 1.0);
    let samples = scrape(&addr);
    assert_eq!(orders(&samples, "unknown").to_bits(), 0, "{}", daemon.log());
    // The nine lots of the stranger are in no volume.
    assert!(samples.sum("sentinel_order_volume_lots_sum") < 9.0);
    assert!(daemon.is_alive());
}

#[test]
fn the_filled_part_of_a_partial_fill_counts_and_no_more() {
    let paper = Counterpart::start("paper-gateway", "gateway");
    let gateway = FaultGateway::before(paper.addr());
    gateway.arm(OrderFault::Answer(json!({
        "status": "PARTIAL", "ticket": 900, "volume": 0.1, "filled_volume": 0.04,
        "price": 1.1, "close_price": 1.1,
    })));
    let args = [
        "--metrics-port",
        "0",
        "--pace",
        "0.2",
        "--threshold",
        "0.34",
        "--gtw-port",
        gateway.port(),
    ];
    let mut daemon = Running::daemon(&args);
    let addr = daemon.metrics_addr();
    wait_until("the partial fill", || {
        let samples = scrape(&addr);
        let volume = samples.sum("sentinel_order_volume_lots_sum");
        if orders(&samples, "partial") > 0.0 {
            // Fills after it have a tenth of a lot each.
            let whole = orders(&samples, "filled") * 0.1;
            assert!((volume - whole - 0.04).abs() < 1e-9, "{volume}");
            return Ok(());
        }
        Err(volume)
    });
    assert!(scrape(&addr).sum(EXECUTED) >= 1.0, "{}", daemon.log());
    assert!(daemon.is_alive());
}

/// Loses the answer to an order, restarts the gateway behind, and tells how the order was settled.
fn settled_across_a_restart(args: &[&str]) -> Vec<(&'static str, f64)> {
    let mut paper = Counterpart::start_with("paper-gateway", "gateway", args);
    let gateway = FaultGateway::before(paper.addr());
    let (mut daemon, addr) = trading(&gateway);
    let before = scrape(&addr);
    gateway.arm(OrderFault::AnswerLost);
    gateway.wait_for_fault();
    paper.kill();
    paper.restart();
    wait_for_sum(
        &addr,
        "sentinel_orders_settled_total",
        before.sum("sentinel_orders_settled_total") + 1.0,
    );
    wait_for_status(&addr, "/health/ready", 200);
    assert!(daemon.is_alive());
    let samples = scrape(&addr);
    nothing_is_doubled(&gateway, &addr);
    moved(&before, &samples)
}

#[test]
fn a_gateway_that_is_restarted_with_its_memory_says_what_became_of_the_order() {
    let folder = Folder::new("gateway-memory");
    let moved = settled_across_a_restart(&["--state-dir", folder.path()]);
    assert_eq!(moved, [("unknown", 1.0), ("filled", 1.0)]);
}

#[test]
fn after_a_lost_session_the_positions_say_what_became_of_the_first_order() {
    for (fault, settlement) in [
        (OrderFault::AnswerLost, "seen_in_positions"),
        (OrderFault::Lost, "not_executed"),
    ] {
        let paper = Counterpart::start("paper-gateway", "gateway");
        let gateway = FaultGateway::before(paper.addr());
        gateway.arm(fault);
        let args = [
            "--metrics-port",
            "0",
            "--threshold",
            "0.34",
            "--pace",
            "0.2",
        ];
        let mut daemon = Running::daemon(&[&args[..], &["--gtw-port", gateway.port()]].concat());
        let addr = daemon.metrics_addr();
        gateway.wait_for_fault();
        gateway.forget();
        wait_for_sum(&addr, "sentinel_orders_settled_total", 1.0);
        let samples = scrape(&addr);
        assert_eq!(
            settled(&samples, settlement).to_bits(),
            1.0_f64.to_bits(),
            "{}",
            daemon.log()
        );
        // What was seen in positions was never told as a fill.
        nothing_is_doubled(&gateway, &addr);
        assert!(daemon.is_alive());
    }
}

#[test]
fn a_gateway_that_is_restarted_without_its_memory_is_not_believed_but_its_positions_are() {
    let moved = settled_across_a_restart(&[]);
    let settled = moved.iter().find(|(name, _)| *name != "unknown").unwrap().0;
    // A position that was to be opened is not there; one that was to be closed is gone with the whole account.
    assert!(
        ["not_executed", "seen_in_positions"].contains(&settled),
        "{moved:?}"
    );
}

#[test]
fn a_daemon_killed_between_order_and_answer_settles_it_and_trades_the_bar_only_once() {
    ended_with_an_order_in_the_air("killed", Running::kill);
}

#[test]
fn a_daemon_stopped_between_order_and_answer_settles_it_and_trades_the_bar_only_once() {
    ended_with_an_order_in_the_air("stopped", |daemon| {
        daemon.signal("TERM");
        assert!(daemon.ended().success(), "{}", daemon.log());
        let log = daemon.log();
        assert!(log.contains("the order's outcome is unknown"), "{log}");
    });
}

/// Ends a daemon whose order is at the gateway and has no answer, starts it anew, and sees the order settled and the
/// bar not traded again.
fn ended_with_an_order_in_the_air(name: &str, end: impl FnOnce(&mut Running)) {
    let folder = Folder::new(name);
    let paper = Counterpart::start("paper-gateway", "gateway");
    let gateway = FaultGateway::before(paper.addr());
    let vendor = FaultServer::serving(|| present_bars(200));
    let url = format!("http://{}", vendor.addr());
    let sure = FaultServer::serving(|| r#"{"predictions":[[0.1,0.2,0.7]]}"#.to_owned());
    let args = [
        "--metrics-port",
        "0",
        "--hub-port",
        sure.port(),
        "--vendor-url",
        &url,
        "--gtw-port",
        gateway.port(),
        "--state-dir",
        folder.path(),
    ];
    gateway.arm(OrderFault::AnswerLost);
    let mut first = Running::daemon(&args);
    first.metrics_addr();
    wait_until("the order to be under way", || {
        let orders = gateway.orders();
        if orders.is_empty() {
            Err(first.log())
        } else {
            Ok(())
        }
    });
    end(&mut first);
    gateway.wait_for_fault();
    let mut second = Running::daemon(&args);
    let addr = second.metrics_addr();
    wait_for_sum(&addr, "sentinel_trading_cycles_total", 1.0);
    let samples = scrape(&addr);
    assert_eq!(
        settled(&samples, "filled").to_bits(),
        1.0_f64.to_bits(),
        "{}",
        second.log()
    );
    assert_eq!(samples.sum(EXECUTED).to_bits(), 1.0_f64.to_bits());
    let judged = [("reason", "already_judged")];
    let skipped = samples.get("sentinel_cycle_skips_total", &judged);
    assert_eq!(skipped, Some(1.0), "{}", second.log());
    assert_eq!(gateway.orders().len(), 1, "nothing was sent again");
    let lots = samples.sum("sentinel_position_lots");
    assert!((lots - 0.1).abs() < 1e-9, "{lots} lots are held");
}

#[test]
fn a_silent_gateway_is_down_after_three_misses_and_up_with_the_first_answer() {
    let paper = Counterpart::start("paper-gateway", "gateway");
    let gateway = FaultGateway::before(paper.addr());
    let mut daemon = Running::daemon(&["--metrics-port", "0", "--gtw-port", gateway.port()]);
    let addr = daemon.metrics_addr();
    let up = || scrape(&addr).get("sentinel_gateway_up", &[]);
    wait_until("the gateway to be up", || match up() {
        Some(1.0) => Ok(()),
        other => Err(other),
    });
    gateway.be_silent(true);
    wait_until("the gateway to be down", || {
        let samples = scrape(&addr);
        let misses = samples.sum("sentinel_gateway_ping_failures_total");
        match samples.get("sentinel_gateway_up", &[]) {
            Some(1.0) => {
                assert!(misses < 4.0, "up after {misses} misses");
                Err(misses)
            }
            _ => {
                assert!(misses >= 3.0, "down after {misses} misses");
                Ok(())
            }
        }
    });
    wait_for_status(&addr, "/health/ready", 503);
    let reasons = get(&addr, "/health/ready").unwrap().body;
    assert!(
        reasons.contains("gateway") && reasons.contains("cycle"),
        "{reasons}"
    );
    gateway.be_silent(false);
    wait_for_status(&addr, "/health/ready", 200);
    assert_eq!(up(), Some(1.0));
    assert!(daemon.is_alive());
}

#[test]
fn a_gateway_that_is_down_at_start_means_unready_orders_unsent_and_no_end() {
    let refusing = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port().to_string()
    };
    let mut daemon = Running::daemon(&["--metrics-port", "0", "--gtw-port", &refusing]);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_zmq_send_failures_total", 1.0);
    wait_for_status(&addr, "/health/ready", 503);
    let samples = scrape(&addr);
    assert_eq!(samples.get("sentinel_gateway_up", &[]), Some(0.0));
    assert_eq!(
        samples
            .sum("sentinel_trading_cycles_failed_total")
            .to_bits(),
        samples.sum("sentinel_zmq_send_failures_total").to_bits(),
        "one failure a cycle"
    );
    assert!(daemon.is_alive());
    daemon.signal("TERM");
    assert!(daemon.ended().success(), "{}", daemon.log());
}
