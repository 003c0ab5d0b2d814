//! Where the samples of a computed family go.

use super::text::{push_f64, push_label_value};

/// Writes the samples of one family.
pub(crate) struct Sink<'a> {
    pub(super) out: &'a mut String,
    pub(super) family: &'static str,
    /// Labels of every series.
    pub(super) global_labels: &'a [(String, String)],
}

impl Sink<'_> {
    /// Adds a sample.
    pub(crate) fn put(&mut self, labels: &[(&str, &str)], value: f64) {
        self.out.push_str(self.family);
        let global = self.global_labels.iter();
        let global = global.map(|(key, value)| (key.as_str(), value.as_str()));
        let global = global.filter(|(key, _)| labels.iter().all(|(own, _)| own != key));
        let mut open = '{';
        for (key, value) in global.chain(labels.iter().copied()) {
            self.out.push(open);
            self.out.extend([key, "=\""]);
            push_label_value(self.out, value);
            self.out.push('"');
            open = ',';
        }
        self.out.push_str(if open == '{' { " " } else { "} " });
        push_f64(self.out, value);
        self.out.push('\n');
    }

    /// Adds the family's one sample, if there is a value.
    pub(crate) fn put_known(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.put(&[], value);
        }
    }
}
