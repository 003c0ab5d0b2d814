//! Return types, control flow, patterns, drop order, generics: what a wrapped body could get wrong.

mod page;

use std::fmt::Display;

use instrument_core::{counted, timed};
use page::{calls, exporter, poll_once, sample};

fn of(function: &str) -> String {
    calls("hard_types", function)
}

trait HasOut {
    type Out;
}

impl HasOut for u8 {
    type Out = Result<u8, String>;
}

#[timed]
fn opaque(n: u32) -> impl Iterator<Item = u32> + Clone {
    (0..n).map(move |i| i + n)
}

#[timed]
fn opaque_result(n: u32) -> Result<impl Display + use<>, String> {
    if n == 0 {
        Err("none".to_owned())
    } else {
        Ok(n)
    }
}

#[timed]
fn nested_opaque(n: u32) -> Vec<Option<impl Fn(u32) -> u32>> {
    vec![Some(move |m| n + m), None]
}

#[timed]
fn projected(n: u8) -> <u8 as HasOut>::Out {
    n.checked_add(1).ok_or_else(|| "full".to_owned())
}

#[timed]
fn projected_generic<T: HasOut>(make: fn() -> T::Out) -> T::Out {
    make()
}

#[timed]
fn absolute(fails: bool) -> ::std::io::Result<()> {
    if fails {
        Err(std::io::Error::other("asked to"))
    } else {
        Ok(())
    }
}

#[timed]
fn formatted() -> std::fmt::Result {
    Err(std::fmt::Error)
}

#[timed]
fn never(n: u32) -> ! {
    panic!("{n} on purpose")
}

#[timed]
async fn never_async(n: u32) -> ! {
    loop {
        std::future::pending::<()>().await;
        assert!(n > 0);
    }
}

#[timed]
fn coerced(n: u32) -> Result<Box<dyn Display>, Box<dyn std::error::Error>> {
    if n == 0 {
        Err("none")?;
    }
    Ok(Box::new(n))
}

#[timed]
fn collected(texts: &[&str]) -> Result<Vec<u32>, std::num::ParseIntError> {
    texts.iter().map(|text| text.parse()).collect()
}

#[timed]
fn borrowed<'a>(map: &'a mut Vec<String>, key: &str) -> Result<&'a mut String, String> {
    map.iter_mut()
        .find(|value| value.as_str() == key)
        .ok_or_else(|| key.to_owned())
}

#[timed]
fn slice(bytes: &[u8]) -> Result<[&[u8]; 2], &'static str> {
    let (one, other) = bytes.split_at_checked(1).ok_or("empty")?;
    Ok([one, other])
}

struct Bar(f64);

