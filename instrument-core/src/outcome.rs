//! How a call ended, and how its return type tells.

use std::future::Future;
use std::pin::Pin;

/// How a call ended; exactly one per call. Its text is the value of the label `outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// It returned, and not with an `Err`.
    Ok = 0,
    /// It returned an `Err`.
    Error = 1,
    /// It unwound.
    Panic = 2,
    /// Its future was dropped after the first poll and before the end.
    Cancelled = 3,
}

impl Outcome {
    /// Every outcome, in slot order.
    pub(crate) const ALL: [(Self, &'static str); 4] = [
        (Self::Ok, "ok"),
        (Self::Error, "error"),
        (Self::Panic, "panic"),
        (Self::Cancelled, "cancelled"),
    ];

    pub(crate) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The outcomes that a function can have; empty for a metric without the label `outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcomes(u8);

impl Outcomes {
    /// No label `outcome`.
    pub const NONE: Self = Self(0);

    /// Those of a function: `ok` and `panic`, `error` if it returns a `Result`, `cancelled` if it is async.
    #[must_use]
    pub const fn of(returns_result: bool, is_async: bool) -> Self {
        let mut bits = Outcome::Ok.bit() | Outcome::Panic.bit();
        if returns_result {
            bits |= Outcome::Error.bit();
        }
        if is_async {
            bits |= Outcome::Cancelled.bit();
        }
        Self(bits)
    }

    pub(crate) const fn has(self, outcome: Outcome) -> bool {
        self.0 & outcome.bit() != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many slots each combination of label values takes.
    pub(crate) const fn slots(self) -> usize {
        if self.is_empty() {
            1
        } else {
            Outcome::ALL.len()
        }
    }

    /// The texts, in slot order.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        Outcome::ALL
            .into_iter()
            .filter(move |&(outcome, _)| self.has(outcome))
            .map(|(_, name)| name)
    }
}

/// Answers by type whether a function returns a `Result` or a boxed future, through aliases.
///
/// The inherent constants and the method of `Probe<Result<T, E>>` win over those of the trait, which every
/// type has; so no name is compared, and a user's own type called `Result` is not one.
pub struct Probe<'a, T>(&'a T);

impl<'a, T> Probe<'a, T> {
    /// Looks at a returned value.
    pub const fn new(returned: &'a T) -> Self {
        Self(returned)
    }
}

impl<T, E> Probe<'_, Result<T, E>> {
    /// A call of it can end in `error`.
    pub const IS_RESULT: bool = true;

    /// `Error` for an `Err`.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self.0 {
            Ok(_) => Outcome::Ok,
            Err(_) => Outcome::Error,
        }
    }
}

/// What every other type answers.
pub trait NotResult {
    /// A call of it cannot end in `error`.
    const IS_RESULT: bool = false;
    /// It is not a future that this crate can measure.
    const IS_FUTURE: bool = false;

    /// Always `Ok`.
    fn outcome(&self) -> Outcome {
        Outcome::Ok
    }
}

impl<T> NotResult for Probe<'_, T> {}

/// The parts of a `Result`, for label expressions that name `ok` or `err`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Result`, so there is no `ok` and no `err`",
    label = "not a `Result`",
    note = "name `ret`, the returned value, instead"
)]
pub trait ResultParts {
    /// The type of `ok`.
    type Ok;
    /// The type of `err`.
    type Err;
}

impl<T, E> ResultParts for Result<T, E> {
    type Ok = T;
    type Err = E;
}

/// What a caller gets to see: the value itself, or the output of a boxed future.
macro_rules! boxed_future {
    ($($bound:ident)*) => {
        impl<'a, X> Probe<'_, Pin<Box<dyn Future<Output = X> $(+ $bound)* + 'a>>> {
            /// It is the future that is measured, not the call that makes it.
            pub const IS_FUTURE: bool = true;
        }

        impl<'a, T, E> Probe<'_, Pin<Box<dyn Future<Output = Result<T, E>> $(+ $bound)* + 'a>>> {
            /// A call of it can end in `error`.
            pub const IS_RESULT: bool = true;
        }

        impl<'a, T, E> ResultParts for Pin<Box<dyn Future<Output = Result<T, E>> $(+ $bound)* + 'a>> {
            type Ok = T;
            type Err = E;
        }
    };
}

boxed_future! {}
boxed_future! { Send }
boxed_future! { Send Sync }

/// `Ok` or `Error`, as a classifier says: `ok_if` is called with `expected` true, `err_if` with false.
pub fn classify<T: ?Sized>(
    returned: &T,
    expected: bool,
    classifier: impl Fn(&T) -> bool,
) -> Outcome {
    if classifier(returned) == expected {
        Outcome::Ok
    } else {
        Outcome::Error
    }
}

/// Calls `body` once. A closure passed here may hand out what it borrows mutably; one that is called in
/// place may not.
#[inline]
pub fn run<R>(body: impl FnOnce() -> R) -> R {
    body()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Alias<T> = Result<T, String>;
    type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

    #[test]
    fn a_result_is_known_by_its_type() {
        const { assert!(<Probe<'_, Alias<u8>>>::IS_RESULT) };
        const { assert!(<Probe<'_, std::io::Result<()>>>::IS_RESULT) };
        const { assert!(!<Probe<'_, Option<u8>>>::IS_RESULT) };
        const { assert!(<Probe<'_, Boxed<std::fmt::Result>>>::IS_RESULT) };
        const { assert!(<Probe<'_, Boxed<u8>>>::IS_FUTURE && !<Probe<'_, Boxed<u8>>>::IS_RESULT) };
        const { assert!(!<Probe<'_, Box<u8>>>::IS_FUTURE) };
        assert_eq!(
            Probe::new(&Alias::<u8>::Err(String::new())).outcome(),
            Outcome::Error
        );
        assert_eq!(Probe::new(&None::<u8>).outcome(), Outcome::Ok);
    }

    #[test]
    fn a_function_has_only_the_outcomes_it_can_have() {
        let names = |result, is_async| Outcomes::of(result, is_async).names().collect::<Vec<_>>();
        assert_eq!(names(false, false), ["ok", "panic"]);
        assert_eq!(names(true, true), ["ok", "error", "panic", "cancelled"]);
    }
}
