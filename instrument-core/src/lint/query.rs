//! A query as it stands in a file, and Grafana's variables in it.

use std::collections::HashMap;

/// What stands for a variable's value where any text may stand.
const MARKER: &str = "grafana_variable_";

/// A `PromQL` text and its place.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// The file, by its number.
    pub(crate) source: usize,
    /// The first byte of the text in the file.
    pub(crate) at: usize,
    /// The text, variables replaced.
    pub(crate) text: String,
    /// Whose it is, for messages: a rule, panel, variable or annotation, by its name.
    pub(crate) owner: String,
    /// What was replaced: marker, and the spelling in the file.
    pub(crate) replaced: Vec<(String, String)>,
}

impl Query {
    /// A query without variables.
    pub(crate) fn plain(source: usize, at: usize, text: &str) -> Self {
        Self {
            source,
            at,
            text: text.to_owned(),
            owner: String::new(),
            replaced: Vec::new(),
        }
    }

    /// The same, of someone.
    pub(crate) fn of(self, owner: &str) -> Self {
        let owner = owner.to_owned();
        Self { owner, ..self }
    }

    /// A message, with the name of the owner behind it.
    pub(crate) fn signed(&self, text: &str) -> String {
        if self.owner.is_empty() {
            text.to_owned()
        } else {
            format!("{text} ({})", self.owner)
        }
    }

    /// A spelling as it stands in the file: markers are variables again.
    pub(crate) fn as_written(&self, text: &str) -> String {
        self.replaced
            .iter()
            .fold(text.to_owned(), |text, (marker, original)| {
                text.replace(marker, original)
            })
    }
}

/// Whether a name or value holds a variable, so that it may be anything.
pub(crate) fn is_variable(text: &str) -> bool {
    text.contains(MARKER)
}

/// The variables of a dashboard, with their current values.
#[derive(Clone, Debug)]
pub(crate) struct Variables {
    values: HashMap<String, String>,
    /// Seconds between two scrapes.
    scrape: f64,
}

impl Variables {
    pub(crate) fn new(values: HashMap<String, String>, scrape: f64) -> Self {
        Self { values, scrape }
    }

    /// A query with its variables replaced.
    pub(crate) fn query(&self, source: usize, at: usize, text: &str) -> Query {
        let mut query = Query::plain(source, at, "");
        let mut quote: Option<char> = None;
        let mut brackets = 0_usize;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some((name, spelling)) = variable(rest) {
                let after = &rest[spelling.len()..];
                let place = Place {
                    quoted: quote.is_some(),
                    in_range: brackets > 0,
                    before: &query.text,
                    after,
                };
                let value = self.value(name, &place);
                if is_variable(&value) && !query.replaced.iter().any(|(marker, _)| *marker == value)
                {
                    query.replaced.push((value.clone(), spelling.to_owned()));
                }
                query.text.push_str(&value);
                rest = after;
                continue;
            }
            match (quote, c) {
                (Some(_), '\\') => {
                    query.text.push(c);
                    rest = &rest[1..];
                    let Some(escaped) = rest.chars().next() else {
                        break;
                    };
                    query.text.push(escaped);
                    rest = &rest[escaped.len_utf8()..];
                    continue;
                }
                (Some(open), c) if c == open => quote = None,
                (None, '"' | '\'' | '`') => quote = Some(c),
                (None, '[') => brackets += 1,
                (None, ']') => brackets = brackets.saturating_sub(1),
                _ => {}
            }
            query.text.push(c);
            rest = &rest[c.len_utf8()..];
        }
        query
    }

    fn value(&self, name: &str, place: &Place<'_>) -> String {
        let marker = format!("{MARKER}{name}");
        let millis = |seconds: f64| format!("{}ms", (seconds * 1e3).round());
        if place.quoted {
            return marker;
        }
        match name {
            "__rate_interval" => return millis(self.scrape * 4.0),
            "__interval" => return millis(self.scrape),
            "__range" => return "1h".to_owned(),
            "__interval_ms" => return format!("{}", self.scrape * 1e3),
            "__range_s" => return "3600".to_owned(),
            "__range_ms" | "__from" | "__to" => return "3600000".to_owned(),
            _ => {}
        }
        let current = self
            .values
            .get(name)
            .map(String::as_str)
            .unwrap_or_default();
        if place.in_range || place.before.trim_end().ends_with("offset") {
            return if is_duration(current) {
                current.to_owned()
            } else {
                "5m".to_owned()
            };
        }
        if place.inside_a_name() {
            return marker;
        }
        match current.parse::<f64>() {
            Ok(_) => current.to_owned(),
            Err(_) if place.wants_a_number() => "1".to_owned(),
            Err(_) => marker,
        }
    }
}

