//! `{"schema":1,"metrics":[…]}`, one metric a line, so that what is found in it has a line of its own.

use std::fmt::Write as _;

use super::Told;
use crate::exposition::text::push_f64;

pub(super) fn print(families: &[Told]) -> String {
    let lines: Vec<_> = families.iter().map(metric).collect();
    format!("{{\"schema\":1,\"metrics\":[\n{}\n]}}\n", lines.join(",\n"))
}

fn metric(family: &Told) -> String {
    let labels = family.labels.iter().map(|(key, values)| {
        let values = values.as_ref().map_or("null".to_owned(), |values| {
            list(values.iter().map(|value| text(value)))
        });
        format!("{{\"key\":{},\"values\":{values}}}", text(key))
    });
    let sites = family.sites.iter().map(|site| {
        let function = site.function.as_deref().map_or("null".to_owned(), text);
        let (file, line) = (text(site.place.file()), site.place.line());
        format!("{{\"file\":{file},\"line\":{line},\"function\":{function}}}")
    });
    let buckets = match family.kind {
        "histogram" => list(family.buckets.iter().map(|bound| number(*bound))),
        _ => "null".to_owned(),
    };
    format!(
        "{{\"name\":{},\"kind\":{},\"unit\":{},\"help\":{},\"labels\":{},\"buckets\":{buckets},\"sites\":{}}}",
        text(family.name),
        text(family.kind),
        family.unit.map_or("null".to_owned(), text),
        text(&family.help),
        list(labels),
        list(sites),
    )
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn number(bound: f64) -> String {
    let mut out = String::new();
    push_f64(&mut out, bound);
    out
}

/// A JSON string (RFC 8259, 7).
fn text(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
