//! Test results from a `JUnit` XML report.

use std::io;
use std::path::PathBuf;

use roxmltree::{Document, ParsingOptions};

use super::worktree::TestStatus;

/// A larger report is refused.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

/// Why a report cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReportError {
    /// It cannot be read.
    #[error("cannot be read")]
    Read(#[from] io::Error),
    /// It is not XML; the error names the line.
    #[error("is not XML")]
    Xml(#[from] roxmltree::Error),
}

/// What a report's tests came to; unknown, if there is no report yet or it holds no test.
pub(super) async fn read(path: PathBuf) -> Result<TestStatus, ReportError> {
    let read = tokio::task::spawn_blocking(move || {
        match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(TestStatus::Unknown);
            }
            Err(error) => return Err(error.into()),
            Ok(file) if file.len() > MOST_BYTES => {
                return Err(io::Error::from(io::ErrorKind::FileTooLarge).into());
            }
            Ok(_) => {}
        }
        status_of(&std::fs::read_to_string(path)?)
    });
    read.await
        .unwrap_or_else(|error| Err(io::Error::other(error).into()))
}

/// Counts test cases themselves: the totals of suites are left out or wrong in what several tools write.
fn status_of(text: &str) -> Result<TestStatus, ReportError> {
    let options = ParsingOptions {
        allow_dtd: false,
        ..ParsingOptions::default()
    };
    let report = Document::parse_with_options(text, options)?;
    let (mut ran, mut failed) = (0_u64, 0_u64);
    for case in report
        .descendants()
        .filter(|node| node.has_tag_name("testcase"))
    {
        let has = |name| case.children().any(|node| node.has_tag_name(name));
        ran += u64::from(!has("skipped"));
        failed += u64::from(has("failure") || has("error"));
    }
    Ok(match (ran, failed) {
        (_, 1..) => TestStatus::Failing,
        (1.., 0) => TestStatus::Passing,
        (0, 0) => TestStatus::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_failing_as_soon_as_one_case_is() {
        for (cases, status) in [
            (
                "<testcase/><testcase><skipped/></testcase>",
                TestStatus::Passing,
            ),
            (
                "<testcase/><testcase><failure>x</failure></testcase>",
                TestStatus::Failing,
            ),
            ("<testcase><error/></testcase>", TestStatus::Failing),
            ("<testcase><skipped/></testcase>", TestStatus::Unknown),
        ] {
            let text =
                format!("<testsuites><testsuite tests=\"9\">{cases}</testsuite></testsuites>");
            assert_eq!(status_of(&text).unwrap(), status, "{cases}");
        }
        assert!(matches!(status_of("<testsuite>"), Err(ReportError::Xml(_))));
    }
}
