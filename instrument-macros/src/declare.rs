//! `metrics! { … }`: statics of declared metrics, with the doc comment as HELP.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, Expr, Ident, LitStr, Token, Type, Visibility, braced, parenthesized, parse2,
};

use crate::args::{buckets_of, collect};
use crate::{function, names};

const KINDS: [&str; 4] = ["Counter", "Gauge", "Histogram", "Info"];

/// The word for a label whose values are known from configuration.
const CONFIGURED: &str = "configured";

struct LabelDecl {
    key: Ident,
    ty: Type,
}

impl LabelDecl {
    fn is_configured(&self) -> bool {
        matches!(&self.ty, Type::Path(path) if path.path.is_ident(CONFIGURED))
    }
}

impl Parse for LabelDecl {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let key = input.call(Ident::parse_any)?;
        let text = key.unraw().to_string();
        // A declared metric has the labels it declares; only attributes add `outcome` by themselves.
        if text != "outcome" {
            names::check_label(&text, key.span())?;
        }
        input.parse::<Token![:]>()?;
        Ok(Self {
            key,
            ty: input.parse()?,
        })
    }
}

struct Declaration {
    attrs: Vec<Attribute>,
    vis: Visibility,
    name: Ident,
    kind: Ident,
    labels: Vec<LabelDecl>,
    metric: LitStr,
    option: Option<(Ident, Expr)>,
}

impl Parse for Declaration {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        input.parse::<Token![static]>()?;
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        let kind: Ident = input.parse()?;
        if !KINDS.iter().any(|known| kind == known) {
            let text = format!("K010: a declared metric is one of `{}`", KINDS.join("`, `"));
            return Err(Error::new(kind.span(), text));
        }
        let labels = if input.peek(Token![<]) {
            parse_labels(input)?
        } else {
            Vec::new()
        };
        input.parse::<Token![=]>()?;
        let metric = input.parse()?;
        let option = if input.peek(Token![,]) {
            Some(parse_option(&kind, input)?)
        } else {
            None
        };
        input.parse::<Token![;]>()?;
        Ok(Self {
            attrs,
            vis,
            name,
            kind,
            labels,
            metric,
            option,
        })
    }
}

fn parse_labels(input: ParseStream<'_>) -> Result<Vec<LabelDecl>, Error> {
    input.parse::<Token![<]>()?;
    let list;
    parenthesized!(list in input);
    let labels: Punctuated<LabelDecl, Token![,]> =
        list.parse_terminated(LabelDecl::parse, Token![,])?;
    input.parse::<Token![>]>()?;
    Ok(labels.into_iter().collect())
}

fn parse_option(kind: &Ident, input: ParseStream<'_>) -> Result<(Ident, Expr), Error> {
    input.parse::<Token![,]>()?;
    let name: Ident = input.parse()?;
    let accepted = match kind.to_string().as_str() {
        "Histogram" => "buckets",
        "Gauge" => "compute",
        _ => "",
    };
    if name != accepted {
        let hint = if accepted.is_empty() {
            "none is accepted".to_owned()
        } else {
            format!("`{accepted}` is accepted")
        };
        return Err(Error::new(
            name.span(),
            format!("K001: a `{kind}` has no option `{name}`; {hint}"),
        ));
    }
    input.parse::<Token![=]>()?;
    Ok((name, input.parse()?))
}

/// The path of instrument-core in braces, and what the user declared.
struct Declarations {
    krate: TokenStream,
    all: Vec<Declaration>,
}

impl Parse for Declarations {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let path;
        braced!(path in input);
        let krate = path.parse()?;
        let mut all = Vec::new();
        while !input.is_empty() {
            all.push(input.parse()?);
        }
        Ok(Self { krate, all })
    }
}

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream, Error> {
    let Declarations { krate, all } = parse2(input)?;
    let (mut tokens, mut errors) = (TokenStream::new(), None);
    for decl in &all {
        match decl.expand(&krate) {
            Ok(one) => tokens.extend(one),
            Err(error) => collect(&mut errors, error),
        }
    }
    errors.map_or(Ok(tokens), Err)
}

impl Declaration {
    fn expand(&self, krate: &TokenStream) -> Result<TokenStream, Error> {
        let Self {
            attrs,
            vis,
            name,
            kind,
            metric,
            ..
        } = self;
        let private = quote! { #krate::__private };
        let help = self.check()?;
        let types: Vec<_> = self
            .labels
            .iter()
            .map(|label| {
                if label.is_configured() {
                    quote! { #krate::Configured }
                } else {
                    label.ty.to_token_stream()
                }
            })
            .collect();
        let labels = self.labels.iter().map(|label| {
            let (key, ty) = (label.key.unraw().to_string(), &label.ty);
            if label.is_configured() {
                quote! { #private::Label::configured(#key) }
            } else {
                quote! { #private::Label::of::<#ty>(#key) }
            }
        });
        let option = match &self.option {
            Some((option, value)) if option == "buckets" => {
                let bounds = buckets_of(value)?.tokens(&private);
                quote! { .buckets(#bounds) }
            }
            Some((option, value)) => quote! { .#option(#value) },
            None => TokenStream::new(),
        };
        // All of the call is spanned on the name, so that conflicts point at its line and not at that of `metrics!`.
        let alias = Ident::new("__instrument", name.span());
        let place = quote_spanned! { name.span() => #alias::Place::here() };
        let cfgs = attrs.iter().filter(|attr| attr.path().is_ident("cfg"));
        let submit = cfg!(feature = "record").then(|| {
            quote! {
                #(#cfgs)*
                const _: () = {
                    use #private as #alias;
                    #private::submit! { #private::Registration::Declared(#name.metric(), #place) }
                };
            }
        });
        Ok(quote! {
            #(#attrs)*
            #vis static #name: #krate::#kind<(#(#types,)*)> =
                #krate::#kind::declare(#metric, #help, &[#(#labels),*])#option;
            #submit
        })
    }

    /// The rules for names and labels; the doc comment is HELP.
    fn check(&self) -> Result<String, Error> {
        check_name(&self.kind, &self.metric)?;
        let late = self
            .labels
            .iter()
            .skip_while(|label| label.is_configured())
            .find(|label| label.is_configured());
        if let Some(label) = late {
            return Err(Error::new(
                label.key.span(),
                "K004: configured labels come first, before those of a type",
            ));
        }
        let help = function::doc(&self.attrs);
        if help.trim().is_empty() {
            let text =
                "K003: a declared metric needs a doc comment: its first sentence becomes HELP";
            return Err(Error::new(self.name.span(), text));
        }
        Ok(help)
    }
}

fn check_name(kind: &Ident, metric: &LitStr) -> Result<(), Error> {
    let name = metric.value();
    names::check_metric(&name, metric.span()).or_else(|error| {
        if kind == "Info" && name.ends_with("_info") {
            Ok(())
        } else {
            Err(error)
        }
    })?;
    if (kind == "Counter") != name.ends_with("_total") {
        let text = if kind == "Counter" {
            format!("K003: a counter's name ends in `_total`: `{name}_total`")
        } else {
            format!("K003: `{name}` ends in `_total`, which is for counters")
        };
        return Err(Error::new(metric.span(), text));
    }
    Ok(())
}