/// Where a variable stands.
struct Place<'a> {
    quoted: bool,
    in_range: bool,
    before: &'a str,
    after: &'a str,
}

impl Place<'_> {
    fn inside_a_name(&self) -> bool {
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        self.before.ends_with(part)
            || self
                .after
                .starts_with(|c: char| part(c) || c == '{' || c == '[')
    }

    /// After an operator, or as the first argument of a function that takes a number there.
    fn wants_a_number(&self) -> bool {
        let before = self.before.trim_end();
        before.ends_with(['>', '<', '=', '*', '/', '+', '-', '^', '%'])
            || [
                "topk(",
                "bottomk(",
                "quantile(",
                "limitk(",
                "quantile_over_time(",
            ]
            .iter()
            .any(|function| before.ends_with(function))
                && self.after.trim_start().starts_with(',')
    }
}

fn is_duration(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(['s', 'm', 'h', 'd', 'w', 'y'])
}

/// The variable that a text begins with: its name and its spelling.
fn variable(text: &str) -> Option<(&str, &str)> {
    let (inner, open, close) = if let Some(inner) = text.strip_prefix("${") {
        (inner, 2, "}")
    } else if let Some(inner) = text.strip_prefix("[[") {
        (inner, 2, "]]")
    } else {
        (text.strip_prefix('$')?, 1, "")
    };
    let length = inner
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(inner.len());
    let name = &inner[..length];
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return None;
    }
    if close.is_empty() {
        return Some((name, &text[..open + length]));
    }
    let end = inner.find(close)?;
    let format = &inner[length..end];
    (format.is_empty() || format.starts_with([':', '.']))
        .then(|| (name, &text[..open + end + close.len()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> String {
        let values = HashMap::from([
            ("window".to_owned(), "10m".to_owned()),
            ("limit".to_owned(), "0.5".to_owned()),
        ]);
        Variables::new(values, 15.0).query(0, 0, text).text
    }

    #[test]
    fn intervals_become_durations() {
        assert_eq!(replaced("rate(x[$__rate_interval])"), "rate(x[60000ms])");
        assert_eq!(
            replaced("rate(x[${window}] offset $window)"),
            "rate(x[10m] offset 10m)"
        );
    }

    #[test]
    fn values_and_names_become_markers_that_can_be_told() {
        let query = Variables::new(HashMap::new(), 15.0).query(
            0,
            0,
            r#"x{job=~"${job:regex}", a=~"b$"} / [[metric]]"#,
        );
        assert_eq!(query.text, r#"x{job=~"grafana_variable_job", a=~"b$"} / 1"#);
        assert!(is_variable(&query.text));
        assert_eq!(query.as_written("grafana_variable_job"), "${job:regex}");
    }

    #[test]
    fn a_number_stands_where_only_a_number_can() {
        assert_eq!(replaced("topk($n, x) > $limit"), "topk(1, x) > 0.5");
    }

    #[test]
    fn references_of_a_replacement_are_no_variables() {
        let text = r#"label_replace(x, "a", "$1-${2}", "b", "(.*)")"#;
        assert_eq!(replaced(text), text);
    }
}
