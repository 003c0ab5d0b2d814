//! Receivers, patterns, and types that are called `Self`.

use std::convert::TryFrom;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use instrument_core::timed;

use crate::page::{exporter, poll_once};

#[derive(Clone, Debug, Default, PartialEq)]
struct Order {
    lots: u32,
    text: String,
}

type Ours<T> = Result<T, Order>;

impl Order {
    #[timed]
    fn by_value(self) -> Result<Self, u32> {
        if self.lots == 0 {
            Err(self.lots)
        } else {
            Ok(self)
        }
    }

    #[timed]
    fn by_value_mut(mut self, lots: u32) -> Self {
        self.lots += lots;
        self
    }

    #[timed]
    fn by_mut_ref(&mut self, lots: u32) -> Result<&mut Self, String> {
        self.lots = self.lots.checked_add(lots).ok_or("overflow")?;
        Ok(self)
    }

    #[timed]
    fn by_named_lifetime<'s>(&'s mut self, text: &str) -> Option<&'s mut String> {
        self.text.push_str(text);
        Some(&mut self.text)
    }

    #[timed]
    fn by_box(self: Box<Self>) -> Result<u32, Box<Self>> {
        if self.lots == 0 {
            Err(self)
        } else {
            Ok(self.lots)
        }
    }

    #[timed]
    fn by_rc(self: Rc<Self>) -> Rc<Self> {
        self
    }

    #[timed]
    fn by_arc_ref(self: &Arc<Self>) -> Arc<Self> {
        Self::clone_of(self)
    }

    #[timed]
    fn clone_of(this: &Arc<Self>) -> Arc<Self> {
        Arc::clone(this)
    }

    #[timed]
    fn by_pin(self: Pin<&mut Self>) -> Result<u32, ()> {
        let this = self.get_mut();
        this.lots += 1;
        Ok(this.lots)
    }

    #[timed]
    fn by_typed_self(self: &Self) -> u32 {
        self.lots
    }

    #[timed]
    async fn async_by_arc(self: Arc<Self>) -> Result<u32, Arc<Self>> {
        std::future::ready(()).await;
        if self.lots == 0 {
            Err(self)
        } else {
            Ok(self.lots)
        }
    }

    #[timed]
    async fn async_by_mut(&mut self, lots: u32) -> Result<&mut Self, String> {
        std::future::ready(()).await;
        self.lots += lots;
        Ok(self)
    }

    #[timed]
    async fn async_by_value_mut(mut self) -> Self {
        self.lots += 1;
        std::future::ready(()).await;
        self
    }

    #[timed]
    fn opaque_of_self(&self) -> impl Future<Output = Result<u32, &Self>> + '_ {
        async move {
            if self.lots == 0 {
                Err(self)
            } else {
                Ok(self.lots)
            }
        }
    }

    #[timed]
    fn boxed_of_self(&mut self) -> Pin<Box<dyn Future<Output = &mut Self> + Send + '_>> {
        self.lots += 1;
        Box::pin(async move {
            self.lots += 1;
            self
        })
    }

    #[timed]
    fn alias_of_self(&self) -> Ours<u32> {
        if self.lots == 0 {
            Err(self.clone())
        } else {
            Ok(self.lots)
        }
    }

    #[timed]
    fn makes_itself(lots: u32) -> Option<Self> {
        let text = Self::default().text;
        Some(Self { lots, text })
    }

    #[timed]
    fn tries_to_make_itself(lots: u32) -> Result<Self, <Self as TryFrom<u32>>::Error> {
        Self::try_from(lots)
    }
}

impl TryFrom<u32> for Order {
    type Error = String;

    #[timed(outcome = result)]
    fn try_from(lots: u32) -> Result<Self, Self::Error> {
        if lots == 0 {
            return Err("none".to_owned());
        }
        Ok(Self {
            lots,
            ..Self::default()
        })
    }
}

impl std::ops::Add<u32> for Order {
    type Output = Self;

    #[timed]
    fn add(self, lots: u32) -> Self::Output {
        Self {
            lots: self.lots + lots,
            ..self
        }
    }
}

struct Closes(u32);

impl Drop for Closes {
    #[timed]
    fn drop(&mut self) {
        self.0 = 0;
    }
}

#[timed]
fn destructured(
    (lots, (price, _)): (u32, (f64, bool)),
    [first, .., last]: [u32; 4],
    Level { size, .. }: Level,
    Wrapped(inner): Wrapped,
    &borrowed: &u32,
    _: String,
    _ignored: u32,
    whole @ (_, _): (u8, u8),
) -> Result<f64, (u8, u8)> {
    if lots == 0 {
        return Err(whole);
    }
    Ok(price + f64::from(lots + first + last + size + inner + borrowed))
}

struct Level {
    size: u32,
    #[expect(dead_code, reason = "what a pattern leaves out")]
    side: bool,
}

struct Wrapped(u32);

