//! Functions that return a future are measured as that future.

mod page;

use std::pin::Pin;

use page::{calls, exporter, poll, poll_once, sample};

mod shapes {
    use std::future::Future;
    use std::pin::Pin;

    use instrument_core::timed;

    pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
    pub(crate) type Aliased<'a> = Boxed<'a, Result<u32, String>>;

    #[timed]
    pub(crate) fn opaque(n: u32) -> impl Future<Output = Result<u32, String>> + Send {
        let doubled = n * 2;
        async move {
            tokio::task::yield_now().await;
            if n > 9 {
                Err(n.to_string())
            } else {
                Ok(doubled)
            }
        }
    }

    #[timed]
    pub(crate) fn boxed<'a>(
        log: &'a mut Vec<u32>,
        n: u32,
    ) -> Pin<Box<dyn Future<Output = Result<u32, String>> + Send + 'a>> {
        log.push(n);
        let doubled = n * 2;
        Box::pin(async move {
            log.push(doubled);
            tokio::task::yield_now().await;
            if n > 9 {
                Err(n.to_string())
            } else {
                Ok(doubled)
            }
        })
    }

    #[timed]
    pub(crate) fn boxed_early(n: u32) -> Pin<Box<dyn Future<Output = u32>>> {
        if n == 0 {
            return Box::pin(std::future::ready(0));
        }
        Box::pin(async move { n })
    }

    #[timed]
    pub(crate) fn aliased(n: u32) -> Aliased<'static> {
        let doubled = n * 2;
        Box::pin(async move {
            if n > 9 {
                Err(n.to_string())
            } else {
                Ok(doubled)
            }
        })
    }

    #[timed("shapes_declared", outcome = false)]
    pub(crate) fn aliased_without_outcome(n: u32) -> Aliased<'static> {
        Box::pin(async move { Ok(n) })
    }

    /// Not a future, although its name is that of one.
    #[timed]
    pub(crate) fn later(n: u32) -> Boxed2 {
        Boxed2(n)
    }

    pub(crate) struct Boxed2(pub(crate) u32);
}

#[test]
fn functions_that_return_futures_measure_the_future() {
    exporter();
    for name in ["shapes::opaque", "shapes::aliased", "shapes::boxed"] {
        let future = |n| -> Pin<Box<dyn Future<Output = Result<u32, String>>>> {
            match name {
                "shapes::opaque" => Box::pin(shapes::opaque(n)),
                "shapes::aliased" => shapes::aliased(n),
                _ => Box::pin(async move { shapes::boxed(&mut Vec::new(), n).await }),
            }
        };
        let of = || calls(&format!("returned_futures::{}", &name[..6]), &name[8..]);
        drop(future(1));
        assert_eq!(of(), "0 0 0 0", "{name}: never polled is not a call");
        let mut ok = future(2);
        while poll(ok.as_mut()).is_none() {}
        let mut error = future(10);
        let error = loop {
            if let Some(output) = poll(error.as_mut()) {
                break output;
            }
        };
        assert_eq!(error, Err("10".to_owned()));
        assert_eq!(of(), "1 1 0 0", "{name}");
        if name != "shapes::aliased" {
            assert_eq!(poll_once(future(3)), None);
            assert_eq!(of(), "1 1 0 1", "{name}");
        }
    }
}

#[test]
fn no_statement_before_a_boxed_future_is_lost() {
    exporter();
    let mut log = Vec::new();
    drop(shapes::boxed(&mut log, 4));
    assert_eq!(log, [4]);
    assert_eq!(
        (
            poll_once(shapes::boxed_early(0)),
            poll_once(shapes::boxed_early(3))
        ),
        (Some(0), Some(3))
    );
    assert_eq!(calls("returned_futures::shapes", "boxed_early"), "2 - 0 0");
    assert_eq!(poll_once(shapes::aliased_without_outcome(3)), Some(Ok(3)));
    drop(shapes::aliased_without_outcome(3));
    assert_eq!(
        sample("shapes_declared_duration_seconds_count", &[]),
        Some(1.0)
    );
    assert_eq!(shapes::later(3).0, 3);
    assert_eq!(calls("returned_futures::shapes", "later"), "1 - 0 -");
}
