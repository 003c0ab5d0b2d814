//! Merges the attributes of one function, in any order and under any name, into one expansion.
//!
//! No attribute looks for its siblings' names: they may be renamed. The first that expands wraps the body in
//! `__merged! { sig doc [spec]… {body} }`; each later one finds that wrapper as the whole body and adds its
//! spec; the wrapper expands last. If no other attribute can follow, the expansion is made at once.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{
    Error, GenericParam, Ident, LitStr, Path, Signature, Token, bracketed, parse_quote, parse2,
};

use crate::args::{Args, Kind, collect};
use crate::block;
use crate::expand;
use crate::function::{self, Function};
use crate::label::{self, Label};
use crate::shape::Shape;
use crate::tokens::idents;

const WRAPPER: &str = "__merged";

/// The word that an annotated impl puts before the arguments it hands down to its methods.
pub(crate) const INHERITED: &str = "__inherited";

/// One attribute, as the wrapper carries it: its kind and its arguments.
struct Spec {
    kind: Kind,
    /// It stands on the impl: an attribute of the same kind on the method itself takes its place. The impl's generics.
    inherited: Option<TokenStream>,
    args: TokenStream,
}

impl Spec {
    fn new(kind: Kind, args: TokenStream) -> Self {
        let mut tokens = args.clone().into_iter();
        let (inherited, args) = match (tokens.next(), tokens.next()) {
            (Some(TokenTree::Ident(word)), Some(TokenTree::Group(generics)))
                if word == INHERITED =>
            {
                (Some(generics.stream()), tokens.collect())
            }
            _ => (None, args),
        };
        Self {
            kind,
            inherited,
            args,
        }
    }
}

impl ToTokens for Spec {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let (kind, args) = (Ident::new(self.kind.name(), Span::call_site()), &self.args);
        let inherited = self.inherited.as_ref().map(|generics| {
            let word = Ident::new(INHERITED, Span::call_site());
            quote! { #word(#generics) }
        });
        tokens.extend(quote! { [#kind #inherited #args] });
    }
}

impl Parse for Spec {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let inside;
        bracketed!(inside in input);
        let kind: Ident = inside.parse()?;
        let kind = if kind == Kind::Timed.name() {
            Kind::Timed
        } else {
            Kind::Counted
        };
        Ok(Self::new(kind, inside.parse()?))
    }
}

/// What stands inside the wrapper.
struct Wrapped {
    sig: Signature,
    doc: LitStr,
    specs: Vec<Spec>,
    body: Group,
}

impl Parse for Wrapped {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let sig = input.parse()?;
        input.parse::<Token![;]>()?;
        let doc = input.parse()?;
        let mut specs = Vec::new();
        while input.peek(syn::token::Bracket) {
            specs.push(input.parse()?);
        }
        Ok(Self {
            sig,
            doc,
            specs,
            body: input.parse()?,
        })
    }
}

/// Expands `#[timed]` or `#[counted]`.
pub(crate) fn attribute(kind: Kind, args: TokenStream, item: &TokenStream) -> TokenStream {
    let expanded = match block::generics_of(item) {
        Some(generics) => block::hand_down(kind, &args, &generics, item.clone()),
        None => merge(kind, args, item.clone()),
    };
    expanded.unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote! { #error #item }
    })
}

fn merge(kind: Kind, args: TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    let mut function: Function = parse2(item).map_err(|error| unsupported(kind, error))?;
    let spec = Spec::new(kind, args);
    // An error in the arguments belongs to this attribute, not to the wrapper that expands later.
    let (args, errors) = Args::parse_all(kind, spec.args.clone());
    // What is skipped may be anything, also a `const fn`, which is handed the impl's attribute only to skip it.
    let passed_over = args.skip || (spec.inherited.is_some() && function.sig.constness.is_some());
    if !passed_over {
        function.check(kind)?;
    }
    if let Some(mut errors) = errors {
        let shape = Shape::of(&function.sig);
        for label in &args.labels {
            if let Err(error) = Label::resolve(label, &args, &function.sig, &shape) {
                errors.combine(error);
            }
        }
        return Err(errors);
    }
    let krate = args.krate;
    let mut wrapped = match unwrap(&function) {
        Some(wrapped) => wrapped?,
        None => {
            if function.sig.asyncness.is_some()
                || !matches!(function.sig.output, syn::ReturnType::Default)
            {
                label::name_wildcards(&mut function.sig);
            }
            Wrapped {
                sig: function.sig.clone(),
                doc: LitStr::new(&function::doc(&function.attrs), Span::call_site()),
                specs: Vec::new(),
                body: function.body.clone(),
            }
        }
    };
    wrapped.specs.push(spec);
    let body = if function.has_active_attributes() {
        wrap(&wrapped, krate.as_ref())
    } else {
        last(&wrapped)?
    };
    Ok(function.with_body(&body))
}

