//! Gauges computed at each scrape. Cold.

use std::panic::catch_unwind;

use crate::catalogue::Catalogue;

/// Computes them all. One that panics becomes NaN and is counted; the page is whole.
pub(crate) fn compute(catalogue: &Catalogue) {
    let metrics = catalogue.families().flat_map(|family| &family.metrics);
    for metric in metrics {
        let Some(compute) = metric.desc().compute else {
            continue;
        };
        let name = metric.desc().name;
        let value = catch_unwind(compute).unwrap_or_else(|_| {
            tracing::error!(metric = name, "a computed gauge panicked");
            if let Some(panics) = catalogue.own().compute_panics_of(name) {
                panics.count(0, 1);
            }
            f64::NAN
        });
        metric.gauge(0, |gauge| gauge.set(value));
    }
}
