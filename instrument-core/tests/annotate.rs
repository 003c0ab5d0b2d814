//! What an annotated function leaves on the page, for each way a call can end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Waker};

use instrument_core::{Exporter, LabelValue, Samples, counted, install, metrics, timed};

/// The recorder is the process's, so all tests of this file share one; each has functions of its own.
fn exporter() -> &'static Exporter {
    static EXPORTER: OnceLock<Exporter> = OnceLock::new();
    EXPORTER.get_or_init(|| install().expect("the metrics of this file do not conflict"))
}

fn calls(function: &str, outcome: &str) -> Option<f64> {
    let labels = [
        ("module", "annotate"),
        ("function", function),
        ("outcome", outcome),
    ];
    exporter()
        .samples()
        .get("function_duration_seconds_count", &labels)
}

fn count(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    exporter().samples().get(name, labels)
}

/// Polls a future once, without a runtime.
fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[timed]
fn plain(n: u32) -> u32 {
    n + 1
}

#[timed]
fn halves(n: u32) -> Result<u32, String> {
    let even = u8::try_from(n % 2).map_err(|error| error.to_string())?;
    assert!(n != 13, "unlucky");
    if even == 0 {
        Ok(n / 2)
    } else {
        Err(format!("{n} is odd"))
    }
}

type Aliased<T> = std::result::Result<T, &'static str>;

#[timed]
fn aliased(ok: bool) -> Aliased<u8> {
    if ok { Ok(1) } else { Err("no") }
}

#[timed]
async fn waits(forever: bool) -> Result<(), String> {
    if forever {
        std::future::pending::<()>().await;
    }
    Err("done".into())
}

#[test]
fn default_form_counts_every_outcome_and_shows_all_at_zero() {
    exporter();
    assert_eq!(
        calls("plain", "ok"),
        Some(0.0),
        "there before the first call"
    );
    assert_eq!(calls("plain", "error"), None, "a u32 cannot be an error");
    assert_eq!(plain(1), 2);
    assert_eq!(calls("plain", "ok"), Some(1.0));

    assert_eq!(
        calls("halves", "cancelled"),
        None,
        "a sync function cannot be cancelled"
    );
    assert_eq!(halves(4), Ok(2));
    halves(3).unwrap_err();
    catch_unwind(|| halves(13)).unwrap_err();
    let outcomes = ["ok", "error", "panic"].map(|outcome| calls("halves", outcome));
    assert_eq!(outcomes, [Some(1.0), Some(1.0), Some(1.0)]);
}

#[test]
fn a_result_behind_an_alias_is_one() {
    exporter();
    let _ = (aliased(true), aliased(false), aliased(false));
    assert_eq!(
        (calls("aliased", "ok"), calls("aliased", "error")),
        (Some(1.0), Some(2.0))
    );
}

#[test]
fn async_counts_done_cancelled_and_not_the_future_that_was_never_polled() {
    exporter();
    drop(waits(true));
    assert_eq!(
        calls("waits", "cancelled"),
        Some(0.0),
        "never polled is not a call"
    );
    assert_eq!(poll_once(waits(true)), None);
    assert_eq!(calls("waits", "cancelled"), Some(1.0));
    assert_eq!(poll_once(waits(false)), Some(Err("done".into())));
    assert_eq!(calls("waits", "error"), Some(1.0));
}

#[derive(Clone, Copy, LabelValue)]
#[label(rename_all = "UPPERCASE")]
enum Side {
    Buy,
    Sell,
}

#[derive(Debug, PartialEq, LabelValue)]
enum Refusal {
    NoMoney,
    #[label("closed_market")]
    Closed,
}

struct Order {
    side: Side,
}

#[derive(Debug)]
struct Refused {
    why: Refusal,
}

