//! Control flow and patterns: what a wrapped body could get wrong.

mod page;

use instrument_core::timed;
use page::{calls, exporter, poll_once, sample};

fn of(function: &str) -> String {
    calls("hard_bodies", function)
}

#[timed]
#[expect(clippy::needless_return, reason = "returns of every kind")]
fn control(n: u32) -> Result<u32, String> {
    let each = |m: u32| -> Result<u32, String> {
        if m == 100 {
            return Err("inner, which stays inside".to_owned());
        }
        return Ok(m);
    };
    let _ = each(100);
    let found = 'search: {
        for i in 0..n {
            if i == 5 {
                break 'search i;
            }
        }
        each(n)?
    };
    let mut left = found;
    loop {
        match left {
            0 => return Err("nothing".to_owned()),
            1..=3 => break,
            _ => left -= 1,
        }
    }
    Ok(left)
}

#[timed]
#[expect(
    clippy::needless_return,
    clippy::redundant_else,
    reason = "returns of every kind"
)]
async fn control_async(n: u32) -> Result<u32, String> {
    let inner = async {
        if n == 1 {
            return Err("inner".to_owned());
        } else {
            Ok(n)
        }
    };
    let value = inner.await?;
    if value == 2 {
        return Ok(0);
    }
    tokio::task::yield_now().await;
    Ok(value)
}

#[timed]
fn unwritten() -> Result<u32, String> {
    unimplemented!("later")
}

#[test]
fn early_returns_and_loops_end_the_call_they_end() {
    exporter();
    assert_eq!(
        (control(9), control(0), control(2)),
        (Ok(3), Err("nothing".to_owned()), Ok(2))
    );
    assert_eq!(of("control"), "2 1 0 -");
    assert_eq!(
        (poll_once(control_async(1)), poll_once(control_async(2))),
        (Some(Err("inner".to_owned())), Some(Ok(0)))
    );
    assert_eq!(poll_once(control_async(3)), None);
    assert_eq!(of("control_async"), "1 1 0 1");
    std::panic::catch_unwind(unwritten).unwrap_err();
    assert_eq!(of("unwritten"), "0 0 1 -");
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "a reference pattern")]
#[timed("patterns", labels(lots = lots > 3, r#type), outcome = false)]
fn patterns(
    (lots, [first, ..]): (u32, [u32; 3]),
    &r#type: &bool,
    #[cfg(any())] absent: Missing,
    #[cfg(not(windows))] n: u32,
) -> Result<u32, ()> {
    let lots = lots + first + n;
    if r#type { Ok(lots) } else { Err(()) }
}

#[test]
fn patterns_raw_names_and_cfg_on_arguments() {
    exporter();
    assert_eq!(patterns((4, [1, 2, 3]), &true, 5), Ok(10));
    assert_eq!(
        sample(
            "patterns_duration_seconds_count",
            &[("lots", "true"), ("type", "true")]
        ),
        Some(1.0)
    );
}
