//! Which format and which coding a client wants, by the rules of RFC 9110, section 12.5. Cold.

use crate::exposition::Format;

/// The media types of the formats, their version, and the value of `Content-Type`.
const fn media(format: Format) -> (&'static str, &'static str, &'static str) {
    match format {
        Format::Text => ("text", "plain", "0.0.4"),
        Format::OpenMetrics => ("application", "openmetrics-text", "1.0.0"),
    }
}

/// The format of the greatest quality; the text format where there is no difference, or nothing is acceptable, as a
/// client that reads neither is better served with a page than with a refusal.
pub(super) fn format(accept: &str) -> Format {
    if quality_of(accept, Format::OpenMetrics) > quality_of(accept, Format::Text) {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

/// The weight that the most specific range gives to a format; 0 if none speaks of it.
fn quality_of(accept: &str, format: Format) -> f32 {
    let ranges = split(accept, ',').filter_map(|range| {
        let specificity = specificity(range, format)?;
        Some((specificity, weight(range)?))
    });
    ranges
        .max_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)))
        .map_or(0.0, |(_, weight)| weight)
}

/// How closely a media range describes a format; `None` if it does not. The version counts, and makes a range more
/// specific; of other parameters (`charset`, `escaping`) nothing depends here.
fn specificity(range: &str, format: Format) -> Option<u8> {
    let (kind, subtype, version) = media(format);
    let mut parts = split(range, ';');
    let (range_kind, range_subtype) = parts.next()?.split_once('/')?;
    let is = |range: &str, it: &str| range.trim().eq_ignore_ascii_case(it);
    let by_type = match (range_kind.trim(), range_subtype.trim()) {
        ("*", "*") => 0,
        (range, "*") if is(range, kind) => 1,
        (range, sub) if is(range, kind) && is(sub, subtype) => 2,
        _ => return None,
    };
    match parameter(range, "version") {
        None => Some(by_type),
        Some(asked) => (asked == version && by_type == 2).then_some(3),
    }
}

/// A coding of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
}

/// The coding of the greatest quality, gzip where there is no difference; `None` if the client rules both out.
pub(super) fn coding(accept_encoding: &str) -> Option<Coding> {
    let named = |wanted: &str| {
        split(accept_encoding, ',')
            .filter(|one| {
                let name = split(one, ';').next().unwrap_or_default();
                name.trim().eq_ignore_ascii_case(wanted)
            })
            .find_map(weight)
    };
    let gzip = named("gzip").or_else(|| named("x-gzip"));
    let gzip = gzip.or_else(|| named("*")).unwrap_or(0.0);
    let identity = named("identity").or_else(|| named("*"));
    // No coding is acceptable unless it is ruled out, but any other that is named is preferred.
    if gzip > 0.0 && gzip >= identity.unwrap_or(0.0) {
        Some(Coding::Gzip)
    } else {
        (identity != Some(0.0)).then_some(Coding::Identity)
    }
}

/// The weight of an element: 1 if there is none, `None` if it is not one.
fn weight(element: &str) -> Option<f32> {
    match parameter(element, "q") {
        None => Some(1.0),
        Some(text) => text
            .parse()
            .ok()
            .filter(|weight| (0.0..=1.0).contains(weight)),
    }
}

fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    split(element, ';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        key.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}

/// Splits at a separator outside quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_of_prometheus_get_openmetrics() {
        for accept in [
            // 2.42
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            // 3.5
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            // 3.5 with native histograms
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
             application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        ] {
            assert_eq!(format(accept), Format::OpenMetrics, "{accept}");
        }
    }

    #[test]
    fn the_most_specific_range_gives_the_quality() {
        for (accept, expected) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("application/*", Format::OpenMetrics),
            ("application/json", Format::Text),
            ("application/openmetrics-text", Format::OpenMetrics),
            (
                "APPLICATION/OpenMetrics-Text ; Version=\"1.0.0\"",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;version=0.0.1", Format::Text),
            (
                "application/openmetrics-text;version=2.0.0, */*;q=0.1",
                Format::Text,
            ),
            (
                "text/plain;q=0.4, application/openmetrics-text;q=0.5",
                Format::OpenMetrics,
            ),
            ("text/plain, application/openmetrics-text", Format::Text),
            (
                "text/*;q=0.9, application/openmetrics-text;q=0.8",
                Format::Text,
            ),
            (
                "text/*;q=0.9, text/plain;q=0.1, application/openmetrics-text;q=0.8",
                Format::OpenMetrics,
            ),
            ("text/plain;q=0, */*;q=0.1", Format::OpenMetrics),
            ("application/openmetrics-text;q=0, */*", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=0.001", Format::OpenMetrics),
            (
                "text/plain;q=0, application/openmetrics-text;q=0",
                Format::Text,
            ),
            ("*/*;q=0", Format::Text),
            ("*/openmetrics-text, ;q=1, /, =;=", Format::Text),
            ("application/openmetrics-text;version", Format::OpenMetrics),
            (
                "application/openmetrics-text;version=\"1.0.0",
                Format::OpenMetrics,
            ),
            (
                "text/plain;version=1.0.0;q=0.9, application/openmetrics-text;q=0.1",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;q=7", Format::Text),
            ("application/openmetrics-text;q=nan", Format::Text),
            (
                "application/openmetrics-text;x=\"a,b;q=0\"",
                Format::OpenMetrics,
            ),
            (
                "text/plain;version=0.0.4;q=0.1, text/plain;q=0.9, application/*;q=0.5",
                Format::OpenMetrics,
            ),
        ] {
            assert_eq!(format(accept), expected, "{accept}");
        }
    }

    #[test]
    fn gzip_is_used_where_it_is_wanted_and_what_is_ruled_out_is_not() {
        for (accept, expected) in [
            ("", Some(Coding::Identity)),
            ("gzip", Some(Coding::Gzip)),
            ("x-gzip", Some(Coding::Gzip)),
            ("deflate, GZIP;q=0.5", Some(Coding::Gzip)),
            ("gzip;q=0", Some(Coding::Identity)),
            ("gzip;q=0.000", Some(Coding::Identity)),
            ("*", Some(Coding::Gzip)),
            ("gzip;q=0, *", Some(Coding::Identity)),
            ("gzip;q=0.1, identity;q=0.5", Some(Coding::Identity)),
            ("identity;q=0.1, gzip;q=0.5", Some(Coding::Gzip)),
            ("gzip, identity;q=0", Some(Coding::Gzip)),
            ("br, zstd", Some(Coding::Identity)),
            ("br, *;q=0.1", Some(Coding::Gzip)),
            ("identity", Some(Coding::Identity)),
            ("gzip;q=many, ;;, =", Some(Coding::Identity)),
            ("identity;q=0", None),
            ("br, identity;q=0", None),
            ("*;q=0", None),
            ("*;q=0, identity", Some(Coding::Identity)),
            ("gzip;q=0, identity;q=0", None),
        ] {
            assert_eq!(coding(accept), expected, "{accept}");
        }
    }
}
