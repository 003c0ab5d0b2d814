//! Tables of the configuration file, read by hand: only so does every error know its line.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ConfigError, Place};

/// Names that look less alike than this are no suggestion.
const ALIKE: f64 = 0.75;

/// The times that are accepted: a shorter one would keep a core busy, a longer one is a mistake.
const TIMES: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(365 * 24);

/// A file and its text.
pub(super) struct File<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl<'a> File<'a> {
    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'a>>, ConfigError> {
        DeTable::parse(self.text).map_err(|error| ConfigError::Syntax {
            at: self.place(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })
    }

    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        Place {
            file: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
        }
    }
}

/// A table of a file.
pub(super) struct Table<'f, 'a> {
    file: &'f File<'a>,
    title: &'static str,
    entries: &'f DeTable<'a>,
    start: usize,
}

impl<'f, 'a> Table<'f, 'a> {
    pub(super) const fn new(
        file: &'f File<'a>,
        title: &'static str,
        entries: &'f DeTable<'a>,
        start: usize,
    ) -> Self {
        Self {
            file,
            title,
            entries,
            start,
        }
    }

    /// Refuses every key that is not among these.
    pub(super) fn accept(&self, accepted: &'static [&'static str]) -> Result<(), ConfigError> {
        let key = self
            .entries
            .keys()
            .find(|key| !accepted.contains(&key.get_ref().as_ref()));
        match key {
            None => Ok(()),
            Some(key) => Err(ConfigError::UnknownKey {
                at: self.file.place(key.span().start),
                key: key.get_ref().to_string(),
                table: self.title,
                nearest: nearest_of(key.get_ref(), accepted),
                accepted,
            }),
        }
    }

    fn entry(&self, key: &str) -> Option<&'f Spanned<DeValue<'a>>> {
        let mut entries = self.entries.iter();
        entries
            .find(|(name, _)| name.get_ref() == key)
            .map(|(_, value)| value)
    }

    /// Where a key's value stands; the table's own place if it is not there.
    pub(super) fn place(&self, key: &str) -> Place {
        let value = self.entry(key);
        self.file
            .place(value.map_or(self.start, |value| value.span().start))
    }

    /// A value that `read` understands.
    fn value<T>(
        &self,
        key: &'static str,
        wanted: &'static str,
        read: impl Fn(&'f DeValue<'a>) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.entry(key) else {
            return Ok(None);
        };
        let refused = || ConfigError::Value {
            at: self.place(key),
            key,
            table: self.title,
            wanted,
        };
        read(value.get_ref()).map(Some).ok_or_else(refused)
    }

    pub(super) fn text(&self, key: &'static str) -> Result<Option<&'f str>, ConfigError> {
        let filled = |text: &&str| !text.is_empty();
        self.value(key, "a text that is not empty", |value| {
            value.as_str().filter(filled)
        })
    }

    pub(super) fn texts(&self, key: &'static str) -> Result<Vec<&'f str>, ConfigError> {
        let read = |value: &'f DeValue<'a>| {
            let values = value.as_array()?.iter();
            let filled = |text: &&str| !text.is_empty();
            values
                .map(|value| value.get_ref().as_str().filter(filled))
                .collect()
        };
        let texts = self.value(key, "a list of texts that are not empty", read)?;
        Ok(texts.unwrap_or_default())
    }

    pub(super) fn truth(&self, key: &'static str) -> Result<Option<bool>, ConfigError> {
        self.value(key, "true or false", DeValue::as_bool)
    }

    pub(super) fn count(&self, key: &'static str) -> Result<Option<u32>, ConfigError> {
        let read = |value: &DeValue<'_>| {
            let number = value.as_integer()?;
            let number = u32::from_str_radix(number.as_str(), number.radix()).ok()?;
            (number > 0).then_some(number)
        };
        self.value(key, "a number from 1", read)
    }

    pub(super) fn duration(&self, key: &'static str) -> Result<Option<Duration>, ConfigError> {
        let read = |value: &DeValue<'_>| {
            let time: SignedDuration = value.as_str()?.parse().ok()?;
            Duration::try_from(time)
                .ok()
                .filter(|time| TIMES.contains(time))
        };
        let wanted = "a time such as \"30s\", \"500ms\" or \"1m 30s\", from 1ms to 365 days";
        self.value(key, wanted, read)
    }

    /// The table under a key.
    pub(super) fn table(
        &self,
        key: &'static str,
        title: &'static str,
    ) -> Result<Option<Table<'f, 'a>>, ConfigError> {
        let table = self.value(key, "a table", DeValue::as_table)?;
        Ok(table.map(|entries| self.below(key, title, entries)))
    }

    fn below(&self, key: &str, title: &'static str, entries: &'f DeTable<'a>) -> Table<'f, 'a> {
        let start = self
            .entry(key)
            .map_or(self.start, |value| value.span().start);
        Table::new(self.file, title, entries, start)
    }

    /// The tables under a key that can be there more than once.
    pub(super) fn tables(
        &self,
        key: &'static str,
        title: &'static str,
    ) -> Result<Vec<Table<'f, 'a>>, ConfigError> {
        let read = |value: &'f DeValue<'a>| {
            let values = value.as_array()?.iter();
            let tables = values.map(|value| {
                let entries = value.get_ref().as_table()?;
                Some(Table::new(self.file, title, entries, value.span().start))
            });
            tables.collect()
        };
        Ok(self
            .value(key, "a list of tables", read)?
            .unwrap_or_default())
    }

    pub(super) fn needed<T>(&self, key: &'static str, value: Option<T>) -> Result<T, ConfigError> {
        value.ok_or_else(|| ConfigError::Missing {
            at: self.place(key),
            key,
            table: self.title,
        })
    }

    /// What is at `key` needs something that the file does not have.
    pub(super) fn lacks(&self, key: &str, what: &'static str) -> ConfigError {
        ConfigError::Missing {
            at: self.place(key),
            key: what,
            table: "the file",
        }
    }

    pub(super) fn twice(&self, key: &str, name: &str) -> ConfigError {
        ConfigError::Twice {
            at: self.place(key),
            name: name.to_owned(),
            table: self.title,
        }
    }
}

/// The accepted name that looks most like one that is not.
pub(super) fn nearest_of(name: &str, accepted: &[&'static str]) -> Option<&'static str> {
    let alike = accepted
        .iter()
        .map(|known| (*known, strsim::jaro_winkler(name, known)));
    let best = alike.max_by(|(_, a), (_, b)| a.total_cmp(b));
    best.filter(|(_, alike)| *alike >= ALIKE)
        .map(|(known, _)| known)
}
