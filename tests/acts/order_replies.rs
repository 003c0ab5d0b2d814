//! What a gateway can reply to an order that cannot be believed. Each order was carried out: it counts as unknown first,
//! then as filled, once, when the gateway is asked after it.

use serde_json::{Value, json};
use tests::gateway::{FaultGateway, OrderFault};
use tests::{Counterpart, Running, scrape, wait_for_status, wait_for_sum, wait_until};

type Mangle = fn(Value) -> Vec<Vec<u8>>;

fn with(mut reply: Value, field: &str, value: Value) -> Vec<Vec<u8>> {
    reply[field] = value;
    one(&reply)
}

fn without(mut reply: Value, fields: &[&str]) -> Vec<Vec<u8>> {
    let map = reply.as_object_mut().expect("a reply is an object");
    map.retain(|field, _| !fields.contains(&field.as_str()));
    one(&reply)
}

fn one(reply: &Value) -> Vec<Vec<u8>> {
    vec![reply.to_string().into_bytes()]
}

/// The reply, and once more this field, at its end.
fn and_twice(reply: &Value, field: &str) -> Vec<Vec<u8>> {
    let text = reply.to_string();
    let body = text.strip_suffix('}').expect("a reply is an object");
    vec![format!("{body},{field}}}").into_bytes()]
}

fn price(reply: &Value) -> &'static str {
    if reply["close_price"].is_null() {
        "price"
    } else {
        "close_price"
    }
}

