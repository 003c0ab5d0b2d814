//! Merges the attributes of one function, in any order and under any name, into one expansion.
//!
//! No attribute looks for its siblings' names: they may be renamed. The first that expands wraps the body in
//! `__merged! { sig doc [spec] {body} }`; each later one finds that wrapper as the whole body and adds its
//! spec; the wrapper expands last. If no other attribute can follow, the expansion is made at once.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitStr, Path, Signature, Token, bracketed, parse2};

use crate::args::{Args, Kind};
use crate::expand;
use crate::function::{self, Function};

const WRAPPER: &str = "__merged";

/// One attribute, as the wrapper carries it: its kind and its arguments.
struct Spec {
    kind: Kind,
    args: TokenStream,
}

impl ToTokens for Spec {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let (kind, args) = (Ident::new(self.kind.name(), Span::call_site()), &self.args);
        tokens.extend(quote! { [#kind #args] });
    }
}

impl Parse for Spec {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let inside;
        bracketed!(inside in input);
        let kind: Ident = inside.parse()?;
        let kind = if kind == Kind::Timed.name() {
            Kind::Timed
        } else {
            Kind::Counted
        };
        Ok(Self {
            kind,
            args: inside.parse()?,
        })
    }
}

/// What stands inside the wrapper.
struct Wrapped {
    sig: Signature,
    doc: LitStr,
    specs: Vec<Spec>,
    body: Group,
}

impl Parse for Wrapped {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let sig = input.parse()?;
        input.parse::<Token![;]>()?;
        let doc = input.parse()?;
        let mut specs = Vec::new();
        while input.peek(syn::token::Bracket) {
            specs.push(input.parse()?);
        }
        Ok(Self {
            sig,
            doc,
            specs,
            body: input.parse()?,
        })
    }
}

/// Expands `#[timed]` or `#[counted]`.
pub(crate) fn attribute(kind: Kind, args: TokenStream, item: &TokenStream) -> TokenStream {
    match merge(kind, args, item.clone()) {
        Ok(tokens) => tokens,
        Err(error) => {
            let error = error.into_compile_error();
            quote! { #error #item }
        }
    }
}

fn merge(kind: Kind, args: TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    let function: Function = parse2(item).map_err(|error| unsupported(kind, error))?;
    if let Some(constness) = &function.sig.constness {
        let text = format!(
            "K011: `#[{}]` cannot be used on a `const fn`: it needs a clock and counters, and constants have none; \
             remove `const`, or annotate the caller",
            kind.name()
        );
        return Err(Error::new(syn::spanned::Spanned::span(constness), text));
    }
    // An error in the arguments belongs to this attribute, not to the wrapper that expands later.
    let krate = Args::parse(kind, args.clone())?.krate;
    let spec = Spec { kind, args };
    let mut wrapped = match unwrap(&function) {
        Some(wrapped) => wrapped?,
        None => Wrapped {
            sig: function.sig.clone(),
            doc: LitStr::new(&function::doc(&function.attrs), Span::call_site()),
            specs: Vec::new(),
            body: function.body.clone(),
        },
    };
    wrapped.specs.insert(0, spec);
    let body = if function.has_active_attributes() {
        wrap(&wrapped, krate.as_ref())
    } else {
        last(&wrapped)?
    };
    Ok(function.with_body(body))
}

fn unsupported(kind: Kind, error: Error) -> Error {
    if error.to_string().starts_with('K') {
        return error;
    }
    let text = format!(
        "K017: `#[{}]` goes on a function or method with a body ({error})",
        kind.name()
    );
    Error::new(error.span(), text)
}

fn wrap(wrapped: &Wrapped, krate: Option<&Path>) -> TokenStream {
    let krate = expand::krate(krate);
    let name = Ident::new(WRAPPER, Span::call_site());
    let Wrapped {
        sig,
        doc,
        specs,
        body,
    } = wrapped;
    quote! { #krate::__private::#name! { #sig; #doc #(#specs)* #body } }
}

/// The wrapper, if it is the whole body: `path::__merged! { … }`.
fn unwrap(function: &Function) -> Option<Result<Wrapped, Error>> {
    let tokens: Vec<TokenTree> = function.body.stream().into_iter().collect();
    let [
        ..,
        TokenTree::Ident(name),
        TokenTree::Punct(bang),
        TokenTree::Group(inside),
    ] = tokens.as_slice()
    else {
        return None;
    };
    let path_only = tokens[..tokens.len() - 3].iter().all(|token| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    });
    let is_wrapper =
        name.unraw() == WRAPPER && bang.as_char() == '!' && inside.delimiter() == Delimiter::Brace;
    (path_only && is_wrapper).then(|| parse2(inside.stream()))
}

/// Expands `__merged! { … }`.
pub(crate) fn expand_last(input: TokenStream) -> Result<TokenStream, Error> {
    last(&parse2(input)?)
}

fn last(wrapped: &Wrapped) -> Result<TokenStream, Error> {
    let args = wrapped
        .specs
        .iter()
        .map(|spec| Args::parse(spec.kind, spec.args.clone()));
    let args = args.collect::<Result<Vec<_>, _>>()?;
    expand::body(&wrapped.sig, &wrapped.doc, args, &wrapped.body)
}
