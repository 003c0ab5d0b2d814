//! Parses the arguments of one attribute; every value keeps its span.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Error, Expr, Ident, Lit, LitStr, Path, Token, Type, parenthesized};

use crate::names;

/// Which attribute it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Timed,
    Counted,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Timed => "timed",
            Self::Counted => "counted",
        }
    }

    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Timed => &["labels", "help", "buckets", "outcome", "on", "crate"],
            Self::Counted => &["labels", "help", "outcome", "on", "crate"],
        }
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

/// `k`, `k = "text"`, `k = expr` or `k: Type = expr`.
pub(crate) struct LabelArg {
    pub(crate) key: Ident,
    pub(crate) ty: Option<Type>,
    /// `None` for the shorthand: the argument of that name.
    pub(crate) value: Option<Expr>,
}

/// The arguments of one attribute.
pub(crate) struct Args {
    pub(crate) kind: Kind,
    pub(crate) target: Target,
    pub(crate) labels: Vec<LabelArg>,
    pub(crate) help: Option<LitStr>,
    pub(crate) buckets: Option<Expr>,
    pub(crate) outcome: OutcomeArg,
    /// The constant of `When` that `on` names.
    pub(crate) on: Option<&'static str>,
    pub(crate) krate: Option<Path>,
}

/// The words of `on = …`, and the constants of `When` they stand for.
const MOMENTS: [(&str, &str); 6] = [
    ("enter", "ENTER"),
    ("exit", "EXIT"),
    ("ok", "OK"),
    ("error", "ERROR"),
    ("panic", "PANIC"),
    ("cancelled", "CANCELLED"),
];

