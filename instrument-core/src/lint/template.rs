//! Alert templates: labels that the expression drops, and values written in the wrong unit.

use super::code::Code;
use super::infer::{Mark, quoted};
use super::names::nearest;
use super::shape::Shape;
use super::unit::Unit;

/// The mistakes in one label or annotation of an alert whose expression has this shape.
pub(crate) fn check(text: &str, shape: &Shape) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else {
            break;
        };
        let action = &rest[start + 2..start + length];
        let after = &rest[start + length + 2..];
        marks.extend(labels(action, text, shape));
        if action.contains("$value") || action.contains(".Value") {
            marks.extend(value(action, after, shape));
        }
        rest = after;
    }
    marks
}

/// The labels of the alert that its text names.
pub(crate) fn told(text: &str) -> Vec<String> {
    let names = text.split("abels.").skip(1).map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        rest[..end.unwrap_or(rest.len())].to_owned()
    });
    names.collect()
}

/// The queries that a text asks, `query "…"`, as far as they are written out.
pub(crate) fn queries(text: &str) -> Vec<&str> {
    let asked = text.split("query ").skip(1).filter_map(|rest| {
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '`'))?;
        rest[1..].split(quote).next()
    });
    asked.filter(|query| !query.contains(['%', '\\'])).collect()
}

/// The labels of a series that a legend names, `{{label}}`.
pub(crate) fn legend(text: &str) -> Vec<&str> {
    let braces = text.split("{{").skip(1);
    let names = braces.filter_map(|rest| Some(rest.split_once("}}")?.0.trim()));
    names
        .filter(|name| !name.is_empty() && !name.starts_with("__"))
        .filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        .collect()
}

/// The first `${NAME}` that a shell would have replaced.
pub(crate) fn placeholder(text: &str) -> Option<&str> {
    text.match_indices("${").find_map(|(start, _)| {
        let inner = &text[start + 2..];
        let end = inner.find('}')?;
        let name = &inner[..end];
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c));
        is_name.then(|| &text[start..=start + 2 + end])
    })
}

fn labels(action: &str, whole: &str, shape: &Shape) -> Vec<Mark> {
    let mut marks = Vec::new();
    // Inside of `range query …`, `.Labels` are those of another query's results.
    let own: &[&str] = if whole.contains("query ") {
        &["$labels."]
    } else {
        &["$labels.", ".Labels."]
    };
    let dotted = own.iter().flat_map(|prefix| {
        action.match_indices(prefix).map(|(at, prefix)| {
            let name = &action[at + prefix.len()..];
            let end = name
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(name.len());
            (format!("{prefix}{}", &name[..end]), name[..end].to_owned())
        })
    });
    let indexed = action
        .match_indices("index $labels ")
        .filter_map(|(at, prefix)| {
            let name = action[at + prefix.len()..].trim_start().strip_prefix('"')?;
            let name = &name[..name.find('"')?];
            Some((format!("{prefix}\"{name}\""), name.to_owned()))
        });
    for (needle, name) in dotted.chain(indexed) {
        if name.is_empty() || shape.labels.can_have(&name) {
            continue;
        }
        let keys = shape.labels.keys();
        let hint = nearest(&name, keys.iter().copied())
            .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        let has = quoted(shape.labels.must.iter().map(String::as_str));
        marks.push(Mark {
            code: Code::LostLabel,
            needles: vec![needle],
            text: format!("the result has no label `{name}`, so this is empty{hint}; it has {has}; keep it with `by ({name})`"),
        });
    }
    marks
}

fn value(action: &str, after: &str, shape: &Shape) -> Vec<Mark> {
    let unit = if shape.per_second {
        Unit::Unknown
    } else {
        shape.unit
    };
    let mut marks = Vec::new();
    let mut add = |text: String| {
        marks.push(Mark {
            code: Code::Unit,
            needles: vec![format!("{{{{{action}}}}}")],
            text,
        });
    };
    for (function, takes) in [
        ("humanizeDuration", Unit::Seconds),
        ("humanizePercentage", Unit::Ratio),
        ("humanizeTimestamp", Unit::Timestamp),
    ] {
        if action.contains(function) && unit != Unit::Unknown && unit != takes {
            add(format!(
                "`{function}` takes {}, and the value is {}",
                takes.name(),
                unit.name()
            ));
        }
    }
    if action.contains("humanizePercentage") && after.starts_with('%') {
        add("`humanizePercentage` prints a percent sign, and another one follows".to_owned());
    } else if let Some(meant) = written_unit(after)
        && !action.contains("humanize")
        && !action.contains("100")
        && unit.clashes(meant)
    {
        add(format!(
            "the text says {}, and the value is {}",
            meant.name(),
            unit.name()
        ));
    }
    marks
}

/// The unit that the text after a value names.
fn written_unit(after: &str) -> Option<Unit> {
    let word = after.trim_start_matches(' ');
    if word.starts_with('%') {
        return Some(Unit::Percent);
    }
    let end = word
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(word.len());
    match &word[..end] {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(Unit::Seconds),
        "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => Some(Unit::Milliseconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(keys: &[&str]) -> Shape {
        let mut shape = Shape {
            unit: Unit::Milliseconds,
            ..Shape::default()
        };
        for key in keys {
            shape.labels.add(key, true);
        }
        shape
    }

    fn codes(text: &str, shape: &Shape) -> Vec<Code> {
        check(text, shape)
            .into_iter()
            .map(|mark| mark.code)
            .collect()
    }

    #[test]
    fn a_label_that_is_gone_is_found_in_both_spellings() {
        let shape = millis(&["job"]);
        assert_eq!(
            codes("{{ $labels.job }} {{ $labels.symbol }}", &shape),
            [Code::LostLabel]
        );
        assert_eq!(
            codes("{{ index $labels \"symbol\" }}", &shape),
            [Code::LostLabel]
        );
    }

    #[test]
    fn labels_of_another_query_are_left_alone() {
        let shape = millis(&[]);
        assert!(codes("{{ range query \"up\" }}{{ .Labels.job }}{{ end }}", &shape).is_empty());
    }

    #[test]
    fn labels_and_queries_in_a_text_are_known() {
        let text = "{{ $labels.to }} {{ .Labels.job }} {{ with query `a{b=\"c\"}` }}{{ end }} {{ query (printf \"%s\" .x) }}";
        assert_eq!(told(text), ["to", "job"]);
        assert_eq!(queries(text), ["a{b=\"c\"}"]);
        assert_eq!(
            legend("{{side}} {{ __name__ }} of {{ venue }}"),
            ["side", "venue"]
        );
    }

    #[test]
    fn milliseconds_are_not_written_as_seconds() {
        let shape = millis(&[]);
        assert_eq!(
            codes("took {{ $value | humanizeDuration }}", &shape),
            [Code::Unit]
        );
        assert_eq!(codes("took {{ $value }}s.", &shape), [Code::Unit]);
        assert!(codes("took {{ $value }} ms, so slow", &shape).is_empty());
    }

    #[test]
    fn two_percent_signs_are_found() {
        let shape = Shape {
            unit: Unit::Ratio,
            ..Shape::default()
        };
        assert_eq!(
            codes("{{ $value | humanizePercentage }}% used", &shape),
            [Code::Unit]
        );
        assert!(codes("{{ $value | humanizePercentage }} used", &shape).is_empty());
    }

    #[test]
    fn a_placeholder_is_not_a_regular_expressions_reference() {
        assert_eq!(placeholder("https://${HOST}/x"), Some("${HOST}"));
        assert_eq!(placeholder("${1}-$2"), None);
    }
}
