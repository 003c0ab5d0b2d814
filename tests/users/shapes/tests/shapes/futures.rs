//! Functions that are futures, or return them.

use std::cell::RefCell;
use std::future::{self, Future};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use instrument_core::timed;

use crate::page::{exporter, poll, poll_once};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
type Answer = BoxFuture<'static, Result<u32, String>>;

#[timed]
fn alias_with_lifetime(text: &str) -> BoxFuture<'_, Result<usize, ()>> {
    let len = text.len();
    Box::pin(async move {
        future::ready(()).await;
        if text.is_empty() { Err(()) } else { Ok(len) }
    })
}

#[timed]
fn alias_without_arguments(n: u32) -> Answer {
    if n == 0 {
        return Box::pin(future::ready(Err("none".to_owned())));
    }
    Box::pin(async move { Ok(n) })
}

#[timed]
fn alias_local(shared: Rc<RefCell<u32>>) -> LocalBoxFuture<'static, u32> {
    Box::pin(async move {
        *shared.borrow_mut() += 1;
        future::ready(()).await;
        let now = *shared.borrow();
        now
    })
}

#[timed]
fn boxed_with_a_branch(n: u32) -> Pin<Box<dyn Future<Output = Result<u32, ()>> + Send>> {
    if n == 0 {
        Box::pin(async { Err(()) })
    } else {
        let later = async move { Ok(n) };
        Box::pin(later)
    }
}

#[timed]
fn boxed_with_statements<'a>(
    texts: &'a [&'a str],
    seen: &mut Vec<usize>,
) -> Pin<Box<dyn Future<Output = usize> + 'a>> {
    let total = texts.iter().map(|text| text.len()).sum();
    seen.push(total);
    Box::pin(async move { total + texts.len() })
}

#[timed]
fn boxed_by_another_function(n: u32) -> Pin<Box<dyn Future<Output = Result<u32, String>> + Send>> {
    alias_without_arguments(n)
}

#[timed]
fn boxed_sync(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send + Sync>> {
    Box::pin(future::ready(n))
}

#[timed]
fn boxed_by_into(n: u32) -> Pin<Box<dyn Future<Output = u32>>> {
    Box::into_pin(Box::new(async move { n }))
}

mod aliased {
    pub(super) use std::boxed::Box as Heap;
    pub(super) use std::pin::Pin as Fixed;
}

#[timed]
fn boxed_by_another_name(
    n: u32,
) -> aliased::Fixed<aliased::Heap<dyn Future<Output = Result<u32, ()>> + Send>> {
    let doubled = n * 2;
    aliased::Heap::pin(async move { if doubled == 0 { Err(()) } else { Ok(doubled) } })
}

#[timed]
fn boxed_panics_before(n: u32) -> Pin<Box<dyn Future<Output = Result<u32, ()>> + Send>> {
    assert!(n > 0, "before there is a future");
    Box::pin(async move { Ok(n) })
}

#[timed]
fn opaque_with_statements(n: u32) -> impl Future<Output = Result<u32, ()>> + Send + 'static {
    let doubled = n * 2;
    let twice = move || doubled * 2;
    async move { if n == 0 { Err(()) } else { Ok(twice()) } }
}

#[timed]
fn opaque_that_is_ready(n: u32) -> impl Future<Output = u32> {
    future::ready(n)
}

#[timed]
fn opaque_borrowing<'a>(text: &'a str, other: &str) -> impl Future<Output = &'a str> + use<'a> {
    let skip = other.len();
    async move { text.get(skip..).unwrap_or_default() }
}

#[timed]
fn opaque_with_early_return(n: u32) -> impl Future<Output = Result<u32, ()>> {
    let result = match n {
        0 => Err(()),
        n => Ok(n),
    };
    future::ready(result)
}

#[timed]
fn opaque_of_opaque(n: u32) -> impl Future<Output = impl Iterator<Item = u32>> {
    async move { 0..n }
}

#[timed]
async fn returns_opaque(n: u32) -> impl Iterator<Item = u32> {
    future::ready(()).await;
    0..n
}

#[timed]
async fn returns_opaque_in_a_result(n: u32) -> Result<impl Fn() -> u32, ()> {
    future::ready(()).await;
    if n == 0 { Err(()) } else { Ok(move || n) }
}