impl Bar {
    #[timed]
    fn parsed(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    #[timed]
    fn doubled(self) -> Self {
        Self(self.0 * 2.0)
    }
}

#[test]
fn return_types_of_every_kind() {
    exporter();
    assert_eq!(opaque(2).sum::<u32>(), 5);
    assert_eq!(
        opaque_result(3).map(|n| n.to_string()).ok().as_deref(),
        Some("3")
    );
    assert!(opaque_result(0).is_err());
    assert_eq!(nested_opaque(1)[0].as_ref().map(|add| add(2)), Some(3));
    assert_eq!(
        (projected(1), projected(255)),
        (Ok(2), Err("full".to_owned()))
    );
    projected_generic::<u8>(|| Err("as it wants".to_owned())).unwrap_err();
    absolute(false).unwrap();
    absolute(true).unwrap_err();
    formatted().unwrap_err();
    std::panic::catch_unwind(|| never(1)).unwrap_err();
    assert!(poll_once(never_async(1)).is_none());
    assert_eq!(coerced(3).unwrap().to_string(), "3");
    assert_eq!(coerced(0).err().unwrap().to_string(), "none");
    assert_eq!(collected(&["1", "2"]), Ok(vec![1, 2]));
    borrowed(&mut vec!["a".to_owned()], "a").unwrap().push('b');
    assert_eq!(slice(b"ab"), Ok([&b"a"[..], b"b"]));
    assert_eq!(Bar::parsed("1.5").map(|bar| bar.doubled().0), Some(3.0));
    for (function, expected) in [
        ("opaque", "1 - 0 -"),
        ("opaque_result", "1 1 0 -"),
        ("nested_opaque", "1 - 0 -"),
        ("projected", "1 1 0 -"),
        ("projected_generic", "1 - 0 -"),
        ("absolute", "1 1 0 -"),
        ("formatted", "0 1 0 -"),
        ("never", "0 - 1 -"),
        ("never_async", "0 - 0 1"),
        ("coerced", "1 1 0 -"),
        ("collected", "1 0 0 -"),
        ("borrowed", "1 0 0 -"),
        ("slice", "1 0 0 -"),
        ("Bar::parsed", "1 - 0 -"),
        ("Bar::doubled", "1 - 0 -"),
    ] {
        assert_eq!(of(function), expected, "{function}");
    }
}

#[timed]
#[expect(clippy::needless_return, reason = "returns of every kind")]
fn control(n: u32) -> Result<u32, String> {
    let each = |m: u32| -> Result<u32, String> {
        if m == 100 {
            return Err("inner, which stays inside".to_owned());
        }
        return Ok(m);
    };
    let _ = each(100);
    let found = 'search: {
        for i in 0..n {
            if i == 5 {
                break 'search i;
            }
        }
        each(n)?
    };
    let mut left = found;
    loop {
        match left {
            0 => return Err("nothing".to_owned()),
            1..=3 => break,
            _ => left -= 1,
        }
    }
    Ok(left)
}

#[timed]
#[expect(
    clippy::needless_return,
    clippy::redundant_else,
    reason = "returns of every kind"
)]
async fn control_async(n: u32) -> Result<u32, String> {
    let inner = async {
        if n == 1 {
            return Err("inner".to_owned());
        } else {
            Ok(n)
        }
    };
    let value = inner.await?;
    if value == 2 {
        return Ok(0);
    }
    tokio::task::yield_now().await;
    Ok(value)
}

#[timed]
fn unwritten() -> Result<u32, String> {
    unimplemented!("later")
}

#[test]
fn early_returns_and_loops_end_the_call_they_end() {
    exporter();
    assert_eq!(
        (control(9), control(0), control(2)),
        (Ok(3), Err("nothing".to_owned()), Ok(2))
    );
    assert_eq!(of("control"), "2 1 0 -");
    assert_eq!(
        (poll_once(control_async(1)), poll_once(control_async(2))),
        (Some(Err("inner".to_owned())), Some(Ok(0)))
    );
    assert_eq!(poll_once(control_async(3)), None);
    assert_eq!(of("control_async"), "1 1 0 1");
    std::panic::catch_unwind(unwritten).unwrap_err();
    assert_eq!(of("unwritten"), "0 0 1 -");
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "a reference pattern")]
#[timed("patterns", labels(lots = lots > 3, r#type), outcome = false)]
fn patterns(
    (lots, [first, ..]): (u32, [u32; 3]),
    &r#type: &bool,
    #[cfg(any())] absent: Missing,
    #[cfg(not(windows))] n: u32,
) -> Result<u32, ()> {
    let lots = lots + first + n;
    if r#type { Ok(lots) } else { Err(()) }
}

#[test]
fn patterns_raw_names_and_cfg_on_arguments() {
    exporter();
    assert_eq!(patterns((4, [1, 2, 3]), &true, 5), Ok(10));
    assert_eq!(
        sample(
            "patterns_duration_seconds_count",
            &[("lots", "true"), ("type", "true")]
        ),
        Some(1.0)
    );
}

struct Ladder<T, const N: usize>([T; N]);

