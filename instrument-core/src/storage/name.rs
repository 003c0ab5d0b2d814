//! Names and label keys that Prometheus accepts, made of whatever a crate on the facade says. Cold.

use std::borrow::Cow;

/// A metric name: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub(crate) fn metric(name: &str) -> Cow<'_, str> {
    sanitised(name, |c| c == ':')
}

/// A label key: `[a-zA-Z_][a-zA-Z0-9_]*`, and not with two underscores first, which Prometheus keeps for itself, nor
/// one that the family's own lines need.
pub(crate) fn label<'a>(key: &'a str, reserved: Option<&str>) -> Cow<'a, str> {
    let mut key = sanitised(key, |_| false);
    if key.starts_with("__") {
        key = Cow::Owned(format!("_{}", key.trim_start_matches('_')));
    }
    if Some(&*key) == reserved {
        key = Cow::Owned(format!("exported_{key}"));
    }
    key
}

fn sanitised(name: &str, also: fn(char) -> bool) -> Cow<'_, str> {
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_' || also(c);
    let starts = |c: char| valid(c) && !c.is_ascii_digit();
    if name.starts_with(starts) && name.chars().all(valid) {
        return Cow::Borrowed(name);
    }
    let mut out: String = name
        .chars()
        .map(|c| if valid(c) { c } else { '_' })
        .collect();
    if !out.starts_with(starts) {
        // The digit stays: `5xx` and `6xx` are not the same.
        out.insert(0, '_');
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_valid_and_valid_ones_stay() {
        for (name, expected) in [
            ("order:submits_total", "order:submits_total"),
            ("http.requests", "http_requests"),
            ("5xx", "_5xx"),
            ("", "_"),
            ("größe", "gr__e"),
        ] {
            assert_eq!(metric(name), expected);
        }
    }

    #[test]
    fn label_keys_avoid_what_prometheus_and_the_format_need() {
        for (key, expected) in [
            ("a:b", "a_b"),
            ("__name__", "_name__"),
            ("__", "_"),
            ("le", "exported_le"),
            ("quantile", "quantile"),
        ] {
            assert_eq!(label(key, Some("le")), expected);
        }
    }
}
