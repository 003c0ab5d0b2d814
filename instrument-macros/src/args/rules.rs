//! Rules that concern several arguments of one attribute.

use proc_macro2::Span;
use syn::Error;

use super::{Args, Kind, Target, collect};

/// What the family that all functions share cannot have, and why it needs a name.
const NEED_A_NAME: [&str; 9] = [
    "labels",
    "limit",
    "help",
    "buckets",
    "outcome",
    "error_label",
    "on",
    "by",
    "sample",
];

/// What a declared metric has of its own, or what would need a metric beside it.
const NOT_ON_DECLARED: [(&str, &str); 6] = [
    (
        "help",
        "a declared metric has its own help: its doc comment in `metrics!`",
    ),
    (
        "buckets",
        "a declared metric has its own buckets; give them in `metrics!`",
    ),
    (
        "limit",
        "the labels of a declared metric are typed; there is nothing to limit",
    ),
    (
        "error_label",
        "give the label that is declared: `labels(key = err)`",
    ),
    (
        "in_flight",
        "it needs a second metric: give a name instead of a declared metric, or declare a gauge and `hold` it",
    ),
    (
        "sample",
        "it needs a second metric for the exact count: give a name instead of a declared metric",
    ),
];

/// The values that `limit` stands for in `error_label = path`, unless it is given.
pub(super) const ERROR_LIMIT: usize = 64;

impl Args {
    pub(super) fn checked(mut self) -> Result<Self, Error> {
        let mut errors = None;
        if self.skip
            && self
                .given
                .iter()
                .any(|given| given.word != "skip" && given.word != "crate")
        {
            let span = self.span_of("skip").unwrap_or_else(Span::call_site);
            collect(
                &mut errors,
                Error::new(span, "K002: `skip` stands alone: nothing is recorded"),
            );
        }
        self.check_pairs(&mut errors);
        self.check_labels(&mut errors);
        match &self.target {
            Target::Shared => self.check_shared(&mut errors),
            Target::Declared(_) => self.check_declared(&mut errors),
            Target::Named(_) => {}
        }
        if self.limit.is_none() && self.span_of("error_label").is_some() {
            let limit = ERROR_LIMIT;
            self.limit = self.has_free_label().then(|| syn::parse_quote! { #limit });
        }
        errors.map_or(Ok(self), Err)
    }

    fn check_pairs(&self, errors: &mut Option<Error>) {
        if let (Some(_), Some(err_if)) = (self.span_of("ok_if"), self.span_of("err_if")) {
            collect(
                errors,
                Error::new(
                    err_if,
                    "K002: `ok_if` and `err_if` exclude each other; keep one",
                ),
            );
        }
        if let (Some("ENTER"), Some(on)) = (self.on, self.span_of("on")) {
            if self.kind == Kind::Timed {
                let text = "K002: a duration is known at the end of a call; `on = enter` is for `#[counted]`";
                collect(errors, Error::new(on, text));
            }
            let late = self
                .labels
                .iter()
                .find(|label| label.value.as_ref().is_some_and(crate::label::waits));
            if let Some(label) = late {
                let text = "K013: at entry there is no returned value yet; leave `on = enter` out";
                collect(errors, Error::new(label.key.span(), text));
            }
        }
    }

    fn has_free_label(&self) -> bool {
        self.labels.iter().any(|label| label.free.is_some())
    }

    fn check_labels(&self, errors: &mut Option<Error>) {
        for (i, label) in self.labels.iter().enumerate() {
            if self.labels[..i].iter().any(|other| other.key == label.key) {
                let text = format!("K004: the label `{}` is given twice", label.key);
                collect(errors, Error::new(label.key.span(), text));
            }
        }
        let declared = matches!(self.target, Target::Declared(_));
        match (
            self.labels.iter().find_map(|label| label.free),
            self.span_of("limit"),
        ) {
            (Some(percent), None) if declared => {
                let text = "K007: the labels of a declared metric are typed; free text is for metrics that the attribute names";
                collect(errors, Error::new(percent, text));
            }
            (Some(percent), None) if self.span_of("error_label").is_none() => {
                let text = "K007: free text has no end of values; add `limit = 32`: all further ones become `_other`";
                collect(errors, Error::new(percent, text));
            }
            (None, Some(limit)) if !declared => {
                let text = "K007: no label here is free text (`key = %expression`), so there is nothing to limit";
                collect(errors, Error::new(limit, text));
            }
            _ => {}
        }
    }

    fn check_shared(&self, errors: &mut Option<Error>) {
        let kind = self.kind.name();
        for given in self
            .given
            .iter()
            .filter(|given| NEED_A_NAME.contains(&given.word.as_str()))
        {
            if given.word == "outcome" && self.outcome != super::OutcomeArg::Off {
                continue;
            }
            let text = format!(
                "K002: `{}` needs a name: `#[{kind}]` without one records into the family that all functions share; \
                 write `#[{kind}(\"name\", …)]`",
                given.word
            );
            collect(errors, Error::new(given.span, text));
        }
    }

    fn check_declared(&self, errors: &mut Option<Error>) {
        for given in &self.given {
            if let Some((word, text)) = NOT_ON_DECLARED.iter().find(|(word, _)| *word == given.word)
            {
                collect(
                    errors,
                    Error::new(given.span, format!("K002: no `{word}` here: {text}")),
                );
            }
        }
    }
}