fn unsupported(kind: Kind, error: Error) -> Error {
    if error.to_string().starts_with('K') {
        return error;
    }
    let text = format!(
        "K017: `#[{}]` goes on a function or method with a body, on an impl or on a trait ({error})",
        kind.name()
    );
    Error::new(error.span(), text)
}

fn wrap(wrapped: &Wrapped, krate: Option<&Path>) -> TokenStream {
    let krate = expand::krate(krate);
    let name = Ident::new(WRAPPER, Span::call_site());
    let Wrapped {
        sig,
        doc,
        specs,
        body,
    } = wrapped;
    quote! { #krate::__private::#name! { #sig; #doc #(#specs)* #body } }
}

/// The wrapper, if it is the whole body: `path::__merged! { … }`.
fn unwrap(function: &Function) -> Option<Result<Wrapped, Error>> {
    let tokens: Vec<TokenTree> = function.body.stream().into_iter().collect();
    let [
        ..,
        TokenTree::Ident(name),
        TokenTree::Punct(bang),
        TokenTree::Group(inside),
    ] = tokens.as_slice()
    else {
        return None;
    };
    let path_only = tokens[..tokens.len() - 3].iter().all(|token| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    });
    let is_wrapper =
        name.unraw() == WRAPPER && bang.as_char() == '!' && inside.delimiter() == Delimiter::Brace;
    (path_only && is_wrapper).then(|| parse2(inside.stream()))
}

/// Expands `__merged! { … }`.
pub(crate) fn expand_last(input: TokenStream) -> TokenStream {
    let wrapped: Wrapped = match parse2(input) {
        Ok(wrapped) => wrapped,
        Err(error) => return error.into_compile_error(),
    };
    last(&wrapped).unwrap_or_else(|error| {
        let (error, statements) = (error.into_compile_error(), wrapped.body.stream());
        quote! { #error #statements }
    })
}

/// The body with everything that records.
fn last(wrapped: &Wrapped) -> Result<TokenStream, Error> {
    let (mut parsed, mut errors) = (Vec::new(), None);
    let mut sig = wrapped.sig.clone();
    for spec in &wrapped.specs {
        // The function knows them as it knows its own.
        let generics = spec.inherited.iter().flat_map(idents);
        sig.generics
            .params
            .extend(generics.map(|name| -> GenericParam { parse_quote!(#name) }));
        match Args::parse(spec.kind, spec.args.clone()) {
            Ok(args) => parsed.push((spec.inherited.is_some(), args)),
            Err(error) => collect(&mut errors, error),
        }
    }
    let inherits = parsed.iter().any(|(inherited, _)| *inherited);
    for (_, args) in parsed.iter().filter(|(_, args)| args.skip && !inherits) {
        let span = args.span_of("skip").unwrap_or_else(Span::call_site);
        let text = "K002: `skip` is for methods of an annotated impl; remove the attribute";
        collect(&mut errors, Error::new(span, text));
    }
    if let Some(error) = errors {
        return Err(error);
    }
    let own: Vec<Kind> = parsed
        .iter()
        .filter(|(inherited, _)| !inherited)
        .map(|(_, args)| args.kind)
        .collect();
    let replaced =
        |(inherited, args): &(bool, Args)| args.skip || (*inherited && own.contains(&args.kind));
    let args: Vec<Args> = parsed
        .into_iter()
        .filter(|one| !replaced(one))
        .map(|(_, args)| args)
        .collect();
    if args.is_empty() {
        return Ok(wrapped.body.stream());
    }
    expand::body(&sig, &wrapped.doc, args, &wrapped.body)
}
