//! The paper gateway as a table of requests and replies, without sockets.

mod memory;

use super::*;
use crate::bar::Side;

/// Milliseconds since 1970 at which every request here is read.
const NOW_MS: i64 = 1_700_000_000_000;

fn now() -> Timestamp {
    Timestamp::from_millisecond(NOW_MS).unwrap()
}

fn gateway() -> PaperGateway {
    PaperGateway::new(PaperConfig::default()).unwrap()
}

fn ask(gateway: &mut PaperGateway, request: &Value) -> Value {
    let reply = gateway.handle(request.to_string().as_bytes(), now());
    serde_json::from_slice(&reply).unwrap()
}

/// A sound order for a tenth of a lot, with some fields changed.
fn open(uuid: &str, changes: &Value) -> Value {
    let mut request = json!({
        "uuid": uuid, "action": "OPEN", "timestamp": 1_699_999_999.75, "symbol": "EURUSD", "type": "BUY",
        "volume": 0.1, "price": 1.1, "sl": 0.0, "tp": 0.0, "comment": "",
    });
    for (field, value) in changes.as_object().unwrap() {
        request[field] = value.clone();
    }
    request
}

fn close(uuid: &str, ticket: u64, price: &Value) -> Value {
    json!({"uuid": uuid, "action": "CLOSE", "ticket": ticket, "price": price})
}

fn account(gateway: &mut PaperGateway) -> Value {
    ask(gateway, &json!({"uuid": "a", "action": "GET_ACCOUNT"}))
}

#[track_caller]
fn assert_near(value: &Value, expected: f64) {
    let number = value.as_f64().unwrap();
    assert!(
        (number - expected).abs() < 1e-6,
        "{number} is not {expected}"
    );
}

#[track_caller]
fn assert_refused(reply: &Value, status: &str, code: &str, retcode: &Value) {
    assert_eq!(reply["status"], status, "{reply}");
    assert_eq!(reply["error_code"], code, "{reply}");
    assert_eq!(&reply["retcode"], retcode, "{reply}");
    assert_ne!(reply["error_msg"], "");
    assert_near(&reply["timestamp"], 1_700_000_000.0);
}

#[test]
fn ping_tells_time_way_and_session() {
    let mut gateway = gateway();
    let request = json!({"uuid": "p", "action": "PING", "timestamp": 1_699_999_999.75});
    let reply = ask(&mut gateway, &request);
    assert_eq!(
        (&reply["uuid"], &reply["status"]),
        (&json!("p"), &json!("ok"))
    );
    assert_near(&reply["server_time"], 1_700_000_000.0);
    assert_near(&reply["latency_ms"], 250.0);
    let again = ask(&mut gateway, &request);
    assert_eq!(reply["gateway_session"], again["gateway_session"]);
    let other = ask(&mut self::gateway(), &request);
    assert_ne!(reply["gateway_session"], other["gateway_session"]);
}

#[test]
fn unsound_messages_get_an_error_that_names_the_fault() {
    let mut gateway = gateway();
    for (message, code) in [
        (b"".to_vec(), "INVALID_JSON"),
        (b"PING:EURUSD:1".to_vec(), "INVALID_JSON"),
        (vec![0xff, 0xfe, 0], "INVALID_JSON"),
        (b"[1]".to_vec(), "INVALID_JSON"),
        (
            json!("x".repeat(50_000)).to_string().into_bytes(),
            "INVALID_JSON",
        ),
        (b"{\"price\":1e999}".to_vec(), "INVALID_JSON"),
        (vec![b'['; 50_000], "INVALID_JSON"),
        (vec![b' '; 10_000_000], "INVALID_JSON"),
        (b"{}".to_vec(), "MISSING_ACTION"),
        (b"{\"action\":7}".to_vec(), "MISSING_ACTION"),
        (b"{\"action\":\"place_order\"}".to_vec(), "UNKNOWN_ACTION"),
    ] {
        let reply: Value = serde_json::from_slice(&gateway.handle(&message, now())).unwrap();
        assert_refused(&reply, "error", code, &Value::Null);
        assert_eq!(reply["uuid"], Value::Null);
        assert!(reply.to_string().len() < 400);
    }
    let named = ask(&mut gateway, &json!({"uuid": "x"}));
    assert_eq!(named["uuid"], "x");
}

