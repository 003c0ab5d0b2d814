//! How a body ends: early, late, out of loops, by `?` in nested blocks, never.

use std::convert::TryFrom;
use std::panic::catch_unwind;

use instrument_core::timed;

use crate::page::{exporter, poll, poll_once};

#[timed]
fn nested_question_marks(text: &str) -> Result<u32, std::num::ParseIntError> {
    let doubled = {
        let parsed = {
            let n: u32 = text.parse()?;
            n + 1
        };
        parsed * 2
    };
    Ok(doubled)
}

#[timed]
fn question_mark_of_an_option(levels: &[u32]) -> Option<u32> {
    let first = levels.first()?;
    let second = levels.get(usize::try_from(*first).ok()?)?;
    Some(first + second)
}

#[timed]
fn early_in_a_match(n: u32) -> Result<u32, &'static str> {
    let value = match n {
        0 => return Err("zero"),
        1 => return Ok(10),
        other if other > 100 => return Err("many"),
        other => other,
    };
    Ok(value)
}

#[timed]
fn let_else(text: &str) -> Result<&str, ()> {
    let Some((head, _)) = text.split_once('/') else {
        return Err(());
    };
    Ok(head)
}

#[timed]
fn break_with_value(limit: u32) -> Result<u32, u32> {
    let mut n = 0;
    let found = 'outer: loop {
        loop {
            n += 1;
            if n % 7 == 0 {
                break 'outer n;
            }
            if n > limit {
                return Err(n);
            }
            if n % 3 == 0 {
                continue 'outer;
            }
        }
    };
    Ok(found)
}

#[timed]
fn labelled_block(n: u32) -> u32 {
    'block: {
        if n == 0 {
            break 'block 7;
        }
        n
    }
}

#[timed]
fn loop_as_the_body(mut n: u32) -> u32 {
    loop {
        if n > 10 {
            return n;
        }
        n += 3;
    }
}

#[timed]
fn items_first(n: u32) -> u32 {
    use std::cmp::max;
    const LEAST: u32 = 3;
    const fn doubled(n: u32) -> u32 {
        n * 2
    }
    struct Level(u32);
    impl Level {
        const fn lots(&self) -> u32 {
            self.0
        }
    }
    max(LEAST, doubled(Level(n).lots()))
}

#[timed]
fn items_first_in_a_result(n: u32) -> Result<u32, ()> {
    const LEAST: u32 = 3;
    static MOST: u32 = 30;
    macro_rules! within {
        ($n:expr) => {
            (LEAST..MOST).contains(&$n)
        };
    }
    if within!(n) { Ok(n) } else { Err(()) }
}

#[timed]
fn statement_at_the_end(lots: &mut u32) {
    *lots += 1;
}

#[timed]
fn macro_at_the_end(n: u32) -> String {
    format!("{n}")
}

#[timed]
fn match_at_the_end(n: u32) -> &'static str {
    match n {
        0 => "none",
        _ => "some",
    }
}

#[timed]
fn struct_at_the_end(n: u32) -> std::ops::Range<u32> {
    std::ops::Range { start: 0, end: n }
}

#[timed]
fn returns_in_closures(n: u32) -> Result<Vec<u32>, String> {
    let check = |m: u32| -> Result<u32, String> {
        if m == n {
            return Err(m.to_string());
        }
        Ok(m)
    };
    let all = (0..3).map(check).collect::<Result<_, _>>()?;
    Ok(all)
}

#[timed]
async fn question_marks_in_async_blocks(text: &str) -> Result<u32, std::num::ParseIntError> {
    let inner = async {
        let n: u32 = text.parse()?;
        Ok::<_, std::num::ParseIntError>(n)
    };
    let other = async { text.trim().parse::<u32>() }.await;
    Ok(inner.await? + other.unwrap_or(1))
}

