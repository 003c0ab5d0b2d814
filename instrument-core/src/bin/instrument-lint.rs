//! `instrument-lint`: holds rules and dashboards against catalogues. See `instrument_core::lint`.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use instrument_core::lint::{InputError, Linter, Options, Report, seconds};

/// Finds rules and dashboard panels that name what no program emits, or ask it wrongly.
///
/// Exit code 0: clean, or only information (I…); 1: findings; 2: wrong usage, or input that cannot be read.
#[derive(Parser)]
#[command(name = "instrument-lint", version)]
struct Arguments {
    /// The catalogue of a program (`PROGRAM metrics --format json`); repeatable, and known among the files too.
    #[arg(long, value_name = "JSON")]
    catalogue: Vec<PathBuf>,
    /// The page of another exporter, as scraped; repeatable, and files that end in .prom are known too.
    #[arg(long, value_name = "PAGE")]
    external: Vec<PathBuf>,
    /// The time between two scrapes.
    #[arg(long, default_value = "15s", value_parser = interval, value_name = "DURATION")]
    scrape_interval: f64,
    /// A label that the scrape configuration adds, besides `job` and `instance`; repeatable.
    #[arg(long, value_name = "KEY")]
    target_label: Vec<String>,
    /// How to print findings.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Rule files, dashboards, Prometheus configurations.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// `file:line:column: CODE: text`.
    Text,
    /// A list of objects with `file`, `line`, `column`, `code`, `text` and `fails`.
    Json,
}

fn interval(text: &str) -> Result<f64, String> {
    seconds(text).ok_or_else(|| "expected a duration like 15s or 1m".to_owned())
}

/// Why a file could not be taken in.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error(transparent)]
    Input(#[from] InputError),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (report, refused) = lint(&arguments);
    let printed = print(&report, arguments.format);
    let errors: Vec<String> = refused
        .iter()
        .map(chain)
        .chain(report.errors.iter().map(chain))
        .collect();
    for error in &errors {
        // When stderr is closed, nobody can be told.
        let _ = writeln!(io::stderr(), "{error}");
    }
    if !errors.is_empty() || printed.is_err() {
        return ExitCode::from(2);
    }
    ExitCode::from(u8::from(report.fails()))
}

fn lint(arguments: &Arguments) -> (Report, Vec<FileError>) {
    let mut linter = Linter::new(&Options {
        scrape_interval: arguments.scrape_interval,
        target_labels: arguments.target_label.clone(),
    });
    let mut refused = Vec::new();
    let kinds: [(&[PathBuf], Adder, bool); 3] = [
        (&arguments.catalogue, Linter::catalogue, true),
        (&arguments.external, Linter::external, true),
        (&arguments.files, Linter::file, false),
    ];
    let mut all_known = true;
    for (paths, add, is_of_names) in kinds {
        let faults: Vec<_> = paths
            .iter()
            .filter_map(|path| take(&mut linter, path, add).err())
            .collect();
        // Without its names, everything that uses them would be a finding.
        all_known &= faults.is_empty() || !is_of_names;
        refused.extend(faults);
    }
    if all_known {
        (linter.finish(), refused)
    } else {
        (Report::default(), refused)
    }
}

type Adder = fn(&mut Linter, &str, &str) -> Result<(), InputError>;

fn take(linter: &mut Linter, path: &Path, add: Adder) -> Result<(), FileError> {
    let text = std::fs::read_to_string(path).map_err(|error| FileError::Read {
        path: path.to_owned(),
        error,
    })?;
    Ok(add(linter, &path.display().to_string(), &text)?)
}

fn print(report: &Report, format: Format) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Text => {
            for finding in &report.findings {
                writeln!(out, "{finding}")?;
            }
        }
        Format::Json => {
            let findings: Vec<serde_json::Value> = report
                .findings
                .iter()
                .map(|finding| {
                    serde_json::json!({
                        "file": finding.path, "line": finding.line, "column": finding.column,
                        "code": finding.code.name(), "text": finding.text, "fails": !finding.code.is_information(),
                    })
                })
                .collect();
            writeln!(out, "{}", serde_json::Value::from(findings))?;
        }
    }
    out.flush()
}

/// An error with its causes.
fn chain(error: &impl Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
