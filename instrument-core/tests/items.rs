//! Every kind of item that can be annotated leaves its calls on the page.

mod page;

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use instrument_core::{counted, timed};
use page::{calls, exporter, poll_once, sample};

/// The calls of a function of this file.
fn of(function: &str) -> String {
    calls("items", function)
}

struct Desk(u32);

impl Desk {
    #[timed]
    fn by_ref(&self) -> Result<u32, ()> {
        Ok(self.0)
    }

    #[timed]
    fn by_mut(&mut self) -> Result<u32, ()> {
        self.0 += 1;
        Ok(self.0)
    }

    #[timed]
    fn by_value(mut self) -> Result<u32, ()> {
        self.0 += 1;
        Ok(self.0)
    }

    #[timed]
    fn by_pin(self: Pin<&mut Self>) -> Result<u32, ()> {
        Ok(self.get_mut().0)
    }

    #[timed]
    fn by_arc(self: Arc<Self>) -> Result<u32, ()> {
        Ok(self.0)
    }

    #[timed]
    async fn by_rc(self: Rc<Self>) -> Result<u32, ()> {
        Ok(self.0)
    }

    #[timed]
    #[expect(clippy::boxed_local, reason = "a receiver like any other")]
    fn by_box(self: Box<Self>) -> u32 {
        self.0
    }

    #[timed]
    fn without_self() -> Result<Self, ()> {
        Ok(Self(1))
    }
}

#[test]
fn methods_with_every_receiver() {
    exporter();
    let mut desk = Desk(1);
    assert_eq!(desk.by_ref(), Ok(1));
    assert_eq!(desk.by_mut(), Ok(2));
    assert_eq!(Pin::new(&mut desk).by_pin(), Ok(2));
    assert_eq!(desk.by_value(), Ok(3));
    assert_eq!(Arc::new(Desk(4)).by_arc(), Ok(4));
    assert_eq!(poll_once(Rc::new(Desk(5)).by_rc()), Some(Ok(5)));
    assert_eq!(Box::new(Desk(6)).by_box(), 6);
    assert!(Desk::without_self().is_ok());
    for method in [
        "by_ref",
        "by_mut",
        "by_value",
        "by_pin",
        "by_arc",
        "without_self",
    ] {
        assert_eq!(of(&format!("Desk::{method}")), "1 0 0 -", "{method}");
    }
    assert_eq!(of("Desk::by_rc"), "1 0 0 0");
    assert_eq!(of("Desk::by_box"), "1 - 0 -");
}

trait Gateway {
    #[timed]
    fn retries(&self) -> Result<u32, ()> {
        Ok(self.tries()? * 2)
    }

    fn tries(&self) -> Result<u32, ()>;

    #[timed]
    async fn wait(&self, ready: bool) -> Option<u32> {
        if !ready {
            std::future::pending::<()>().await;
        }
        self.tries().ok()
    }
}

impl Gateway for Desk {
    #[timed]
    fn tries(&self) -> Result<u32, ()> {
        if self.0 == 0 { Err(()) } else { Ok(self.0) }
    }
}

impl Gateway for Vec<Desk> {
    #[timed]
    fn tries(&self) -> Result<u32, ()> {
        self.first().ok_or(())?.tries()
    }
}

#[test]
fn trait_defaults_share_a_series_and_implementations_have_their_own() {
    exporter();
    assert_eq!(Desk(2).retries(), Ok(4));
    assert_eq!(vec![Desk(0)].retries(), Err(()));
    assert_eq!(of("Gateway::retries"), "1 1 0 -");
    assert_eq!(of("Vec::tries"), "0 1 0 -");
    assert_eq!(poll_once(Desk(2).wait(true)), Some(Some(2)));
    assert_eq!(poll_once(Desk(2).wait(false)), None);
    assert_eq!(of("Gateway::wait"), "1 - 0 1");
}

struct Book<T>(Vec<T>);

#[timed]
impl<T: Clone> Book<T> {
    const DEPTH: usize = 2;

    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    fn push(&mut self, level: T) -> Result<usize, T> {
        if self.0.len() == Self::DEPTH {
            return Err(level);
        }
        self.0.push(level);
        Ok(self.0.len())
    }

    #[timed(skip)]
    fn skipped(&self) -> usize {
        self.0.len()
    }

    /// The best level.
    #[timed("book_best", outcome = false)]
    fn best(&self) -> Option<T> {
        self.0.first().cloned()
    }