#[test]
fn open_fills_half_a_spread_worse_than_the_price_it_names() {
    let mut gateway = gateway();
    for (uuid, side, ticket, price) in [("a", "BUY", 1, 1.10005), ("b", "SELL", 2, 1.09995)] {
        let reply = ask(&mut gateway, &open(uuid, &json!({"type": side})));
        assert_eq!(reply["status"], "FILLED");
        assert_eq!(
            (&reply["uuid"], &reply["ticket"]),
            (&json!(uuid), &json!(ticket))
        );
        assert_eq!(
            (&reply["symbol"], &reply["retcode"]),
            (&json!("EURUSD"), &json!(10009))
        );
        assert_near(&reply["price"], price);
        assert_near(&reply["volume"], 0.1);
        assert_near(&reply["execution_time"], 1_700_000_000.0);
        assert_near(&reply["latency_ms"], 250.0);
    }
}

#[test]
fn unsound_orders_are_rejected_with_code_and_retcode() {
    for (changes, code, retcode) in [
        (json!({"symbol": null}), "MISSING_SYMBOL", 10013),
        (json!({"symbol": ""}), "MISSING_SYMBOL", 10013),
        (json!({"type": "HOLD"}), "MISSING_TYPE", 10013),
        (json!({"type": null}), "MISSING_TYPE", 10013),
        (json!({"volume": null}), "INVALID_VOLUME", 10014),
        (json!({"volume": 0.0}), "INVALID_VOLUME", 10014),
        (json!({"volume": -0.1}), "INVALID_VOLUME", 10014),
        (json!({"volume": 0.015}), "INVALID_VOLUME", 10014),
        (json!({"volume": 100.01}), "INVALID_VOLUME", 10014),
        (json!({"price": null}), "MT5_ORDER_FAILED", 10015),
        (json!({"price": 0}), "MT5_ORDER_FAILED", 10015),
        (json!({"price": "1.1"}), "MT5_ORDER_FAILED", 10015),
        (
            json!({"price": 0.00004, "type": "SELL"}),
            "MT5_ORDER_FAILED",
            10015,
        ),
        (json!({"price": 1e308}), "MT5_ORDER_FAILED", 10019),
        (json!({"sl": -1}), "MT5_ORDER_FAILED", 10016),
        (json!({"sl": 1.2}), "MT5_ORDER_FAILED", 10016),
        (json!({"tp": 1.0}), "MT5_ORDER_FAILED", 10016),
        (
            json!({"type": "SELL", "sl": 1.0}),
            "MT5_ORDER_FAILED",
            10016,
        ),
        (
            json!({"type": "SELL", "tp": 1.2}),
            "MT5_ORDER_FAILED",
            10016,
        ),
        (json!({"uuid": null}), "MISSING_UUID", 10013),
        (json!({"uuid": "u".repeat(65)}), "MISSING_UUID", 10013),
    ] {
        let mut gateway = gateway();
        let untouched = gateway.account.clone();
        let reply = ask(&mut gateway, &open("u", &changes));
        assert_refused(&reply, "REJECTED", code, &json!(retcode));
        assert_eq!(gateway.account, untouched, "{changes}");
    }
}

#[test]
fn volumes_on_the_step_and_stops_on_their_sides_are_taken() {
    let mut gateway = gateway();
    for (number, changes) in [
        json!({"volume": 0.01}),
        json!({"volume": 0.07}),
        json!({"volume": 0.29}),
        json!({"sl": 1.0, "tp": 1.2}),
        json!({"type": "SELL", "sl": 1.2, "tp": 1.0}),
        json!({"sl": null, "tp": null}),
    ]
    .iter()
    .enumerate()
    {
        let reply = ask(&mut gateway, &open(&number.to_string(), changes));
        assert_eq!(reply["status"], "FILLED", "{reply}");
    }
}

#[test]
fn closing_gains_the_move_less_the_spread() {
    // 0.1 lots are 10,000 units: 100 pips are 100 USD, the spread of one pip costs 1 USD.
    for (side, price, close_price, profit) in [
        ("BUY", 1.11, 1.10995, 99.0),
        ("BUY", 1.09, 1.08995, -101.0),
        ("SELL", 1.09, 1.09005, 99.0),
        ("SELL", 1.11, 1.11005, -101.0),
    ] {
        let mut gateway = gateway();
        ask(&mut gateway, &open("o", &json!({"type": side})));
        let reply = ask(&mut gateway, &close("c", 1, &json!(price)));
        assert_eq!(
            (&reply["status"], &reply["ticket"]),
            (&json!("FILLED"), &json!(1))
        );
        assert_near(&reply["close_price"], close_price);
        assert_near(&reply["profit"], profit);
        assert_near(&reply["volume"], 0.1);
        let account = account(&mut gateway);
        assert_near(&account["balance"], 10_000.0 + profit);
        assert_near(&account["equity"], 10_000.0 + profit);
        assert_near(&account["margin"], 0.0);
        assert_near(&account["margin_level"], 0.0);
    }
}

