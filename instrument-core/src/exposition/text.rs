//! The smallest pieces of the formats: escapes, numbers, a family's head.

use super::Format;

/// A label value between its quotes.
pub(crate) fn push_label_value(out: &mut String, value: &str) {
    push_escaped(out, value, true);
}

fn push_escaped(out: &mut String, text: &str, quotes: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

pub(crate) fn push_u64(out: &mut String, number: u64) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// From here on not every integer is a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The shortest text that reads back as the same number.
pub(crate) fn push_f64(out: &mut String, number: f64) {
    if number.is_nan() {
        out.push_str("NaN");
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 { "+Inf" } else { "-Inf" });
    } else if number.fract() == 0.0 && number.abs() < EXACT {
        out.push_str(itoa::Buffer::new().format(number as i64));
    } else {
        out.push_str(ryu::Buffer::new().format_finite(number));
    }
}

/// A bound as the value of `le` or `quantile`. The text format has it as Rust prints it; OpenMetrics wants it as Go
/// does, with a point ("Canonical Numbers" in its specification).
pub(crate) fn bound(number: f64, format: Format) -> String {
    if number == f64::INFINITY {
        return "+Inf".to_owned();
    }
    if format == Format::Text {
        return number.to_string();
    }
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => format!("{number:?}"),
    }
}

/// The units that a name may end in.
const UNITS: [&str; 10] = [
    "seconds", "bytes", "ratio", "meters", "grams", "celsius", "volts", "amperes", "joules",
    "hertz",
];

/// The unit that a family's name ends in, before `_total` or after it was taken off.
pub(crate) fn unit(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix("_total").unwrap_or(name);
    let (_, last) = name.rsplit_once('_')?;
    UNITS.into_iter().find(|unit| *unit == last)
}

/// The family's name in OpenMetrics, where a counter's is without `_total`, and its type. A counter of another name,
/// or whose short name is taken, is `unknown` there, so that its series has one name in all formats.
pub(crate) fn openmetrics_family<'a>(
    name: &'a str,
    kind: &'static str,
    taken: impl Fn(&str) -> bool,
) -> (&'a str, &'static str) {
    match (kind, name.strip_suffix("_total")) {
        ("counter", Some(short)) if !short.is_empty() && !taken(short) => (short, kind),
        ("counter", _) => (name, "unknown"),
        _ => (name, kind),
    }
}

/// What is told of a family before its samples.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: &'static str,
    pub(crate) help: Option<&'a str>,
    /// As described; it is told if the name ends in it, as `OpenMetrics` wants.
    pub(crate) unit: Option<&'static str>,
}

/// `# HELP`, `# TYPE` and `# UNIT`. Returns the name of the family, if it is one that has `_created` lines.
pub(crate) fn push_head<'a>(
    out: &mut String,
    head: Head<'a>,
    format: Format,
    taken: impl Fn(&str) -> bool,
) -> Option<&'a str> {
    let (name, kind) = match format {
        Format::Text => (head.name, head.kind),
        Format::OpenMetrics => openmetrics_family(head.name, head.kind, taken),
    };
    if let Some(help) = head.help {
        out.extend(["# HELP ", name, " "]);
        push_escaped(out, help, format == Format::OpenMetrics);
        out.push('\n');
    }
    out.extend(["# TYPE ", name, " ", kind, "\n"]);
    if format == Format::Text {
        return None;
    }
    let described = head.unit.filter(|unit| ends_in(name, unit));
    if let Some(unit) = described.or_else(|| self::unit(name)) {
        out.extend(["# UNIT ", name, " ", unit, "\n"]);
    }
    matches!(kind, "counter" | "histogram" | "summary").then_some(name)
}

fn ends_in(name: &str, unit: &str) -> bool {
    name.strip_suffix(unit)
        .is_some_and(|rest| rest.ends_with('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(name: &str, kind: &'static str, format: Format) -> String {
        let mut out = String::new();
        let head = Head {
            name,
            kind,
            help: Some("A \"b\" \\ c\nd."),
            unit: Some("milliseconds"),
        };
        push_head(&mut out, head, format, |other| other == "taken");
        out
    }

    #[test]
    fn numbers_are_as_prometheus_reads_them() {
        for (number, text) in [
            (0.0, "0"),
            (-3.0, "-3"),
            (0.1, "0.1"),
            (1e300, "1e300"),
            (5e-324, "5e-324"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut out = String::new();
            push_f64(&mut out, number);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn bounds_have_the_form_of_their_format() {
        for (number, text, openmetrics) in [
            (1.0, "1", "1.0"),
            (0.005, "0.005", "0.005"),
            (1e-6, "0.000001", "1e-06"),
            (0.0001, "0.0001", "0.0001"),
            (2_500_000.0, "2500000", "2.5e+06"),
            (100_000.0, "100000", "100000.0"),
            (-1.0, "-1", "-1.0"),
            (f64::INFINITY, "+Inf", "+Inf"),
        ] {
            assert_eq!(bound(number, Format::Text), text);
            assert_eq!(bound(number, Format::OpenMetrics), openmetrics);
        }
    }

    #[test]
    fn heads_escape_help_and_name_the_unit() {
        assert_eq!(
            head("cpu_seconds_total", "counter", Format::Text),
            "# HELP cpu_seconds_total A \"b\" \\\\ c\\nd.\n# TYPE cpu_seconds_total counter\n"
        );
        assert_eq!(
            head("cpu_seconds_total", "counter", Format::OpenMetrics),
            "# HELP cpu_seconds A \\\"b\\\" \\\\ c\\nd.\n# TYPE cpu_seconds counter\n# UNIT cpu_seconds seconds\n"
        );
        for (name, line) in [
            (
                "wait_milliseconds",
                "# UNIT wait_milliseconds milliseconds\n",
            ),
            ("requests", "# TYPE requests unknown\n"),
            ("taken_total", "# TYPE taken_total unknown\n"),
        ] {
            let head = head(name, "counter", Format::OpenMetrics);
            assert!(head.contains(line), "{head}");
        }
    }
}
