//! A reader of pages, written from the two specifications (Prometheus' exposition formats, OpenMetrics 1.0.0) and from
//! nothing of ours. It refuses what they forbid.

#![allow(dead_code, reason = "each test reads what it needs")]

use std::collections::{BTreeMap, BTreeSet};

/// A family as a page tells of it.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) help: Option<String>,
    pub(crate) unit: Option<String>,
    pub(crate) samples: BTreeMap<Series, f64>,
}

/// A sample's name, and its labels by key.
pub(crate) type Series = (String, BTreeMap<String, String>);

/// Which specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spec {
    Text,
    OpenMetrics,
}

/// Reads a page; the error tells the line.
pub(crate) fn parse(page: &str, spec: Spec) -> Result<BTreeMap<String, Family>, String> {
    let mut page = page;
    if spec == Spec::OpenMetrics {
        page = page.strip_suffix("# EOF\n").ok_or("no end of file")?;
    }
    if !page.is_empty() && !page.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    let mut reader = Reader {
        spec,
        families: BTreeMap::new(),
        seen: BTreeSet::new(),
        current: None,
    };
    for line in page.split_terminator('\n') {
        reader
            .line(line)
            .map_err(|why| format!("{why} in {line:?}"))?;
    }
    for (name, family) in &reader.families {
        if family.kind == "histogram" {
            histogram(name, family, spec).map_err(|why| format!("{why} of {name}"))?;
        }
    }
    Ok(reader.families)
}

struct Reader {
    spec: Spec,
    families: BTreeMap<String, Family>,
    seen: BTreeSet<Series>,
    current: Option<String>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(comment) = line.strip_prefix("# ") {
            return self.metadata(comment);
        }
        let (name, rest) = name(line)?;
        let (labels, rest) = labels(rest)?;
        let value = value(rest.strip_prefix(' ').ok_or("no space before the value")?)?;
        let current = self.current.clone().ok_or("a sample before any family")?;
        let family = self.families.get_mut(&current).ok_or("no such family")?;
        let suffix = name
            .strip_prefix(&*current)
            .ok_or("a sample of another family")?;
        if !suffixes(&family.kind, self.spec).contains(&suffix) {
            return Err(format!("a {} has no sample {suffix:?}", family.kind));
        }
        if family.kind == "counter" && (value < 0.0 || value.is_nan()) {
            return Err("a counter below zero".to_owned());
        }
        let series = (name.to_owned(), labels);
        // An empty label is the same as none.
        let mut same = series.clone();
        same.1.retain(|_, value| !value.is_empty());
        if !self.seen.insert(same) {
            return Err("a series comes twice".to_owned());
        }
        family.samples.insert(series, value);
        Ok(())
    }

    fn metadata(&mut self, comment: &str) -> Result<(), String> {
        let mut words = comment.splitn(3, ' ');
        let mut word = || words.next().ok_or("a word is missing");
        let (what, name, text) = (word()?, word()?, word()?);
        if self.current.as_deref() != Some(name) {
            if self.families.contains_key(name) {
                return Err("a family comes twice".to_owned());
            }
            self.families.insert(name.to_owned(), Family::default());
            self.current = Some(name.to_owned());
        }
        let family = self.families.get_mut(name).ok_or("no such family")?;
        if !family.samples.is_empty() {
            return Err("metadata after samples".to_owned());
        }
        match (what, self.spec) {
            ("HELP", spec) if family.help.is_none() => {
                family.help = Some(unescaped(text, spec == Spec::OpenMetrics)?);
            }
            ("TYPE", _) if family.kind.is_empty() => family.kind = text.to_owned(),
            ("UNIT", Spec::OpenMetrics) if family.unit.is_none() => {
                if !name.ends_with(&format!("_{text}")) {
                    return Err("a unit that the name does not end in".to_owned());
                }
                family.unit = Some(text.to_owned());
            }
            _ => return Err("metadata that is not allowed here".to_owned()),
        }
        Ok(())
    }
}

