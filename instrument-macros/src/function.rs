//! An annotated function: its signature is parsed, its body stays tokens, so that a half-written one still expands.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Expr, ExprLit, Lit, Meta, Signature, Visibility};

/// Attributes that the compiler or a tool reads; everything else may expand, and then comes after us.
const INERT: [&str; 18] = [
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
    "warn",
];

pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig: Signature = input.parse()?;
        match input.parse()? {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => Ok(Self {
                attrs,
                vis,
                sig,
                body,
            }),
            other => Err(Error::new(
                other.span(),
                "K012: this function has no body to measure; annotate the implementations, or a default body",
            )),
        }
    }
}

impl Function {
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
    pub(crate) fn with_body(&self, body: TokenStream) -> TokenStream {
        let mut group = Group::new(Delimiter::Brace, body);
        group.set_span(self.body.span());
        let (attrs, vis, sig) = (&self.attrs, &self.vis, &self.sig);
        quote::quote! { #(#attrs)* #vis #sig #group }
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.with_body(self.body.stream()));
    }
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
