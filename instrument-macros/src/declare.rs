//! `metrics! { … }`: statics of declared metrics, with the doc comment as HELP.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Expr, Ident, LitStr, Token, Type, Visibility, parenthesized, parse2};

use crate::{expand, function, names};

const KINDS: [&str; 4] = ["Counter", "Gauge", "Histogram", "Info"];

struct LabelDecl {
    key: Ident,
    ty: Type,
}

impl Parse for LabelDecl {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let key = input.call(Ident::parse_any)?;
        names::check_label(&key.unraw().to_string(), key.span())?;
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

struct Declarations(Vec<Declaration>);

impl Parse for Declarations {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let mut all = Vec::new();
        while !input.is_empty() {
            all.push(input.parse()?);
        }
        Ok(Self(all))
    }
}

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream, Error> {
    let Declarations(all) = parse2(input)?;
    all.iter().map(declaration).collect()
}

fn declaration(decl: &Declaration) -> Result<TokenStream, Error> {
    let Declaration {
        attrs,
        vis,
        name,
        kind,
        labels,
        metric,
        option,
    } = decl;
    check_name(kind, metric)?;
    let help = function::doc(attrs);
    if help.trim().is_empty() {
        let text = "K003: a declared metric needs a doc comment: its first sentence becomes HELP";
        return Err(Error::new(name.span(), text));
    }
    let types: Vec<_> = labels.iter().map(|label| &label.ty).collect();
    let keys: Vec<_> = labels
        .iter()
        .map(|label| label.key.unraw().to_string())
        .collect();
    let option = match option {
        Some((option, value)) if option == "buckets" => {
            expand::check_buckets(value)?;
            quote! { .buckets(&#value) }
        }
        Some((option, value)) => quote! { .#option(#value) },
        None => TokenStream::new(),
    };
    // Spanned on the name, so that conflicts point at its line and not at that of `metrics!`.
    let place = quote_spanned! { name.span() => ::instrument_core::__private::Place::here() };
    Ok(quote! {
        #(#attrs)*
        #vis static #name: ::instrument_core::#kind<(#(#types,)*)> = ::instrument_core::#kind::declare(
            #metric, #help, &[#(::instrument_core::__private::Label::of::<#types>(#keys)),*], #place,
        )#option;
        ::instrument_core::__private::submit! { ::instrument_core::__private::Registration::declared(#name.metric()) }
    })
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
