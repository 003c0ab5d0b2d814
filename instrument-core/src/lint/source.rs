//! A file's text, and where in it something stands.

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path as it was given.
    pub(crate) path: String,
    /// The whole content.
    pub(crate) text: String,
}

impl Source {
    /// Line and column of a byte, both from 1; columns count characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[start..].chars().count() + 1)
    }

    /// The first place from `from` on where `needle` stands as a whole word.
    ///
    /// Blanks, escapes and the kind of quotes do not count: an expression may be broken over lines, or stand in a
    /// JSON string.
    pub(crate) fn find(&self, needle: &str, from: usize) -> Option<usize> {
        let hay = self.text.as_bytes();
        let needle: Vec<u8> = needle
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace() && *byte != b'\\')
            .map(same_quote)
            .collect();
        let first = *needle.first()?;
        (from..hay.len()).find(|&at| {
            same_quote(hay[at]) == first
                && !(is_word(first) && at > 0 && is_word(hay[at - 1]) && !after_escape(hay, at))
                && stands_at(hay, at, &needle)
        })
    }
}

/// The byte of a line (from 1) and column (from 0, in characters).
pub(crate) fn offset_in(text: &str, line: usize, column: usize) -> usize {
    let start = if line <= 1 {
        0
    } else {
        text.match_indices('\n')
            .nth(line - 2)
            .map_or(text.len(), |(newline, _)| newline + 1)
    };
    text[start..]
        .char_indices()
        .nth(column)
        .map_or(text.len(), |(at, _)| start + at)
}

/// Whether the letter at `at` is not the end of an escape like `\n`, which is a blank and no part of a word.
fn after_escape(hay: &[u8], at: usize) -> bool {
    at >= 2 && hay[at - 2] == b'\\' && matches!(hay[at - 1], b'n' | b't' | b'r')
}

fn stands_at(hay: &[u8], mut at: usize, needle: &[u8]) -> bool {
    for &wanted in needle {
        loop {
            match hay.get(at) {
                Some(byte) if byte.is_ascii_whitespace() => at += 1,
                Some(b'\\') => {
                    let blank = matches!(hay.get(at + 1), Some(next @ (b'n' | b't' | b'r')) if *next != wanted);
                    at += if blank { 2 } else { 1 };
                }
                Some(&byte) if same_quote(byte) == wanted => break,
                _ => return false,
            }
        }
        at += 1;
    }
    let last = needle.last().copied().unwrap_or_default();
    !(is_word(last) && hay.get(at).is_some_and(|next| is_word(*next)))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'
}

fn same_quote(byte: u8) -> u8 {
    match byte {
        b'\'' | b'`' => b'"',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source {
            path: "rules.yml".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn line_and_column_count_from_one_and_in_characters() {
        let file = source("a: 1\nü: x_total\n");
        let at = file.find("x_total", 0).expect("it is there");
        assert_eq!(file.position(at), (2, 4));
    }

    #[test]
    fn a_longer_name_is_not_the_name() {
        let file = source("x_total_more + my_x_total + x_total");
        assert_eq!(file.find("x_total", 0), Some(28));
    }

    #[test]
    fn an_expression_is_found_over_lines_and_in_a_json_string() {
        let file = source("expr: |\n  sum by (le) (\n    rate(x[5m])\n  )");
        assert_eq!(file.find("sum by (le) (rate(x[5m]))", 0), Some(10));
        let json = source(r#"{"expr": "sum(\nx{job=\"a\"})"}"#);
        assert_eq!(json.find(r#"x{job="a"}"#, 0), Some(16));
    }

    #[test]
    fn a_line_and_column_lead_back_to_the_byte() {
        assert_eq!(
            offset_in(
                "ab
cüd
", 2, 2
            ),
            6
        );
    }
}