    #[counted("book_clears", on = enter)]
    fn clear(&mut self) {
        self.0.clear();
    }
}

#[instrument_core::timed]
impl<T: Clone> Gateway for Book<T> {
    fn tries(&self) -> Result<u32, ()> {
        u32::try_from(self.skipped()).map_err(drop)
    }
}

#[test]
fn an_annotated_impl_hands_down_to_its_methods() {
    exporter();
    let mut book = Book::new();
    assert_eq!(
        (book.push(1), book.push(2), book.push(3)),
        (Ok(1), Ok(2), Err(3))
    );
    assert_eq!(of("Book::push"), "2 1 0 -");
    assert_eq!(book.best(), Some(1));
    assert_eq!(sample("book_best_duration_seconds_count", &[]), Some(1.0));
    assert_eq!(
        of("Book::best"),
        "- - - -",
        "its own attribute takes the place of the impl's"
    );
    assert_eq!(book.tries(), Ok(2));
    assert_eq!(of("Book::tries"), "1 0 0 -");
    book.clear();
    assert_eq!(
        of("Book::clear"),
        "1 - 0 -",
        "counted of its own, timed as the impl says"
    );
    assert_eq!(sample("book_clears_total", &[]), Some(1.0));
    assert_eq!(
        (of("Book::skipped").as_str(), of("Book::new").as_str()),
        ("- - - -", "- - - -")
    );
}

#[timed]
extern "C" fn callback(n: u32) -> u32 {
    n + 1
}

#[timed]
extern "C-unwind" fn unwinding(n: u32) -> u32 {
    assert!(n != 13, "unlucky");
    n
}

#[test]
fn functions_of_other_abis() {
    exporter();
    assert_eq!((callback(3), unwinding(4)), (4, 4));
    std::panic::catch_unwind(|| unwinding(13)).unwrap_err();
    assert_eq!(
        (of("callback"), of("unwinding")),
        ("1 - 0 -".into(), "1 - 1 -".into())
    );
}

#[timed]
fn sized<T, const N: usize>(value: &T) -> Result<[u8; N], T::Owned>
where
    T: AsRef<[u8]> + ToOwned + ?Sized,
{
    value.as_ref().try_into().map_err(|_| value.to_owned())
}

#[timed]
fn longest<'a, 'b: 'a>(one: &'a str, other: &'b str) -> Result<&'a str, &'b str> {
    if one.len() > other.len() {
        Ok(one)
    } else {
        Err(other)
    }
}

struct View<'v>(&'v str);

impl<'v> View<'v> {
    #[timed]
    fn head<'s>(&'s self, n: usize) -> Result<&'v str, &'s Self> {
        self.0.get(..n).ok_or(self)
    }

    #[timed]
    async fn tail(&self, other: &str) -> Result<&'v str, usize> {
        self.0.strip_prefix(other).ok_or(other.len())
    }
}

#[timed]
fn recursive(n: u32) -> Result<u32, String> {
    if n == 0 {
        Ok(0)
    } else {
        Ok(recursive(n - 1)? + 1)
    }
}

#[timed]
async fn recursive_async(n: u32) -> Result<u32, String> {
    if n == 0 {
        Ok(0)
    } else {
        Ok(Box::pin(recursive_async(n - 1)).await? + 1)
    }
}

#[test]
fn generics_lifetimes_and_recursion() {
    exporter();
    assert_eq!(sized::<str, 2>("ab"), Ok(*b"ab"));
    assert_eq!(sized::<[u8], 3>(&[1][..]), Err(vec![1]));
    assert_eq!(of("sized"), "1 1 0 -", "one storage for every type");
    assert_eq!(
        (longest("abc", "d"), longest("", "d")),
        (Ok("abc"), Err("d"))
    );
    assert_eq!(View("abc").head(2).ok(), Some("ab"));
    assert_eq!(poll_once(View("abc").tail("a")), Some(Ok("bc")));
    assert_eq!(
        (of("longest"), of("View::head"), of("View::tail")),
        ("1 1 0 -".into(), "1 0 0 -".into(), "1 0 0 0".into())
    );
    assert_eq!(recursive(3), Ok(3));
    assert_eq!(poll_once(recursive_async(3)), Some(Ok(3)));
    assert_eq!(
        (of("recursive"), of("recursive_async")),
        ("4 0 0 -".into(), "4 0 0 0".into())
    );
}
