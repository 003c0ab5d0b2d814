//! Generics have one storage; functions in functions and from macros have each their own.

mod page;

use std::fmt::Display;

use instrument_core::{counted, timed};
use page::{calls, exporter, poll_once, sample};

fn of(function: &str) -> String {
    calls("hard_generics", function)
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
            calls("hard_generics::first", "same"),
            calls("hard_generics::second", "same")
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
