//! Parses the arguments of one attribute; every value keeps its span.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, Ident, Lit, LitStr, Path, Token, parenthesized};

use crate::names;

mod label;
mod rules;
mod value;

pub(crate) use label::LabelArg;
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
        let (args, errors) = Self::parse_all(kind, tokens);
        errors.map_or(Ok(args), Err)
    }

    /// What can be understood, and every mistake in the rest.
    pub(crate) fn parse_all(kind: Kind, tokens: TokenStream) -> (Self, Option<Error>) {
        let (mut args, mut errors) = (Self::empty(kind), None);
        let parsed = |input: ParseStream<'_>| {
            args.parse_from(input, &mut errors);
            Ok(())
        };
        if let Err(error) = parsed.parse2(tokens) {
            collect(&mut errors, error);
        }
        args.check(&mut errors);
        (args, errors)
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

    fn parse_from(&mut self, input: ParseStream<'_>, errors: &mut Option<Error>) {
        let target = if starts_target(input) {
            parse_target(input).and_then(|target| {
                self.target = target;
                end_of_argument(input)
            })
        } else {
            Ok(())
        };
        recover(target, input, errors);
        while !input.is_empty() {
            let argument = self.parse_argument(input, errors);
            recover(
                argument.and_then(|()| end_of_argument(input)),
                input,
                errors,
            );
        }
    }

    fn parse_argument(
        &mut self,
        input: ParseStream<'_>,
        errors: &mut Option<Error>,
    ) -> Result<(), Error> {
        let name = self.name_of_argument(input)?;
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
        self.argument(&name, input, errors)
    }

    fn name_of_argument(&self, input: ParseStream<'_>) -> Result<Ident, Error> {
        let (span, kind) = (input.span(), self.kind.name());
        if input.peek(LitStr) {
            let text = format!(
                "K003: a metric's name stands first, without a word before it: `#[{kind}(\"name\", …)]`"
            );
            return Err(Error::new(span, text));
        }
        input.call(Ident::parse_any).map_err(|_| {
            let text = format!(
                "K001: an argument of `#[{kind}]` begins with its name; accepted are {}",
                accepted(self.kind)
            );
            Error::new(span, text)
        })
    }

    fn argument(
        &mut self,
        name: &Ident,
        input: ParseStream<'_>,
        errors: &mut Option<Error>,
    ) -> Result<(), Error> {
        match name.to_string().as_str() {
            "labels" => {
                if !input.peek(syn::token::Paren) {
                    let text = "K002: labels stand in parentheses: `labels(key, key = value)`";
                    return Err(Error::new(input.span(), text));
                }
                let list;
                parenthesized!(list in input);
                while !list.is_empty() {
                    let label = list.parse().map(|label| self.labels.push(label));
                    recover(label.and_then(|()| end_of_argument(&list)), &list, errors);
                }
                return Ok(());
            }
            "in_flight" | "skip" if input.peek(Token![=]) => {
                let text =
                    format!("K002: `{name}` takes no value; leave it out, or write `{name}` alone");
                collect(errors, Error::new(input.span(), text));
                return skip_value(input);
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
        if !input.peek(Token![=]) {
            let text = format!("K002: `{name}` takes a value; write `{name} = …`");
            return Err(Error::new(name.span(), text));
        }
        input.parse::<Token![=]>()?;
        match name.to_string().as_str() {
            "limit" => self.limit = Some(value::limit(input)?),
            "help" => self.help = Some(value::help(input)?),
            "buckets" => self.buckets = Some(Buckets::parse(input)?),
            "outcome" => self.outcome = value::outcome(input)?,
            word @ ("ok_if" | "err_if") => {
                let (expr, ok) = (input.parse()?, word == "ok_if");
                self.classifier = Some(Classifier { expr, ok });
            }
            "on" => self.on = Some(value::moment(input)?),
            "by" => self.by = Some(input.parse()?),
            "sample" => self.sample = Some(value::sample(input)?),
            "crate" => self.krate = Some(value::krate(input)?),
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

/// Keeps the error, and goes on after the next comma.
fn recover(parsed: Result<(), Error>, input: ParseStream<'_>, errors: &mut Option<Error>) {
    let Err(error) = parsed else {
        return;
    };
    collect(errors, error);
    while let Ok(token) = input.parse::<TokenTree>() {
        if matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',') {
            break;
        }
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
        let text = "K002: a comma stands between two arguments, and between two labels";
        let comma = input.parse::<Token![,]>();
        comma
            .map(drop)
            .map_err(|error| Error::new(error.span(), text))
    }
}

fn accepted(kind: Kind) -> String {
    let words: Vec<&str> = COMMON.iter().chain(kind.own_arguments()).copied().collect();
    format!("`{}`", words.join("`, `"))
}

fn unknown(kind: Kind, name: &Ident) -> Error {
    let (word, attribute) = (name.to_string(), kind.name());
    let accepted_words: Vec<&str> = COMMON.iter().chain(kind.own_arguments()).copied().collect();
    let hint = if kind.other().own_arguments().contains(&word.as_str()) {
        format!("it belongs to `#[{}]`", kind.other().name())
    } else if word == "name" {
        format!("the name stands first, without a word before it: `#[{attribute}(\"name\", …)]`")
    } else if let Some(near) = names::nearest(&word, &accepted_words) {
        format!("did you mean `{near}`?")
    } else {
        format!("accepted are {}", accepted(kind))
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
