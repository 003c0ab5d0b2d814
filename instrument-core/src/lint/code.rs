//! The codes of findings. A code never changes its meaning; a new check gets a new code.

use std::fmt;

/// What kind of mistake a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// L001: no catalogue, page or recording rule has this metric.
    UnknownMetric,
    /// L002: the metric or result does not have this label.
    UnknownLabel,
    /// L003: the label can never have this value.
    ImpossibleValue,
    /// L004: `rate`, `increase` or `irate` of something that is no counter.
    RateOfGauge,
    /// L005: a counter as it stands, or its `delta`, where its rate is meant.
    RawCounter,
    /// L006: a quantile of buckets that are not summed by `le`.
    Quantile,
    /// L007: one unit taken for another: seconds, milliseconds, ratio, percent.
    Unit,
    /// L008: an operator whose sides never match.
    NeverMatches,
    /// L009: a part divided by its whole without adding up either.
    Ratio,
    /// L010: a range that holds fewer than four scrapes.
    ShortRange,
    /// L011: a `le` that is no edge of the histogram.
    NoEdge,
    /// L012: a template that uses a label which the expression drops.
    LostLabel,
    /// L013: an alert that stays silent when its series is missing.
    Absent,
    /// L014: a comparison that is never true.
    NeverTrue,
    /// L015: a dashboard inside of another object; Grafana provisions only the bare model.
    Wrapped,
    /// L016: a placeholder like `${HOST}`, which nothing replaces.
    Placeholder,
    /// L017: several series on a side that may have one.
    ManyMatches,
    /// I001: a metric of a catalogue that no rule and no panel uses.
    Unused,
    /// I002: an alert on someone else's metric that stays silent when the exporter is gone.
    ExporterGone,
    /// I003: a quantile compared with a number between two edges.
    BetweenEdges,
}

impl Code {
    /// The code as it is printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownMetric => "L001",
            Self::UnknownLabel => "L002",
            Self::ImpossibleValue => "L003",
            Self::RateOfGauge => "L004",
            Self::RawCounter => "L005",
            Self::Quantile => "L006",
            Self::Unit => "L007",
            Self::NeverMatches => "L008",
            Self::Ratio => "L009",
            Self::ShortRange => "L010",
            Self::NoEdge => "L011",
            Self::LostLabel => "L012",
            Self::Absent => "L013",
            Self::NeverTrue => "L014",
            Self::Wrapped => "L015",
            Self::Placeholder => "L016",
            Self::ManyMatches => "L017",
            Self::Unused => "I001",
            Self::ExporterGone => "I002",
            Self::BetweenEdges => "I003",
        }
    }

    /// Whether it only informs: the exit code stays 0.
    #[must_use]
    pub fn is_information(self) -> bool {
        matches!(self, Self::Unused | Self::ExporterGone | Self::BetweenEdges)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
