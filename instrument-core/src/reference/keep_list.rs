//! What Prometheus is to keep of a program's page. Unlike a list of what to drop, it stays true when a crate adds metrics.

use super::Told;
use crate::exposition::text::openmetrics_family;

pub(super) fn print(program: &str, families: &[Told], created: bool) -> String {
    let alternatives: Vec<_> = families
        .iter()
        .map(|family| lines(family, families, created).join("|"))
        .collect();
    format!(
        "# Keeps the series of {program}, and drops all others: in a scrape of its `scrape_configs`.\n\
         # Made by `{program} metrics --format keep-list`.\n\
         metric_relabel_configs:\n  \
         - source_labels: [__name__]\n    \
           action: keep\n    \
           regex: \"\\\n      {}\"\n",
        alternatives.join("|\\\n      ")
    )
}

/// What a line of the family may start with, in any of the page's formats.
fn lines(family: &Told, all: &[Told], created: bool) -> Vec<String> {
    let name = family.name;
    let suffixes: &[&str] = match family.kind {
        "histogram" => &["_bucket", "_sum", "_count"],
        "summary" => &["", "_sum", "_count"],
        _ => &[""],
    };
    let mut lines: Vec<_> = suffixes
        .iter()
        .map(|suffix| format!("{name}{suffix}"))
        .collect();
    let is_taken = |name: &str| all.iter().any(|family| family.name == name);
    let (short, kind) = openmetrics_family(name, family.kind, is_taken);
    if created && !family.is_computed && matches!(kind, "counter" | "histogram" | "summary") {
        lines.push(format!("{short}_created"));
    }
    lines
}
