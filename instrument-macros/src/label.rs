//! A label of an attribute, resolved against the function: when its value is known, and what its type is found from.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident};
use syn::{Error, Expr, ExprLit, FnArg, Lit, LitStr, Pat, Signature, Type, parse_quote, parse2};

use crate::args::{Args, LabelArg, Target};
use crate::shape::{Shape, is_generic, written_part};
use crate::tokens::{idents, mentions, without_lifetimes};

/// Which part of the returned value a label expression names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Ok,
    Err,
    Ret,
}

/// A label of an attribute.
#[derive(Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "a handful live for the length of one expansion"
)]
pub(crate) enum Label {
    /// One text, fixed.
    Literal { key: String, text: LitStr },
    /// An expression; `part` is what it needs of the returned value, under the identifier the user wrote.
    Value {
        key: String,
        expr: Expr,
        ty: Option<Type>,
        /// Free text: its values are not known when the program starts.
        free: bool,
        part: Option<(Part, Ident)>,
        inputs: Vec<Input>,
    },
}

/// An argument that a label expression reads.
#[derive(Clone)]
pub(crate) struct Input {
    pub(crate) pat: TokenStream,
    pub(crate) ty: Type,
}

impl Label {
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Literal { key, .. } | Self::Value { key, .. } => key,
        }
    }

    pub(crate) fn part(&self) -> Option<Part> {
        match self {
            Self::Value {
                part: Some((part, _)),
                ..
            } => Some(*part),
            _ => None,
        }
    }

    /// The part of the returned value that it names, and the name.
    pub(crate) const fn part_name(&self) -> Option<&(Part, Ident)> {
        match self {
            Self::Value { part, .. } => part.as_ref(),
            Self::Literal { .. } => None,
        }
    }

    pub(crate) const fn is_free(&self) -> bool {
        matches!(self, Self::Value { free: true, .. })
    }

    pub(crate) fn resolve(
        arg: &LabelArg,
        args: &Args,
        sig: &Signature,
        shape: &Shape,
    ) -> Result<Self, Error> {
        let key = syn::ext::IdentExt::unraw(&arg.key).to_string();
        let declared = matches!(args.target, Target::Declared(_));
        let expr = match &arg.value {
            None => shorthand(&arg.key, sig)?,
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            })) if !declared && arg.ty.is_none() && arg.free.is_none() => {
                return Ok(Self::Literal {
                    key,
                    text: text.clone(),
                });
            }
            Some(expr) => expr.clone(),
        };
        let (part, inputs) = (part_of(&expr)?, inputs(&expr, sig));
        if arg.ty.is_none() && !declared && arg.free.is_none() {
            needs_no_type(&arg.key, &expr, part.as_ref(), &inputs, sig, shape)?;
        }
        Ok(Self::Value {
            key,
            expr,
            ty: arg.ty.clone(),
            free: arg.free.is_some(),
            part,
            inputs,
        })
    }
}

