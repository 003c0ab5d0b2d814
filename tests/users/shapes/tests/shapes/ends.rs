//! The ends that are not returns: panics, cancellation, and panics within panics.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use instrument_core::{counted, timed};

use crate::page::{exporter, poll, poll_once, sample};

#[timed(in_flight)]
async fn step(n: u32, name: &str) -> Result<u32, String> {
    for _ in 0..n {
        tokio::task::yield_now().await;
    }
    assert!(name != "panics", "on purpose");
    if name.is_empty() {
        Err(name.to_owned())
    } else {
        Ok(n)
    }
}

fn in_flight() -> Option<f64> {
    let labels = [("module", module_path!()), ("function", "step")];
    sample("function_calls_in_flight", &labels)
}

#[timed]
async fn many_steps(names: &[&'static str]) -> usize {
    let mut set = tokio::task::JoinSet::new();
    for name in names {
        set.spawn(step(1, name));
    }
    let mut ended = 0;
    while let Some(joined) = set.join_next().await {
        ended += usize::from(joined.is_ok());
    }
    ended
}

#[timed]
async fn first_of_two() -> &'static str {
    tokio::select! {
        biased;
        _ = step(9, "slow") => "slow",
        _ = step(0, "fast") => "fast",
    }
}

#[timed]
async fn within(limit: Duration) -> Result<Result<u32, String>, tokio::time::error::Elapsed> {
    tokio::time::timeout(limit, async {
        std::future::pending::<()>().await;
        step(1, "never").await
    })
    .await
}

#[timed]
fn throws(n: u32) -> Result<(), ()> {
    resume_unwind(Box::new(n))
}

#[timed]
fn catches(n: u32) -> Result<u32, u32> {
    catch_unwind(|| throws(n)).map_or_else(|thrown| Err(*thrown.downcast().unwrap()), |_| Ok(n))
}

#[timed]
#[counted("shape_plain_panics", on = panic)]
fn throws_without_result(n: u32) -> u32 {
    assert!(n > 0, "on purpose");
    n
}

struct Closes(&'static str);

impl Drop for Closes {
    fn drop(&mut self) {
        drop(close(self.0));
        drop(catch_unwind(AssertUnwindSafe(|| close("panics"))));
        let mut future = Box::pin(step(1, "in a destructor"));
        assert!(poll(future.as_mut()).is_none());
        assert!(poll(future.as_mut()).is_some());
    }
}

#[timed]
fn close(name: &str) -> Result<(), String> {
    assert!(name != "panics", "on purpose");
    if name.is_empty() {
        Err("unnamed".to_owned())
    } else {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn ends_of_futures() {
    exporter();
    assert_eq!(many_steps(&["a", "", "panics"]).await, 2);
    assert_eq!(first_of_two().await, "fast");
    assert!(within(Duration::from_secs(1)).await.is_err());
    let task = tokio::spawn(step(1_000_000, "aborted"));
    tokio::task::yield_now().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(poll_once(step(1, "dropped")), None);
    drop(step(1, "never polled"));
    // A future that is moved to another thread between two polls.
    let mut moved = Box::pin(step(1, "moved"));
    assert!(poll(moved.as_mut()).is_none());
    let ended = std::thread::spawn(move || poll(moved.as_mut()))
        .join()
        .unwrap();
    assert_eq!(ended, Some(Ok(1)));
    let mut ready = Box::pin(step(0, "polled again"));
    assert_eq!(poll(ready.as_mut()), Some(Ok(0)));
    assert!(
        catch_unwind(AssertUnwindSafe(|| poll(ready.as_mut()))).is_err(),
        "it has ended"
    );
    drop(ready);
    let unwinds = || {
        let (_named, _unnamed) = (Closes("x"), Closes(""));
        panic!("on purpose");
    };
    assert!(catch_unwind(unwinds).is_err());
    assert_eq!(in_flight(), Some(0.0));
    counts! {
        // a, fast, moved, polled again, and two in destructors; ""; panics; slow, aborted, dropped.
        "step": "6 1 1 3",
        "many_steps": "1 - 0 0",
        "first_of_two": "1 - 0 0",
        "within": "0 1 0 0",
        "close": "1 1 2 -",
    }
}

#[test]
fn ends_of_functions() {
    exporter();
    assert_eq!(catches(3), Err(3));
    assert!(catch_unwind(|| throws_without_result(0)).is_err());
    assert_eq!(throws_without_result(1), 1);
    let threads: Vec<_> = (0..8)
        .map(|n| std::thread::spawn(move || throws_without_result(n % 2)))
        .collect();
    let mut panicked = 0;
    for thread in threads {
        panicked += u32::from(thread.join().is_err());
    }
    assert_eq!(panicked, 4);
    assert_eq!(sample("shape_plain_panics_total", &[]), Some(5.0));
    counts! {
        "throws": "0 0 1 -",
        "catches": "0 1 0 -",
        "throws_without_result": "5 - 5 -",
    }
}
