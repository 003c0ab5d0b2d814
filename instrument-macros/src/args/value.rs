//! The values of single arguments: what each accepts, and what it says otherwise.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Path, Token, parse_quote};

use super::{LabelArg, OutcomeArg};
use crate::names;

/// The words of `on = …`, and the constants of `When` they stand for.
const MOMENTS: [(&str, &str); 6] = [
    ("enter", "ENTER"),
    ("exit", "EXIT"),
    ("ok", "OK"),
    ("error", "ERROR"),
    ("panic", "PANIC"),
    ("cancelled", "CANCELLED"),
];

/// From a quarter of a microsecond to ten milliseconds: work in memory.
const MICRO: [f64; 15] = [
    2.5e-7, 5e-7, 1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3,
    1e-2,
];
/// From a tenth of a millisecond to a minute: disks and networks.
const IO: [f64; 18] = [
    1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0, 60.0,
];
const PRESETS: [(&str, &[f64]); 2] = [("micro", &MICRO), ("io", &IO)];

/// The most buckets that `exp` and `linear` make.
const MOST_BUCKETS: u32 = 100;

const ACCEPTED: &str = "accepted are `[0.1, 1.0]`, `exp(start, factor, n)`, `linear(start, width, n)`, `micro`, `io` and a constant";

/// `buckets = …`.
pub(crate) enum Buckets {
    /// Bounds that are known here, and have been checked.
    Known(TokenStream),
    /// A constant, to be checked when it is evaluated.
    Constant(Expr),
}

