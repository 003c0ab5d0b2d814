//! What is known only when all queries were seen: alerts without an `absent` twin, metrics that nobody uses.

use super::{Linter, Run};
use crate::lint::code::Code;
use crate::lint::infer::{Mark, selector};

impl Linter {
    /// Alerts that are silent when a series is missing, unless something asks for its absence.
    pub(super) fn check_absence(&mut self, run: &Run) {
        for (query, awaited) in &run.awaited {
            let metric = &awaited.metric;
            if run.absent.contains(metric) || self.names.recorded.contains_key(metric) {
                continue;
            }
            let Some(series) = self.names.series(metric) else {
                continue;
            };
            let mut dynamic = series.family.dynamic.iter();
            let label = match &awaited.chosen_by {
                None => dynamic.next(),
                Some(keys) => dynamic.find(|label| keys.contains(label)),
            };
            if label.is_none() && awaited.chosen_by.is_some() {
                continue;
            }
            let (code, text) = if let Some(label) = label {
                let text = format!(
                    "`{metric}` has a series only for each `{label}` that is configured; without one this alert is silent: add an alert on `absent({metric})`"
                );
                (Code::Absent, text)
            } else if selector::of_someone_else(series.family.origin)
                && awaited.is_zero_check
                && !run.watches_up
            {
                let text = format!(
                    "when its exporter is gone, so is `{metric}`, and this alert is silent: add an alert on `up == 0` or `absent({metric})`"
                );
                (Code::ExporterGone, text)
            } else {
                continue;
            };
            self.place(
                query,
                &Mark {
                    code,
                    needles: vec![metric.clone()],
                    text,
                },
            );
        }
    }

    pub(super) fn unused(&mut self, run: &Run) {
        for (name, source, at) in &self.declared {
            if !run.used.contains(name) {
                let text = format!("no rule and no panel uses `{name}`");
                self.found.push((*source, *at, Code::Unused, text));
            }
        }
    }
}
