//! A page read back into samples, for programs and tests that want their own numbers.

use std::collections::BTreeMap;

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

    /// Every series of that name, with its labels by key.
    pub(crate) fn of<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a [(String, String)], f64)> {
        let all = self.0.iter().filter(move |((other, _), _)| other == name);
        all.map(|((_, labels), value)| (labels.as_slice(), *value))
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

    const PAGE: &str = "# HELP b Second.\n# TYPE b counter\nb{k=\"y\"} 2\nb{k=\"x\"} 1\n\
        a_bucket{k=\"2\",le=\"10\"} 1\na_sum{k=\"2\"} -Inf\n";

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let samples = Samples::parse(PAGE);
        assert_eq!(samples.get("b", &[("k", "y")]), Some(2.0));
        assert_eq!(
            samples.get("a_bucket", &[("le", "10"), ("k", "2")]),
            Some(1.0)
        );
        assert_eq!(samples.get("a_sum", &[("k", "2")]), Some(f64::NEG_INFINITY));
        assert_eq!(samples.get("b", &[]), None);
        assert_eq!((samples.sum("b"), samples.series("b")), (3.0, 2));
        let hostile = Samples::parse("x{k=\"a\\\"}\\\\ ,\\n\"} 5\n");
        assert_eq!(hostile.get("x", &[("k", "a\"}\\ ,\n")]), Some(5.0));
    }
}
