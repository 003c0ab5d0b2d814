//! Exactly one outcome for each call, whatever ends it; gauges of running calls return to zero in all of them.

mod page;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use instrument_core::{ErrorLabel, counted, timed};
use page::{calls, exporter, poll, poll_once, sample};

fn of(function: &str) -> String {
    calls("outcomes", function)
}

fn in_flight(function: &str) -> Option<f64> {
    sample(
        "function_calls_in_flight",
        &[("module", "outcomes"), ("function", function)],
    )
}

#[timed(in_flight)]
fn sync(n: u32) -> Result<f64, String> {
    let running = in_flight("sync").ok_or("not on the page")?;
    assert!(n != 13, "unlucky");
    if n == 0 {
        Err("zero".to_owned())
    } else {
        Ok(running)
    }
}

#[test]
fn a_running_call_is_in_flight_and_an_ended_one_is_not() {
    exporter();
    assert_eq!(in_flight("sync"), Some(0.0));
    assert_eq!(sync(1), Ok(1.0));
    sync(0).unwrap_err();
    catch_unwind(|| sync(13)).unwrap_err();
    assert_eq!(
        (of("sync").as_str(), in_flight("sync")),
        ("1 1 1 -", Some(0.0))
    );
}

#[timed(in_flight)]
async fn waits(n: u32) -> Result<u32, String> {
    tokio::task::yield_now().await;
    assert!(n != 13, "unlucky");
    if n == 0 {
        Err("zero".to_owned())
    } else {
        Ok(n)
    }
}

#[test]
fn a_future_is_in_flight_from_its_first_poll_to_its_end() {
    exporter();
    let mut future = Box::pin(waits(1));
    assert_eq!(in_flight("waits"), Some(0.0), "not polled yet");
    assert_eq!(poll(future.as_mut()), None);
    assert_eq!(in_flight("waits"), Some(1.0));
    assert_eq!(poll(future.as_mut()), Some(Ok(1)));
    assert_eq!(
        (in_flight("waits"), of("waits").as_str()),
        (Some(0.0), "1 0 0 0")
    );
    drop(future);
    assert_eq!(
        of("waits"),
        "1 0 0 0",
        "no second outcome from dropping what has ended"
    );

    assert_eq!(poll_once(waits(2)), None);
    let mut panics = Box::pin(waits(13));
    assert_eq!(poll(panics.as_mut()), None);
    catch_unwind(AssertUnwindSafe(|| poll(panics.as_mut()))).unwrap_err();
    drop(panics);
    assert_eq!(
        (in_flight("waits"), of("waits").as_str()),
        (Some(0.0), "1 0 1 1")
    );
}

#[timed]
async fn sibling_of_a_panic() {
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_future_dropped_by_anothers_panic_is_cancelled() {
    exporter();
    let both =
        tokio::spawn(async { tokio::join!(sibling_of_a_panic(), async { panic!("on purpose") }) });
    assert!(both.await.unwrap_err().is_panic());
    assert_eq!(of("sibling_of_a_panic"), "0 - 0 1");
}

#[timed]
async fn aborted() -> Result<(), ()> {
    std::future::pending::<()>().await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn aborted_selected_away_and_timed_out_are_cancelled() {
    exporter();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(aborted());
    tokio::task::yield_now().await;
    tasks.abort_all();
    assert!(
        tasks
            .join_next()
            .await
            .expect("one task")
            .unwrap_err()
            .is_cancelled()
    );
    tokio::select! {
        biased;
        _ = aborted() => unreachable!("it never ends"),
        () = std::future::ready(()) => {}
    }
    tokio::time::timeout(std::time::Duration::from_secs(1), aborted())
        .await
        .unwrap_err();
    assert_eq!(of("aborted"), "0 0 0 3");
}

#[timed]
fn panics_while_unwinding(n: u32) -> Result<(), String> {
    assert!(n == 0, "in a destructor");
    Ok(())
}

#[timed]
fn plain_while_unwinding() {}

struct CallsInDrop;

impl Drop for CallsInDrop {
    fn drop(&mut self) {
        panics_while_unwinding(0).unwrap();
        catch_unwind(|| panics_while_unwinding(1)).unwrap_err();
        plain_while_unwinding();
    }
}

#[test]
fn a_call_made_while_unwinding_has_its_own_outcome() {
    exporter();
    let unwinds = || {
        let _calls = CallsInDrop;
        panic!("on purpose");
    };
    catch_unwind(unwinds).unwrap_err();
    assert_eq!(
        (of("panics_while_unwinding"), of("plain_while_unwinding")),
        ("1 0 1 -".into(), "1 - 0 -".into())
    );
}

type Quiet<T> = T;

#[timed("classified", outcome = result)]
fn generic<T: Into<Quiet<Result<u8, u8>>>>(value: T) -> Quiet<Result<u8, T>> {
    Ok(value.into().unwrap_or(0))
}

struct Verdict {
    approved: bool,
}

#[timed("risk_check", ok_if = |verdict| matches!(verdict, Ok(verdict) if verdict.approved))]
#[counted("risk_refusals", on = error)]
fn check(approved: bool) -> Result<Verdict, String> {
    Ok(Verdict { approved })
}

#[timed("find", err_if = Vec::is_empty)]
async fn find(n: u32) -> Vec<u32> {
    (0..n).collect()
}

#[timed]
fn an_option(n: u32) -> Option<u32> {
    (n > 0).then_some(n)
}

#[test]
fn classifiers_decide_and_an_option_is_ok_without_one() {
    exporter();
    assert_eq!(generic(Ok(1)), Ok(1));
    let ended = |name: &str, outcome| sample(name, &[("outcome", outcome)]);
    assert_eq!(ended("classified_duration_seconds_count", "ok"), Some(1.0));
    let _ = (check(true), check(false), check(false));
    assert_eq!(
        ended("risk_check_duration_seconds_count", "error"),
        Some(2.0)
    );
    assert_eq!(sample("risk_refusals_total", &[]), Some(2.0));
    let _ = (poll_once(find(0)), poll_once(find(1)));
    assert_eq!(
        (
            ended("find_duration_seconds_count", "ok"),
            ended("find_duration_seconds_count", "error")
        ),
        (Some(1.0), Some(1.0))
    );
    assert_eq!(an_option(0), None);
    assert_eq!(of("an_option"), "1 - 0 -");
}

#[derive(Debug, ErrorLabel)]
enum SendError {
    Full {
        queue: usize,
    },
    #[expect(dead_code, reason = "the label is the variant alone")]
    Closed(String),
    #[label("io")]
    #[expect(dead_code, reason = "the label is the variant alone")]
    Other(std::io::Error),
}

impl SendError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Full { queue } if *queue > 10 => "very_full",
            Self::Full { .. } => "full",
            Self::Closed(_) | Self::Other(_) => "gone",
        }
    }
}

