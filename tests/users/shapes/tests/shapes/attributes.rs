//! Attributes beside ours: the compiler's, a tool's, and those that expand.

use std::panic::Location;

use instrument_core::{counted, timed};

use crate::page::{exporter, poll_once, sample};

/// Documented, with a link to [`documented`] itself.
///
/// ```
/// assert_eq!(1 + 1, 2);
/// ```
#[timed("shape_documented", outcome = false)]
#[inline]
#[must_use = "it is a number"]
fn documented(n: u32) -> u32 {
    n
}

#[inline(always)]
#[timed]
#[cold]
#[allow(clippy::inline_always, reason = "a shape")]
fn inlined(n: u32) -> Result<u32, ()> {
    Ok(n)
}

#[deprecated(note = "a shape")]
#[timed]
fn deprecated() -> u32 {
    1
}

#[timed]
#[track_caller]
fn tracked(wanted: u32) -> (u32, u32) {
    (Location::caller().line(), wanted)
}

#[track_caller]
#[counted("shape_tracked", outcome = false)]
#[timed("shape_tracked_time", outcome = false)]
fn tracked_result(fails: bool) -> Result<u32, ()> {
    if fails {
        Err(())
    } else {
        Ok(Location::caller().line())
    }
}

#[timed]
#[expect(unused_variables, reason = "expected where it is")]
fn expected() -> Result<u32, ()> {
    #![allow(clippy::let_and_return, reason = "an attribute inside")]
    let (n, unused) = (1, 2);
    Ok(n)
}

#[cfg_attr(all(), timed)]
#[cfg_attr(any(), timed("never"))]
#[cfg_attr(not(any()), counted("shape_cfg", outcome = false), inline)]
fn under_cfg_attr() -> Result<(), u8> {
    Err(1)
}

#[cfg(any())]
#[timed(nonsense)]
fn cut_away() -> Missing {}

#[timed]
#[cfg(not(any()))]
fn kept() {}

#[timed]
#[tracing::instrument(skip(secret))]
fn traced_inside(n: u32, secret: &str) -> Result<u32, String> {
    if n == 0 {
        Err(secret.to_owned())
    } else {
        Ok(n)
    }
}

#[tracing::instrument(level = "debug", ret, err)]
#[timed]
fn traced_outside(n: u32) -> Result<u32, String> {
    if n == 0 { Err(String::new()) } else { Ok(n) }
}

#[timed]
#[tracing::instrument]
async fn traced_async_inside(n: u32) -> Result<u32, String> {
    tokio::task::yield_now().await;
    if n == 0 { Err(String::new()) } else { Ok(n) }
}

#[tracing::instrument]
#[counted]
#[timed]
async fn traced_async_outside(n: u32) -> Result<u32, String> {
    tokio::task::yield_now().await;
    if n == 0 { Err(String::new()) } else { Ok(n) }
}

#[timed]
#[tokio::main(flavor = "current_thread")]
async fn its_own_runtime() -> Result<u32, ()> {
    tokio::task::yield_now().await;
    Ok(1)
}

#[timed("shape_test_above", outcome = false)]
#[test]
fn a_test_below() {
    exporter();
}

#[tokio::test]
#[timed("shape_test_below", on = ok)]
async fn a_test_above() -> Result<(), String> {
    exporter();
    tokio::task::yield_now().await;
    Ok(())
}

#[timed]
fn attributes_on_arguments(
    #[allow(unused_variables, reason = "a shape")] unused: u32,
    #[cfg(any())] missing: Missing,
    #[cfg(not(any()))] there: u32,
) -> Result<u32, ()> {
    Ok(there)
}

#[timed]
#[rustfmt::skip]
#[clippy::has_significant_drop]
fn   tools( )   {  }

#[test]
fn attributes() {
    exporter();
    assert_eq!((documented(1), inlined(1)), (1, Ok(1)));
    #[expect(deprecated, reason = "it still is")]
    let old = deprecated();
    assert_eq!(old, 1);
    assert_eq!(tracked(2), (line!(), 2));
    assert_eq!(tracked_result(false), Ok(line!()));
    assert_eq!(expected(), Ok(1));
    assert_eq!(under_cfg_attr(), Err(1));
    kept();
    tools();
    assert_eq!(
        (traced_inside(0, "s"), traced_outside(0)),
        (Err("s".to_owned()), Err(String::new()))
    );
    assert_eq!(
        (
            poll_once(traced_async_inside(0)),
            poll_once(traced_async_outside(0))
        ),
        (None, None)
    );
    assert_eq!(its_own_runtime(), Ok(1));
    assert_eq!(attributes_on_arguments(1, 2), Ok(2));
    let page = exporter().render();
    let help = "# HELP shape_documented_duration_seconds Documented, with a link to [`documented`] itself.\n";
    assert!(page.contains(help));
    assert_eq!(sample("shape_cfg_total", &[]), Some(1.0));
    assert_eq!(sample("shape_tracked_total", &[]), Some(1.0));
    counts! {
        "inlined": "1 0 0 -",
        "deprecated": "1 - 0 -",
        "tracked": "1 - 0 -",
        "expected": "1 0 0 -",
        "under_cfg_attr": "0 1 0 -",
        "kept": "1 - 0 -",
        "tools": "1 - 0 -",
        "traced_inside": "0 1 0 -",
        "traced_outside": "0 1 0 -",
        "traced_async_inside": "0 0 0 1",
        "traced_async_outside": "0 0 0 1",
        "its_own_runtime": "1 0 0 0",
        "attributes_on_arguments": "1 0 0 -",
    }
}
