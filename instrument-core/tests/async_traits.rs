//! `#[async_trait]` above and below, on the impl and on methods inside, and native async functions in traits: it is the
//! future that is measured, whichever attribute expands first.

mod page;

use async_trait::async_trait;
use instrument_core::{LabelValue, counted, timed};
use page::{calls, exporter, poll_once, sample};

fn of(function: &str) -> String {
    calls("async_traits", function)
}

#[derive(Clone, Copy, LabelValue)]
enum Side {
    Buy,
    Sell,
}

#[async_trait]
trait Gateway {
    async fn place(&mut self, lots: u32) -> Result<u32, String>;

    async fn cancel(&self, forever: bool) -> Result<u32, String>;

    #[timed]
    async fn by_default(&self, lots: u32) -> Result<u32, String> {
        let placed = self.cancel(false).await?;
        tokio::task::yield_now().await;
        Ok(placed + lots)
    }

    fn name(&self) -> &'static str;
}

async fn wait(forever: bool) {
    if forever {
        std::future::pending::<()>().await;
    }
}

struct Inside(u32);

#[async_trait]
impl Gateway for Inside {
    #[timed]
    #[counted("inside_places", on = error, labels(many = lots > 5))]
    async fn place(&mut self, lots: u32) -> Result<u32, String> {
        self.0 += lots;
        wait(false).await;
        if lots > 9 {
            Err("too many".to_owned())
        } else {
            Ok(self.0)
        }
    }

    #[timed]
    async fn cancel(&self, forever: bool) -> Result<u32, String> {
        wait(forever).await;
        Ok(self.0)
    }

    #[timed]
    fn name(&self) -> &'static str {
        "inside"
    }
}

struct Above(u32);

#[timed]
#[async_trait]
impl Gateway for Above {
    async fn place(&mut self, lots: u32) -> Result<u32, String> {
        self.0 += lots;
        wait(false).await;
        if lots > 9 {
            Err("too many".to_owned())
        } else {
            Ok(self.0)
        }
    }

    async fn cancel(&self, forever: bool) -> Result<u32, String> {
        wait(forever).await;
        Ok(self.0)
    }

    #[timed(skip)]
    fn name(&self) -> &'static str {
        "above"
    }
}

struct Below(u32);

#[async_trait]
#[timed]
impl Gateway for Below {
    async fn place(&mut self, lots: u32) -> Result<u32, String> {
        self.0 += lots;
        wait(false).await;
        if lots > 9 {
            Err("too many".to_owned())
        } else {
            Ok(self.0)
        }
    }

    #[timed("below_cancel", labels(forever))]
    async fn cancel(&self, forever: bool) -> Result<u32, String> {
        wait(forever).await;
        Ok(self.0)
    }

    fn name(&self) -> &'static str {
        "below"
    }
}

#[test]
fn every_order_measures_the_future() {
    exporter();
    let gateways: [(&str, Box<dyn Gateway>); 3] = [
        ("Inside", Box::new(Inside(1))),
        ("Above", Box::new(Above(1))),
        ("Below", Box::new(Below(1))),
    ];
    for (name, mut gateway) in gateways {
        let of = |method: &str| of(&format!("{name}::{method}"));
        drop(gateway.place(5));
        assert_eq!(of("place"), "0 0 0 0", "{name}: never polled is not a call");
        assert_eq!(poll_once(gateway.place(2)), Some(Ok(3)));
        assert_eq!(
            poll_once(gateway.place(10)),
            Some(Err("too many".to_owned()))
        );
        assert_eq!(of("place"), "1 1 0 0", "{name}");
        assert_eq!(poll_once(gateway.cancel(true)), None);
        if name != "Below" {
            assert_eq!(of("cancel"), "0 0 0 1", "{name}");
        }
        let _ = gateway.name();
    }
    assert_eq!(
        sample("inside_places_total", &[("many", "true")]),
        Some(1.0)
    );
    assert_eq!(
        sample(
            "below_cancel_duration_seconds_count",
            &[("forever", "true"), ("outcome", "cancelled")]
        ),
        Some(1.0)
    );
    assert_eq!(
        (of("Inside::name"), of("Above::name"), of("Below::name")),
        ("1 - 0 -".into(), "- - - -".into(), "1 - 0 -".into())
    );
}

struct Plain;

#[async_trait]
impl Gateway for Plain {
    async fn place(&mut self, _: u32) -> Result<u32, String> {
        Ok(0)
    }

    async fn cancel(&self, _: bool) -> Result<u32, String> {
        Ok(1)
    }

    fn name(&self) -> &'static str {
        "plain"
    }
}

#[tokio::test]
async fn a_default_method_of_an_async_trait() {
    exporter();
    assert_eq!(Plain.by_default(2).await, Ok(3));
    assert_eq!(of("Gateway::by_default"), "1 0 0 0");
}

trait Native {
    async fn native(&self, side: Side) -> Result<u32, ()>;

    fn opaque(&self, lots: u32) -> impl Future<Output = Result<u32, ()>> + Send;

    #[timed]
    fn opaque_default(&self, lots: u32) -> impl Future<Output = Result<u32, ()>> {
        let doubled = lots * 2;
        async move { self.opaque(doubled).await }
    }
}

#[timed]
impl Native for Plain {
    #[timed("native_place", labels(side))]
    async fn native(&self, side: Side) -> Result<u32, ()> {
        wait(false).await;
        if matches!(side, Side::Buy) {
            Ok(1)
        } else {
            Err(())
        }
    }

    fn opaque(&self, lots: u32) -> impl Future<Output = Result<u32, ()>> + Send {
        assert!(lots < 99, "far too many");
        async move { if lots > 9 { Err(()) } else { Ok(lots) } }
    }
}

#[test]
fn native_async_in_traits() {
    exporter();
    assert_eq!(poll_once(Plain.native(Side::Buy)), Some(Ok(1)));
    assert_eq!(poll_once(Plain.native(Side::Sell)), Some(Err(())));
    let native = |side, outcome| {
        sample(
            "native_place_duration_seconds_count",
            &[("side", side), ("outcome", outcome)],
        )
    };
    assert_eq!(
        (native("buy", "ok"), native("sell", "error")),
        (Some(1.0), Some(1.0))
    );
    assert_eq!(poll_once(Plain.opaque_default(2)), Some(Ok(4)));
    assert_eq!(poll_once(Plain.opaque_default(20)), Some(Err(())));
    assert_eq!(
        (of("Native::opaque_default"), of("Plain::opaque")),
        ("1 1 0 0".into(), "1 1 0 0".into())
    );
}

#[timed]
#[tokio::main(flavor = "current_thread")]
async fn main_inside_out() -> Result<u32, String> {
    tokio::task::yield_now().await;
    Err("no".to_owned())
}

#[tokio::main(flavor = "current_thread")]
#[timed]
#[counted("main_outside", outcome = false)]
async fn main_outside_in() -> Result<u32, String> {
    tokio::task::yield_now().await;
    Ok(1)
}

#[test]
fn runtime_attributes_above_and_below() {
    exporter();
    assert_eq!(
        (main_inside_out(), main_outside_in()),
        (Err("no".to_owned()), Ok(1))
    );
    assert_eq!(of("main_inside_out"), "0 1 0 0");
    assert_eq!(of("main_outside_in").split(' ').next(), Some("1"));
    assert_eq!(sample("main_outside_total", &[]), Some(1.0));
}
