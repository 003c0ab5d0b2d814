//! Works out what each expression's result can be, from the bottom up, and notes what is wrong on the way.

mod aggregate;
mod binary;
mod function;
pub(crate) mod selector;

use std::rc::Rc;

use promql_parser::parser::Expr;

use super::code::Code;
use super::names::Names;
use super::shape::{Flow, Shape};
use super::unit::{Range, Unit};

/// A mistake in an expression, not yet placed in a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    pub(crate) code: Code,
    /// The offending text, in the spellings to look for; the first that is found gives the place.
    pub(crate) needles: Vec<String>,
    pub(crate) text: String,
}

/// One walk over one expression.
pub(crate) struct Infer<'a> {
    names: &'a Names,
    /// Seconds between two scrapes.
    scrape: f64,
    pub(crate) marks: Vec<Mark>,
    /// The metrics that were named, histograms by their family.
    pub(crate) used: Vec<String>,
    /// The metrics whose absence is asked for.
    pub(crate) absent: Vec<String>,
    /// Whether the walk is inside of `absent(…)`.
    asking_absence: bool,
    /// Whether the walk is on the right of `and` or `unless`, where a counter above 0 says that there was something.
    is_condition: bool,
    /// The labels that the text of the alert names.
    pub(crate) told: Vec<String>,
}

impl<'a> Infer<'a> {
    pub(crate) fn new(names: &'a Names, scrape: f64) -> Self {
        Self {
            names,
            scrape,
            marks: Vec::new(),
            used: Vec::new(),
            absent: Vec::new(),
            asking_absence: false,
            is_condition: false,
            told: Vec::new(),
        }
    }

    /// What the result of an expression can be.
    pub(crate) fn shape(&mut self, expr: &Expr) -> Shape {
        match expr {
            Expr::NumberLiteral(literal) => Shape::number(literal.val),
            Expr::StringLiteral(_) => Shape::scalar(Unit::Unknown),
            Expr::Paren(paren) => self.shape(&paren.expr),
            Expr::Unary(unary) => negated(self.shape(&unary.expr)),
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs),
            Expr::Subquery(subquery) => self.shape(&subquery.expr),
            Expr::Call(call) => self.call(call),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Extension(_) => Shape::unknown(),
        }
    }

    fn mark(&mut self, code: Code, needles: impl IntoIterator<Item = String>, text: String) {
        let mark = Mark {
            code,
            needles: needles.into_iter().collect(),
            text,
        };
        if !self.marks.contains(&mark) {
            self.marks.push(mark);
        }
    }
}

fn negated(shape: Shape) -> Shape {
    if let Some(value) = shape.number {
        return Shape::number(-value);
    }
    let range = Range::new(-shape.range.high, -shape.range.low);
    Shape {
        range,
        flow: Flow::Unknown,
        ..shape
    }
}

/// An expression without its parentheses.
pub(crate) fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(paren) => bare(&paren.expr),
        other => other,
    }
}

/// The first metric name in an expression.
pub(crate) fn first_metric(expr: &Expr) -> Option<String> {
    match expr {
        Expr::VectorSelector(selector) => selector.name.clone(),
        Expr::MatrixSelector(matrix) => matrix.vs.name.clone(),
        Expr::Paren(inner) => first_metric(&inner.expr),
        Expr::Unary(inner) => first_metric(&inner.expr),
        Expr::Subquery(inner) => first_metric(&inner.expr),
        Expr::Aggregate(inner) => first_metric(&inner.expr),
        Expr::Call(call) => call.args.args.iter().find_map(|arg| first_metric(arg)),
        Expr::Binary(binary) => first_metric(&binary.lhs).or_else(|| first_metric(&binary.rhs)),
        _ => None,
    }
}

/// The spellings by which an expression is looked for: as it prints, else by the metric in it.
fn spellings(expr: &Expr) -> Vec<String> {
    std::iter::once(expr.to_string())
        .chain(first_metric(expr))
        .collect()
}

/// A list for a message: `a`, `b`.
pub(crate) fn quoted<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

fn no_buckets() -> Rc<[f64]> {
    Rc::from([])
}
