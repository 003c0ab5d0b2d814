//! The guard, and the user's statements in it: as they are, in a closure, or in a future.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, Type};

use super::numbers::Numbers;
use super::{Context, Instrument};
use crate::label::bindings;
use crate::shape::{Shape, nameable};
use crate::tokens::{assigns, hidden, mentions, reads};

impl Context<'_> {
    /// `statics` come after the guard where the user's statements stand beside it: a lint takes items of the user that
    /// follow a statement for misplaced, but not behind generated ones.
    pub(super) fn call(
        &self,
        instruments: &[Instrument<'_>],
        body: &Group,
        statics: &TokenStream,
    ) -> TokenStream {
        let private = &self.private;
        let (ret, numbers) = (hidden("ret"), hidden("numbers"));
        let all = self.numbers(instruments, &ret, &numbers);
        let statements = body.stream();
        let asks = instruments
            .iter()
            .any(|one| one.asks_outcome(self.shape.is_async()));
        let waits = instruments.iter().any(Instrument::waits);
        let finish = self.finish(&all, &ret, &numbers);
        match &self.shape {
            Shape::Value(_)
                if self.returns.maybe_future || asks && (self.returns.inspect || waits) =>
            {
                let returned = self.returned(&all, &finish, body);
                quote! { #statics #returned }
            }
            Shape::Async(_) if asks => {
                let (edge, hold) = (edge(&nameable(self.sig)), self.hold(&statements));
                let block = inside(body, &quote! { #edge #hold #statements });
                let future = quote! { async move #block };
                let Some(allow) = self.allow_assignments(&statements) else {
                    let timed = self.timed(&all, &finish, &future);
                    return quote! { #statics #timed.await };
                };
                let name = hidden("future");
                let timed = self.timed(&all, &finish, &name.to_token_stream());
                quote! { #statics #allow let #name = #future; #timed.await }
            }
            Shape::Value(_) | Shape::Async(_) => {
                let Numbers {
                    before, at_entry, ..
                } = &all;
                let site = self.site_of(self.shape.is_async());
                let call = hidden("call");
                quote! { #before let #call = #private::enter(#site, [#(#at_entry),*]); #statics #statements }
            }
            Shape::Future(_) => {
                let (hold, statements) = (self.hold(&statements), self.with_edge(&statements));
                let future = quote! { #private::run(move || { #hold #statements }) };
                let timed = self.timed(&all, &finish, &self.resolving(&future));
                quote! { #statics #timed }
            }
            Shape::Boxed(_) => self.boxed(&all, &finish, body, statics),
        }
    }

    fn site_of(&self, is_async: bool) -> TokenStream {
        let private = &self.private;
        if is_async {
            quote! { #private::here(|| &__INSTRUMENT) }
        } else {
            quote! { &__INSTRUMENT }
        }
    }

    /// A closure that tells how the call ended, and completes its numbers.
    fn finish(&self, all: &Numbers, ret: &Ident, numbers: &Ident) -> TokenStream {
        let (private, at_end) = (&self.private, &all.at_end);
        let outcome = match &self.classifier {
            Some(classifier) => {
                let (expr, ok) = (&classifier.expr, classifier.ok);
                quote! { #private::classify(#ret, #ok, #expr) }
            }
            None if self.returns.inspect => {
                quote! { #[allow(unused_imports)] use #private::NotResult as _; #private::Probe::new(#ret).outcome() }
            }
            None => quote! { #private::Outcome::Ok },
        };
        let used = |name: &Ident| {
            if mentions(at_end, &name.to_string()) || mentions(&outcome, &name.to_string()) {
                name.to_token_stream()
            } else {
                quote! { _ }
            }
        };
        let (ret, numbers) = (used(ret), used(numbers));
        quote! { |#ret, #numbers| { #at_end #outcome } }
    }

    fn timed(&self, all: &Numbers, finish: &TokenStream, future: &TokenStream) -> TokenStream {
        let (private, site) = (&self.private, self.site_of(true));
        let Numbers {
            before, at_entry, ..
        } = all;
        let numbers = hidden("entry");
        if at_entry.is_empty() {
            return quote! { #private::Timed::new(#site, [], #future, #finish) };
        }
        // Before the statements move the arguments that the labels read.
        quote! { #before let #numbers = [#(#at_entry),*]; #private::Timed::new(#site, #numbers, #future, #finish) }
    }

    /// A value that is looked at when it is there.
    fn returned(&self, all: &Numbers, finish: &TokenStream, body: &Group) -> TokenStream {
        let statements = &body.stream();
        let (private, ty, hold) = (&self.private, nameable(self.sig), self.hold(statements));
        let block = inside(body, &quote! { #hold #statements });
        let Numbers {
            before, at_entry, ..
        } = all;
        let (call, ret, allow) = (
            hidden("call"),
            hidden("ret"),
            self.allow_assignments(statements),
        );
        let is_future = if self.returns.maybe_future {
            self.returns.is_future.clone()
        } else {
            quote! { false }
        };
        quote! {
            #before
            let #call = #private::call(&__INSTRUMENT, [#(#at_entry),*], #is_future);
            #allow let #ret = #private::run(move || -> #ty #block);
            #[allow(unused_imports)]
            use #private::Settle as _;
            #private::Returned(#ret).settle(#call, #finish)
        }
    }

    /// `-> Pin<Box<dyn Future>>`: a tail `Box::pin(future)` takes the measured future instead, in the same box.
    fn boxed(
        &self,
        all: &Numbers,
        finish: &TokenStream,
        body: &Group,
        statics: &TokenStream,
    ) -> TokenStream {
        let private = &self.private;
        let Numbers {
            before, at_entry, ..
        } = all;
        let numbers = hidden("entry");
        let site = self.site_of(true);
        let timed = |future: &TokenStream| quote! { #private::Timed::new(#site, #numbers, #future, #finish) };
        let entry = quote! { #before let #numbers = [#(#at_entry),*]; #statics };
        if let Some(Tail {
            before,
            path,
            span,
            future,
        }) = Tail::of(&body.stream())
        {
            let timed = timed(&self.resolving(&self.with_edge(&future)));
            let mut args = Group::new(Delimiter::Parenthesis, timed);
            args.set_span(span);
            return quote! { #entry #before #path #args };
        }
        let (ty, statements) = (nameable(self.sig), body.stream());
        let hold = self.hold(&statements);
        let timed = timed(&quote! { #private::run(move || -> #ty { #hold #statements }) });
        quote! { #entry #private::Box::pin(#timed) }
    }

    /// A future that has to have the output that the signature says, where it can be said.
    fn resolving(&self, future: &TokenStream) -> TokenStream {
        let private = &self.private;
        match self.shape.output() {
            Some(ty) if !mentions(ty, "impl") => quote! { #private::resolving::<#ty, _>(#future) },
            _ => future.clone(),
        }
    }

    /// The tokens, with an edge in the async block at their end, if there is one.
    fn with_edge(&self, tokens: &TokenStream) -> TokenStream {
        let mut tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let is_word = |token: Option<&TokenTree>, word: &str| matches!(token, Some(TokenTree::Ident(ident)) if ident == word);
        let last = tokens.len().saturating_sub(1);
        let before = tokens[..last].iter().rev();
        let before = before.skip_while(|token| is_word(Some(token), "move"));
        let is_async = is_word(before.peekable().peek().copied(), "async");
        let ty = self.shape.output().filter(|ty| !mentions(ty, "impl"));
        if let (Some(TokenTree::Group(block)), true, Some(ty)) = (tokens.get(last), is_async, ty)
            && block.delimiter() == Delimiter::Brace
        {
            let (edge, statements) = (edge(ty), block.stream());
            let mut with_edge = Group::new(Delimiter::Brace, quote! { #edge #statements });
            with_edge.set_span(block.span());
            tokens[last] = TokenTree::Group(with_edge);
        }
        tokens.into_iter().collect()
    }
}

/// A block where the user's body is, so that a missing end of it is told there; lints take it for generated.
fn inside(body: &Group, tokens: &TokenStream) -> Group {
    let mut block = Group::new(Delimiter::Brace, tokens.clone());
    block.set_span(body.span().resolved_at(Span::mixed_site()));
    block
}

/// An early return that is never taken: it tells the type of an async block, so that errors in the
/// body are found where they are.
fn edge(ty: &Type) -> TokenStream {
    if matches!(ty, Type::Never(_)) {
        return TokenStream::new();
    }
    let edge = hidden("edge");
    let span = ty.span().resolved_at(Span::mixed_site());
    let value = Ident::new("edge", span);
    let end = quote_spanned! { span => return #value; };
    quote! {
        #[allow(unreachable_code, clippy::all, clippy::pedantic, clippy::nursery)]
        if false { let #edge: #ty = loop {}; #end }
    }
}

impl Context<'_> {
    /// A `mut` argument that the body only assigns to is an assignment without a reader, once a closure owns it.
    fn allow_assignments(&self, statements: &TokenStream) -> Option<TokenStream> {
        let mutable = self
            .sig
            .inputs
            .iter()
            .filter(|input| mentions(input, "mut"));
        let assigned = mutable
            .flat_map(bindings)
            .any(|name| assigns(statements, &name));
        assigned.then(|| quote! { #[allow(unused_assignments)] })
    }

    /// Makes the closure or future that the statements stand in own their arguments, last first: it drops them in
    /// that order, as the function would. Those that the statements never name stay outside, so that they still lint.
    fn hold(&self, statements: &TokenStream) -> TokenStream {
        let mut held: Vec<(TokenStream, Vec<Ident>)> = Vec::new();
        for input in self.sig.inputs.iter().rev() {
            let attrs = match input {
                FnArg::Receiver(receiver) => &receiver.attrs,
                FnArg::Typed(typed) => &typed.attrs,
            };
            let cfgs: TokenStream = attrs
                .iter()
                .filter(|attr| attr.path().is_ident("cfg"))
                .map(ToTokens::to_token_stream)
                .collect();
            let read = |name: &Ident| name.to_string().starts_with('_') || reads(statements, name);
            let names = bindings(input).into_iter().rev().filter(read);
            match held.last_mut() {
                Some((before, group)) if before.is_empty() && cfgs.is_empty() => {
                    group.extend(names);
                }
                _ => held.push((cfgs, names.collect())),
            }
        }
        held.retain(|(_, names)| !names.is_empty());
        let statements = held.iter().map(|(cfgs, names)| {
            let unused = names.iter().any(|name| name.to_string().starts_with('_'));
            let allow = unused.then(|| quote! { #[allow(clippy::used_underscore_binding)] });
            quote! { #allow #cfgs let _ = (#(&#names,)*); }
        });
        statements.collect()
    }
}

/// `…; Box::pin(future)`.
struct Tail {
    before: TokenStream,
    path: TokenStream,
    /// Of the parentheses.
    span: Span,
    future: TokenStream,
}

impl Tail {
    fn of(body: &TokenStream) -> Option<Self> {
        let mut tokens: Vec<TokenTree> = body.clone().into_iter().collect();
        let Some(TokenTree::Group(args)) = tokens.pop() else {
            return None;
        };
        let is_path = |token: &TokenTree| match token {
            TokenTree::Ident(_) => true,
            TokenTree::Punct(punct) => punct.as_char() == ':',
            _ => false,
        };
        let start = tokens
            .iter()
            .rposition(|token| !is_path(token))
            .map_or(0, |at| at + 1);
        let path: TokenStream = tokens.split_off(start).into_iter().collect();
        let is_box_pin = path
            .to_string()
            .replace(' ', "")
            .rsplit("::")
            .take(2)
            .eq(["pin", "Box"]);
        let begins = tokens.last().is_none_or(|token| match token {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            _ => false,
        });
        let before: TokenStream = tokens.into_iter().collect();
        let returns_early = mentions(&before, "return");
        if args.delimiter() != Delimiter::Parenthesis || !is_box_pin || !begins || returns_early {
            return None;
        }
        let mut future: Vec<TokenTree> = args.stream().into_iter().collect();
        if matches!(future.last(), Some(TokenTree::Punct(punct)) if punct.as_char() == ',') {
            future.pop();
        }
        let future = future.into_iter().collect();
        Some(Self {
            before,
            path,
            span: args.span(),
            future,
        })
    }
}
