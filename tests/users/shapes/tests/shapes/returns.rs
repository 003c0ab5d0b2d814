//! What a function returns.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::convert::TryFrom;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::rc::Rc;

use instrument_core::timed;

use crate::page::exporter;

type Deep<T> = Shallow<T>;
type Shallow<T> = Result<T, Box<dyn Error + Send + Sync>>;
type Bars = Vec<f64>;

#[timed]
fn alias_of_an_alias(n: u32) -> Deep<u32> {
    if n == 0 {
        return Err("none".into());
    }
    Ok(n)
}

#[timed]
fn alias_of_a_vector() -> Bars {
    vec![1.0]
}

#[timed]
fn higher_ranked(strict: bool) -> Result<Box<dyn for<'a> Fn(&'a str) -> &'a str>, String> {
    if strict {
        Ok(Box::new(str::trim))
    } else {
        Err(String::new())
    }
}

#[timed]
fn pointer_to_a_function() -> fn(&str) -> Result<u32, std::num::ParseIntError> {
    str::parse
}

#[timed]
fn boxed_error(n: u32) -> Result<(), Box<dyn Error + 'static>> {
    u8::try_from(n)?;
    Ok(())
}

#[timed]
fn question_mark_in_a_tail(text: &str) -> Result<f64, Box<dyn Error>> {
    Ok(text.trim().parse::<f64>()?)
}

#[timed]
fn tuple(n: u32) -> (Option<u32>, Result<u32, ()>) {
    (None, if n == 0 { Err(()) } else { Ok(n) })
}

#[timed]
fn option_of_a_result(n: u32) -> Option<Result<u32, ()>> {
    Some(if n == 0 { Err(()) } else { Ok(n) })
}

#[timed]
fn result_of_a_result(n: u32) -> Result<Result<u32, u8>, u16> {
    match n {
        0 => Err(1),
        1 => Ok(Err(2)),
        _ => Ok(Ok(n)),
    }
}

#[timed]
fn result_of_an_option(n: u32) -> Result<Option<u32>, ()> {
    Ok((n > 0).then_some(n))
}

#[timed]
fn infallible() -> Result<u32, std::convert::Infallible> {
    Ok(1)
}

#[timed]
fn control(n: u32) -> ControlFlow<u32> {
    if n == 0 {
        ControlFlow::Break(1)
    } else {
        ControlFlow::Continue(())
    }
}

#[timed]
fn cow(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

#[timed]
fn named_lifetime<'a, 'b: 'a>(text: &'a str, _other: &'b str) -> Result<Cow<'a, str>, &'b str> {
    Ok(text.into())
}

#[timed]
fn iterator<'a>(levels: &'a [u32], over: &'a u32) -> impl Iterator<Item = &'a u32> + use<'a> {
    levels.iter().filter(move |level| *level > over)
}

#[timed]
fn double_ended(n: u32) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + Debug {
    0..n
}

#[timed]
fn closure(n: u32) -> impl Fn(u32) -> Result<u32, ()> {
    move |m| n.checked_sub(m).ok_or(())
}

#[timed]
fn two_opaque(n: u32) -> Result<(impl Display, impl Debug), impl Error> {
    if n == 0 {
        Err(fmt::Error)
    } else {
        Ok((n, [n]))
    }
}

#[timed]
fn opaque_in_an_option(n: u32) -> Option<impl Iterator<Item = u32>> {
    (n > 0).then_some(0..n)
}

#[timed]
fn trait_object(n: u32) -> Box<dyn Display + Send> {
    if n == 0 {
        Box::new("none")
    } else {
        Box::new(n)
    }
}

#[timed]
fn coerced_in_the_middle(n: u32) -> Result<Rc<dyn Display>, String> {
    if n == 0 {
        return Ok(Rc::new("none"));
    }
    Ok(Rc::new(n))
}

#[timed]
fn collected(n: u32) -> Result<BTreeMap<u32, String>, fmt::Error> {
    (0..n).map(|i| Ok((i, i.to_string()))).collect()
}

#[timed]
fn map_of_maps() -> HashMap<String, BTreeMap<u8, Vec<(u8, Option<char>)>>> {
    HashMap::default()
}

#[timed]
fn defaulted<T: Default>() -> Result<T, PhantomData<T>> {
    Ok(Default::default())
}

