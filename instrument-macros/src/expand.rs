//! From the merged attributes to code: one static, one guard around the unchanged statements.
//!
//! What the default form becomes stands, whole, in `expansions/default.rs` of this crate.

use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Error, LitStr, Path, Signature};

mod call;
mod member;
mod metric;
mod numbers;

use crate::args::{Args, Classifier, Kind, OutcomeArg, Target, collect};
use crate::label::{Label, Part, part_of};
use crate::shape::{Returns, Shape};
use member::Member;

pub(crate) fn krate(path: Option<&Path>) -> TokenStream {
    path.map_or_else(|| quote! { ::instrument_core }, ToTokens::to_token_stream)
}

/// One attribute, resolved against the function.
struct Instrument<'a> {
    args: &'a Args,
    /// Those known at entry first, unless the metric is a declared one, whose labels have an order.
    labels: Vec<Label>,
    /// Its place among the attributes.
    index: usize,
    /// Its metric, and those beside it.
    members: Vec<Member>,
    /// The part of the returned value that `by` names.
    by_part: Option<(Part, Ident)>,
}

/// What the parts of an expansion share.
struct Context<'a> {
    sig: &'a Signature,
    doc: &'a LitStr,
    shape: Shape,
    private: TokenStream,
    returns: Returns,
    classifier: Option<Classifier>,
}

