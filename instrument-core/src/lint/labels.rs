//! Which labels the result of an expression can have, and with which values.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of each series of a vector.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Labels {
    /// Keys that every series has.
    pub(crate) must: BTreeSet<String>,
    /// Keys that a series may have.
    pub(crate) may: BTreeSet<String>,
    /// Nothing is known of further keys: there may be any.
    pub(crate) open: bool,
    /// The only values that a key can have, where they are known.
    pub(crate) values: BTreeMap<String, BTreeSet<String>>,
}

impl Labels {
    /// Labels of which nothing is known.
    pub(crate) fn unknown() -> Self {
        Self {
            open: true,
            ..Self::default()
        }
    }

    pub(crate) fn can_have(&self, key: &str) -> bool {
        self.open || self.must.contains(key) || self.may.contains(key)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.must.contains(key)
    }

    /// All keys that are known, for messages.
    pub(crate) fn keys(&self) -> Vec<&str> {
        self.must.union(&self.may).map(String::as_str).collect()
    }

    pub(crate) fn add(&mut self, key: &str, always: bool) {
        self.values.remove(key);
        if always {
            self.may.remove(key);
            self.must.insert(key.to_owned());
        } else if !self.must.contains(key) {
            self.may.insert(key.to_owned());
        }
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.must.remove(key);
        self.may.remove(key);
        self.values.remove(key);
    }

    /// What `by (keys)` leaves.
    pub(crate) fn only<'a>(&self, keys: impl IntoIterator<Item = &'a String>) -> Self {
        let mut left = Self::default();
        for key in keys {
            if self.has(key) {
                left.must.insert(key.clone());
            } else if self.can_have(key) {
                left.may.insert(key.clone());
            }
            if let Some(values) = self.values.get(key) {
                left.values.insert(key.clone(), values.clone());
            }
        }
        left
    }

    /// What `without (keys)` leaves.
    pub(crate) fn without<'a>(&self, keys: impl IntoIterator<Item = &'a String>) -> Self {
        let mut left = self.clone();
        for key in keys {
            left.remove(key);
        }
        left
    }

    /// The labels of a series that may come from either side, as of `or`.
    pub(crate) fn either(&self, other: &Self) -> Self {
        let must: BTreeSet<String> = self.must.intersection(&other.must).cloned().collect();
        let all = [&self.must, &self.may, &other.must, &other.may];
        let may = all.into_iter().flatten().filter(|key| !must.contains(*key));
        let values = self.values.iter().filter_map(|(key, mine)| {
            let theirs = other.values.get(key)?;
            Some((key.clone(), mine.union(theirs).cloned().collect()))
        });
        Self {
            may: may.cloned().collect(),
            open: self.open || other.open,
            values: values.collect(),
            must,
        }
    }

    /// Why no series of the one can have the labels of a series of the other, if that is so.
    pub(crate) fn contradiction(&self, other: &Self) -> Option<Contradiction> {
        let lone = |a: &Self, b: &Self| a.must.iter().find(|key| !b.can_have(key)).cloned();
        if let Some(key) = lone(self, other) {
            return Some(Contradiction::LeftOnly(key));
        }
        if let Some(key) = lone(other, self) {
            return Some(Contradiction::RightOnly(key));
        }
        self.values
            .iter()
            .find(|(key, mine)| {
                self.has(key)
                    && other
                        .values
                        .get(*key)
                        .is_some_and(|theirs| mine.is_disjoint(theirs))
            })
            .map(|(key, _)| Contradiction::Values(key.clone()))
    }
}

/// Why two label sets are never equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contradiction {
    /// Each series of the left side has this key, none of the right side.
    LeftOnly(String),
    /// Each series of the right side has this key, none of the left side.
    RightOnly(String),
    /// Both sides have the key, and no value in common.
    Values(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(must: &[&str], may: &[&str]) -> Labels {
        Labels {
            must: must.iter().map(ToString::to_string).collect(),
            may: may.iter().map(ToString::to_string).collect(),
            ..Labels::default()
        }
    }

    #[test]
    fn a_key_of_one_side_alone_contradicts_unless_the_other_may_have_it() {
        let left = labels(&["job", "server_name"], &[]);
        let never = left.contradiction(&labels(&["job"], &[]));
        assert_eq!(
            never,
            Some(Contradiction::LeftOnly("server_name".to_owned()))
        );
        assert_eq!(
            left.contradiction(&labels(&["job"], &["server_name"])),
            None
        );
        assert_eq!(left.contradiction(&Labels::unknown()), None);
    }

    #[test]
    fn disjoint_values_contradict() {
        let mut left = labels(&["result"], &[]);
        let mut right = left.clone();
        left.values
            .insert("result".to_owned(), ["hit".to_owned()].into());
        right
            .values
            .insert("result".to_owned(), ["miss".to_owned()].into());
        assert_eq!(
            left.contradiction(&right),
            Some(Contradiction::Values("result".to_owned()))
        );
    }

    #[test]
    fn or_keeps_what_both_have_and_may_have_the_rest() {
        let either = labels(&["job", "a"], &[]).either(&labels(&["job", "b"], &[]));
        assert_eq!(either, labels(&["job"], &["a", "b"]));
    }
}
