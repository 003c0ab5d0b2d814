//! An attribute on a whole impl or trait: each function with a body in it gets the attribute, with the same arguments.
//!
//! Nothing else is done here, so that the order among `#[async_trait]`, this attribute and those on methods stops
//! mattering: what counts is the method that is left when all have expanded.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error, GenericParam, Generics};

use crate::args::{Args, Kind, Target};
use crate::expand;
use crate::function::Function;
use crate::merged::INHERITED;

/// The names of the generics of an impl or a trait; none if the item is neither.
pub(crate) fn generics_of(item: &TokenStream) -> Option<Vec<Ident>> {
    let head = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<syn::Visibility>()?;
        let words = ["unsafe", "auto", "default"];
        while input.peek(syn::Ident::peek_any) {
            let word = input.call(Ident::parse_any)?;
            if word == "impl" || word == "trait" {
                if word == "trait" {
                    input.parse::<Ident>()?;
                }
                let generics: Generics = input.parse().unwrap_or_default();
                input.parse::<TokenStream>()?;
                return Ok(Some(named(&generics)));
            }
            if !words.iter().any(|known| word == known) {
                break;
            }
        }
        input.parse::<TokenStream>()?;
        Ok(None)
    };
    head.parse2(item.clone()).ok().flatten()
}

fn named(generics: &Generics) -> Vec<Ident> {
    let names = generics.params.iter().filter_map(|param| match param {
        GenericParam::Type(param) => Some(&param.ident),
        GenericParam::Const(param) => Some(&param.ident),
        GenericParam::Lifetime(_) => None,
    });
    names.cloned().collect()
}

/// The item with the attribute on every function in it that has a body and is not `const`.
pub(crate) fn hand_down(
    kind: Kind,
    args: &TokenStream,
    generics: &[Ident],
    item: TokenStream,
) -> Result<TokenStream, Error> {
    let parsed = Args::parse(kind, args.clone())?;
    if parsed.skip {
        let span = parsed.span_of("skip").unwrap_or_else(Span::call_site);
        let text = "K002: `skip` is for methods of an annotated impl; remove the attribute";
        return Err(Error::new(span, text));
    }
    if let Target::Named(name) = &parsed.target
        && parsed.span_of("help").is_none()
    {
        // Every method would bring its own doc comment, and the first in the file would win.
        let text = "K002: one name for all methods needs a `help`, as no method's doc comment fits them all; or leave the name out";
        return Err(Error::new(name.span(), text));
    }
    let krate = expand::krate(parsed.krate.as_ref());
    let (name, inherited) = (
        Ident::new(kind.name(), Span::call_site()),
        Ident::new(INHERITED, Span::call_site()),
    );
    let attribute = quote! { #[#krate::#name(#inherited(#(#generics)*) #args)] };
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    let Some(TokenTree::Group(body)) = tokens.pop().filter(
        |token| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace),
    ) else {
        return Err(Error::new(
            Span::call_site(),
            "K012: there is no body with methods in it",
        ));
    };
    let items = (|input: ParseStream<'_>| items(input, &attribute)).parse2(body.stream())?;
    let mut group = Group::new(Delimiter::Brace, items);
    group.set_span(body.span());
    Ok(quote! { #(#tokens)* #group })
}

fn items(input: ParseStream<'_>, attribute: &TokenStream) -> Result<TokenStream, Error> {
    let mut out = TokenStream::new();
    while !input.is_empty() {
        let fork = input.fork();
        if let Ok(function) = fork.parse::<Function>() {
            input.advance_to(&fork);
            // What cannot be measured is passed over; one that says `skip` needs the impl's attribute to skip.
            if function.sig.constness.is_none() || skips(&function) {
                out.extend(attribute.clone());
            }
            out.extend(quote! { #function });
            continue;
        }
        // Anything else goes on as it is, up to its end.
        loop {
            let token: TokenTree = input.parse()?;
            let ends = match &token {
                TokenTree::Punct(punct) => punct.as_char() == ';',
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                _ => false,
            };
            out.extend([token]);
            if ends || input.is_empty() {
                break;
            }
        }
    }
    Ok(out)
}

/// Whether an attribute says `skip`, whatever its name.
fn skips(function: &Function) -> bool {
    function.attrs.iter().any(|attr| {
        let list = attr.meta.require_list();
        list.is_ok_and(|list| list.tokens.to_string() == "skip")
    })
}
