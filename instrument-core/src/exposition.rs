//! The text of a scrape, in an order that does not change. Warm: `page`.
//!
//! Everything of a line but its number is made when its series is registered, so a render copies and writes numbers,
//! into one buffer. What is written here works on a copy of the list of series, so no series waits to be registered,
//! and reads cells that recording threads write to without waiting for them or making them wait.

use std::sync::Arc;

use crate::metric::Kind;
use crate::storage::{Family, Page, Reader, Series, Shape, Start, Summary, Value, read_histogram};

mod samples;
mod sink;
pub(crate) mod text;

pub use samples::Samples;
pub(crate) use sink::Sink;
use text::{Head, push_f64, push_head, push_u64};

/// A format of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The Prometheus text format 0.0.4.
    Text,
    /// `OpenMetrics` 1.0.0.
    OpenMetrics,
}

/// A family whose samples are not kept, but written from what is known at the scrape.
pub(crate) trait Computed {
    fn name(&self) -> &'static str;
    fn kind(&self) -> Kind;
    fn help(&self) -> &str;
    fn write(&self, sink: &mut Sink<'_>);
    /// Whether its head is written although no sample is.
    fn needs_head(&self) -> bool {
        false
    }
}

/// Writes all families of `page` and those that are computed (sorted by name), which yield to a registered one.
pub(crate) fn page<C: Computed>(
    out: &mut String,
    page: &Page,
    computed: impl IntoIterator<Item = C>,
    format: Format,
) {
    let mut writer = Writer {
        out,
        page,
        format,
        reader: Reader::default(),
        buckets: Vec::new(),
        created: String::new(),
        summaries: None,
    };
    let mut computed = computed
        .into_iter()
        .filter(|family| page.family(family.name()).is_none())
        .peekable();
    for family in page.families() {
        while let Some(before) = computed.next_if(|one| one.name() < family.name()) {
            writer.computed(&before);
        }
        writer.family(family);
    }
    computed.for_each(|family| writer.computed(&family));
    if format == Format::OpenMetrics {
        writer.out.push_str("# EOF\n");
    }
}

struct Writer<'a> {
    out: &'a mut String,
    page: &'a Page,
    format: Format,
    reader: Reader,
    /// Room for a histogram's counts.
    buckets: Vec<u64>,
    /// Room for the name of a family's `_created` lines.
    created: String,
    /// What all summaries hold, once the first is met.
    summaries: Option<Samples>,
}

impl Writer<'_> {
    /// A family of which nothing is known now has no head either.
    fn computed(&mut self, family: &impl Computed) {
        let start = self.out.len();
        let (name, page) = (family.name(), self.page);
        let head = Head {
            name,
            kind: family.kind().name(),
            help: Some(family.help()),
            unit: None,
        };
        push_head(self.out, head, self.format, |name| {
            page.family(name).is_some()
        });
        let after_head = self.out.len();
        family.write(&mut Sink {
            out: self.out,
            family: name,
            global_labels: page.global_labels(),
        });
        if self.out.len() == after_head && !family.needs_head() {
            self.out.truncate(start);
        }
    }

    fn family(&mut self, family: &Family) {
        if family.is_empty() {
            return;
        }
        let page = self.page;
        let has_created = push_head(self.out, family.head(), self.format, |name| {
            page.family(name).is_some()
        });
        let mut created = std::mem::take(&mut self.created);
        created.clear();
        if let Some(name) = has_created.filter(|_| page.has_created()) {
            created.extend([name, "_created"]);
        }
        let tells_created = !created.is_empty() && page.family(&created).is_none();
        if let Shape::Histogram(bounds) = family.shape() {
            self.buckets.resize(bounds.values().len() + 1, 0);
        }
        for chunk in family.chunks() {
            for ((lines, start), series) in chunk.digest().iter().zip(chunk.items()) {
                self.series(family, lines, start, series);
                if tells_created {
                    self.created(&created, family, lines, start);
                }
            }
        }
        self.created = created;
    }

    /// `series` is looked at only where `start` does not say enough. It comes as its `Arc`, as a plain reference is
    /// read ahead of the match, and missing the cache there was six sevenths of a render.
    fn series(&mut self, family: &Family, lines: [&str; 3], start: Start, series: &Arc<Series>) {
        match family.shape() {
            Shape::Counter => {
                self.out.push_str(lines[0]);
                push_u64(self.out, self.reader.sum(start.place));
                self.out.push('\n');
            }
            Shape::Gauge => {
                if let Value::Gauge(gauge) = series.value() {
                    self.out.push_str(lines[0]);
                    push_f64(self.out, gauge.value());
                    self.out.push('\n');
                }
            }
            Shape::Histogram(_) => {
                let sum = read_histogram(&mut self.reader, start.place, &mut self.buckets);
                let count = self.buckets(family, lines[0]);
                self.sum_and_count(lines, sum, count);
            }
            Shape::Summary => {
                if let Value::Summary(summary) = series.value() {
                    self.summary(lines, summary);
                }
            }
        }
    }

    fn summary(&mut self, lines: [&str; 3], summary: &Summary) {
        let all = self.summaries.get_or_insert_with(|| summary.all());
        let read = summary.read(all);
        for (quantile, value) in &read.quantiles {
            let quantile = text::bound(*quantile, self.format);
            self.out
                .extend([lines[0], "quantile=\"", &quantile, "\"} "]);
            push_f64(self.out, *value);
            self.out.push('\n');
        }
        self.sum_and_count(lines, read.sum, read.count);
    }

    /// The labels stand after the name in the line, or after the name and `_sum`.
    fn created(&mut self, created: &str, family: &Family, lines: [&str; 3], start: Start) {
        let name = family.name().len();
        let labels = match family.shape() {
            Shape::Counter | Shape::Gauge => &lines[0][name..],
            Shape::Histogram(_) | Shape::Summary => &lines[1][name + "_sum".len()..],
        };
        self.out.extend([created, labels]);
        push_f64(self.out, start.created);
        self.out.push('\n');
    }

    /// Writes the buckets, each with all below it, and returns their sum.
    fn buckets(&mut self, family: &Family, line: &str) -> u64 {
        let mut count = 0u64;
        for (bound, bucket) in family.ladder(self.format).iter().zip(&self.buckets) {
            count = count.wrapping_add(*bucket);
            self.out.push_str(line);
            self.out.push_str(bound);
            push_u64(self.out, count);
            self.out.push('\n');
        }
        count
    }

    fn sum_and_count(&mut self, [_, sum_line, count_line]: [&str; 3], sum: f64, count: u64) {
        self.out.push_str(sum_line);
        push_f64(self.out, sum);
        self.out.push('\n');
        self.out.push_str(count_line);
        push_u64(self.out, count);
        self.out.push('\n');
    }
}

#[cfg(test)]
pub(crate) mod tests;
