//! HELP of a family: the first explicit text holds, else the first doc comment; the shared families have texts of their own.

use super::{Conflict, FUNCTION_CALLS, FUNCTION_CALLS_IN_FLIGHT, FUNCTION_DURATION, Family};
use crate::metric::{Desc, Help, Kind, Place};

impl Family {
    pub(super) fn take_help(&mut self, desc: &Desc, second: Place, conflicts: &mut Vec<Conflict>) {
        match (desc.help, self.explicit_help) {
            (Help::Explicit(text), None) => {
                self.help = first_sentence(text);
                self.explicit_help = Some((text, second));
            }
            (Help::Explicit(second_help), Some((first_help, first)))
                if first_help != second_help =>
            {
                let name = self.name;
                conflicts.push(Conflict::Help {
                    name,
                    first_help,
                    first,
                    second_help,
                    second,
                });
            }
            (Help::Doc(text), None) if self.help.is_empty() => self.help = first_sentence(text),
            _ => {}
        }
    }

    pub(super) fn settle_help(&mut self) {
        match self.name {
            FUNCTION_DURATION => {
                "Duration of annotated functions, by how they ended.".clone_into(&mut self.help);
            }
            FUNCTION_CALLS => {
                "Calls of annotated functions, by how they ended.".clone_into(&mut self.help);
            }
            FUNCTION_CALLS_IN_FLIGHT => {
                "Calls of annotated functions that run now.".clone_into(&mut self.help);
            }
            _ if self.help.is_empty() => {
                let what = match self.kind {
                    Kind::Histogram => "Duration of",
                    Kind::Counter => "Calls of",
                    Kind::Gauge => "Running calls of",
                };
                let function = self.sites[0].function.as_deref().unwrap_or(self.name);
                self.help = format!("{what} {function}.");
            }
            _ => {}
        }
        if self.sample > 1 {
            let (n, calls) = (self.sample, calls_of(self.name));
            self.help = format!(
                "{} Sampled: the count is of about one call in {n}; {calls} counts all.",
                self.help
            );
        }
    }
}

/// The exact counter beside a sampled histogram; the macro names it in the same way.
fn calls_of(histogram: &str) -> String {
    let base = histogram
        .strip_suffix("_duration_seconds")
        .or_else(|| histogram.strip_suffix("_seconds"))
        .unwrap_or(histogram);
    format!("{base}_calls_total")
}

/// The text up to its first full stop that ends a sentence, on one line, with that full stop.
fn first_sentence(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(end) = line.find(". ") {
        line.truncate(end + 1);
    }
    if !line.is_empty() && !line.ends_with(['.', '!', '?']) {
        line.push('.');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_one_sentence_on_one_line() {
        assert_eq!(
            first_sentence(" Fetches bars.\n They are cached."),
            "Fetches bars."
        );
        assert_eq!(
            first_sentence("Fetches\n  0.5 s of bars"),
            "Fetches 0.5 s of bars."
        );
        assert_eq!(first_sentence(""), "");
    }
}
