//! What a function and its attributes come to: which labels are known when, and what its return type says.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Error, Expr, ExprLit, FnArg, Lit, LitStr, Pat, ReturnType, Signature, Type, parse_quote, parse2,
};

use crate::args::{Args, LabelArg, OutcomeArg, Target};

/// Which part of the returned value a label expression names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Ok,
    Err,
    Ret,
}

/// A label of an attribute.
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
        part: Option<(Part, Ident)>,
        inputs: Vec<Input>,
    },
}

/// An argument that a label expression reads.
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

    pub(crate) fn resolve(arg: &LabelArg, args: &Args, sig: &Signature) -> Result<Self, Error> {
        let key = syn::ext::IdentExt::unraw(&arg.key).to_string();
        let declared = matches!(args.target, Target::Declared(_));
        let expr = match &arg.value {
            None => shorthand(&arg.key, sig)?,
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            })) if !declared && arg.ty.is_none() => {
                return Ok(Self::Literal {
                    key,
                    text: text.clone(),
                });
            }
            Some(expr) => expr.clone(),
        };
        let (part, inputs) = (part_of(&expr)?, inputs(&expr, sig));
        if arg.ty.is_none() && !declared {
            needs_no_type(&arg.key, &expr, part.as_ref(), &inputs, sig)?;
        }
        Ok(Self::Value {
            key,
            expr,
            ty: arg.ty.clone(),
            part,
            inputs,
        })
    }
}

fn shorthand(key: &Ident, sig: &Signature) -> Result<Expr, Error> {
    let names: Vec<String> = sig
        .inputs
        .iter()
        .flat_map(|input| idents(&pattern(input)))
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

fn pattern(input: &FnArg) -> TokenStream {
    match input {
        FnArg::Receiver(_) => TokenStream::new(),
        FnArg::Typed(typed) => match &*typed.pat {
            // `mut` and `ref` say how the body holds the argument.
            Pat::Ident(pat) => pat.ident.to_token_stream(),
            other => other.to_token_stream(),
        },
    }
}

/// All identifiers in the tokens, groups included.
fn idents(tokens: &TokenStream) -> Vec<Ident> {
    let mut all = Vec::new();
    for token in tokens.clone() {
        match token {
            TokenTree::Ident(ident) => all.push(ident),
            TokenTree::Group(group) => all.extend(idents(&group.stream())),
            _ => {}
        }
    }
    all
}

fn mentions(tokens: &impl ToTokens, word: &str) -> bool {
    idents(&tokens.to_token_stream())
        .iter()
        .any(|ident| ident == word)
}

fn part_of(expr: &Expr) -> Result<Option<(Part, Ident)>, Error> {
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
                    "K013: a label can name one of `ok`, `err` and `ret`, not two",
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
        FnArg::Typed(typed) => Some((pattern(input), without_lifetimes(&typed.ty))),
        FnArg::Receiver(_) => None,
    });
    typed
        .filter(|(pat, _)| idents(pat).iter().any(|name| words.contains(name)))
        .map(|(pat, ty)| Input { pat, ty })
        .collect()
}

/// The type of an expression is found by a closure outside the function, which knows neither `self` nor its generics.
fn needs_no_type(
    key: &Ident,
    expr: &Expr,
    part: Option<&(Part, Ident)>,
    inputs: &[Input],
    sig: &Signature,
) -> Result<(), Error> {
    let returned = part.is_some().then(|| return_type(sig)).flatten();
    let hidden = mentions(expr, "self")
        || inputs.iter().any(|input| is_generic(&input.ty, sig))
        || returned.is_some_and(|ty| is_generic(&ty, sig));
    if hidden {
        let text = format!(
            "K006: the type of this label cannot be found, as it depends on `self` or on a generic type; write `{key}: Type = …`"
        );
        return Err(Error::new_spanned(expr, text));
    }
    Ok(())
}

/// Whether a type names what only the function knows: its generics, `Self`, `impl Trait`. The generics of an impl are
/// not to be seen from here; single capital letters are taken for them.
fn is_generic(ty: &Type, sig: &Signature) -> bool {
    let params: Vec<String> = sig
        .generics
        .params
        .iter()
        .map(|param| match param {
            syn::GenericParam::Type(param) => param.ident.to_string(),
            syn::GenericParam::Const(param) => param.ident.to_string(),
            syn::GenericParam::Lifetime(_) => String::new(),
        })
        .collect();
    idents(&ty.to_token_stream()).iter().any(|ident| {
        let word = ident.to_string();
        let looks_generic = word.len() <= 2
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word[1..].chars().all(|c| c.is_ascii_digit());
        word == "Self" || word == "impl" || params.contains(&word) || looks_generic
    })
}

