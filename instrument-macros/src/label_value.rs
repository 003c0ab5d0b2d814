//! `#[derive(LabelValue)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::ParseStream;
use syn::{Data, DeriveInput, Error, Fields, Ident, LitStr, Token, Variant, parse2};

/// How a variant's name becomes a label value.
#[derive(Clone, Copy)]
enum Rename {
    Snake,
    Kebab,
    Lower,
    Upper,
    ScreamingSnake,
    Verbatim,
}

const RENAMES: [(&str, Rename); 6] = [
    ("snake_case", Rename::Snake),
    ("kebab-case", Rename::Kebab),
    ("lowercase", Rename::Lower),
    ("UPPERCASE", Rename::Upper),
    ("SCREAMING_SNAKE_CASE", Rename::ScreamingSnake),
    ("PascalCase", Rename::Verbatim),
];

impl Rename {
    fn apply(self, variant: &str) -> String {
        match self {
            Self::Snake => separated(variant, '_'),
            Self::Kebab => separated(variant, '-'),
            Self::Lower => variant.to_lowercase(),
            Self::Upper => variant.to_uppercase(),
            Self::ScreamingSnake => separated(variant, '_').to_uppercase(),
            Self::Verbatim => variant.to_owned(),
        }
    }
}

/// Lower case, with `separator` before every capital but the first; `HTTPError` stays one word up to its last capital.
fn separated(variant: &str, separator: char) -> String {
    let letters: Vec<char> = variant.chars().collect();
    let mut out = String::new();
    for (i, &c) in letters.iter().enumerate() {
        let word_starts = i > 0
            && c.is_uppercase()
            && (!letters[i - 1].is_uppercase()
                || letters.get(i + 1).is_some_and(|next| next.is_lowercase()));
        if word_starts && letters[i - 1] != '_' {
            out.push(separator);
        }
        out.extend(c.to_lowercase());
    }
    out
}

pub(crate) fn derive(input: TokenStream) -> Result<TokenStream, Error> {
    let input: DeriveInput = parse2(input)?;
    let Data::Enum(data) = &input.data else {
        let text = "K006: `LabelValue` can be derived on enums without fields: only they have a known set of values";
        return Err(Error::new(input.ident.span(), text));
    };
    let rename = rename_of(&input)?;
    let mut texts: Vec<String> = Vec::new();
    for variant in &data.variants {
        let text = text_of(variant, rename)?;
        if texts.contains(&text) {
            let message = format!("K006: two variants have the label value {text:?}");
            return Err(Error::new(variant.ident.span(), message));
        }
        texts.push(text);
    }
    if texts.is_empty() {
        return Err(Error::new(
            input.ident.span(),
            "K006: an enum without variants has no label values",
        ));
    }
    let name = &input.ident;
    let variants = data.variants.iter().map(|variant| &variant.ident);
    let indices = 0..texts.len();
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::instrument_core::LabelValue for #name #type_generics #where_clause {
            const VALUES: &'static [&'static ::core::primitive::str] = &[#(#texts),*];
            fn index(&self) -> ::core::primitive::usize {
                match *self { #(Self::#variants => #indices,)* }
            }
        }
    })
}

fn rename_of(input: &DeriveInput) -> Result<Rename, Error> {
    let mut rename = Rename::Snake;
    for attr in input
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("label"))
    {
        rename = attr.parse_args_with(|input: ParseStream<'_>| {
            let key: Ident = input.parse()?;
            if key != "rename_all" {
                return Err(Error::new(
                    key.span(),
                    "K001: on the enum, `#[label(rename_all = \"…\")]` is accepted",
                ));
            }
            input.parse::<Token![=]>()?;
            let rule: LitStr = input.parse()?;
            let found = RENAMES.iter().find(|(name, _)| *name == rule.value());
            found.map(|&(_, rename)| rename).ok_or_else(|| {
                let accepted = RENAMES.map(|(name, _)| name).join("`, `");
                Error::new(
                    rule.span(),
                    format!("K001: `rename_all` is one of `{accepted}`"),
                )
            })
        })?;
    }
    Ok(rename)
}

fn text_of(variant: &Variant, rename: Rename) -> Result<String, Error> {
    if !matches!(variant.fields, Fields::Unit) {
        let text = "K006: a variant with fields has no single label value; leave the fields out, or write `LabelValue` by hand";
        return Err(Error::new(variant.ident.span(), text));
    }
    match variant
        .attrs
        .iter()
        .find(|attr| attr.path().is_ident("label"))
    {
        Some(attr) => Ok(attr.parse_args::<LitStr>()?.value()),
        None => Ok(rename.apply(&variant.ident.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_separated_at_capitals() {
        for (variant, snake) in [
            ("NoApiKey", "no_api_key"),
            ("BUY", "buy"),
            ("HTTPOther", "http_other"),
            ("Tls12", "tls12"),
        ] {
            assert_eq!(Rename::Snake.apply(variant), snake);
        }
        assert_eq!(Rename::ScreamingSnake.apply("TrendUp"), "TREND_UP");
        assert_eq!(Rename::Kebab.apply("TrendUp"), "trend-up");
    }
}
