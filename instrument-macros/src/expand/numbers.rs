//! The numbers of a call: for each metric with labels the slot that their values come to, and amounts.
//!
//! A slot counts like a clock: each label of a finite type is a digit, in their order; free text is the highest digit, a
//! row. Labels that wait for the result start as `none` and are set again at the end.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::member::Member;
use super::{Context, Instrument};
use crate::label::{Label, Part};
use crate::tokens::hidden;

/// What has to be said before the body, and after it.
#[derive(Default)]
pub(super) struct Numbers {
    /// Statements before the body, after which `at_entry` can be evaluated.
    pub(super) before: TokenStream,
    /// The numbers, known as far as they are at entry.
    pub(super) at_entry: Vec<TokenStream>,
    /// Statements that complete `numbers` from `ret`.
    pub(super) at_end: TokenStream,
}

impl Context<'_> {
    pub(super) fn numbers(
        &self,
        instruments: &[Instrument<'_>],
        ret: &Ident,
        numbers: &Ident,
    ) -> Numbers {
        let mut all = Numbers::default();
        for one in instruments {
            let (slot, rows) = (
                hidden(&format!("slot{}", one.index)),
                hidden(&format!("rows{}", one.index)),
            );
            self.before(one, &slot, &rows, &mut all.before);
            let mut next = 0;
            for member in &one.members {
                if let Some((at, true)) = member.slot {
                    let has_row = one.labels_of(member.role).any(Label::is_free);
                    let row = has_row.then(|| quote! { #rows[#next] });
                    next += usize::from(has_row);
                    all.at_entry.push(self.at_entry(one, member, &slot, row));
                    all.at_end
                        .extend(self.at_end(one, member, ret, &quote! { #numbers[#at] }));
                }
                if let Some(at) = member.amount {
                    let (now, later) = self.amount(one, ret, &quote! { #numbers[#at] });
                    all.at_entry.push(now);
                    all.at_end.extend(later);
                }
            }
        }
        all
    }

    /// Evaluates each label expression once: the finite ones into `slot`, the free ones into `rows`.
    fn before(&self, one: &Instrument<'_>, slot: &Ident, rows: &Ident, before: &mut TokenStream) {
        let private = &self.private;
        let known = |label: &&Label| {
            matches!(
                label,
                Label::Value {
                    free: false,
                    part: None,
                    ..
                }
            )
        };
        let with_slot = || {
            one.members
                .iter()
                .filter(|member| member.slot.is_some_and(|(_, first)| first))
        };
        let free: Vec<_> = one
            .labels
            .iter()
            .filter(|label| label.is_free())
            .map(|label| match label {
                // A text without a size is Display behind one more reference.
                Label::Value {
                    expr, part: None, ..
                } => quote! { &&(#expr) },
                _ => quote! { &#private::NO_TEXT },
            })
            .collect();
        if !free.is_empty() {
            let uses = with_slot().filter_map(|member| self.use_with_rows(one, member));
            before.extend(
                quote! { let #rows = #private::rows(&__INSTRUMENT, [#(#uses),*], &[#(#free),*]); },
            );
        }
        if !(with_slot().count() == 1 && free.is_empty())
            && one.labels.iter().any(|label| known(&label))
        {
            let entry = self.entry_slot(one);
            before.extend(quote! { let #slot = #entry; });
        }
    }

    /// A use whose slots are in rows: which it is, how many of the texts it has, and how many values the labels have
    /// that are sure to come: they are digits that are still missing.
    fn use_with_rows(&self, one: &Instrument<'_>, member: &Member) -> Option<TokenStream> {
        let (free, finite): (Vec<_>, Vec<_>) = one
            .labels_of(member.role)
            .partition(|label| label.is_free());
        let missing = finite
            .iter()
            .filter(|label| label.part().is_some() && !one.may_be_none(label))
            .map(|label| self.values(label));
        let (index, free) = (member.index, free.len());
        (free > 0).then(|| quote! { (#index, #free, 1 #(* #missing.len())*) })
    }

    /// The digits of the labels that are known at entry.
    fn entry_slot(&self, one: &Instrument<'_>) -> TokenStream {
        let mut slot = quote! { 0 };
        for (index, label) in one.labels.iter().enumerate() {
            if matches!(
                label,
                Label::Value {
                    free: false,
                    part: None,
                    ..
                }
            ) {
                slot = self.add(one, index, label, &slot, false);
            }
        }
        slot
    }

    fn at_entry(
        &self,
        one: &Instrument<'_>,
        member: &Member,
        slot: &Ident,
        row: Option<TokenStream>,
    ) -> TokenStream {
        let private = &self.private;
        let single = one
            .members
            .iter()
            .filter(|member| member.slot.is_some_and(|(_, first)| first))
            .count()
            == 1;
        let labels: Vec<_> = one.labels_of(member.role).collect();
        let has_entry = labels.iter().any(|label| {
            matches!(
                label,
                Label::Value {
                    free: false,
                    part: None,
                    ..
                }
            )
        });
        let mut number = match (has_entry, single && row.is_none()) {
            (true, true) => self.entry_slot(one),
            (true, false) => slot.to_token_stream(),
            (false, _) => quote! { 0 },
        };
        for label in labels
            .iter()
            .filter(|label| !label.is_free() && one.may_be_none(label))
        {
            let values = self.values(label);
            number = quote! { #private::fold_none(#values, #number) };
        }
        match row {
            Some(row) => quote! { #number + #row },
            None => number,
        }
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
        // Errors about the value point at the expression, but it is not the user who borrows it.
        let span = expr.span().resolved_at(Span::mixed_site());
        let value = quote_spanned! { span => &(#expr) };
        if let Some(path) = one.declared() {
            return quote! { #slot + #path.__at::<#index>(#value) };
        }
        let fold = format_ident!("{}", if or_none { "fold_or_none" } else { "fold" });
        let ty = ty.as_ref().map(|ty| quote! { ::<#ty> });
        quote! { #private::#fold #ty (#value, #slot) }
    }

    /// Completes a number with the labels that name the returned value.
    fn at_end(
        &self,
        one: &Instrument<'_>,
        member: &Member,
        ret: &Ident,
        number: &TokenStream,
    ) -> TokenStream {
        let private = &self.private;
        let slot = hidden("slot");
        let late: Vec<_> = one
            .labels_of(member.role)
            .enumerate()
            .filter(|(_, label)| label.part().is_some())
            .collect();
        let (free, finite): (Vec<_>, Vec<_>) =
            late.into_iter().partition(|(_, label)| label.is_free());
        // What is known at entry is taken again from the number, without its `none`s.
        let back = finite
            .iter()
            .rev()
            .filter(|(_, label)| one.may_be_none(label))
            .map(|(_, label)| {
                let values = self.values(label);
                quote! { let #slot = #private::unfold_none(#values, #slot); }
            });
        let steps = finite.iter().map(|(index, label)| {
            let none = one.may_be_none(label);
            let added = self.add(one, *index, label, &slot.to_token_stream(), none);
            let otherwise = if none {
                let values = self.values(label);
                quote! { #private::fold_none(#values, #slot) }
            } else {
                slot.to_token_stream()
            };
            let value = self.of_part(label.part_name(), ret, &added, &otherwise);
            quote! { let #slot = #value; }
        });
        let finite = (!finite.is_empty())
            .then(|| quote! { #number = { let #slot = #number; #(#back)* #(#steps)* #slot }; });
        let index = member.index;
        let free = free.iter().map(|(_, label)| {
            let Label::Value { expr, .. } = label else {
                return TokenStream::new();
            };
            let position = one.labels_of(member.role).filter(|label| label.is_free()).position(|other| std::ptr::eq(other, *label));
            let set = quote! { #private::set_row(&__INSTRUMENT, #index, &mut #number, #position, &&(#expr)) };
            let value = self.of_part(label.part_name(), ret, &set, &quote! { {} });
            quote! { #value; }
        });
        quote! { #finite #(#free)* }
    }

    /// `then`, where the part of the returned value has the name that the user gave it, or `otherwise`.
    fn of_part(
        &self,
        part: Option<&(Part, Ident)>,
        ret: &Ident,
        then: &TokenStream,
        otherwise: &TokenStream,
    ) -> TokenStream {
        let private = &self.private;
        let result = quote! { #private::core::result::Result };
        match part {
            Some((Part::Ok, name)) => {
                quote! { match #ret { #result::Ok(#name) => #then, #result::Err(_) => #otherwise } }
            }
            Some((Part::Err, name)) => {
                quote! { match #ret { #result::Err(#name) => #then, #result::Ok(_) => #otherwise } }
            }
            Some((Part::Ret, name)) => quote! { { let #name = #ret; #then } },
            None => then.clone(),
        }
    }

    /// The amount at entry, and the statement that sets it at the end.
    fn amount(
        &self,
        one: &Instrument<'_>,
        ret: &Ident,
        number: &TokenStream,
    ) -> (TokenStream, TokenStream) {
        let (private, by) = (&self.private, &one.args.by);
        let amount = quote! { #private::amount(#by) };
        if one.by_part.is_none() {
            return (amount, TokenStream::new());
        }
        let value = self.of_part(one.by_part.as_ref(), ret, &amount, &quote! { 0 });
        (quote! { 0 }, quote! { #number = #value; })
    }
}