#[timed]
async fn two_references(one: &str, other: &str) -> Result<usize, usize> {
    future::ready(()).await;
    if one == other { Err(0) } else { Ok(one.len()) }
}

#[timed]
async fn borrowed_from_one<'a>(one: &'a mut Vec<u32>, _other: &[u32]) -> Result<&'a mut u32, ()> {
    future::ready(()).await;
    one.first_mut().ok_or(())
}

#[timed]
async fn borrowed_elided(levels: &[u32]) -> Option<&u32> {
    future::ready(()).await;
    levels.iter().max()
}

#[timed]
async fn closures_in_it(n: u32) -> Result<u32, u32> {
    let add = async |m: u32| {
        future::ready(()).await;
        if m == 0 {
            return Err(n);
        }
        Ok(n + m)
    };
    let first = add(1).await?;
    add(n).await.map(|second| first + second)
}

#[timed]
async fn with_an_async_closure(each: impl AsyncFn(u32) -> u32) -> u32 {
    each(1).await + each(2).await
}

#[timed]
fn recursive(n: u32) -> Pin<Box<dyn Future<Output = Result<u32, String>> + Send>> {
    Box::pin(async move {
        if n == 0 {
            return Ok(0);
        }
        Ok(recursive(n - 1).await? + 1)
    })
}

#[timed]
async fn recursive_async(n: u32) -> u32 {
    if n == 0 {
        return 0;
    }
    Box::pin(recursive_async(n - 1)).await + 1
}

#[timed]
async fn joins(n: u32) -> (u32, Result<u32, ()>) {
    tokio::join!(opaque_that_is_ready(n), opaque_with_early_return(n))
}

#[timed]
async fn holds_a_lock(lock: Arc<tokio::sync::Mutex<u32>>) -> Result<u32, ()> {
    let mut guard = lock.lock().await;
    *guard += 1;
    tokio::task::yield_now().await;
    Ok(*guard)
}

#[timed]
async fn not_send(shared: Rc<RefCell<u32>>) -> Result<u32, ()> {
    let held = Rc::clone(&shared);
    tokio::task::yield_now().await;
    let now = *held.borrow();
    Ok(now)
}

#[timed]
async fn takes_a_future<F: Future<Output = Result<u32, ()>>>(future: F) -> Result<u32, ()> {
    future.await
}

#[timed]
async fn takes_a_pinned_future(future: Pin<&mut (dyn Future<Output = u32> + '_)>) -> u32 {
    future.await
}

#[timed]
async fn changes_its_arguments(mut levels: Vec<u32>, mut first: u32) -> Result<Vec<u32>, u32> {
    first += 1;
    future::ready(()).await;
    levels.push(first);
    if levels.len() > 2 {
        Err(first)
    } else {
        Ok(levels)
    }
}

const fn is_send<T: Send + 'static>(value: T) -> T {
    value
}

