//! The linter: gathers names and files, then checks every query.

mod absent;
mod panel;
mod recorded;

use std::collections::{BTreeSet, HashSet};

use promql_parser::parser::{Expr, parse};

use super::absence::{Awaited, awaited};
use super::code::Code;
use super::dashboard::{self, Purpose};
use super::infer::{Infer, Mark};
use super::names::Names;
use super::node::{self, Node};
use super::query::Query;
use super::rules::{self, Rule};
use super::shape::Shape;
use super::source::Source;
use super::template;
use super::{Finding, InputError};

/// What a file can be.
const ANY_KNOWN: &str =
    "rules (`groups`), a dashboard (`panels`) or a Prometheus configuration (`scrape_configs`)";

/// What the linter cannot read from files.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seconds between two scrapes.
    pub scrape_interval: f64,
    /// Labels that the scrape configuration adds, besides `job` and `instance`.
    pub target_labels: Vec<String>,
}

impl Default for Options {
    /// 15 s, and no further labels.
    fn default() -> Self {
        Self {
            scrape_interval: 15.0,
            target_labels: Vec::new(),
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Mistakes and information, sorted by place.
    pub findings: Vec<Finding>,
    /// Expressions that could not be read.
    pub errors: Vec<InputError>,
}

impl Report {
    /// Whether a finding is more than information.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| !finding.code.is_information())
    }
}

/// Gathers catalogues, pages and files; [`finish`](Linter::finish) checks them.
#[derive(Debug)]
pub struct Linter {
    scrape: f64,
    names: Names,
    sources: Vec<Source>,
    rules: Vec<Rule>,
    panels: Vec<(Query, Purpose)>,
    /// Families of catalogues: name, file, byte.
    declared: Vec<(String, usize, usize)>,
    found: Vec<(usize, usize, Code, String)>,
}

impl Linter {
    /// A linter that knows Prometheus' own series.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self {
            scrape: options.scrape_interval,
            names: Names::new(options.target_labels.iter().cloned()),
            sources: Vec::new(),
            rules: Vec::new(),
            panels: Vec::new(),
            declared: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Adds the catalogue of a program.
    ///
    /// # Errors
    /// If the text is no catalogue of schema 1.
    pub fn catalogue(&mut self, path: &str, text: &str) -> Result<(), InputError> {
        let number = self.source(path, text);
        self.add_catalogue(number)
    }

    fn add_catalogue(&mut self, number: usize) -> Result<(), InputError> {
        for (family, at) in super::catalogue::read(&self.sources[number])? {
            self.declared.push((family.name.clone(), number, at));
            self.names.add(family);
        }
        Ok(())
    }

    /// Adds the exposition page of someone else's exporter.
    ///
    /// # Errors
    /// If a line of it is no sample.
    pub fn external(&mut self, path: &str, text: &str) -> Result<(), InputError> {
        let number = self.source(path, text);
        for family in super::page::read(&self.sources[number])? {
            self.names.add(family);
        }
        Ok(())
    }

    /// Adds a rule file, a dashboard, or a Prometheus configuration, which tells the labels of its targets.
    ///
    /// A catalogue is taken as one, and a file that ends in `.prom` as a page.
    ///
    /// # Errors
    /// If it is none of them, or not YAML or JSON.
    pub fn file(&mut self, path: &str, text: &str) -> Result<(), InputError> {
        if extension(path) == "prom" {
            return self.external(path, text);
        }
        let number = self.source(path, text);
        let source = &self.sources[number];
        let documents = documents(source)?;
        // Beside rules, a manifest of Kubernetes has other things.
        let several = documents.len() > 1;
        let mut known = false;
        for root in documents {
            match self.document(number, &root) {
                Err(InputError::Field { expected, .. }) if several && expected == ANY_KNOWN => {}
                other => {
                    other?;
                    known = true;
                }
            }
        }
        if several && !known {
            return Err(InputError::field(&self.sources[number], 0, ANY_KNOWN));
        }
        Ok(())
    }

    fn document(&mut self, number: usize, root: &Node) -> Result<(), InputError> {
        let source = &self.sources[number];
        if root.get("groups").is_some() || root.path(&["spec", "groups"]).is_some() {
            self.rules.extend(rules::rules(number, source, root)?);
        } else if root.get("schema").is_some() && root.get("metrics").is_some() {
            self.add_catalogue(number)?;
        } else if root.get("scrape_configs").is_some() {
            let targets = rules::targets(root);
            self.names.add_targets(&targets.labels, targets.jobs);
        } else if let Some(dashboard) = dashboard::read(number, root, self.scrape) {
            self.panels.extend(dashboard.queries);
            if dashboard.wrapped.is_some() {
                let at = self.sources[number]
                    .find("\"dashboard\"", 0)
                    .unwrap_or(root.at);
                let text = "the dashboard is inside of `dashboard`, and Grafana does not load such a file: write the bare model";
                self.found
                    .push((number, at, Code::Wrapped, text.to_owned()));
            }
        } else {
            return Err(InputError::field(source, root.at, ANY_KNOWN));
        }
        Ok(())
    }