const MANGLED: [(&str, Mangle); 28] = [
    ("no frame of its own", |_| vec![vec![]]),
    ("three frames", |reply| {
        [one(&reply), one(&reply), one(&reply)].concat()
    }),
    ("no UTF-8", |_| vec![b"{\"status\":\"\xe9\"}".to_vec()]),
    ("cut off", |reply| vec![one(&reply)[0][..40].to_vec()]),
    ("more than an object", |reply| {
        vec![[one(&reply)[0].clone(), b" and more".to_vec()].concat()]
    }),
    ("a list", |reply| one(&json!([reply]))),
    ("a text", |reply| one(&json!(reply.to_string()))),
    ("inside another object", |reply| {
        one(&json!({"uuid": reply["uuid"].clone(), "reply": reply}))
    }),
    ("deeper than any reply", |_| {
        vec!["[".repeat(100_000).into_bytes()]
    }),
    ("without uuid", |reply| without(reply, &["uuid"])),
    ("uuid null", |reply| with(reply, "uuid", Value::Null)),
    ("uuid twice", |reply| {
        and_twice(&reply, r#""uuid":"of-nobody""#)
    }),
    ("status twice", |reply| {
        and_twice(&reply, r#""status":"REJECTED""#)
    }),
    ("volume twice", |reply| and_twice(&reply, r#""volume":0.1"#)),
    ("without status", |reply| without(reply, &["status"])),
    ("status of a ping", |reply| {
        with(reply, "status", json!("ok"))
    }),
    ("status in small letters", |reply| {
        with(reply, "status", json!("filled"))
    }),
    ("status of no order", |reply| {
        with(reply, "status", json!("PENDING"))
    }),
    ("without ticket", |reply| without(reply, &["ticket"])),
    ("half a ticket", |reply| with(reply, "ticket", json!(1.5))),
    ("without price", |reply| {
        without(reply, &["price", "close_price"])
    }),
    ("price no number", |reply| {
        let text = reply
            .to_string()
            .replace("\"price\":", "\"price\":NaN,\"was\":");
        vec![
            text.replace("\"close_price\":", "\"close_price\":NaN,\"was\":")
                .into_bytes(),
        ]
    }),
    ("price in words", |reply| {
        let price = price(&reply);
        with(reply, price, json!("1.1"))
    }),
    ("more than was asked for", |reply| {
        with(reply, "volume", json!(9.0))
    }),
    ("part without its volume", |reply| {
        with(reply, "status", json!("PARTIAL"))
    }),
    ("part larger than the whole", |mut reply| {
        reply["filled_volume"] = json!(0.2);
        with(reply, "status", json!("PARTIAL"))
    }),
    ("filled, but no money", |reply| {
        with(reply, "retcode", json!(10019))
    }),
    ("rejected, but done", |reply| {
        with(reply, "status", json!("REJECTED"))
    }),
];

/// Unknown orders, settled as filled, orders told filled, signals executed.
fn counts(addr: &str) -> [f64; 4] {
    let samples = scrape(addr);
    let orders = |status: &str| {
        let side = |side: &str| {
            let labels = [("symbol", "EURUSD"), ("side", side), ("status", status)];
            samples.get("sentinel_orders_total", &labels).unwrap()
        };
        side("BUY") + side("SELL")
    };
    let settled = [("settlement", "filled")];
    let settled = samples.get("sentinel_orders_settled_total", &settled);
    let executed = samples.sum("sentinel_trading_signals_executed_total");
    [
        orders("unknown"),
        settled.unwrap(),
        orders("filled"),
        executed,
    ]
}

#[test]
fn an_order_whose_reply_cannot_be_believed_is_asked_after_and_counted_once() {
    let paper = Counterpart::start("paper-gateway", "gateway");
    let gateway = FaultGateway::before(paper.addr());
    let args = [
        "--metrics-port",
        "0",
        "--pace",
        "0.1",
        "--threshold",
        "0.34",
    ];
    let mut daemon = Running::daemon(&[&args[..], &["--gtw-port", gateway.port()]].concat());
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_trading_signals_executed_total", 1.0);
    let memory = daemon.resident_kib();
    for (number, (what, mangle)) in MANGLED.into_iter().enumerate() {
        gateway.arm(OrderFault::Mangled(mangle));
        gateway.wait_for_fault();
        let faults = number as f64 + 1.0;
        wait_until(what, || match counts(&addr) {
            [unknown, settled, filled, executed]
                if (unknown, settled) == (faults, faults)
                    && (filled + settled - executed).abs() < 0.5 =>
            {
                Ok(())
            }
            other => Err((
                faults,
                other,
                daemon.log().lines().last().map(str::to_owned),
            )),
        });
    }
    wait_for_status(&addr, "/health/ready", 200);
    let samples = scrape(&addr);
    let failed = samples.sum("sentinel_trading_cycles_failed_total");
    assert_eq!(failed as usize, MANGLED.len(), "{}", daemon.log());
    let volume = samples.sum("sentinel_order_volume_lots_sum");
    let [_, _, _, executed] = counts(&addr);
    assert!(
        (volume - 0.1 * executed).abs() < 0.11,
        "{volume} lots in {executed} fills"
    );
    let grown = daemon.resident_kib().saturating_sub(memory);
    assert!(grown < 20 * 1024, "{grown} KiB more are resident");
    assert!(daemon.is_alive());
}

#[test]
fn a_reply_larger_than_any_is_never_read_and_the_order_is_asked_after() {
    let paper = Counterpart::start("paper-gateway", "gateway");
    let gateway = FaultGateway::before(paper.addr());
    gateway.arm(OrderFault::Mangled(|_| vec![vec![b' '; 64 << 20]]));
    let args = [
        "--metrics-port",
        "0",
        "--pace",
        "0.1",
        "--threshold",
        "0.34",
    ];
    let mut daemon = Running::daemon(&[&args[..], &["--gtw-port", gateway.port()]].concat());
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_orders_settled_total", 1.0);
    let [unknown, settled, ..] = counts(&addr);
    assert!((unknown, settled) == (1.0, 1.0), "{}", daemon.log());
    assert!(daemon.resident_kib() < 60 * 1024);
    assert!(daemon.is_alive());
}

/// For ever the same: the gateway remembers its reply, which cannot be true, and says it again when asked.
#[test]
fn an_answer_that_will_never_be_true_is_settled_by_the_positions() {
    let paper = Counterpart::start("paper-gateway", "gateway");
    let gateway = FaultGateway::before(paper.addr());
    gateway.arm(OrderFault::Mangled(|reply| without(reply, &["ticket"])));
    gateway.mangle_memory(true);
    let args = [
        "--metrics-port",
        "0",
        "--pace",
        "0.2",
        "--threshold",
        "0.34",
    ];
    let mut daemon = Running::daemon(&[&args[..], &["--gtw-port", gateway.port()]].concat());
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_orders_settled_total", 1.0);
    let seen = [("settlement", "seen_in_positions")];
    let seen = scrape(&addr).get("sentinel_orders_settled_total", &seen);
    assert_eq!(seen, Some(1.0), "{}", daemon.log());
    wait_for_status(&addr, "/health/ready", 200);
    assert!(daemon.is_alive());
}