#[test]
fn futures_by_hand() {
    exporter();
    assert_eq!(poll_once(alias_with_lifetime("ab")), Some(Ok(2)));
    assert_eq!(poll_once(alias_with_lifetime("")), Some(Err(())));
    drop(alias_with_lifetime("never polled"));
    assert_eq!(poll_once(is_send(alias_without_arguments(1))), Some(Ok(1)));
    assert_eq!(
        poll_once(alias_without_arguments(0)),
        Some(Err("none".to_owned()))
    );
    let shared = Rc::new(RefCell::new(1));
    assert_eq!(poll_once(alias_local(Rc::clone(&shared))), Some(2));
    assert_eq!(poll_once(boxed_with_a_branch(0)), Some(Err(())));
    assert_eq!(poll_once(is_send(boxed_with_a_branch(2))), Some(Ok(2)));
    let mut seen = Vec::new();
    assert_eq!(
        poll_once(boxed_with_statements(&["ab", "c"], &mut seen)),
        Some(5)
    );
    assert_eq!(seen, [3], "no statement is lost");
    assert_eq!(poll_once(boxed_by_another_function(3)), Some(Ok(3)));
    assert_eq!(poll_once(boxed_sync(4)), Some(4));
    assert_eq!(poll_once(boxed_by_into(4)), Some(4));
    assert_eq!(poll_once(boxed_by_another_name(2)), Some(Ok(4)));
    assert_eq!(poll_once(boxed_by_another_name(0)), Some(Err(())));
    assert_eq!(poll_once(boxed_panics_before(1)), Some(Ok(1)));
    assert_eq!(poll_once(is_send(opaque_with_statements(1))), Some(Ok(4)));
    assert_eq!(poll_once(opaque_that_is_ready(1)), Some(1));
    let text = String::from("abc");
    let later = {
        let short = String::from("a");
        opaque_borrowing(&text, &short)
    };
    assert_eq!(poll_once(later), Some("bc"));
    assert_eq!(poll_once(opaque_with_early_return(0)), Some(Err(())));
    assert_eq!(poll_once(opaque_of_opaque(3)).map(Iterator::count), Some(3));
    assert_eq!(poll_once(returns_opaque(3)).map(Iterator::count), Some(3));
    assert_eq!(
        poll_once(returns_opaque_in_a_result(3)).map(|it| it.map(|f| f())),
        Some(Ok(3))
    );
    assert_eq!(poll_once(two_references("a", "a")), Some(Err(0)));
    let mut levels = vec![3, 9];
    *poll_once(borrowed_from_one(&mut levels, &[]))
        .unwrap()
        .unwrap() += 1;
    assert_eq!(poll_once(borrowed_elided(&levels)), Some(Some(&9)));
    assert_eq!(poll_once(closures_in_it(0)), Some(Err(0)));
    assert_eq!(poll_once(with_an_async_closure(async |n| n * 2)), Some(6));
    assert_eq!(poll_once(is_send(recursive(3))), Some(Ok(3)));
    assert_eq!(poll_once(recursive_async(2)), Some(2));
    counts! {
        "alias_with_lifetime": "1 1 0 0",
        "alias_without_arguments": "2 1 0 0",
        "alias_local": "1 - 0 0",
        "boxed_with_a_branch": "1 1 0 0",
        "boxed_with_statements": "1 - 0 0",
        "boxed_by_another_function": "1 0 0 0",
        "boxed_sync": "1 - 0 0",
        "boxed_by_into": "1 - 0 0",
        "boxed_by_another_name": "1 1 0 0",
        "boxed_panics_before": "1 0 0 0",
        "opaque_with_statements": "1 0 0 0",
        "opaque_borrowing": "1 - 0 0",
        "opaque_of_opaque": "1 - 0 0",
        "returns_opaque": "1 - 0 0",
        "returns_opaque_in_a_result": "1 0 0 0",
        "two_references": "0 1 0 0",
        "borrowed_from_one": "1 0 0 0",
        "borrowed_elided": "1 - 0 0",
        "closures_in_it": "0 1 0 0",
        "with_an_async_closure": "1 - 0 0",
        "recursive": "4 0 0 0",
        "recursive_async": "3 - 0 0",
    }
}

#[tokio::test]
async fn futures_in_a_runtime() {
    exporter();
    assert_eq!(joins(2).await, (2, Ok(2)));
    let lock = Arc::new(tokio::sync::Mutex::new(1));
    assert_eq!(
        tokio::spawn(holds_a_lock(Arc::clone(&lock))).await.unwrap(),
        Ok(2)
    );
    let shared = Rc::new(RefCell::new(5));
    let tasks = tokio::task::LocalSet::new();
    let local = tasks.run_until(async { tokio::task::spawn_local(not_send(shared)).await });
    assert_eq!(local.await.unwrap(), Ok(5));
    assert_eq!(takes_a_future(async { Err(()) }).await, Err(()));
    assert_eq!(takes_a_pinned_future(std::pin::pin!(async { 3 })).await, 3);
    assert_eq!(changes_its_arguments(vec![1], 4).await, Ok(vec![1, 5]));
    let mut waits = Box::pin(holds_a_lock(lock));
    assert!(poll(waits.as_mut()).is_none());
    drop(waits);
    counts! {
        "joins": "1 - 0 0",
        "holds_a_lock": "1 0 0 1",
        "not_send": "1 0 0 0",
        "takes_a_future": "0 1 0 0",
        "takes_a_pinned_future": "1 - 0 0",
        "changes_its_arguments": "1 0 0 0",
    }
}