#[timed]
async fn destructured_async(
    (lots, mut text): (u32, String),
    Wrapped(inner): Wrapped,
    _: &str,
) -> Result<String, ()> {
    std::future::ready(()).await;
    text.push('!');
    if lots == inner { Err(()) } else { Ok(text) }
}

#[timed]
fn mutable_arguments(mut levels: Vec<u32>, mut level: u32) -> Result<Vec<u32>, u32> {
    level += 1;
    levels.push(level);
    if levels.len() > 3 {
        Err(level)
    } else {
        Ok(levels)
    }
}

#[timed]
fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8) -> Result<u8, u8> {
    a.checked_add(b + c + d + e + f + g).ok_or(a)
}

#[timed]
fn raw_names(r#type: u32, r#match: &str) -> Result<u32, String> {
    if r#match.is_empty() {
        Err(format!("{type}"))
    } else {
        Ok(r#type)
    }
}

#[timed]
fn r#loop(r#in: u32) -> u32 {
    r#in
}

#[test]
fn receivers() {
    exporter();
    let order = || Order {
        lots: 1,
        ..Order::default()
    };
    assert_eq!(order().by_value().map(|order| order.lots), Ok(1));
    assert_eq!(order().by_value_mut(2).lots, 3);
    assert_eq!(order().by_mut_ref(u32::MAX), Err("overflow".to_owned()));
    assert_eq!(
        order().by_named_lifetime("x").map(|text| text.len()),
        Some(1)
    );
    assert!(Box::new(Order::default()).by_box().is_err());
    assert_eq!(Rc::new(order()).by_rc().lots, 1);
    let shared = Arc::new(order());
    assert_eq!(shared.by_arc_ref().by_typed_self(), 1);
    assert_eq!(Pin::new(&mut order()).by_pin(), Ok(2));
    assert_eq!(poll_once(Arc::clone(&shared).async_by_arc()), Some(Ok(1)));
    assert_eq!(
        poll_once(order().async_by_mut(2)).map(|it| it.map(|order| order.lots)),
        Some(Ok(3))
    );
    assert_eq!(
        poll_once(order().async_by_value_mut()).map(|order| order.lots),
        Some(2)
    );
    assert_eq!(poll_once(shared.opaque_of_self()), Some(Ok(1)));
    assert_eq!(
        poll_once(order().boxed_of_self()).map(|order| order.lots),
        Some(3)
    );
    assert!(Order::default().alias_of_self().is_err());
    assert_eq!(Order::makes_itself(4).map(|order| order.lots), Some(4));
    assert!(Order::tries_to_make_itself(0).is_err());
    assert_eq!((order() + 2).lots, 3);
    drop(Closes(1));
    counts! {
        "Order::by_value": "1 0 0 -",
        "Order::by_value_mut": "1 - 0 -",
        "Order::by_mut_ref": "0 1 0 -",
        "Order::by_named_lifetime": "1 - 0 -",
        "Order::by_box": "0 1 0 -",
        "Order::by_rc": "1 - 0 -",
        "Order::by_arc_ref": "1 - 0 -",
        "Order::clone_of": "1 - 0 -",
        "Order::by_pin": "1 0 0 -",
        "Order::by_typed_self": "1 - 0 -",
        "Order::async_by_arc": "1 0 0 0",
        "Order::async_by_mut": "1 0 0 0",
        "Order::async_by_value_mut": "1 - 0 0",
        "Order::opaque_of_self": "1 0 0 0",
        "Order::boxed_of_self": "1 - 0 0",
        "Order::alias_of_self": "0 1 0 -",
        "Order::makes_itself": "1 - 0 -",
        "Order::tries_to_make_itself": "0 1 0 -",
        "Order::try_from": "0 1 0 -",
        "Order::add": "1 - 0 -",
        "Closes::drop": "1 - 0 -",
    }
}

#[test]
fn patterns() {
    exporter();
    let level = || Level {
        size: 1,
        side: true,
    };
    let call = |lots| {
        let numbers = [1, 0, 0, 1];
        destructured(
            (lots, (0.5, true)),
            numbers,
            level(),
            Wrapped(1),
            &1,
            String::new(),
            0,
            (1, 2),
        )
    };
    assert_eq!((call(1), call(0)), (Ok(6.5), Err((1, 2))));
    let call = |inner| poll_once(destructured_async((1, "a".to_owned()), Wrapped(inner), ""));
    assert_eq!(
        (call(2), call(1)),
        (Some(Ok("a!".to_owned())), Some(Err(())))
    );
    assert_eq!(mutable_arguments(vec![1], 1), Ok(vec![1, 2]));
    assert_eq!(many(1, 1, 1, 1, 1, 1, 1), Ok(7));
    assert_eq!(raw_names(1, ""), Err("1".to_owned()));
    assert_eq!(r#loop(1), 1);
    counts! {
        "destructured": "1 1 0 -",
        "destructured_async": "1 1 0 0",
        "mutable_arguments": "1 0 0 -",
        "many": "1 0 0 -",
        "raw_names": "0 1 0 -",
        "loop": "1 - 0 -",
    }
}
