//! Labels with a known, finite set of values, so that every series can exist before the first event.

use std::marker::PhantomData;

/// A type whose values are the values of a label. Derive it on an enum without fields:
///
/// ```
/// use instrument_core::LabelValue;
///
/// #[derive(LabelValue)]
/// enum Side {
///     Buy,
///     #[label("SHORT")]
///     Sell,
/// }
///
/// assert_eq!(Side::VALUES, ["buy", "SHORT"]);
/// assert_eq!(Side::Sell.index(), 1);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a label: its values are not known when the program starts",
    label = "K006: needs `LabelValue`",
    note = "derive `LabelValue` on an enum without fields, or `ErrorLabel` on one with fields; a `bool` and a string literal are labels too",
    note = "for free text write `key = %expression` with `limit = n`; for values known from configuration, `configured` in `metrics!`"
)]
pub trait LabelValue {
    /// The text of every value, in the order of [`index`](Self::index).
    const VALUES: &'static [&'static str];

    /// Where this value stands in [`VALUES`](Self::VALUES).
    fn index(&self) -> usize;
}

impl LabelValue for bool {
    const VALUES: &'static [&'static str] = &["false", "true"];

    fn index(&self) -> usize {
        usize::from(*self)
    }
}

impl<T: LabelValue + ?Sized> LabelValue for &T {
    const VALUES: &'static [&'static str] = T::VALUES;

    fn index(&self) -> usize {
        T::index(self)
    }
}

impl<T: LabelValue + ?Sized> LabelValue for Box<T> {
    const VALUES: &'static [&'static str] = T::VALUES;

    fn index(&self) -> usize {
        T::index(self)
    }
}

impl<T: LabelValue + ?Sized> LabelValue for std::sync::Arc<T> {
    const VALUES: &'static [&'static str] = T::VALUES;

    fn index(&self) -> usize {
        T::index(self)
    }
}

/// `None` is the last value, and its text is `none`.
impl<T: LabelValue> LabelValue for Option<T> {
    const VALUES: &'static [&'static str] = Self::WITH_NONE.split_at(T::VALUES.len() + 1).0;

    fn index(&self) -> usize {
        self.as_ref().map_or(T::VALUES.len(), T::index)
    }
}

/// The most values a type may have to be used inside an `Option`; a constant's size cannot depend on a type.
const MOST_OPTIONAL: usize = 256;

trait WithNone {
    const WITH_NONE: &'static [&'static str; MOST_OPTIONAL];
}

impl<T: LabelValue> WithNone for Option<T> {
    const WITH_NONE: &'static [&'static str; MOST_OPTIONAL] = &{
        let mut all = ["none"; MOST_OPTIONAL];
        let mut i = 0;
        while i < T::VALUES.len() {
            all[i] = T::VALUES[i];
            i += 1;
        }
        all
    };
}

/// The labels of a declared metric: a tuple of [`LabelValue`] types, in the order of their keys.
pub trait LabelSet: 'static {}

/// The label at position `I` of a set, and how many slots one step of it is worth.
pub trait LabelAt<const I: usize>: LabelSet {
    /// Its type.
    type Label: LabelValue;
    /// The product of the numbers of values of all labels after it.
    const STRIDE: usize;
}

impl LabelSet for () {}