#[timed]
fn unsized_pointer(bytes: &mut [u8]) -> Option<&mut [u8]> {
    bytes.get_mut(1..)
}

#[timed]
fn never(reason: &str) -> ! {
    std::panic::resume_unwind(Box::new(reason.to_owned()))
}

#[timed]
fn unit() -> () {}

#[timed]
fn array_of_results<const N: usize>(n: u32) -> [Result<u32, ()>; N] {
    [Ok(n); N]
}

#[timed]
fn std_alias(fails: bool) -> std::io::Result<usize> {
    if fails {
        Err(std::io::ErrorKind::Other.into())
    } else {
        Ok(1)
    }
}

#[test]
fn returns() {
    exporter();
    assert_eq!(alias_of_an_alias(1).unwrap(), 1);
    assert!(alias_of_an_alias(0).is_err());
    assert_eq!(alias_of_a_vector().len(), 1);
    assert_eq!(higher_ranked(true).unwrap()(" a "), "a");
    assert!(higher_ranked(false).is_err());
    assert_eq!(pointer_to_a_function()("1"), Ok(1));
    assert!(boxed_error(256).is_err());
    assert!(question_mark_in_a_tail("x").is_err());
    assert!((question_mark_in_a_tail(" 1.5").unwrap() - 1.5).abs() < 1e-9);
    assert_eq!(tuple(0).1, Err(()));
    assert_eq!(option_of_a_result(0), Some(Err(())));
    for n in 0..3 {
        let _ = result_of_a_result(n);
    }
    assert_eq!(result_of_an_option(0), Ok(None));
    assert_eq!(infallible(), Ok(1));
    assert_eq!(control(0), ControlFlow::Break(1));
    assert_eq!(cow("a"), "a");
    assert_eq!(named_lifetime("a", "b"), Ok(Cow::Borrowed("a")));
    assert_eq!(iterator(&[1, 2, 3], &1).count(), 2);
    assert_eq!(double_ended(3).rev().len(), 3);
    assert_eq!(closure(3)(4), Err(()));
    assert_eq!(
        two_opaque(3).ok().map(|(a, _)| a.to_string()).as_deref(),
        Some("3")
    );
    assert!(two_opaque(0).is_err());
    assert!(opaque_in_an_option(0).is_none());
    assert_eq!(trait_object(0).to_string(), "none");
    assert_eq!(coerced_in_the_middle(0).unwrap().to_string(), "none");
    assert_eq!(collected(3).unwrap().len(), 3);
    assert!(map_of_maps().is_empty());
    assert_eq!(defaulted::<u8>(), Ok(0));
    assert_eq!(unsized_pointer(&mut [1, 2]), Some(&mut [2][..]));
    assert!(std::panic::catch_unwind(|| never("asked to")).is_err());
    unit();
    assert_eq!(array_of_results::<2>(1), [Ok(1); 2]);
    assert!(std_alias(true).is_err() && std_alias(false).is_ok());
    counts! {
        "alias_of_an_alias": "1 1 0 -",
        "alias_of_a_vector": "1 - 0 -",
        "higher_ranked": "1 1 0 -",
        "pointer_to_a_function": "1 - 0 -",
        "boxed_error": "0 1 0 -",
        "question_mark_in_a_tail": "1 1 0 -",
        "tuple": "1 - 0 -",
        "option_of_a_result": "1 - 0 -",
        "result_of_a_result": "2 1 0 -",
        "result_of_an_option": "1 0 0 -",
        "infallible": "1 0 0 -",
        "control": "1 - 0 -",
        "cow": "1 - 0 -",
        "named_lifetime": "1 0 0 -",
        "iterator": "1 - 0 -",
        "double_ended": "1 - 0 -",
        "closure": "1 - 0 -",
        "two_opaque": "1 1 0 -",
        "opaque_in_an_option": "1 - 0 -",
        "trait_object": "1 - 0 -",
        "coerced_in_the_middle": "1 0 0 -",
        "collected": "1 0 0 -",
        "map_of_maps": "1 - 0 -",
        "defaulted": "1 0 0 -",
        "unsized_pointer": "1 - 0 -",
        "never": "0 - 1 -",
        "unit": "1 - 0 -",
        "array_of_results": "1 - 0 -",
        "std_alias": "1 1 0 -",
    }
}
