//! Labels on functions of every shape.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use instrument_core::{ErrorLabel, LabelValue, counted, timed};

use crate::page::{exporter, poll_once, sample};

#[derive(Clone, Copy, Debug, PartialEq, LabelValue)]
enum Side {
    Buy,
    Sell,
}

#[derive(Debug, PartialEq, ErrorLabel)]
enum Refusal {
    TooMany { lots: u32 },
    Closed(&'static str),
}

struct Order {
    side: Side,
    legs: Vec<Side>,
    note: Option<Side>,
}

struct Desk {
    side: Side,
}

fn counts(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    sample(&format!("shape_{name}_duration_seconds_count"), labels)
}

#[timed("shape_moved", labels(side = order.side, first = order.legs.first().copied()))]
fn moved(order: Order) -> Result<Vec<Side>, Side> {
    let Order { side, legs, note } = order;
    if note.is_some() { Err(side) } else { Ok(legs) }
}

#[timed("shape_reference", labels(side, note))]
fn by_reference(side: &Side, note: Option<&Side>) -> bool {
    note == Some(side)
}

#[timed("shape_shared", labels(side))]
async fn shared(side: Arc<Side>) -> Result<Arc<Side>, ()> {
    std::future::ready(()).await;
    Ok(side)
}

#[timed("shape_pattern", labels(side, lots = lots > 5))]
fn pattern((side, lots): (Side, u32), Desk { side: other }: Desk) -> bool {
    lots > 0 && side == other
}

impl Desk {
    #[timed("shape_own", labels(side: Side = self.side, many = lots > 2), in_flight)]
    async fn own(&self, lots: u32) -> Result<u32, Refusal> {
        std::future::ready(()).await;
        if lots > 2 {
            Err(Refusal::TooMany { lots })
        } else {
            Ok(lots)
        }
    }

    #[timed("shape_closed", labels(err: Refusal = err), error_label, outcome = false)]
    #[counted("shape_kinds", on = error, labels(many = matches!(err, Refusal::TooMany { lots } if *lots > 9)))]
    fn close(self) -> Result<Self, Refusal> {
        match self.side {
            Side::Buy => Err(Refusal::Closed("now")),
            Side::Sell => Ok(self),
        }
    }
}

#[async_trait]
trait Gateway {
    async fn place(&self, order: Order) -> Result<u32, Refusal>;
}

#[async_trait]
impl Gateway for Desk {
    #[timed("shape_place", labels(side = order.side, ours: Side = self.side, ok = *ok > 1), error_label)]
    async fn place(&self, order: Order) -> Result<u32, Refusal> {
        let legs = order.legs;
        std::future::ready(()).await;
        legs.first().map(|_| 2).ok_or(Refusal::Closed("empty"))
    }
}

#[timed("shape_boxed", labels(side, ok = *ok > 1))]
fn boxed(side: Side) -> Pin<Box<dyn Future<Output = Result<u32, ()>> + Send>> {
    Box::pin(async move { if side == Side::Buy { Ok(2) } else { Err(()) } })
}

#[timed("shape_opaque", labels(text = %text), limit = 2)]
fn opaque(text: &str) -> impl Future<Output = usize> + use<> {
    let len = text.len();
    async move { len }
}

#[timed("shape_generic", labels(kind = kind, text = %text), limit = 8)]
fn generic<T: LabelValue + Copy, U: Display>(kind: Side, text: U, other: T) -> String {
    format!("{}{}{text}", kind.index(), other.index())
}

#[counted("shape_returned", labels(ret = *ret > 3, same = *ret == lots), outcome = false)]
fn returned(lots: u32) -> u32 {
    lots
}

#[timed("shape_verdict", labels(side), ok_if = Option::is_some, sample = 1/1)]
fn verdict(side: Side) -> Option<Side> {
    (side == Side::Buy).then_some(side)
}

#[counted("shape_amount", by = legs.iter().filter(|leg| **leg == Side::Buy).count() as u64, outcome = false)]
fn amount(legs: &[Side]) -> usize {
    legs.len()
}

#[test]
fn labels() {
    exporter();
    let order = |note| Order {
        side: Side::Buy,
        legs: vec![Side::Sell],
        note,
    };
    assert_eq!(
        (moved(order(None)), moved(order(Some(Side::Sell)))),
        (Ok(vec![Side::Sell]), Err(Side::Buy))
    );
    assert_eq!(
        counts(
            "moved",
            &[("side", "buy"), ("first", "sell"), ("outcome", "error")]
        ),
        Some(1.0)
    );
    assert!(!by_reference(&Side::Buy, None));
    assert_eq!(
        counts(
            "reference",
            &[("side", "buy"), ("note", "none"), ("outcome", "ok")]
        ),
        Some(1.0)
    );
    assert!(poll_once(shared(Arc::new(Side::Sell))).is_some());
    assert_eq!(
        counts("shared", &[("side", "sell"), ("outcome", "ok")]),
        Some(1.0)
    );
    assert!(pattern((Side::Buy, 9), Desk { side: Side::Buy }));
    assert_eq!(
        counts(
            "pattern",
            &[("side", "buy"), ("lots", "true"), ("outcome", "ok")]
        ),
        Some(1.0)
    );
    let desk = Desk { side: Side::Sell };
    assert_eq!(
        poll_once(desk.own(3)),
        Some(Err(Refusal::TooMany { lots: 3 }))
    );
    assert_eq!(
        counts(
            "own",
            &[("side", "sell"), ("many", "true"), ("outcome", "error")]
        ),
        Some(1.0)
    );
    assert_eq!(poll_once(desk.place(order(None))), Some(Ok(2)));
    let placed = [
        ("side", "buy"),
        ("ours", "sell"),
        ("ok", "true"),
        ("error", "none"),
        ("outcome", "ok"),
    ];
    assert_eq!(counts("place", &placed), Some(1.0));
    assert!(desk.close().is_ok());
    assert!(Desk { side: Side::Buy }.close().is_err());
    assert_eq!(
        counts("closed", &[("err", "closed"), ("error", "closed")]),
        Some(1.0)
    );
    assert_eq!(sample("shape_kinds_total", &[("many", "false")]), Some(1.0));
    assert_eq!(poll_once(boxed(Side::Buy)), Some(Ok(2)));
    assert_eq!(
        counts(
            "boxed",
            &[("side", "buy"), ("ok", "true"), ("outcome", "ok")]
        ),
        Some(1.0)
    );
    for text in ["a", "b", "c"] {
        assert_eq!(poll_once(opaque(text)), Some(1));
    }
    assert_eq!(
        counts("opaque", &[("text", "_other"), ("outcome", "ok")]),
        Some(1.0)
    );
    assert_eq!(generic(Side::Sell, 1.5, true), "111.5");
    assert_eq!(
        counts(
            "generic",
            &[("kind", "sell"), ("text", "1.5"), ("outcome", "ok")]
        ),
        Some(1.0)
    );
    assert_eq!((returned(4), returned(1)), (4, 1));
    assert_eq!(
        sample("shape_returned_total", &[("ret", "true"), ("same", "true")]),
        Some(1.0)
    );
    assert_eq!(
        (verdict(Side::Buy), verdict(Side::Sell)),
        (Some(Side::Buy), None)
    );
    assert_eq!(
        counts("verdict", &[("side", "sell"), ("outcome", "error")]),
        Some(1.0)
    );
    assert_eq!(amount(&[Side::Buy, Side::Sell, Side::Buy]), 3);
    assert_eq!(sample("shape_amount_total", &[]), Some(2.0));
}