impl<T: Copy + PartialOrd, const N: usize> Ladder<T, N> {
    #[timed]
    fn best(&self) -> Result<T, [T; N]> {
        self.0.first().copied().ok_or(self.0)
    }

    #[timed("ladder_better", labels(deep: bool = N > 2))]
    fn better<F>(&self, than: T, pick: F) -> Option<T>
    where
        F: for<'a> Fn(&'a T) -> &'a T,
    {
        self.0.iter().map(pick).copied().find(|level| *level > than)
    }
}

#[counted("dynamic", outcome = false)]
fn dynamic(value: &dyn Display, mut sink: impl FnMut(String)) {
    sink(value.to_string());
}

#[test]
fn generics_have_one_storage() {
    exporter();
    assert_eq!(
        (
            Ladder([1, 2]).best(),
            Ladder([1.5; 3]).best(),
            Ladder([0u8; 0]).best()
        ),
        (Ok(1), Ok(1.5), Err([]))
    );
    assert_eq!(of("Ladder::best"), "2 1 0 -");
    assert_eq!(
        (
            Ladder([1, 5, 9]).better(4, |n| n),
            Ladder([1.0]).better(4.0, |n| n)
        ),
        (Some(5), None)
    );
    let better = |deep| {
        sample(
            "ladder_better_duration_seconds_count",
            &[("deep", deep), ("outcome", "ok")],
        )
    };
    assert_eq!((better("true"), better("false")), (Some(1.0), Some(1.0)));
    let mut text = String::new();
    dynamic(&1.5, |value| text = value);
    assert_eq!(
        (text.as_str(), sample("dynamic_total", &[])),
        ("1.5", Some(1.0))
    );
}

#[timed]
fn outer(n: u32) -> Result<u32, String> {
    #[timed]
    fn inner(n: u32) -> Result<u32, String> {
        if n == 0 {
            Err("zero".to_owned())
        } else {
            Ok(n)
        }
    }
    inner(n).or(Ok(7))
}

macro_rules! twice {
    ($one:ident, $other:ident) => {
        mod $one {
            #[::instrument_core::timed]
            pub(super) fn same() -> Result<(), ()> {
                Ok(())
            }
        }
        mod $other {
            #[::instrument_core::timed]
            pub(super) fn same() -> Result<(), ()> {
                Err(())
            }
        }
    };
}

twice! { first, second }

#[test]
fn functions_in_functions_and_from_macros() {
    exporter();
    assert_eq!((outer(0), outer(1)), (Ok(7), Ok(1)));
    assert_eq!(
        (of("outer").as_str(), of("outer::inner").as_str()),
        ("2 0 0 -", "1 1 0 -")
    );
    let _ = (first::same(), second::same());
    assert_eq!(
        (
            calls("hard_types::first", "same"),
            calls("hard_types::second", "same")
        ),
        ("1 0 0 -".into(), "0 1 0 -".into())
    );
}

struct Grid<Level>(Vec<Level>);

impl<Level: Clone> Grid<Level> {
    #[timed]
    fn first(&self) -> Result<Level, String> {
        self.0.first().cloned().ok_or_else(|| "empty".to_owned())
    }

    #[timed]
    fn last(&self) -> Option<Level> {
        self.0.last().cloned()
    }

    #[timed]
    async fn all(&self) -> Vec<Level> {
        self.0.clone()
    }
}

#[test]
fn generics_of_an_impl_may_have_long_names() {
    exporter();
    let grid = Grid(vec![1, 2]);
    assert_eq!(
        (grid.first(), grid.last(), poll_once(grid.all())),
        (Ok(1), Some(2), Some(vec![1, 2]))
    );
    assert!(Grid::<u8>(Vec::new()).first().is_err());
    assert_eq!(
        (of("Grid::first"), of("Grid::last"), of("Grid::all")),
        ("1 1 0 -".into(), "1 - 0 -".into(), "1 - 0 0".into())
    );
}
