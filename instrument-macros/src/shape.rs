//! What a function returns: a value, or a future that is the call; and what its type says of the outcome `error`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    AngleBracketedGenericArguments as Generics, GenericArgument, PathArguments, ReturnType,
    Signature, Type, TypeParamBound, parse_quote, parse2,
};

use crate::args::{Classifier, OutcomeArg};
use crate::tokens::{beginnings, mentions, without_lifetimes};

/// What a call of the function is.
pub(crate) enum Shape {
    /// A call that returns a value; it may still be a boxed future under another name. The type is none for `()`.
    Value(Option<Type>),
    /// An `async fn`.
    Async(Option<Type>),
    /// `-> impl Future<Output = X>`.
    Future(Type),
    /// `-> Pin<Box<dyn Future<Output = X>>>`.
    Boxed(Type),
}

impl Shape {
    pub(crate) fn of(sig: &Signature) -> Self {
        let ty = match &sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => {
                let outside = parse2(without_lifetimes(ty.to_token_stream()));
                Some(ungrouped(outside.unwrap_or_else(|_| (**ty).clone())))
            }
        };
        if sig.asyncness.is_some() {
            return Self::Async(ty);
        }
        match ty {
            Some(Type::ImplTrait(opaque)) => match future_output(opaque.bounds.iter()) {
                Some(output) => Self::Future(output),
                None => Self::Value(Some(Type::ImplTrait(opaque))),
            },
            Some(ty) => match boxed_output(&ty) {
                Some(output) => Self::Boxed(output),
                None => Self::Value(Some(ty)),
            },
            None => Self::Value(None),
        }
    }

    pub(crate) const fn is_async(&self) -> bool {
        !matches!(self, Self::Value(_))
    }

    /// The type that a label expression sees, without lifetimes.
    pub(crate) const fn output(&self) -> Option<&Type> {
        match self {
            Self::Value(ty) | Self::Async(ty) => ty.as_ref(),
            Self::Future(ty) | Self::Boxed(ty) => Some(ty),
        }
    }

    /// Whether it is certain that no call ends in `error` by itself.
    pub(crate) fn never_errs(&self) -> bool {
        self.output().is_none_or(|ty| !is_open(ty))
    }

    /// Whether it is certain that no future is returned.
    pub(crate) fn is_surely_sync(&self) -> bool {
        match self {
            Self::Value(Some(ty @ Type::Path(_))) => {
                is_primitive(ty) || is_named_result(ty) || is_well_known(ty)
            }
            Self::Value(Some(Type::Macro(_) | Type::ImplTrait(_))) => false,
            Self::Value(_) => true,
            _ => false,
        }
    }
}

/// The type itself, where `macro_rules!` has put its tokens into an invisible group.
fn ungrouped(ty: Type) -> Type {
    match ty {
        Type::Group(group) => ungrouped(*group.elem),
        other => other,
    }
}

/// `T` or `E` of a type that is written `Result<T, E>`.
pub(crate) fn written_part(ty: &Type, ok: bool) -> Option<&Type> {
    let Type::Path(path) = ty else {
        return None;
    };
    let last = path
        .path
        .segments
        .last()
        .filter(|last| last.ident == "Result")?;
    let args = &generics(&last.arguments)?.args;
    match (args.get(usize::from(!ok))?, args.len()) {
        (GenericArgument::Type(ty), 2) => Some(ty),
        _ => None,
    }
}

/// `X` of `Future<Output = X>` among the bounds.
fn future_output<'a>(mut bounds: impl Iterator<Item = &'a TypeParamBound>) -> Option<Type> {
    bounds.find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let last = bound
            .path
            .segments
            .last()
            .filter(|last| last.ident == "Future")?;
        generics(&last.arguments)?
            .args
            .iter()
            .find_map(|arg| match arg {
                GenericArgument::AssocType(assoc) if assoc.ident == "Output" => {
                    Some(assoc.ty.clone())
                }
                _ => None,
            })
    })
}

/// `X` of `Pin<Box<dyn Future<Output = X> + …>>`, under any path.
fn boxed_output(ty: &Type) -> Option<Type> {
    match only_argument(only_argument(ty, "Pin")?, "Box")? {
        Type::TraitObject(object) => future_output(object.bounds.iter()),
        _ => None,
    }
}