/// Every named lifetime becomes `'_`: outside the function it has no name.
fn without_lifetimes(ty: &Type) -> Type {
    fn strip(tokens: TokenStream) -> TokenStream {
        let mut out = TokenStream::new();
        let mut after_tick = false;
        for token in tokens {
            let token = match token {
                TokenTree::Ident(name) if after_tick && name != "static" => {
                    TokenTree::Ident(Ident::new("_", name.span()))
                }
                TokenTree::Group(group) => {
                    let mut inner =
                        proc_macro2::Group::new(group.delimiter(), strip(group.stream()));
                    inner.set_span(group.span());
                    TokenTree::Group(inner)
                }
                other => other,
            };
            after_tick = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
            out.extend([token]);
        }
        out
    }
    parse2(strip(ty.to_token_stream())).unwrap_or_else(|_| ty.clone())
}

pub(crate) fn return_type(sig: &Signature) -> Option<Type> {
    match &sig.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(without_lifetimes(ty)),
    }
}

/// What the return type says of the outcome `error`.
pub(crate) struct Returns {
    /// Whether the returned value is to be looked at.
    pub(crate) inspect: bool,
    /// A constant expression outside the function: whether it is a `Result`.
    pub(crate) is_result: TokenStream,
    /// A check inside the function, where the real type is known.
    pub(crate) check: TokenStream,
}

impl Returns {
    pub(crate) fn of(sig: &Signature, outcome: OutcomeArg, private: &TokenStream) -> Self {
        let Some(ty) = return_type(sig) else {
            return Self::plain(false);
        };
        if outcome == OutcomeArg::Result {
            return Self {
                inspect: true,
                ..Self::plain(true)
            };
        }
        if !matches!(
            ty,
            Type::Path(_) | Type::Macro(_) | Type::Paren(_) | Type::Group(_)
        ) || is_primitive(&ty)
        {
            return Self::plain(false);
        }
        let probe = |ty: &Type| quote! { { #[allow(unused_imports)] use #private::NotResult as _; <#private::Probe<'_, #ty>>::IS_RESULT } };
        if !is_generic(&ty, sig) {
            return Self {
                inspect: true,
                is_result: probe(&ty),
                check: TokenStream::new(),
            };
        }
        let named_result = matches!(&ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Result"));
        if mentions(&ty, "impl") {
            return Self {
                inspect: named_result,
                ..Self::plain(named_result)
            };
        }
        let probe = probe(&ty);
        let (check, text) = if named_result {
            (
                probe,
                "this type is called `Result` but is none; write `outcome = false`",
            )
        } else {
            (
                quote! { !#probe },
                "this type is a `Result`, which its name does not tell; write `outcome = result`",
            )
        };
        let check = quote! { const { #private::core::assert!(#check, #text) }; };
        Self {
            inspect: named_result,
            is_result: named_result.to_token_stream(),
            check,
        }
    }

    fn plain(is_result: bool) -> Self {
        Self {
            inspect: false,
            is_result: is_result.to_token_stream(),
            check: TokenStream::new(),
        }
    }
}

fn is_primitive(ty: &Type) -> bool {
    const PRIMITIVES: [&str; 17] = [
        "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32",
        "i64", "i128", "isize", "f32", "f64",
    ];
    matches!(ty, Type::Path(path) if PRIMITIVES.iter().any(|name| path.path.is_ident(name)))
}

/// The return type as it can stand on a closure or a `let`: `impl Trait` is left to inference.
pub(crate) fn nameable(sig: &Signature) -> Type {
    fn erase(ty: &mut Type) {
        match ty {
            Type::ImplTrait(_) => *ty = parse_quote!(_),
            Type::Path(path) => {
                for segment in &mut path.path.segments {
                    if let syn::PathArguments::AngleBracketed(args) = &mut segment.arguments {
                        for arg in &mut args.args {
                            if let syn::GenericArgument::Type(ty) = arg {
                                erase(ty);
                            }
                        }
                    }
                }
            }
            Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(erase),
            Type::Reference(reference) => erase(&mut reference.elem),
            _ => {}
        }
    }
    match &sig.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => {
            let mut ty = (**ty).clone();
            erase(&mut ty);
            ty
        }
    }
}

/// An identifier that the user's code cannot see.
pub(crate) fn hidden(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
