//! What the raw functions record.

use user_raw::{Bytes, Memory, Nowhere};

#[tokio::test]
async fn raw_functions_are_recorded() {
    let exporter = instrument_core::install().expect("no conflicts");
    let callback: extern "C" fn(u32) -> u32 = user_raw::user_raw_callback;
    let mut numbers = [0; 3];
    // SAFETY: all pointers are those of live variables, or null where that is asked for.
    unsafe {
        assert_eq!(user_raw::read(&raw const numbers[0]), Ok(0));
        assert_eq!(user_raw::read(std::ptr::null()), Err(Nowhere));
        assert_eq!(user_raw::read_plain(&raw const numbers[1]), 0);
        assert_eq!(user_raw::read_later(&7).await, Ok(7));
        assert!(user_raw::fill(numbers.as_mut_ptr(), 3, 5));
        assert_eq!(Bytes([8, 9]).first(), Ok(8));
        #[cfg(target_arch = "x86_64")]
        assert_eq!(
            (user_raw::sum(&numbers), user_raw::sum(&[])),
            (Ok(15), Err(Nowhere))
        );
    }
    assert_eq!((callback(1), user_raw::unwinds(2)), (2, 2));
    assert!(std::panic::catch_unwind(|| user_raw::unwinds(13)).is_err());
    drop(user_raw::unwritten::<u64>());

    let page = exporter.render();
    let count = |function: &str, outcome: &str| {
        format!(
            "function_duration_seconds_count{{module=\"user_raw\",function=\"{function}\",outcome=\"{outcome}\"}}"
        )
    };
    for line in [
        count("read_plain", "ok") + " 1",
        count("read_later", "ok") + " 1",
        count("user_raw_callback", "ok") + " 1",
        count("unwinds", "ok") + " 1",
        count("unwinds", "panic") + " 1",
        count("Memory::first", "ok") + " 1",
        count("Bytes::head", "ok") + " 1",
        count("unwritten", "ok") + " 1",
        "raw_filled_total 3".to_owned(),
        "raw_read_duration_seconds_count{null=\"true\",outcome=\"error\"} 1".to_owned(),
    ] {
        assert!(
            page.lines().any(|other| other == line),
            "{line} is not in\n{page}"
        );
    }
    #[cfg(target_arch = "x86_64")]
    assert!(page.contains(&(count("sum", "error") + " 1")));
}
