//! `#[derive(LabelValue)]`, and `#[derive(ErrorLabel)]` for enums whose variants may have fields.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Data, DeriveInput, Error, Ident, LitStr, Path, Token, Variant, parse2};

use crate::args::collect;
use crate::expand;

/// What becomes of variants with fields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fields {
    /// They have no single value.
    Refused,
    /// The variant alone is the value.
    Ignored,
}

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

pub(crate) fn derive(input: TokenStream, fields: Fields) -> Result<TokenStream, Error> {
    let input: DeriveInput = parse2(input)?;
    let name = &input.ident;
    let Data::Enum(data) = &input.data else {
        let text = "K006: labels are enums: only they have a known set of values";
        return Err(Error::new(name.span(), text));
    };
    let options = Options::of(&input)?;
    let texts = texts(data.variants.iter(), options.rename, fields)?;
    if texts.is_empty() {
        let text = "K006: an enum without variants has no label values";
        return Err(Error::new(name.span(), text));
    }
    let krate = expand::krate(options.krate.as_ref());
    let core = quote! { #krate::__private::core };
    let variants = data.variants.iter().map(|variant| &variant.ident);
    let indices = 0..texts.len();
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics #krate::LabelValue for #name #type_generics #where_clause {
            const VALUES: &'static [&'static #core::primitive::str] = &[#(#texts),*];
            fn index(&self) -> #core::primitive::usize {
                match *self { #(Self::#variants { .. } => #indices,)* }
            }
        }
    })
}

/// The label value of each variant; every mistake is told.
fn texts<'a>(
    variants: impl Iterator<Item = &'a Variant>,
    rename: Rename,
    fields: Fields,
) -> Result<Vec<String>, Error> {
    let (mut texts, mut errors) = (Vec::new(), None);
    for variant in variants {
        match text_of(variant, rename, fields) {
            Ok(text) if texts.contains(&text) => {
                let message = format!("K006: two variants have the label value {text:?}");
                collect(&mut errors, Error::new(variant.ident.span(), message));
            }
            Ok(text) => texts.push(text),
            Err(error) => collect(&mut errors, error),
        }
    }
    errors.map_or(Ok(texts), Err)
}

/// `#[label(rename_all = "…", crate = path)]` on the enum.
struct Options {
    rename: Rename,
    krate: Option<Path>,
}

impl Options {
    fn of(input: &DeriveInput) -> Result<Self, Error> {
        let mut options = Self {
            rename: Rename::Snake,
            krate: None,
        };
        for attr in input
            .attrs
            .iter()
            .filter(|attr| attr.path().is_ident("label"))
        {
            attr.parse_args_with(|input: ParseStream<'_>| options.parse(input))?;
        }
        Ok(options)
    }

    fn parse(&mut self, input: ParseStream<'_>) -> Result<(), Error> {
        while !input.is_empty() {
            let key: Ident = input.call(Ident::parse_any)?;
            if key != "rename_all" && key != "crate" {
                let text = "K001: on the enum, `#[label(rename_all = \"…\")]` and `#[label(crate = path)]` are accepted";
                return Err(Error::new(key.span(), text));
            }
            input.parse::<Token![=]>()?;
            if key == "crate" {
                self.krate = Some(input.call(Path::parse_mod_style)?);
            } else {
                self.rename = rule(&input.parse()?)?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }
}

fn rule(rule: &LitStr) -> Result<Rename, Error> {
    let found = RENAMES.iter().find(|(name, _)| *name == rule.value());
    found.map(|&(_, rename)| rename).ok_or_else(|| {
        let accepted = RENAMES.map(|(name, _)| name).join("`, `");
        let text = format!("K001: `rename_all` is one of `{accepted}`");
        Error::new(rule.span(), text)
    })
}

fn text_of(variant: &Variant, rename: Rename, fields: Fields) -> Result<String, Error> {
    if fields == Fields::Refused && !matches!(variant.fields, syn::Fields::Unit) {
        let text = "K006: a variant with fields has no single label value; leave the fields out, or derive `ErrorLabel`, \
                    which takes the variant alone";
        return Err(Error::new(variant.ident.span(), text));
    }
    match variant
        .attrs
        .iter()
        .find(|attr| attr.path().is_ident("label"))
    {
        Some(attr) => Ok(attr.parse_args::<LitStr>()?.value()),
        None => Ok(rename.apply(&variant.ident.unraw().to_string())),
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
