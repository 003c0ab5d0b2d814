//! Labels: finite types with all series at zero, and free text up to a limit.

mod page;

use instrument_core::{ErrorLabel, LabelValue, counted, timed};
use page::{exporter, poll_once, sample};

#[derive(Clone, Copy, LabelValue)]
enum Venue {
    #[expect(dead_code, reason = "its series are there at zero")]
    Paper,
    Live,
}

#[derive(Clone, Copy, LabelValue)]
enum Side {
    Buy,
    Sell,
}

struct Order {
    side: Side,
    symbol: String,
}

#[timed("optional", labels(venue, side), outcome = false)]
fn optional(venue: Option<Venue>, side: Option<&Side>) -> u32 {
    u32::from(venue.is_some()) + u32::from(side.is_some())
}

#[test]
fn an_option_has_the_further_value_none() {
    exporter();
    optional(Some(Venue::Live), None);
    optional(None, Some(&Side::Buy));
    let count = |venue, side| {
        sample(
            "optional_duration_seconds_count",
            &[("venue", venue), ("side", side)],
        )
    };
    assert_eq!(
        (
            count("live", "none"),
            count("none", "buy"),
            count("paper", "sell")
        ),
        (Some(1.0), Some(1.0), Some(0.0))
    );
    assert_eq!(
        exporter()
            .samples()
            .series("optional_duration_seconds_count"),
        9
    );
}

struct Desk<V> {
    venue: V,
}

impl<V: Into<Venue> + Copy> Desk<V> {
    #[timed("desk_submit", labels(venue: Venue = self.venue.into(), side = order.side, filled = ok > &5))]
    async fn submit(&self, order: Order) -> Result<u32, String> {
        tokio::task::yield_now().await;
        match order.side {
            Side::Buy => Ok(u32::try_from(order.symbol.len()).unwrap_or(0)),
            Side::Sell => Err(order.symbol),
        }
    }
}

#[tokio::test]
async fn fields_self_and_results_of_async_methods() {
    exporter();
    let desk = Desk { venue: Venue::Live };
    let order = |side, symbol: &str| Order {
        side,
        symbol: symbol.to_owned(),
    };
    desk.submit(order(Side::Buy, "EURUSD")).await.unwrap();
    desk.submit(order(Side::Sell, "EURUSD")).await.unwrap_err();
    drop(poll_once(desk.submit(order(Side::Buy, "X"))));
    let count = |side, filled, outcome| {
        let labels = [
            ("venue", "live"),
            ("side", side),
            ("filled", filled),
            ("outcome", outcome),
        ];
        sample("desk_submit_duration_seconds_count", &labels)
    };
    assert_eq!(count("buy", "true", "ok"), Some(1.0));
    assert_eq!(count("sell", "none", "error"), Some(1.0));
    assert_eq!(count("buy", "none", "cancelled"), Some(1.0));
}

#[timed("feed", labels(symbol = %symbol, side), limit = 2, in_flight, sample = 1/1)]
#[counted("feed_bytes", labels(symbol = %symbol.to_lowercase()), limit = 8, by = symbol.len() as u64, outcome = false)]
fn feed(symbol: &str, side: Side) -> Result<(), String> {
    if symbol.is_empty() {
        Err("no symbol".to_owned())
    } else {
        Ok(())
    }
}

#[test]
fn free_text_gets_series_as_it_comes_and_other_beyond_the_limit() {
    exporter();
    assert_eq!(
        exporter().samples().series("feed_duration_seconds_count"),
        0,
        "no value has come yet"
    );
    for symbol in ["EURUSD", "GBPUSD", "EURUSD", "USDJPY", "AUDUSD"] {
        feed(symbol, Side::Buy).unwrap();
    }
    let timed = |symbol, side, outcome| {
        sample(
            "feed_duration_seconds_count",
            &[("symbol", symbol), ("side", side), ("outcome", outcome)],
        )
    };
    assert_eq!(
        (timed("EURUSD", "buy", "ok"), timed("GBPUSD", "buy", "ok")),
        (Some(2.0), Some(1.0))
    );
    assert_eq!(
        timed("EURUSD", "sell", "panic"),
        Some(0.0),
        "a new value has all its series at zero"
    );
    assert_eq!(
        (timed("_other", "buy", "ok"), timed("USDJPY", "buy", "ok")),
        (Some(2.0), None)
    );
    assert_eq!(
        sample("feed_bytes_total", &[("symbol", "usdjpy")]),
        Some(6.0)
    );
    assert_eq!(
        sample("feed_in_flight", &[("symbol", "EURUSD"), ("side", "buy")]),
        Some(0.0)
    );
    assert_eq!(
        sample(
            "feed_calls_total",
            &[("symbol", "_other"), ("side", "buy"), ("outcome", "ok")]
        ),
        Some(2.0)
    );
    // Two records of each family beyond the limit: the duration, the gauge and the calls.
    let overflow = |metric| sample("instrument_label_overflow_total", &[("metric", metric)]);
    assert_eq!(
        (
            overflow("feed_duration_seconds"),
            overflow("feed_bytes_total")
        ),
        (Some(2.0), Some(0.0))
    );
}