fn suffixes(kind: &str, spec: Spec) -> &'static [&'static str] {
    match (kind, spec) {
        ("counter", Spec::OpenMetrics) => &["_total", "_created"],
        ("counter" | "untyped", Spec::Text) | ("gauge", _) | ("unknown", Spec::OpenMetrics) => {
            &[""]
        }
        ("histogram", Spec::Text) => &["_bucket", "_sum", "_count"],
        ("histogram", Spec::OpenMetrics) => &["_bucket", "_sum", "_count", "_created"],
        ("summary", Spec::Text) => &["", "_sum", "_count"],
        ("summary", Spec::OpenMetrics) => &["", "_sum", "_count", "_created"],
        _ => &[],
    }
}

fn name(line: &str) -> Result<(&str, &str), String> {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    let more = |c: char| first(c) || c.is_ascii_digit();
    let end = line.find(|c| !more(c)).ok_or("a name without a value")?;
    if !line.starts_with(first) {
        return Err("not a name".to_owned());
    }
    Ok(line.split_at(end))
}

fn labels(text: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut all = BTreeMap::new();
    let Some(mut text) = text.strip_prefix('{') else {
        return Ok((all, text));
    };
    loop {
        let (key, after) = text.split_once("=\"").ok_or("a label without a value")?;
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        let more = |c: char| first(c) || c.is_ascii_digit();
        if !key.starts_with(first) || !key.chars().all(more) || key.starts_with("__") {
            return Err(format!("{key:?} is no label"));
        }
        let mut escaped = false;
        let end = after.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let (value, rest) = after.split_at(end.ok_or("a value without an end")?);
        let value = unescaped(value, true)?;
        if all.insert(key.to_owned(), value).is_some() {
            return Err(format!("{key} comes twice"));
        }
        match rest[1..].split_at_checked(1) {
            Some(("}", rest)) => return Ok((all, rest)),
            Some((",", rest)) => text = rest,
            _ => return Err("labels that do not end".to_owned()),
        }
    }
}

fn unescaped(text: &str, quotes: bool) -> Result<String, String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('"') if quotes => '"',
                other => return Err(format!("an escape of {other:?}")),
            },
            c => c,
        });
    }
    Ok(out)
}

fn value(text: &str) -> Result<f64, String> {
    match text {
        "NaN" => Ok(f64::NAN),
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        _ if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            text.parse().map_err(|_| format!("{text:?} is no number"))
        }
        _ => Err(format!("{text:?} is no number")),
    }
}

/// Each series has rising bounds up to `+Inf`, counts that do not fall along them, and the last one is `_count`.
fn histogram(name: &str, family: &Family, spec: Spec) -> Result<(), String> {
    let mut series: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
    for ((sample, labels), count) in &family.samples {
        if *sample != format!("{name}_bucket") {
            continue;
        }
        let mut labels = labels.clone();
        let le = labels.remove("le").ok_or("a bucket without le")?;
        if spec == Spec::OpenMetrics && !le.contains(['.', 'e']) && le != "+Inf" {
            return Err(format!("le={le:?} is not canonical"));
        }
        series
            .entry(labels)
            .or_default()
            .push((value(&le)?, *count));
    }
    for (labels, mut buckets) in series {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        if !buckets.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1) {
            return Err(format!("buckets that fall: {buckets:?}"));
        }
        let last = buckets.last().ok_or("no bucket")?;
        let count = family
            .samples
            .get(&(format!("{name}_count"), labels.clone()));
        let sum = family.samples.get(&(format!("{name}_sum"), labels));
        if last.0 != f64::INFINITY || count != Some(&last.1) || sum.is_none() {
            return Err(format!(
                "{last:?} is the last bucket, the count {count:?}, the sum {sum:?}"
            ));
        }
    }
    Ok(())
}
