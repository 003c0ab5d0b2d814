//! Generics of functions, impls and traits: one storage for each site.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;

use instrument_core::{counted, timed};

use crate::page::{exporter, poll_once, sample};

#[timed]
fn with_where<K, V, S>(map: &HashMap<K, V, S>, key: &K) -> Result<V, String>
where
    K: Eq + Hash + Debug,
    V: Clone,
    S: BuildHasher,
{
    map.get(key).cloned().ok_or_else(|| format!("{key:?}"))
}

#[timed]
fn impl_in_arguments(text: impl AsRef<str>, each: impl Fn(&str) -> u32) -> Result<u32, String> {
    let text = text.as_ref();
    if text.is_empty() {
        Err(text.to_owned())
    } else {
        Ok(each(text))
    }
}

#[timed]
fn higher_ranked<F>(apply: F) -> Result<usize, ()>
where
    F: for<'a> Fn(&'a str) -> Option<&'a str>,
{
    apply("abc").map(str::len).ok_or(())
}

#[timed]
fn const_generic<const N: usize, const UP: bool>(levels: [u32; N]) -> Result<[u32; N], usize> {
    if UP { Ok(levels) } else { Err(N) }
}

#[timed]
fn bare<T>(value: T) -> T {
    value
}

#[timed]
fn bare_long_name<Output>(value: Output) -> Output {
    value
}

#[timed]
fn projected<I: Iterator>(mut items: I) -> Option<I::Item> {
    items.next()
}

#[timed(outcome = result)]
fn projected_bare<I: Iterator<Item = Result<u32, ()>>>(mut items: I, or: I::Item) -> I::Item {
    items.next().unwrap_or(or)
}

#[timed]
fn both_sides_generic<T, E: From<String>>(value: Option<T>) -> Result<T, E> {
    value.ok_or_else(|| E::from("none".to_owned()))
}

#[timed]
fn returned_by_a_closure<R>(make: impl FnOnce() -> R) -> R {
    make()
}

#[timed]
fn slice_of_unsized<T: ?Sized + Display>(value: &T) -> Result<String, &T> {
    let text = value.to_string();
    if text.is_empty() {
        Err(value)
    } else {
        Ok(text)
    }
}

#[timed]
fn dynamic(value: &dyn Display, sink: &mut dyn FnMut(&str)) -> Result<(), ()> {
    sink(&value.to_string());
    Ok(())
}

#[timed]
async fn generic_async<T, F, U>(items: Vec<T>, each: F) -> Result<Vec<T>, T>
where
    T: PartialOrd + Copy + Send,
    F: Fn(T) -> U,
    U: Future<Output = Option<T>>,
{
    let mut kept = Vec::new();
    for item in items {
        match each(item).await {
            Some(item) => kept.push(item),
            None => return Err(item),
        }
    }
    Ok(kept)
}

#[timed]
fn polymorphic_recursion<T: Clone>(value: &T, depth: u32) -> Result<u32, ()> {
    if depth == 0 {
        return Ok(0);
    }
    polymorphic_recursion(&value.clone(), depth - 1).map(|below| below + 1)
}

/// The generics of this impl have long names.
struct Cache<Key, Backend, const SIZE: usize> {
    slots: Vec<(Key, Backend)>,
}

struct Snapshot<Backend, const SIZE: usize>(Vec<Backend>);

trait Store {
    type Row: Default;
    type Failure;
    fn load(&self) -> Result<Self::Row, Self::Failure>;
}

impl Store for u32 {
    type Row = Self;
    type Failure = ();

    fn load(&self) -> Result<Self, ()> {
        if *self == 0 { Err(()) } else { Ok(*self) }
    }
}

impl<Key, Backend, const SIZE: usize> Cache<Key, Backend, SIZE>
where
    Key: Eq,
    Backend: Store + Clone,
{
    #[timed]
    fn find(&self, key: &Key) -> Result<Backend::Row, Backend::Failure> {
        match self.slots.iter().find(|slot| slot.0 == *key) {
            Some((_, backend)) => backend.load(),
            None => Ok(Backend::Row::default()),
        }
    }

    #[timed]
    fn find_borrowed<Q: ?Sized + Eq>(&self, key: &Q) -> Option<&Backend>
    where
        Key: Borrow<Q>,
    {
        self.slots
            .iter()
            .find(|slot| slot.0.borrow() == key)
            .map(|slot| &slot.1)
    }

    #[timed]
    fn put(&mut self, key: Key, backend: Backend) -> Result<(), (Key, Backend)> {
        if self.slots.len() == SIZE {
            return Err((key, backend));
        }
        self.slots.push((key, backend));
        Ok(())
    }

    #[timed]
    fn with(mut self, key: Key, backend: Backend) -> Self {
        drop(self.put(key, backend));
        self
    }

    #[timed]
    fn by_key(self) -> HashMap<Key, Backend>
    where
        Key: Hash,
    {
        self.slots.into_iter().collect()
    }
}