fn shorthand(key: &Ident, sig: &Signature) -> Result<Expr, Error> {
    let names: Vec<String> = sig
        .inputs
        .iter()
        .flat_map(bindings)
        .map(|name| name.to_string())
        .collect();
    if names.iter().any(|name| key == name) {
        return Ok(parse_quote!(#key));
    }
    let accepted = if names.is_empty() {
        "it has none".to_owned()
    } else {
        format!("it has `{}`", names.join("`, `"))
    };
    let text = format!(
        "K005: the function has no argument `{key}`; {accepted}. Write `{key} = …` for another value"
    );
    Err(Error::new(key.span(), text))
}

/// The argument's pattern without what says how the body holds it.
fn pattern(input: &FnArg) -> TokenStream {
    match input {
        FnArg::Receiver(_) => TokenStream::new(),
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(pat) => pat.ident.to_token_stream(),
            other => other.to_token_stream(),
        },
    }
}

/// The variables that an argument binds.
pub(crate) fn bindings(input: &FnArg) -> Vec<Ident> {
    fn of(pat: &Pat, all: &mut Vec<Ident>) {
        match pat {
            Pat::Ident(pat) => {
                all.push(pat.ident.clone());
                if let Some((_, inner)) = &pat.subpat {
                    of(inner, all);
                }
            }
            Pat::Paren(pat) => of(&pat.pat, all),
            Pat::Reference(pat) => of(&pat.pat, all),
            Pat::Slice(pat) => pat.elems.iter().for_each(|pat| of(pat, all)),
            Pat::Struct(pat) => pat.fields.iter().for_each(|field| of(&field.pat, all)),
            Pat::Tuple(pat) => pat.elems.iter().for_each(|pat| of(pat, all)),
            Pat::TupleStruct(pat) => pat.elems.iter().for_each(|pat| of(pat, all)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    match input {
        FnArg::Receiver(receiver) => all.push(Ident::new("self", receiver.self_token.span)),
        FnArg::Typed(typed) => of(&typed.pat, &mut all),
    }
    all
}

/// Gives every argument that is only `_` a name that the user's code cannot see, so that the body can hold it.
pub(crate) fn name_wildcards(sig: &mut Signature) {
    for (i, input) in sig.inputs.iter_mut().enumerate() {
        if let FnArg::Typed(typed) = input
            && matches!(*typed.pat, Pat::Wild(_))
        {
            let name = format_ident!("_arg{i}", span = Span::mixed_site());
            *typed.pat = parse_quote!(#name);
        }
    }
}

/// Whether an expression can be evaluated only after the body.
pub(crate) fn waits(expr: &Expr) -> bool {
    ["ok", "err", "ret"].iter().any(|word| mentions(expr, word))
}

pub(crate) fn part_of(expr: &Expr) -> Result<Option<(Part, Ident)>, Error> {
    let words = idents(&expr.to_token_stream());
    let mut found: Option<(Part, Ident)> = None;
    for word in words {
        let part = match word.to_string().as_str() {
            "ok" => Part::Ok,
            "err" => Part::Err,
            "ret" => Part::Ret,
            _ => continue,
        };
        match &found {
            Some((other, _)) if *other != part => {
                return Err(Error::new(
                    word.span(),
                    "K013: an expression can name one of `ok`, `err` and `ret`, not two",
                ));
            }
            Some(_) => {}
            None => found = Some((part, word)),
        }
    }
    Ok(found)
}

fn inputs(expr: &Expr, sig: &Signature) -> Vec<Input> {
    let words = idents(&expr.to_token_stream());
    let typed = sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => {
            let ty = parse2(without_lifetimes(typed.ty.to_token_stream()));
            let ty = ty.unwrap_or_else(|_| (*typed.ty).clone());
            bindings(input)
                .iter()
                .any(|name| words.contains(name))
                .then(|| Input {
                    pat: pattern(input),
                    ty,
                })
        }
        FnArg::Receiver(_) => None,
    });
    typed.collect()
}

/// The type of a part of the returned value, or of the whole if the part cannot be told from it.
pub(crate) fn part_type(part: Part, returned: &Type) -> Option<&Type> {
    match part {
        Part::Ok => written_part(returned, true).or(Some(returned)),
        Part::Err => written_part(returned, false).or(Some(returned)),
        Part::Ret => Some(returned),
    }
}

/// The type of an expression is found by a closure outside the function, which knows neither `self` nor its generics.
fn needs_no_type(
    key: &Ident,
    expr: &Expr,
    part: Option<&(Part, Ident)>,
    inputs: &[Input],
    sig: &Signature,
    shape: &Shape,
) -> Result<(), Error> {
    let returned = part.and_then(|(part, _)| part_type(*part, shape.output()?));
    let hidden = mentions(expr, "self")
        || inputs.iter().any(|input| is_generic(&input.ty, sig))
        || returned.is_some_and(|ty| is_generic(ty, sig));
    if hidden {
        let text = format!(
            "K006: the type of this label cannot be found, as it depends on `self` or on a generic type; write `{key}: Type = …` in `labels(…)`"
        );
        return Err(Error::new_spanned(expr, text));
    }
    Ok(())
}