impl Buckets {
    pub(crate) fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let expr: Expr = input.parse()?;
        match &expr {
            Expr::Array(array) if array.elems.iter().all(|elem| number(elem).is_some()) => {
                check(array)?;
                Ok(Self::Known(array.to_token_stream()))
            }
            Expr::Path(path) => match path.path.get_ident() {
                Some(word) => preset(word, &expr),
                None => Ok(Self::Constant(expr)),
            },
            Expr::Lit(literal) => {
                let text =
                    format!("K008: this is no list of buckets; {ACCEPTED}, all without quotes");
                Err(Error::new_spanned(literal, text))
            }
            Expr::Call(call) => ladder(call).map(|bounds| Self::Known(quote! { [#(#bounds),*] })),
            _ => Ok(Self::Constant(expr)),
        }
    }

    /// An expression of type `&'static [f64]`.
    pub(crate) fn tokens(&self, private: &TokenStream) -> TokenStream {
        match self {
            Self::Known(bounds) => quote! { &#bounds },
            Self::Constant(expr) => quote! { #private::rising(&#expr) },
        }
    }
}

fn preset(word: &Ident, expr: &Expr) -> Result<Buckets, Error> {
    let text = word.to_string();
    if let Some((_, bounds)) = PRESETS.iter().find(|(name, _)| *name == text) {
        return Ok(Buckets::Known(quote! { [#(#bounds),*] }));
    }
    if text.contains(|c: char| c.is_ascii_uppercase()) {
        return Ok(Buckets::Constant(expr.clone()));
    }
    Err(Error::new(
        word.span(),
        format!("K008: there is no preset `{text}`; {ACCEPTED}"),
    ))
}

fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Lit(ExprLit {
            lit: Lit::Float(float),
            ..
        }) => float.base10_parse().ok(),
        Expr::Lit(ExprLit {
            lit: Lit::Int(int), ..
        }) => int.base10_parse().ok(),
        Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Neg(_)) => {
            number(&unary.expr).map(|value| -value)
        }
        _ => None,
    }
}

/// Bounds given as literals are checked here, at the bound that is wrong.
fn check(array: &syn::ExprArray) -> Result<(), Error> {
    if array.elems.is_empty() {
        return Err(Error::new_spanned(
            array,
            "K008: a histogram needs at least one bucket",
        ));
    }
    let mut last = f64::NEG_INFINITY;
    for elem in &array.elems {
        if matches!(
            elem,
            Expr::Lit(ExprLit {
                lit: Lit::Int(_),
                ..
            })
        ) {
            return Err(Error::new_spanned(
                elem,
                "K008: buckets are floats, as in `[0.1, 1.0]`",
            ));
        }
        let value = number(elem).unwrap_or(f64::NAN);
        if value <= last {
            return Err(Error::new_spanned(
                elem,
                format!("K008: buckets rise: {value} does not come after {last}"),
            ));
        }
        last = value;
    }
    Ok(())
}

/// `exp(start, factor, n)` and `linear(start, width, n)`.
fn ladder(call: &syn::ExprCall) -> Result<Vec<f64>, Error> {
    let Expr::Path(path) = &*call.func else {
        return Err(Error::new_spanned(&call.func, format!("K008: {ACCEPTED}")));
    };
    let exponential = path.path.is_ident("exp");
    if !exponential && !path.path.is_ident("linear") {
        return Err(Error::new_spanned(path, format!("K008: {ACCEPTED}")));
    }
    let args: Vec<&Expr> = call.args.iter().collect();
    let &[start, step, n] = args.as_slice() else {
        return Err(Error::new_spanned(
            &call.args,
            "K008: three numbers: where it starts, the step, how many",
        ));
    };
    let literal = |expr: &Expr| {
        number(expr).ok_or_else(|| Error::new_spanned(expr, "K008: this is a number, written out"))
    };
    let (first, by) = (literal(start)?, literal(step)?);
    let count = literal(n)?;
    if count.fract() != 0.0 || !(1.0..=f64::from(MOST_BUCKETS)).contains(&count) {
        return Err(Error::new_spanned(
            n,
            format!("K008: from 1 to {MOST_BUCKETS} buckets"),
        ));
    }
    if exponential && first <= 0.0 {
        return Err(Error::new_spanned(
            start,
            "K008: an exponential ladder starts above zero",
        ));
    }
    if by <= f64::from(u8::from(exponential)) {
        let text = if exponential {
            "K008: the factor is above 1.0"
        } else {
            "K008: the width is above zero"
        };
        return Err(Error::new_spanned(step, text));
    }
    let bound = |i: i32| {
        if exponential {
            first * by.powi(i)
        } else {
            f64::from(i).mul_add(by, first)
        }
    };
    Ok((0..count as i32).map(|i| rounded(bound(i))).collect())
}

/// Without the last digits, which are the errors of the calculation: 0.1 × 3 is 0.3.
fn rounded(bound: f64) -> f64 {
    format!("{bound:.13e}").parse().unwrap_or(bound)
}

pub(super) fn outcome(input: ParseStream<'_>) -> Result<OutcomeArg, Error> {
    let word = input.call(syn::ext::IdentExt::parse_any)?;
    let word: Ident = word;
    match word.to_string().as_str() {
        "false" => Ok(OutcomeArg::Off),
        "result" => Ok(OutcomeArg::Result),
        _ => Err(Error::new(
            word.span(),
            "K002: `outcome` is `false` (no such label) or `result` (the function returns a `Result`)",
        )),
    }
}

pub(super) fn moment(input: ParseStream<'_>) -> Result<&'static str, Error> {
    let words = MOMENTS.map(|(name, _)| name);
    let (span, all) = (input.span(), words.join("`, `"));
    let word: Ident = input.call(syn::ext::IdentExt::parse_any).map_err(|_| {
        Error::new(
            span,
            format!("K002: `on` is a word without quotes, one of `{all}`"),
        )
    })?;
    if let Some((_, constant)) = MOMENTS.iter().find(|(name, _)| word == name) {
        return Ok(constant);
    }
    let hint = match names::nearest(&word.to_string(), &words) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it is one of `{all}`"),
    };
    Err(Error::new(
        word.span(),
        format!("K002: there is no `on = {word}`; {hint}"),
    ))
}

/// `help = "…"`.
pub(super) fn help(input: ParseStream<'_>) -> Result<LitStr, Error> {
    let help: LitStr = input.parse().map_err(|error| {
        Error::new(
            error.span(),
            "K002: `help` is a text in quotes: `help = \"…\"`",
        )
    })?;
    if help.value().trim().is_empty() {
        let text = "K002: this `help` says nothing; leave it out, and the doc comment is taken";
        return Err(Error::new(help.span(), text));
    }
    Ok(help)
}

/// `limit = 32`, or a constant.
pub(super) fn limit(input: ParseStream<'_>) -> Result<Expr, Error> {
    let limit: Expr = input.parse()?;
    let whole =
        |lit: &Lit| matches!(lit, Lit::Int(int) if int.base10_parse::<u32>().is_ok_and(|n| n > 0));
    match &limit {
        Expr::Lit(literal) if !whole(&literal.lit) => Err(Error::new_spanned(
            &limit,
            "K007: `limit` is the most sets of values that are told apart, a whole number above zero: `limit = 32`",
        )),
        _ => Ok(limit),
    }
}

/// `crate = path`.
pub(super) fn krate(input: ParseStream<'_>) -> Result<Path, Error> {
    let span = input.span();
    input.call(Path::parse_mod_style).map_err(|_| {
        Error::new(
            span,
            "K002: `crate` is the path of instrument-core, without quotes: `crate = kit`",
        )
    })
}

/// `1/N`.
pub(super) fn sample(input: ParseStream<'_>) -> Result<u32, Error> {
    let text = "K002: `sample` is `1/N`, with N from 1 to 1000000: one call in N is timed";
    let parsed = input.parse::<LitInt>().and_then(|one| {
        input.parse::<Token![/]>()?;
        Ok((one, input.parse::<LitInt>()?))
    });
    let (one, n) = parsed.map_err(|error| Error::new(error.span(), text))?;
    match (one.base10_parse::<u32>(), n.base10_parse::<u32>()) {
        (Ok(1), Ok(n)) if (1..=1_000_000).contains(&n) => Ok(n),
        (Ok(1), _) => Err(Error::new(n.span(), text)),
        _ => Err(Error::new(one.span(), text)),
    }
}

/// `error_label` is `error = err`; `error_label = path` is `error = %path(err)`.
pub(super) fn error_label(name: &Ident, input: ParseStream<'_>) -> Result<LabelArg, Error> {
    let (key, err) = (
        Ident::new("error", name.span()),
        Ident::new("err", name.span()),
    );
    let (value, free): (Expr, _) = if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        let path: Path = input.parse()?;
        (parse_quote! { #path(#err) }, Some(name.span()))
    } else {
        (parse_quote! { #err }, None)
    };
    Ok(LabelArg {
        key,
        ty: None,
        free,
        value: Some(value),
    })
}

/// Parses `buckets` of a declared histogram, which has the same forms.
pub(crate) fn buckets_of(expr: &Expr) -> Result<Buckets, Error> {
    Buckets::parse.parse2(expr.to_token_stream())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(text: &str) -> Result<String, String> {
        let tokens: TokenStream = text.parse().unwrap();
        let buckets = Buckets::parse
            .parse2(tokens)
            .map_err(|error| error.to_string())?;
        Ok(buckets.tokens(&quote! { p }).to_string().replace("f64", ""))
    }

    #[test]
    fn ladders_are_calculated_without_stray_digits() {
        assert_eq!(
            bounds("exp(0.001, 10.0, 3)").unwrap(),
            "& [0.001 , 0.01 , 0.1]"
        );
        assert_eq!(
            bounds("linear(0.1, 0.1, 3)").unwrap(),
            "& [0.1 , 0.2 , 0.3]"
        );
        assert!(bounds("micro").unwrap().starts_with("& [0.00000025"));
        assert_eq!(bounds("LADDER").unwrap(), "p :: rising (& LADDER)");
    }

    #[test]
    fn bad_buckets_are_refused() {
        for bad in [
            "[]",
            "[1.0, 0.5]",
            "[1.0, 1.0]",
            "[1, 2]",
            "http",
            "exp(0.0, 2.0, 3)",
            "exp(1.0, 1.0, 3)",
            "linear(0.0, 0.0, 3)",
            "exp(1.0, 2.0)",
            "log(1.0, 2.0, 3)",
            "exp(1.0, 2.0, 1000)",
        ] {
            assert!(bounds(bad).unwrap_err().starts_with("K008"), "{bad}");
        }
    }
}
