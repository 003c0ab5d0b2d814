//! From the merged attributes to code: one static a metric, one site, one guard around the unchanged statements.
//!
//! `#[timed] fn decode(frame: &[u8]) -> u32 { frame.len() as u32 }` becomes, shortened:
//!
//! ```text
//! fn decode(frame: &[u8]) -> u32 {
//!     const __INSTRUMENT_FUNCTION: fn() -> String = || function(|| {}, module_path!());
//!     static __INSTRUMENT_0: Metric = Metric::new(Desc { name: "function_duration_seconds", … });
//!     submit! { Registration::site(&__INSTRUMENT_0, Place::here(), __INSTRUMENT_FUNCTION, None) }
//!     static __INSTRUMENT_SITE: Site<1> = Site::new(1, [Use::new(&__INSTRUMENT_0, When::EXIT)]);
//!     let call = __INSTRUMENT_SITE.enter([0], Outcome::Ok);
//!     frame.len() as u32
//! }
//! ```

use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Error, Expr, ExprLit, Lit, LitStr, Path, Signature};

mod labels;

use crate::args::{Args, Kind, OutcomeArg, Target, collect};
use crate::names;
use crate::site::{Label, Part, Returns, hidden, nameable};

pub(crate) fn krate(path: Option<&Path>) -> TokenStream {
    path.map_or_else(|| quote! { ::instrument_core }, ToTokens::to_token_stream)
}

/// One attribute, resolved against the function.
struct Instrument<'a> {
    args: &'a Args,
    labels: Vec<Label>,
    index: usize,
}

/// What the parts of an expansion share.
struct Context<'a> {
    sig: &'a Signature,
    doc: &'a LitStr,
    private: TokenStream,
    returns: Returns,
}

