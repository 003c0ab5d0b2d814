//! Methods of traits: defaults, implementations for types of every kind, `#[async_trait]` in either order.

use std::fmt::Display;
use std::future::Future;

use async_trait::async_trait;
use instrument_core::{counted, timed};

use crate::page::{exporter, poll_once, sample};

trait Venue {
    type Order: Default + PartialEq;
    type Error: Display;
    const LIMIT: u32;

    #[timed]
    fn limit(&self) -> Result<u32, Self::Error> {
        self.place(&Self::Order::default(), Self::LIMIT)
    }

    fn place(&self, order: &Self::Order, lots: u32) -> Result<u32, Self::Error>;

    #[timed]
    fn default_order() -> Self::Order
    where
        Self: Sized,
    {
        Self::Order::default()
    }

    #[timed]
    fn generic_default<T: Into<u32>>(&self, lots: T) -> Option<T>
    where
        Self: Sized,
        T: Copy,
    {
        (lots.into() < Self::LIMIT).then_some(lots)
    }
}

struct Paper(u32);

impl Venue for Paper {
    type Order = u8;
    type Error = String;
    const LIMIT: u32 = 10;

    #[timed]
    fn place(&self, order: &u8, lots: u32) -> Result<u32, Self::Error> {
        if lots > self.0 {
            return Err(format!("{order}: {lots}"));
        }
        Ok(lots)
    }
}

trait Label {
    fn label(&self) -> Result<String, ()>;
}

impl Label for &Paper {
    #[timed]
    fn label(&self) -> Result<String, ()> {
        Ok(self.0.to_string())
    }
}

impl Label for [u32] {
    #[timed]
    fn label(&self) -> Result<String, ()> {
        self.first().map(ToString::to_string).ok_or(())
    }
}

impl Label for (u8, char) {
    #[timed]
    fn label(&self) -> Result<String, ()> {
        Ok(self.1.to_string())
    }
}

impl<T: Label + ?Sized> Label for Box<T> {
    #[timed]
    fn label(&self) -> Result<String, ()> {
        self.as_ref().label()
    }
}

impl Label for dyn Display {
    #[timed]
    fn label(&self) -> Result<String, ()> {
        Ok(self.to_string())
    }
}

impl Label for str {
    #[timed]
    fn label(&self) -> Result<String, ()> {
        if self.is_empty() {
            Err(())
        } else {
            Ok(self.to_owned())
        }
    }
}

/// A trait that is annotated as a whole.
#[timed]
trait Counting {
    const STEP: u32;

    fn count(&mut self) -> u32;

    fn twice(&mut self) -> u32 {
        self.count();
        self.count()
    }

    #[timed(skip)]
    fn step(&self) -> u32 {
        Self::STEP
    }

    async fn later(&mut self) -> Result<u32, ()> {
        std::future::ready(()).await;
        Ok(self.twice())
    }
}

#[counted]
#[timed]
impl Counting for Paper {
    const STEP: u32 = 2;

    fn count(&mut self) -> u32 {
        self.0 += Self::STEP;
        self.0
    }
}

mod private {
    use instrument_core::timed;

    pub(super) struct Nested;

    #[timed]
    impl Nested {
        pub(super) fn shown(&self) -> Result<u32, ()> {
            self.hidden()
        }

        fn hidden(&self) -> Result<u32, ()> {
            Ok(1)
        }
    }
}

#[async_trait]
trait Feed: Send + Sync {
    async fn read(&mut self, n: u32) -> Result<u32, String>;

    async fn text<'a>(&'a self, prefix: &'a str) -> Result<&'a str, usize>;

    async fn generic<T: Into<u32> + Send + 'static>(&self, lots: T) -> u32
    where
        Self: Sized;

    #[timed]
    async fn all(&mut self) -> Vec<Result<u32, String>> {
        let mut all = Vec::new();
        for n in 0..3 {
            all.push(self.read(n).await);
        }
        all
    }
}