macro_rules! label_tuple {
    ($set:ty, [$($all:ident)+]) => {
        impl<$($all: LabelValue + 'static),+> LabelSet for $set {}
    };
    ($set:ty, [$($all:ident)+], $index:literal $label:ident * [$($after:ident)*]) => {
        impl<$($all: LabelValue + 'static),+> LabelAt<$index> for $set {
            type Label = $label;
            const STRIDE: usize = 1 $(* $after::VALUES.len())*;
        }
    };
}

label_tuple! { (A,), [A] }
label_tuple! { (A,), [A], 0 A * [] }
label_tuple! { (A, B), [A B] }
label_tuple! { (A, B), [A B], 0 A * [B] }
label_tuple! { (A, B), [A B], 1 B * [] }
label_tuple! { (A, B, C), [A B C] }
label_tuple! { (A, B, C), [A B C], 0 A * [B C] }
label_tuple! { (A, B, C), [A B C], 1 B * [C] }
label_tuple! { (A, B, C), [A B C], 2 C * [] }
label_tuple! { (A, B, C, D), [A B C D] }
label_tuple! { (A, B, C, D), [A B C D], 0 A * [B C D] }
label_tuple! { (A, B, C, D), [A B C D], 1 B * [C D] }
label_tuple! { (A, B, C, D), [A B C D], 2 C * [D] }
label_tuple! { (A, B, C, D), [A B C D], 3 D * [] }

/// Appends a value to the slot number made of the labels before it.
pub fn fold<T: LabelValue + ?Sized>(value: &T, slot: usize) -> usize {
    slot * T::VALUES.len() + value.index()
}

/// As [`fold`], for a label that also has the value `none`.
pub fn fold_or_none<T: LabelValue + ?Sized>(value: &T, slot: usize) -> usize {
    slot * (T::VALUES.len() + 1) + value.index()
}

/// The share of label `I` in the slot number of a declared metric.
pub(crate) fn share<const I: usize, L: LabelAt<I>>(value: &L::Label) -> usize {
    value.index() * L::STRIDE
}

/// The type of a label expression; never called.
#[must_use]
pub const fn marker<T: ?Sized>(_: &T) -> PhantomData<T> {
    PhantomData
}

/// The values that a label of a metric can have.
#[derive(Clone, Copy, Debug)]
pub enum Domain {
    /// One text, fixed in the source.
    Literal(&'static str),
    /// One text, known when the program starts: the path of a function below its module.
    Path(Path),
    /// The values of a type.
    Values(fn() -> &'static [&'static str]),
    /// The values of a type, and `none` for calls that end in another way.
    ValuesOrNone(fn() -> &'static [&'static str]),
    /// Free text; the values come with the calls, up to a limit.
    Free,
    /// Free text known from configuration; the values come with the guards of their series.
    Configured,
}

impl Domain {
    /// Whether the values are unknown when the program starts.
    pub(crate) const fn is_free(self) -> bool {
        matches!(self, Self::Free | Self::Configured)
    }
}

/// A label of a metric: its key and its values.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// The key, as on the page.
    pub key: &'static str,
    /// The values.
    pub domain: Domain,
}

impl Label {
    /// A label whose values are those of `T`.
    #[must_use]
    pub const fn of<T: LabelValue>(key: &'static str) -> Self {
        Self {
            key,
            domain: Domain::Values(|| T::VALUES),
        }
    }

    /// A label of free text, for values known from configuration.
    #[must_use]
    pub const fn configured(key: &'static str) -> Self {
        Self {
            key,
            domain: Domain::Configured,
        }
    }

    /// Every value, in slot order; none for free text.
    pub(crate) fn values(&self) -> Vec<String> {
        let owned = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        match self.domain {
            Domain::Literal(text) => vec![text.to_owned()],
            Domain::Path(path) => vec![path.text()],
            Domain::Values(values) => owned(values()),
            Domain::ValuesOrNone(values) => {
                let mut all: Vec<_> = owned(values());
                all.push("none".to_owned());
                all
            }
            Domain::Free | Domain::Configured => Vec::new(),
        }
    }
}

/// The values of the type that `expression` has, which is given as a closure over the function's arguments.
pub fn values_of_expression<A, L: LabelValue + ?Sized>(
    _expression: impl Fn(A) -> PhantomData<L>,
) -> &'static [&'static str] {
    L::VALUES
}

/// Appends `none` to the slot number made of the labels before it.
#[must_use]
pub const fn fold_none(values: &[&str], slot: usize) -> usize {
    slot * (values.len() + 1) + values.len()
}

/// Takes back [`fold_none`].
#[must_use]
pub const fn unfold_none(values: &[&str], slot: usize) -> usize {
    slot / (values.len() + 1)
}

/// The path of an item below its module, kept as what it is made from.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    module: &'static str,
    /// The type name of a closure inside the item: its path, followed by `::__INSTRUMENT::{{closure}}`.
    closure: fn() -> &'static str,
}

