//! The attribute macros of instrument-core. Use them from there; the documentation with examples stands there too.
//!
//! Each attribute is parsed (`args`, `function`), turned into what it records (`site`), and expanded (`expand`).
//! On any error the function is emitted unchanged beside the error, so that one mistake is one error.

use proc_macro::TokenStream;

mod args;
mod block;
mod declare;
mod expand;
#[cfg(test)]
mod expansions;
mod function;
mod label;
mod label_value;
mod merged;
mod names;
mod shape;
mod tokens;

use args::Kind;

/// Times each call of a function into a histogram of seconds.
#[proc_macro_attribute]
pub fn timed(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Timed, args, item)
}

/// Counts the calls of a function.
#[proc_macro_attribute]
pub fn counted(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Counted, args, item)
}

fn attribute(kind: Kind, args: TokenStream, item: TokenStream) -> TokenStream {
    if cfg!(feature = "record") {
        merged::attribute(kind, args.into(), &item.into()).into()
    } else {
        item
    }
}

/// Declares metrics that are not calls, as statics. Written through `instrument_core::metrics!`, which puts the path of
/// that crate before the declarations.
#[proc_macro]
pub fn metrics(input: TokenStream) -> TokenStream {
    declare::expand(input.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Derives `LabelValue` for an enum without fields.
#[proc_macro_derive(LabelValue, attributes(label))]
pub fn derive_label_value(input: TokenStream) -> TokenStream {
    label_value::derive(input.into(), label_value::Fields::Refused)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Derives `LabelValue` for an error: the value is the variant, whatever its fields hold.
#[proc_macro_derive(ErrorLabel, attributes(label))]
pub fn derive_error_label(input: TokenStream) -> TokenStream {
    label_value::derive(input.into(), label_value::Fields::Ignored)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// The merged attributes of one function, expanded last. Written by the attributes only.
#[doc(hidden)]
#[proc_macro]
pub fn __merged(input: TokenStream) -> TokenStream {
    merged::expand_last(input.into()).into()
}