#[test]
fn close_without_a_price_uses_the_last_one_of_its_symbol() {
    let mut gateway = gateway();
    ask(&mut gateway, &open("a", &json!({})));
    ask(&mut gateway, &open("b", &json!({"price": 1.12})));
    ask(
        &mut gateway,
        &open("c", &json!({"symbol": "GBPUSD", "price": 1.3})),
    );
    let reply = ask(&mut gateway, &close("d", 1, &Value::Null));
    assert_near(&reply["close_price"], 1.11995);
}

#[test]
fn impossible_closes_are_errors_and_leave_the_position() {
    for (request, code, retcode) in [
        (close("c", 9, &json!(1.1)), "MT5_CLOSE_FAILED", Value::Null),
        (
            json!({"uuid": "c", "action": "CLOSE"}),
            "MISSING_TICKET",
            json!(10013),
        ),
        (
            json!({"uuid": "c", "action": "CLOSE", "ticket": "1"}),
            "MISSING_TICKET",
            json!(10013),
        ),
        (
            json!({"action": "CLOSE", "ticket": 1}),
            "MISSING_UUID",
            json!(10013),
        ),
        (close("c", 1, &json!(-1)), "MT5_CLOSE_FAILED", json!(10015)),
        (
            close("c", 1, &json!(0.00001)),
            "MT5_CLOSE_FAILED",
            json!(10015),
        ),
        (
            close("c", 1, &json!(1e308)),
            "MT5_CLOSE_FAILED",
            json!(10015),
        ),
    ] {
        let mut gateway = gateway();
        ask(&mut gateway, &open("o", &json!({})));
        let untouched = gateway.account.clone();
        assert_refused(&ask(&mut gateway, &request), "error", code, &retcode);
        assert_eq!(gateway.account, untouched, "{request}");
    }
}

#[test]
fn margin_is_bound_by_open_positions() {
    let mut gateway = gateway();
    ask(&mut gateway, &open("a", &json!({"volume": 1.0})));
    let margin = 100_000.0 * 1.10005 / 30.0;
    let money = account(&mut gateway);
    assert_near(&money["balance"], 10_000.0);
    assert_near(&money["equity"], 9_990.0);
    assert_near(&money["margin"], margin);
    assert_near(&money["free_margin"], 9_990.0 - margin);
    assert_near(&money["margin_level"], 9_990.0 / margin * 100.0);
    assert_eq!(
        (&money["uuid"], &money["currency"]),
        (&json!("a"), &json!("USD"))
    );
}

#[test]
fn opening_ends_where_free_margin_ends_and_closing_never_does() {
    let mut gateway = gateway();
    for uuid in ["a", "b"] {
        let reply = ask(&mut gateway, &open(uuid, &json!({"volume": 1.0})));
        assert_eq!(reply["status"], "FILLED");
    }
    let reply = ask(&mut gateway, &open("c", &json!({"volume": 1.0})));
    assert_refused(&reply, "REJECTED", "MT5_ORDER_FAILED", &json!(10019));
    // A fall to 1.0 takes more than there is: the account is under water, and may still get out.
    let reply = ask(&mut gateway, &close("d", 1, &json!(1.0)));
    assert_eq!(reply["status"], "FILLED");
    assert!(account(&mut gateway)["equity"].as_f64().unwrap() < 0.0);
    let reply = ask(&mut gateway, &close("e", 2, &Value::Null));
    assert_eq!(reply["status"], "FILLED");
}

