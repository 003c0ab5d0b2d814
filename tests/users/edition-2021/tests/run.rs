//! What edition 2021 records.

#[tokio::test]
async fn an_older_edition_is_recorded() {
    use user_edition_2021 as user;

    let exporter = instrument_core::install().expect("no conflicts");
    let outlives = {
        let text = String::from("abc");
        user::opaque(&text)
    };
    assert_eq!(outlives.await, 3);
    assert_eq!(user::boxed("abc", &1).await, Ok(4));
    // SAFETY: the numbers are there.
    unsafe {
        assert!(user::raw(&7, user::Side::Buy).is_ok());
        assert!(user::raw(std::ptr::null(), user::Side::Sell).is_err());
        assert_eq!(user::raw_async(&0).await, Err(()));
        assert_eq!(user::edition_callback(1), 2);
    }
    assert!(user::fields((String::new(), user::Side::Buy)).is_err());
    let samples = exporter.samples();
    let calls = |function, outcome| {
        let labels = [
            ("module", "user_edition_2021"),
            ("function", function),
            ("outcome", outcome),
        ];
        samples.get("function_duration_seconds_count", &labels)
    };
    assert_eq!(
        (calls("raw", "ok"), calls("raw", "error")),
        (Some(1.0), Some(1.0))
    );
    assert_eq!(calls("raw_async", "error"), Some(1.0));
    assert_eq!(
        (
            calls("edition_callback", "ok"),
            calls("opaque", "ok"),
            calls("boxed", "ok")
        ),
        (Some(1.0), Some(1.0), Some(1.0))
    );
    assert_eq!(
        samples.get("edition_reads_total", &[("side", "sell")]),
        Some(1.0)
    );
    let fields = [("side", "buy"), ("outcome", "error")];
    assert_eq!(
        samples.get("edition_fields_duration_seconds_count", &fields),
        Some(1.0)
    );
}