    /// Checks all that was added.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let mut report = Report::default();
        let rules = self.parsed_rules(&mut report);
        self.resolve_recorded(&rules);
        let mut run = Run::default();
        for (rule, expr) in &rules {
            self.check_rule(rule, expr, &mut run);
        }
        for (query, purpose) in std::mem::take(&mut self.panels) {
            match parse(&query.text) {
                Ok(expr) => self.check_panel(&query, &purpose, &expr, &mut run),
                Err(reason) => report.errors.push(self.unparsable(&query, reason)),
            }
        }
        self.check_absence(&run);
        self.unused(&run);
        report.findings = self.placed();
        report
    }

    fn source(&mut self, path: &str, text: &str) -> usize {
        self.sources.push(Source {
            path: path.to_owned(),
            text: text.to_owned(),
        });
        self.sources.len() - 1
    }

    fn unparsable(&self, query: &Query, reason: String) -> InputError {
        let source = &self.sources[query.source];
        let (line, column) = source.position(query.at);
        InputError::Query {
            path: source.path.clone(),
            line,
            column,
            reason,
        }
    }

    /// The rules whose expressions are `PromQL`.
    fn parsed_rules(&mut self, report: &mut Report) -> Vec<(Rule, Expr)> {
        let mut parsed = Vec::new();
        for rule in std::mem::take(&mut self.rules) {
            self.placeholders(&rule);
            if template::placeholder(&rule.query.text).is_some() {
                continue;
            }
            match parse(&rule.query.text) {
                Ok(expr) => parsed.push((rule, expr)),
                Err(reason) => report.errors.push(self.unparsable(&rule.query, reason)),
            }
        }
        parsed
    }

    fn placeholders(&mut self, rule: &Rule) {
        let pieces = rule
            .labels
            .iter()
            .chain(&rule.annotations)
            .map(|piece| (piece.text.as_str(), piece.at));
        for (text, at) in std::iter::once((rule.query.text.as_str(), rule.query.at)).chain(pieces) {
            if let Some(placeholder) = template::placeholder(text) {
                let source = &self.sources[rule.query.source];
                let at = source.find(placeholder, at).unwrap_or(at);
                let text = format!(
                    "nothing replaces `{placeholder}` in a rule file: write the value, or render the file first"
                );
                let text = rule.query.signed(&text);
                self.found
                    .push((rule.query.source, at, Code::Placeholder, text));
            }
        }
    }

    fn check_rule(&mut self, rule: &Rule, expr: &Expr, run: &mut Run) {
        let texts = || rule.labels.iter().chain(&rule.annotations);
        let told = texts().flat_map(|piece| template::told(&piece.text));
        let told = told.collect();
        let shape = self.check_query(&rule.query, expr, told, run);
        if rule.records.is_some() {
            return;
        }
        for piece in texts() {
            let text = Query::plain(rule.query.source, piece.at, &piece.text).of(&rule.query.owner);
            for mark in template::check(&piece.text, &shape) {
                self.place(&text, &mark);
            }
            for asked in template::queries(&piece.text) {
                // One that is put together from pieces is no PromQL yet.
                if let Ok(expr) = parse(asked) {
                    self.check_query(&text, &expr, Vec::new(), run);
                }
            }
        }
        for awaited in awaited(expr) {
            run.awaited.push((rule.query.clone(), awaited));
        }
        run.watches_up |= run.used.contains("up");
    }

    /// Checks an expression and returns what it results in.
    fn check_query(
        &mut self,
        query: &Query,
        expr: &Expr,
        told: Vec<String>,
        run: &mut Run,
    ) -> Shape {
        let mut infer = Infer::new(&self.names, self.scrape);
        infer.told = told;
        let shape = infer.shape(expr);
        let Infer {
            marks,
            used,
            absent,
            ..
        } = infer;
        run.used.extend(used);
        run.absent.extend(absent);
        for mark in marks {
            self.place(query, &mark);
        }
        shape
    }

    /// Finds the place of a mark: the first of its spellings, from the start of the query on.
    fn place(&mut self, query: &Query, mark: &Mark) {
        let source = &self.sources[query.source];
        let end = (query.at + 4 * query.text.len() + 400).min(source.text.len());
        let at = mark.needles.iter().find_map(|needle| {
            source
                .find(&query.as_written(needle), query.at)
                .filter(|at| *at < end)
        });
        let text = query.signed(&query.as_written(&mark.text));
        self.found
            .push((query.source, at.unwrap_or(query.at), mark.code, text));
    }

    fn placed(&mut self) -> Vec<Finding> {
        let sources = &self.sources;
        let unique: BTreeSet<Finding> = self
            .found
            .drain(..)
            .map(|(source, at, code, text)| {
                let (line, column) = sources[source].position(at);
                Finding {
                    path: sources[source].path.clone(),
                    line,
                    column,
                    code,
                    text,
                }
            })
            .collect();
        unique.into_iter().collect()
    }
}

/// What the checks of all queries have seen.
#[derive(Debug, Default)]
struct Run {
    used: HashSet<String>,
    absent: HashSet<String>,
    awaited: Vec<(Query, Awaited)>,
    watches_up: bool,
}

/// The documents in a file: JSON by its name or look, else YAML; none if the file is empty.
fn documents(source: &Source) -> Result<Vec<Node>, InputError> {
    let is_json = match extension(&source.path) {
        "json" => true,
        "yml" | "yaml" => false,
        _ => source.text.trim_start().starts_with('{'),
    };
    if is_json {
        node::json(source).map(|root| vec![root])
    } else {
        node::yaml(source)
    }
}

fn extension(path: &str) -> &str {
    let extension = std::path::Path::new(path).extension();
    extension
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
}
