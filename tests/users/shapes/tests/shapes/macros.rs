//! Functions that `macro_rules!` make.

use std::future::Future;

use instrument_core::{LabelValue, counted, timed};

use crate::page::{exporter, poll_once, sample};

macro_rules! function {
    ($(#[$attr:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block) => {
        $(#[$attr])*
        $vis fn $name($($arg: $ty),*) -> $ret $body
    };
}

function! {
    #[timed]
    fn from_a_block(n: u32) -> Result<u32, String> {
        if n == 0 {
            return Err("zero".to_owned());
        }
        Ok(n)
    }
}

function! {
    #[timed]
    pub(crate) fn plain_type(n: u32) -> u32 { n }
}

function! {
    #[timed]
    fn boxed_type(n: u32) -> std::pin::Pin<Box<dyn Future<Output = Result<u32, ()>>>> {
        Box::pin(async move { Ok(n) })
    }
}

macro_rules! hygienic {
    ($name:ident, $value:expr) => {
        #[timed]
        fn $name(n: u32) -> Result<u32, u32> {
            let inner = n + 1;
            if $value > inner {
                Err($value)
            } else {
                Ok(inner)
            }
        }
    };
}

hygienic!(hygienic_expression, {
    let inner = 5;
    inner + 1
});

macro_rules! own_argument {
    ($name:ident, $arg:ident, $body:expr) => {
        #[counted("shape_own_argument", labels(up = $arg > 1, down: bool = hidden), outcome = false)]
        fn $name($arg: u32, hidden: bool) -> Option<u32> {
            hidden.then(|| $body)
        }
    };
}

own_argument!(own_argument, lots, lots * 2);

macro_rules! methods {
    ($ty:ident<$t:ident>: $($name:ident -> $ret:ty),*) => {
        impl<$t: Clone> $ty<$t> { $(
            #[timed]
            fn $name(&self) -> $ret {
                Ok(self.0.clone())
            }
        )* }
    };
}

struct Held<T>(T);

methods! { Held<T>: first -> Result<T, u32>, second -> Result<T, String> }

macro_rules! annotated_impl {
    ($ty:ty { $($item:item)* }) => {
        #[timed]
        impl $ty { $($item)* }
    };
}

struct Desk(u32);

annotated_impl! {
    Desk {
        fn lots(&self) -> Result<u32, ()> {
            if self.0 == 0 { Err(()) } else { Ok(self.0) }
        }

        async fn wait(&self) -> u32 {
            std::future::ready(self.0).await
        }
    }
}

macro_rules! whole_item {
    ($item:item) => {
        #[timed]
        $item
    };
}

whole_item! {
    /// As an item.
    fn whole_item(n: u32) -> Result<u32, ()> {
        n.checked_sub(1).ok_or(())
    }
}

macro_rules! statement_list {
    ($name:ident { $($body:stmt;)* } $last:expr) => {
        #[timed]
        fn $name() -> Result<u32, ()> { $($body;)* $last }
    };
}

statement_list! { statements { let a = 1; let b = a + 1; } Ok(b) }

macro_rules! async_of {
    ($name:ident<$l:lifetime>($arg:ident: $ty:ty) $body:block) => {
        #[timed]
        async fn $name<$l>($arg: &$l $ty) -> Result<&$l $ty, usize> $body
    };
}

async_of! { async_of<'a>(text: str) {
    std::future::ready(()).await;
    if text.is_empty() { Err(text.len()) } else { Ok(text) }
} }

macro_rules! names {
    ($($name:literal => $function:ident),*) => { $(
        #[timed($name, outcome = false)]
        #[counted(self::name_of_nothing_else, labels(side))]
        fn $function(side: Side) -> u32 { side as u32 }
    )* };
}

#[derive(Clone, Copy, LabelValue)]
enum Side {
    Buy,
    Sell,
}

instrument_core::metrics! {
    /// Counted by functions that a macro makes.
    #[allow(non_upper_case_globals)]
    static name_of_nothing_else: Counter<(side: Side)> = "shape_named_total";
}

names! { "shape_first" => first_named, "shape_second" => second_named }

macro_rules! closure_body {
    ($name:ident, |$arg:ident| $body:expr) => {
        #[timed]
        fn $name($arg: &str) -> Result<u32, std::num::ParseIntError> {
            $body
        }
    };
}

closure_body!(closure_body, |text| {
    let n: u32 = text.parse()?;
    Ok(n)
});

#[test]
fn macros() {
    exporter();
    assert_eq!(
        (from_a_block(0), from_a_block(1)),
        (Err("zero".to_owned()), Ok(1))
    );
    assert_eq!((plain_type(1), poll_once(boxed_type(2))), (1, Some(Ok(2))));
    assert_eq!(
        (hygienic_expression(1), hygienic_expression(7)),
        (Err(6), Ok(8))
    );
    assert_eq!(own_argument(3, true), Some(6));
    assert_eq!(
        sample(
            "shape_own_argument_total",
            &[("up", "true"), ("down", "true")]
        ),
        Some(1.0)
    );
    assert_eq!((Held(1).first(), Held('a').second()), (Ok(1), Ok('a')));
    assert_eq!(
        (Desk(0).lots(), poll_once(Desk(3).wait())),
        (Err(()), Some(3))
    );
    assert_eq!((whole_item(0), statements()), (Err(()), Ok(2)));
    assert_eq!(
        (poll_once(async_of("")), poll_once(async_of("a"))),
        (Some(Err(0)), Some(Ok("a")))
    );
    assert_eq!((first_named(Side::Buy), second_named(Side::Sell)), (0, 1));
    assert_eq!(
        sample("shape_second_duration_seconds_count", &[]),
        Some(1.0)
    );
    assert_eq!(sample("shape_named_total", &[("side", "sell")]), Some(1.0));
    assert!(closure_body("x").is_err());
    counts! {
        "from_a_block": "1 1 0 -",
        "plain_type": "1 - 0 -",
        "boxed_type": "1 0 0 0",
        "hygienic_expression": "1 1 0 -",
        "Held::first": "1 0 0 -",
        "Held::second": "1 0 0 -",
        "Desk::lots": "0 1 0 -",
        "Desk::wait": "1 - 0 0",
        "whole_item": "0 1 0 -",
        "statements": "1 0 0 -",
        "async_of": "1 1 0 0",
        "closure_body": "0 1 0 -",
    }
}
