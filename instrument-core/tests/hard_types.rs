//! Return types of every kind.

mod page;

use std::fmt::Display;

use instrument_core::timed;
use page::{calls, exporter, poll_once};

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