#[test]
fn positions_are_listed_by_ticket_and_symbol_at_the_price_to_get_out() {
    let mut gateway = gateway();
    ask(&mut gateway, &open("a", &json!({})));
    ask(
        &mut gateway,
        &open(
            "b",
            &json!({"symbol": "GBPUSD", "type": "SELL", "price": 1.3}),
        ),
    );
    ask(
        &mut gateway,
        &open("c", &json!({"type": "SELL", "price": 1.12})),
    );
    let mut list = |symbol: Value| {
        let request = json!({"uuid": "l", "action": "GET_POSITIONS", "symbol": symbol});
        ask(&mut gateway, &request)
    };
    let tickets = |reply: &Value| -> Vec<u64> {
        let rows = reply["positions"].as_array().unwrap().iter();
        rows.map(|row| row["ticket"].as_u64().unwrap()).collect()
    };
    assert_eq!(tickets(&list(Value::Null)), [1, 2, 3]);
    assert_eq!(tickets(&list(json!("GBPUSD"))), [2]);
    assert!(tickets(&list(json!("USDJPY"))).is_empty());
    assert_eq!(list(json!(7))["error_code"], "MISSING_SYMBOL");
    let euro = list(json!("EURUSD"));
    let row = &euro["positions"][0];
    assert_eq!(
        (&row["symbol"], &row["type"]),
        (&json!("EURUSD"), &json!("BUY"))
    );
    assert_near(&row["open_price"], 1.10005);
    assert_near(&row["current_price"], 1.11995);
    assert_near(&row["profit"], 199.0);
    assert_near(&euro["positions"][1]["profit"], -1.0);
}

#[test]
fn sync_all_tells_account_and_positions_at_once() {
    let mut gateway = gateway();
    ask(&mut gateway, &open("a", &json!({"volume": 1.0})));
    let reply = ask(&mut gateway, &json!({"uuid": "s", "action": "SYNC_ALL"}));
    let money = account(&mut gateway);
    assert_eq!(
        (&reply["uuid"], &reply["status"]),
        (&json!("s"), &json!("OK"))
    );
    assert_eq!(reply["account"]["equity"], money["equity"]);
    assert_eq!(reply["account"]["margin_used"], money["margin"]);
    assert_eq!(reply["account"]["margin_free"], money["free_margin"]);
    assert_near(&reply["account"]["leverage"], 30.0);
    assert_eq!(reply["positions"][0]["ticket"], 1);
    assert_eq!(reply["message"], "1 open positions");
}

#[test]
fn only_orders_signed_by_the_risk_stage_just_now_are_filled() {
    let key = RiskKey::random();
    let mut gateway = PaperGateway::new(PaperConfig {
        risk_key: Some(key.clone()),
        ..PaperConfig::default()
    })
    .unwrap();
    let terms = OrderTerms {
        price: 1.1,
        stop_loss: 0.0,
        symbol: "EURUSD".to_owned(),
        take_profit: 0.0,
        side: Side::Buy,
        volume: 0.1,
    };
    let signed = |ms: i64| key.sign(&terms, Timestamp::from_millisecond(ms).unwrap());
    for signature in [
        Value::Null,
        json!(signed(NOW_MS - 5_001)),
        json!(signed(NOW_MS + 5_001)),
        json!(RiskKey::random().sign(&terms, now())),
    ] {
        let reply = ask(
            &mut gateway,
            &open("u", &json!({"risk_signature": signature})),
        );
        assert_refused(&reply, "REJECTED", "RISK_SIGNATURE_INVALID", &Value::Null);
    }
    let other_volume = json!({"risk_signature": signed(NOW_MS), "volume": 0.2});
    let reply = ask(&mut gateway, &open("u", &other_volume));
    assert_eq!(reply["error_code"], "RISK_SIGNATURE_INVALID");
    // The refusals above were not kept: the same order, signed well, goes through. Written 0, a stop is still 0.0.
    let good = json!({"risk_signature": signed(NOW_MS), "sl": 0});
    let filled = ask(&mut gateway, &open("u", &good));
    assert_eq!(filled["status"], "FILLED");
    // Sent again later the signature is stale, and the order all the same known.
    let later = Timestamp::from_millisecond(NOW_MS + 60_000).unwrap();
    let again = gateway.handle(open("u", &good).to_string().as_bytes(), later);
    assert_eq!(serde_json::from_slice::<Value>(&again).unwrap(), filled);
}

#[test]
fn settings_out_of_range_are_named() {
    type Change = fn(&mut PaperConfig);
    let changes: [(&str, Change); 6] = [
        ("spread", |config| config.rules.spread = -0.1),
        ("spread", |config| config.rules.spread = f64::NAN),
        ("balance", |config| config.balance = 0.0),
        ("leverage", |config| config.rules.leverage = f64::INFINITY),
        ("volume_step", |config| config.rules.volume_step = 0.0),
        ("max_volume", |config| config.rules.max_volume = 0.001),
    ];
    for (name, change) in changes {
        let mut config = PaperConfig::default();
        change(&mut config);
        let error = PaperGateway::new(config).unwrap_err();
        assert!(matches!(&error, PaperError::Rules(rules) if rules.setting == name));
    }
}
