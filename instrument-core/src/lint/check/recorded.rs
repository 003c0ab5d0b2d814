//! What recording rules make: worked out before the checks, each after those that it builds on.

use std::collections::HashMap;

use promql_parser::parser::Expr;

use super::Linter;
use crate::lint::infer::Infer;
use crate::lint::names::{Names, Recorded};
use crate::lint::rules::Rule;
use crate::lint::shape::{Flow, Shape};

impl Linter {
    /// Works out what recording rules make, those first that build on nothing unresolved.
    pub(super) fn resolve_recorded(&mut self, rules: &[(Rule, Expr)]) {
        let recording: Vec<(&Rule, &Expr, &String)> = rules
            .iter()
            .filter_map(|(rule, expr)| Some((rule, expr, rule.records.as_ref()?)))
            .collect();
        for (rule, _, name) in &recording {
            let open = Recorded {
                shape: Shape::unknown(),
                interval: rule.interval,
            };
            self.names.recorded.insert((*name).clone(), open);
        }
        let mut waiting: HashMap<&str, usize> = HashMap::new();
        for (_, _, name) in &recording {
            *waiting.entry(name.as_str()).or_default() += 1;
        }
        let mut left = recording;
        loop {
            let (ready, later): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, expr, _)| {
                let mut infer = Infer::new(&self.names, self.scrape);
                infer.shape(expr);
                !infer
                    .used
                    .iter()
                    .any(|name| waiting.contains_key(name.as_str()))
            });
            if ready.is_empty() {
                return;
            }
            for (rule, expr, name) in &ready {
                let shape = recorded_shape(&self.names, self.scrape, rule, expr);
                self.record(name, shape, rule.interval);
            }
            for (_, _, name) in ready {
                if let Some(count) = waiting.get_mut(name.as_str()) {
                    *count -= 1;
                    if *count == 0 {
                        waiting.remove(name.as_str());
                    }
                }
            }
            left = later;
        }
    }

    /// Several rules may record to one name, with different labels.
    fn record(&mut self, name: &str, shape: Shape, interval: Option<f64>) {
        let known = self.names.recorded.get(name);
        let shape = match known {
            Some(known) if !known.shape.labels.open => Shape {
                labels: known.shape.labels.either(&shape.labels),
                ..Shape::default()
            },
            _ => shape,
        };
        self.names
            .recorded
            .insert(name.to_owned(), Recorded { shape, interval });
    }
}

fn recorded_shape(names: &Names, scrape: f64, rule: &Rule, expr: &Expr) -> Shape {
    let mut shape = Infer::new(names, scrape).shape(expr);
    for label in &rule.labels {
        shape.labels.add(&label.key, true);
        shape
            .labels
            .values
            .insert(label.key.clone(), [label.text.clone()].into());
    }
    let flow = match shape.flow {
        // A sum of counters drops when one of them goes, which is no restart.
        Flow::Counter if shape.aggregated => Flow::Unknown,
        Flow::Scalar => Flow::Unknown,
        flow => flow,
    };
    Shape {
        flow,
        number: None,
        ..shape
    }
}
