//! Parses the arguments of one attribute; every value keeps its span.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, Expr, Ident, Lit, LitStr, Path, Token, Type, parenthesized};

use crate::names;

mod rules;
mod value;

pub(crate) use value::{Buckets, buckets_of};

/// Which attribute it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Timed,
    Counted,
}

/// Arguments that both attributes have.
const COMMON: [&str; 11] = [
    "labels",
    "limit",
    "help",
    "outcome",
    "ok_if",
    "err_if",
    "error_label",
    "on",
    "in_flight",
    "crate",
    "skip",
];

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Timed => "timed",
            Self::Counted => "counted",
        }
    }

    /// The arguments that only this attribute has.
    const fn own_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Timed => &["buckets", "sample"],
            Self::Counted => &["by"],
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Timed => Self::Counted,
            Self::Counted => Self::Timed,
        }
    }

    fn accepts(self, word: &str) -> bool {
        COMMON.contains(&word) || self.own_arguments().contains(&word)
    }
}

/// Which metric the attribute moves.
pub(crate) enum Target {
    /// The family that all functions share.
    Shared,
    /// One named on the attribute.
    Named(LitStr),
    /// One declared by `metrics!`.
    Declared(Path),
}

/// `outcome = …`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutcomeArg {
    /// Not given: the label is there, and the return type decides its values.
    ByType,
    /// `false`: no label.
    Off,
    /// `result`: the function returns a `Result`, although its type's name does not say so.
    Result,
}

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

/// `ok_if = …` or `err_if = …`: the outcome's decision, and whether `true` means `ok`.
#[derive(Clone)]
pub(crate) struct Classifier {
    pub(crate) expr: Expr,
    pub(crate) ok: bool,
}

/// An argument's name, as it was given.
pub(crate) struct Given {
    word: String,
    span: Span,
}

/// The arguments of one attribute.
pub(crate) struct Args {
    pub(crate) kind: Kind,
    pub(crate) target: Target,
    pub(crate) labels: Vec<LabelArg>,
    pub(crate) limit: Option<Expr>,
    pub(crate) help: Option<LitStr>,
    pub(crate) buckets: Option<Buckets>,
    pub(crate) outcome: OutcomeArg,
    pub(crate) classifier: Option<Classifier>,
    /// The constant of `When` that `on` names.
    pub(crate) on: Option<&'static str>,
    pub(crate) by: Option<Expr>,
    pub(crate) in_flight: bool,
    /// One call in so many is timed.
    pub(crate) sample: Option<u32>,
    pub(crate) krate: Option<Path>,
    pub(crate) skip: bool,
    given: Vec<Given>,
}

