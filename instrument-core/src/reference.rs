//! The catalogue as others read it: JSON for tools, Markdown for people, a page at zero, a keep-list. Cold.
//!
//! Nothing is installed or started for it, so a program can answer before it has a configuration.

use std::fmt;
use std::str::FromStr;

use crate::catalogue::{Catalogue, Family, SiteOf};
use crate::exposition::text::unit;
use crate::exposition::{self, Computed, Format, Sink};
use crate::install::{Builder, InstallError};
use crate::metric::Kind;
use crate::storage::{self, matches_pattern};

mod json;
mod keep_list;
mod markdown;

/// A format in which a program tells what it can emit; its text is that of `PROGRAM metrics --format …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogueFormat {
    /// `json`: for `instrument-lint` and other tools. `docs/catalogue.schema.json` of this crate is its JSON Schema.
    Json,
    /// `markdown`: a reference for people. It names source files, but no lines, so that it changes with the metrics only.
    Markdown,
    /// `openmetrics`: a page with every series at zero. A family whose label values are known only when the program
    /// runs has no series there, but its type and help.
    OpenMetrics,
    /// `keep-list`: a `metric_relabel_configs` for a scrape of Prometheus. It keeps what the program emits, the lines
    /// `…_bucket`, `…_sum`, `…_count` and `…_created` included, and drops everything else.
    KeepList,
}

/// A text that is no [`CatalogueFormat`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no format of a catalogue; accepted: {}", CatalogueFormat::NAMES.join(", "))]
pub struct UnknownFormat {
    /// The text.
    pub text: String,
}

impl CatalogueFormat {
    /// The texts of all formats.
    pub const NAMES: [&'static str; 4] = ["json", "markdown", "openmetrics", "keep-list"];

    const ALL: [Self; 4] = [
        Self::Json,
        Self::Markdown,
        Self::OpenMetrics,
        Self::KeepList,
    ];
}

impl FromStr for CatalogueFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let place = Self::NAMES.iter().position(|name| *name == text);
        place.map_or_else(
            || {
                Err(UnknownFormat {
                    text: text.to_owned(),
                })
            },
            |place| Ok(Self::ALL[place]),
        )
    }
}

impl fmt::Display for CatalogueFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

impl Builder {
    /// Everything that the program can emit, these choices made: what a command `metrics --format …` prints.
    ///
    /// ```
    /// use instrument_core::{Builder, CatalogueFormat};
    ///
    /// instrument_core::metrics! {
    ///     /// Orders sent.
    ///     static ORDERS: Counter = "docs_orders_sent_total";
    /// }
    ///
    /// let json = Builder::new().describe(CatalogueFormat::Json)?;
    /// assert!(json.contains(r#"{"name":"docs_orders_sent_total","kind":"counter","unit":null,"help":"Orders sent.""#));
    /// # Ok::<(), instrument_core::InstallError>(())
    /// ```
    ///
    /// # Errors
    /// As [`install`](crate::install()), but that it may have been called before.
    pub fn describe(&self, format: CatalogueFormat) -> Result<String, InstallError> {
        let mut catalogue = Catalogue::collect(&self.left_out).map_err(InstallError::Conflicts)?;
        catalogue.add_computed(self.chosen());
        let families = catalogue.families().map(|family| self.told(family));
        let families: Vec<_> = families.collect();
        Ok(match format {
            CatalogueFormat::Json => json::print(&families),
            CatalogueFormat::Markdown => markdown::print(&self.program.name, &families),
            CatalogueFormat::KeepList => {
                keep_list::print(&self.program.name, &families, self.created)
            }
            CatalogueFormat::OpenMetrics => self.page_at_zero(&catalogue)?,
        })
    }

    fn told(&self, family: &Family) -> Told {
        let is_summary = self
            .summaries
            .iter()
            .any(|pattern| matches_pattern(pattern, family.name));
        let kind = match family.kind {
            Kind::Histogram if is_summary => "summary",
            kind => kind.name(),
        };
        let own = family
            .keys
            .iter()
            .map(|key| ((*key).to_owned(), family.values(key)));
        let global = self.global_labels.iter();
        let global = global.map(|(key, value)| (key.clone(), Some(vec![value.clone()])));
        let buckets = match kind {
            "histogram" => family.buckets.to_vec(),
            _ => Vec::new(),
        };
        Told {
            name: family.name,
            kind,
            unit: unit(family.name),
            help: family.help.clone(),
            labels: global.chain(own).collect(),
            buckets,
            sites: family.sites.clone(),
            is_computed: family.is_computed(),
        }
    }

    fn page_at_zero(&self, catalogue: &Catalogue) -> Result<String, InstallError> {
        let options = storage::Options {
            // When each series began would not be zero.
            created: false,
            ..self.storage()
        };
        let recorder = storage::build(catalogue, options).map_err(InstallError::Upkeep)?;
        for family in catalogue.families() {
            storage::describe(family, &recorder);
            for metric in &family.metrics {
                // Registering is all that is wanted of it: nothing will record.
                drop(storage::slots(metric, &recorder));
            }
        }
        let mut out = String::new();
        let page = recorder.registry().page();
        exposition::page(
            &mut out,
            &page,
            catalogue.families().map(AtZero),
            Format::OpenMetrics,
        );
        Ok(out)
    }
}

/// A family before anything has happened. Where nothing is registered of it, it has no more than a head.
struct AtZero<'a>(&'a Family);

impl Computed for AtZero<'_> {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn kind(&self) -> Kind {
        self.0.kind
    }

    fn help(&self) -> &str {
        &self.0.help
    }

    fn write(&self, sink: &mut Sink<'_>) {
        match self.0.keys[..] {
            [] if self.0.is_computed() => sink.put(&[], 0.0),
            [key] if self.0.is_computed() => {
                let values = self.0.values(key).unwrap_or_default();
                for value in &values {
                    sink.put(&[(key, value)], 0.0);
                }
            }
            _ => {}
        }
    }

    fn needs_head(&self) -> bool {
        true
    }
}

/// A family, told from outside: what one finds on the page of it.
struct Told {
    name: &'static str,
    kind: &'static str,
    unit: Option<&'static str>,
    help: String,
    /// Each label with its values; without, if they are known only when the program runs.
    labels: Vec<(String, Option<Vec<String>>)>,
    buckets: Vec<f64>,
    sites: Vec<SiteOf>,
    is_computed: bool,
}