/// Expands the body of a function with these attributes.
pub(crate) fn body(
    sig: &Signature,
    doc: &LitStr,
    mut args: Vec<Args>,
    body: &Group,
) -> Result<TokenStream, Error> {
    // The guard wants the histograms first; among themselves the attributes keep their order.
    args.sort_by_key(|one| one.kind != Kind::Timed);
    let krate = krate(args.iter().find_map(|one| one.krate.as_ref()));
    let private = quote! { #krate::__private };
    let outcome = if args.iter().any(|one| one.outcome == OutcomeArg::Result) {
        OutcomeArg::Result
    } else {
        OutcomeArg::ByType
    };
    let context = Context {
        sig,
        doc,
        returns: Returns::of(sig, outcome, &private),
        private,
    };
    let instruments = resolve(&args, sig)?;
    let statics = instruments
        .iter()
        .map(|one| context.statics(one))
        .collect::<Result<Vec<_>, _>>()?;
    let site = context.site(&instruments);
    let call = context.call(&instruments, body);
    let (private, check) = (&context.private, &context.returns.check);
    Ok(quote! {
        const __INSTRUMENT_FUNCTION: fn() -> #private::String =
            || #private::function(|| {}, #private::core::module_path!());
        #(#statics)*
        #site
        #check
        #call
    })
}

fn resolve<'a>(args: &'a [Args], sig: &Signature) -> Result<Vec<Instrument<'a>>, Error> {
    let mut errors = None;
    let mut instruments = Vec::new();
    for (index, args) in args.iter().enumerate() {
        let mut labels = Vec::new();
        for label in &args.labels {
            match Label::resolve(label, args, sig) {
                Ok(label) => labels.push(label),
                Err(error) => collect(&mut errors, error),
            }
        }
        // The slot number counts the labels that wait for the returned value last.
        if !matches!(args.target, Target::Declared(_)) {
            labels.sort_by_key(|label| label.part().is_some());
        }
        let one = Instrument {
            args,
            labels,
            index,
        };
        if let Err(error) = one.check_parts() {
            collect(&mut errors, error);
        }
        instruments.push(one);
    }
    errors.map_or(Ok(instruments), Err)
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

    fn check_parts(&self) -> Result<(), Error> {
        let waits = self
            .labels
            .iter()
            .find(|label| label.part().is_some_and(|part| !self.always_has(part)));
        match waits {
            Some(Label::Value { expr, .. }) if self.declared().is_some() => {
                Err(Error::new_spanned(
                    expr,
                    "K013: a declared metric has no value `none` for calls that end in another way; \
                 add `on = error` for `err`, `on = ok` for `ok`",
                ))
            }
            _ => Ok(()),
        }
    }

    fn has_outcome_label(&self) -> bool {
        self.declared().is_none()
            && self.args.outcome != OutcomeArg::Off
            && matches!(self.args.on, None | Some("EXIT"))
    }

    /// Whether it matters to it how a call that came to its end has ended.
    fn asks_outcome(&self) -> bool {
        self.has_outcome_label()
            || matches!(self.args.on, Some("OK" | "ERROR" | "CANCELLED"))
            || self.labels.iter().any(|label| label.part().is_some())
    }

    fn metric(&self) -> TokenStream {
        if let Some(path) = self.declared() {
            return quote! { #path.metric() };
        }
        let name = format_ident!("__INSTRUMENT_{}", self.index);
        quote! { &#name }
    }
}

impl Context<'_> {
    fn place(&self) -> TokenStream {
        let private = &self.private;
        // Spanned on the function's name, so that a conflict points at it.
        quote_spanned! { self.sig.ident.span() => #private::Place::here() }
    }

    fn statics(&self, one: &Instrument<'_>) -> Result<TokenStream, Error> {
        let (private, place, metric) = (&self.private, self.place(), one.metric());
        let Some(path) = one.declared() else {
            let desc = self.desc(one)?;
            let name = format_ident!("__INSTRUMENT_{}", one.index);
            return Ok(quote! {
                #[allow(unused_variables)]
                static #name: #private::Metric = #private::Metric::new(#desc);
                #private::submit! {
                    #private::Registration::site(#metric, #place, __INSTRUMENT_FUNCTION, #private::core::option::Option::None)
                }
            });
        };
        let keys = one.labels.iter().map(Label::key);
        let kind = match one.args.kind {
            Kind::Timed => quote! { Histogram },
            Kind::Counted => quote! { Counter },
        };
        Ok(quote! {
            #private::submit! {
                #private::Registration::site(
                    #private::#kind::metric(&#path), #place, __INSTRUMENT_FUNCTION,
                    #private::core::option::Option::Some(&[#(#keys),*]),
                )
            }
        })
    }

    fn desc(&self, one: &Instrument<'_>) -> Result<TokenStream, Error> {
        let (private, place, args) = (&self.private, self.place(), one.args);
        let kind = match args.kind {
            Kind::Timed => quote! { Histogram },
            Kind::Counted => quote! { Counter },
        };
        let name = match (&args.target, args.kind) {
            (Target::Named(name), kind) => names::complete(kind, name)?,
            (_, Kind::Timed) => "function_duration_seconds".to_owned(),
            (_, Kind::Counted) => "function_calls_total".to_owned(),
        };
        let doc = self.doc;
        let help = match &args.help {
            Some(help) => quote! { Explicit(#help) },
            None if doc.value().trim().is_empty() => quote! { Missing },
            None => quote! { Doc(#doc) },
        };
        let outcomes = if one.has_outcome_label() {
            let (is_result, is_async) = (&self.returns.is_result, self.sig.asyncness.is_some());
            quote! { of(#is_result, #is_async) }
        } else {
            quote! { NONE }
        };
        let buckets = match &args.buckets {
            Some(buckets) => {
                check_buckets(buckets)?;
                quote! { &#buckets }
            }
            None => quote! { &[] },
        };
        let labels = self.label_domains(one);
        Ok(quote! {
            #private::Desc {
                name: #name, kind: #private::Kind::#kind, help: #private::Help::#help, labels: &[#(#labels),*],
                outcomes: #private::Outcomes::#outcomes, buckets: #buckets,
                compute: #private::core::option::Option::None, place: #place,
            }
        })
    }

    fn site(&self, instruments: &[Instrument<'_>]) -> TokenStream {
        let private = &self.private;
        let (count, timed) = (
            instruments.len(),
            instruments
                .iter()
                .filter(|one| one.args.kind == Kind::Timed)
                .count(),
        );
        let uses = instruments.iter().map(|one| {
            let metric = one.metric();
            let when = Ident::new(one.args.on.unwrap_or("EXIT"), Span::call_site());
            quote! { #private::Use::new(#metric, #private::When::#when) }
        });
        quote! {
            static __INSTRUMENT_SITE: #private::Site<#count> = #private::Site::new(#timed, [#(#uses),*]);
        }
    }

    /// The guard, and the user's statements in it.
    fn call(&self, instruments: &[Instrument<'_>], body: &Group) -> TokenStream {
        let (private, statements) = (&self.private, body.stream());
        let (call, ret) = (hidden("call"), hidden("ret"));
        let slots: Vec<_> = instruments
            .iter()
            .map(|one| self.slot_at_entry(one))
            .collect();
        let is_async = self.sig.asyncness.is_some();
        let asks = instruments.iter().any(Instrument::asks_outcome);
        let inspects = self.returns.inspect
            || instruments
                .iter()
                .any(|one| one.labels.iter().any(|label| label.part().is_some()));
        if !asks || !(is_async || inspects) {
            return quote! {
                let #call = __INSTRUMENT_SITE.enter([#(#slots),*], #private::Outcome::Ok);
                #statements
            };
        }
        let ty = nameable(self.sig);
        let (run, otherwise) = if is_async {
            let edge = hidden("edge");
            let edge = quote! {
                #[allow(unreachable_code, clippy::all, clippy::pedantic, clippy::nursery)]
                if false { let #edge: #ty = loop {}; return #edge; }
            };
            (
                quote! { async move { #edge #statements }.await },
                quote! { Cancelled },
            )
        } else {
            (
                quote! { #private::run(move || -> #ty { #statements }) },
                quote! { Ok },
            )
        };
        let outcome = if self.returns.inspect {
            quote! { { #[allow(unused_imports)] use #private::NotResult as _; #private::Probe::new(&#ret).outcome() } }
        } else {
            quote! { #private::Outcome::Ok }
        };
        let labels = instruments
            .iter()
            .filter_map(|one| self.labels_at_end(one, &call, &ret));
        quote! {
            let mut #call = __INSTRUMENT_SITE.enter([#(#slots),*], #private::Outcome::#otherwise);
            let #ret = #run;
            #(#labels)*
            #call.finish(#outcome);
            #ret
        }
    }
}

/// Bounds given as literals are checked here, at the bound that is wrong; others when they are installed.
pub(crate) fn check_buckets(buckets: &Expr) -> Result<(), Error> {
    let Expr::Array(array) = buckets else {
        return Ok(());
    };
    if array.elems.is_empty() {
        return Err(Error::new_spanned(
            array,
            "K008: a histogram needs at least one bucket",
        ));
    }
    let mut last = f64::NEG_INFINITY;
    for elem in &array.elems {
        let Expr::Lit(ExprLit { lit, .. }) = elem else {
            continue;
        };
        let value: f64 = match lit {
            Lit::Float(float) => float.base10_parse()?,
            other => {
                return Err(Error::new(
                    other.span(),
                    "K008: buckets are floats, as in `[0.1, 1.0]`",
                ));
            }
        };
        if value <= last {
            return Err(Error::new(
                lit.span(),
                format!("K008: buckets rise: {value} does not come after {last}"),
            ));
        }
        last = value;
    }
    Ok(())
}
