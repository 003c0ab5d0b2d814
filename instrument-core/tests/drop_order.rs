//! A wrapped body owns its arguments; they are dropped in the order in which the function would drop them.

mod page;

use std::cell::RefCell;

use instrument_core::timed;
use page::{exporter, poll_once};

thread_local! {
    static DROPS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

struct Noisy(&'static str);

impl Drop for Noisy {
    fn drop(&mut self) {
        DROPS.with_borrow_mut(|drops| drops.push(self.0));
    }
}

fn drops(of: impl FnOnce()) -> Vec<&'static str> {
    DROPS.take();
    of();
    DROPS.take()
}

macro_rules! twins {
    ($($(#[$attr:meta])* fn $name:ident / $twin:ident ($($args:tt)*) $(-> $ret:ty)? $body:block)*) => { $(
        $(#[$attr])*
        fn $name($($args)*) $(-> $ret)? $body
        fn $twin($($args)*) $(-> $ret)? $body
    )* };
}

twins! {
    #[timed]
    fn drops_args / drops_args_twin(a: Noisy, _: Noisy, mut c: Noisy, (d, e): (Noisy, Noisy), _f: Noisy) -> Result<u32, ()> {
        let _local = Noisy("local");
        c.0 = "c, changed";
        drop(e);
        let _first = &a;
        if d.0 == "d" { Err(()) } else { Ok(1) }
    }

    #[timed]
    fn drops_without_result / drops_without_result_twin(a: Noisy, _: Noisy, _c: Noisy) {
        let _local = Noisy("local");
        let _ = &a;
    }
}

#[timed]
async fn drops_async(
    a: Noisy,
    _: Noisy,
    mut c: Noisy,
    (d, e): (Noisy, Noisy),
    _f: Noisy,
) -> Result<u32, ()> {
    let _local = Noisy("local");
    c.0 = "c, changed";
    tokio::task::yield_now().await;
    drop(e);
    let _first = &a;
    if d.0 == "d" { Err(()) } else { Ok(1) }
}

async fn drops_async_twin(
    a: Noisy,
    _: Noisy,
    mut c: Noisy,
    (d, e): (Noisy, Noisy),
    _f: Noisy,
) -> Result<u32, ()> {
    let _local = Noisy("local");
    c.0 = "c, changed";
    tokio::task::yield_now().await;
    drop(e);
    let _first = &a;
    if d.0 == "d" { Err(()) } else { Ok(1) }
}

macro_rules! call {
    ($function:ident) => {
        $function(
            Noisy("a"),
            Noisy("b"),
            Noisy("c"),
            (Noisy("d"), Noisy("e")),
            Noisy("f"),
        )
    };
}

#[test]
fn arguments_are_dropped_in_their_order() {
    exporter();
    let sync = drops(|| assert!(call!(drops_args).is_err()));
    assert_eq!(sync, drops(|| assert!(call!(drops_args_twin).is_err())));
    let three = || (Noisy("a"), Noisy("b"), Noisy("c"));
    let plain = drops(|| {
        let (a, b, c) = three();
        drops_without_result(a, b, c);
    });
    let twin = drops(|| {
        let (a, b, c) = three();
        drops_without_result_twin(a, b, c);
    });
    assert_eq!(plain, twin);

    let to_the_end = |mut future: std::pin::Pin<Box<dyn Future<Output = Result<u32, ()>>>>| {
        drops(|| {
            assert!(page::poll(future.as_mut()).is_none());
            assert!(page::poll(future.as_mut()).is_some());
        })
    };
    assert_eq!(
        to_the_end(Box::pin(call!(drops_async))),
        to_the_end(Box::pin(call!(drops_async_twin)))
    );
    let cancelled = drops(|| assert!(poll_once(call!(drops_async)).is_none()));
    assert_eq!(
        cancelled,
        drops(|| assert!(poll_once(call!(drops_async_twin)).is_none()))
    );
    let unpolled = drops(|| std::mem::drop(call!(drops_async)));
    assert_eq!(unpolled, drops(|| std::mem::drop(call!(drops_async_twin))));
}
