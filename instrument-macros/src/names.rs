//! Names of metrics and labels: what is accepted, and what a name is completed to.

use proc_macro2::Span;
use syn::{Error, LitStr};

use crate::args::Kind;

/// Suffixes that the formats keep for the lines of a histogram and for metadata.
const RESERVED_SUFFIXES: [&str; 5] = ["_bucket", "_sum", "_count", "_created", "_info"];

/// Units that a histogram of seconds cannot have, and the word that is added anyway.
const UNITS_OF_TIME: [&str; 14] = [
    "_duration",
    "_hours",
    "_latency_ms",
    "_micros",
    "_microseconds",
    "_millis",
    "_milliseconds",
    "_minutes",
    "_ms",
    "_nanos",
    "_nanoseconds",
    "_ns",
    "_secs",
    "_us",
];

/// Label keys that have a meaning already.
const RESERVED_LABELS: [&str; 3] = ["le", "quantile", "outcome"];

/// The full name of an attribute's metric: a suffix is added unless the right one is there.
pub(crate) fn complete(kind: Kind, name: &LitStr) -> Result<String, Error> {
    let text = name.value();
    check_metric(&text, name.span())?;
    check_unit(kind, &text, name.span())?;
    Ok(match kind {
        Kind::Timed if text.ends_with("_total") => {
            return Err(Error::new(
                name.span(),
                "K003: `#[timed]` makes a histogram of seconds; `_total` is for counters: leave it out",
            ));
        }
        Kind::Timed if text.ends_with("_seconds") => text,
        Kind::Timed => format!("{text}_duration_seconds"),
        Kind::Counted if text.ends_with("_total") => text,
        Kind::Counted => format!("{text}_total"),
    })
}

/// Refuses a name that the suffix would give a second unit or type.
fn check_unit(kind: Kind, name: &str, span: Span) -> Result<(), Error> {
    let (suffixes, added): (&[&str], _) = match kind {
        Kind::Timed => (&UNITS_OF_TIME, "_duration_seconds"),
        Kind::Counted => (&["_total_total", "_counter"], "_total"),
    };
    let Some(suffix) = suffixes.iter().find(|suffix| name.ends_with(**suffix)) else {
        return Ok(());
    };
    let full = if name.ends_with("_total") {
        name.to_owned()
    } else {
        format!("{name}{added}")
    };
    let rest = name.strip_suffix(suffix).unwrap_or(name);
    let text = format!(
        "K003: the page would say `{full}`: seconds and totals are told by the suffix that is added; write `{rest}`"
    );
    Err(Error::new(span, text))
}

/// A metric's name without its unit and type, for the metrics beside it.
pub(crate) fn base(name: &str) -> &str {
    let without = |suffix| name.strip_suffix(suffix);
    without("_duration_seconds")
        .or_else(|| without("_seconds"))
        .or_else(|| without("_total"))
        .unwrap_or(name)
}

pub(crate) fn check_metric(name: &str, span: Span) -> Result<(), Error> {
    let bad = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':');
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || name.contains(bad) {
        let text = format!(
            "K003: `{name}` is not a metric name: letters, digits, `_` and `:` are accepted, and no digit at the start"
        );
        return Err(Error::new(span, text));
    }
    if let Some(suffix) = RESERVED_SUFFIXES
        .iter()
        .find(|suffix| name.ends_with(*suffix))
    {
        let text = format!(
            "K003: `{name}` ends in `{suffix}`, which the exposition format keeps for itself; rename it"
        );
        return Err(Error::new(span, text));
    }
    Ok(())
}

pub(crate) fn check_label(key: &str, span: Span) -> Result<(), Error> {
    if RESERVED_LABELS.contains(&key) {
        return Err(Error::new(
            span,
            format!("K004: the label `{key}` has a meaning already; choose another key"),
        ));
    }
    if key.starts_with("__") {
        return Err(Error::new(
            span,
            format!(
                "K004: `{key}` starts with `__`, which Prometheus keeps for itself; choose another key"
            ),
        ));
    }
    Ok(())
}

/// The accepted word nearest to `word`, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(word: &str, accepted: &[&'a str]) -> Option<&'a str> {
    let candidates = accepted.iter().map(|&other| (distance(word, other), other));
    candidates
        .min()
        .filter(|&(distance, _)| distance <= 2.max(word.len() / 3))
        .map(|(_, other)| other)
}

/// Levenshtein's distance: the fewest letters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(kind: Kind, name: &str) -> Result<String, String> {
        complete(kind, &LitStr::new(name, Span::call_site())).map_err(|error| error.to_string())
    }

    #[test]
    fn a_suffix_is_added_unless_it_is_there() {
        assert_eq!(
            named(Kind::Timed, "order_submit").unwrap(),
            "order_submit_duration_seconds"
        );
        assert_eq!(
            named(Kind::Timed, "zmq_send_latency_seconds").unwrap(),
            "zmq_send_latency_seconds"
        );
        assert_eq!(named(Kind::Counted, "orders").unwrap(), "orders_total");
        assert_eq!(
            named(Kind::Counted, "orders_total").unwrap(),
            "orders_total"
        );
    }

    #[test]
    fn bad_names_are_refused_with_what_is_accepted() {
        for name in ["", "9lives", "a-b", "a b", "x_bucket", "x_count"] {
            assert!(
                named(Kind::Counted, name).unwrap_err().starts_with("K003"),
                "{name}"
            );
        }
        assert!(
            named(Kind::Timed, "x_total")
                .unwrap_err()
                .contains("leave it out")
        );
        assert!(check_label("le", Span::call_site()).is_err());
        assert!(check_label("__x", Span::call_site()).is_err());
    }

    #[test]
    fn the_nearest_word_is_suggested_only_if_it_is_near() {
        assert_eq!(nearest("lables", &["labels", "help"]), Some("labels"));
        assert_eq!(nearest("xyzzy", &["labels", "help"]), None);
    }
}