#[timed("order_submit", labels(venue = "paper", side = order.side, urgent), buckets = [0.5, 5.0])]
#[counted("order_refusals", on = error, labels(why = err.why))]
#[counted("order_submits", on = enter, labels(side = order.side))]
#[counted("order_reasons", labels(why = err.why), outcome = false)]
fn submit(order: &Order, urgent: bool, refuse: Option<Refusal>) -> Result<u64, Refused> {
    match refuse {
        Some(why) => Err(Refused { why }),
        None => Ok(7),
    }
}

#[test]
fn labels_come_from_literals_arguments_fields_and_errors() {
    let page = exporter().render();
    assert!(
        page.contains("order_refusals_total{why=\"no_money\"} 0\n"),
        "{page}"
    );
    let buy = Order { side: Side::Buy };
    submit(&buy, true, None).unwrap();
    submit(&Order { side: Side::Sell }, false, Some(Refusal::Closed)).unwrap_err();
    let timed = |side, urgent, outcome| {
        let labels = [
            ("venue", "paper"),
            ("side", side),
            ("urgent", urgent),
            ("outcome", outcome),
        ];
        count("order_submit_duration_seconds_count", &labels)
    };
    assert_eq!(timed("BUY", "true", "ok"), Some(1.0));
    assert_eq!(timed("SELL", "false", "error"), Some(1.0));
    assert_eq!(timed("SELL", "true", "panic"), Some(0.0));
    assert_eq!(
        count("order_refusals_total", &[("why", "closed_market")]),
        Some(1.0)
    );
    assert_eq!(count("order_submits_total", &[("side", "BUY")]), Some(1.0));
    assert_eq!(count("order_reasons_total", &[("why", "none")]), Some(1.0));
    assert_eq!(
        count("order_reasons_total", &[("why", "closed_market")]),
        Some(1.0)
    );
    assert_eq!(
        count("order_reasons_total", &[("why", "no_money")]),
        Some(0.0)
    );
    let buckets = |le| {
        count(
            "order_submit_duration_seconds_bucket",
            &[
                ("venue", "paper"),
                ("side", "BUY"),
                ("urgent", "true"),
                ("outcome", "ok"),
                ("le", le),
            ],
        )
    };
    assert_eq!(
        (buckets("0.5"), buckets("5"), buckets("1")),
        (Some(1.0), Some(1.0), None)
    );
}

metrics! {
    /// Fetches of bars.
    static FETCH: Histogram = "test_fetch_seconds", buckets = [1.0, 2.0];
    /// Failed calls, by party and reason.
    static FAILURES: Counter<(side: Side, why: Refusal)> = "test_failures_total";
    /// Something set.
    static LEVEL: Gauge<(side: Side)> = "test_level";
    /// Something computed.
    static COMPUTED: Gauge = "test_computed", compute = || 41.0 + 1.0;
}

struct Desk;

trait Gateway {
    #[timed]
    fn by_default(&self) -> u8 {
        1
    }

    fn send(&mut self, why: Refusal) -> Result<(), Refused>;
}

impl Gateway for Desk {
    #[timed(crate::FETCH)]
    #[counted(FAILURES, on = error, labels(side = Side::Sell, why = err.why))]
    #[timed]
    fn send(&mut self, why: Refusal) -> Result<(), Refused> {
        Err(Refused { why })
    }
}

impl Desk {
    #[timed]
    #[expect(clippy::unused_self, reason = "a receiver beside a borrowed return")]
    fn borrows<'a>(&mut self, text: &'a mut String) -> Result<&'a mut str, std::fmt::Error> {
        use std::fmt::Write;
        write!(text, "{}", 1)?;
        Ok(text.as_mut_str())
    }
}