#[derive(Debug, ErrorLabel)]
enum Refusal {
    Closed,
    #[expect(dead_code, reason = "the label is the variant alone")]
    Money(f64),
}

#[counted("refusals", on = error, labels(symbol = %symbol, text = %err.text(), error = err), limit = 3)]
#[timed("replies", labels(side = order.side, text = %ret.is_ok(), late: bool = ret.is_err()), limit = 4)]
fn reply(symbol: &str, order: &Order, refusal: Option<Refusal>) -> Result<u32, Refusal> {
    refusal.map_or(Ok(1), Err)
}

impl Refusal {
    fn text(&self) -> String {
        format!("{self:?}")
    }
}

#[test]
fn free_text_of_the_result_is_known_at_the_end() {
    exporter();
    let order = Order {
        side: Side::Sell,
        symbol: String::new(),
    };
    reply("A", &order, Some(Refusal::Money(1.5))).unwrap_err();
    reply("A", &order, Some(Refusal::Closed)).unwrap_err();
    reply("A", &order, None).unwrap();
    let refused = |text, error| {
        sample(
            "refusals_total",
            &[("symbol", "A"), ("text", text), ("error", error)],
        )
    };
    assert_eq!(
        (refused("Money(1.5)", "money"), refused("Closed", "closed")),
        (Some(1.0), Some(1.0))
    );
    assert_eq!(refused("Money(1.5)", "closed"), Some(0.0));
    let replied = |text, late, outcome| {
        let labels = [
            ("side", "sell"),
            ("text", text),
            ("late", late),
            ("outcome", outcome),
        ];
        sample("replies_duration_seconds_count", &labels)
    };
    assert_eq!(
        (
            replied("true", "false", "ok"),
            replied("false", "true", "error")
        ),
        (Some(1.0), Some(2.0))
    );
}

#[counted("amounts", by = ok.len() as u64, labels(side))]
fn amounts(side: Side, text: &str) -> Result<String, u32> {
    if text.is_empty() {
        Err(7)
    } else {
        Ok(text.to_owned())
    }
}

#[test]
fn an_amount_can_be_told_by_the_result() {
    exporter();
    amounts(Side::Buy, "abc").unwrap();
    amounts(Side::Buy, "defg").unwrap();
    amounts(Side::Sell, "").unwrap_err();
    let amount = |side, outcome| sample("amounts_total", &[("side", side), ("outcome", outcome)]);
    assert_eq!(
        (amount("buy", "ok"), amount("sell", "error")),
        (Some(7.0), Some(0.0))
    );
}

#[timed("moved", labels(side = order.side, symbol = %order.symbol), limit = 4)]
async fn moved(order: Order, (left, right): (u32, u32)) -> Result<String, String> {
    let Order { symbol, .. } = order;
    tokio::task::yield_now().await;
    if left == right {
        Err(symbol)
    } else {
        Ok(symbol)
    }
}

#[tokio::test]
async fn arguments_are_read_before_the_body_moves_them() {
    exporter();
    let order = Order {
        side: Side::Buy,
        symbol: "EURUSD".to_owned(),
    };
    assert_eq!(moved(order, (1, 2)).await, Ok("EURUSD".to_owned()));
    let labels = [("side", "buy"), ("symbol", "EURUSD"), ("outcome", "ok")];
    assert_eq!(sample("moved_duration_seconds_count", &labels), Some(1.0));
}

#[test]
fn hostile_text_stays_one_label() {
    exporter();
    let order = || Order {
        side: Side::Buy,
        symbol: "a\"b\nc".to_owned(),
    };
    assert_eq!(poll_once(moved(order(), (1, 2))), None);
    let labels = [
        ("side", "buy"),
        ("symbol", "a\"b\nc"),
        ("outcome", "cancelled"),
    ];
    assert_eq!(sample("moved_duration_seconds_count", &labels), Some(1.0));
}