impl Path {
    pub(crate) fn text(self) -> String {
        function_path((self.closure)(), self.module)
    }

    pub(crate) const fn module(self) -> &'static str {
        self.module
    }
}

/// The labels `module` and `function` of the function that `_inside` is a closure in.
#[must_use]
pub const fn function_labels<F>(module: &'static str, _inside: &F) -> [Label; 2] {
    let closure = std::any::type_name::<F>;
    let path = Path { module, closure };
    [
        Label {
            key: "module",
            domain: Domain::Literal(module),
        },
        Label {
            key: "function",
            domain: Domain::Path(path),
        },
    ]
}

fn function_path(closure: &str, module: &str) -> String {
    let path = closure
        .split("::__INSTRUMENT")
        .next()
        .unwrap_or(closure)
        .replace("::{{closure}}", "");
    let path = without_generics(&path);
    // `<a::Binance as a::Gateway>::submit`, or `a::<impl a::Binance>::submit` outside the type's module.
    let path = match path
        .strip_prefix('<')
        .and_then(|rest| rest.split_once(" as "))
    {
        Some((implementor, rest)) => {
            let method = rest.split_once(">::").map_or(rest, |(_, method)| method);
            format!("{}::{method}", last_segment(implementor))
        }
        None => path,
    };
    if let Some((_, rest)) = path.split_once("<impl ") {
        let (implementor, method) = rest.split_once(">::").unwrap_or((rest, ""));
        let implementor = implementor.rsplit(" for ").next().unwrap_or(implementor);
        return format!("{}::{method}", last_segment(implementor));
    }
    path.strip_prefix(module)
        .and_then(|rest| rest.strip_prefix("::"))
        .unwrap_or(&path)
        .to_owned()
}

fn last_segment(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// Removes `<T>` and `::<T>` lists, but not the `<` of `<A as B>` and `<impl A>`, which open a segment.
fn without_generics(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut depth = 0usize;
    for c in path.chars() {
        let opens_segment = out.is_empty() || out.ends_with("::");
        match c {
            '<' if depth > 0 || !opens_segment => depth += 1,
            '>' if depth > 0 => depth -= 1,
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn option_adds_none_as_last_value() {
        assert_eq!(
            <Option<bool> as LabelValue>::VALUES,
            ["false", "true", "none"]
        );
        assert_eq!(Some(true).index(), 1);
        assert_eq!(None::<bool>.index(), 2);
    }

    #[test]
    fn a_slot_number_counts_like_a_clock() {
        type Labels = (bool, Option<bool>, bool);
        assert_eq!(<Labels as LabelAt<0>>::STRIDE, 6);
        assert_eq!(
            share::<0, Labels>(&true) + share::<1, Labels>(&Some(false)),
            6
        );
        assert_eq!(fold(&true, fold(&None::<bool>, fold(&true, 0))), 11);
    }

    #[test]
    fn function_is_the_path_below_the_module_with_its_type() {
        for (closure, expected) in [
            (
                "app::feed::fetch_bars::__INSTRUMENT_0::{{closure}}",
                "fetch_bars",
            ),
            (
                "app::feed::fetch_bars::{{closure}}::__INSTRUMENT_0::{{closure}}",
                "fetch_bars",
            ),
            (
                "app::feed::Binance::submit::__INSTRUMENT_0::{{closure}}",
                "Binance::submit",
            ),
            (
                "app::feed::Book<T>::apply::__INSTRUMENT_0::{{closure}}",
                "Book::apply",
            ),
            (
                "<app::feed::Binance as app::feed::Gateway>::submit::__INSTRUMENT_0",
                "Binance::submit",
            ),
            (
                "<app::feed::Book<u8> as app::feed::Gateway<X>>::submit::__INSTRUMENT_0",
                "Book::submit",
            ),
            (
                "app::feed::<impl app::other::Binance>::submit::__INSTRUMENT_0",
                "Binance::submit",
            ),
            (
                "app::feed::<impl app::G for app::other::Binance>::submit::__INSTRUMENT_0",
                "Binance::submit",
            ),
        ] {
            assert_eq!(function_path(closure, "app::feed"), expected, "{closure}");
        }
    }
}
