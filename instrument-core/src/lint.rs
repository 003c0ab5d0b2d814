//! Holds Prometheus rules and Grafana dashboards against what programs can emit.
//!
//! ```
//! use instrument_core::lint::{Linter, Options};
//!
//! let catalogue = r#"{"schema": 1, "metrics": [{"name": "orders_total", "kind": "counter", "labels": []}]}"#;
//! let rules = "groups: [{name: g, rules: [{alert: Quiet, expr: 'rate(order_total[5m]) == 0'}]}]";
//!
//! let mut linter = Linter::new(&Options::default());
//! linter.catalogue("catalogue.json", catalogue)?;
//! linter.file("rules.yml", rules)?;
//! let report = linter.finish();
//! assert_eq!(
//!     report.findings[1].to_string(), // the first informs that nothing uses `orders_total`
//!     "rules.yml:1:55: L001: no catalogue, page or recording rule has the metric `order_total`; did you mean `orders_total`? (alert `Quiet`)"
//! );
//! # Ok::<(), instrument_core::lint::InputError>(())
//! ```
//!
//! For each expression it works out which labels the result can have, how the value behaves, in which unit it is and
//! between which bounds. Where something is not known (a variable, another exporter's label), it says nothing.
//! It reads catalogues as files and knows nothing of the framework. Deliberately not here: evaluation, and style.

mod absence;
mod catalogue;
mod check;
mod code;
mod dashboard;
mod infer;
mod labels;
mod names;
mod node;
mod page;
mod query;
mod rules;
mod shape;
mod source;
mod template;
mod unit;

use std::fmt;

pub use check::{Linter, Options, Report};
pub use code::Code;
pub use rules::seconds;
use source::Source;

/// A mistake, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, as it was given.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What kind of mistake it is.
    pub code: Code,
    /// What is wrong, and what to do instead.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            column,
            code,
            text,
        } = self;
        write!(f, "{path}:{line}:{column}: {code}: {text}")
    }
}

/// A file that cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// It is not JSON.
    #[error("{path}:{line}:{column}: not JSON")]
    Json {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        #[source]
        error: serde_json::Error,
    },
    /// It is not YAML.
    #[error("{path}:{line}:{column}: not YAML")]
    Yaml {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        #[source]
        error: saphyr_parser::ScanError,
    },
    /// Something is missing, or of the wrong type.
    #[error("{path}:{line}:{column}: expected {expected}")]
    Field {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is accepted.
        expected: &'static str,
    },
    /// A line of an exposition page is no sample.
    #[error("{path}:{line}:1: neither a comment nor a sample, `name{{label=\"value\"}} number`")]
    Page {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// An expression is not `PromQL`.
    #[error("{path}:{line}:{column}: not PromQL: {reason}")]
    Query {
        /// The file.
        path: String,
        /// The line of the expression, from 1.
        line: usize,
        /// Its column, from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
}

impl InputError {
    fn field(source: &Source, at: usize, expected: &'static str) -> Self {
        let (line, column) = source.position(at);
        Self::Field {
            path: source.path.clone(),
            line,
            column,
            expected,
        }
    }
}
