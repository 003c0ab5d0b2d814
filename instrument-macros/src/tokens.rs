//! Questions about tokens that need no parser.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;

/// All identifiers in the tokens, groups included.
pub(crate) fn idents(tokens: &TokenStream) -> Vec<Ident> {
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

/// The identifiers that begin a path and take no arguments: only such can be a generic.
pub(crate) fn beginnings(tokens: &TokenStream) -> Vec<Ident> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let is = |at: Option<usize>, wanted: char| {
        let token = at.and_then(|at| tokens.get(at));
        matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
    };
    let mut all = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => all.extend(beginnings(&group.stream())),
            TokenTree::Ident(ident) => {
                let inside = is(at.checked_sub(1), ':') && is(at.checked_sub(2), ':');
                if !inside && !is(Some(at + 1), '<') {
                    all.push(ident.clone());
                }
            }
            _ => {}
        }
    }
    all
}

pub(crate) fn mentions(tokens: &impl ToTokens, word: &str) -> bool {
    idents(&tokens.to_token_stream())
        .iter()
        .any(|ident| ident == word)
}

/// Whether code reads a variable of that name, as far as tokens tell: not as a field, but also inside a format string.
pub(crate) fn reads(code: &TokenStream, name: &Ident) -> bool {
    let text = name.to_string();
    let in_format = format!("{{{text}");
    let mut after_dot = false;
    code.clone().into_iter().any(|token| {
        let found = match &token {
            TokenTree::Ident(ident) => !after_dot && *ident == text,
            TokenTree::Group(group) => reads(&group.stream(), name),
            TokenTree::Literal(literal) => literal.to_string().contains(&in_format),
            TokenTree::Punct(_) => false,
        };
        let dot = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.');
        // `..name` is a range, `.name` a field.
        after_dot = dot && !after_dot;
        found
    })
}

/// Whether code assigns to a variable of that name or to a field of it, as far as tokens tell.
pub(crate) fn assigns(code: &TokenStream, name: &Ident) -> bool {
    let tokens: Vec<TokenTree> = code.clone().into_iter().collect();
    let punct = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
    let text = name.to_string();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => assigns(&group.stream(), name),
        TokenTree::Ident(ident) if *ident == text && !(at > 0 && punct(at - 1, '.')) => {
            let mut end = at + 1;
            while punct(end, '.') {
                end += 2;
            }
            // `x = 1` and `x += 1`, but not `x == 1`.
            let compound = usize::from("+-*/%^&|".chars().any(|op| punct(end, op)));
            punct(end + compound, '=') && !punct(end + 1, '=')
                || compound == 1 && punct(end + 1, '=')
        }
        _ => false,
    })
}

/// Every lifetime but `'static` and those of a `for<'a>` becomes `'_`: outside the function it has no name.
pub(crate) fn without_lifetimes(tokens: TokenStream) -> TokenStream {
    let mut known = bound_by_for(&tokens);
    known.push("static".to_owned());
    forget_lifetimes(tokens, &known)
}

/// The names of the lifetimes that a `for<…>` binds.
fn bound_by_for(tokens: &TokenStream) -> Vec<String> {
    let (mut names, mut inside, mut last) = (Vec::new(), false, String::new());
    for token in tokens.clone() {
        let text = token.to_string();
        match &token {
            TokenTree::Group(group) => names.extend(bound_by_for(&group.stream())),
            TokenTree::Punct(_) if text == "<" && last == "for" => inside = true,
            TokenTree::Punct(_) if text == ">" => inside = false,
            TokenTree::Ident(_) if inside && last == "'" => names.push(text.clone()),
            _ => {}
        }
        last = text;
    }
    names
}

fn forget_lifetimes(tokens: TokenStream, known: &[String]) -> TokenStream {
    let mut out = TokenStream::new();
    let mut after_tick = false;
    for token in tokens {
        let token = match token {
            TokenTree::Ident(name) if after_tick && known.iter().all(|known| name != known) => {
                TokenTree::Ident(Ident::new("_", name.span()))
            }
            TokenTree::Group(group) => {
                let stream = forget_lifetimes(group.stream(), known);
                let mut inner = Group::new(group.delimiter(), stream);
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

/// The tokens of a path, all at one place: an error about what it names is told there.
pub(crate) fn placed(path: &TokenStream, span: Span) -> TokenStream {
    let place = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    path.clone().into_iter().map(place).collect()
}

/// An identifier that the user's code cannot see.
pub(crate) fn hidden(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_forgotten_unless_they_are_bound_in_the_type() {
        let without = |code: &str| {
            let tokens = without_lifetimes(code.parse().unwrap());
            tokens.to_string().replace(' ', "")
        };
        assert_eq!(without("Cow<'a, &'static str>"), "Cow<'_,&'staticstr>");
        let bound = "dynfor<'b>Fn(&'bstr)->&'bstr";
        assert_eq!(
            without("(dyn for<'b> Fn(&'b str) -> &'b str, &'a u8)"),
            format!("({bound},&'_u8)")
        );
    }

    #[test]
    fn assignments_are_told_from_comparisons() {
        let assigns = |code: &str| {
            assigns(
                &code.parse().unwrap(),
                &Ident::new("lots", Span::call_site()),
            )
        };
        assert!(assigns("{ lots = 1; }") && assigns("lots.0.value = 2;") && assigns("lots += 1"));
        assert!(!assigns("lots == 1") && !assigns("order.lots = 1") && !assigns("let x = lots;"));
    }

    #[test]
    fn a_variable_is_read_by_name_and_in_format_strings_but_not_as_a_field() {
        let reads = |code: &str| {
            reads(
                &code.parse().unwrap(),
                &Ident::new("lots", Span::call_site()),
            )
        };
        assert!(
            reads("f(lots)")
                && reads("{ a + lots }")
                && reads("println!(\"{lots:?}\")")
                && reads("0..lots")
        );
        assert!(!reads("order.lots") && !reads("println!(\"lots\")"));
    }
}
