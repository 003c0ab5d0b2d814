//! A future that is a call: it starts at the first poll and ends when it is ready or dropped. Hot.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::call::{BEGUN, Bits, Guard, ON, POLLING, end, start};
use crate::outcome::Outcome;
use crate::site::At;

pin_project! {
    /// Measures `future`. One that is never polled is no call; one that is dropped between two polls is cancelled, also
    /// while another future's panic unwinds the thread.
    ///
    /// It adds one word to the future, and one for each label that is not fixed.
    #[must_use = "futures do nothing unless they are polled"]
    pub struct Timed<F, G, C> {
        #[pin]
        future: F,
        finish: G,
        call: C,
    }
}

/// The call of a future.
pub struct Polled<S: At, const L: usize> {
    site: S,
    numbers: [usize; L],
    bits: Bits,
}

impl<F, G, S, const L: usize> Timed<F, G, Polled<S, L>>
where
    F: Future,
    G: Fn(&F::Output, &mut [usize; L]) -> Outcome,
    S: At,
{
    /// `finish` tells how the call ended, and completes its labels.
    #[inline]
    pub fn new(site: S, numbers: [usize; L], future: F, finish: G) -> Self {
        Self {
            future,
            finish,
            call: Polled {
                site,
                numbers,
                bits: 0,
            },
        }
    }
}

impl<F, G, S, const L: usize> Future for Timed<F, G, Polled<S, L>>
where
    F: Future,
    G: Fn(&F::Output, &mut [usize; L]) -> Outcome,
    S: At,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let call = this.call;
        if call.bits & BEGUN == 0 {
            call.bits = start(call.site.site(), &call.numbers, false) | BEGUN;
        }
        call.bits |= POLLING;
        let polled = this.future.poll(cx);
        if call.bits & ON != 0
            && let Poll::Ready(output) = &polled
        {
            let outcome = (this.finish)(output, &mut call.numbers);
            end(call.site.site(), &call.numbers, call.bits, outcome);
            call.bits = BEGUN;
        }
        call.bits &= !POLLING;
        polled
    }
}

impl<S: At, const L: usize> Drop for Polled<S, L> {
    fn drop(&mut self) {
        if self.bits & ON != 0 {
            let outcome = if self.bits & POLLING != 0 {
                Outcome::Panic
            } else {
                Outcome::Cancelled
            };
            end(self.site.site(), &self.numbers, self.bits, outcome);
        }
    }
}

/// The future itself, which has to resolve to `X`: so that what does not is told at the user's code.
pub const fn resolving<X, F: Future<Output = X>>(future: F) -> F {
    future
}

/// A returned value on its way to the caller; `settle` records the call that it ends. By its type: a boxed future is
/// measured in turn, anything else is looked at.
pub struct Returned<T>(pub T);

/// How every value that is not a boxed future is settled.
pub trait Settle<T> {
    /// Ends the call and hands the value on.
    fn settle<S: At, const L: usize>(
        self,
        call: Guard<S, L>,
        finish: impl Fn(&T, &mut [usize; L]) -> Outcome,
    ) -> T;
}

impl<T> Settle<T> for Returned<T> {
    #[inline]
    fn settle<S: At, const L: usize>(
        self,
        mut call: Guard<S, L>,
        finish: impl Fn(&T, &mut [usize; L]) -> Outcome,
    ) -> T {
        let outcome = finish(&self.0, &mut call.numbers);
        call.finish(outcome);
        self.0
    }
}

macro_rules! boxed_future {
    ($($bound:ident)*) => {
        impl<'a, X: 'a> Returned<Pin<Box<dyn Future<Output = X> $(+ $bound)* + 'a>>> {
            /// Puts the future into one that measures it, in a box of its own.
            pub fn settle<S: At + 'a, const L: usize>(
                self,
                call: Guard<S, L>,
                finish: impl Fn(&X, &mut [usize; L]) -> Outcome $(+ $bound)* + 'a,
            ) -> Pin<Box<dyn Future<Output = X> $(+ $bound)* + 'a>> {
                Box::pin(Timed::new(call.site, call.numbers, self.0, finish))
            }
        }
    };
}

boxed_future! {}
boxed_future! { Send }
boxed_future! { Send Sync }
