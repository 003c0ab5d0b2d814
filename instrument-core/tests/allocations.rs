//! What a render allocates: as much for a hundred thousand series as for ten.

#![allow(
    clippy::disallowed_macros,
    reason = "as a library would that knows only the facade"
)]

use instrument_core::{Exporter, install};

const SERIES: usize = 100_000;

/// The page's buffer, a buffer for `/proc`, lists of rows and of buckets; none for a family, a series or a line.
const MOST: u64 = 16;

#[test]
fn a_render_of_a_hundred_thousand_series_allocates_as_one_of_ten() {
    let exporter = install().expect("there are no conflicts");
    for i in 0..SERIES {
        let labels = [
            ("function", format!("f{i:06}")),
            ("module", (i % 32).to_string()),
        ];
        metrics::counter!("many_total", &labels).increment(i as u64);
    }
    for i in 0..100 {
        metrics::histogram!("wait_seconds", "i" => i.to_string()).record(f64::from(i));
        metrics::counter!(format!("family_{i}_total")).increment(1);
    }
    // The first render of a series makes its lines.
    let first = exporter.render();
    let lines = first.lines().filter(|line| line.starts_with("many_total{"));
    assert_eq!(lines.count(), SERIES);
    for render in [Exporter::render, Exporter::render_openmetrics] {
        // The size of the last page in this format is the room for the next.
        assert!(render(&exporter).len() > SERIES);
        let allocated = allocation_counter::measure(|| {
            assert!(render(&exporter).len() > SERIES);
        });
        assert!(allocated.count_total <= MOST, "{allocated:?}");
    }
}