impl Args {
    pub(crate) fn parse(kind: Kind, tokens: TokenStream) -> Result<Self, Error> {
        (|input: ParseStream<'_>| Self::parse_from(kind, input)).parse2(tokens)
    }

    /// Where an argument of that name was given.
    pub(crate) fn span_of(&self, word: &str) -> Option<Span> {
        self.given
            .iter()
            .find(|given| given.word == word)
            .map(|given| given.span)
    }

    fn empty(kind: Kind) -> Self {
        Self {
            kind,
            target: Target::Shared,
            labels: Vec::new(),
            limit: None,
            help: None,
            buckets: None,
            outcome: OutcomeArg::ByType,
            classifier: None,
            on: None,
            by: None,
            in_flight: false,
            sample: None,
            krate: None,
            skip: false,
            given: Vec::new(),
        }
    }

    fn parse_from(kind: Kind, input: ParseStream<'_>) -> Result<Self, Error> {
        let mut args = Self::empty(kind);
        let mut errors: Option<Error> = None;
        if starts_target(input) {
            args.target = parse_target(input)?;
            end_of_argument(input)?;
        }
        while !input.is_empty() {
            let parsed = args
                .parse_argument(input, &mut errors)
                .and_then(|()| end_of_argument(input));
            if let Err(error) = parsed {
                collect(&mut errors, error);
                break;
            }
        }
        // What cannot be understood is not parsed further, and must not be an error of its own.
        input.parse::<TokenStream>()?;
        match errors {
            Some(error) => Err(error),
            None => args.checked(),
        }
    }

    fn parse_argument(
        &mut self,
        input: ParseStream<'_>,
        errors: &mut Option<Error>,
    ) -> Result<(), Error> {
        let name = input.call(Ident::parse_any)?;
        let (word, span) = (name.to_string(), name.span());
        if !self.kind.accepts(&word) {
            collect(errors, unknown(self.kind, &name));
            return skip_value(input);
        }
        if let Some(first) = self.span_of(&word) {
            let text = format!("K002: `{word}` is given twice; keep one");
            let mut error = Error::new(span, text);
            error.combine(Error::new(
                first,
                format!("K002: `{word}` is given here first"),
            ));
            collect(errors, error);
        }
        self.given.push(Given { word, span });
        self.argument(&name, input)
    }

    fn argument(&mut self, name: &Ident, input: ParseStream<'_>) -> Result<(), Error> {
        match name.to_string().as_str() {
            "labels" => {
                let list;
                parenthesized!(list in input);
                let labels = list.parse_terminated(LabelArg::parse, Token![,])?;
                self.labels.extend(labels);
                return Ok(());
            }
            "in_flight" => {
                self.in_flight = true;
                return Ok(());
            }
            "skip" => {
                self.skip = true;
                return Ok(());
            }
            "error_label" => {
                self.labels.push(value::error_label(name, input)?);
                return Ok(());
            }
            _ => {}
        }
        input.parse::<Token![=]>()?;
        match name.to_string().as_str() {
            "limit" => self.limit = Some(input.parse()?),
            "help" => self.help = Some(input.parse()?),
            "buckets" => self.buckets = Some(Buckets::parse(input)?),
            "outcome" => self.outcome = value::outcome(input)?,
            word @ ("ok_if" | "err_if") => {
                let (expr, ok) = (input.parse()?, word == "ok_if");
                self.classifier = Some(Classifier { expr, ok });
            }
            "on" => self.on = Some(value::moment(input)?),
            "by" => self.by = Some(input.parse()?),
            "sample" => self.sample = Some(value::sample(input)?),
            "crate" => self.krate = Some(input.call(Path::parse_mod_style)?),
            _ => unreachable!("only accepted names reach this"),
        }
        Ok(())
    }
}

pub(crate) fn collect(errors: &mut Option<Error>, error: Error) {
    match errors {
        Some(all) => all.combine(error),
        None => *errors = Some(error),
    }
}

/// A name or path stands first; an argument is a word followed by `=` or `(`, or a small word alone, as statics are
/// written in capitals.
fn starts_target(input: ParseStream<'_>) -> bool {
    if input.peek(Lit) || input.peek(Token![::]) {
        return true;
    }
    let fork = input.fork();
    let Ok(word) = fork.call(Ident::parse_any) else {
        return false;
    };
    let alone = fork.is_empty() || fork.peek(Token![,]);
    let small = !word.to_string().contains(|c: char| c.is_ascii_uppercase());
    !(fork.peek(Token![=]) || fork.peek(syn::token::Paren) || (alone && small))
}

fn parse_target(input: ParseStream<'_>) -> Result<Target, Error> {
    if input.peek(Lit) {
        return match input.parse()? {
            Lit::Str(name) => Ok(Target::Named(name)),
            other => Err(Error::new(
                other.span(),
                "K003: a metric's name is a string literal, or the path of a declared metric",
            )),
        };
    }
    input.call(Path::parse_mod_style).map(Target::Declared)
}

fn end_of_argument(input: ParseStream<'_>) -> Result<(), Error> {
    if input.is_empty() {
        Ok(())
    } else {
        input.parse::<Token![,]>().map(|_| ())
    }
}

fn unknown(kind: Kind, name: &Ident) -> Error {
    let (word, attribute) = (name.to_string(), kind.name());
    let accepted: Vec<&str> = COMMON.iter().chain(kind.own_arguments()).copied().collect();
    let hint = if kind.other().own_arguments().contains(&word.as_str()) {
        format!("it belongs to `#[{}]`", kind.other().name())
    } else if let Some(near) = names::nearest(&word, &accepted) {
        format!("did you mean `{near}`?")
    } else {
        format!("accepted are `{}`", accepted.join("`, `"))
    };
    let text = format!("K001: `#[{attribute}]` has no argument `{name}`; {hint}");
    Error::new(name.span(), text)
}

/// Passes over the value of an unknown argument, so that the arguments after it are checked too.
fn skip_value(input: ParseStream<'_>) -> Result<(), Error> {
    if input.peek(syn::token::Paren) {
        let group;
        parenthesized!(group in input);
        return group.parse::<TokenStream>().map(|_| ());
    }
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        input.parse::<Expr>()?;
    }
    Ok(())
}

impl Parse for LabelArg {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let key = input.call(Ident::parse_any)?;
        names::check_label(&key.unraw().to_string(), key.span())?;
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