/// Expands the body of a function with these attributes.
pub(crate) fn body(
    sig: &Signature,
    doc: &LitStr,
    mut args: Vec<Args>,
    body: &Group,
) -> Result<TokenStream, Error> {
    // The order of the source is that of expansion only; histograms first is the same for every order.
    args.sort_by_key(|one| one.kind != Kind::Timed);
    let krate = krate(args.iter().find_map(|one| one.krate.as_ref()));
    let private = quote! { #krate::__private };
    let shape = Shape::of(sig);
    let mut errors = None;
    check_together(&args, sig, &shape, &mut errors);
    let outcome = args
        .iter()
        .map(|one| one.outcome)
        .find(|one| *one == OutcomeArg::Result);
    let outcome = outcome.unwrap_or(OutcomeArg::ByType);
    let classifier = args.iter().find_map(|one| one.classifier.clone());
    let returns = Returns::of(sig, &shape, outcome, classifier.as_ref(), &private);
    let context = Context {
        sig,
        doc,
        shape,
        private,
        returns,
        classifier,
    };
    let instruments = context.resolve(&args, &mut errors);
    let statics = context.statics(&instruments, &mut errors);
    match errors {
        Some(error) => Err(error),
        None => {
            let (check, call) = (
                &context.returns.check,
                context.call(&instruments, body, &statics),
            );
            Ok(quote! { #check #call })
        }
    }
}

/// The rules between the attributes of one function: a call has one outcome and one draw.
fn check_together(args: &[Args], sig: &Signature, shape: &Shape, errors: &mut Option<Error>) {
    let spans = |words: &'static [&'static str]| {
        args.iter()
            .flat_map(move |one| words.iter().filter_map(|word| one.span_of(word)))
    };
    for again in spans(&["ok_if", "err_if"]).skip(1) {
        let text =
            "K002: another attribute of this function decides the outcome already; a call has one";
        collect(errors, Error::new(again, text));
    }
    let rate = args.iter().find_map(|one| one.sample);
    for other in args
        .iter()
        .filter(|one| one.sample.is_some() && one.sample != rate)
    {
        let span = other.span_of("sample").unwrap_or_else(Span::call_site);
        collect(
            errors,
            Error::new(
                span,
                "K002: another attribute of this function has another `sample`; a call is drawn once",
            ),
        );
    }
    for one in args
        .iter()
        .filter(|one| one.on == Some("CANCELLED") && shape.is_surely_sync())
    {
        let span = one.span_of("on").unwrap_or_else(Span::call_site);
        collect(
            errors,
            Error::new(
                span,
                "K014: only a future can be cancelled, and this function returns none",
            ),
        );
    }
    let decided = spans(&["ok_if", "err_if"]).next().is_some()
        || args.iter().any(|one| one.outcome == OutcomeArg::Result);
    for one in args
        .iter()
        .filter(|one| one.on == Some("ERROR") && shape.never_errs() && !decided)
    {
        let span = one.span_of("on").unwrap_or_else(Span::call_site);
        let text = "K013: no call of this function ends in `error`, as it returns no `Result`; \
                    give `ok_if` or `err_if`, or leave `on = error` out";
        collect(errors, Error::new(span, text));
    }
    if let (syn::ReturnType::Type(_, ty), Some(span)) =
        (&sig.output, spans(&["ok_if", "err_if"]).next())
        && matches!(**ty, syn::Type::Never(_))
    {
        collect(
            errors,
            Error::new(
                span,
                "K013: this function never returns, so there is nothing to classify",
            ),
        );
    }
}

impl<'a> Context<'_> {
    fn resolve(&self, args: &'a [Args], errors: &mut Option<Error>) -> Vec<Instrument<'a>> {
        let (mut uses, mut numbers) = (0, 0);
        let mut instruments: Vec<Instrument<'a>> = Vec::new();
        for (index, args) in args.iter().enumerate() {
            let mut one = Instrument {
                args,
                labels: Vec::new(),
                index,
                members: Vec::new(),
                by_part: None,
            };
            for label in &args.labels {
                match Label::resolve(label, args, self.sig, &self.shape) {
                    Ok(label) => one.labels.push(label),
                    Err(error) => collect(errors, error),
                }
            }
            if one.declared().is_none() {
                one.labels.sort_by_key(|label| label.part().is_some());
            }
            match args.by.as_ref().map_or(Ok(None), part_of) {
                Ok(part) => one.by_part = part,
                Err(error) => collect(errors, error),
            }
            one.check_parts(&self.shape, errors);
            one.members = member::of(&one, &mut uses, &mut numbers);
            instruments.push(one);
        }
        member::check_names(&instruments, errors);
        instruments
    }

    fn place(&self) -> TokenStream {
        let private = &self.private;
        // Spanned on the function's name, so that a conflict points at it.
        quote_spanned! { self.sig.ident.span() => #private::Place::here() }
    }

    /// The static, and what hands it to the linker.
    fn statics(&self, instruments: &[Instrument<'_>], errors: &mut Option<Error>) -> TokenStream {
        let (private, place) = (&self.private, self.place());
        let mut uses = Vec::new();
        for (one, member) in instruments
            .iter()
            .flat_map(|one| one.members.iter().map(move |member| (one, member)))
        {
            match self.use_of(one, member) {
                Ok(tokens) => uses.push(tokens),
                Err(error) => collect(errors, error),
            }
        }
        let count = uses.len();
        let sample = instruments
            .iter()
            .find_map(|one| one.args.sample)
            .map(|n| quote! { .sample(#n) });
        quote! {
            static __INSTRUMENT: #private::Site<[#private::Use; #count]> = #private::Site::new(
                #place, &#private::function_labels(#private::core::module_path!(), &|| {}), [#(#uses),*],
            )#sample;
            #private::submit!(#private::Registration::Site(&__INSTRUMENT));
        }
    }
}

impl Instrument<'_> {
    fn declared(&self) -> Option<&Path> {
        match &self.args.target {
            Target::Declared(path) => Some(path),
            _ => None,
        }
    }

    /// Whether its calls are recorded only when `part` is there.
    fn always_has(&self, part: Part) -> bool {
        match part {
            Part::Ok => self.args.on == Some("OK"),
            Part::Err => self.args.on == Some("ERROR"),
            Part::Ret => matches!(self.args.on, Some("OK" | "ERROR")),
        }
    }

    /// Whether a label is told only by the end of the call, and is `none` in calls that end in another way.
    fn may_be_none(&self, label: &Label) -> bool {
        label.part().is_some_and(|part| !self.always_has(part))
    }

    fn check_parts(&self, shape: &Shape, errors: &mut Option<Error>) {
        let in_result = |label: &&Label| matches!(label.part(), Some(Part::Ok | Part::Err));
        if let Some(Label::Value { expr, .. }) = self
            .labels
            .iter()
            .find(in_result)
            .filter(|_| shape.never_errs())
        {
            let text = "K013: this function returns no `Result`, so there is no `ok` and no `err`; \
                        name `ret`, the returned value";
            collect(errors, Error::new_spanned(expr, text));
        }
        let waits = self.labels.iter().find(|label| self.may_be_none(label));
        if let (Some(Label::Value { expr, .. }), Some(_)) = (waits, self.declared()) {
            let text = "K013: a declared metric has no value `none` for calls that end in another way; \
                 add `on = error` for `err`, `on = ok` for `ok`";
            collect(errors, Error::new_spanned(expr, text));
        }
    }

    fn has_outcome_label(&self) -> bool {
        self.declared().is_none()
            && self.args.outcome != OutcomeArg::Off
            && matches!(self.args.on, None | Some("EXIT"))
    }

    /// Whether something of it is known only after the body.
    fn waits(&self) -> bool {
        self.by_part.is_some() || self.labels.iter().any(|label| label.part().is_some())
    }

    /// Whether it matters to it how a call that came to its end has ended.
    fn asks_outcome(&self, is_async: bool) -> bool {
        self.has_outcome_label()
            || matches!(self.args.on, Some("OK" | "ERROR" | "CANCELLED"))
            || (is_async && self.args.on == Some("PANIC"))
            || self.waits()
    }
}
