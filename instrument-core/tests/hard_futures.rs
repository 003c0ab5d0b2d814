//! Futures stay what they were: `Send`, `'static`, small; and functions keep their caller.

mod page;

use std::future::Future;
use std::mem::size_of_val;
use std::panic::Location;
use std::rc::Rc;

use instrument_core::{LabelValue, timed};
use page::{calls, exporter};

fn of(function: &str) -> String {
    calls("hard_futures", function)
}

#[derive(Clone, Copy, LabelValue)]
enum Side {
    Buy,
    Sell,
}

macro_rules! twins {
    ($($(#[$attr:meta])* async fn $name:ident / $twin:ident ($($args:tt)*) $(-> $ret:ty)? $body:block)*) => { $(
        $(#[$attr])*
        async fn $name($($args)*) $(-> $ret)? $body
        async fn $twin($($args)*) $(-> $ret)? $body
    )* };
}

twins! {
    #[timed]
    async fn plain / plain_twin() {
        tokio::task::yield_now().await;
    }

    #[timed]
    async fn held / held_twin(bytes: [u8; 1000], name: String) -> Result<usize, String> {
        tokio::task::yield_now().await;
        if name.is_empty() { Err(name) } else { Ok(bytes.len()) }
    }

    #[timed]
    async fn changed / changed_twin(mut bytes: [u8; 1000]) -> Result<u8, String> {
        bytes[0] += 1;
        tokio::task::yield_now().await;
        Ok(bytes[0])
    }

    #[timed(in_flight)]
    async fn by_ref / by_ref_twin(bytes: &[u8], text: &mut String) -> std::io::Result<usize> {
        tokio::task::yield_now().await;
        text.push('!');
        Ok(bytes.len())
    }

    #[timed("hard_consumed", labels(side))]
    async fn consumed / consumed_twin(side: Side, name: String) -> Result<usize, String> {
        let len = name.len();
        drop(name);
        tokio::task::yield_now().await;
        if matches!(side, Side::Buy) { Ok(len) } else { Err(String::new()) }
    }

    #[timed("hard_declared", outcome = false)]
    async fn without_outcome / without_outcome_twin(name: String) -> usize {
        tokio::task::yield_now().await;
        name.len()
    }
}

#[tokio::test]
async fn a_future_grows_by_two_words_and_its_labels() {
    exporter();
    let name = || "EURUSD".to_owned();
    let (bytes, mut text) = ([0; 1000], String::new());
    let grown = |annotated: usize, twin: usize| annotated - twin;
    assert!(grown(size_of_val(&plain()), size_of_val(&plain_twin())) <= 16);
    assert!(
        grown(
            size_of_val(&held(bytes, name())),
            size_of_val(&held_twin(bytes, name()))
        ) <= 16
    );
    assert!(
        grown(
            size_of_val(&changed(bytes)),
            size_of_val(&changed_twin(bytes))
        ) <= 16
    );
    let by_ref_size = size_of_val(&by_ref(&bytes, &mut text));
    assert!(grown(by_ref_size, size_of_val(&by_ref_twin(&bytes, &mut text))) <= 16);
    // One label is one word; the name is consumed before the first await.
    let more = 16 + size_of::<usize>() + size_of::<String>() + size_of::<usize>();
    assert!(
        grown(
            size_of_val(&consumed(Side::Buy, name())),
            size_of_val(&consumed_twin(Side::Buy, name()))
        ) <= more
    );
    assert!(
        grown(
            size_of_val(&without_outcome(name())),
            size_of_val(&without_outcome_twin(name()))
        ) <= 16
    );

    plain().await;
    held(bytes, name()).await.unwrap();
    held(bytes, String::new()).await.unwrap_err();
    changed(bytes).await.unwrap();
    by_ref(&bytes, &mut text).await.unwrap();
    consumed(Side::Sell, name()).await.unwrap_err();
    without_outcome(name()).await;
    let twins = (
        held_twin(bytes, name()).await,
        changed_twin(bytes).await,
        consumed_twin(Side::Buy, name()).await,
    );
    assert!(twins.0.is_ok() && twins.1.is_ok() && twins.2.is_ok());
    assert_eq!(
        (of("plain"), of("held"), of("changed"), of("by_ref")),
        (
            "1 - 0 0".into(),
            "1 1 0 0".into(),
            "1 0 0 0".into(),
            "1 0 0 0".into()
        )
    );
}

fn is_send<F: Future + Send + 'static>(future: F) -> F {
    future
}

#[timed("hard_spawned", labels(side, name = %name), limit = 4, in_flight)]
async fn spawned(side: Side, name: String) -> Result<usize, String> {
    let cell = std::cell::Cell::new(1);
    cell.set(2);
    let value = cell.get();
    tokio::task::yield_now().await;
    Ok(name.len() + value + usize::from(matches!(side, Side::Buy)))
}

#[timed]
async fn local(shared: Rc<std::cell::Cell<u32>>) -> Result<u32, ()> {
    tokio::task::yield_now().await;
    shared.set(shared.get() + 1);
    Ok(shared.get())
}

#[timed]
async fn not_sync(cell: std::cell::Cell<u32>) -> Result<u32, ()> {
    tokio::task::yield_now().await;
    Ok(cell.get())
}

#[tokio::test]
async fn send_futures_stay_send_and_others_stay_usable() {
    exporter();
    assert_eq!(
        tokio::spawn(is_send(spawned(Side::Buy, "x".to_owned())))
            .await
            .unwrap(),
        Ok(4)
    );
    assert_eq!(is_send(not_sync(std::cell::Cell::new(3))).await, Ok(3));
    let tasks = tokio::task::LocalSet::new();
    let shared = Rc::new(std::cell::Cell::new(1));
    let task = tasks
        .run_until(async { tokio::task::spawn_local(local(Rc::clone(&shared))).await })
        .await;
    assert_eq!(task.unwrap(), Ok(2));
    assert_eq!(
        (of("local"), of("not_sync")),
        ("1 0 0 0".into(), "1 0 0 0".into())
    );
}

#[track_caller]
#[timed]
fn caller_of_plain() -> u32 {
    Location::caller().line()
}

#[test]
fn a_caller_is_kept_where_the_result_is_not_looked_at() {
    exporter();
    assert_eq!(caller_of_plain(), line!());
    assert_eq!(of("caller_of_plain"), "1 - 0 -");
}

#[timed]
fn deep(n: u32) -> Result<u32, String> {
    if n == 0 {
        Ok(0)
    } else {
        deep(n - 1).map(|below| below + 1)
    }
}

#[test]
fn deep_recursion_fits_a_small_stack() {
    exporter();
    let thread = std::thread::Builder::new().stack_size(4 << 20);
    let depth = thread.spawn(|| deep(3000)).unwrap().join().unwrap();
    assert_eq!(depth, Ok(3000));
    assert_eq!(of("deep"), "3001 0 0 -");
}
