//! What the strict crate records.

use user_strict::shadows::{Result as NoResult, Value};
use user_strict::{Book, SIGNALS, Side, UP, shadows};

#[tokio::test]
async fn everything_is_recorded_under_another_name() {
    let exporter = kit::install().expect("no conflicts");
    assert_eq!(user_strict::plain(2), 4);
    user_strict::check(Side::Buy, 1).unwrap();
    user_strict::check(Side::Sell, 10).unwrap_err();
    user_strict::wait("EURUSD", None).await.unwrap();
    user_strict::wait("EURUSD", Some("no".to_owned()))
        .await
        .unwrap_err();
    assert_eq!(
        (user_strict::boxed(&2).await, user_strict::opaque(3).await),
        (Ok(6), Ok(3))
    );
    let mut book = Book(1);
    book.set(2, None);
    assert_eq!((book.level().unwrap(), book.into_level()), (2, 2));
    assert_eq!(shadows::result(3), NoResult(3));
    assert_eq!(shadows::shadowed(Value::None, 2, 3, 4), Ok(15));
    assert_eq!(shadows::shadowed(Value::Ok, 0, 3, 4), Err(4));
    assert_eq!(
        (
            shadows::shadowed_async(0, 1, 2).await,
            shadows::shadowed_async(1, 1, 2).await
        ),
        (Err(1), Ok(2))
    );
    SIGNALS.inc(Side::Buy);
    let up = UP.series("hub");
    up.set(1.0);

    let page = exporter.render();
    for line in [
        "function_duration_seconds_count{module=\"user_strict\",function=\"plain\",outcome=\"ok\"} 1",
        "function_duration_seconds_count{module=\"user_strict\",function=\"boxed\",outcome=\"ok\"} 1",
        "function_duration_seconds_count{module=\"user_strict\",function=\"opaque\",outcome=\"ok\"} 1",
        "function_duration_seconds_count{module=\"user_strict\",function=\"Book::level\",outcome=\"ok\"} 1",
        "function_duration_seconds_count{module=\"user_strict\",function=\"Book::set\",outcome=\"ok\"} 1",
        "function_duration_seconds_count{module=\"user_strict::shadows\",function=\"result\",outcome=\"ok\"} 1",
        "function_duration_seconds_count{module=\"user_strict::shadows\",function=\"shadowed_async\",outcome=\"error\"} 1",
        "strict_check_duration_seconds_count{side=\"SELL\",error=\"lots\",outcome=\"error\"} 1",
        "strict_check_in_flight{side=\"SELL\"} 0",
        "strict_signals_total{side=\"BUY\"} 2",
        "strict_up{server=\"hub\"} 1",
        "strict_wait_calls_total{symbol=\"EURUSD\",found=\"true\",outcome=\"ok\"} 1",
        "strict_wait_calls_total{symbol=\"EURUSD\",found=\"none\",outcome=\"error\"} 1",
        "strict_shadows_calls_total{numbers=\"true\"} 1",
        "strict_shadows_duration_seconds_count{value=\"none\",call=\"true\",outcome=\"ok\"} 1",
    ] {
        assert!(
            page.lines().any(|other| other == line),
            "{line} is not in\n{page}"
        );
    }
    assert!(!page.contains("function=\"Book::into_level\""));
}
