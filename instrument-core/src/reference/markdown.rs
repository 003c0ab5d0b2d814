//! The reference for people.

use std::fmt::Write as _;

use super::Told;
use crate::exposition::text::push_f64;

pub(super) fn print(program: &str, families: &[Told]) -> String {
    let mut out = format!(
        "# Metrics of {program}\n\n\
         {} families, by name. Made by `{program} metrics --format markdown`; do not edit.\n",
        families.len()
    );
    for family in families {
        section(&mut out, family);
    }
    out
}

fn section(out: &mut String, family: &Told) {
    let unit = family
        .unit
        .map_or(String::new(), |unit| format!(", in {unit}"));
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "\n## `{}`\n\n{}\n\n- {}{unit}\n",
        family.name,
        escaped(&family.help),
        family.kind
    );
    for (key, values) in &family.labels {
        let values = match values {
            None => "known only when it runs".to_owned(),
            Some(values) => code(values.iter().map(String::as_str)),
        };
        let _ = writeln!(out, "- label `{key}`: {values}");
    }
    if !family.buckets.is_empty() {
        let edges = family.buckets.iter().map(|edge| {
            let mut text = String::new();
            push_f64(&mut text, *edge);
            text
        });
        let _ = writeln!(
            out,
            "- buckets up to {}",
            edges.collect::<Vec<_>>().join(", ")
        );
    }
    for (file, functions) in sources(family) {
        let functions = if functions.is_empty() {
            String::new()
        } else {
            format!(": {}", code(functions.iter().copied()))
        };
        let _ = writeln!(out, "- in `{file}`{functions}");
    }
}

/// The files that feed a family, each with its functions, in the order of the source.
fn sources(family: &Told) -> Vec<(&str, Vec<&str>)> {
    let mut files: Vec<(&str, Vec<&str>)> = Vec::new();
    for site in &family.sites {
        let file = site.place.file();
        let index = files.iter().position(|(known, _)| *known == file);
        let index = index.unwrap_or_else(|| {
            files.push((file, Vec::new()));
            files.len() - 1
        });
        let functions = &mut files[index].1;
        functions.extend(site.function.as_deref());
        functions.dedup();
    }
    files
}

fn code<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Text in which Markdown sees no markup; code in backquotes stays code.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_code = false;
    for c in text.chars() {
        in_code ^= c == '`';
        if !in_code && matches!(c, '*' | '_' | '<' | '[' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
