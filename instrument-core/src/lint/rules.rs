//! Prometheus' rule files, and what its configuration says of targets.

use super::InputError;
use super::node::{Node, Value};
use super::query::Query;
use super::source::Source;

/// A piece of text of a file.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) key: String,
    pub(crate) text: String,
    pub(crate) at: usize,
}

/// A recording or alerting rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// The name that it records to; `None` for an alert.
    pub(crate) records: Option<String>,
    pub(crate) query: Query,
    pub(crate) labels: Vec<Piece>,
    pub(crate) annotations: Vec<Piece>,
    /// Seconds between two evaluations, if the group says.
    pub(crate) interval: Option<f64>,
}

/// The rules of a file.
///
/// # Errors
/// If a group or rule lacks what it must have; the error names field and line.
pub(crate) fn rules(number: usize, source: &Source, root: &Node) -> Result<Vec<Rule>, InputError> {
    let mut rules = Vec::new();
    let groups = root
        .get("groups")
        .or_else(|| root.path(&["spec", "groups"]));
    for group in groups.map_or(Ok(&[][..]), |groups| {
        list(source, groups, "`groups` to be a list")
    })? {
        let interval = group.text_of("interval").and_then(seconds);
        let rules_of = group.get("rules");
        for rule in rules_of.map_or(Ok(&[][..]), |all| list(source, all, "`rules` to be a list"))? {
            let wrong = |expected| InputError::field(source, rule.at, expected);
            let expr = rule
                .get("expr")
                .ok_or_else(|| wrong("a rule to have an `expr`"))?;
            let text = expr.text().ok_or_else(|| wrong("`expr` to be a string"))?;
            let records = rule.text_of("record").map(str::to_owned);
            let owner = match (&records, rule.text_of("alert")) {
                (Some(name), _) => format!("rule `{name}`"),
                (None, Some(name)) => format!("alert `{name}`"),
                (None, None) => return Err(wrong("a rule to have `alert` or `record`")),
            };
            rules.push(Rule {
                records,
                query: Query::plain(number, expr.at, text).of(&owner),
                labels: pieces(rule.get("labels")),
                annotations: pieces(rule.get("annotations")),
                interval,
            });
        }
    }
    Ok(rules)
}

/// The elements of what must be a list, or nothing.
fn list<'a>(
    source: &Source,
    node: &'a Node,
    expected: &'static str,
) -> Result<&'a [Node], InputError> {
    match &node.value {
        Value::List(items) => Ok(items),
        Value::Text(text) if text.is_empty() || text == "~" || text == "null" => Ok(&[]),
        _ => Err(InputError::field(source, node.at, expected)),
    }
}

fn pieces(map: Option<&Node>) -> Vec<Piece> {
    map.into_iter()
        .flat_map(Node::entries)
        .filter_map(|(key, node)| {
            Some(Piece {
                key: key.clone(),
                text: node.text()?.to_owned(),
                at: node.at,
            })
        })
        .collect()
}

/// What a Prometheus configuration says of the labels of its targets.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    pub(crate) labels: Vec<String>,
    /// The jobs; none if a job's name may be rewritten.
    pub(crate) jobs: Vec<String>,
}

/// Reads the labels that scrape jobs add.
pub(crate) fn targets(root: &Node) -> Targets {
    let mut targets = Targets::default();
    for job in root.items_of("scrape_configs") {
        targets
            .jobs
            .extend(job.text_of("job_name").map(str::to_owned));
        for group in job.items_of("static_configs") {
            let labels = group.get("labels").into_iter().flat_map(Node::entries);
            targets.labels.extend(labels.map(|(key, _)| key.clone()));
        }
        let relabels = job
            .items_of("relabel_configs")
            .iter()
            .chain(job.items_of("metric_relabel_configs"));
        targets.labels.extend(
            relabels
                .filter_map(|relabel| relabel.text_of("target_label"))
                .filter(|key| !key.starts_with("__"))
                .map(str::to_owned),
        );
    }
    if targets.labels.iter().any(|label| label == "job") {
        targets.jobs.clear();
    }
    targets
}

/// The seconds of a duration as Prometheus writes it, `30s` or `1m30s`; `None` if it is none, or nothing.
#[must_use]
pub fn seconds(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            "y" => 31_536_000.0,
            _ => return None,
        };
        total += number * unit;
        rest = &rest[letters..];
    }
    (total > 0.0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_add_up_and_nonsense_is_none() {
        assert_eq!(seconds("1m30s"), Some(90.0));
        assert_eq!(seconds("500ms"), Some(0.5));
        assert_eq!(seconds("soon"), None);
        assert_eq!(seconds(""), None);
    }
}
