//! Grafana dashboards: every query in panels, variables and annotations.

use std::collections::HashMap;

use super::node::{Node, Value};
use super::query::{Query, Variables};

/// What a query is for.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    /// A panel shows the result, in this unit (Grafana's identifier) and under this legend, each with its place.
    Panel {
        unit: Option<(String, usize)>,
        legend: Option<(String, usize)>,
    },
    /// A variable lists the values of a label.
    LabelValues { label: String },
    /// A variable or annotation uses the result.
    Other,
}

/// The queries of a dashboard.
#[derive(Debug, Default)]
pub(crate) struct Dashboard {
    pub(crate) queries: Vec<(Query, Purpose)>,
    /// The place of the key that wraps the model, if something does.
    pub(crate) wrapped: Option<usize>,
}

/// Reads a dashboard; `None` if this is none.
pub(crate) fn read(number: usize, root: &Node, scrape: f64) -> Option<Dashboard> {
    let wrapped = root
        .get("dashboard")
        .filter(|inner| matches!(inner.value, Value::Map(_)));
    let model = wrapped.unwrap_or(root);
    let is_model = ["panels", "rows", "templating", "annotations"]
        .iter()
        .any(|key| model.get(key).is_some());
    if !is_model && wrapped.is_none() {
        return None;
    }
    let mut reader = Reader {
        number,
        variables: Variables::new(current_values(model), scrape),
        owner: String::new(),
        queries: Vec::new(),
    };
    reader.panels(model);
    // What an export brings along of library panels.
    for element in root.get("__elements").into_iter().flat_map(Node::children) {
        if let Some(model) = element.get("model") {
            reader.panel(model);
        }
    }
    for variable in model
        .path(&["templating", "list"])
        .into_iter()
        .flat_map(Node::items)
    {
        reader.variable(variable);
    }
    let annotations = model.path(&["annotations", "list"]);
    for annotation in annotations.into_iter().flat_map(Node::items) {
        reader.annotation(annotation);
    }
    Some(Dashboard {
        queries: reader.queries,
        wrapped: wrapped.map(|inner| inner.at),
    })
}

/// The value that each variable has when the dashboard opens.
fn current_values(model: &Node) -> HashMap<String, String> {
    let list = model
        .path(&["templating", "list"])
        .into_iter()
        .flat_map(Node::items);
    list.filter_map(|variable| {
        let current = variable.path(&["current", "value"]).and_then(Node::text);
        let first = variable
            .text_of("query")
            .and_then(|query| query.split(',').next());
        Some((
            variable.text_of("name")?.to_owned(),
            current.or(first)?.trim().to_owned(),
        ))
    })
    .collect()
}

/// Whether something asks Prometheus, as far as one can tell: a data source may be a variable.
fn is_prometheus(node: &Node) -> bool {
    let Some(source) = node.get("datasource") else {
        return true;
    };
    let other = |text: &str| {
        let text = text.to_ascii_lowercase();
        [
            "loki",
            "tempo",
            "influx",
            "elastic",
            "graphite",
            "cloudwatch",
            "redis-datasource",
            "mysql",
            "postgres",
        ]
        .iter()
        .any(|kind| text.contains(kind))
    };
    let words = [source.text(), source.text_of("type"), source.text_of("uid")];
    match source.text_of("type") {
        Some("prometheus") => true,
        _ => !words.into_iter().flatten().any(other),
    }
}

/// A text and its place.
fn placed(node: Option<&Node>) -> Option<(String, usize)> {
    node.and_then(|node| Some((node.text()?.to_owned(), node.at)))
}

struct Reader {
    number: usize,
    variables: Variables,
    /// Whose queries are read.
    owner: String,
    queries: Vec<(Query, Purpose)>,
}

impl Reader {
    fn push(&mut self, expr: &Node, purpose: Purpose) {
        if let Some(text) = expr.text().filter(|text| !text.trim().is_empty()) {
            self.add(expr.at, text, purpose);
        }
    }

    fn add(&mut self, at: usize, text: &str, purpose: Purpose) {
        let query = self.variables.query(self.number, at, text);
        self.queries.push((query.of(&self.owner), purpose));
    }

    /// Remembers whose queries come next: of something that has a `title` or a `name`.
    fn begin(&mut self, what: &str, node: &Node) {
        let name = node.text_of("title").or_else(|| node.text_of("name"));
        self.owner = format!("{what} `{}`", name.unwrap_or_default());
    }

    /// Panels, those of rows, and those inside of collapsed rows.
    fn panels(&mut self, parent: &Node) {
        for panel in parent.items_of("panels") {
            self.panel(panel);
            let library = panel.path(&["libraryPanel", "model"]);
            if let Some(model) = library {
                self.panel(model);
            }
            self.panels(panel);
        }
        for row in parent.items_of("rows") {
            self.panels(row);
        }
    }

    fn panel(&mut self, panel: &Node) {
        self.begin("panel", panel);
        if !is_prometheus(panel) {
            return;
        }
        let unit = panel
            .path(&["fieldConfig", "defaults", "unit"])
            .or_else(|| {
                panel
                    .items_of("yaxes")
                    .first()
                    .and_then(|axis| axis.get("format"))
            })
            .or_else(|| panel.get("format"));
        let unit = placed(unit);
        for target in panel
            .items_of("targets")
            .iter()
            .filter(|target| is_prometheus(target))
        {
            if let Some(expr) = target.get("expr") {
                let unit = unit.clone();
                let legend = placed(target.get("legendFormat"));
                self.push(expr, Purpose::Panel { unit, legend });
            }
        }
    }

    fn annotation(&mut self, annotation: &Node) {
        self.begin("annotation", annotation);
        let expr = annotation
            .get("expr")
            .or_else(|| annotation.path(&["target", "expr"]));
        if let Some(expr) = expr.filter(|_| is_prometheus(annotation)) {
            self.push(expr, Purpose::Other);
        }
    }

    fn variable(&mut self, variable: &Node) {
        self.begin("variable", variable);
        if variable.text_of("type") != Some("query") || !is_prometheus(variable) {
            return;
        }
        let Some(query) = variable.get("query") else {
            return;
        };
        let query = query.get("query").unwrap_or(query);
        let Some(text) = query.text().map(str::trim) else {
            return;
        };
        let argument = |function: &str| {
            text.strip_prefix(function)?
                .trim()
                .strip_prefix('(')?
                .strip_suffix(')')
        };
        if let Some(inner) = argument("label_values") {
            if let Some((selector, label)) = inner.rsplit_once(',') {
                let purpose = Purpose::LabelValues {
                    label: label.trim().to_owned(),
                };
                self.add(query.at, selector, purpose);
            }
        } else if let Some(inner) = argument("query_result") {
            self.add(query.at, inner, Purpose::Other);
        }
    }
}