#[timed]
impl<Key, Backend, const SIZE: usize> Cache<Key, Backend, SIZE>
where
    Key: Clone,
    Backend: Clone,
{
    fn first_backend(&self) -> Backend {
        self.slots[0].1.clone()
    }

    fn snapshot(&self) -> Snapshot<Backend, SIZE> {
        Snapshot(self.slots.iter().map(|slot| slot.1.clone()).collect())
    }

    fn opened(key: Key, backend: Backend) -> Result<(Key, Backend), Backend> {
        if SIZE == 0 {
            Err(backend)
        } else {
            Ok((key, backend))
        }
    }

    async fn first_key(&self) -> Key {
        self.slots[0].0.clone()
    }

    fn marker() -> PhantomData<Backend> {
        PhantomData
    }
}

struct Numbers<T>(PhantomData<T>);

impl Numbers<u8> {
    #[counted("shape_numbers", outcome = false)]
    fn one() -> u32 {
        1
    }
}

impl Numbers<u16> {
    #[counted("shape_numbers", outcome = false)]
    fn two() -> u32 {
        2
    }
}

#[test]
fn generics() {
    exporter();
    let map = HashMap::from([("a", 1)]);
    assert_eq!(
        (with_where(&map, &"a"), with_where(&map, &"b")),
        (Ok(1), Err("\"b\"".to_owned()))
    );
    assert_eq!(
        impl_in_arguments(String::from("ab"), |text| u32::from(text.len() > 1)),
        Ok(1)
    );
    assert_eq!(higher_ranked(|text| text.get(1..)), Ok(2));
    assert_eq!(const_generic::<2, true>([1, 2]), Ok([1, 2]));
    assert_eq!(const_generic::<3, false>([1, 2, 3]), Err(3));
    assert_eq!(bare(Err::<u8, _>(1)), Err(1));
    assert_eq!(bare_long_name("x"), "x");
    assert_eq!(projected([1].iter()), Some(&1));
    assert_eq!(projected_bare(std::iter::empty(), Err(())), Err(()));
    assert_eq!(
        both_sides_generic::<u8, String>(None),
        Err("none".to_owned())
    );
    assert_eq!(returned_by_a_closure(|| Err::<u8, _>(2)), Err(2));
    assert_eq!(slice_of_unsized("a"), Ok("a".to_owned()));
    let mut seen = String::new();
    assert_eq!(dynamic(&1, &mut |text| seen.push_str(text)), Ok(()));
    assert_eq!(seen, "1");
    let kept = generic_async(vec![1, 2], |n| async move { (n < 2).then_some(n) });
    assert_eq!(poll_once(kept), Some(Err(2)));
    assert_eq!(polymorphic_recursion(&"a", 2), Ok(2));
    assert_eq!(Numbers::<u8>::one() + Numbers::<u16>::two(), 3);
    assert_eq!(sample("shape_numbers_total", &[]), Some(2.0));
    counts! {
        "with_where": "1 1 0 -",
        "impl_in_arguments": "1 0 0 -",
        "higher_ranked": "1 0 0 -",
        "const_generic": "1 1 0 -",
        "bare": "1 - 0 -",
        "bare_long_name": "1 - 0 -",
        "projected": "1 - 0 -",
        "projected_bare": "0 1 0 -",
        "both_sides_generic": "0 1 0 -",
        "returned_by_a_closure": "1 - 0 -",
        "slice_of_unsized": "1 0 0 -",
        "dynamic": "1 0 0 -",
        "generic_async": "0 1 0 0",
        "polymorphic_recursion": "3 0 0 -",
    }
}

#[test]
fn generics_of_impls() {
    exporter();
    let cache = || Cache::<String, u32, 2> { slots: Vec::new() }.with("a".to_owned(), 0);
    assert_eq!(
        (cache().find(&"a".to_owned()), cache().find(&String::new())),
        (Err(()), Ok(0))
    );
    assert_eq!(cache().find_borrowed("a"), Some(&0));
    assert_eq!(cache().by_key().len(), 1);
    assert_eq!(
        (cache().first_backend(), cache().snapshot().0),
        (0, vec![0])
    );
    assert_eq!(Cache::<u8, u32, 0>::opened(1, 2), Err(2));
    assert_eq!(poll_once(cache().first_key()).as_deref(), Some("a"));
    assert_eq!(Cache::<u8, u32, 0>::marker(), PhantomData);
    counts! {
        "Cache::find": "1 1 0 -",
        "Cache::find_borrowed": "1 - 0 -",
        "Cache::put": "7 0 0 -",
        "Cache::with": "7 - 0 -",
        "Cache::by_key": "1 - 0 -",
        "Cache::first_backend": "1 - 0 -",
        "Cache::snapshot": "1 - 0 -",
        "Cache::opened": "0 1 0 -",
        "Cache::first_key": "1 - 0 0",
        "Cache::marker": "1 - 0 -",
    }
}