#[test]
fn declared_metrics_and_methods_work_together() {
    exporter();
    Desk.send(Refusal::NoMoney).unwrap_err();
    Desk.borrows(&mut String::new()).unwrap();
    Desk.by_default();
    LEVEL.set(Side::Buy, 2.5);
    assert_eq!(count("test_fetch_seconds_count", &[]), Some(1.0));
    assert_eq!(
        count(
            "test_failures_total",
            &[("side", "SELL"), ("why", "no_money")]
        ),
        Some(1.0)
    );
    assert_eq!(exporter().samples().series("test_failures_total"), 4);
    assert_eq!(count("test_level", &[("side", "BUY")]), Some(2.5));
    assert_eq!(count("test_level", &[("side", "SELL")]), Some(0.0));
    assert_eq!(count("test_computed", &[]), Some(42.0));
    assert_eq!(calls("Desk::send", "error"), Some(1.0));
    assert_eq!(calls("Desk::borrows", "ok"), Some(1.0));
    assert_eq!(calls("Gateway::by_default", "ok"), Some(1.0));
}

mod merging {
    use instrument_core::counted as tally;

    /// Passes the item on through another attribute, as `#[tokio::main]` and its kind do.
    #[instrument_core::timed("merged_foreign")]
    #[test]
    #[tally("merged_foreign_calls", outcome = false)]
    #[cfg_attr(all(), instrument_core::counted("merged_cfg", outcome = false))]
    fn attributes_merge_around_a_foreign_one() {
        super::exporter();
    }
}

#[timed]
#[counted("generic_calls", outcome = false)]
fn generic<T: Into<u64>>(value: T) -> u64 {
    value.into()
}

#[timed]
fn bare<T>(value: T) -> T {
    value
}

#[test]
fn a_generic_function_has_one_series() {
    exporter();
    assert_eq!(generic(1u8) + generic(2u32), 3);
    assert_eq!(count("generic_calls_total", &[]), Some(2.0));
    bare::<Result<u8, u8>>(Err(1)).unwrap_err();
    assert_eq!(
        calls("bare", "ok"),
        Some(1.0),
        "a bare generic is ok, whatever it becomes"
    );
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        let _ = during_unwinding();
    }
}

#[timed]
fn during_unwinding() -> Result<(), String> {
    Ok(())
}

#[test]
fn a_call_made_while_unwinding_has_its_own_outcome() {
    exporter();
    let unwinds = AssertUnwindSafe(|| {
        let _guard = PanicsInDrop;
        panic!("on purpose");
    });
    catch_unwind(unwinds).unwrap_err();
    assert_eq!(
        (
            calls("during_unwinding", "ok"),
            calls("during_unwinding", "panic")
        ),
        (Some(1.0), Some(0.0))
    );
}

#[timed("switched", outcome = false)]
fn switched() {}

#[test]
fn a_family_can_be_switched_off_and_on() {
    switched();
    let before = count("switched_duration_seconds_count", &[]);
    assert_eq!(exporter().set_enabled("switched_*", false), 1);
    switched();
    assert_eq!(
        count("switched_duration_seconds_count", &[]).or(Some(0.0)),
        before.or(Some(0.0))
    );
    exporter().set_enabled("switched_*", true);
    switched();
    assert_eq!(
        count("switched_duration_seconds_count", &[]),
        Some(before.unwrap_or(0.0) + 1.0)
    );
}

/// The page is the same text twice, and readable for a parser that knows only the format.
#[test]
fn the_page_has_a_fixed_order() {
    let page = exporter().render();
    let headers: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    assert!(headers.is_sorted(), "{headers:?}");
    assert_eq!(Samples::parse(&page).get("test_computed", &[]), Some(42.0));
    assert!(
        instrument_core::install().is_err(),
        "a second install is refused"
    );
}

#[test]
fn the_catalogue_knows_places_and_functions() {
    let family = exporter()
        .catalogue()
        .family("test_failures_total")
        .expect("it is declared");
    assert_eq!(family.keys, ["side", "why"]);
    let functions: Vec<_> = family
        .sites
        .iter()
        .map(|site| site.function.as_deref())
        .collect();
    assert_eq!(functions, [None, Some("Desk::send")]);
    assert!(family.sites[0].place.file().ends_with("annotate.rs"));
    assert_ne!(family.sites[0].place.line(), family.sites[1].place.line());
}