fn only_argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else {
        return None;
    };
    let last = path
        .path
        .segments
        .last()
        .filter(|last| last.ident == name)?;
    match generics(&last.arguments)?.args.first()? {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

const fn generics(arguments: &PathArguments) -> Option<&Generics> {
    match arguments {
        PathArguments::AngleBracketed(generics) => Some(generics),
        _ => None,
    }
}

/// Whether a type names what only the function knows: its generics, `Self`, `impl Trait`. The generics of an impl are
/// among them if the impl is annotated; else they are not to be seen, and single capital letters are taken for them.
pub(crate) fn is_generic(ty: &Type, sig: &Signature) -> bool {
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
    beginnings(&ty.to_token_stream()).iter().any(|ident| {
        let word = ident.to_string();
        let looks_generic = word.len() <= 2
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word[1..].chars().all(|c| c.is_ascii_digit());
        word == "Self" || word == "impl" || params.contains(&word) || looks_generic
    })
}

/// What the return type says of the outcome.
pub(crate) struct Returns {
    /// Whether the returned value is to be looked at.
    pub(crate) inspect: bool,
    /// Whether it may be a boxed future under another name.
    pub(crate) maybe_future: bool,
    /// Constant expressions outside the function: whether a call can end in `error`, and whether it is a future.
    pub(crate) has_error: TokenStream,
    pub(crate) is_future: TokenStream,
    /// A check inside the function, where the real type is known.
    pub(crate) check: TokenStream,
}

impl Returns {
    pub(crate) fn of(
        sig: &Signature,
        shape: &Shape,
        outcome: OutcomeArg,
        classifier: Option<&Classifier>,
        private: &TokenStream,
    ) -> Self {
        let is_async = shape.is_async();
        let plain = |inspect: bool, has_error: bool| Self {
            inspect,
            maybe_future: false,
            has_error: has_error.to_token_stream(),
            is_future: is_async.to_token_stream(),
            check: TokenStream::new(),
        };
        let Some(ty) = shape.output() else {
            return plain(classifier.is_some(), classifier.is_some());
        };
        let given = classifier.is_some() || outcome == OutcomeArg::Result;
        let nameless = mentions(ty, "impl");
        let by_name = is_named_result(ty);
        if !is_open(ty) || nameless {
            let inspect = given || (nameless && by_name);
            return plain(inspect, inspect);
        }
        let probe = |what: TokenStream| quote! { { #[allow(unused_imports)] use #private::NotResult as _; <#private::Probe<'_, #ty>>::#what } };
        let (is_result, is_boxed) = (probe(quote! { IS_RESULT }), probe(quote! { IS_FUTURE }));
        // The generics of an impl are not to be seen from its methods. A `Result` of them is told by its name, and the
        // name is checked inside, where they are known.
        let in_method = sig.receiver().is_some() && by_name;
        let outside = !is_generic(ty, sig) && !in_method;
        let maybe_future = !is_async && !by_name;
        let statically = |known: bool, probe: &TokenStream| {
            if outside {
                probe.clone()
            } else {
                known.to_token_stream()
            }
        };
        let mut returns = Self {
            inspect: true,
            maybe_future,
            has_error: if given {
                quote! { true }
            } else {
                statically(by_name, &is_result)
            },
            is_future: if maybe_future {
                statically(false, &is_boxed)
            } else {
                is_async.to_token_stream()
            },
            check: TokenStream::new(),
        };
        if !outside {
            // A bare type parameter has no outcome but `ok`, whatever it becomes.
            (returns.inspect, returns.maybe_future) = (given || by_name, false);
            returns.check = agreement(ty, by_name, given, maybe_future, private);
        }
        returns
    }
}

/// A compile error, if a generic type is something else than its name tells.
fn agreement(
    ty: &Type,
    by_name: bool,
    given: bool,
    maybe_future: bool,
    private: &TokenStream,
) -> TokenStream {
    let span = ty.span().resolved_at(Span::mixed_site());
    let probe = quote_spanned! { span => <#private::Probe<'_, #ty>> };
    let holds = if by_name {
        quote! { named_result }
    } else {
        quote! { not_named_result }
    };
    let result = (!given).then(|| quote_spanned! { span => #private::#holds(&#probe::RESULT); });
    let future =
        maybe_future.then(|| quote_spanned! { span => #private::not_boxed(&#probe::FUTURE); });
    if result.is_none() && future.is_none() {
        return TokenStream::new();
    }
    quote! { const { #[allow(unused_imports)] use #private::NotResult as _; #result #future } }
}

/// Whether the type may be anything: a path, or what a macro makes.
fn is_open(ty: &Type) -> bool {
    matches!(
        ty,
        Type::Path(_) | Type::Macro(_) | Type::Paren(_) | Type::Group(_)
    ) && !is_primitive(ty)
        && !is_well_known(ty)
}

fn is_named_result(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Result"))
}

/// Types of the standard library that are what their name says, whatever generics of an impl they hold.
fn is_well_known(ty: &Type) -> bool {
    const WELL_KNOWN: [&str; 22] = [
        "Arc",
        "BTreeMap",
        "BTreeSet",
        "BinaryHeap",
        "Box",
        "Cell",
        "Cow",
        "HashMap",
        "HashSet",
        "Mutex",
        "MutexGuard",
        "Option",
        "PhantomData",
        "Rc",
        "Ref",
        "RefCell",
        "RefMut",
        "RwLock",
        "String",
        "Vec",
        "VecDeque",
        "Weak",
    ];
    matches!(ty, Type::Path(path) if path.qself.is_none()
        && path.path.segments.last().is_some_and(|last| WELL_KNOWN.iter().any(|name| last.ident == name)))
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
                    if let PathArguments::AngleBracketed(args) = &mut segment.arguments {
                        for arg in &mut args.args {
                            if let GenericArgument::Type(ty) = arg {
                                erase(ty);
                            }
                        }
                    }
                }
            }
            Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(erase),
            Type::Reference(reference) => erase(&mut reference.elem),
            Type::Slice(slice) => erase(&mut slice.elem),
            Type::Array(array) => erase(&mut array.elem),
            Type::Paren(paren) => erase(&mut paren.elem),
            Type::Group(group) => erase(&mut group.elem),
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