#[timed]
async fn loops_and_awaits(until: u32) -> Result<u32, ()> {
    let mut n = 0;
    while n < until {
        tokio::task::yield_now().await;
        n += 1;
        if n == 5 {
            break;
        }
    }
    for i in 0..n {
        if i == 3 {
            return Err(());
        }
    }
    Ok(n)
}

#[timed]
async fn unit_by_early_return(stop: bool) {
    if stop {
        return;
    }
    std::future::pending::<()>().await;
}

#[timed]
fn unfinished(_n: u32) -> Result<u32, String> {
    todo!()
}

#[timed]
fn unfinished_without_result(_n: u32) -> u32 {
    unimplemented!("later")
}

#[timed]
fn ends_in_a_macro_that_panics(n: u32) -> u32 {
    if n == 0 {
        return 1;
    }
    unreachable!()
}

#[timed]
fn empty() {}

#[timed]
async fn empty_async() {}

#[test]
fn flows() {
    exporter();
    assert_eq!(nested_question_marks("2"), Ok(6));
    assert!(nested_question_marks("").is_err());
    assert_eq!(question_mark_of_an_option(&[1, 5]), Some(6));
    for n in [0, 1, 2, 101] {
        let _ = early_in_a_match(n);
    }
    assert_eq!((let_else("a/b"), let_else("")), (Ok("a"), Err(())));
    assert_eq!((break_with_value(9), break_with_value(1)), (Ok(7), Err(2)));
    assert_eq!((labelled_block(0), loop_as_the_body(0)), (7, 12));
    assert_eq!((items_first(1), items_first_in_a_result(1)), (3, Err(())));
    let mut lots = 1;
    statement_at_the_end(&mut lots);
    assert_eq!(lots, 2);
    assert_eq!(
        (macro_at_the_end(1).as_str(), match_at_the_end(0)),
        ("1", "none")
    );
    assert_eq!(struct_at_the_end(3), 0..3);
    assert_eq!(returns_in_closures(2), Err("2".to_owned()));
    assert_eq!(poll_once(question_marks_in_async_blocks("2")), Some(Ok(4)));
    assert!(
        poll_once(question_marks_in_async_blocks("x"))
            .unwrap()
            .is_err()
    );
    let mut looping = Box::pin(loops_and_awaits(2));
    assert!(poll(looping.as_mut()).is_none() && poll(looping.as_mut()).is_none());
    assert_eq!(poll(looping.as_mut()), Some(Ok(2)));
    assert_eq!(poll_once(unit_by_early_return(true)), Some(()));
    assert_eq!(poll_once(unit_by_early_return(false)), None);
    assert!(catch_unwind(|| unfinished(1)).is_err());
    assert!(catch_unwind(|| unfinished_without_result(1)).is_err());
    assert!(catch_unwind(|| ends_in_a_macro_that_panics(1)).is_err());
    assert_eq!(ends_in_a_macro_that_panics(0), 1);
    empty();
    assert_eq!(poll_once(empty_async()), Some(()));
    counts! {
        "nested_question_marks": "1 1 0 -",
        "question_mark_of_an_option": "1 - 0 -",
        "early_in_a_match": "2 2 0 -",
        "let_else": "1 1 0 -",
        "break_with_value": "1 1 0 -",
        "labelled_block": "1 - 0 -",
        "loop_as_the_body": "1 - 0 -",
        "items_first": "1 - 0 -",
        "items_first_in_a_result": "0 1 0 -",
        "statement_at_the_end": "1 - 0 -",
        "macro_at_the_end": "1 - 0 -",
        "match_at_the_end": "1 - 0 -",
        "struct_at_the_end": "1 - 0 -",
        "returns_in_closures": "0 1 0 -",
        "question_marks_in_async_blocks": "1 1 0 0",
        "loops_and_awaits": "1 0 0 0",
        "unit_by_early_return": "1 - 0 1",
        "unfinished": "0 0 1 -",
        "unfinished_without_result": "0 - 1 -",
        "ends_in_a_macro_that_panics": "1 - 1 -",
        "empty": "1 - 0 -",
        "empty_async": "1 - 0 0",
    }
}