impl Args {
    pub(crate) fn parse(kind: Kind, tokens: TokenStream) -> Result<Self, Error> {
        (|input: ParseStream<'_>| Self::parse_from(kind, input)).parse2(tokens)
    }

    fn parse_from(kind: Kind, input: ParseStream<'_>) -> Result<Self, Error> {
        let mut args = Self {
            kind,
            target: Target::Shared,
            labels: Vec::new(),
            help: None,
            buckets: None,
            outcome: OutcomeArg::ByType,
            on: None,
            krate: None,
        };
        let mut seen: Vec<String> = Vec::new();
        let mut errors: Option<Error> = None;
        if starts_target(input) {
            args.target = parse_target(input)?;
            end_of_argument(input)?;
        }
        while !input.is_empty() {
            let name = input.call(Ident::parse_any)?;
            let word = name.to_string();
            let known = kind.arguments().contains(&word.as_str());
            if !known {
                collect(&mut errors, unknown(kind, &name));
            } else if seen.contains(&word) {
                let text = format!("K002: `{word}` is given twice; keep one");
                collect(&mut errors, Error::new(name.span(), text));
            }
            let parsed = if known {
                args.argument(&word, input)
            } else {
                skip_value(input)
            };
            if let Err(error) = parsed {
                collect(&mut errors, error);
                break;
            }
            seen.push(word);
            end_of_argument(input)?;
        }
        match errors {
            Some(error) => {
                // What cannot be understood is not parsed further, and must not be an error of its own.
                input.parse::<TokenStream>()?;
                Err(error)
            }
            None => args.checked(),
        }
    }

    fn argument(&mut self, name: &str, input: ParseStream<'_>) -> Result<(), Error> {
        if name == "labels" {
            let list;
            parenthesized!(list in input);
            self.labels = list
                .parse_terminated(LabelArg::parse, Token![,])?
                .into_iter()
                .collect();
            return Ok(());
        }
        input.parse::<Token![=]>()?;
        match name {
            "help" => self.help = Some(input.parse()?),
            "buckets" => self.buckets = Some(input.parse()?),
            "outcome" => self.outcome = parse_outcome(input)?,
            "on" => self.on = Some(parse_moment(input)?),
            "crate" => self.krate = Some(input.call(Path::parse_mod_style)?),
            _ => unreachable!("only accepted names reach this"),
        }
        Ok(())
    }

    /// The rules that concern several arguments at once.
    fn checked(self) -> Result<Self, Error> {
        let mut errors = None;
        for (i, label) in self.labels.iter().enumerate() {
            if self.labels[..i].iter().any(|other| other.key == label.key) {
                let text = format!("K004: the label `{}` is given twice", label.key);
                collect(&mut errors, Error::new(label.key.span(), text));
            }
        }
        match &self.target {
            Target::Shared => self.shared_target(&mut errors),
            Target::Declared(_) => {
                let given = [
                    self.help.as_ref().map(|help| ("help", help.span())),
                    self.buckets
                        .as_ref()
                        .map(|buckets| ("buckets", syn::spanned::Spanned::span(buckets))),
                ];
                for (name, span) in given.into_iter().flatten() {
                    let text = format!(
                        "K002: a declared metric has its own `{name}`; give it in `metrics!`"
                    );
                    collect(&mut errors, Error::new(span, text));
                }
            }
            Target::Named(_) => {}
        }
        errors.map_or(Ok(self), Err)
    }

    fn shared_target(&self, errors: &mut Option<Error>) {
        let given = [
            self.labels
                .first()
                .map(|label| ("labels", label.key.span())),
            self.help.as_ref().map(|help| ("help", help.span())),
            self.buckets
                .as_ref()
                .map(|buckets| ("buckets", syn::spanned::Spanned::span(buckets))),
            (self.outcome == OutcomeArg::Off).then(|| ("outcome = false", Span::call_site())),
            self.on.map(|_| ("on", Span::call_site())),
        ];
        for (name, span) in given.into_iter().flatten() {
            let kind = self.kind.name();
            let text = format!(
                "K002: `{name}` needs a name: `#[{kind}]` without one records into the family that all functions share; \
                 write `#[{kind}(\"name\", …)]`"
            );
            collect(errors, Error::new(span, text));
        }
    }
}

pub(crate) fn collect(errors: &mut Option<Error>, error: Error) {
    match errors {
        Some(all) => all.combine(error),
        None => *errors = Some(error),
    }
}

/// A name or path stands first; an argument is a word followed by `=` or `(`.
fn starts_target(input: ParseStream<'_>) -> bool {
    input.peek(Lit)
        || input.peek(Token![::])
        || (input.peek(Ident::peek_any)
            && !input.peek2(Token![=])
            && !input.peek2(syn::token::Paren))
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
    let accepted = kind.arguments();
    let hint = match names::nearest(&name.to_string(), accepted) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("accepted are `{}`", accepted.join("`, `")),
    };
    Error::new(
        name.span(),
        format!(
            "K001: `#[{}]` has no argument `{name}`; {hint}",
            kind.name()
        ),
    )
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

fn parse_outcome(input: ParseStream<'_>) -> Result<OutcomeArg, Error> {
    let word = input.call(Ident::parse_any)?;
    match word.to_string().as_str() {
        "false" => Ok(OutcomeArg::Off),
        "result" => Ok(OutcomeArg::Result),
        _ => Err(Error::new(
            word.span(),
            "K002: `outcome` is `false` (no such label) or `result` (the function returns a `Result`)",
        )),
    }
}

fn parse_moment(input: ParseStream<'_>) -> Result<&'static str, Error> {
    let word = input.call(Ident::parse_any)?;
    let found = MOMENTS.iter().find(|(name, _)| word == name);
    found.map(|&(_, constant)| constant).ok_or_else(|| {
        Error::new(
            word.span(),
            "K002: `on` is one of enter, exit, ok, error, panic, cancelled",
        )
    })
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
        let value = if ty.is_some() || input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            if input.peek(Token![%]) {
                return Err(input.error("K007: labels of free text are not supported yet; derive `LabelValue` on an enum"));
            }
            Some(input.parse()?)
        } else {
            None
        };
        Ok(Self { key, ty, value })
    }
}
