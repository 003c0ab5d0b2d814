//! One label of `labels(…)`, as it is written.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, Token, Type};

/// `k`, `k = "text"`, `k = expr`, `k: Type = expr` or `k = %expr`.
#[derive(Clone)]
pub(crate) struct LabelArg {
    pub(crate) key: Ident,
    pub(crate) ty: Option<Type>,
    /// Where the `%` of free text is.
    pub(crate) free: Option<Span>,
    /// `None` for the shorthand: the argument of that name.
    pub(crate) value: Option<Expr>,
}

impl Parse for LabelArg {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let span = input.span();
        let key = input.call(Ident::parse_any).map_err(|_| {
            Error::new(
                span,
                "K004: a label begins with its key, a word without quotes: `labels(side = …)`",
            )
        })?;
        let ty = if input.peek(Token![:]) {
            input.parse::<Token![:]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        if ty.is_none() && !input.peek(Token![=]) {
            return Ok(Self {
                key,
                ty,
                free: None,
                value: None,
            });
        }
        if !input.peek(Token![=]) {
            let text =
                format!("K005: a label with a type needs its value too: `{key}: Type = {key}`");
            return Err(Error::new(key.span(), text));
        }
        input.parse::<Token![=]>()?;
        let free = input
            .parse::<Option<Token![%]>>()?
            .map(|percent| percent.span);
        if let (Some(span), Some(_)) = (free, &ty) {
            return Err(Error::new(
                span,
                "K007: a label of free text has no type; write `key = %expression`",
            ));
        }
        let value = Some(input.parse()?);
        Ok(Self {
            key,
            ty,
            free,
            value,
        })
    }
}
