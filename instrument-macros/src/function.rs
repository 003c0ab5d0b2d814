//! An annotated function: its signature is parsed, its body stays tokens, so that a half-written one still expands.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Lit, Meta, Signature, Visibility};

use crate::args::Kind;
use crate::tokens::mentions;

/// Attributes that the compiler or a tool reads; everything else may expand, and then comes after us.
const INERT: [&str; 19] = [
    "allow",
    "cfg",
    "cold",
    "deny",
    "deprecated",
    "doc",
    "expect",
    "export_name",
    "forbid",
    "inline",
    "instruction_set",
    "link_section",
    "must_use",
    "no_mangle",
    "optimize",
    "target_feature",
    "track_caller",
    "unsafe",
    "warn",
];

pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// `#![…]` at the start of the body.
    pub(crate) inner: TokenStream,
    pub(crate) body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig: Signature = input.parse()?;
        match visible(input.parse()?) {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                let (inner, body) = split_inner(&body);
                Ok(Self {
                    attrs,
                    vis,
                    sig,
                    inner,
                    body,
                })
            }
            other => Err(Error::new(
                other.span(),
                "K012: this function has no body to measure; annotate the implementations, or a default body",
            )),
        }
    }
}

impl Function {
    /// Refuses functions that cannot hold a guard.
    pub(crate) fn check(&self, kind: Kind) -> Result<(), Error> {
        let name = kind.name();
        if let Some(constness) = &self.sig.constness {
            let text = format!(
                "K011: `#[{name}]` cannot be used on a `const fn`: it needs a clock and counters, and constants have none; \
                 remove `const`, or annotate the caller"
            );
            return Err(Error::new(constness.span(), text));
        }
        let naked = self.attrs.iter().find(|attr| {
            attr.path().is_ident("naked")
                || (attr.path().is_ident("unsafe") && mentions(&attr.meta, "naked"))
        });
        naked.map_or(Ok(()), |naked| {
            let text = format!("K011: a naked function has no room for a guard; annotate the caller with `#[{name}]`");
            Err(Error::new_spanned(naked, text))
        })
    }

    /// Whether another attribute on it will expand after this one.
    pub(crate) fn has_active_attributes(&self) -> bool {
        self.attrs.iter().any(|attr| {
            let path = attr.path();
            match path.segments.first() {
                Some(first) if path.segments.len() > 1 => {
                    first.ident != "rustfmt" && first.ident != "clippy"
                }
                Some(only) => !INERT.iter().any(|inert| only.ident == inert),
                None => true,
            }
        })
    }

    /// The same function with another body.
    pub(crate) fn with_body(&self, body: &TokenStream) -> TokenStream {
        let inner = &self.inner;
        let mut group = Group::new(Delimiter::Brace, quote::quote! { #inner #body });
        group.set_span(self.body.span());
        let (attrs, vis, sig) = (&self.attrs, &self.vis, &self.sig);
        quote::quote! { #(#attrs)* #vis #sig #group }
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.with_body(&self.body.stream()));
    }
}

/// What stands in a group without delimiters: `macro_rules!` makes one of a body that it has matched.
fn visible(token: TokenTree) -> TokenTree {
    if let TokenTree::Group(group) = &token
        && group.delimiter() == Delimiter::None
    {
        let mut inside = group.stream().into_iter();
        if let (Some(only), None) = (inside.next(), inside.next()) {
            return visible(only);
        }
    }
    token
}

/// Inner attributes hold only at the very start of a body, where our statements will stand.
fn split_inner(body: &Group) -> (TokenStream, Group) {
    let tokens: Vec<TokenTree> = body.stream().into_iter().collect();
    let is = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
    let is_attribute = |at: usize| {
        is(at, '#') && is(at + 1, '!') && matches!(tokens.get(at + 2), Some(TokenTree::Group(_)))
    };
    let mut end = 0;
    while is_attribute(end) {
        end += 3;
    }
    let mut rest = Group::new(Delimiter::Brace, tokens[end..].iter().cloned().collect());
    rest.set_span(body.span());
    (tokens[..end].iter().cloned().collect(), rest)
}

/// The first paragraph of a doc comment; HELP is its first sentence.
pub(crate) fn doc(attrs: &[Attribute]) -> String {
    let lines = attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines
        .take_while(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}
