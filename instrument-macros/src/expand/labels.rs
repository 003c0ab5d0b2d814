//! Labels in the expansion: the values each can have, and the slot number that a call's values come to.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};

use super::{Context, Instrument};
use crate::args::Target;
use crate::site::{Label, Part, hidden, return_type};

impl Context<'_> {
    pub(super) fn label_domains(&self, one: &Instrument<'_>) -> Vec<TokenStream> {
        let private = &self.private;
        if matches!(one.args.target, Target::Shared) {
            return vec![
                quote! { #private::Label { key: "module", domain: #private::Domain::Literal(#private::core::module_path!()) } },
                quote! { #private::Label { key: "function", domain: #private::Domain::Text(__INSTRUMENT_FUNCTION) } },
            ];
        }
        let domain = |label: &Label| match label {
            Label::Literal { text, .. } => quote! { Literal(#text) },
            Label::Value {
                part: Some((part, _)),
                ..
            } if !one.always_has(*part) => {
                let values = self.values(label);
                quote! { ValuesOrNone(|| #values) }
            }
            Label::Value { .. } => {
                let values = self.values(label);
                quote! { Values(|| #values) }
            }
        };
        one.labels
            .iter()
            .map(|label| {
                let (key, domain) = (label.key(), domain(label));
                quote! { #private::Label { key: #key, domain: #private::Domain::#domain } }
            })
            .collect()
    }

    /// An expression for the values of a label's type.
    fn values(&self, label: &Label) -> TokenStream {
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
        if let (Some((part, name)), Some(returned)) = (part, return_type(self.sig)) {
            pats.push(name.to_token_stream());
            types.push(match part {
                Part::Ok => quote! { &<#returned as #private::ResultParts>::Ok },
                Part::Err => quote! { &<#returned as #private::ResultParts>::Err },
                Part::Ret => quote! { &#returned },
            });
        }
        quote! {
            #private::values_of_expression(|(#(#pats,)*): (#(#types,)*)| {
                use #private::LabelExpr as _;
                (#expr).__marker()
            })
        }
    }

    pub(super) fn slot_at_entry(&self, one: &Instrument<'_>) -> TokenStream {
        let mut slot = quote! { 0usize };
        for (index, label) in one.labels.iter().enumerate() {
            slot = match (label, label.part()) {
                (Label::Literal { .. }, _) => slot,
                (Label::Value { .. }, None) => self.add(one, index, label, &slot, false),
                (Label::Value { .. }, Some(part)) if one.always_has(part) => slot,
                (Label::Value { .. }, Some(_)) => {
                    let (private, values) = (&self.private, self.values(label));
                    quote! { #private::fold_none(#values, #slot) }
                }
            };
        }
        slot
    }

    /// The slot number with one more label.
    fn add(
        &self,
        one: &Instrument<'_>,
        index: usize,
        label: &Label,
        slot: &TokenStream,
        or_none: bool,
    ) -> TokenStream {
        let private = &self.private;
        let Label::Value { expr, ty, .. } = label else {
            return slot.clone();
        };
        if let Some(path) = one.declared() {
            return quote! { #slot + { use #private::LabelExpr as _; (#expr).__at::<#index, _>(#path.labels()) } };
        }
        let method = Ident::new(
            if or_none { "__fold_or_none" } else { "__fold" },
            Span::call_site(),
        );
        match ty {
            Some(ty) => quote! { <#ty as #private::LabelExpr>::#method(&(#expr), #slot) },
            None => quote! { { use #private::LabelExpr as _; (#expr).#method(#slot) } },
        }
    }

    /// Completes the slot number with the labels that name the returned value.
    pub(super) fn labels_at_end(
        &self,
        one: &Instrument<'_>,
        call: &Ident,
        ret: &Ident,
    ) -> Option<TokenStream> {
        let private = &self.private;
        let slot = hidden("slot");
        let mut steps = Vec::new();
        for (index, label) in one.labels.iter().enumerate() {
            let Label::Value {
                part: Some((part, name)),
                ..
            } = label
            else {
                continue;
            };
            let added = self.add(
                one,
                index,
                label,
                &slot.to_token_stream(),
                !one.always_has(*part),
            );
            let otherwise = if one.always_has(*part) {
                slot.to_token_stream()
            } else {
                let values = self.values(label);
                quote! { #private::fold_none(#values, #slot) }
            };
            let result = quote! { #private::core::result::Result };
            steps.push(match part {
                Part::Ret => quote! { let #slot = { let #name = &#ret; #added }; },
                Part::Ok => quote! { let #slot = match &#ret { #result::Ok(#name) => #added, #result::Err(_) => #otherwise }; },
                Part::Err => quote! { let #slot = match &#ret { #result::Err(#name) => #added, #result::Ok(_) => #otherwise }; },
            });
        }
        if steps.is_empty() {
            return None;
        }
        // The labels known at entry are taken again from the slot that stands there, without its `none`s.
        let nones = one
            .labels
            .iter()
            .rev()
            .filter(|label| label.part().is_some_and(|part| !one.always_has(part)));
        let back = nones.map(|label| {
            let values = self.values(label);
            quote! { let #slot = #private::unfold_none(#values, #slot); }
        });
        let index = one.index;
        Some(quote! { #call.label(#index, |#slot| { #(#back)* #(#steps)* #slot }); })
    }
}
