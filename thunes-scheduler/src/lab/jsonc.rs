//! JSON as VS Code writes it: with comments, and commas before a closing bracket. Lines keep their numbers.

/// The text as plain JSON: comments and commas that end nothing become spaces.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.char_indices().peekable();
    // Where a comma stands in `out` that nothing but space has followed.
    let mut comma = None;
    while let Some((at, c)) = rest.next() {
        let next = rest.peek().map(|(_, next)| *next);
        match (c, next) {
            ('"', _) => {
                comma = None;
                out.push('"');
                let mut escaped = false;
                for (_, c) in rest.by_ref() {
                    out.push(c);
                    if c == '"' && !escaped {
                        break;
                    }
                    escaped = c == '\\' && !escaped;
                }
            }
            ('/', Some('/' | '*')) => {
                let comment = &text[at..];
                let length = match next {
                    Some('/') => comment.find('\n'),
                    _ => comment[2..].find("*/").map(|end| end + 4),
                };
                let comment = &comment[..length.unwrap_or(comment.len())];
                out.extend(comment.chars().map(|c| if c == '\n' { c } else { ' ' }));
                while rest.next_if(|(i, _)| *i < at + comment.len()).is_some() {}
            }
            _ => {
                if let (']' | '}', Some(comma)) = (c, comma) {
                    out.replace_range(comma..=comma, " ");
                }
                if !c.is_whitespace() {
                    comma = (c == ',').then_some(out.len());
                }
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn comments_and_trailing_commas_are_no_part_of_it() {
        let text =
            "{ // one\n  \"a\": [1, 2, /* two,\n */ ],\n  \"u\": \"http://x/*\\\"//\", // end\n}";
        let value: Value = serde_json::from_str(&plain(text)).unwrap();
        assert_eq!(value, json!({"a": [1, 2], "u": "http://x/*\"//"}));
        assert_eq!(plain(text).lines().count(), text.lines().count());
    }

    #[test]
    fn what_is_wrong_stays_wrong() {
        for text in [
            "{\"a\": 1,, }",
            "[,]x",
            "/* open",
            "{\"a\": \"open",
            "{\"a\" / 1}",
        ] {
            assert!(
                serde_json::from_str::<Value>(&plain(text)).is_err(),
                "{text}"
            );
        }
        assert_eq!(plain("{\"é\": \"ü,]\"}"), "{\"é\": \"ü,]\"}");
    }
}
