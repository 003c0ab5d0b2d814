//! Where samples are kept: for now metrics-exporter-prometheus, behind the facade. Cold but for its handles.

use std::thread;
use std::time::Duration;

use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::catalogue::{Catalogue, Family};
use crate::metric::{Kind, Metric, Slots};
use crate::outcome::Outcome;

/// That crate keeps raw samples until somebody folds them into buckets; its own listener does so at this pace.
const UPKEEP: Duration = Duration::from_secs(5);

/// Builds the recorder of all families of the catalogue, with their buckets.
///
/// # Errors
/// Buckets that the exporter refuses.
pub(crate) fn build(
    catalogue: &Catalogue,
    global_labels: &[(String, String)],
) -> Result<(impl Recorder + Sync + 'static, PrometheusHandle), BuildError> {
    let mut builder = PrometheusBuilder::new().set_buckets(&crate::catalogue::FUNCTION_BUCKETS)?;
    for (key, value) in global_labels {
        builder = builder.add_global_label(key, value);
    }
    for family in catalogue
        .families()
        .filter(|family| family.kind == Kind::Histogram)
    {
        let name = Matcher::Full(family.name.to_owned());
        builder = builder.set_buckets_for_metric(name, family.buckets)?;
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    Ok((recorder, handle))
}

/// Keeps the memory of `handle` bounded for the rest of the process, as the recorder lives as long.
pub(crate) fn start_upkeep(handle: PrometheusHandle) -> std::io::Result<()> {
    thread::Builder::new()
        .name("metrics-upkeep".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(UPKEEP);
                handle.run_upkeep();
            }
        })?;
    Ok(())
}

/// Registers every series of the catalogue, so that each is on the first scrape with value 0, and binds the sites.
pub(crate) fn bind(catalogue: &Catalogue, recorder: &dyn Recorder) {
    for family in catalogue.families() {
        describe(family, recorder);
        for metric in &family.metrics {
            metric.bind(slots(metric, recorder));
        }
    }
}

fn describe(family: &Family, recorder: &dyn Recorder) {
    let (name, help) = (family.name.into(), family.help.clone().into());
    match family.kind {
        Kind::Counter => recorder.describe_counter(name, None, help),
        Kind::Gauge => recorder.describe_gauge(name, None, help),
        Kind::Histogram => recorder.describe_histogram(name, None, help),
    }
}

/// The handles of every series of `metric`.
pub(crate) fn slots(metric: &Metric, recorder: &dyn Recorder) -> Slots {
    let desc = metric.desc();
    let metadata = Metadata::new(module_path!(), Level::INFO, None);
    match desc.kind {
        Kind::Counter => Slots::Counters(handles(metric, metrics::Counter::noop, |key| {
            recorder.register_counter(key, &metadata)
        })),
        Kind::Gauge => Slots::Gauges(handles(metric, metrics::Gauge::noop, |key| {
            recorder.register_gauge(key, &metadata)
        })),
        Kind::Histogram => Slots::Histograms(handles(metric, metrics::Histogram::noop, |key| {
            recorder.register_histogram(key, &metadata)
        })),
    }
}

/// One handle for each slot of `metric`; `noop` where the function cannot have that outcome.
fn handles<H>(metric: &Metric, noop: impl Fn() -> H, register: impl Fn(&Key) -> H) -> Box<[H]> {
    let desc = metric.desc();
    let mut handles = Vec::new();
    for labels in combinations(metric) {
        if desc.outcomes.is_empty() {
            handles.push(register(&Key::from_parts(desc.name, labels)));
            continue;
        }
        for (outcome, name) in Outcome::ALL {
            handles.push(if desc.outcomes.has(outcome) {
                let mut labels = labels.clone();
                labels.push(Label::from_static_parts("outcome", name));
                register(&Key::from_parts(desc.name, labels))
            } else {
                noop()
            });
        }
    }
    handles.into()
}

/// Every combination of the values of a metric's labels, the last label changing fastest.
fn combinations(metric: &Metric) -> Vec<Vec<Label>> {
    let mut all = vec![Vec::new()];
    for label in metric.desc().labels {
        let values = label.values();
        all = all
            .into_iter()
            .flat_map(|before| {
                values.iter().map(move |value| {
                    let mut labels = before.clone();
                    labels.push(Label::new(label.key, value.clone()));
                    labels
                })
            })
            .collect();
    }
    all
}