macro_rules! feed {
    ($name:ident, $(#[$outer:meta])* | $(#[$inner:meta])*) => {
        struct $name(String);

        $(#[$outer])*
        impl Feed for $name {
            $(#[$inner])*
            async fn read(&mut self, n: u32) -> Result<u32, String> {
                self.0.push('!');
                tokio::task::yield_now().await;
                if n == 0 {
                    return Err(self.0.clone());
                }
                let doubled = async { n.checked_mul(2) }.await.ok_or("overflow")?;
                Ok(doubled)
            }

            $(#[$inner])*
            async fn text<'a>(&'a self, prefix: &'a str) -> Result<&'a str, usize> {
                self.0.strip_prefix(prefix).ok_or(prefix.len())
            }

            $(#[$inner])*
            async fn generic<T: Into<u32> + Send + 'static>(&self, lots: T) -> u32 {
                tokio::task::yield_now().await;
                lots.into()
            }
        }
    };
}

feed! { Outside, #[timed] #[async_trait] | #[doc = " Documented."] }
feed! { Inside, #[async_trait] | #[timed] }
feed! { Below, #[async_trait] #[timed] | #[doc = " Documented."] }

#[async_trait(?Send)]
trait LocalFeed {
    async fn read(&self) -> Result<u32, ()>;
}

#[async_trait(?Send)]
impl LocalFeed for std::rc::Rc<u32> {
    #[timed]
    async fn read(&self) -> Result<u32, ()> {
        let held = Self::clone(self);
        tokio::task::yield_now().await;
        Ok(*held)
    }
}

trait Native {
    fn later(&self, n: u32) -> impl Future<Output = Result<u32, ()>> + Send;
}

impl Native for Paper {
    #[timed]
    async fn later(&self, n: u32) -> Result<u32, ()> {
        tokio::task::yield_now().await;
        n.checked_sub(self.0).ok_or(())
    }
}

#[test]
fn traits() {
    exporter();
    let paper = Paper(5);
    assert_eq!(paper.limit(), Err("0: 10".to_owned()));
    assert_eq!(Paper::default_order(), 0);
    assert_eq!(paper.generic_default(3u8), Some(3));
    assert_eq!((&paper).label(), Ok("5".to_owned()));
    assert_eq!([7][..].label(), Ok("7".to_owned()));
    assert_eq!((1, 'c').label(), Ok("c".to_owned()));
    assert_eq!(Box::new((1, 'c')).label(), Ok("c".to_owned()));
    let shown: &dyn Display = &1.5;
    assert_eq!(shown.label(), Ok("1.5".to_owned()));
    assert_eq!("".label(), Err(()));
    let mut paper = Paper(1);
    assert_eq!((paper.twice(), paper.step()), (5, 2));
    assert_eq!(poll_once(Counting::later(&mut paper)), Some(Ok(9)));
    assert_eq!(private::Nested.shown(), Ok(1));
    counts! {
        "Venue::limit": "0 1 0 -",
        "Venue::default_order": "1 - 0 -",
        "Venue::generic_default": "1 - 0 -",
        "Paper::place": "0 1 0 -",
        "Counting::twice": "2 - 0 -",
        "Counting::later": "1 0 0 0",
        "Counting::step": "- - - -",
        "Paper::count": "4 - 0 -",
    }
    let module = concat!(module_path!(), "::private");
    assert_eq!(crate::page::calls(module, "Nested::hidden"), "1 0 0 -");
    let labels = [
        ("module", module_path!()),
        ("function", "Paper::count"),
        ("outcome", "ok"),
    ];
    assert_eq!(sample("function_calls_total", &labels), Some(4.0));
    let page = exporter().render();
    let functions: Vec<&str> = page
        .lines()
        .filter(|line| {
            line.contains("_count{")
                && line.contains("::label\"")
                && line.contains("outcome=\"error\"")
        })
        .collect();
    assert_eq!(functions.len(), 6, "{functions:#?}");
}

async fn drive(mut feed: impl Feed) {
    assert_eq!(
        feed.all().await.iter().filter(|read| read.is_ok()).count(),
        2
    );
    assert_eq!(feed.text("x").await, Err(1));
    assert_eq!(feed.generic(3u8).await, 3);
    drop(feed.read(1));
    assert!(poll_once(feed.read(1)).is_none());
}

#[tokio::test]
async fn async_traits() {
    exporter();
    drive(Outside(String::new())).await;
    drive(Inside(String::new())).await;
    drive(Below(String::new())).await;
    assert_eq!(std::rc::Rc::new(3).read().await, Ok(3));
    assert_eq!(
        (
            Native::later(&Paper(2), 3).await,
            Native::later(&Paper(2), 1).await
        ),
        (Ok(1), Err(()))
    );
    for feed in ["Outside", "Inside", "Below"] {
        let of = |method| crate::page::calls(module_path!(), &format!("{feed}::{method}"));
        assert_eq!(of("read"), "2 1 0 1", "{feed}");
        assert_eq!(of("text"), "0 1 0 0", "{feed}");
        assert_eq!(of("generic"), "1 - 0 0", "{feed}");
    }
    counts! {
        "Feed::all": "3 - 0 0",
        "Rc::read": "1 0 0 0",
        "Paper::later": "1 1 0 0",
    }
}