#[timed("send", error_label)]
#[counted("send_errors", on = error, error_label = SendError::reason)]
fn send(n: usize) -> Result<(), SendError> {
    match n {
        0 => Ok(()),
        1 => Err(SendError::Closed("by the peer".to_owned())),
        2 => Err(SendError::Other(std::io::Error::other("broken"))),
        queue => Err(SendError::Full { queue }),
    }
}

#[test]
fn the_error_variant_is_a_label() {
    exporter();
    let timed = |error, outcome| {
        sample(
            "send_duration_seconds_count",
            &[("error", error), ("outcome", outcome)],
        )
    };
    assert_eq!(timed("io", "error"), Some(0.0), "there at zero");
    for n in [0, 1, 2, 3, 30] {
        let _ = send(n);
    }
    assert_eq!(
        (
            timed("none", "ok"),
            timed("closed", "error"),
            timed("full", "error")
        ),
        (Some(1.0), Some(1.0), Some(2.0))
    );
    let counted = |error| sample("send_errors_total", &[("error", error)]);
    assert_eq!(
        (
            counted("gone"),
            counted("full"),
            counted("very_full"),
            counted("none")
        ),
        (Some(2.0), Some(1.0), Some(1.0), None)
    );
}

#[timed]
fn label_panics(n: u32) -> Result<u32, String> {
    Ok(n)
}

thread_local! {
    static EVALUATED: Cell<u32> = const { Cell::new(0) };
}

fn evaluated(side: bool) -> bool {
    EVALUATED.with(|count| count.set(count.get() + 1));
    assert!(side, "a label that panics");
    side
}

#[timed("evaluated", labels(side = evaluated(side)), in_flight)]
fn labelled(side: bool) -> Result<bool, String> {
    Ok(side)
}

#[test]
fn a_label_is_evaluated_once_and_may_panic_without_harm() {
    exporter();
    labelled(true).unwrap();
    assert_eq!(EVALUATED.with(Cell::get), 1);
    catch_unwind(|| labelled(false)).unwrap_err();
    assert_eq!(
        sample("evaluated_in_flight", &[("side", "true")]),
        Some(0.0)
    );
    assert_eq!(label_panics(1), Ok(1));
}

#[timed]
fn at_thread_exit() {}

struct AtExit;

impl Drop for AtExit {
    fn drop(&mut self) {
        at_thread_exit();
    }
}

thread_local! {
    static AT_EXIT: AtExit = const { AtExit };
}

#[test]
fn a_destructor_of_a_thread_local_can_still_record() {
    exporter();
    std::thread::spawn(|| AT_EXIT.with(|_| ())).join().unwrap();
    assert_eq!(of("at_thread_exit"), "1 - 0 -");
}
