//! The text of a scrape: in an order that does not change, and read back into samples.

use std::collections::BTreeMap;

/// Sorts families by name and series by labels; the storage writes them in the order of its hash maps.
/// A histogram's lines stay together, in the order of their buckets.
#[must_use]
pub(crate) fn sorted(page: &str) -> String {
    let mut families: Vec<&str> = page
        .split("\n\n")
        .filter(|text| !text.trim().is_empty())
        .collect();
    families.sort_unstable_by_key(|text| family_name(text));
    let mut out = String::with_capacity(page.len());
    for family in families {
        let is_header = |line: &&str| line.starts_with('#');
        for line in family.lines().filter(is_header) {
            out.push_str(line);
            out.push('\n');
        }
        let mut series = series_of(family);
        series.sort_unstable_by_key(|lines| lines[0]);
        for line in series.iter().flatten() {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn family_name(family: &str) -> &str {
    let type_line = family.lines().find_map(|line| line.strip_prefix("# TYPE "));
    type_line
        .and_then(|line| line.split(' ').next())
        .unwrap_or(family)
}

/// The lines of a family in groups of one series: single lines, or a histogram's up to its count.
fn series_of(family: &str) -> Vec<Vec<&str>> {
    let count = format!("{}_count", family_name(family));
    let distribution = family.lines().any(|line| {
        line.starts_with("# TYPE ") && (line.ends_with(" histogram") || line.ends_with(" summary"))
    });
    let mut series = vec![Vec::new()];
    for line in family.lines().filter(|line| !line.starts_with('#')) {
        series
            .last_mut()
            .expect("one group is always open")
            .push(line);
        let ends = line
            .strip_prefix(&count)
            .is_some_and(|rest| rest.starts_with(['{', ' ']));
        if !distribution || ends {
            series.push(Vec::new());
        }
    }
    series.retain(|lines| !lines.is_empty());
    series
}

/// The samples of one scrape, for programs and tests that want to read their own numbers.
#[derive(Debug, Clone, Default)]
pub struct Samples(BTreeMap<(String, Vec<(String, String)>), f64>);

impl Samples {
    /// Reads a page of the text format.
    #[must_use]
    pub fn parse(page: &str) -> Self {
        Self(
            page.lines()
                .filter(|line| !line.starts_with('#'))
                .filter_map(sample)
                .collect(),
        )
    }

    /// The sample of that name and exactly those labels, in any order.
    #[must_use]
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut labels: Vec<_> = labels
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        labels.sort_unstable();
        self.0.get(&(name.to_owned(), labels)).copied()
    }

    /// The sum of all series of that name; 0, if there are none.
    #[must_use]
    pub fn sum(&self, name: &str) -> f64 {
        self.0
            .iter()
            .filter(|((other, _), _)| other == name)
            .map(|(_, value)| value)
            .sum()
    }

    /// How many series have that name.
    #[must_use]
    pub fn series(&self, name: &str) -> usize {
        self.0.keys().filter(|(other, _)| other == name).count()
    }
}

type Sample = ((String, Vec<(String, String)>), f64);

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = match line.rfind('}') {
        Some(end) => (&line[..end], line[end + 1..].split_whitespace().next()?),
        None => line.split_once(' ')?,
    };
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let mut labels = labels_of(labels)?;
    labels.sort_unstable();
    Some(((name.to_owned(), labels), value.trim().parse().ok()?))
}

/// Reads `a="x",b="y"`, with `\\`, `\"` and `\n` in the values.
fn labels_of(mut text: &str) -> Option<Vec<(String, String)>> {
    let mut labels = Vec::new();
    while !text.is_empty() {
        let (key, rest) = text.trim_start_matches(',').split_once("=\"")?;
        let mut value = String::new();
        let mut chars = rest.char_indices();
        let end = loop {
            match chars.next()? {
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (end, '"') => break end,
                (_, c) => value.push(c),
            }
        };
        labels.push((key.to_owned(), value));
        text = &rest[end + 1..];
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# HELP b Second.\n# TYPE b counter\nb{k=\"y\"} 2\nb{k=\"x\"} 1\n\n\
        # TYPE a histogram\na_bucket{k=\"2\",le=\"0.5\"} 0\na_bucket{k=\"2\",le=\"10\"} 1\n\
        a_bucket{k=\"2\",le=\"+Inf\"} 1\na_sum{k=\"2\"} 7\na_count{k=\"2\"} 1\n\
        a_bucket{k=\"1\",le=\"0.5\"} 0\na_bucket{k=\"1\",le=\"10\"} 0\na_bucket{k=\"1\",le=\"+Inf\"} 0\n\
        a_sum{k=\"1\"} 0\na_count{k=\"1\"} 0\n\n";

    #[test]
    fn families_and_series_are_sorted_and_buckets_stay_in_order() {
        let page = sorted(PAGE);
        let lines: Vec<_> = page
            .lines()
            .map(|line| line.split(' ').next().unwrap_or(""))
            .collect();
        assert_eq!(
            lines,
            [
                "#",
                "a_bucket{k=\"1\",le=\"0.5\"}",
                "a_bucket{k=\"1\",le=\"10\"}",
                "a_bucket{k=\"1\",le=\"+Inf\"}",
                "a_sum{k=\"1\"}",
                "a_count{k=\"1\"}",
                "a_bucket{k=\"2\",le=\"0.5\"}",
                "a_bucket{k=\"2\",le=\"10\"}",
                "a_bucket{k=\"2\",le=\"+Inf\"}",
                "a_sum{k=\"2\"}",
                "a_count{k=\"2\"}",
                "#",
                "#",
                "b{k=\"x\"}",
                "b{k=\"y\"}",
            ]
        );
    }

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let samples = Samples::parse(PAGE);
        assert_eq!(samples.get("b", &[("k", "y")]), Some(2.0));
        assert_eq!(
            samples.get("a_bucket", &[("le", "10"), ("k", "2")]),
            Some(1.0)
        );
        assert_eq!(samples.get("b", &[]), None);
        assert_eq!((samples.sum("b"), samples.series("b")), (3.0, 2));
        let hostile = Samples::parse("x{k=\"a\\\"}\\\\ ,\\n\"} 5\n");
        assert_eq!(hostile.get("x", &[("k", "a\"}\\ ,\n")]), Some(5.0));
    }
}
