//! The metrics of a site in the expansion: what the catalogue knows of each.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Error;
use syn::spanned::Spanned;

use super::member::{Member, Role};
use super::{Context, Instrument};
use crate::args::Target;
use crate::label::{Label, Part, part_type};
use crate::names;
use crate::shape::is_generic;
use crate::tokens::placed;

impl Context<'_> {
    /// One metric of the site, and how a call moves it.
    pub(super) fn use_of(
        &self,
        one: &Instrument<'_>,
        member: &Member,
    ) -> Result<TokenStream, Error> {
        let private = &self.private;
        let source = match one.declared() {
            Some(path) => {
                let kind = Ident::new(member.role.kind(one.args.kind), Span::call_site());
                let keys = one.labels.iter().map(Label::key);
                let metric =
                    quote_spanned! { path.span().resolved_at(Span::mixed_site()) => &#path };
                quote! { declared(#private::#kind::metric(#metric), &[#(#keys),*]) }
            }
            None => self.metric(one, member)?,
        };
        let number = |at: usize| u8::try_from(at).unwrap_or(u8::MAX);
        let slot = member
            .slot
            .map(|(at, _)| number(at))
            .map(|at| quote! { .slot(#at) });
        let amount = member.amount.map(number).map(|at| quote! { .amount(#at) });
        let sampled =
            (member.role == Role::Main && one.args.sample.is_some()).then(|| quote! { .sampled() });
        let when = one
            .args
            .on
            .filter(|_| member.role != Role::InFlight)
            .map(|when| {
                let when = Ident::new(when, Span::call_site());
                quote! { .when(#private::When::#when) }
            });
        Ok(quote! { #private::Use::#source #when #slot #amount #sampled })
    }

    fn metric(&self, one: &Instrument<'_>, member: &Member) -> Result<TokenStream, Error> {
        let private = &self.private;
        let kind = Ident::new(member.role.kind(one.args.kind), Span::call_site());
        let has_outcome = one.has_outcome_label() && member.role != Role::InFlight;
        let outcomes = if has_outcome {
            let (has_error, is_future) = (&self.returns.has_error, &self.returns.is_future);
            quote! { of(#has_error, #is_future) }
        } else {
            quote! { NONE }
        };
        let Target::Named(name) = &one.args.target else {
            return Ok(quote! { shared(#private::Kind::#kind, #private::Outcomes::#outcomes) });
        };
        let full = names::complete(one.args.kind, name)?;
        let name = match member.role {
            Role::Main => full,
            Role::InFlight => format!("{}_in_flight", names::base(&full)),
            Role::Calls => format!("{}_calls_total", names::base(&full)),
        };
        let fields = self.fields(one, member);
        let outcomes = has_outcome.then(|| quote! { outcomes: #private::Outcomes::#outcomes, });
        Ok(quote! {
            of(#private::Metric::new(#private::Desc {
                #outcomes
                #fields
                ..#private::Desc::new(#name, #private::Kind::#kind)
            }))
        })
    }

    /// What is not the default.
    fn fields(&self, one: &Instrument<'_>, member: &Member) -> TokenStream {
        let (private, args, doc) = (&self.private, one.args, self.doc);
        let main = member.role == Role::Main;
        let help = match &args.help {
            Some(help) if main => Some(quote! { help: #private::Help::Explicit(#help), }),
            None if main && !doc.value().trim().is_empty() => {
                Some(quote! { help: #private::Help::Doc(#doc), })
            }
            _ => None,
        };
        let labels: Vec<_> = one
            .labels_of(member.role)
            .map(|label| self.label(one, label))
            .collect();
        let labels = (!labels.is_empty()).then(|| quote! { labels: &[#(#labels),*], });
        let buckets = args.buckets.as_ref().filter(|_| main).map(|buckets| {
            let buckets = buckets.tokens(private);
            quote! { buckets: #buckets, }
        });
        let free = one.labels_of(member.role).any(Label::is_free);
        let limit = args
            .limit
            .as_ref()
            .filter(|_| free)
            .map(|limit| quote! { limit: #limit, });
        let sample = args.sample.filter(|_| main).map(|n| quote! { sample: #n, });
        quote! { #help #labels #buckets #limit #sample }
    }

    fn label(&self, one: &Instrument<'_>, label: &Label) -> TokenStream {
        let (private, key) = (&self.private, label.key());
        let domain = match label {
            Label::Literal { text, .. } => quote! { Literal(#text) },
            Label::Value { free: true, .. } => quote! { Free },
            Label::Value { .. } => {
                let values = self.values(label);
                if one.may_be_none(label) {
                    quote! { ValuesOrNone(|| #values) }
                } else {
                    quote! { Values(|| #values) }
                }
            }
        };
        quote! { #private::Label { key: #key, domain: #private::Domain::#domain } }
    }

    /// An expression for the values of a label's type, which needs nothing of the function.
    pub(super) fn values(&self, label: &Label) -> TokenStream {
        let private = &self.private;
        let Label::Value {
            expr,
            ty,
            part,
            inputs,
            ..
        } = label
        else {
            return quote! { &[] };
        };
        if let Some(ty) = ty {
            return quote! { <#ty as #private::LabelValue>::VALUES };
        }
        let (mut pats, mut types): (Vec<_>, Vec<_>) = inputs
            .iter()
            .map(|input| (input.pat.clone(), input.ty.to_token_stream()))
            .unzip();
        if let (Some((part, name)), Some(returned)) = (part, self.shape.output()) {
            pats.push(name.to_token_stream());
            types.push(match (part, part_type(*part, returned)) {
                // The rest of the type has no name outside the function.
                (_, Some(written)) if is_generic(returned, self.sig) => quote! { &#written },
                (Part::Ok, _) => quote! { &<#returned as #private::ResultParts>::Ok },
                (Part::Err, _) => quote! { &<#returned as #private::ResultParts>::Err },
                (Part::Ret, _) => quote! { &#returned },
            });
        }
        let span = expr.span().resolved_at(Span::mixed_site());
        let private = placed(private, span);
        quote_spanned! { span =>
            #private::values_of_expression(
                |#[allow(unused_variables)] (#(#pats,)*): (#(#types,)*)| #private::marker(&(#expr))
            )
        }
    }
}
