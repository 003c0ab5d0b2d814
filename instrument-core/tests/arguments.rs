//! Buckets, moments, samples and switches of a site.

mod page;

use instrument_core::{counted, timed};
use page::{calls, exporter, poll_once, sample};

const LADDER: [f64; 2] = [0.25, 0.5];

#[timed("ladder_literal", buckets = [0.5, 1.0], outcome = false)]
#[timed("ladder_exp", buckets = exp(0.001, 10.0, 3), outcome = false)]
#[timed("ladder_linear", buckets = linear(0.1, 0.2, 3), outcome = false)]
#[timed("ladder_micro", buckets = micro, outcome = false)]
#[timed("ladder_io", buckets = io, outcome = false)]
#[timed("ladder_constant", buckets = LADDER, outcome = false)]
fn ladders() {}

#[test]
fn buckets_are_literal_calculated_preset_or_constant() {
    exporter();
    ladders();
    let bounds = |name: &str| {
        exporter()
            .catalogue()
            .family(&format!("{name}_duration_seconds"))
            .unwrap()
            .buckets
            .to_vec()
    };
    assert_eq!(bounds("ladder_literal"), [0.5, 1.0]);
    assert_eq!(bounds("ladder_exp"), [0.001, 0.01, 0.1]);
    assert_eq!(bounds("ladder_linear"), [0.1, 0.3, 0.5]);
    assert_eq!(bounds("ladder_constant"), LADDER);
    let ends = |name| (bounds(name)[0], *bounds(name).last().unwrap());
    assert_eq!(
        (ends("ladder_micro"), ends("ladder_io")),
        ((2.5e-7, 0.01), (1e-4, 60.0))
    );
    for name in ["ladder_exp", "ladder_io"] {
        assert_eq!(
            sample(&format!("{name}_duration_seconds_bucket"), &[("le", "0.1")]),
            Some(1.0),
            "{name}"
        );
    }
}

#[counted("moments_enter", on = enter)]
#[counted("moments_exit", on = exit)]
#[counted("moments_ok", on = ok)]
#[counted("moments_error", on = error)]
#[counted("moments_panic", on = panic)]
#[counted("moments_cancelled", on = cancelled)]
#[timed("moments", on = ok)]
async fn moments(n: u32) -> Result<(), ()> {
    if n == 3 {
        std::future::pending::<()>().await;
    }
    assert!(n != 2, "on purpose");
    if n == 1 { Err(()) } else { Ok(()) }
}

#[test]
fn each_moment_counts_its_calls() {
    exporter();
    for n in [0, 1, 2, 3] {
        let _ = std::panic::catch_unwind(|| poll_once(moments(n)));
    }
    let counted = |moment: &str| sample(&format!("moments_{moment}_total"), &[]);
    assert_eq!(counted("enter"), Some(4.0));
    for moment in ["ok", "error", "panic", "cancelled"] {
        assert_eq!(counted(moment), Some(1.0), "{moment}");
    }
    let exit = |outcome| sample("moments_exit_total", &[("outcome", outcome)]);
    assert_eq!((exit("ok"), exit("cancelled")), (Some(1.0), Some(1.0)));
    assert_eq!(sample("moments_duration_seconds_count", &[]), Some(1.0));
}

/// Applies one change to the book.
#[timed("book_update", sample = 1/8, outcome = false)]
#[timed]
#[counted("book_bytes", by = bytes, on = enter)]
fn book_update(bytes: u64) -> u64 {
    bytes
}

#[test]
fn a_sample_counts_all_and_times_some() {
    exporter();
    for _ in 0..8000 {
        book_update(3);
    }
    let timed = sample("book_update_duration_seconds_count", &[]).unwrap();
    // 1,000 expected, with a standard deviation of 30.
    assert!((700.0..1300.0).contains(&timed), "{timed}");
    assert_eq!(sample("book_update_calls_total", &[]), Some(8000.0));
    assert_eq!(sample("book_bytes_total", &[]), Some(24_000.0));
    assert_eq!(
        calls("arguments", "book_update"),
        "8000 - 0 -",
        "the other attribute is not sampled"
    );
    let help = &exporter()
        .catalogue()
        .family("book_update_duration_seconds")
        .unwrap()
        .help;
    assert_eq!(
        help,
        "Applies one change to the book. Sampled: the count is of about one call in 8; book_update_calls_total counts all."
    );
}

mod feed {
    use instrument_core::timed;

    #[timed(in_flight)]
    pub(super) fn decode(nested: bool) -> u32 {
        if nested {
            super::exporter().set_enabled("arguments::feed::*", false);
        }
        1
    }

    #[timed("feed_encode", outcome = false)]
    pub(super) fn encode() {}
}

#[test]
fn functions_are_switched_by_path_and_families_by_name() {
    let exporter = exporter();
    let encoded = || sample("feed_encode_duration_seconds_count", &[]);
    let in_flight = || {
        sample(
            "function_calls_in_flight",
            &[("module", "arguments::feed"), ("function", "decode")],
        )
    };
    feed::decode(false);
    feed::encode();
    assert_eq!(exporter.set_enabled("arguments::feed::*", false), 2);
    feed::decode(false);
    feed::encode();
    assert_eq!(
        (calls("arguments::feed", "decode").as_str(), encoded()),
        ("1 - 0 -", Some(1.0))
    );
    assert_eq!(
        exporter.set_enabled("encode", true),
        1,
        "a function's own path is enough"
    );
    feed::encode();
    assert_eq!(encoded(), Some(2.0));
    exporter.set_enabled("arguments::feed::*", true);
    feed::decode(true);
    assert_eq!(
        in_flight(),
        Some(0.0),
        "a call that began while it was on ends, though it is off by then"
    );
    assert_eq!(calls("arguments::feed", "decode"), "2 - 0 -");
    exporter.set_enabled("arguments::feed::*", true);
    assert_eq!(exporter.set_enabled("no_such_thing", true), 0);
}

mod merging {
    use instrument_core::{counted as tally, timed as stopwatch};

    #[tally("merged_renamed", outcome = false)]
    #[cfg_attr(all(), ::instrument_core::timed("merged_cfg", outcome = false))]
    #[inline(never)]
    #[stopwatch]
    #[must_use = "it may be zero"]
    #[cfg_attr(any(), instrument_core::counted("merged_never"))]
    #[instrument_core::counted("merged_errors", on = error)]
    pub(super) fn everywhere(n: u32) -> Result<u32, String> {
        if n == 0 {
            Err("zero".to_owned())
        } else {
            Ok(n)
        }
    }
}

#[test]
fn attributes_merge_under_any_name_and_order() {
    exporter();
    merging::everywhere(1).unwrap();
    merging::everywhere(0).unwrap_err();
    assert_eq!(calls("arguments::merging", "everywhere"), "1 1 0 -");
    assert_eq!(sample("merged_renamed_total", &[]), Some(2.0));
    assert_eq!(sample("merged_cfg_duration_seconds_count", &[]), Some(2.0));
    assert_eq!(sample("merged_errors_total", &[]), Some(1.0));
    assert!(
        exporter()
            .catalogue()
            .family("merged_never_total")
            .is_none()
    );
}
